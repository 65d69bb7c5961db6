"""Keys and text against a boot sector that tells every scancode it gets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from keymap.test_layouts import typable
from keymap.xkb_guest import XkbGuest

import spicetui
from spicetui.keymap.text import load_layout

from . import library
from .cli import Cli
from .conftest import Row
from .guest import ScancodeLog
from .pc_keyboard import PRESS, RELEASE, UsSystem
from .qemu import Qemu

PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
CAPS_LOCK_LED = 4


async def test_every_key_of_105(private: Path, scancode_disk: Path, row: Row) -> None:
    """One key after the other: its make bytes at the press, its break bytes at the release, nothing else.

    QEMU holds Pause back until the whole sequence is there, and SPICE sends the second half with the release.
    """
    assert len(PRESS) == 105
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with await library.connect(machine.address()) as client:
            assert client.inputs is not None
            for name, press in PRESS.items():
                key = spicetui.Key[name]
                client.inputs.key_down(key)
                if name == "PAUSE":
                    client.inputs.key_up(key)
                assert await asyncio.to_thread(log.keyboard, len(press)) == press, f"press of {name}"
                if name != "PAUSE":
                    client.inputs.key_up(key)
                release = RELEASE[name]
                assert await asyncio.to_thread(log.keyboard, len(release)) == release, f"release of {name}"
            assert not log.pending()
    row("keyboard and mouse", test="keys pressed and released", arrived="105 of 105")


def test_every_key_by_the_command(private: Path, scancode_disk: Path, cli: Cli) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        result = cli.at(machine.address(), "key", *(name.lower() for name in PRESS))
        assert result.status == 0, result.stderr
        for name, press in PRESS.items():
            expected = press + RELEASE[name]
            assert log.keyboard(len(expected)) == expected, name
        assert not log.pending()


@pytest.mark.parametrize(
    ("combination", "expected"),
    [
        ("ctrl+alt+delete", "1d 38 e053 e0d3 b8 9d"),
        ("super+r", "e05b 13 93 e0db"),
        ("shift+f10", "2a 44 c4 aa"),
        ("altgr+q", "e038 10 90 e0b8"),
        ("alt+print", "38 b838 54 d4b8 38 b8"),
        ("ctrl+pause", "1d e046e0c6 9d"),
        ("ctrl+alt+shift+backspace", "1d 38 2a 0e 8e aa b8 9d"),
    ],
)
def test_combination(combination: str, expected: str, private: Path, scancode_disk: Path, cli: Cli) -> None:
    wanted = bytes.fromhex(expected)
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        result = cli.at(machine.address(), "key", combination)
        assert result.status == 0, result.stderr
        assert log.keyboard(len(wanted)).hex(" ") == wanted.hex(" ")
        assert not log.pending()


def typed(log: ScancodeLog, system: UsSystem, text: str) -> str:
    """What arrives at the system until everything was said or nothing more comes."""
    while len(system.text) < len(text) or system.held:
        system.hear(log.keyboard(1))
    return system.text


class LinuxSystem(XkbGuest):
    """Takes scancodes as they come; libxkbcommon says what they type."""

    def __init__(self, layout: str) -> None:
        super().__init__(layout)
        self._prefix = 0

    def hear_codes(self, scancodes: bytes) -> None:
        for code in scancodes:
            if code == 0xE0:
                self._prefix = code
                continue
            key = (code & 0x7F) << 8 | self._prefix if self._prefix else code & 0x7F
            self._prefix = 0
            self.switch(key, not code & 0x80)


@pytest.mark.parametrize("layout", ["de", "fr", "br", "jp"])
def test_a_layout_by_the_command(layout: str, private: Path, scancode_disk: Path, cli: Cli, row: Row) -> None:
    """All that its keys type at every level, the keys of Brazil and Japan among them, and some by dead keys."""
    characters = typable(layout)
    direct = load_layout(layout).direct()
    text = "".join(one for one in characters if one in direct)
    text += "".join(one for one in characters[::7] if one not in direct)
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        # AltGr is two bytes in the keyboard's queue of 16, which a guest on a busy machine may be late to empty.
        result = cli.at(machine.address(), "type", "--layout", layout, "--rate", "20", "-", stdin=text)
        assert result.status == 0, result.stderr
        system = LinuxSystem(layout)
        while len(system.text) < len(text) or system.held:
            system.hear_codes(log.keyboard(1))
        system.close()
        assert system.text == text
        assert not log.pending()
    row("keyboard and mouse", test=f"typed by meaning, layout {layout}", arrived=f"{len(text)} of {len(text)}")


@pytest.mark.parametrize("way", ["argument", "standard input"])
def test_all_printable_characters(way: str, private: Path, scancode_disk: Path, cli: Cli) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        text = PRINTABLE + "\tand\n" + PRINTABLE[::-1]
        words, stdin = ((text,), "") if way == "argument" else (("-",), text)
        result = cli.at(machine.address(), "type", *words, stdin=stdin)
        assert result.status == 0, result.stderr
        assert typed(log, UsSystem(), text) == text
        assert not log.pending()


def test_a_long_text_arrives_to_the_character(private: Path, scancode_disk: Path, cli: Cli, row: Row) -> None:
    text = "".join(PRINTABLE[(7 * i + i // 95) % 95] for i in range(800))
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        result = cli.at(machine.address(), "type", "-", stdin=text)
        assert result.status == 0, result.stderr
        assert typed(log, UsSystem(), text) == text
        rate = f"{len(text) / result.seconds:.0f} a second"
    row("keyboard and mouse", test="characters typed", arrived=f"{len(text)} of {len(text)}, {rate}")


def test_text_under_caps_lock(private: Path, scancode_disk: Path, cli: Cli) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        log.set_leds(CAPS_LOCK_LED)
        text = "Caps LOCK is on; 1+1=2"
        result = cli.at(machine.address(), "type", text)
        assert result.status == 0, result.stderr
        assert typed(log, UsSystem(caps_lock=True), text) == text


def test_what_the_layout_cannot_type_is_refused_before_any_key(private: Path, scancode_disk: Path, cli: Cli) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        result = cli.at(machine.address(), "type", "price: 5 €")
        assert result.status in (1, 2)
        assert len(result.error_lines) == 1, result.stderr
        assert "€" in result.stderr
        assert not log.pending()


async def test_lock_lights_are_told(private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        driver = library.Watcher()
        async with await library.connect(machine.address(), driver):
            for leds in (1, 2, 4, 7, 0):
                await asyncio.to_thread(log.set_leds, leds)
                wanted = (bool(leds & 1), bool(leds & 2), bool(leds & 4))
                assert await driver.until(lambda wanted=wanted: driver.leds == wanted), (leds, driver.leds)  # type: ignore[misc]
