"""What images refer to: palettes of one display channel, pixmaps of the whole session."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Iterable
from typing import Protocol

from ..errors import CodecError
from ..wire.enums import ResourceType
from ..wire.image import Palette
from .limits import GLZ_WINDOW_PIXELS as GLZ_WINDOW_PIXELS
from .pixmap import Pixmap

#: Announced in DISPLAY_INIT; the server keeps to it and says what it drops.
PIXMAP_CACHE_PIXELS = 20 << 20

#: A server that does not keep to the announced size loses the oldest pixmaps beyond this many pixels.
PIXMAP_CACHE_LIMIT = 2 * PIXMAP_CACHE_PIXELS

#: Palettes have at most 65535 entries; a server uses a few dozen of 256.
PALETTE_CACHE_ENTRIES = 4096
PALETTE_CACHE_COLOURS = 1 << 22


class MissingReference(CodecError):
    """An image refers to one that is not here (yet); with several displays it may come on another channel."""


class CacheMiss(MissingReference):
    """FROM_CACHE of an image that is not cached, or FROM_CACHE_LOSSLESS of one cached with loss."""

    def __init__(self, id: int, lossless: bool) -> None:
        super().__init__(f"image {id:#x} is not in the cache" + (" without loss" if lossless else ""))
        self.id = id
        self.lossless = lossless


class Resource(Protocol):
    """An entry of INVAL_LIST."""

    type: int
    id: int


class _Entry:
    __slots__ = ("pixmap", "uses")

    def __init__(self, pixmap: Pixmap, uses: int) -> None:
        self.pixmap = pixmap
        self.uses = uses


class PixmapCache:
    """Pixmaps by id, shared by the display channels of a session, whose worker threads may use it at once.

    The server counts one use for each CACHE_ME, and each entry of an INVAL_LIST takes one back.
    """

    def __init__(self, limit_pixels: int = PIXMAP_CACHE_LIMIT) -> None:
        self._entries: dict[int, _Entry] = {}
        self._limit = limit_pixels
        self._pixels = 0
        self._lock = allocate_lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def pixels(self) -> int:
        """Of all pixmaps together."""
        return self._pixels

    def get(self, id: int, lossless: bool = False) -> Pixmap:
        """Raises CacheMiss."""
        entry = self._entries.get(id)
        if entry is None or (lossless and entry.pixmap.lossy):
            raise CacheMiss(id, lossless)
        return entry.pixmap

    def add(self, id: int, pixmap: Pixmap) -> None:
        """CACHE_ME: one more use of *id*, which is *pixmap* from now on."""
        self._put(id, pixmap, 1)

    def replace(self, id: int, pixmap: Pixmap) -> None:
        """CACHE_REPLACE_ME: a lossless picture for one with loss; its uses stay as they are."""
        self._put(id, pixmap, 0)

    def _put(self, id: int, pixmap: Pixmap, more: int) -> None:
        with self._lock:
            old = self._entries.pop(id, None)
            self._pixels += pixmap.area - (old.pixmap.area if old else 0)
            self._entries[id] = _Entry(pixmap, old.uses + more if old else 1)
            while self._pixels > self._limit:
                self._drop(next(iter(self._entries)))

    def _drop(self, id: int) -> None:
        self._pixels -= self._entries.pop(id).pixmap.area

    def invalidate(self, resources: Iterable[Resource]) -> None:
        """INVAL_LIST."""
        with self._lock:
            for resource in resources:
                entry = self._entries.get(resource.id) if resource.type == ResourceType.PIXMAP else None
                if entry is not None:
                    entry.uses -= 1
                    if entry.uses <= 0:
                        self._drop(resource.id)

    def clear(self) -> None:
        """INVAL_ALL_PIXMAPS."""
        with self._lock:
            self._entries.clear()
            self._pixels = 0


class PaletteCache:
    """Palettes by id, of one display channel; RESET forgets them too."""

    def __init__(self) -> None:
        self._palettes: dict[int, Palette] = {}
        self._colours = 0

    def __len__(self) -> int:
        return len(self._palettes)

    def get(self, id: int) -> Palette:
        palette = self._palettes.get(id)
        if palette is None:
            raise CodecError(f"palette {id:#x} is not in the cache")
        return palette

    def add(self, palette: Palette) -> None:
        self.invalidate(palette.unique)
        self._palettes[palette.unique] = palette
        self._colours += len(palette.ents)
        while len(self._palettes) > PALETTE_CACHE_ENTRIES or self._colours > PALETTE_CACHE_COLOURS:
            self.invalidate(next(iter(self._palettes)))

    def invalidate(self, id: int) -> None:
        palette = self._palettes.pop(id, None)
        if palette is not None:
            self._colours -= len(palette.ents)

    def clear(self) -> None:
        self._palettes.clear()
        self._colours = 0
