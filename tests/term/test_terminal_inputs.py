"""What real terminals send, down to the scancodes of the guest's keyboard: in one piece, byte by byte, amid garbage.

Recorded here (US keyboard where nothing else is said): kitty 0.26.5, xterm 379, tmux 3.3a in it.  Read from sources and
documentation: WezTerm (wezterm.org, "Keyboard Encoding": xterm's modifyOtherKeys), foot (keymap.h; the kitty protocol),
iTerm2 (sources/iTermModifyOtherKeysMapper.m), GNOME Terminal (src/keymap.cc of VTE), Windows Terminal
(src/terminal/adapter/ut_adapter/kittyKeyboardProtocol.cpp; with all flags set).
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from spicetui.channels.inputs import released
from spicetui.term import tokenizer as t
from spicetui.term.keys import KeyTranslator, Switch
from spicetui.term.tokenizer import KeyPress, Mouse, Tokenizer


class Recording(NamedTuple):
    terminal: str
    kitty: bool  #: has the kitty protocol
    modified: bool  #: has xterm's modifyOtherKeys
    keys: list[tuple[str, bytes, str]]  #: what was pressed, what was sent, the scancodes


KITTY = Recording("kitty", True, False, [
    ("a", b"\x1b[97;;97u\x1b[97;1:3u", "1e 9e"),
    ("A", b"\x1b[57441u\x1b[97:65;2;65u\x1b[57441;2:3u\x1b[97;1:3u", "2a 1e aa 9e"),
    ("ctrl+a", b"\x1b[57442u\x1b[97;5u\x1b[57442;5:3u\x1b[97;1:3u", "1d 1e 9d 9e"),
    ("ctrl+]", b"\x1b[57442u\x1b[93;5u\x1b[57442;5:3u\x1b[93;1:3u", "1d 1b 9d 9b"),
    ("Enter", b"\x1b[13u\x1b[13;1:3u", "1c 9c"),
    ("shift+Tab", b"\x1b[57441u\x1b[9;2u\x1b[57441;2:3u\x1b[9;1:3u", "2a 0f aa 8f"),
    ("ctrl+BackSpace", b"\x1b[57442u\x1b[127;5u\x1b[57442;5:3u\x1b[127;1:3u", "1d 0e 9d 8e"),
    ("Escape", b"\x1b[27u\x1b[27;1:3u", "01 81"),
    ("Up", b"\x1b[A\x1b[1;1:3A", "e048 e0c8"),
    ("shift+F3", b"\x1b[57441u\x1b[1;2R\x1b[57441;2:3u\x1b[1;1:3R", "2a 3d aa bd"),
    ("F12", b"\x1b[24~\x1b[24;1:3~", "58 d8"),
    ("Insert", b"\x1b[2~\x1b[2;1:3~", "e052 e0d2"),
    ("Home", b"\x1b[H\x1b[1;1:3H", "e047 e0c7"),
    ("Print", b"\x1b[57361u\x1b[57361;1:3u", "e037 e0b7"),
    ("Pause", b"\x1b[57362u\x1b[57362;1:3u", "e11d45 e19dc5"),
    ("Menu", b"\x1b[57363u\x1b[57363;1:3u", "e05d e0dd"),
    ("Caps Lock", b"\x1b[57358u\x1b[57358;65:3u", "3a ba"),
    ("a, Caps Lock on", b"\x1b[97;65;65u\x1b[97;65:3u", "1e 9e"),
    ("KP 5", b"\x1b[57404;129;53u\x1b[57404;1:3u", "4c cc"),
    ("KP 5, no Num Lock", b"\x1b[E\x1b[1;1:3E", "4c cc"),
    ("KP Enter", b"\x1b[57414u\x1b[57414;1:3u", "e01c e09c"),
    ("Super", b"\x1b[57444u\x1b[57444;9:3u", "e05b e0db"),
    ("right ctrl", b"\x1b[57448;5u\x1b[57448;5:3u", "e01d e09d"),
    ("volume up", b"\x1b[57439u\x1b[57439;1:3u", "e030 e0b0"),
    ("play", b"\x1b[57428u\x1b[57428;1:3u", "e022 e0a2"),
    ("Scroll Lock", b"\x1b[57359u\x1b[57359;1:3u", "46 c6"),
    ("right shift+b", b"\x1b[57447;2u\x1b[98:66;2;66u\x1b[98:66;2:3u\x1b[57447;2:3u", "36 30 b0 b6"),
    ("de: z", b"\x1b[122::121;;122u\x1b[122::121;1:3u", "15 95"),
    ("de: ö", b"\x1b[246::59;u\x1b[246::59;1:3u", "27 a7"),
    ("de: AltGr+q", b"\x1b[57453u\x1b[64::113;;64u\x1b[57453;1:3u\x1b[64::113;1:3u", "e038 10 e0b8 90"),
    ("de: <", b"\x1b[60;;60u\x1b[60;1:3u", "56 d6"),
    ("de: ctrl++", b"\x1b[57442u\x1b[43::93;5u\x1b[57442;5:3u\x1b[43::93;1:3u", "1d 1b 9d 9b"),
    ("de: shift+7", b"\x1b[57441u\x1b[55:47;2;47u\x1b[57441;2:3u\x1b[55;1:3u", "2a 08 aa 88"),
])  # fmt: skip

FOOT = Recording("foot", True, False, [
    ("q", b"\x1b[113;;113u\x1b[113;1:2;113u\x1b[113;1:3u", "10 10 90"),
    ("de: ü", b"\x1b[252:220:91;;252u\x1b[252:220:91;1:3u", "1a 9a"),
    ("ru: ц", b"\x1b[1094:1062:119;;1094u\x1b[1094:1062:119;1:3u", "11 91"),
    ("ctrl+c", b"\x1b[57442;5u\x1b[99;5u\x1b[99;5:3u\x1b[57442;1:3u", "1d 2e ae 9d"),
    ("F1", b"\x1b[P\x1b[1;1:3P", "3b bb"),
])  # fmt: skip

WINDOWS_TERMINAL = Recording("Windows Terminal", True, False, [
    ("shift+a", b"\x1b[57441;2u\x1b[97:65;2;65u\x1b[97:65;2:3u\x1b[57441;1:3u", "2a 1e 9e aa"),
    ("shift+1", b"\x1b[57447;2u\x1b[49:33;2;33u\x1b[49:33;2:3u\x1b[57447;1:3u", "36 02 82 b6"),
    ("F3", b"\x1b[13~\x1b[13;1:3~", "3d bd"),
    ("F13", b"\x1b[57376u\x1b[57376;1:3u", "5d dd"),
    ("KP Home", b"\x1b[57423u\x1b[57423;1:3u", "47 c7"),
    ("KP Divide", b"\x1b[57410;;47u\x1b[57410;1:3u", "e035 e0b5"),
    ("left Win", b"\x1b[57444u\x1b[57444;1:3u", "e05b e0db"),
    ("right Alt", b"\x1b[57449;3u\x1b[57449;1:3u", "e038 e0b8"),
    ("Menu", b"\x1b[57363u\x1b[57363;1:3u", "e05d e0dd"),
    ("mute", b"\x1b[57440u\x1b[57440;1:3u", "e020 e0a0"),
    ("all modifiers", b"\x1b[97;200u\x1b[97;200:3u", "2a 1d 38 1e 9e b8 9d aa"),
])  # fmt: skip

XTERM = Recording("xterm", False, True, [
    ("a", b"a", "1e 9e"),
    ("A", b"\x1b[27;2;65~", "2a 1e 9e aa"),
    ("!", b"!", "2a 02 82 aa"),
    ("ctrl+a", b"\x1b[27;5;97~", "1d 1e 9e 9d"),
    ("ctrl+shift+a", b"\x1b[27;6;65~", "2a 1d 1e 9e 9d aa"),
    ("alt+x", b"\x1b[27;3;120~", "38 2d ad b8"),
    ("ctrl+]", b"\x1b[27;5;93~", "1d 1b 9b 9d"),
    ("Enter", b"\r", "1c 9c"),
    ("shift+Enter", b"\x1b[27;2;13~", "2a 1c 9c aa"),
    ("ctrl+Tab", b"\x1b[27;5;9~", "1d 0f 8f 9d"),
    ("shift+Tab", b"\x1b[Z", "2a 0f 8f aa"),
    ("BackSpace", b"\x7f", "0e 8e"),
    ("ctrl+BackSpace", b"\x08", "1d 0e 8e 9d"),
    ("ctrl+Up", b"\x1b[1;5A", "1d e048 e0c8 9d"),
    ("shift+F3", b"\x1b[1;2R", "2a 3d bd aa"),
    ("F1", b"\x1bOP", "3b bb"),
    ("Menu", b"\x1b[29~", "e05d e0dd"),
    ("KP 5, no Num Lock", b"\x1b[E", "4c cc"),
    ("shift+space", b"\x1b[27;2;32~", "2a 39 b9 aa"),
    ("ctrl+i", b"\x1b[27;5;105~", "1d 17 97 9d"),
    ("ctrl+1", b"\x1b[27;5;49~", "1d 02 82 9d"),
])  # fmt: skip

XTERM_CSI_U = Recording("xterm, formatOtherKeys 1", False, True, [
    ("A", b"\x1b[65;2u", "2a 1e 9e aa"),
    ("ctrl+shift+a", b"\x1b[65;6u", "2a 1d 1e 9e 9d aa"),
    ("ctrl+Return", b"\x1b[13;5u", "1d 1c 9c 9d"),
    ("ctrl+Tab", b"\x1b[9;5u", "1d 0f 8f 9d"),
    ("shift+space", b"\x1b[32;2u", "2a 39 b9 aa"),
])  # fmt: skip

TMUX = Recording("tmux", False, False, [
    ("ctrl+shift+a", b"\x01", "1d 1e 9e 9d"),  # what reached tmux
    ("Escape, Up", b"\x1b\x1b[A", "01 81 e048 e0c8"),
    ("Home", b"\x1b[1~", "e047 e0c7"),
    ("F12", b"\x1b[24~", "58 d8"),
    ("KP 5, no Num Lock", b"\x1bOE", "4c cc"),
    ("ctrl+/", b"\x1f", "1d 2a 0c 8c aa 9d"),  # the byte of ctrl+_
])  # fmt: skip

WEZTERM = Recording("WezTerm", False, True, [*XTERM.keys[:9], ("ctrl+Backspace", b"\x1b[27;5;127~", "1d 0e 8e 9d")])

ITERM2 = Recording("iTerm2", False, True, [
    ("ctrl+]", b"\x1b[27;5;93~", "1d 1b 9b 9d"),
    ("ctrl+shift+a", b"\x1b[27;6;65~", "2a 1d 1e 9e 9d aa"),
    ("ctrl+option+a", b"\x1b[27;7;97~", "1d 38 1e 9e b8 9d"),
    ("shift+space", b"\x1b[27;2;32~", "2a 39 b9 aa"),
    ("shift+Tab", b"\x1b[Z", "2a 0f 8f aa"),
    ("F1", b"\x1bOP", "3b bb"),
    ("ctrl+F1", b"\x1b[1;5P", "1d 3b bb 9d"),
    ("F13", b"\x1b[25~", "5d dd"),
    ("shift+Delete", b"\x1b[3;2~", "2a e053 e0d3 aa"),
])  # fmt: skip

GNOME_TERMINAL = Recording("GNOME Terminal", False, False, [
    ("ctrl+space", b"\x00", "1d 39 b9 9d"),
    ("ctrl+alt+space", b"\x1b\x00", "1d 38 39 b9 b8 9d"),
    ("alt+Tab", b"\x1b\t", "38 0f 8f b8"),
    ("alt+Enter", b"\x1b\r", "38 1c 9c b8"),
    ("KP Enter, no Num Lock", b"\x1bOM", "e01c e09c"),
    ("KP Delete", b"\x1bO3~", "e053 e0d3"),
    ("KP Add", b"\x1bOk", "4e ce"),
    ("Home", b"\x1b[H", "e047 e0c7"),
    ("shift+F1", b"\x1b[1;2P", "2a 3b bb aa"),
    ("ctrl+?", b"\x7f", "0e 8e"),  # the byte of Backspace
])  # fmt: skip

RECORDINGS = (KITTY, FOOT, WINDOWS_TERMINAL, XTERM, XTERM_CSI_U, TMUX, WEZTERM, ITERM2, GNOME_TERMINAL)
CASES = [(recording, *key) for recording in RECORDINGS for key in recording.keys]


class Keyboard:
    """The guest's, behind a terminal's input."""

    def __init__(self, recording: Recording) -> None:
        self.tokenizer = Tokenizer()
        self.tokenizer.modified_keys = recording.modified
        self.translator = KeyTranslator()
        self.translator.releases = recording.kitty
        self.events: list[t.Event] = []
        self.held: set[int] = set()

    def feed(self, data: bytes) -> bytes:
        return self._take(self.tokenizer.feed(data))

    def rest(self) -> bytes:
        """A while later."""
        return self._take(self.tokenizer.flush(hard=True)) + self._codes(self.translator.tick(1e9))

    def _take(self, events: list[t.Event]) -> bytes:
        self.events += events
        switches = [s for e in events if isinstance(e, KeyPress) for s in self.translator.translate(e, 0.0)]
        return self._codes(switches)

    def _codes(self, switches: list[Switch]) -> bytes:
        codes = []
        for key, down in switches:
            if down:
                self.held.add(key)
            else:
                self.held.remove(key)  # KeyError: released without being pressed
            codes.append(key if down else released(key))
        return b"".join(code.to_bytes(4, "little").rstrip(b"\0") for code in codes)


@pytest.mark.parametrize(
    ("recording", "name", "data", "expected"), CASES, ids=[f"{case[0].terminal}: {case[1]}" for case in CASES]
)
def test_recordings(recording: Recording, name: str, data: bytes, expected: str) -> None:
    wanted = bytes.fromhex(expected).hex(" ")
    keyboard = Keyboard(recording)
    assert (keyboard.feed(data) + keyboard.rest()).hex(" ") == wanted
    assert not keyboard.held
    assert not any(isinstance(event, t.Unknown) for event in keyboard.events)
    keyboard = Keyboard(recording)
    found = b"".join(keyboard.feed(data[index : index + 1]) for index in range(len(data)))
    assert (found + keyboard.rest()).hex(" ") == wanted, "byte by byte"


GARBAGE = [
    b"\x1b[?1;2;3",
    b"\xff\xfe",
    b"\x1b]52;c;",
    b"\x1b[<0;1",
    b"\x1b[27;",
    b"\x1bP+r",
    b"\x1b[200~half",
    b"\x9b1",
]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.terminal)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_before_keys(recording: Recording, garbage: bytes) -> None:
    """Once it has been given up, every key is what it was."""
    for _, data, expected in recording.keys:
        keyboard = Keyboard(recording)
        keyboard.feed(garbage)
        keyboard.rest()
        keyboard.translator.release_all()
        keyboard.held.clear()
        found = keyboard.feed(data) + keyboard.rest()
        assert found.hex(" ") == bytes.fromhex(expected).hex(" ")


MOUSE = [
    ("left", b"\x1b[<0;38;16M\x1b[<0;38;16m", [Mouse("down", 1, 38, 16), Mouse("up", 1, 38, 16)]),
    ("wheel", b"\x1b[<64;38;16M\x1b[<65;38;16M", [Mouse("wheel", 4, 38, 16), Mouse("wheel", 5, 38, 16)]),
    ("kitty: wheel aside", b"\x1b[<66;38;16M\x1b[<67;38;16M", [Mouse("wheel", 6, 38, 16), Mouse("wheel", 7, 38, 16)]),
    ("side", b"\x1b[<128;38;16M\x1b[<128;38;16m", [Mouse("down", 8, 38, 16), Mouse("up", 8, 38, 16)]),
    ("extra", b"\x1b[<129;38;16M\x1b[<129;38;16m", [Mouse("down", 9, 38, 16), Mouse("up", 9, 38, 16)]),
    ("drag", b"\x1b[<0;38;21M\x1b[<32;43;22M\x1b[<0;43;22m",
     [Mouse("down", 1, 38, 21), Mouse("move", 1, 43, 22), Mouse("up", 1, 43, 22)]),
    # xterm and tmux tell the end of a turn sideways, too: that is no second turn
    ("xterm: wheel aside", b"\x1b[<66;38;21M\x1b[<66;38;21m", [Mouse("wheel", 6, 38, 21)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "expected"), MOUSE, ids=[name for name, *_ in MOUSE])
def test_mouse(name: str, data: bytes, expected: list[Mouse]) -> None:
    assert Tokenizer().feed(data) == expected
    tokenizer = Tokenizer()
    assert [event for byte in data for event in tokenizer.feed(bytes((byte,)))] == expected
