"""What the writer wrote is read back the same; what is cut short or broken is refused with WireError alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spicetui.errors import WireError
from spicetui.wire import common, core, cursor, display, image, link, main, playback

from . import strategies

KINDS = strategies.all_messages()
by_name = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: kind.__module__.rsplit(".", 1)[1] + "." + kind.__name__
)
patient = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ends_open(kind: Any) -> bool:
    """Whether the last field runs to the end of the body, so that a shorter body can be whole too."""
    if kind is cursor.CursorShape:
        return True
    if kind in strategies.BY_HAND or not kind.__match_args__:
        return False
    hint = get_type_hints(kind, include_extras=True)[kind.__match_args__[-1]]
    if get_origin(hint) is Annotated:
        return isinstance(get_args(hint)[1], core.Rest)
    return ends_open(hint)


@by_name
@patient
@given(st.data())
def test_round_trip(kind: type, data: st.DataObject) -> None:
    message = data.draw(strategies.of(kind))
    written = core.write(message)
    read: object = core.read(kind, written)
    assert read == message
    assert core.write(read) == written


@by_name
@patient
@given(st.data())
def test_every_prefix_is_refused(kind: type, data: st.DataObject) -> None:
    written = core.write(data.draw(strategies.of(kind)))
    for size in range(len(written)):
        if ends_open(kind):
            try:
                read: object = core.read(kind, written[:size])
            except WireError:
                continue
            assert core.write(read) == written[:size]
        else:
            with pytest.raises(WireError):
                core.read(kind, written[:size])


@by_name
@patient
@given(st.binary(max_size=200))
def test_garbage_raises_wire_errors_only(kind: type, garbage: bytes) -> None:
    read_or_refuse(kind, garbage)


@by_name
@patient
@given(st.data(), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_raises_wire_errors_only(kind: type, data: st.DataObject, at: int, value: int) -> None:
    written = bytearray(core.write(data.draw(strategies.of(kind))))
    if written:
        written[at % len(written)] = value
        read_or_refuse(kind, written)


def read_or_refuse(kind: type, data: core.Buffer) -> None:
    """Any other exception than WireError fails the test."""
    offset = 0
    try:
        core.read(kind, data)
    except WireError as error:
        offset = error.offset
    assert 0 <= offset <= len(data)


@patient
@given(st.sets(st.integers(0, 100), max_size=6), st.sets(st.integers(0, 100), max_size=6), strategies.u32)
def test_link_round_trip(common_caps: set[int], channel_caps: set[int], connection: int) -> None:
    message = link.LinkMessage(connection, 2, 3, frozenset(common_caps), frozenset(channel_caps))
    body = message.pack()[16:]
    assert link.LinkMessage.unpack(body) == message
    for size in range(len(body)):
        with pytest.raises(WireError):
            link.LinkMessage.unpack(body[:size])


@patient
@given(st.binary(max_size=400))
def test_link_garbage(garbage: bytes) -> None:
    for kind in (link.LinkMessage, link.LinkReply):
        try:
            kind.unpack(garbage)
        except WireError:
            pass


# --- numbers that lie


def lies() -> Iterator[tuple[str, type, bytes]]:
    most = b"\xff\xff\xff\xff"
    base = bytes(4) + bytes(16)
    yield "channel list", main.ChannelsList, most + b"\x02\x00"
    yield "clip", display.DrawBlackness, base + b"\x01" + most + bytes(64)
    yield "path", display.Path, most + bytes(64)
    yield "segment", display.PathSegment, b"\x00" + most + bytes(64)
    yield "string", display.String, b"\xff\xff\x01" + bytes(64)
    yield "palette", image.Palette, bytes(8) + b"\xff\xff" + bytes(64)
    yield "heads", display.MonitorsConfig, b"\xff\xff\xff\xff" + bytes(64)
    yield "wait list", common.WaitForChannels, b"\xff" + bytes(64)
    yield "notify", common.Notify, bytes(20) + most + b"text"
    yield "resources", display.InvalList, b"\xff\xff" + bytes(64)
    yield "volumes", playback.Volume, b"\xff" + bytes(64)
    yield "binary", image.Image, bytes(8) + b"\x65\x00" + bytes(8) + most + b"data"
    yield "bitmap rows", image.Image, bytes(8) + b"\x00\x00" + bytes(8) + b"\x08\x00" + most * 3 + bytes(32)


@pytest.mark.parametrize(("kind", "data"), [lie[1:] for lie in lies()], ids=[lie[0] for lie in lies()])
def test_counts_beyond_the_body_are_refused(kind: type, data: bytes) -> None:
    with pytest.raises(WireError):
        core.read(kind, data)


def test_lists_are_bounded_however_large_the_body() -> None:
    """Of such a body a list of objects would take gigabytes."""
    count = core.MAX_ITEMS + 1
    clip = struct.pack("<BI", 1, count) + bytes(16 * count)
    with pytest.raises(WireError, match="items, at most"):
        core.read(display.Clip, clip)
    half = core.MAX_ITEMS // 2 + 1
    segment = struct.pack("<BI", 1, half) + bytes(8 * half)
    with pytest.raises(WireError, match="points"):
        core.read(display.Path, struct.pack("<I", 2) + segment + segment)


def test_a_null_path_is_refused() -> None:
    data = bytes(21) + bytes(4) + bytes(20)
    with pytest.raises(WireError, match="null"):
        core.read(display.DrawStroke, data)


def test_values_out_of_range_are_refused_by_the_writer() -> None:
    with pytest.raises(WireError):
        core.write(main.MultiMediaTime(1 << 32))
