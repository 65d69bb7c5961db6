"""The terminal's side of the kitty graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol), with kitty's answers.

What the document leaves open is as kitty 0.26.5 and 0.48 do it (kitty/graphics.c).
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image as Pillow

from .screen import Pixels, over

MAX_SIDE = 10_000
QUOTA = 320 << 20
_TEMPORARY = ("/dev/shm/", "/tmp/", tempfile.gettempdir() + "/")


@dataclass(frozen=True)
class Rules:
    """What differs between the terminals that have the protocol."""

    media: str = "dfts"  #: transmission media that work
    frames: bool = True  #: a=f, a=a, a=c
    placeholders: bool = True  #: U=1
    #: Continuation chunks of a=f: "bare", with m alone, goes on with the frame (by the document; kitty ≥ 0.49);
    #: "repeat": a chunk is what its own keys say, so a, i and r must be in each (kitty ≤ 0.48); "action": a=f must be
    #: in each (Ghostty); "none": every chunk is taken for a whole frame (WezTerm).
    chunks: str = "repeat"
    deletes: str = "aincfpqrxyz"  #: values of d that do anything
    silent: str = ""  #: actions that are neither done nor answered
    greedy: bool = False  #: a capital d frees every image without placements, named or not (kitty 0.26)
    compressed: bool = True  #: o=z


class Failed(Exception):
    """CODE:message of the answer."""


@dataclass
class Command:
    keys: dict[str, str]
    payload: bytes

    def number(self, key: str) -> int:
        try:
            return int(self.keys.get(key, "0"))
        except ValueError:
            return 0

    @property
    def action(self) -> str:
        return self.keys.get("a", "")


@dataclass
class Placement:
    identity: int  #: p, 0 for none
    x: int
    y: int
    z: int = 0
    offset: tuple[int, int] = (0, 0)
    source: tuple[int, int, int, int] = (0, 0, 0, 0)  #: x, y, width, height
    cells: tuple[int, int] = (0, 0)  #: asked for
    covers: tuple[int, int] = (0, 0)  #: columns, rows that are covered
    virtual: bool = False


@dataclass
class Image:
    identity: int
    number: int
    frames: list[Pixels] = field(default_factory=list)  #: RGBA
    current: int = 0
    placements: list[Placement] = field(default_factory=list)

    @property
    def pixels(self) -> Pixels:
        return self.frames[self.current]


@dataclass
class _Load:
    start: Command
    image: Image | None
    data: bytearray = field(default_factory=bytearray)


def parse(body: bytes) -> Command:
    control, _, payload = body.partition(b";")
    keys: dict[str, str] = {}
    for part in control.decode("ascii", "replace").split(","):
        name, mark, value = part.partition("=")
        if mark:
            keys[name] = value
    return Command(keys, payload)


class Graphics:
    """The images of one screen.  *place* gives the cursor, *move* moves it; both in cells from 0."""

    def __init__(
        self,
        rules: Rules,
        cell: tuple[int, int],
        place: Callable[[], tuple[int, int]],
        move: Callable[[int, int], None],
    ) -> None:
        self.rules = rules
        self.cell = cell
        self._place = place
        self._move = move
        self.images: list[Image] = []
        self.errors: list[str] = []  #: every failure, whether it was answered or not
        self.commands = 0
        self._load: _Load | None = None

    def image(self, identity: int) -> Image | None:
        return next((image for image in self.images if image.identity == identity and identity), None)

    def placements(self) -> Iterator[tuple[Image, Placement]]:
        for image in self.images:
            for placement in image.placements:
                yield image, placement

    # commands

    def handle(self, body: bytes) -> bytes | None:
        """Takes what follows ``ESC _ G``; the answer's body, if there is one."""
        self.commands += 1
        command = parse(body)
        action = command.action
        load = self._load
        if not action and load is not None and load.start.action == "f" and self.rules.chunks == "bare":
            action = "f"
        try:
            if command.number("i") and command.number("I"):
                raise Failed("EINVAL:Must not specify both image id and image number")
            if action in ("", "t", "T", "q"):
                return self._transmit(command)
            if action and action in self.rules.silent:
                self.errors.append(f"{command.keys}: passed over")
                return None
            if action == "f" and self.rules.frames:
                return self._frame(command)
            if action == "p":
                return self._put_command(command)
            if action == "d":
                self._load = None
                self._delete(command)
                return None
            if action == "a" and self.rules.frames:
                self._animate(command)
                return None
            if action == "c" and self.rules.frames:
                return self._compose(command)
            raise Failed(f"EINVAL:Unknown action {action}")
        except Failed as error:
            started = load.start if load is not None and not command.number("i") else command
            self._load = None
            return self._answer(started, str(error), quiet=command)

    def _answer(
        self, command: Command, message: str = "OK", quiet: Command | None = None, image: int = 0
    ) -> bytes | None:
        if message != "OK":
            self.errors.append(f"{command.keys}: {message}")
        silence = max(command.number("q"), quiet.number("q") if quiet else 0)
        identity, number = image or command.number("i"), command.number("I")
        if silence > (message != "OK") or not (identity or number):
            return None
        words = [f"i={identity}"] if identity else []
        words += [f"I={number}"] if number else []
        words += [f"p={command.number('p')}"] if command.number("p") else []
        words += [f"r={command.number('r')}"] if command.number("r") and command.action in ("f", "a") else []
        return f"G{','.join(words)};{message}".encode()

    def _find(self, command: Command) -> Image:
        identity, number = command.number("i"), command.number("I")
        if identity:
            image = self.image(identity)
        else:
            image = next((image for image in reversed(self.images) if image.number == number and number), None)
        if image is None:
            raise Failed(f"ENOENT:No image with id {identity} and number {number}")
        return image

    # pixel data

    def _transmit(self, command: Command) -> bytes | None:
        load = self._load
        if load is None or command.keys.get("t", "d") != "d":
            load = self._load = _Load(command, None)
            self._check_size(command)
            identity = command.number("i")
            old = self.image(identity)
            if old is not None and command.action != "q":
                old.placements.clear()
                old.frames.clear()
        if not self._append(load, command):
            return None
        self._load = None
        start = load.start
        pixels = self._pixels(load)
        if load.image is not None:  # a chunk with no word of the frame that it belongs to
            self.errors.append(f"{command.keys}: the picture of image {load.image.identity} was replaced")
            load.image.frames = [pixels]
            return self._answer(start, quiet=command)
        if start.action == "q":
            return self._answer(start, quiet=command)
        image = self.image(start.number("i"))
        if image is None:
            image = Image(start.number("i"), start.number("I"))
            if image.number and not image.identity:
                image.identity = next(n for n in range(1, 1 << 32) if self.image(n) is None)
            self.images.append(image)
        image.frames, image.current = [pixels], 0
        self._keep_quota(image)
        if start.action == "T":
            self._put(image, start)
        return self._answer(start, quiet=command, image=image.identity)

    def _check_size(self, command: Command) -> None:
        fmt = command.number("f") or 32
        if fmt not in (24, 32, 100):
            raise Failed(f"EINVAL:Unknown image format: {fmt}")
        width, height = command.number("s"), command.number("v")
        if max(width, height) > MAX_SIDE:
            raise Failed("EINVAL:Image too large")
        if fmt != 100 and not width * height:
            raise Failed("EINVAL:Zero width/height not allowed")

    def _append(self, load: _Load, command: Command) -> bool:
        """Whether all the data is here."""
        medium = load.start.keys.get("t", "d")
        if medium not in self.rules.media:
            raise Failed(f"EINVAL:Unknown transmission type: {medium}")
        try:
            payload = base64.b64decode(command.payload + b"=" * (-len(command.payload) % 4), validate=True)
        except binascii.Error:
            raise Failed("EINVAL:not base64") from None
        if medium != "d":
            load.data += self._read(load.start, payload.decode("utf-8", "replace"), medium)
            return True
        if len(command.payload) > 4096:
            self.errors.append(f"{command.keys}: a chunk of {len(command.payload)} bytes")
        load.data += payload
        start = load.start
        fmt = start.number("f") or 32
        room = start.number("s") * start.number("v") * (fmt // 8) + (1024 if start.keys.get("o") else 10)
        if len(load.data) > (400 << 20 if fmt == 100 else room):
            raise Failed("EFBIG:Too much data")
        return command.number("m") == 0

    def _read(self, command: Command, name: str, medium: str) -> bytes:
        if medium == "s":
            path = "/dev/shm/" + name.strip("/")
        else:
            path = os.path.realpath(name)
            if path.startswith(("/proc/", "/sys/", "/dev/")) and not path.startswith("/dev/shm/"):
                raise Failed("EPERM:a sensitive place")
        try:
            with open(path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Failed("EPERM:not a regular file")
                file.seek(command.number("O"))
                data = file.read(command.number("S") or -1)
        except OSError as error:
            raise Failed(f"EBADF:Failed to open file for graphics transmission with error: {error.strerror}") from None
        if medium == "s" or (medium == "t" and "tty-graphics-protocol" in name and path.startswith(_TEMPORARY)):
            os.unlink(path)
        return data

    def _pixels(self, load: _Load) -> Pixels:
        start, data = load.start, bytes(load.data)
        fmt = start.number("f") or 32
        if start.keys.get("o"):
            if start.keys["o"] != "z" or not self.rules.compressed:
                raise Failed(f"EINVAL:Unknown image compression: {start.keys['o']}")
            try:
                data = zlib.decompress(data)
            except zlib.error as error:
                raise Failed(f"EINVAL:Failed to inflate image data: {error}") from None
        if fmt == 100:
            try:
                with Pillow.open(io.BytesIO(data), formats=["PNG"]) as image:
                    return np.asarray(image.convert("RGBA")).copy()
            except Exception as error:  # Pillow raises many kinds
                raise Failed(f"EBADPNG:{error}") from None
        width, height, depth = start.number("s"), start.number("v"), fmt // 8
        need = width * height * depth
        if len(data) < need:
            raise Failed(f"ENODATA:Insufficient image data: {len(data)} < {need}")
        if start.keys.get("o") and len(data) > need:
            raise Failed(f"EINVAL:Image dimensions: {width}x{height} do not match data size: {len(data)}")
        result = np.full((height, width, 4), 255, np.uint8)
        result[..., :depth] = np.frombuffer(data, np.uint8, need).reshape(height, width, depth)
        return result

    def _keep_quota(self, newest: Image) -> None:
        def size(image: Image) -> int:
            return sum(frame.nbytes for frame in image.frames)

        while len(self.images) > 1 and sum(map(size, self.images)) > QUOTA:
            oldest = min(self.images, key=lambda image: (image is newest, bool(image.placements)))
            self.images.remove(oldest)

    # frames

    def _frame(self, command: Command) -> bytes | None:
        load = self._load
        if load is not None and load.image is not None:
            image = load.image
        elif command.number("i") or command.number("I"):
            image = self._find(command)
        else:
            self.errors.append(f"{command.keys}: frame data without image id or number")
            return None
        if not image.frames:
            raise Failed("ENOENT:the image has no data")
        if load is None or load.image is not image or command.keys.get("t", "d") != "d":
            self._check_size(command)
            load = self._load = _Load(command, image)
        # kitty takes the frame's number from the chunk at hand, not from the first one.
        number = (command if self.rules.chunks == "repeat" else load.start).number("r")
        if not self._append(load, command) and self.rules.chunks != "none":
            return None
        self._load = None
        start = load.start
        pixels = self._pixels(load)
        height, width = image.frames[0].shape[:2]
        if pixels.shape[1] > width or pixels.shape[0] > height:
            raise Failed(f"EINVAL:Frame {pixels.shape[1]}x{pixels.shape[0]} larger than image {width}x{height}")
        if number == 0 or number > len(image.frames):
            base = start.number("c")
            if base > len(image.frames):
                raise Failed(f"EINVAL:No frame with number: {base} found")
            canvas = image.frames[base - 1].copy() if base else self._background(start, image)
            image.frames.append(canvas)
        else:
            canvas = image.frames[number - 1]
        x, y = start.number("x"), start.number("y")
        target = canvas[y : y + pixels.shape[0], x : x + pixels.shape[1]]
        part = pixels[: target.shape[0], : target.shape[1]]
        target[:] = part if start.number("X") == 1 else over(target, part)
        return self._answer(start, quiet=command)

    def _background(self, command: Command, image: Image) -> Pixels:
        color = np.frombuffer(command.number("Y").to_bytes(4, "big"), np.uint8)
        return np.broadcast_to(color, image.frames[0].shape).copy()

    def _animate(self, command: Command) -> None:
        image = self._find(command)
        shown = command.number("c")
        if 1 <= shown <= len(image.frames):
            image.current = shown - 1

    def _compose(self, command: Command) -> bytes | None:
        image = self._find(command)
        source, target = command.number("r"), command.number("c")
        if not (1 <= source <= len(image.frames) and 1 <= target <= len(image.frames)):
            raise Failed("ENOENT:No such frame")
        height, width = image.frames[0].shape[:2]
        w, h = command.number("w") or width, command.number("h") or height
        sx, sy, x, y = (command.number(key) for key in "XYxy")
        if max(sx, x) + w > width or max(sy, y) + h > height:
            raise Failed("EINVAL:out of bounds")
        if source == target and abs(sx - x) < w and abs(sy - y) < h:
            raise Failed("EINVAL:the rectangles overlap")
        part = image.frames[source - 1][sy : sy + h, sx : sx + w]
        place = image.frames[target - 1][y : y + h, x : x + w]
        place[:] = part if command.number("C") == 1 else over(place, part)
        return self._answer(command)

    # placements

    def _put_command(self, command: Command) -> bytes | None:
        if not (command.number("i") or command.number("I")):
            self.errors.append(f"{command.keys}: put without image id or number")
            return None
        image = self._find(command)
        if not image.frames:
            raise Failed("ENOENT:the image could not load its data")
        self._put(image, command)
        return self._answer(command, image=image.identity)

    def _put(self, image: Image, command: Command) -> None:
        virtual = command.number("U") == 1
        if virtual and not self.rules.placeholders:
            virtual = False
            self.errors.append(f"{command.keys}: the terminal knows no placeholders")
        identity = command.number("p") if image.identity else 0
        x, y = self._place()
        height, width = image.pixels.shape[:2]
        left, top = min(command.number("x"), width), min(command.number("y"), height)
        shown = (
            min(command.number("w") or width, width - left),
            min(command.number("h") or height, height - top),
        )
        across, down = self.cell
        offset = min(command.number("X"), across - 1), min(command.number("Y"), down - 1)
        columns, rows = command.number("c"), command.number("r")
        if columns and not rows and shown[0]:
            covers = columns, -(-columns * across * shown[1] // (shown[0] * down))
        elif rows and not columns and shown[1]:
            covers = -(-rows * down * shown[0] // (shown[1] * across)), rows
        else:
            covers = columns or -(-(shown[0] + offset[0]) // across), rows or -(-(shown[1] + offset[1]) // down)
        placement = Placement(
            identity, x, y, command.number("z"), offset, (left, top, *shown), (columns, rows), covers, virtual
        )  # fmt: skip
        if identity:
            image.placements = [old for old in image.placements if old.identity != identity]
        image.placements.append(placement)
        if command.number("C") != 1 and not virtual:
            self._move(covers[0], covers[1] - 1)

    def _delete(self, command: Command) -> None:
        how = command.keys.get("d", "a")
        kind, free = how.lower(), how.isupper()
        if kind not in self.rules.deletes or len(kind) != 1:
            self.errors.append(f"{command.keys}: deletes nothing")
            return
        if kind in "inr":
            self._delete_images(command, kind, free)
            return
        x, y = command.number("x") - 1, command.number("y") - 1
        if kind == "c":
            x, y = self._place()

        def hit(placement: Placement) -> bool:
            if placement.virtual:
                return False
            in_x = placement.x <= x < placement.x + placement.covers[0]
            in_y = placement.y <= y < placement.y + placement.covers[1]
            same_z = placement.z == command.number("z")
            return {
                "a": True, "c": in_x and in_y, "p": in_x and in_y, "q": in_x and in_y and same_z,
                "x": in_x, "y": in_y, "z": same_z,
            }.get(kind, False)  # fmt: skip

        for image in list(self.images):
            before = len(image.placements)
            image.placements = [placement for placement in image.placements if not hit(placement)]
            self._forget(image, free and (self.rules.greedy or len(image.placements) < before))
        return

    def _delete_images(self, command: Command, kind: str, free: bool) -> None:
        if kind == "r":
            low, high = command.number("x"), command.number("y")
            found = [image for image in self.images if low <= image.identity <= high]
        elif kind == "i":
            found = [image for image in self.images if image.identity == command.number("i") and image.identity]
        else:
            found = [image for image in self.images if image.number == command.number("I") and image.number][-1:]
        identity = command.number("p") if kind != "r" else 0
        for image in found:
            image.placements = [old for old in image.placements if identity and old.identity != identity]
            self._forget(image, free)
        if free and self.rules.greedy:
            self.images = [image for image in self.images if image.placements]

    def _forget(self, image: Image, free: bool) -> None:
        """Without placements an image goes if it is to be freed, or when nothing can name it any more."""
        if not image.placements and (free or not (image.identity or image.number)):
            self.images.remove(image)

    # what the screen does

    def wipe(self) -> None:
        self.images.clear()
        self._load = None

    def scrolled(self, amount: int, top: int, bottom: int, lines: int) -> None:
        for image in list(self.images):
            kept = []
            for placement in image.placements:
                rows = placement.covers[1]
                whole = top == 0 and bottom == lines - 1
                inside = top <= placement.y and placement.y + rows <= bottom + 1
                if not placement.virtual and (whole or inside):
                    placement = replace(placement, y=placement.y + amount)
                    if placement.y + rows <= top or placement.y > bottom:
                        continue
                kept.append(placement)
            gone = len(kept) < len(image.placements)
            image.placements = kept
            self._forget(image, gone and not image.identity)

    def cleared(self) -> None:
        for image in list(self.images):
            image.placements = [placement for placement in image.placements if placement.virtual]
            self._forget(image, not image.placements)
