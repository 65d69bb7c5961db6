"""Image codecs: compressed bytes to pixels, usable without a session.

>>> from spicetui import codecs
>>> pixels = codecs.quic.decode(data)  # uint8 (height, width, 4), BGRX or BGRA, top row first

Submodules are imported when first used, because they need numpy and this package must be cheap to import.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from spicetui import _cython

KERNELS = ("spicetui.codecs.quic", "spicetui.codecs.lz", "spicetui.codecs.glz", "spicetui.codecs._yuv")

COMPILED: bool
"""Whether all of KERNELS run compiled; the same sources run interpreted, exact but some hundred times slower."""


def __getattr__(name: str) -> Any:
    if name == "COMPILED":
        return all(_cython.binary(kernel) for kernel in KERNELS)
    module = f"{__name__}.{name}"
    if not name.startswith("_") and importlib.util.find_spec(module):
        return importlib.import_module(module)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
