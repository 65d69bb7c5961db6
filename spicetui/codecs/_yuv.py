"""The loops from YUV to BGRX: the arithmetic of GStreamer's fast path, bit for bit, so that video looks as there.

Each sample less 128 is spread over 16 bits and multiplied with a coefficient in 1/256; the product's upper half counts.
Interpreted they are exact but slow; :mod:`.yuv` does the same with numpy.
"""

from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import pointer, pointer32

COMPILED: bool = cython.compiled


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _red_or_blue(
    luma: cython.p_uchar,
    luma_at: cython.Py_ssize_t,
    chroma: cython.p_uchar,
    chroma_at: cython.Py_ssize_t,
    out: cython.p_uchar,
    width: cython.Py_ssize_t,
    by_luma: cython.short,
    by_chroma: cython.short,
) -> cython.void:
    """One channel of a row. Few pointers and 16 bits are what compilers make into many pixels at once."""
    x: cython.Py_ssize_t
    y: cython.short
    c: cython.short
    for x in range(width):
        y = (luma[luma_at + x] - 128) * 256 + (luma[luma_at + x] ^ 128)
        c = (chroma[chroma_at + x] - 128) * 256 + (chroma[chroma_at + x] ^ 128)
        y = (y * by_luma) >> 16
        y = y + ((c * by_chroma) >> 16)
        y = -128 if y < -128 else 127 if y > 127 else y
        out[x] = y + 128


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _green(
    luma: cython.p_uchar,
    luma_at: cython.Py_ssize_t,
    us: cython.p_uchar,
    us_at: cython.Py_ssize_t,
    vs: cython.p_uchar,
    vs_at: cython.Py_ssize_t,
    out: cython.p_uchar,
    width: cython.Py_ssize_t,
    by_luma: cython.short,
    by_u: cython.short,
    by_v: cython.short,
) -> cython.void:
    x: cython.Py_ssize_t
    y: cython.short
    u: cython.short
    v: cython.short
    for x in range(width):
        y = (luma[luma_at + x] - 128) * 256 + (luma[luma_at + x] ^ 128)
        u = (us[us_at + x] - 128) * 256 + (us[us_at + x] ^ 128)
        v = (vs[vs_at + x] - 128) * 256 + (vs[vs_at + x] ^ 128)
        y = (y * by_luma) >> 16
        y = y + ((u * by_u) >> 16) + ((v * by_v) >> 16)
        y = -128 if y < -128 else 127 if y > 127 else y
        out[x] = y + 128


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _join(
    red: cython.p_uchar,
    green: cython.p_uchar,
    blue: cython.p_uchar,
    out: cython.p_uint,
    at: cython.Py_ssize_t,
    width: cython.Py_ssize_t,
) -> cython.void:
    x: cython.Py_ssize_t
    opaque: cython.uint = 255
    r: cython.uint
    g: cython.uint
    b: cython.uint
    for x in range(width):
        r = red[x]
        g = green[x]
        b = blue[x]
        out[at + x] = b | g << 8 | r << 16 | opaque << 24


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _double(
    samples: cython.p_uchar, at: cython.Py_ssize_t, out: cython.p_uchar, width: cython.Py_ssize_t
) -> cython.void:
    x: cython.Py_ssize_t
    for x in range(width >> 1):
        out[2 * x] = samples[at + x]
        out[2 * x + 1] = samples[at + x]
    if width & 1:
        out[width - 1] = samples[at + (width >> 1)]


def to_bgrx(
    planes: tuple[memoryview, memoryview, memoryview],
    strides: tuple[int, int, int],
    out: memoryview,
    scratch: memoryview,
    width: cython.Py_ssize_t,
    height: cython.Py_ssize_t,
    halved: tuple[bool, bool],
    factors: tuple[int, int, int, int, int],
) -> None:
    """Planes of bytes to words; chroma *halved* in width and height is repeated.

    The caller has seen to it that the rows lie in the planes, that *out* has width * height words and *scratch*
    5 * width bytes.
    """
    row: cython.Py_ssize_t
    line: cython.Py_ssize_t
    u_at: cython.Py_ssize_t
    v_at: cython.Py_ssize_t
    u: cython.p_uchar
    v: cython.p_uchar
    luma_stride: cython.Py_ssize_t
    u_stride: cython.Py_ssize_t
    v_stride: cython.Py_ssize_t
    luma_stride, u_stride, v_stride = strides
    narrow: cython.bint = halved[0]
    shift: cython.int = 1 if halved[1] else 0
    by_y: cython.short
    r_by_v: cython.short
    b_by_u: cython.short
    g_by_u: cython.short
    g_by_v: cython.short
    by_y, r_by_v, b_by_u, g_by_u, g_by_v = factors
    luma: cython.p_uchar = pointer(planes[0])
    us: cython.p_uchar = pointer(planes[1])
    vs: cython.p_uchar = pointer(planes[2])
    words: cython.p_uint = pointer32(out)
    red: cython.p_uchar = pointer(scratch[:width])
    green: cython.p_uchar = pointer(scratch[width : 2 * width])
    blue: cython.p_uchar = pointer(scratch[2 * width : 3 * width])
    wide_u: cython.p_uchar = pointer(scratch[3 * width : 4 * width])
    wide_v: cython.p_uchar = pointer(scratch[4 * width :])
    with cython.nogil:
        for row in range(height):
            line = row * luma_stride
            u = us
            v = vs
            u_at = (row >> shift) * u_stride
            v_at = (row >> shift) * v_stride
            if narrow:
                _double(us, u_at, wide_u, width)
                _double(vs, v_at, wide_v, width)
                u = wide_u
                v = wide_v
                u_at = v_at = 0
            _red_or_blue(luma, line, v, v_at, red, width, by_y, r_by_v)
            _red_or_blue(luma, line, u, u_at, blue, width, by_y, b_by_u)
            _green(luma, line, u, u_at, v, v_at, green, width, by_y, g_by_u, g_by_v)
            _join(red, green, blue, words, row * width, width)
