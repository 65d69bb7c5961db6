"""The guest agent's messages against bytes laid out by hand from spice/vd_agent.h, and the fields that caps add."""

from __future__ import annotations

from typing import Any

import pytest

from spicetui.errors import WireError
from spicetui.wire import agent, core
from spicetui.wire.enums import AgentCap, ClipboardFormat, ClipboardSelection

from .test_golden import hexed

BOTH = frozenset((AgentCap.CLIPBOARD_SELECTION, AgentCap.CLIPBOARD_GRAB_SERIAL))
SELECTION = frozenset((AgentCap.CLIPBOARD_SELECTION,))
SERIAL = frozenset((AgentCap.CLIPBOARD_GRAB_SERIAL,))
NONE: frozenset[AgentCap] = frozenset()

GRAB = agent.ClipboardGrab(ClipboardSelection.PRIMARY, 7, [ClipboardFormat.TEXT, ClipboardFormat.PNG])

BODIES: list[tuple[Any, frozenset[AgentCap], str]] = [
    (agent.MouseState(640, 480, 2, 1), NONE, "80 02 00 00  e0 01 00 00  02 00 00 00  01"),
    (
        agent.MonitorsConfig(1, [agent.MonConfig(768, 1024, 32, -5, 6)], []),
        NONE,
        """
        01 00 00 00  01 00 00 00              # one monitor, with positions
        00 03 00 00  00 04 00 00  20 00 00 00 # height before width, depth
        fb ff ff ff  06 00 00 00              # x, y
        """,
    ),
    (
        agent.MonitorsConfig(2, [agent.MonConfig(1, 2, 32, 0, 0)] * 2, [agent.MonitorMM(3, 4), agent.MonitorMM(5, 6)]),
        NONE,
        """
        02 00 00 00  02 00 00 00
        01 00 00 00  02 00 00 00  20 00 00 00  00 00 00 00  00 00 00 00
        01 00 00 00  02 00 00 00  20 00 00 00  00 00 00 00  00 00 00 00
        03 00  04 00                          # the physical sizes behind all monitors, height before width
        05 00  06 00
        """,
    ),
    (agent.Reply(2, 1), NONE, "02 00 00 00  01 00 00 00"),
    (agent.DisplayConfig(9, 16), NONE, "09 00 00 00  10 00 00 00"),
    (agent.AnnounceCapabilities(1, [0x36EF7, 2]), NONE, "01 00 00 00  f7 6e 03 00  02 00 00 00"),
    (GRAB, BOTH, "01 00 00 00  07 00 00 00  01 00 00 00  02 00 00 00"),
    (agent.ClipboardGrab(1, 0, [1, 2]), SELECTION, "01 00 00 00  01 00 00 00  02 00 00 00"),
    (agent.ClipboardGrab(0, 7, [1, 2]), SERIAL, "07 00 00 00  01 00 00 00  02 00 00 00"),
    (agent.ClipboardGrab(0, 0, [1, 2]), NONE, "01 00 00 00  02 00 00 00"),
    (agent.ClipboardRequest(2, 1), BOTH, "02 00 00 00  01 00 00 00"),
    (agent.ClipboardRequest(0, 1), NONE, "01 00 00 00"),
    (agent.ClipboardRelease(1), SELECTION, "01 00 00 00"),
    (agent.ClipboardRelease(0), NONE, ""),
    (agent.Clipboard(1, 1, b"hi"), BOTH, "01 00 00 00  01 00 00 00  68 69"),
    (agent.Clipboard(0, 1, b"hi"), SERIAL, "01 00 00 00  68 69"),
    (agent.FileXferStart(3, b"[a]\0"), NONE, "03 00 00 00  5b 61 5d 00"),
    (agent.FileXferStatus(3, 2, b"\0\x0a\0\0\0"), NONE, "03 00 00 00  02 00 00 00  00 0a 00 00 00"),
    (agent.FileXferData(3, 2, b"hi"), NONE, "03 00 00 00  02 00 00 00 00 00 00 00  68 69"),
    (agent.ClientDisconnected(), NONE, ""),
    (agent.MaxClipboard(-1), NONE, "ff ff ff ff"),
    (agent.AudioVolumeSync(1, 0, [0x1234, 0xFFFF]), NONE, "01 00 02  34 12  ff ff"),
    (
        agent.GraphicsDeviceInfo([agent.DeviceDisplayInfo(1, 2, 3, b"pci\0")]),
        NONE,
        "01 00 00 00  01 00 00 00  02 00 00 00  03 00 00 00  04 00 00 00  70 63 69 00",
    ),
]


@pytest.mark.parametrize(("message", "caps", "text"), BODIES, ids=[type(message).__name__ for message, _, _ in BODIES])
def test_body(message: Any, caps: frozenset[AgentCap], text: str) -> None:
    data = hexed(text)
    assert agent.write(message, caps).hex(" ") == data.hex(" ")
    assert agent.read(type(message), data, caps) == message


def test_every_message_is_among_them() -> None:
    declared = {*agent.MESSAGES.from_server.values(), *agent.MESSAGES.from_client.values()}
    assert {type(message) for message, _, _ in BODIES} == declared
    assert sorted(agent.MESSAGES.from_client) == [*range(1, 3), *range(4, 17)]
    assert sorted(agent.MESSAGES.from_server) == [3, 4, 6, 7, 8, 9, 11, 15]


def test_reserved_bytes_of_a_selection_are_not_looked_at() -> None:
    assert core.read(agent.ClipboardRelease, hexed("01 02 03 04")) == agent.ClipboardRelease(1)


def test_a_release_without_its_reserved_bytes() -> None:
    assert agent.read(agent.ClipboardRelease, b"\1", BOTH) == agent.ClipboardRelease(1)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (agent.ClipboardGrab, "01 00 00 00  07 00 00 00  01 00 00"),
        (agent.ClipboardGrab, "01 00 00 00  07 00 00"),
        (agent.MonitorsConfig, "ff ff ff ff  00 00 00 00" + "00" * 40),
        (agent.MonitorsConfig, "02 00 00 00  02 00 00 00" + "00" * 44),
        (agent.GraphicsDeviceInfo, "ff ff ff ff" + "00" * 40),
        (agent.FileXferStatus, "01 00 00 00  02 00"),
    ],
)
def test_broken_bodies_are_refused(kind: type, text: str) -> None:
    with pytest.raises(WireError):
        agent.read(kind, hexed(text), BOTH)


def test_more_words_than_a_list_may_have() -> None:
    with pytest.raises(WireError, match="items, at most"):
        core.read(agent.AnnounceCapabilities, bytes(4 + 4 * (core.MAX_ITEMS + 1)))


def test_capabilities_as_words() -> None:
    assert agent.cap_words({0, 1, 31, 32, 65}) == [0x8000_0003, 1, 2]
    assert agent.cap_words(set()) == [0]
    assert agent.caps_of([0x8000_0003, 1, 2]) == {0, 1, 31, 32, 65}
    assert max(agent.caps_of([0xFFFF_FFFF] * 1000)) == 1023  # the rest of a silly list is not looked at
