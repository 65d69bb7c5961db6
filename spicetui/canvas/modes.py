"""The blend modes of PDF that divide, on channels from 0 to 1 as pixman computes them.

Arrays are float32 of shape (H, W, 4), blue first; s and d are the colours of source and destination, premultiplied,
sa and da their alphas in the same shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]  # float32

_TINY = np.float32(np.finfo(np.float32).tiny)
_ZERO, _ONE = np.float32(0), np.float32(1)
_WEIGHTS = (np.float32(0.11), np.float32(0.59), np.float32(0.3))  # of the channels in the luminosity


def is_zero(v: Floats) -> npt.NDArray[np.bool_]:
    return (v > -_TINY) & (v < _TINY)


def _divided(a: Floats, b: Floats) -> Floats:
    """With whatever result where b is 0, for the places that are not taken."""
    return np.asarray(a / np.where(is_zero(b), _ONE, b))


def _color_dodge(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    full = (d * sa >= sa * da - s * da) | is_zero(sa - s)
    return np.where(is_zero(d), _ZERO, np.where(full, sa * da, _divided(sa * sa * d, sa - s)))


def _color_burn(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    nothing = (sa * (da - d) >= s * da) | is_zero(s)
    burnt = sa * (da - _divided(sa * (da - d), s))
    return np.where(d >= da, sa * da, np.where(nothing, _ZERO, burnt))


def _soft_light(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    darker = d * sa - _divided(d * (da - d) * (sa - 2 * s), da)
    low = d * sa + (2 * s - sa) * d * (_divided((_divided(16 * d, da) - 12) * d, da) + 3)
    high = d * sa + (np.sqrt(np.maximum(d * da, _ZERO)) - d) * (2 * s - sa)
    lighter = np.where(4 * d <= da, low, high)
    return np.where(is_zero(da), d * sa, np.where(2 * s <= sa, darker, lighter))


def _luminosity(c: Floats) -> Floats:
    blue, green, red = _WEIGHTS
    return np.asarray((c[:, :, 2:3] * red + c[:, :, 1:2] * green) + c[:, :, 0:1] * blue)


def _saturation(c: Floats) -> Floats:
    colours = c[:, :, :3]
    return np.asarray(colours.max(axis=2, keepdims=True) - colours.min(axis=2, keepdims=True))


def _with_saturation(c: Floats, amount: Floats) -> Floats:
    """The least channel becomes 0, the greatest the amount, the middle one lies between as it did."""
    low, high = c[:, :, :3].min(axis=2, keepdims=True), c[:, :, :3].max(axis=2, keepdims=True)
    spread = high - low
    # Of equal channels one is the greatest and another the middle one, which matters for the rounding.
    b, g, r = c[:, :, 0], c[:, :, 1], c[:, :, 2]
    greatest = np.zeros(c.shape, np.bool_)
    greatest[:, :, 2] = (r > g) & (r > b)
    greatest[:, :, 1] = (r <= g) & ((r > b) | (g > b))
    greatest[:, :, 0] = ~(greatest[:, :, 1] | greatest[:, :, 2])
    least = np.zeros(c.shape, np.bool_)
    least[:, :, 2] = (r <= g) & (r <= b)
    least[:, :, 1] = (r > g) & ((r <= b) | (g <= b))
    least[:, :, 0] = ~(least[:, :, 1] | least[:, :, 2])
    middle = _divided((c - low) * amount, spread)
    return np.where(is_zero(spread) | least, _ZERO, np.where(greatest, amount, middle))


def _with_luminosity(c: Floats, alpha: Floats, amount: Floats) -> Floats:
    """The colour moved to that luminosity, and then back towards it as far as it left 0 to *alpha*."""
    c = c + (amount - _luminosity(c))
    middle = _luminosity(c)
    low, high = c[:, :, :3].min(axis=2, keepdims=True), c[:, :, :3].max(axis=2, keepdims=True)
    below = middle - low
    raised = np.where(is_zero(below), _ZERO, middle + _divided((c - middle) * middle, below))
    c = np.where(low < 0, raised, c)
    above = high - middle
    lowered = np.where(is_zero(above), alpha, middle + _divided((c - middle) * (alpha - middle), above))
    return np.where(high > alpha, lowered, c)


def _hue(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    return _with_luminosity(_with_saturation(s * da, _saturation(d) * sa), sa * da, _luminosity(d) * sa)


def _of_saturation(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    return _with_luminosity(_with_saturation(d * sa, _saturation(s) * da), sa * da, _luminosity(d) * sa)


def _color(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    return _with_luminosity(s * da, sa * da, _luminosity(d) * sa)


def _of_luminosity(s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    return _with_luminosity(d * sa, sa * da, _luminosity(s) * da)


#: By pixman's numbers.
MODES: dict[int, Callable[[Floats, Floats, Floats, Floats], Floats]] = {
    0x35: _color_dodge,
    0x36: _color_burn,
    0x38: _soft_light,
    0x3B: _hue,
    0x3C: _of_saturation,
    0x3D: _color,
    0x3E: _of_luminosity,
}

#: Those for which the channels hang together; with a mask of component alpha they draw nothing.
TOGETHER = frozenset((0x3B, 0x3C, 0x3D, 0x3E))


def mixed(operator: int, s: Floats, sa: Floats, d: Floats, da: Floats) -> Floats:
    """The mode where both are, the one where the other is not."""
    total: Floats = (_ONE - sa) * d + (_ONE - da) * s + MODES[operator](s, sa, d, da)
    alpha, under = s[:, :, 3], d[:, :, 3]
    total[:, :, 3] = under + alpha - under * alpha
    return total
