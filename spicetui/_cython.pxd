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

    /* NULL, with an exception set, when the object is no contiguous writable buffer. */
    static inline unsigned int *spicetui_words_of(PyObject *owner)
    {
        Py_buffer buffer;
        if (PyObject_GetBuffer(owner, &buffer, PyBUF_WRITABLE) < 0)
            return NULL;
        PyBuffer_Release(&buffer);
        return (unsigned int *) buffer.buf;
    }

    static inline unsigned int *spicetui_words_in(PyObject *bytes)
    {
        return (unsigned int *) (void *) PyBytes_AS_STRING(bytes);
    }

    /* The bytes of any buffer; a copy where they do not lie in one piece. NULL with an exception set on failure. */
    static unsigned char *spicetui_hold_at(Py_buffer *held, PyObject *data)
    {
        PyObject *view, *copy;
        if (PyObject_GetBuffer(data, held, PyBUF_SIMPLE) == 0)
            return (unsigned char *) held->buf;
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            return NULL;
        PyErr_Clear();
        view = PyMemoryView_FromObject(data);
        if (view == NULL)
            return NULL;
        copy = PyObject_CallMethod(view, "tobytes", NULL);
        Py_DECREF(view);
        if (copy == NULL || PyObject_GetBuffer(copy, held, PyBUF_SIMPLE) < 0)
            held->buf = NULL;
        Py_XDECREF(copy);
        return (unsigned char *) held->buf;
    }
    #define spicetui_hold(held, data) spicetui_hold_at(&(held), (data))
    #define spicetui_release(held) PyBuffer_Release(&(held))
    #define spicetui_length(held) ((held).len)

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

    static inline unsigned int spicetui_load32(const unsigned char *source, Py_ssize_t at)
    {
        source += at;
        return (unsigned int) source[0] << 24 | source[1] << 16 | source[2] << 8 | source[3];
    }

    static inline void spicetui_swap_words(unsigned char *to, const unsigned char *source, Py_ssize_t size)
    {
        Py_ssize_t at;
        for (at = 0; at < size; at += 4) {
            uint32_t word;
            memcpy(&word, source + at, 4);
            word = __builtin_bswap32(word);
            memcpy(to + at, &word, 4);
        }
    }

    static inline unsigned int spicetui_add8(unsigned int *sums, const unsigned int *terms)
    {
        unsigned int a, b, c, d;
        int i;
        for (i = 0; i < 8; i++)
            sums[i] += terms[i];
        a = sums[0] < sums[1] ? sums[0] : sums[1];
        b = sums[2] < sums[3] ? sums[2] : sums[3];
        c = sums[4] < sums[5] ? sums[4] : sums[5];
        d = sums[6] < sums[7] ? sums[6] : sums[7];
        a = a < b ? a : b;
        c = c < d ? c : d;
        return a < c ? a : c;
    }

    static inline int spicetui_clz64(unsigned long long value)
    {
        return value ? __builtin_clzll(value) : 64;
    }

    static inline unsigned long long spicetui_shl64(unsigned long long value, unsigned int count)
    {
        return value << (count & 63);
    }

    /* `room` words may be written: short copies then take 16 bytes at once and leave what follows undefined. */
    static inline void spicetui_copy_words(unsigned int *words, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count,
                                           Py_ssize_t room)
    {
        unsigned int *out = words + to, *end = out + count;
        const unsigned int *in = words + start;
        if (to - start == 1) {
            unsigned int word = *in;
            while (out < end)
                *out++ = word;
            return;
        }
        if (to - start >= 4) {
            if (room - count >= 3) {
                do {
                    memcpy(out, in, 16);
                    out += 4;
                    in += 4;
                } while (out < end);
                return;
            }
            for (; end - out >= 4; out += 4, in += 4)
                memcpy(out, in, 16);
        }
        while (out < end)
            *out++ = *in++;
    }

    static inline void spicetui_copy_bytes(unsigned char *data, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count,
                                           Py_ssize_t room)
    {
        unsigned char *out = data + to, *end = out + count;
        const unsigned char *in = data + start;
        if (to - start == 1) {
            memset(out, *in, count);
            return;
        }
        if (to - start >= 8) {
            if (room - count >= 7) {
                do {
                    memcpy(out, in, 8);
                    out += 8;
                    in += 8;
                } while (out < end);
                return;
            }
            for (; end - out >= 8; out += 8, in += 8)
                memcpy(out, in, 8);
        }
        while (out < end)
            *out++ = *in++;
    }

    static inline void spicetui_copy_between(unsigned int *words, Py_ssize_t to, const unsigned int *other,
                                             Py_ssize_t start, Py_ssize_t count)
    {
        memcpy(words + to, other + start, (size_t) count * 4);
    }

    static inline unsigned int spicetui_little(const unsigned char *source)
    {
        return source[0] | source[1] << 8 | source[2] << 16 | (unsigned int) source[3] << 24;
    }

    static inline void spicetui_unpack24(unsigned int *words, Py_ssize_t to, const unsigned char *source,
                                         Py_ssize_t at, Py_ssize_t count)
    {
        unsigned int *out = words + to;
        const unsigned char *in = source + at;
        for (; count >= 4; count -= 4, in += 12, out += 4) {
            unsigned int a = spicetui_little(in), b = spicetui_little(in + 4), c = spicetui_little(in + 8);
            out[0] = a & 0xffffff;
            out[1] = a >> 24 | (b & 0xffff) << 8;
            out[2] = b >> 16 | (c & 0xff) << 16;
            out[3] = c >> 8;
        }
        for (; count > 0; count--, in += 3)
            *out++ = in[0] | in[1] << 8 | in[2] << 16;
    }
    """
    unsigned char *bytes_of "(unsigned char *) spicetui_words_of" (object owner) except NULL
    unsigned int *words_of "spicetui_words_of" (object owner) except NULL
    object new_bytes "PyBytes_FromStringAndSize" (char *nothing, Py_ssize_t size)
    unsigned int *words_in "spicetui_words_in" (object bytes)
    unsigned char *as_bytes "(unsigned char *)" (unsigned int *words) nogil
    ctypedef struct Held "Py_buffer":
        pass
    unsigned char *hold "spicetui_hold" (Held held, object data) except NULL
    void release "spicetui_release" (Held held)
    Py_ssize_t length_of "spicetui_length" (Held held)
    void swap_words "spicetui_swap_words" (unsigned char *to, const unsigned char *source, Py_ssize_t size) nogil
    unsigned int add8 "spicetui_add8" (unsigned int *sums, const unsigned int *terms) nogil
    unsigned char *pointer "spicetui_pointer" (object view)
    unsigned short *pointer16 "spicetui_pointer16" (object view)
    unsigned int *pointer32 "spicetui_pointer32" (object view)
    unsigned int load32 "spicetui_load32" (const unsigned char *source, Py_ssize_t at) nogil
    unsigned long long load64 "spicetui_load64" (const unsigned char *source, Py_ssize_t at) nogil
    int clz64 "spicetui_clz64" (unsigned long long value) nogil
    unsigned long long shl64 "spicetui_shl64" (unsigned long long value, unsigned int count) nogil
    void copy_words "spicetui_copy_words" (unsigned int *words, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count, Py_ssize_t room) nogil
    void copy_bytes "spicetui_copy_bytes" (unsigned char *data, Py_ssize_t to, Py_ssize_t start, Py_ssize_t count, Py_ssize_t room) nogil
    void copy_between "spicetui_copy_between" (unsigned int *words, Py_ssize_t to, const unsigned int *other, Py_ssize_t start, Py_ssize_t count) nogil
    void unpack24 "spicetui_unpack24" (unsigned int *words, Py_ssize_t to, const unsigned char *source, Py_ssize_t at, Py_ssize_t count) nogil
