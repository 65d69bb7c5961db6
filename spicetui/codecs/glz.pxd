from spicetui._cython cimport copy_between, copy_words, pointer, pointer32, unpack24

cdef class References:
    cdef unsigned long long distances[64]
    cdef unsigned int *places[64]
    cdef Py_ssize_t counts[64]
