"""Pure terminal work, without I/O, clock or threads: terminal bytes to events, pixels to cells, cells to bytes."""

from __future__ import annotations

from spicetui import _cython as _cython  # before the kernels: it decides whether compiled ones are taken
