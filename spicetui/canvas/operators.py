"""The operators of DRAW_COMPOSITE by pixman's numbers: Porter-Duff, its disjoint and conjoint kinds, blend modes.

Those that divide are computed with floats, the others with eight bits, as pixman does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import modes
from .blend import Operator, channels, times, words
from .convert import Words

Ints = npt.NDArray[Any]  # int32
Floats = npt.NDArray[np.float32]

SATURATE = 0x0D
#: Those that are plain Porter-Duff, three of each other kind included.
PLAIN = {
    **{int(operator): operator for operator in Operator},
    **{kind | operator: operator for kind in (0x10, 0x20) for operator in (Operator.CLEAR, Operator.SRC, Operator.DST)},
}


def known(operator: int) -> bool:
    return operator <= SATURATE or operator in _RATIOS or operator in _BLENDS or operator in modes.MODES


def wide(operator: int) -> bool:
    """Whether it is computed with floats."""
    return operator in modes.MODES or (operator in _RATIOS and operator not in PLAIN)


def blended(operator: int, source: Words, mask: Words | None, dest: Words, component: bool) -> Words:
    """The new pixels of *dest* by a blend mode; *mask* as for :func:`blend.combine`."""
    if operator == MULTIPLY:
        return _multiply(source, mask, dest, component)
    return _blend(_BLENDS[operator], source, mask, dest, component)


# --- blend modes with eight bits

MULTIPLY = 0x30


def _masked(source: Words, mask: Words | None, component: bool) -> tuple[Any, Any]:
    """The source's channels and the alpha that stands for each of them."""
    s = channels(source)
    alpha = s[:, :, 3:]
    if mask is not None:
        m = channels(np.broadcast_to(mask, source.shape))
        if not component:
            m = m[:, :, 3:]
        s, alpha = times(s, m), times(m, alpha)
    return s, alpha


def _multiply(source: Words, mask: Words | None, dest: Words, component: bool) -> Words:
    s, alpha = _masked(source, mask, component)
    d = channels(dest)
    outside = np.minimum(times(s, 255 - d[:, :, 3:]) + times(d, 255 - alpha), 255)
    return words(np.minimum(outside + times(d, s), 255))


def _screen(s: Ints, sa: Ints, d: Ints, da: Ints) -> Any:
    return s * da + d * sa - s * d


def _overlay(s: Ints, sa: Ints, d: Ints, da: Ints) -> Any:
    return np.where(2 * d < da, 2 * s * d, sa * da - 2 * (da - d) * (sa - s))


def _hard_light(s: Ints, sa: Ints, d: Ints, da: Ints) -> Any:
    return np.where(2 * s < sa, 2 * s * d, sa * da - 2 * (da - d) * (sa - s))


def _difference(s: Ints, sa: Ints, d: Ints, da: Ints) -> Any:
    return np.abs(d * sa - s * da)


def _exclusion(s: Ints, sa: Ints, d: Ints, da: Ints) -> Any:
    return s * da + d * sa - 2 * d * s


_BLENDS: dict[int, Callable[[Ints, Ints, Ints, Ints], Ints]] = {
    MULTIPLY: lambda s, sa, d, da: s * d,
    0x31: _screen,
    0x32: _overlay,
    0x33: lambda s, sa, d, da: np.minimum(s * da, d * sa),
    0x34: lambda s, sa, d, da: np.maximum(s * da, d * sa),
    0x37: _hard_light,
    0x39: _difference,
    0x3A: _exclusion,
}


def _blend(
    mode: Callable[[Ints, Ints, Ints, Ints], Ints], source: Words, mask: Words | None, dest: Words, component: bool
) -> Words:
    s, sa = (v.astype(np.int32) for v in _masked(source, mask, component))
    d = channels(dest).astype(np.int32)
    da = d[:, :, 3:]
    total = (255 - sa) * d + (255 - da) * s + mode(s, sa, d, da)
    alpha = s[:, :, 3:]
    total[:, :, 3:] = (da + alpha) * 255 - alpha * da
    total = np.clip(total, 0, 255 * 255) + 128
    return words(((total + (total >> 8)) >> 8).astype(np.uint16))


# --- with floats

_ONE = np.float32(1)


def _ratio(numerator: Floats, denominator: Floats, otherwise: float, rest: bool) -> Floats:
    """A quotient, or one minus it, between 0 and 1; *otherwise* where the denominator is 0."""
    nothing = modes.is_zero(denominator)
    quotient = numerator / np.where(nothing, _ONE, denominator)
    return np.where(nothing, np.float32(otherwise), np.clip(_ONE - quotient if rest else quotient, 0, 1))


_Factor = Callable[[Floats, Floats], Floats]


def _none(sa: Floats, da: Floats) -> Floats:
    return np.zeros_like(da)


def _all(sa: Floats, da: Floats) -> Floats:
    return np.ones_like(da)


# For the source by the two alphas, and for the destination with the two exchanged: what of one the other leaves.
def _outside_disjoint(own: Floats, other: Floats) -> Floats:
    return _ratio(_ONE - other, own, 1, False)


def _inside_disjoint(own: Floats, other: Floats) -> Floats:
    return _ratio(_ONE - other, own, 0, True)


def _outside_conjoint(own: Floats, other: Floats) -> Floats:
    return _ratio(other, own, 0, True)


def _inside_conjoint(own: Floats, other: Floats) -> Floats:
    return _ratio(other, own, 1, False)


def _twelve(outside: _Factor, inside: _Factor) -> tuple[tuple[_Factor, _Factor], ...]:
    """CLEAR, SRC, DST, OVER, OVER_REVERSE, IN, IN_REVERSE, OUT, OUT_REVERSE, ATOP, ATOP_REVERSE, XOR."""
    return (
        (_none, _none),
        (_all, _none),
        (_none, _all),
        (_all, outside),
        (outside, _all),
        (inside, _none),
        (_none, inside),
        (outside, _none),
        (_none, outside),
        (inside, outside),
        (outside, inside),
        (outside, outside),
    )


_RATIOS: dict[int, tuple[_Factor, _Factor]] = {
    SATURATE: (_outside_disjoint, _all),
    **dict(enumerate(_twelve(_outside_disjoint, _inside_disjoint), 0x10)),
    **dict(enumerate(_twelve(_outside_conjoint, _inside_conjoint), 0x20)),
}


def composite_wide(
    operator: int, source: Floats, mask: Floats | None, dest: Floats, component: bool, moved: bool = False
) -> Words:
    """As :func:`blended`, by those that are :func:`wide`, of channels from 0 to 1.

    *moved*: the source is transformed, of which pixman then fetches nothing where the mask is 0.
    """
    s, d = source, dest
    if component and operator in modes.TOGETHER:
        return _words(d)
    sa, da = s[:, :, 3:], d[:, :, 3:]
    if mask is not None:
        m = mask
        if component:
            sa = m * sa
            s = s * m
        else:
            m = m[:, :, 3:]
            masked = s * m
            if operator in modes.TOGETHER:  # pixman takes it twice for green and not at all for blue
                masked[:, :, 1] *= m[:, :, 0]
                masked[:, :, 0] = s[:, :, 0] * np.sign(m[:, :, 0]) if moved else s[:, :, 0]
            s = masked
            sa = s[:, :, 3:]
    sa = np.broadcast_to(sa, s.shape)
    da = np.broadcast_to(da, d.shape)
    if operator in modes.MODES:
        return _words(modes.mixed(operator, s, sa, d, da))
    of_source, of_dest = _RATIOS[operator]
    return _words(np.minimum(_ONE, s * of_source(sa, da) + d * of_dest(da, sa)))


def _words(value: Floats) -> Words:
    level = (np.clip(value, 0, 1) * np.float32(256)).astype(np.int32)
    return words((level - (level >> 8)).astype(np.uint16))
