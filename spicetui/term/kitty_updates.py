"""What is written for a picture of the kitty protocol: pixels, placements, text and deletions, in their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from ..geometry import Rect
from .kitty_tiles import Tile
from .packing import Words
from .payloads import base64
from .plane import Frame, Update
from .tmux import passthrough_strings

CHUNK = 4096  # bytes of base64 in one sequence
MAX_SHOWN_AT_ONCE = 1 << 18  # bytes of edits; terminals hold back no more than about a megabyte of an update
# Moves the text cursor only.  Kitty before 0.33 loses the first sequence of a synchronised update when it does not
# come in one piece, which a single byte always does.
_FIRST = b"\r"
_LIGHT = 1 << 14  # pixels that are compressed without another thread


class Sent(NamedTuple):
    """Pixels on their way.  *keys* say what is done with them, *more* those of every chunk after the first.

    Chunks of an edit must all name the image and its frame, or the terminal takes them for another frame's.
    """

    keys: bytes
    more: bytes
    pixels: Words | None  # None: they lie in a file, which *path* names
    path: bytes
    quality: int
    tile: Tile

    def encode(self) -> bytes:
        if self.pixels is None:
            return b"\x1b_G" + self.keys + b",t=f,f=32;" + base64(self.path) + b"\x1b\\"
        form, data = self.tile.encoder.encode(self.pixels, self.quality)
        encoded = base64(data)
        if len(encoded) <= CHUNK:
            return b"\x1b_G%b,%b;%b\x1b\\" % (self.keys, form, encoded)
        view = memoryview(encoded)
        parts: list[bytes | memoryview] = [b"\x1b_G%b,%b,m=1;" % (self.keys, form), view[:CHUNK], b"\x1b\\"]
        for start in range(CHUNK, len(encoded), CHUNK):
            more = start + CHUNK < len(encoded)
            parts += (b"\x1b_G%b,m=%d;" % (self.more, more), view[start : start + CHUNK], b"\x1b\\")
        return b"".join(parts)


@dataclass(slots=True)
class Work:
    """What an update consists of; *serial* counts updates, *grid_serial* grids of tiles."""

    serial: int
    grid_serial: int
    tmux: bool
    uploads: list[Sent] = field(default_factory=list)  #: of images that are not shown yet
    prepared: list[bytes] = field(default_factory=list)  #: what else these images need
    edits: list[Sent] = field(default_factory=list)
    placements: list[bytes] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    deletions: list[int] = field(default_factory=list)  #: images
    created: list[Tile] = field(default_factory=list)
    changed: list[Rect] = field(default_factory=list)  #: cells whose pixels it brings
    worded: list[Rect] = field(default_factory=list)  #: cells whose text it brings
    placed: list[tuple[Tile, int]] = field(default_factory=list)  #: whose placements change, and how many there were

    @property
    def empty(self) -> bool:
        return not (self.uploads or self.edits or self.text or self.placements or self.deletions)

    def update(self) -> KittyUpdate:
        pixels = sum(sent.pixels.size for sent in (*self.uploads, *self.edits) if sent.pixels is not None)
        return (KittyUpdate if pixels > _LIGHT else _LightUpdate)(self)

    def encode(self) -> Frame:
        upload = b"".join([sent.encode() for sent in self.uploads] + self.prepared)
        edits = b"".join([sent.encode() for sent in self.edits])
        if len(edits) > MAX_SHOWN_AT_ONCE:  # the tiles change one by one then
            upload, edits = upload + edits, b""
        deletions = b"".join(deletion(image) for image in self.deletions)
        if self.tmux:
            upload, edits, deletions = map(passthrough_strings, (upload, edits, deletions))
        show = edits + b"".join(self.placements) + "".join(self.text).encode() + deletions
        return Frame(upload, _FIRST + show if show else b"")


class KittyUpdate(Update):
    def __init__(self, work: Work) -> None:
        self.work = work

    def encode(self) -> Frame:
        return self.work.encode()


class _LightUpdate(KittyUpdate):
    """Few pixels, or all of them in files already."""

    heavy: ClassVar[bool] = False


def deletion(image: int) -> bytes:
    """Takes an image off the terminal, with all that shows it."""
    return b"\x1b_Ga=d,d=I,i=%d,q=2\x1b\\" % image
