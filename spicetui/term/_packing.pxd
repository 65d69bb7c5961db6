from spicetui._cython cimport pointer, pointer16, pointer32
