"""The kitty graphics protocol: the picture as tiles, each an image of the terminal.

Pixels go through files that both sides see, or compressed through the terminal's line.  What has changed is edited
inside the image where the terminal can do that; else a new image takes the old one's place.

An image is shown by *placements*, rectangles over just the cells that are ours.  (Images below the text would let
dialogs cover them by themselves, but kitty 0.24 to 0.27 then spoils the backgrounds of all cells.)  Or cells hold
*placeholders*, characters that each show a part of an image; nothing else passes through tmux.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size
from .kitty_tiles import Tile, changed_parts, exact_parts, grid, runs
from .kitty_updates import KittyUpdate, Sent, Work, deletion
from .packing import pack_rgba
from .payloads import EXACT, PALETTE, QUALITIES, halvings, is_exact
from .pixels import PixelPlane
from .placeholders import placeholders
from .plane import Update
from .scale import Mapping
from .shared_files import SharedFile, SharedFiles
from .tmux import passthrough_strings

_RECOVERIES = 4  # errors in a row until the terminal is given up
_CALM = 64  # acknowledged updates after which errors are no longer in a row

_ASTRAY = (Point(0, 0), Rect(0, 0, 0, 0))  # a placement of which it is not known where it is
_UNKNOWN_TEXT, _BACKDROP_TEXT, _BLANK_TEXT = range(3)  # what a cell holds; from there on the number of an image + 3


class KittyPlane(PixelPlane):
    """*shared_files*: the terminal reads this machine's files.  *edits*: it has ``a=f``.  *placeholders*: ``U=1``.

    Within tmux only placeholders work, and no errors are heard of.
    """

    quality_steps: ClassVar[int] = QUALITIES
    erased_by_text: ClassVar[bool] = False

    def __init__(
        self,
        backdrop: int = 0,
        *,
        shared_files: bool = False,
        edits: bool = True,
        placeholders: bool = False,
        tmux: bool = False,
    ) -> None:
        if tmux and not placeholders:
            raise ValueError("tmux passes no pictures through but by unicode placeholders")
        self.shared_files = shared_files
        self.edits = edits
        self.placeholders = placeholders
        self.tmux = tmux
        self.lossy = tmux
        self.failure = ""  #: why nothing is sent any more: the terminal's last error
        self._quiet = b"q=2" if tmux else b"q=1"
        self._high = 1 + os.urandom(1)[0] % 255 << 24
        self._next = int.from_bytes(os.urandom(3), "big")
        self._tiles: list[Tile] = []
        self._grid = Rect(0, 0, 0, 0)
        self._grid_serial = 0
        self._serial = 0
        self._stale: list[int] = []  # images that are to be deleted
        self._files: SharedFiles | None = None
        self._unowned = 0  # updates since any cell was ours
        self._errors = 0
        self._calm = 0
        super().__init__(backdrop)
        self.wordy = not shared_files
        self._allocate_text()

    # geometry

    def _allocate_text(self) -> None:
        columns, rows = self.size
        self._text = np.full((rows, columns), _UNKNOWN_TEXT, np.int64)  # what the cells hold
        self._wanted_text = np.full((rows, columns), _BACKDROP_TEXT, np.int64)
        self._lay_grid()

    def resize(self, size: Size, cell_px: Size) -> None:
        if (size, cell_px) != (self.size, self.cell_px):
            self._drop_tiles()
            super().resize(size, cell_px)
            self._allocate_text()

    def place(self, mapping: Mapping) -> None:
        super().place(mapping)
        if self.picture_cells != self._grid:
            self._lay_grid()

    def clear(self) -> None:
        super().clear()
        self._lay_grid()

    def _drop_tiles(self) -> None:
        for tile in self._tiles:
            self._retire(tile)
            tile.close_files()
        self._tiles = []
        self._grid = Rect(0, 0, 0, 0)

    def _lay_grid(self) -> None:
        self._drop_tiles()
        self._grid_serial += 1
        self._grid = self.picture_cells
        self._tiles = [Tile(cells, self.cell_px, self._new_image()) for cells in grid(self._grid, self.cell_px)]
        self._wanted_text.fill(_BACKDROP_TEXT)
        for tile in self._tiles:
            self._set_wanted_text(tile)

    def _set_wanted_text(self, tile: Tile) -> None:
        self._wanted_text[tile.cells.slices()] = tile.image + 3 if self.placeholders else _BLANK_TEXT

    def _new_image(self) -> int:
        """A number that is most likely nobody else's."""
        while True:
            self._next = self._next + 1 & 0xFFFFFF
            image = self._high | self._next
            if self._next and image not in self._stale and all(image != tile.image for tile in self._tiles):
                return image

    def _retire(self, tile: Tile) -> None:
        """Its image is not wanted any more, and may be on the terminal."""
        if tile.sent:
            self._stale.append(tile.image)
            tile.sent = False
            tile.placed = []

    def _renew(self, tile: Tile) -> None:
        """Another image is to be made for the tile."""
        self._retire(tile)
        tile.image = self._new_image()
        tile.halvings = 0
        self._set_wanted_text(tile)
        self.dirty[tile.cells.slices()] = 1
        self.coarse[tile.cells.slices()] = 0

    # what the terminal holds

    def disown(self) -> None:
        super().disown()
        self._unowned = 0
        self._text.fill(_UNKNOWN_TEXT)

    def forget(self) -> None:
        super().forget()
        self._text.fill(_UNKNOWN_TEXT)
        for tile in self._tiles:
            self._renew(tile)
            tile.drop_busy_files()

    def span(self, y: int, x0: int, x1: int) -> str:
        if x0 < x1:
            self._text[y, x0:x1] = self._wanted_text[y, x0:x1]
        return super().span(y, x0, x1)

    def picture_span(self, y: int, x0: int, x1: int) -> str:
        if not self.placeholders:
            return super().picture_span(y, x0, x1)
        return "".join(self._placeholders(tile, y, x0, x1) for tile in self._tiles_of_row(y))

    def _tiles_of_row(self, y: int) -> Iterator[Tile]:
        return (tile for tile in self._tiles if tile.cells.y <= y < tile.cells.bottom)

    def _placeholders(self, tile: Tile, y: int, x0: int, x1: int) -> str:
        first, last = max(x0, tile.cells.x), min(x1, tile.cells.right)
        return placeholders(tile.image, y - tile.cells.y, first - tile.cells.x, last - first)

    # updates

    def update(self, origin: Point) -> Update | None:
        if self.failure or not self.size.width or not self.size.height:
            return None
        mine = self.dirty & self.owned
        todo = [(tile, part) for tile in self._tiles if (part := mine[tile.cells.slices()]).any()]
        self._serial += 1
        work = Work(self._serial, self._grid_serial, self.tmux)
        for tile, part in todo:
            self._send(tile, part, work)
        self._correct_text(work, origin)
        if not self.placeholders:
            self._correct_placements(work, origin)
        work.deletions, self._stale = self._stale, []
        return None if work.empty else work.update()

    def _send(self, tile: Tile, part: npt.NDArray[np.uint8], work: Work) -> None:
        parts = changed_parts(part)
        most = sum(rect.area for rect in parts) * 8 > tile.cells.area
        file = self._file(tile, work) if most or not (self.edits and tile.sent) else None
        quality = EXACT if file is not None else min(self.quality, QUALITIES - 1)
        whole = tile.whole
        if file is not None or (halvings(quality) and most):
            parts = [whole]
        halved = halvings(quality) if file is None else 0
        if parts != [whole]:  # a part of it does not change how fine the image is
            halved = min(halved, tile.halvings)
        if not (tile.sent and self.edits and halved == tile.halvings):
            self._create(tile, file, quality, halved, work)
            parts = [whole]
        else:
            for rect in parts:
                self._edit(tile, rect, file, quality, work)
        for rect in parts:
            cells = rect.translate(tile.cells.x, tile.cells.y)
            self.dirty[cells.slices()] = 0
            self.coarse[cells.slices()] = not (file is not None or self._exact(rect, quality))
            work.changed.append(cells)

    def _exact(self, rect: Rect, quality: int) -> bool:
        return is_exact(self.wanted[self._px(rect).slices()], quality)

    def _px(self, cells: Rect) -> Rect:
        across, down = self.cell_px
        return Rect(cells.x * across, cells.y * down, cells.width * across, cells.height * down)

    def _create(self, tile: Tile, file: SharedFile | None, quality: int, halved: int, work: Work) -> None:
        """A new image for a tile; the old one goes when the new one has been placed."""
        if tile.sent:
            self._renew(tile)
        tile.sent, tile.halvings, tile.edited = True, halved, False
        work.created.append(tile)
        area = self._px(tile.cells)
        width, height = tile.image_size
        keys = b"a=t,i=%d,s=%d,v=%d,%b" % (tile.image, width, height, self._quiet)
        work.uploads.append(self._sent(tile, keys, self._quiet, area, file, self._as_fine(tile, quality)))
        if self.placeholders:
            work.prepared.append(b"\x1b_Ga=p,U=1,i=%d,c=%d,r=%d,%b\x1b\\" % (tile.image, *tile.cells[2:], self._quiet))

    def _edit(self, tile: Tile, rect: Rect, file: SharedFile | None, quality: int, work: Work) -> None:
        tile.edited = True
        inside = self._px(rect)
        size = 1 << tile.halvings  # of the image's pixels
        target = shrunk(inside, size)
        inside = Rect(size * target.x, size * target.y, size * target.width, size * target.height)
        quality = self._as_fine(tile, quality)
        whole = self._px(tile.cells)
        area = inside.translate(whole.x, whole.y).intersect(whole)
        command = b"a=f,i=%d,r=1,%b" % (tile.image, self._quiet)
        keys = b"%b,x=%d,y=%d,s=%d,v=%d,X=1" % (command, *target)
        work.edits.append(self._sent(tile, keys, command, area, file, quality))

    @staticmethod
    def _as_fine(tile: Tile, quality: int) -> int:
        """The quality nearest to *quality* that fits the tile's image."""
        return PALETTE + tile.halvings if tile.halvings else min(quality, PALETTE)

    def _sent(
        self, tile: Tile, keys: bytes, more: bytes, area: Rect, file: SharedFile | None, quality: int
    ) -> Sent:  # fmt: skip
        if file is not None:
            pack_rgba(self.wanted, area, file.view)
            return Sent(keys, more, None, os.fsencode(file.path), EXACT, tile)
        return Sent(keys, more, self.wanted[area.slices()].copy(), b"", quality, tile)

    def _correct_placements(self, work: Work, origin: Point) -> None:
        """Shows the images where the cells are ours, and nowhere else."""
        self._unowned = 0 if self.owned.any() else self._unowned + 1
        if self._unowned == 1:
            return  # perhaps a layout has just been painted, and what will be ours is not known yet
        whole = bool(self.owned.all())
        for tile in self._tiles:
            if tile.sent and not (whole and tile.placed == [(origin, tile.whole)]):
                wanted = [(origin, rect) for rect in exact_parts(self.owned[tile.cells.slices()])]
                for number, place in enumerate(wanted):
                    if tile.placed[number : number + 1] != [place]:
                        work.placements.append(self._placement(tile, number, *place))
                if wanted != tile.placed:
                    work.placed.append((tile, len(tile.placed)))
                for number in range(len(wanted), len(tile.placed)):
                    work.placements.append(b"\x1b_Ga=d,d=i,i=%d,p=%d,q=2\x1b\\" % (tile.image, number + 1))
                tile.placed = wanted
        if self._stale:  # a deletion may take along what is placed nowhere (kitty 0.26)
            for tile in self._tiles:
                if tile.sent and not tile.placed:
                    self._renew(tile)

    def _placement(self, tile: Tile, number: int, origin: Point, rect: Rect) -> bytes:
        cells = rect.translate(tile.cells.x, tile.cells.y)
        cut = b""
        if rect != tile.whole:
            part = self._px(rect)
            part = shrunk(part, 1 << tile.halvings)
            cut = b"x=%d,y=%d,w=%d,h=%d," % part
        return self.place_cursor(origin, cells.x, cells.y) + b"\x1b_Ga=p,i=%d,p=%d,%bc=%d,r=%d,C=1,%b\x1b\\" % (
            tile.image, number + 1, cut, cells.width, cells.height, self._quiet,
        )  # fmt: skip

    def _correct_text(self, work: Work, origin: Point) -> None:
        """Brings the owned cells that hold another text than they should."""
        wrong = (self._text != self._wanted_text) & (self.owned != 0)
        if not wrong.any():
            return
        for y in np.flatnonzero(wrong.any(axis=1)).tolist():
            for x0, x1 in runs(wrong[y]):
                work.text.append(self.place_cursor(origin, x0, y).decode() + self.span(y, x0, x1))
                work.worded.append(Rect(x0, y, x1 - x0, 1))

    def dropped(self, update: Update) -> None:
        if not isinstance(update, KittyUpdate):
            return
        work = update.work
        self._stale = work.deletions + self._stale
        if work.grid_serial != self._grid_serial:
            return
        for cells in work.changed:
            self.dirty[cells.slices()] = 1
        for cells in work.worded:
            self._text[cells.slices()] = _UNKNOWN_TEXT
        for tile, count in work.placed:
            tile.placed = [_ASTRAY] * max(count, len(tile.placed))  # they are made again, or deleted
        for tile in work.created:
            self._renew(tile)
        self._release(work.serial, work.serial)

    def acknowledged(self, update: Update) -> None:
        if isinstance(update, KittyUpdate):
            self._release(0, update.work.serial)
            self._calm += 1
            if self._calm >= _CALM:
                self._errors = self._calm = 0

    # files

    def _file(self, tile: Tile, work: Work) -> SharedFile | None:
        """A file for all of the tile's pixels that the terminal does not read from any more."""
        if not self.shared_files:
            return None
        try:
            if self._files is None:
                self._files = SharedFiles()
            return tile.take_file(self._files, work.serial)
        except OSError:
            return None  # there is still the line

    def _release(self, first: int, last: int) -> None:
        for tile in self._tiles:
            tile.release_files(first, last)

    def _close_files(self) -> None:
        for tile in self._tiles:
            tile.close_files()
        if self._files is not None:
            self._files.close()
            self._files = None

    # errors

    def answered(self, data: bytes) -> None:
        keys, _, message = data.partition(b";")
        if message.startswith(b"OK") or self.failure:
            return
        image = next((key[2:] for key in keys.split(b",") if key[:2] == b"i="), b"")
        tile = next((tile for tile in self._tiles if tile.sent and image == b"%d" % tile.image), None)
        if tile is None:
            return  # one that is deleted, or somebody else's
        missing = message.startswith(b"ENOENT")  # the terminal has thrown the image away
        if self.shared_files and not (missing and tile.edited):
            self.shared_files = False
            self._close_files()
        elif self.edits and tile.edited and not missing:
            self.edits = False
        else:
            self._errors += 1
        self._calm = 0
        if self._errors > _RECOVERIES:
            self.failure = message.decode("ascii", "replace")[:200]
        else:
            self._recover()

    def _recover(self) -> None:
        """All images are made again; the cells are still ours."""
        for tile in self._tiles:
            self._renew(tile)
            tile.drop_busy_files()

    # the ends

    def leave(self) -> bytes:
        for tile in self._tiles:
            self._retire(tile)
        data = b"".join(deletion(image) for image in self._stale)
        self._stale.clear()
        self.forget()
        return passthrough_strings(data) if self.tmux else data

    def close(self) -> None:
        self.shared_files = False
        self._close_files()


def shrunk(rect: Rect, size: int) -> Rect:
    """The pixels that have any of *rect*'s, where a pixel is *size* times as large."""
    return Rect.from_edges(rect.x // size, rect.y // size, -(-rect.right // size), -(-rect.bottom // size))
