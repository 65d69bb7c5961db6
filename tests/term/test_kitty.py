"""The kitty backend against a terminal that decodes what it is sent, early or late, and may lose or refuse things."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from terminal.kitty import Rules

from spicetui.geometry import Point, Rect, Size
from spicetui.term import kitty, kitty_updates, payloads, shared_files
from spicetui.term.kitty import KittyPlane
from spicetui.term.plane import Update
from spicetui.term.scale import Mapping, Scale

from .kitty_terminal import KittyTerminal

CELL = Size(7, 13)
VIEW = Size(34, 16)
ORIGIN = Point(2, 1)
BACKDROP = 0x203040
BOX = 0x9050C0

WAYS = {
    "files": {"shared_files": True},
    "files, whole images": {"shared_files": True, "edits": False},
    "line": {},
    "line, whole images": {"edits": False},
    "placeholders": {"placeholders": True},
    "placeholders, whole images": {"placeholders": True, "edits": False},
    "placeholders, files": {"placeholders": True, "shared_files": True},
    "tmux": {"placeholders": True, "tmux": True},
    "tmux, whole images": {"placeholders": True, "tmux": True, "edits": False},
}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("spicetui.term.kitty_tiles.TILE", Size(84, 91))
    monkeypatch.setattr(shared_files, "_base", lambda: tmp_path)


class Scene:
    """A plane, its terminal, and the compositor's part: who owns which cells."""

    def __init__(self, way: dict[str, bool], rules: Rules | None = None, seed: int = 1, view: Size = VIEW) -> None:
        self.random = np.random.default_rng(seed)
        self.plane = KittyPlane(BACKDROP, **way)
        size = Size(ORIGIN.x + view.width, ORIGIN.y + view.height)
        if rules is None:
            rules = Rules(
                media="df" if way.get("shared_files") else "d",
                frames=way.get("edits", True),
                placeholders=way.get("placeholders", False),
                greedy=not way.get("placeholders", False),
            )
        self.terminal = KittyTerminal(size, CELL, rules, tmux=way.get("tmux", False))
        self.box = Rect(0, 0, 0, 0)  # an overlay, in cells of the view
        self.queue: deque[tuple[bytes, Update | None]] = deque()  # written, and not read yet
        self.picture(view, Size(29 * CELL.width - 3, 14 * CELL.height - 5))

    def picture(self, view: Size, size: Size) -> None:
        self.plane.resize(view, CELL)
        self.pixels = np.zeros((size.height, size.width, 4), np.uint8)
        self.pixels[..., :3] = (np.indices(self.pixels.shape[:2]).sum(axis=0) % 251)[..., np.newaxis]
        self.place(Scale.PIXEL)

    def place(self, scale: Scale) -> None:
        height, width = self.pixels.shape[:2]
        self.plane.place(Mapping(Size(width, height), self.plane.size, self.plane.sub, scale, cell_px=CELL))
        self.plane.draw(self.pixels, [Rect(0, 0, width, height)])

    def damage(self, width: int = 25, height: int = 20) -> None:
        rows, columns = self.pixels.shape[:2]
        x, y = int(self.random.integers(0, columns)), int(self.random.integers(0, rows))
        w, h = int(self.random.integers(1, width)), int(self.random.integers(1, height))
        part = self.pixels[y : y + h, x : x + w, :3]
        part[:] = self.random.integers(0, 256, part.shape if w % 2 else 3)
        self.plane.draw(self.pixels, [Rect(x, y, w, h)])

    def layout(self, box: Rect) -> None:
        """Another layout is painted: the overlay somewhere else, then what is ours."""
        self.box = box
        rows = []
        color = f"\x1b[48;2;{BOX >> 16};{BOX >> 8 & 255};{BOX & 255}m"
        for y in range(box.y, box.bottom):
            rows.append(f"\x1b[{ORIGIN.y + y + 1};{ORIGIN.x + box.x + 1}H{color}{' ' * box.width}\x1b[m")
        self.plane.disown()
        width, height = self.plane.size
        for y in range(height):
            covered = (box.x, box.right) if box.y <= y < box.bottom else (width, width)
            for x0, x1 in ((0, covered[0]), (covered[1], width)):
                rows.append(f"\x1b[{ORIGIN.y + y + 1};{ORIGIN.x + x0 + 1}H{self.plane.span(y, x0, x1)}")
        self.queue.append(("".join(rows).encode(), None))

    def update(self, *, drop: bool = False) -> bytes | None:
        update = self.plane.update(ORIGIN)
        if update is None:
            return None
        frame = update.encode()
        if drop:
            self.plane.dropped(update)
            return b""
        self.queue.append((frame.upload + frame.show, update))
        return frame.upload + frame.show

    def read(self) -> None:
        data, update = self.queue.popleft()
        self.terminal.feed(data)
        for answer in self.terminal.answers:
            self.plane.answered(answer)
        self.terminal.answers.clear()
        if update is not None:
            self.plane.acknowledged(update)

    def settle(self) -> None:
        """Until nothing is left to be done."""
        for _ in range(12):
            while self.queue:
                self.read()
            if self.update() is None and self.update() is None:
                return
        raise AssertionError("it never ends")

    def refine(self) -> None:
        self.plane.quality = 0
        self.plane.refine()
        self.settle()

    @property
    def wanted(self) -> np.ndarray:
        view = self.plane.wanted.copy()
        across, down = CELL
        view[self.box.y * down : self.box.bottom * down, self.box.x * across : self.box.right * across] = BOX
        return view

    @property
    def shown(self) -> np.ndarray:
        across, down = CELL
        return self.terminal.words()[ORIGIN.y * down :, ORIGIN.x * across :]

    def check(self) -> None:
        assert not self.terminal.errors
        difference = self.shown != self.wanted
        assert not difference.any(), np.argwhere(difference)[:3]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, bool]:
    return WAYS[request.param]


@pytest.fixture
def scene(way: dict[str, bool]) -> Iterator[Scene]:
    scene = Scene(way)
    scene.layout(Rect(0, 0, 0, 0))
    yield scene
    scene.plane.close()


def test_the_picture_is_shown(scene: Scene) -> None:
    scene.settle()
    scene.check()
    assert scene.plane.update(ORIGIN) is None


def test_random_damage_with_late_acknowledgements_and_dropped_updates(scene: Scene) -> None:
    for step in range(90):
        scene.damage()
        chance = scene.random.random()
        if chance < 0.5 and len(scene.queue) < 4:
            scene.update(drop=chance < 0.1)
        elif scene.queue:
            scene.read()
        if step % 15 == 14:
            box = Rect(*(int(scene.random.integers(0, limit)) for limit in (20, 8, 14, 8)))
            scene.layout(box)
    scene.settle()
    scene.check()


def test_an_overlay_covers_the_picture_and_goes_again(scene: Scene) -> None:
    scene.settle()
    for box in (Rect(5, 3, 12, 6), Rect(8, 5, 20, 4), Rect(0, 0, *VIEW), Rect(0, 0, 0, 0)):
        scene.layout(box)
        scene.damage(80, 80)
        scene.settle()
        scene.check()


def test_pictures_of_other_sizes_leave_nothing_behind(scene: Scene) -> None:
    scene.settle()
    for scale, size in ((Scale.PIXEL, Size(90, 60)), (Scale.FIT, Size(300, 100)), (Scale.PIXEL, Size(238, 208))):
        scene.pixels = scene.random.integers(0, 256, (size.height, size.width, 4), dtype=np.uint8)
        scene.place(scale)
        scene.settle()
        scene.check()
        assert len(scene.terminal.graphics.images) == len(scene.plane._tiles)
    scene.plane.clear()
    scene.settle()
    assert not scene.terminal.graphics.images
    assert (scene.shown == BACKDROP).all()


def test_another_view_and_back(scene: Scene) -> None:
    scene.settle()
    for view in (Size(20, 9), Size(34, 16)):
        scene.picture(view, Size(130, 100))
        scene.layout(Rect(0, 0, 0, 0))
        scene.settle()
        across, down = CELL
        shown = scene.shown[: view.height * down, : view.width * across]
        assert (shown == scene.plane.wanted).all()
    assert not scene.terminal.errors


def test_a_terminal_that_lost_everything_is_sent_it_again(scene: Scene) -> None:
    scene.settle()
    scene.terminal.lose_images()
    scene.plane.forget()
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.check()


def test_leaving_takes_the_images_off(scene: Scene) -> None:
    scene.settle()
    scene.damage()
    scene.settle()
    scene.terminal.feed(scene.plane.leave())
    assert not scene.terminal.graphics.images
    assert not scene.terminal.errors
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.check()


def test_a_hidden_picture_comes_back(scene: Scene) -> None:
    scene.settle()
    scene.plane.disown()
    assert scene.update() is None  # perhaps only for a moment
    assert (scene.update() is None) == scene.plane.placeholders
    while scene.queue:
        scene.read()
    assert scene.plane.placeholders or not [*scene.terminal.graphics.placements()]
    scene.layout(Rect(0, 0, 0, 0))
    sent = scene.update()
    assert (sent is None) == scene.plane.placeholders
    assert sent is None or b"a=t" not in sent
    scene.settle()
    scene.check()


def test_a_moved_view_takes_its_images_along(scene: Scene) -> None:
    scene.settle()
    scene.terminal.screen.erase_in_display(2)
    scene.plane.disown()
    text = ""
    for y in range(VIEW.height):
        text += f"\x1b[{y + 1};1H{scene.plane.span(y, 0, VIEW.width)}"
    scene.terminal.feed(text.encode())
    update = scene.plane.update(Point(0, 0))
    if update is not None:
        frame = update.encode()
        assert not frame.upload
        scene.terminal.feed(frame.upload + frame.show)
    across, down = CELL
    shown = scene.terminal.words()[: VIEW.height * down, : VIEW.width * across]
    if scene.plane.placeholders:  # erasing takes no virtual placement away
        assert (shown == scene.plane.wanted).all()
    assert not [error for error in scene.terminal.errors if "ENOENT" not in error]


@pytest.mark.parametrize("quality", [payloads.FIVE_BITS, payloads.PALETTE, payloads.HALF, payloads.QUARTER])
@pytest.mark.parametrize("name", ["line", "line, whole images", "placeholders", "tmux"])
def test_coarse_pictures_come_near_and_are_refined(name: str, quality: int) -> None:
    scene = Scene(WAYS[name])
    scene.layout(Rect(0, 0, 0, 0))
    scene.plane.quality = quality
    scene.settle()
    for _ in range(10):
        scene.damage(90, 90)
        scene.settle()
    assert not scene.terminal.errors
    assert scene.plane.coarse.any()
    apart = np.abs(_channels(scene.shown) - _channels(scene.wanted)).mean()
    assert 0 < apart < 25
    scene.refine()
    scene.check()
    assert not scene.plane.refine()


def _channels(words: np.ndarray) -> np.ndarray:
    return np.stack((words >> 16 & 255, words >> 8 & 255, words & 255)).astype(np.int64)


def test_a_glyph_is_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spicetui.term.kitty_tiles.TILE", Size(400, 420))
    for way in WAYS.values():
        if not way.get("edits", True):
            continue
        scene = Scene(way)
        scene.layout(Rect(0, 0, 0, 0))
        scene.settle()
        scene.pixels[40:52, 33:40] = np.where(scene.random.random((12, 7, 1)) < 0.4, 220, 20)
        scene.plane.draw(scene.pixels, [Rect(33, 40, 7, 12)])
        sent = scene.update()
        assert sent is not None
        assert len(sent) <= 400
        scene.settle()
        scene.check()
        scene.plane.close()


def test_small_updates_need_no_thread() -> None:
    scene = Scene(WAYS["line"], view=Size(70, 40))
    scene.picture(Size(70, 40), Size(490, 520))
    scene.layout(Rect(0, 0, 0, 0))
    update = scene.plane.update(ORIGIN)
    assert update is not None
    assert update.heavy
    scene.damage(8, 8)
    update = scene.plane.update(ORIGIN)
    assert update is not None
    assert not update.heavy


# files


def test_a_file_is_written_again_only_when_it_has_been_read() -> None:
    scene = Scene(WAYS["files"])
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    states = []
    for level in (10, 20, 30, 40):
        scene.pixels[:] = level
        scene.plane.draw(scene.pixels, [Rect(0, 0, *scene.pixels.shape[1::-1])])
        states.append(scene.wanted)
        assert scene.update()
    assert len(scene.queue) == 4  # more than there are files: the last two went through the line
    for state in states:
        scene.read()
        assert (scene.shown == state).all()
    assert not scene.terminal.errors
    scene.plane.close()


def test_files_are_private_and_removed(tmp_path: Path) -> None:
    scene = Scene(WAYS["files"])
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    (directory,) = tmp_path.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    files = [path for path in directory.iterdir() if path.name != "lock"]
    assert files
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    scene.plane.close()
    scene.plane.close()
    assert not [*tmp_path.iterdir()]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from spicetui.term.shared_files import SharedFiles\n"
        "files = SharedFiles(pathlib.Path(sys.argv[1]))\n"
        "file = files.make(100)\n"
        "if sys.argv[2] == 'killed': os.kill(os.getpid(), 9)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    alive = shared_files.SharedFiles(tmp_path)
    for end in ("killed", "ended"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path), end], env=environment, check=False)
        assert len([*tmp_path.iterdir()]) == (2 if end == "killed" else 1)
    assert alive.directory.is_dir()
    other = shared_files.SharedFiles(tmp_path)
    assert alive.directory.is_dir()
    other.close()
    alive.close()
    assert not [*tmp_path.iterdir()]


def test_no_room_for_files_is_no_disaster(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    scene = Scene(WAYS["files"])
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.check()
    scene.plane.close()


# errors


def test_files_that_cannot_be_read_are_given_up() -> None:
    scene = Scene(WAYS["files"], Rules(media="d"))
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    assert scene.terminal.errors
    assert not scene.plane.shared_files
    scene.terminal.errors.clear()
    scene.damage()
    scene.settle()
    scene.check()


def test_edits_that_are_refused_are_given_up() -> None:
    scene = Scene(WAYS["line"], Rules(media="d", frames=False))
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.damage()
    scene.settle()
    assert scene.terminal.errors
    assert not scene.plane.edits
    scene.terminal.errors.clear()
    scene.damage()
    scene.settle()
    scene.check()


@pytest.mark.parametrize("name", ["files", "line"])
def test_images_that_were_thrown_away_are_sent_again(name: str) -> None:
    scene = Scene(WAYS[name])
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.terminal.lose_images()
    scene.pixels[20:30, 20:30] = 77
    scene.plane.draw(scene.pixels, [Rect(20, 20, 10, 10)])
    scene.settle()
    assert scene.terminal.errors
    assert scene.plane.edits
    assert scene.plane.shared_files == (name == "files")
    scene.terminal.errors.clear()
    scene.check()
    scene.plane.close()


def test_a_terminal_that_refuses_everything_is_given_up() -> None:
    scene = Scene({}, Rules(media=""))
    scene.layout(Rect(0, 0, 0, 0))
    for _ in range(20):
        scene.settle()
        scene.damage()
    assert "EINVAL" in scene.plane.failure
    assert scene.plane.update(ORIGIN) is None


@pytest.mark.parametrize(
    "data", [b"", b";", b"i=;ENOENT", b"i=1;EINVAL:x", b"\xff\xfe;\x00", b"i=99999999999999999999;E", b"OK"]
)
def test_answers_that_mean_nothing(data: bytes) -> None:
    scene = Scene(WAYS["line"])
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.plane.answered(data)
    assert scene.plane.update(ORIGIN) is None
    scene.check()


def test_tmux_needs_placeholders() -> None:
    with pytest.raises(ValueError, match="placeholders"):
        KittyPlane(tmux=True)


def test_what_is_shown_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(WAYS["line"])
    scene.layout(Rect(0, 0, 0, 0))
    scene.settle()
    scene.pixels[:] = scene.random.integers(0, 256, scene.pixels.shape, dtype=np.uint8)
    scene.plane.draw(scene.pixels, [Rect(0, 0, *scene.pixels.shape[1::-1])])
    update = scene.plane.update(ORIGIN)
    assert update is not None
    frame = update.encode()
    assert len(frame.show) <= kitty_updates.MAX_SHOWN_AT_ONCE
    assert all(len(part) < kitty_updates.CHUNK + 200 for part in (frame.upload + frame.show).split(b"\x1b\\"))
    scene.terminal.feed(frame.upload + frame.show)
    scene.check()


def test_image_numbers_are_high_and_new(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(WAYS["line, whole images"])
    scene.layout(Rect(0, 0, 0, 0))
    seen: set[int] = set()
    for _ in range(5):
        scene.pixels += 1
        scene.plane.draw(scene.pixels, [Rect(0, 0, *scene.pixels.shape[1::-1])])
        scene.settle()
        numbers = {tile.image for tile in scene.plane._tiles}
        assert not numbers & seen
        assert all(number > 1 << 24 for number in numbers)
        assert {image.identity for image in scene.terminal.graphics.images} == numbers
        seen |= numbers
    assert kitty._RECOVERIES < 10
