from spicetui._cython cimport pointer32
