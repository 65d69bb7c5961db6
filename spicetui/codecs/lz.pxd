from spicetui._cython cimport (
    Held,
    as_bytes,
    bytes_of,
    copy_bytes,
    copy_words,
    hold,
    length_of,
    load32,
    pointer32,
    release,
    unpack24,
    words_of,
)
