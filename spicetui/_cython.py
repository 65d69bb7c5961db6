"""What a compiled kernel needs when it is not compiled, so that Cython is never needed at run time.

A kernel is a module in Cython's pure mode that is named in pyproject.toml (``[tool.spicetui] kernels``).  It begins
with ::

    try:
        from spicetui import _cython as cython
    except ImportError:
        import cython

Only the Cython compiler follows the second import: it then knows the name ``cython``, while the interpreter takes
the stand-ins below.  Next come the twins of the inline C functions in ``_cython.pxd``; the kernel's own .pxd has
``from spicetui._cython cimport ...`` and its .py has the same import under ``if not cython.compiled``.

``SPICETUI_PURE=1`` in the environment makes the interpreter pass over compiled kernels.  For that this module must be
imported before them, which the package of each kernel does in its ``__init__``.
"""

from __future__ import annotations

import _thread
import builtins
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

compiled = False
NULL = None

# C types. The kernels' annotations use them; the interpreter has int for numbers and views for pointers.
uchar: TypeAlias = builtins.int
short: TypeAlias = builtins.int
ushort: TypeAlias = builtins.int
uint: TypeAlias = builtins.int
longlong: TypeAlias = builtins.int
ulonglong: TypeAlias = builtins.int
Py_ssize_t: TypeAlias = builtins.int
int: TypeAlias = builtins.int
bint: TypeAlias = bool
void: TypeAlias = None
p_uchar: TypeAlias = memoryview
p_ushort: TypeAlias = memoryview
p_uint: TypeAlias = memoryview


def cfunc(function: T) -> T:
    return function


cclass = final = inline = no_gc = cfunc


def exceptval(*, check: bool) -> Callable[[T], T]:
    return cfunc


class _NoGil:
    """Both ``@cython.nogil`` and ``with cython.nogil:``."""

    def __call__(self, function: T) -> T:
        return function

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


nogil = _NoGil()
_lock = _thread.RLock()


def critical_section(owner: object) -> _thread.RLock:
    """Compiled it is nothing where a thread keeps the interpreter lock, and else a lock of the owner's own."""
    return _lock


def address(value: T) -> memoryview:
    """Only compiled code has addresses; what else asks for one has forgotten ``cython.compiled``."""
    raise TypeError("no address in interpreted code")


def pointer(view: memoryview) -> memoryview:
    """The bytes of a contiguous view; the compiled one does not keep the view alive."""
    return view.cast("B")


def pointer16(view: memoryview) -> memoryview:
    return view.cast("B").cast("H")


def pointer32(view: memoryview) -> memoryview:
    return view.cast("B").cast("I")


def words_of(owner: Any) -> memoryview:
    """The words of a contiguous writable object, which the caller keeps alive and at its size."""
    return memoryview(owner).cast("B").cast("I")


def bytes_of(owner: Any) -> memoryview:
    return memoryview(owner).cast("B")


def new_bytes(nothing: None, size: int) -> bytearray:
    """Memory to be filled through `words_in` before anybody else has it; compiled it is a bytes object."""
    return bytearray(size)


def words_in(memory: bytearray) -> memoryview:
    return memoryview(memory).cast("I")


def as_bytes(words: memoryview) -> memoryview:
    return words.cast("B")


class Held:
    """A buffer that a kernel reads from, between `hold` and `release`."""

    view: memoryview


def hold(held: Held, data: Any) -> memoryview:
    """The bytes of any object with the buffer protocol; a copy where they do not lie in one piece."""
    view = memoryview(data)
    held.view = view if view.c_contiguous else memoryview(view.tobytes())
    return held.view.cast("B")


def release(held: Held) -> None:
    held.view.release()


def length_of(held: Held) -> int:
    return held.view.nbytes


def swap_words(to: memoryview, source: memoryview, size: int) -> None:
    """Copy `size` bytes, a multiple of four, with the bytes of each word in reverse order."""
    for byte in range(4):
        to[byte:size:4] = source[3 - byte : size : 4]


def add8(sums: memoryview, terms: memoryview) -> int:
    """Add eight terms to eight sums and return the least sum."""
    for index in range(8):
        sums[index] += terms[index]
    return min(sums[:8])


def shl64(value: int, count: int) -> int:
    """`value << count` without the bits beyond 64; `count` < 64."""
    return (value << count) & 0xFFFFFFFFFFFFFFFF


def clz64(value: int) -> int:
    """How many zero bits lead; 64 for 0."""
    return 64 - value.bit_length()


def load32(source: memoryview, at: int) -> int:
    """Four bytes, the first one most significant."""
    return int.from_bytes(source[at : at + 4], "big")


def load64(source: memoryview, at: int) -> int:
    """Eight bytes, the first one most significant."""
    return int.from_bytes(source[at : at + 8], "big")


def copy_words(words: memoryview, to: int, start: int, count: int, room: int) -> None:
    """Copy forwards inside `words`; what has just been written is read again where the ranges overlap.

    What lies behind the `count` words, up to the end of `room` words, is undefined afterwards.
    """
    step = to - start
    while 0 < step < count:
        words[to : to + step] = words[start : start + step]
        to += step
        count -= step
        step *= 2
    words[to : to + count] = words[start : start + count]


copy_bytes = copy_words


def copy_between(words: memoryview, to: int, other: memoryview, start: int, count: int) -> None:
    words[to : to + count] = other[start : start + count]


def unpack24(words: memoryview, to: int, source: memoryview, at: int, count: int) -> None:
    """`count` words of three bytes each, least significant first."""
    for index in range(to, to + count):
        words[index] = source[at] | source[at + 1] << 8 | source[at + 2] << 16
        at += 3


def prefer_sources() -> None:
    """Let imports under this package pass over compiled modules."""
    if not any(isinstance(finder, _SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SourceFinder())


def binary(module: str) -> Path | None:
    """The compiled file that `import module` takes (or has taken); None where the source runs.  Imports nothing."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        spec = importlib.util.find_spec(module)
        origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)) else None


def source_hash(source: Path) -> str:
    """Of the kernel whose .py is `source`, with its .pxd and ours; the build backend computes the same."""
    import hashlib  # only checks come here

    digest = hashlib.sha256()
    for path in (source, source.with_suffix(".pxd"), Path(__file__).with_suffix(".pxd")):
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def stale(module: str) -> bool:
    """Whether the compiled file of `module` was made from other sources than those beside it."""
    path = binary(module)
    if path is None:
        return False
    source = path.with_name(path.name.partition(".")[0] + ".py")
    return f"spicetui-source:{source_hash(source)}:".encode() not in path.read_bytes()


class _SourceFinder:
    """Finds our modules as the usual finder does, but never a compiled one."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("spicetui.") or path is None:
            return None
        loader: Any = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        for folder in path:
            spec = importlib.machinery.FileFinder(folder, loader).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        return None

    def invalidate_caches(self) -> None:
        pass


if os.environ.get("SPICETUI_PURE", "0") not in ("", "0"):
    prefer_sources()
