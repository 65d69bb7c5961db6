from spicetui._cython cimport (
    Held,
    copy_between,
    copy_words,
    hold,
    length_of,
    load32,
    load64,
    new_bytes,
    release,
    unpack24,
    words_in,
    words_of,
)

cdef class References:
    cdef unsigned long long distances[64]
    cdef unsigned int *places[64]
    cdef Py_ssize_t counts[64]
