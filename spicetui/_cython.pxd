# cython: language_level=3
# Small C functions for the compiled kernels. Each has a twin of the same name in _cython.py.

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define SPICETUI_BE64(x) (x)
    #else
    #define SPICETUI_BE64(x) __builtin_bswap64(x)
    #endif

    static inline unsigned char *spicetui_pointer(PyObject *view)
    {
        return (unsigned char *) PyMemoryView_GET_BUFFER(view)->buf;
    }

    static inline unsigned short *spicetui_pointer16(PyObject *view)
    {
        return (unsigned short *) PyMemoryView_GET_BUFFER(view)->buf;
    }

    static inline unsigned int *spicetui_pointer32(PyObject *view)
    {
        return (unsigned int *) PyMemoryView_GET_BUFFER(view)->buf;
    }

    static inline unsigned long long spicetui_load64(const unsigned char *source, Py_ssize_t at)
    {
        uint64_t word;
        memcpy(&word, source + at, 8);
        return SPICETUI_BE64(word);
    }

    static inline int spicetui_clz64(unsigned long long value)
    {
        return value ? __builtin_clzll(value) : 64;
    }

    static inline unsigned long long spicetui_shl64(unsigned long long value, unsigned int count)
    {
        return value << (count & 63);
    }

    /* 16 bytes at a time where the distance lets them not meet; never writes beyond `count`. */
    static inline void spicetui_copy_words(unsigned int *words, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count)
    {
        unsigned int *out = words + to, *end = out + count;
        const unsigned int *in = words + start;
        if (to - start == 1) {
            unsigned int word = *in;
            while (out < end)
                *out++ = word;
            return;
        }
        if (to - start >= 4)
            for (; end - out >= 4; out += 4, in += 4)
                memcpy(out, in, 16);
        while (out < end)
            *out++ = *in++;
    }

    static inline void spicetui_copy_bytes(unsigned char *data, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count)
    {
        unsigned char *out = data + to, *end = out + count;
        const unsigned char *in = data + start;
        if (to - start == 1) {
            memset(out, *in, count);
            return;
        }
        if (to - start >= 16)
            for (; end - out >= 16; out += 16, in += 16)
                memcpy(out, in, 16);
        while (out < end)
            *out++ = *in++;
    }

    static inline void spicetui_copy_between(unsigned int *words, Py_ssize_t to, const unsigned int *other,
                                             Py_ssize_t start, Py_ssize_t count)
    {
        memcpy(words + to, other + start, (size_t) count * 4);
    }

    static inline unsigned int spicetui_load32(const unsigned char *source)
    {
        return source[0] | source[1] << 8 | source[2] << 16 | (unsigned int) source[3] << 24;
    }

    static inline void spicetui_unpack24(unsigned int *words, Py_ssize_t to, const unsigned char *source,
                                         Py_ssize_t at, Py_ssize_t count)
    {
        unsigned int *out = words + to;
        const unsigned char *in = source + at;
        for (; count >= 4; count -= 4, in += 12, out += 4) {
            unsigned int a = spicetui_load32(in), b = spicetui_load32(in + 4), c = spicetui_load32(in + 8);
            out[0] = a & 0xffffff;
            out[1] = a >> 24 | (b & 0xffff) << 8;
            out[2] = b >> 16 | (c & 0xff) << 16;
            out[3] = c >> 8;
        }
        for (; count > 0; count--, in += 3)
            *out++ = in[0] | in[1] << 8 | in[2] << 16;
    }
    """
    unsigned char *pointer "spicetui_pointer" (object view)
    unsigned short *pointer16 "spicetui_pointer16" (object view)
    unsigned int *pointer32 "spicetui_pointer32" (object view)
    unsigned long long load64 "spicetui_load64" (const unsigned char *source, Py_ssize_t at) nogil
    int clz64 "spicetui_clz64" (unsigned long long value) nogil
    unsigned long long shl64 "spicetui_shl64" (unsigned long long value, unsigned int count) nogil
    void copy_words "spicetui_copy_words" (unsigned int *words, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count) nogil
    void copy_bytes "spicetui_copy_bytes" (unsigned char *data, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count) nogil
    void copy_between "spicetui_copy_between" (unsigned int *words, Py_ssize_t to, const unsigned int *other, Py_ssize_t start, Py_ssize_t count) nogil
    void unpack24 "spicetui_unpack24" (unsigned int *words, Py_ssize_t to, const unsigned char *source, Py_ssize_t at, Py_ssize_t count) nogil
