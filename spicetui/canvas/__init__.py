"""Drawing: surfaces, one function per draw operation, cursors; no I/O.

The results are those of the reference canvas (spice-common's canvas_base.c and sw_canvas.c with pixman), bit for bit.
"""

from __future__ import annotations

from spicetui import _cython as _cython  # before the kernels: it decides whether compiled ones are taken
