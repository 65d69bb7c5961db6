from spicetui._cython cimport clz64, load64, pointer, pointer16, pointer32, shl64
