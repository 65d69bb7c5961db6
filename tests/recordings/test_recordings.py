"""Recordings of real programs, read, written again, and shown."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from peer.driver import RecordingDriver
from peer.fake_server import CURSOR, DISPLAY, FULL_HEADERS, INPUTS, MAIN, MESSAGES, MINI_HEADERS, FakeServer

import spicetui
from spicetui import ChannelKey
from spicetui.protocol.channel import ChannelMachine
from spicetui.wire import common, core, cursor, display, inputs, main
from spicetui.wire.enums import ChannelType, ImageType

from . import Recording, load, names

RECORDINGS = [load(name) for name in names()]
KEYS = {"main": MAIN, "display": DISPLAY, "inputs": INPUTS, "cursor": CURSOR}
every = pytest.mark.parametrize("recording", RECORDINGS, ids=str)

#: What each kind of channel must have said in every recording of a server.
ALWAYS: dict[str, set[type]] = {
    "main": {main.Init, main.ChannelsList, common.Ping, common.Notify},
    "display": {display.SurfaceCreate, display.MonitorsConfig, display.DrawCopy, display.Mark, common.SetAck},
    "inputs": {inputs.InputsInit, inputs.LedModifiers, inputs.MouseMotionAck},
    "cursor": {cursor.CursorInit, common.SetAck},
}


def machine(recording: Recording) -> ChannelMachine:
    messages = MESSAGES[ChannelType[recording.channel.upper()]]
    return ChannelMachine(messages, recording.mini_header, client=recording.from_server)


def messages(recording: Recording, chunk: int = 1 << 20) -> list[tuple[Any, bytes]]:
    """Each message and its body."""
    reader = machine(recording)
    found = []
    for at in range(0, len(recording.data), chunk):
        for raw in reader.receive(recording.data[at : at + chunk]):
            found.append((reader.read(raw).message, bytes(raw.body)))
            reader.handled(raw)
    assert reader.at_boundary
    return found


def named(prefix: str, channel: str) -> Recording:
    return next(one for one in RECORDINGS if one.name == f"{prefix}-{channel}")


def test_they_are_all_here() -> None:
    programs = {one.name.rsplit("-", 1)[0] for one in RECORDINGS}
    assert programs == {"qemu-std", "qemu-qxl", "xspice-quic", "xspice-glz", "spice-gtk"}
    assert len(RECORDINGS) == 4 * len(programs)
    assert sum(len(one.data) for one in RECORDINGS) < 300_000
    assert {one.mini_header for one in RECORDINGS} == {True, False}


@every
def test_every_message_is_known(recording: Recording) -> None:
    kinds = Counter(type(message) for message, _ in messages(recording))
    assert type(None) not in kinds
    if recording.from_server:
        assert set(kinds) >= ALWAYS[recording.channel]


@every
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_chunks_mean_nothing(recording: Recording, chunk: int) -> None:
    size = min(len(recording.data), 6000 * chunk)
    short = Recording(**(recording.__dict__ | {"data": recording.data[:size]}))
    reader, other = machine(short), machine(short)
    whole = [(raw.number, bytes(raw.body)) for raw in reader.receive(short.data)]
    pieces = [
        (raw.number, bytes(raw.body))
        for at in range(0, size, chunk)
        for raw in other.receive(short.data[at : at + chunk])
    ]
    assert pieces == whole


@every
def test_our_writer_lays_them_out_the_same(recording: Recording) -> None:
    for message, body in messages(recording):
        written = core.write(message)
        if isinstance(message, common.Notify):
            written += b"\0"  # the server sends its string's end, which the count leaves out
        assert written == body, type(message).__name__


@every
def test_every_message_cut_short_is_refused(recording: Recording) -> None:
    seen: Counter[type] = Counter()
    for message, body in messages(recording):
        kind = type(message)
        seen[kind] += 1
        if seen[kind] > 2 or isinstance(message, (common.Ping, cursor.CursorInit, common.Notify)):
            continue
        for size in {*range(min(len(body), 120)), len(body) - 1} - {-1}:
            with pytest.raises(spicetui.SpiceError):
                core.read(kind, body[:size])


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("qemu-std", {ImageType.LZ_RGB, ImageType.GLZ_RGB, ImageType.LZ_PLT, ImageType.BITMAP}),
        ("qemu-qxl", {ImageType.LZ_RGB, ImageType.BITMAP}),
        ("xspice-quic", {ImageType.QUIC}),
        ("xspice-glz", {ImageType.GLZ_RGB, ImageType.LZ_RGB}),
    ],
)
def test_kinds_of_images(name: str, types: set[ImageType]) -> None:
    found = {
        ImageType(message.src_bitmap.descriptor.type)
        for message, _ in messages(named(name, "display"))
        if isinstance(message, display.DrawCopy) and message.src_bitmap is not None
    }
    assert found & types
    assert found <= types | {ImageType.SURFACE, ImageType.BITMAP, ImageType.FROM_CACHE}


@pytest.mark.parametrize("name", ["qemu-std", "qemu-qxl", "xspice-quic", "xspice-glz"])
async def test_a_session_played_again(name: str) -> None:
    """Channel by channel into a client: nothing is refused, and there is a picture."""
    caps = MINI_HEADERS if named(name, "display").mini_header else FULL_HEADERS
    driver = RecordingDriver()
    async with FakeServer(common_caps=caps) as server:
        async with await spicetui.connect(server, driver) as client:
            for kind in ("cursor", "inputs", "display"):
                channel = await server.channel(ChannelKey(ChannelType[kind.upper()]))
                channel.send_raw(named(name, kind).data)
                await channel.settled()
            assert not client.unsupported
            picture = client.screenshot()
            shades = np.unique(picture.pixels.reshape(-1, 4)[:, :3], axis=0)
            assert len(shades) > 1
            assert len(driver.named("leds_changed")) >= 2
            create = [m for m, _ in messages(named(name, "display")) if isinstance(m, display.SurfaceCreate)][-1]
            primary = client.displays[0].surface
            assert primary is not None
            if create.flags:
                assert (primary.width, primary.height) == (create.width, create.height)


def test_what_the_reference_client_says() -> None:
    kinds = {name: [m for m, _ in messages(named("spice-gtk", name))] for name in KEYS}
    assert [m for m in kinds["main"] if isinstance(m, main.AttachChannels)]
    (init,) = (m for m in kinds["display"] if isinstance(m, display.DisplayInit))
    assert init.pixmap_cache_size > 0
    downs = [m.code for m in kinds["inputs"] if isinstance(m, inputs.KeyDown)]
    ups = [m.code for m in kinds["inputs"] if isinstance(m, inputs.KeyUp)]
    assert downs == [0x1E, 0x1DE0, 0x3A]
    assert ups == [0x9E, 0x9DE0, 0xBA]
    assert inputs.MousePosition(100, 200, 0, 0) in kinds["inputs"]
