from spicetui._cython cimport load64, pointer, pointer16, pointer32
