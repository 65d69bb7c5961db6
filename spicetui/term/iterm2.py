"""The backend for iTerm2's inline images (iterm2.com/documentation-images.html): the cells that changed, as files.

What terminals make of ``OSC 1337 ; File`` (from their sources and documentation; none of them could be tried):

* iTerm2 (sources/InlineImages/VT100InlineImageHelper.m): images are cells, so that text and other images take them
  away; the cursor goes down with a line feed for each row but the last, and to the right.  From 3.5 on control strings
  end after 1 MiB (VT100XtermParser.m), hence MultipartFile, which only iTerm2 3.5, Konsole and new versions of xterm.js
  know.  Pieces that are always shorter do without it.
* WezTerm (term/src/terminalstate/iterm.rs): as cells too; ``doNotMoveCursor=1`` is its extension; scales JPEG files
  itself where they are larger than their cells.
* mintty (wiki/CtrlSeqs.md, src/termout.c): as cells too; knows doNotMoveCursor from 3.6.5 on, and makes a line feed
  after the last row without it; control strings end after MaxImageSize, 4.4 MB unless configured.
* xterm.js with its image addon, as in VS Code where ``terminal.integrated.enableImages`` is on: as cells; PNG, JPEG,
  GIF and QOI; up to 32 MiB a file; the cursor goes behind the last row's end.
* Konsole (src/Vt102Emulation.cpp, src/Screen.cpp): takes preserveAspectRatio the wrong way round, which makes no
  difference where an image has the size of its cells; text does not take images away, so that nothing can be laid
  over them.  It has kitty's protocol too.
"""

from __future__ import annotations

import io
import struct
from binascii import crc32
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..geometry import Point, Rect
from .packing import Words, pack_rgb
from .payloads import base64, deflate
from .pixels import PixelPlane
from .plane import Frame, Update
from .rectangles import Cells, cover

JPEG_QUALITIES = (0, 75, 40)  #: by quality; 0 is PNG
MOST_PIXELS = 1 << 17  # of one file, which then is less than 524,600 bytes in base64 whatever it shows
_UP = 2  # PNG's filter that subtracts the row above: halves gradients and photographs, and costs text hardly anything
_SMALL = 4096  # pixels; a PNG file of fewer is as short as a JPEG one
_LIGHT = 1 << 13  # pixels that are encoded without another thread


class Piece(NamedTuple):
    """A part of the picture, at its place on the terminal, in cells."""

    place: Rect
    words: Words


class ITerm2Update(Update):
    """Pieces, and the cells of the view that they cover."""

    def __init__(self, pieces: list[Piece], quality: int, cells: Cells) -> None:
        self._pieces = pieces
        self._quality = quality
        self.cells = cells

    def encode(self) -> Frame:
        return Frame(b"", b"".join(_sequence(piece, self._quality) for piece in self._pieces))


class _LightUpdate(ITerm2Update):
    heavy: ClassVar[bool] = False


class ITerm2Plane(PixelPlane):
    """A picture made of inline images."""

    quality_steps: ClassVar[int] = len(JPEG_QUALITIES)

    def update(self, origin: Point) -> ITerm2Update | None:
        allowed: Cells = np.zeros(self.owned.shape, np.bool_)
        shown = self.picture_cells.slices()
        allowed[shown] = self.owned[shown] != 0
        rects = cover((self.dirty != 0) & allowed, allowed)
        if not rects:
            return None
        across, down = self.cell_px
        cells: Cells = np.zeros(self.owned.shape, np.bool_)
        pieces = []
        for rect in rects:
            cells[rect.slices()] = True
            for part in self._parts(rect):
                words = self.wanted[part.y * down : part.bottom * down, part.x * across : part.right * across]
                pieces.append(Piece(part.translate(origin.x, origin.y), words.copy()))  # the update's own
                self.coarse[part.slices()] = is_lossy(words, self.quality)
        self.dirty[cells] = 0
        light = sum(piece.words.size for piece in pieces) <= _LIGHT
        return (_LightUpdate if light else ITerm2Update)(pieces, self.quality, cells)

    def _parts(self, rect: Rect) -> list[Rect]:
        """Splits a rectangle of cells into those of few enough pixels; a cell at least."""
        most = max(1, MOST_PIXELS // (self.cell_px.width * self.cell_px.height))
        columns = min(rect.width, most)
        rows = max(1, most // columns)
        return [
            Rect.from_edges(x, y, min(x + columns, rect.right), min(y + rows, rect.bottom))
            for y in range(rect.y, rect.bottom, rows)
            for x in range(rect.x, rect.right, columns)
        ]

    def dropped(self, update: Update) -> None:
        """What it would have shown is sent again."""
        if isinstance(update, ITerm2Update) and update.cells.shape == self.dirty.shape:
            shown = self.picture_cells.slices()
            self.dirty[shown] |= update.cells[shown]


def is_lossy(words: Words, quality: int) -> bool:
    """Whether a piece is sent as something else than what it is."""
    return quality > 0 and words.size >= _SMALL


def _sequence(piece: Piece, quality: int) -> bytes:
    place, words = piece
    data = jpeg(words, JPEG_QUALITIES[quality]) if is_lossy(words, quality) else png(words)
    return (
        b"\x1b[%d;%dH\x1b]1337;File=inline=1;size=%d;width=%d;height=%d;preserveAspectRatio=0;doNotMoveCursor=1:%b\x07"
    ) % (place.y + 1, place.x + 1, len(data), place.width, place.height, base64(data))


def png(words: Words) -> bytes:
    """Words 0x00RRGGBB (h, w) as a file, exactly."""
    height, width = words.shape
    pixels = np.frombuffer(pack_rgb(words), np.uint8).reshape(height, 3 * width)
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = pixels[0]
    np.subtract(pixels[1:], pixels[:-1], out=rows[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", deflate(rows.data.cast("B"))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(data, crc32(kind)))
        for kind, data in chunks
    )


def jpeg(words: Words, quality: int) -> bytes:
    """Words 0x00RRGGBB (h, w) as a file; below 50 with a quarter of the colours' resolution."""
    height, width = words.shape
    pixels = np.ascontiguousarray(words).view(np.uint8).reshape(height, width, 4)
    fast = _simplejpeg()
    if fast is not None:
        data: bytes = fast.encode_jpeg(
            pixels, quality=quality, colorspace="BGRX", colorsubsampling="444" if quality >= 50 else "420"
        )
        return data
    from PIL import Image

    file = io.BytesIO()
    image = Image.frombuffer("RGB", (width, height), pixels.tobytes(), "raw", "BGRX", 0, 1)
    image.save(file, "JPEG", quality=quality, subsampling=0 if quality >= 50 else 2)
    return file.getvalue()


@lru_cache(1)
def _simplejpeg() -> Any:
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None
