from spicetui._cython cimport pointer16, pointer32
