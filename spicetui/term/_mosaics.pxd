from spicetui._cython cimport pointer, pointer32
