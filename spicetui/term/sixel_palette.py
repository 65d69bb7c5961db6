"""Which colours a sixel picture is sent with.

A picture of few colours (told apart by five bits a channel) has each of them in its palette, as it is; one of more is
sent with the colours of a cut through its histogram.  Nothing is dithered: on interfaces that would only cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _sixel, sixel_fallback

Words = npt.NDArray[np.uint32]
Indexes = npt.NDArray[np.uint8]

SMALL = 1 << 16  # pixels up to which a palette for them alone is cheap
_FAR_SHARE = 256  # a large picture with more than one of so many pixels in a far colour is of another scene
_NOISE_ROWS = 16  # one of so many rows is looked at for noise
_LEAST_NEAR = 9 * 12 * 12  # the (weighted) square of a distance that is near whatever the palette
_NEAR = 16 * 9 * 64 // 3  # how many mean errors of a palette's own colours, in 15-bit squares, are near

loops: Any = _sixel if _sixel.COMPILED else sixel_fallback


class Palette:
    """Up to *limit* colours, and which of them stands for a 15-bit colour."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.known = 0
        self.colors: Words = np.zeros(256, np.uint32)
        self._table = np.full(_sixel.COLORS, _sixel.UNKNOWN, np.uint16)
        self._near = -1

    @property
    def exact(self) -> bool:
        """Whether every 15-bit colour that is in it is there by itself."""
        return self._near < 0

    @classmethod
    def of(cls, pictures: Sequence[Words], limit: int) -> Palette:
        """The best for these pictures."""
        palette = cls(limit)
        counts = np.zeros(_sixel.COLORS, np.uint32)
        sums = np.zeros((_sixel.COLORS, 3), np.uint32)
        pixels = sum(picture.size for picture in pictures)
        step = -(-pixels // _sixel.MOST_PIXELS)
        for picture in pictures:
            loops.histogram(picture.data, step, counts.data, sums.data)
        palette.known, error = loops.cut(counts.data, sums.data, limit, palette._table.data, palette.colors.data)
        if error or step > 1:
            palette._near = max(_LEAST_NEAR, _NEAR * error * step // pixels)
        return palette

    def copy(self) -> Palette:
        other = Palette.__new__(Palette)
        other.limit, other.known, other._near = self.limit, self.known, self._near
        other.colors, other._table = self.colors.copy(), self._table.copy()
        return other

    def indexes(self, pictures: Sequence[Words], calm: int = 0) -> tuple[list[Indexes], int, int]:
        """Each picture's palette indexes, and how many pixels were strangers and far (see :func:`._sixel.index`).

        An exact palette takes up new colours while there is room; strangers mean that there was none, and that the
        indexes are incomplete.  *calm* is for the others.
        """
        result: list[Indexes] = []
        strangers = far = 0
        for picture in pictures:
            out = np.empty(picture.shape, np.uint8)
            limit = self.limit if self.exact else self.known
            self.known, strange, distant = loops.index(
                *(picture.data, picture.shape[1], self._table.data, self.colors.data, self.known, limit),
                *(self._near, 0 if self.exact else calm, out.data.cast("B")),
            )
            result.append(out)
            strangers += strange
            far += distant
            if strangers and self.exact:
                break
        return result, strangers, far


class Indexed(NamedTuple):
    pictures: list[Indexes]
    colors: Words
    approximate: bool  #: it could be better


class Palettes:
    """The palettes of the last pictures, one for small and one for large ones, to be used again.

    Every picture defines the colours that it uses, so palettes may change with each.
    """

    def __init__(self) -> None:
        self._kept: dict[bool, Palette] = {}

    def index(self, pictures: Sequence[Words], limit: int, calm: int = 0, fresh: bool = False) -> Indexed:
        """The pictures, none of them empty, with at most *limit* (1 … 256) colours together.

        *fresh*: as good as it can be; else a palette that was made before may do, and noisy ones of many colours lose
        differences of pixels side by side up to *calm* (the square of a distance, see :func:`._sixel.index`).
        """
        pixels = sum(picture.size for picture in pictures)
        large = pixels > SMALL
        calm = calm if not fresh and _noisy(pictures) else 0
        kept = self._kept.get(large)
        if kept is None or kept.limit != limit:
            kept = Palette(limit)
        if not fresh:
            palette = kept.copy()
            result, strangers, far = palette.indexes(pictures, calm)
            if (not strangers) if palette.exact else (far <= pixels // _FAR_SHARE):
                self._kept[large] = palette
                return Indexed(result, palette.colors, not palette.exact)
        palette = Palette.of(pictures, limit)
        result, _, _ = palette.indexes(pictures, calm)
        if large or palette.exact:
            self._kept[large] = palette
        return Indexed(result, palette.colors, not palette.exact and calm > 0)


def _noisy(pictures: Sequence[Words]) -> bool:
    """Whether more than one of four pixels is of another colour than the one beside it."""
    different = pairs = 0
    for picture in pictures:
        rows = picture[::_NOISE_ROWS] & 0xF8F8F8
        different += int(np.count_nonzero(rows[:, 1:] != rows[:, :-1]))
        pairs += rows[:, 1:].size
    return 4 * different > pairs
