"""Drawing: surfaces, one function per draw operation, cursors; no I/O.

The results are those of the reference canvas (spice-common's canvas_base.c and sw_canvas.c with pixman), bit for bit.
"""
