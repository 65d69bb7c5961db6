from spicetui._cython cimport as_bytes, pointer, pointer16, pointer32

cdef unsigned int scale(unsigned int x, unsigned int a) nogil
cdef unsigned int scale4(unsigned int x, unsigned int m) nogil
cdef unsigned int add(unsigned int x, unsigned int y) nogil
