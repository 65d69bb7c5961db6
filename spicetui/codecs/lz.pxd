from spicetui._cython cimport copy_bytes, copy_words, pointer, pointer32, unpack24
