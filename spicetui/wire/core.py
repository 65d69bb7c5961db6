"""How a message is declared, and the codec that is generated from the declaration.

A message or structure is a class with annotations in wire order; :func:`struct` makes it a class with slots and
``read(reader)`` and ``write(writer, value)``.  Runs of fixed scalars, nested structures included, are read by one
``unpack_from``.  What depends on data (a clip, a brush, an image) is a class with ``read`` and ``write`` written by
hand on the bounded :class:`Reader` and :class:`Writer`.

Everything is little-endian and unaligned.  A *pointer* is a u32 offset from the start of the message body, 0 for
none; the pointed-to data follows the fixed part (spice.proto calls it ``@ptr``).
"""

from __future__ import annotations

import re
import struct as _struct
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Generic, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from ..errors import WireError
from ..geometry import Point, Rect

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview


#: Of one list. As objects they take many times their bytes, and the largest bodies would fill the memory.
MAX_ITEMS = 1 << 20


class Reader:
    """A bounded cursor over one message body; every step is checked, errors name message and offset."""

    __slots__ = ("data", "end", "name", "pos")

    def __init__(self, data: Buffer, name: str = "message", pos: int = 0) -> None:
        self.data = memoryview(data)
        self.name = name
        self.pos = pos
        self.end = len(self.data)

    def error(self, reason: str) -> WireError:
        return WireError(self.name, self.pos, reason)

    @property
    def remaining(self) -> int:
        return self.end - self.pos

    def need(self, size: int) -> int:
        """Checks that *size* bytes are left, steps over them, returns where they start."""
        pos = self.pos
        if size > self.end - pos:
            raise self.error(f"truncated, {size} bytes needed and {self.end - pos} left")
        self.pos = pos + size
        return pos

    def unpack(self, fields: _struct.Struct) -> tuple[Any, ...]:
        return fields.unpack_from(self.data, self.need(fields.size))

    def u8(self) -> int:
        return self.data[self.need(1)]

    def u16(self) -> int:
        return typing.cast(int, _U16.unpack_from(self.data, self.need(2))[0])

    def u32(self) -> int:
        return typing.cast(int, _U32.unpack_from(self.data, self.need(4))[0])

    def u64(self) -> int:
        return typing.cast(int, _U64.unpack_from(self.data, self.need(8))[0])

    def take(self, size: int) -> memoryview:
        pos = self.need(size)
        return self.data[pos : pos + size]

    def rest(self) -> memoryview:
        return self.take(self.end - self.pos)

    def items(self, count: int, size: int) -> int:
        """Checks that *count* items of at least *size* bytes can follow before anything is allocated."""
        if count > MAX_ITEMS:
            raise self.error(f"{count} items, at most {MAX_ITEMS} are taken")
        if count * size > self.end - self.pos:
            raise self.error(f"{count} items of {size} bytes do not fit in the {self.end - self.pos} left")
        return count

    def at(self, offset: int) -> Reader:
        """A reader of the same body at a pointer's target."""
        if not 0 < offset <= self.end:
            raise self.error(f"pointer {offset} outside the body of {self.end} bytes")
        return Reader(self.data, self.name, offset)


class Writer:
    """Collects one message body; what pointers lead to is appended after the fixed part, in order."""

    __slots__ = ("_later", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._later: list[tuple[int, Callable[[Writer, Any], None], Any]] = []

    def pack(self, fields: _struct.Struct, *values: Any) -> None:
        self.data += fields.pack(*values)

    def u8(self, value: int) -> None:
        self.data += _U8.pack(value)

    def u16(self, value: int) -> None:
        self.data += _U16.pack(value)

    def u32(self, value: int) -> None:
        self.data += _U32.pack(value)

    def u64(self, value: int) -> None:
        self.data += _U64.pack(value)

    def raw(self, data: Buffer) -> None:
        self.data += data

    def pointer(self, write: Callable[[Writer, Any], None], value: Any) -> None:
        """A u32 pointer to *value*, written later by *write*; 0 for None."""
        if value is not None:
            self._later.append((len(self.data), write, value))
        self.data += b"\0\0\0\0"

    def finish(self) -> bytes:
        while self._later:
            at, write, value = self._later.pop(0)
            _U32.pack_into(self.data, at, len(self.data))
            write(self, value)
        return bytes(self.data)


_U8, _U16, _U32, _U64 = (_struct.Struct("<" + code) for code in "BHIQ")


class Fixed:
    """A type of fixed size: struct codes, and how its value is built from and split into scalars (as expressions)."""

    __slots__ = ("build", "codes", "split")

    def __init__(
        self,
        codes: str,
        build: Callable[[list[str]], str] = lambda names: names[0],
        split: Callable[[str], list[str]] = lambda value: [value],
    ) -> None:
        self.codes, self.build, self.split = codes, build, split


class Rest:
    """All bytes up to the end of the body."""

    def read(self, reader: Reader) -> memoryview:
        return reader.rest()

    def write(self, writer: Writer, value: Buffer) -> None:
        writer.raw(value)


class Bytes:
    """Bytes behind their count."""

    def __init__(self, count: str) -> None:
        self.count = _struct.Struct("<" + count)

    def read(self, reader: Reader) -> memoryview:
        return reader.take(reader.unpack(self.count)[0])

    def write(self, writer: Writer, value: Buffer) -> None:
        writer.pack(self.count, len(value))
        writer.raw(value)


class Array:
    """Items behind their count."""

    def __init__(self, count: str, item: Any) -> None:
        self.count = _struct.Struct("<" + count)
        self.item = item

    def read(self, reader: Reader) -> list[Any]:
        codec = codec_of(self.item)
        count = reader.items(reader.unpack(self.count)[0], codec.min_size)
        read = codec.read
        return [read(reader) for _ in range(count)]

    def write(self, writer: Writer, value: list[Any]) -> None:
        writer.pack(self.count, len(value))
        write = codec_of(self.item).write
        for item in value:
            write(writer, item)


class Pointer:
    """A pointer to one structure."""

    def __init__(self, target: Any, optional: bool = True) -> None:
        self.target = target
        self.optional = optional

    def read(self, reader: Reader) -> Any:
        offset = reader.u32()
        if offset == 0:
            if self.optional:
                return None
            raise reader.error("a pointer that must not be null is null")
        return codec_of(self.target).read(reader.at(offset))

    def write(self, writer: Writer, value: Any) -> None:
        writer.pointer(codec_of(self.target).write, value)


u8 = Annotated[int, Fixed("B")]
u16 = Annotated[int, Fixed("H")]
u32 = Annotated[int, Fixed("I")]
u64 = Annotated[int, Fixed("Q")]
i16 = Annotated[int, Fixed("h")]
i32 = Annotated[int, Fixed("i")]
i64 = Annotated[int, Fixed("q")]
uuid16 = Annotated[bytes, Fixed("16s")]
rest = Annotated[Buffer, Rest()]
data32 = Annotated[Buffer, Bytes("I")]
point = Annotated[Point, Fixed("ii", lambda n: f"Point({n[0]}, {n[1]})", lambda v: [f"{v}.x", f"{v}.y"])]
point16 = Annotated[Point, Fixed("hh", lambda n: f"Point({n[0]}, {n[1]})", lambda v: [f"{v}.x", f"{v}.y"])]
# The wire's order is top, left, bottom, right.
rect = Annotated[
    Rect,
    Fixed(
        "iiii",
        lambda n: f"Rect({n[1]}, {n[0]}, {n[3]} - {n[1]}, {n[2]} - {n[0]})",
        lambda v: [f"{v}.y", f"{v}.x", f"{v}.y + {v}.height", f"{v}.x + {v}.width"],
    ),
]


class Codec(Generic[T]):
    """Reader and writer of one type, and the least bytes that a value takes."""

    __slots__ = ("fixed", "min_size", "read", "write")

    def __init__(
        self,
        read: Callable[[Reader], T],
        write: Callable[[Writer, T], None],
        min_size: int,
        fixed: Fixed | None = None,
    ) -> None:
        self.read, self.write, self.min_size, self.fixed = read, write, min_size, fixed


_codecs: dict[Any, Codec[Any]] = {}


def codec_of(kind: Any) -> Codec[Any]:
    """The codec of a structure class or an annotated type, generated when first asked for."""
    key = kind if isinstance(kind, type) else id(kind)
    found = _codecs.get(key)
    if found is None:
        found = _codecs[key] = _make_codec(kind)
    return found


def _make_codec(kind: Any) -> Codec[Any]:
    if get_origin(kind) is Annotated:
        meta = get_args(kind)[1]
        if isinstance(meta, Fixed):
            return _compile([("value", meta)], "value", ["value"], kind_name="scalar", fixed=meta)
        return Codec(meta.read, meta.write, getattr(meta, "min_size", 0))
    if hasattr(kind, "read"):  # by hand
        return Codec(kind.read, kind.write, getattr(kind, "min_size", 1))
    fields = [(name, _field_type(hint)) for name, hint in _hints(kind)]
    return _compile(fields, None, None, kind_name=kind.__name__, kind=kind)


def _hints(kind: type) -> Iterable[tuple[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(name, hints[name]) for name in kind.__match_args__]  # type: ignore[attr-defined]


def _field_type(hint: Any) -> Any:
    """What reads and writes a field: a Fixed, or an object with read and write."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1]
    codec = codec_of(hint)
    return codec.fixed if codec.fixed is not None else codec


def _compile(
    fields: list[tuple[str, Any]],
    build: str | None,
    split: list[str] | None,
    *,
    kind_name: str,
    kind: type | None = None,
    fixed: Fixed | None = None,
) -> Codec[Any]:
    env: dict[str, Any] = {"Point": Point, "Rect": Rect, "_error": _struct.error, "WireError": WireError}
    if kind is not None:
        env[kind.__name__] = kind
    read_lines: list[str] = []
    write_lines: list[str] = []
    values: list[str] = []
    min_size = 0
    run: list[tuple[str, Fixed]] = []

    def flush() -> None:
        nonlocal min_size
        if not run:
            return
        codes = "".join(item.codes for _, item in run)
        name = f"_s{len(env)}"
        env[name] = fields_struct = _struct.Struct("<" + codes)
        min_size += fields_struct.size
        names: list[str] = []
        parts: list[str] = []
        for field, item in run:
            own = [f"{field}_{i}" for i in range(_scalars(item.codes))]
            names += own
            values.append(item.build(own))
            env.update(getattr(item, "env", {}))
            parts += item.split("value" if kind is None else f"value.{field}")
        read_lines.append(f"{', '.join(names)}, = {name}.unpack_from(r.data, r.need({fields_struct.size}))")
        write_lines.append(f"w.data += {name}.pack({', '.join(parts)})")
        run.clear()

    for field, item in fields:
        if isinstance(item, Fixed):
            run.append((field, item))
            continue
        flush()
        env[f"_t_{field}"] = item
        read_lines.append(f"{field} = _t_{field}.read(r)")
        write_lines.append(f"_t_{field}.write(w, value.{field})")
        values.append(field)
        min_size += getattr(item, "min_size", 0)
    flush()
    result = f"{kind.__name__}({', '.join(values)})" if kind else values[0]
    source = (
        "def read(r):\n " + "\n ".join([*read_lines, f"return {result}"]) + "\n"
        "def write(w, value):\n try:\n  " + "\n  ".join(write_lines or ["pass"]) + "\n"
        f" except _error as e:\n  raise WireError({kind_name!r}, len(w.data), str(e)) from None\n"
    )
    exec(compile(source, f"<codec of {kind_name}>", "exec"), env)
    if fixed is None and kind is not None and all(isinstance(item, Fixed) for _, item in fields):
        fixed = _nested(kind, [(f, item) for f, item in fields])
    return Codec(env["read"], env["write"], min_size, fixed)


def _scalars(codes: str) -> int:
    return len(re.findall(r"\d*s|[a-zA-Z]", codes))


class _Nested(Fixed):
    __slots__ = ("env",)
    env: dict[str, Any]


def _nested(kind: type, fields: list[tuple[str, Fixed]]) -> Fixed:
    """A structure of fixed fields, so that it merges into the run of the structure that holds it."""

    def build(names: list[str]) -> str:
        parts, at = [], 0
        for _, item in fields:
            count = _scalars(item.codes)
            parts.append(item.build(names[at : at + count]))
            at += count
        return f"{kind.__name__}({', '.join(parts)})"

    def split(value: str) -> list[str]:
        return [part for field, item in fields for part in item.split(f"{value}.{field}")]

    nested = _Nested("".join(item.codes for _, item in fields), build, split)
    nested.env = {kind.__name__: kind}
    for _, item in fields:
        nested.env.update(getattr(item, "env", {}))
    return nested


class _Struct:
    """What all structures share; a plain base class costs a tenth of what dataclasses take to make each class."""

    __slots__ = ()
    __match_args__: typing.ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    __hash__ = None  # type: ignore[assignment]  # mutable, as dataclasses have it


@dataclass_transform()
def struct(cls: type[T]) -> type[T]:
    """Makes a class with annotations in wire order a structure: slots, constructor, equality, repr."""
    names = tuple(cls.__annotations__)
    body = "\n ".join(f"self.{name} = {name}" for name in names) or "pass"
    made: dict[str, Any] = {}
    exec(f"def __init__({', '.join(('self', *names))}):\n {body}", made)
    members = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    members |= {
        "__slots__": names,
        "__match_args__": names,
        "__init__": made["__init__"],
        "__qualname__": cls.__qualname__,
    }
    return typing.cast("type[T]", type(cls.__name__, (_Struct,), members))


def read(kind: type[T], data: Buffer) -> T:
    """Reads one *kind* from the whole of *data*."""
    return typing.cast(T, codec_of(kind).read(Reader(data, kind.__name__)))


def write(value: Any) -> bytes:
    """The bytes of a structure, pointed-to parts included."""
    writer = Writer()
    codec_of(type(value)).write(writer, value)
    return writer.finish()


class Messages:
    """The messages of one channel type, by direction and number; *base* holds those that every channel has."""

    def __init__(self, name: str, base: Messages | None = None) -> None:
        self.name = name
        self.from_server: dict[int, type] = dict(base.from_server) if base else {}
        self.from_client: dict[int, type] = dict(base.from_client) if base else {}
        self.server_number: dict[type, int] = dict(base.server_number) if base else {}
        self.client_number: dict[type, int] = dict(base.client_number) if base else {}

    def server(self, number: int) -> Declare:
        """Declares a message that the server sends."""
        return _declare(number, self.from_server, self.server_number)

    def client(self, number: int) -> Declare:
        """Declares a message that the client sends."""
        return _declare(number, self.from_client, self.client_number)

    def both(self, number: int) -> Declare:
        """Declares a message that both sides send."""

        def declare(cls: type[T]) -> type[T]:
            return self.client(number)(self.server(number)(cls))

        return declare


class Declare(typing.Protocol):
    """A decorator that makes a class a message."""

    def __call__(self, cls: type[T], /) -> type[T]: ...


def _declare(number: int, by_number: dict[int, type], numbers: dict[type, int]) -> Declare:
    def declare(cls: type[T]) -> type[T]:
        made = cls if issubclass(cls, _Struct) else struct(cls)
        by_number[number] = made
        numbers[made] = number
        return made

    return declare


def handler_name(kind: type) -> str:
    """The method that handles a message: ``DrawCopy`` is handled by ``on_draw_copy``."""
    return "on_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()
