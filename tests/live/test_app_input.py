"""Keys and mouse through the whole app on a terminal, into guests that tell what arrives.

The terminal is a pty whose far end sends what kitty or xterm would; QEMU's boot sector echoes scancodes, Xspice has an
X client and tells its pointer's place.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from terminal.personality import KITTY, PLAIN, XTERM, Personality
from terminal.terminal import Terminal
from tui.test_program import program

from spicetui.geometry import Size
from spicetui.keymap.keys import Key
from spicetui.term.keys import place
from spicetui.term.scale import Mapping, Scale
from spicetui.term.tokenizer import KeyPress

from . import xscenes
from .cli import target
from .conftest import Row
from .guest import MousePacket, ScancodeLog
from .pc_keyboard import PRESS, RELEASE, UsSystem
from .process import DEADLINE, ServerError
from .qemu import Qemu
from .test_input_xspice import MOUSE_REPORTS, pointer
from .windows import Window, XServer, kitty, xterm
from .xspice import Xspice

PREFIX = b"\x1d"
US_KEYS = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./ "
FOCUS_LOST = b"\x1b[O"


class App:
    def __init__(self, terminal: Terminal, process: asyncio.subprocess.Process) -> None:
        self.terminal = terminal
        self.process = process

    def type(self, data: bytes) -> None:
        self.terminal.type(data)

    async def until(self, words: str) -> None:
        await self.terminal.until(lambda: words in self.terminal.text, words)

    async def leave(self) -> None:
        self.type(PREFIX + b"q")
        assert await asyncio.wait_for(self.process.wait(), 20) == 0


@asynccontextmanager
async def app(
    address: str,
    *options: str,
    personality: Personality = PLAIN,
    size: tuple[int, int] = (80, 24),
    settings: Path | None = None,
) -> AsyncIterator[App]:
    terminal = Terminal(*size, personality=personality)
    environment = {} if settings is None else {"XDG_CONFIG_HOME": str(settings)}
    async with program(terminal, "view", address, *options, **environment) as process:
        running = App(terminal, process)
        await terminal.until(lambda: re.search(r"\d+x\d+", terminal.text.splitlines()[-1]), "a picture")
        await terminal.until(lambda: "no input" not in terminal.text.splitlines()[-1], "the inputs channel")
        await terminal.until(lambda: terminal.keyboard or not personality.keyboard, "the keyboard protocol")
        yield running


@asynccontextmanager
async def echo(
    private: Path, disk: Path, *options: str, personality: Personality = PLAIN
) -> AsyncIterator[tuple[App, ScancodeLog]]:
    """The app on a machine that tells what its keyboard and its mouse get."""
    with Qemu(private, disk=disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        # As pixels: where a place of the terminal lies changes when a text console is recognized.
        pixels = ("--graphics", "quadrant")
        async with app(target(machine.address()), *pixels, *options, personality=personality) as running:
            yield running, log
            await running.leave()


async def hears(log: ScancodeLog, expected: bytes, what: str = "") -> None:
    found = await asyncio.to_thread(log.keyboard, len(expected))
    assert found.hex(" ") == expected.hex(" "), what


def kitty_form(code: int, mods: int = 0, action: int = 1) -> bytes:
    return b"\x1b[%d;%d:%du" % (code, mods + 1, action)


def codes_of_keys() -> dict[str, int]:
    """For every key of a PC the number by which the kitty protocol tells it."""
    numbers = (*map(ord, US_KEYS), ord("<"), *range(57344, 57455))
    codes = {key: code for code in numbers if (key := place(KeyPress(code))) is not None}
    # Named twice: the keypad's digits, and keys that PCs do not have.
    codes.update({Key[f"KP_{digit}"]: 57399 + digit for digit in range(10)} | {Key.KP_PERIOD: 57409})
    codes.update({Key.LEFT_SUPER: 57444, Key.LEFT_ALT: 57443, Key.RIGHT_ALT: 57449, Key.RIGHT_CTRL: 57448})
    return {key.name: code for key, code in codes.items()}


async def test_every_key_of_105_through_the_app(private: Path, scancode_disk: Path, row: Row) -> None:
    codes = codes_of_keys()
    mods = {"SHIFT": 1, "ALT": 2, "CTRL": 4, "SUPER": 8}
    locks = 0
    async with echo(private, scancode_disk, "--prefix", "ctrl+f12") as (running, log):
        for name, press in PRESS.items():
            held = mods.get(name.partition("_")[2], 0)
            running.type(kitty_form(codes[name], held | locks))
            locks |= {"CAPS_LOCK": 64, "NUM_LOCK": 128}.get(name, 0)
            if name != "PAUSE":  # QEMU waits for all of it
                await hears(log, press, f"press of {name}")
            running.type(kitty_form(codes[name], locks, 3))
            await hears(log, press if name == "PAUSE" else RELEASE[name], f"release of {name}")
        assert not log.pending()
        running.type(b"\x1b[24;5~q")
        assert await asyncio.wait_for(running.process.wait(), 20) == 0
        running.leave = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
    row("keyboard and mouse", test="keys through the app, kitty protocol", arrived="105 of 105")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        # ctrl+c with its own keys, ctrl+q, tab, a repeat, the right Shift, AltGr, and kitty's own bytes of ctrl+alt+del
        (b"\x1b[57442u\x1b[99;5u\x1b[57442;5:3u\x1b[99;1:3u", "1d 2e 9d ae"),
        (b"\x1b[113;5u\x1b[113;5:3u", "1d 10 90 9d"),
        (b"\x1b[9u\x1b[9;1:3u", "0f 8f"),
        (b"\x1b[97;;97u\x1b[97;1:2;97u\x1b[97;1:2;97u\x1b[97;1:3u", "1e 1e 1e 9e"),
        (b"\x1b[57447u\x1b[98:66;2;66u\x1b[98:66;2:3u\x1b[57447;2:3u", "36 30 b0 b6"),
        (b"\x1b[57453u\x1b[64::113;;64u\x1b[57453;1:3u\x1b[64::113;1:3u", "e038 10 e0b8 90"),
        (b"\x1b[57442u\x1b[57443;5u\x1b[3;7~\x1b[3;7:3~\x1b[57443;7:3u\x1b[57442;5:3u", "1d 38 e053 e0d3 b8 9d"),
        (b"\x1b[57444u\x1b[114;9u\x1b[114;9:3u\x1b[57444;9:3u", "e05b 13 93 e0db"),
        (PREFIX + b"d", "1d 38 e053 e0d3 b8 9d"),
        (PREFIX + b"\x1b[P", "1d 38 3b bb b8 9d"),
        (PREFIX + PREFIX, "1d 1b 9b 9d"),
    ],
)
async def test_chords_of_kitty(typed: bytes, expected: str, private: Path, scancode_disk: Path) -> None:
    async with echo(private, scancode_disk) as (running, log):
        running.type(typed)
        await hears(log, bytes.fromhex(expected))
        assert not log.pending()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (b"a", "1e 9e"),
        (b"A", "2a 1e 9e aa"),
        (b"\x03", "1d 2e ae 9d"),
        (b"\t", "0f 8f"),
        (b"\x1b[27;2;65~", "2a 1e 9e aa"),
        (b"\x1b[27;6;65~", "2a 1d 1e 9e 9d aa"),
        (b"\x1b[27;5;13~", "1d 1c 9c 9d"),
        (b"\x08", "1d 0e 8e 9d"),
        (b"\x1b[27;3;120~", "38 2d ad b8"),
        (b"\x1b[1;5D", "1d e04b e0cb 9d"),
        (b"\x1bOP\x1b[24~", "3b bb 58 d8"),
        (b"\x1b", "01 81"),
        (b"\x1bOM", "e01c e09c"),
        (PREFIX + b"d", "1d 38 e053 e0d3 b8 9d"),
        (PREFIX + PREFIX, "1d 1b 9b 9d"),
    ],
)
async def test_chords_of_xterm(typed: bytes, expected: str, private: Path, scancode_disk: Path) -> None:
    async with echo(private, scancode_disk, personality=XTERM) as (running, log):
        await running.terminal.until(lambda: b"\x1b[>4;2m" in running.terminal.received)
        running.type(typed)
        await hears(log, bytes.fromhex(expected))
        assert not log.pending()


async def test_losing_the_focus_in_the_middle_of_a_chord(private: Path, scancode_disk: Path) -> None:
    """No key and no button stays down in the guest; what is let go later is nobody's business."""
    async with echo(private, scancode_disk) as (running, log):
        for lost, came_back in ((FOCUS_LOST, b"\x1b[I"), (PREFIX, b"\x1b")):
            running.type(b"\x1b[57442u\x1b[57441;5u\x1b[57443;7u\x1b[97;8u")
            await hears(log, bytes.fromhex("1d 2a 38 1e"))
            running.type(lost)
            await hears(log, bytes.fromhex("9e b8 aa 9d"))
            running.type(came_back)
            running.type(b"\x1b[97;8:3u\x1b[57443;8:3u\x1b[57441;6:3u\x1b[57442;5:3u")
            running.type(b"\x1b[98u\x1b[98;1:3u")
            await hears(log, bytes.fromhex("30 b0"), f"after {lost!r}")
        assert not log.pending()


async def test_a_terminal_that_goes_in_the_middle_of_a_chord(private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        for end in ("hang up", "kill"):
            async with app(target(machine.address())) as running:
                running.type(b"\x1b[57442u\x1b[97;5u")
                await hears(log, bytes.fromhex("1d 1e"))
                if end == "hang up":
                    running.terminal.hang_up()
                else:
                    running.process.kill()  # here the server has to do it
                await running.process.wait()
                released = await asyncio.to_thread(log.keyboard, 2)
                assert sorted(released) == [0x9D, 0x9E], end


async def test_suspending_in_the_middle_of_a_chord(private: Path, scancode_disk: Path) -> None:
    async with echo(private, scancode_disk) as (running, log):
        running.type(b"\x1b[57442u\x1b[97;5u")
        await hears(log, bytes.fromhex("1d 1e"))
        running.process.send_signal(20)  # TSTP
        await hears(log, bytes.fromhex("9e 9d"))
        stat = Path(f"/proc/{running.process.pid}/stat")
        await running.terminal.until(lambda: ") T " in stat.read_text(), "stopped")
        assert not running.terminal.modes.get(1049), "the shell's screen"
        running.process.send_signal(18)  # CONT
        await running.terminal.until(lambda: running.terminal.modes.get(1049), "the app's screen")
        await running.terminal.until(lambda: running.terminal.keyboard)
        running.type(b"\x1b[98u\x1b[98;1:3u")
        await hears(log, bytes.fromhex("30 b0"))


async def test_locks_in_step(private: Path, scancode_disk: Path) -> None:
    """The guest's LEDs are shown; the terminal's state, told with any key, is brought to the guest by its own keys."""
    async with echo(private, scancode_disk) as (running, log):
        await asyncio.to_thread(log.set_leds, 6)
        await running.until("Caps Num")
        running.type(b"\x1b[97;129u\x1b[97;129:3u")  # Num Lock only
        await hears(log, bytes.fromhex("3a ba 1e 9e"))
        await asyncio.to_thread(log.set_leds, 2)
        await running.terminal.until(lambda: "Caps" not in running.terminal.text.splitlines()[-1])
        running.type(b"\x1b[97;193;65u\x1b[97;193:3u")
        await hears(log, bytes.fromhex("3a ba 1e 9e"))
        running.type(b"\x1b[98;193;66u\x1b[98;193:3u")  # this guest has not lit its LED: it is not asked again
        await hears(log, bytes.fromhex("30 b0"))
        assert not log.pending()


async def test_a_paste_is_typed_to_the_character(private: Path, scancode_disk: Path, row: Row) -> None:
    text = "".join(chr(0x20 + (7 * i + i // 95) % 95) for i in range(600))
    async with echo(private, scancode_disk) as (running, log):
        running.type(b"\x1b[200~" + text.encode() + b"\x1b[201~")
        await running.until("Type the pasted text?")
        assert not log.pending()
        running.type(b"\r")
        system = UsSystem()
        while len(system.text) < len(text) or system.held:
            system.hear(await asyncio.to_thread(log.keyboard, 1))
        assert system.text == text
        running.type(b"\x1b[200~" + text.encode() + b"\x1b[201~")
        await running.until("Type the pasted text?")
        running.type(b"\r")
        await running.until("left, Esc stops")
        running.type(b"\x1b")
        await running.until("characters are not typed")
        rest = int(re.findall(r"Stopped; (\d+) characters", running.terminal.text)[-1])
        system = UsSystem()
        while len(system.text) < len(text) - rest or system.held:
            system.hear(await asyncio.to_thread(log.keyboard, 1))
        assert text.startswith(system.text)
        system.hear(log.pending())  # a Shift at most, whose key was not pressed any more
        assert not system.held
        assert len(system.text) == len(text) - rest
    row("keyboard and mouse", test="a paste through the app", arrived=f"{len(text)} of {len(text)}")


async def test_macros_and_sysrq(private: Path, scancode_disk: Path) -> None:
    folder = private / "settings" / "spicetui"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('[keys]\nprefix = "f12"\n[macros]\n"my editor" = ["super+r", "e"]\n')
    with Qemu(private, disk=scancode_disk) as machine:
        log = await asyncio.to_thread(ScancodeLog, machine)
        async with app(target(machine.address()), settings=folder.parent) as running:
            running.type(b"\x1b[24~o")
            await running.until("my editor")
            running.type(b"\r")
            await hears(log, bytes.fromhex("e05b 13 93 e0db 12 92"))
            running.type(b"\x1b[24~o")
            await running.until("my editor")
            running.type(b"sysrq b")
            await running.terminal.until(lambda: "my editor" not in running.terminal.text)
            running.type(b"\r")
            # QEMU's keyboard makes SysRq of Print, as a real one does while Alt is down.
            await hears(log, bytes.fromhex("38 b83854 30 b0 d4b838 b8"))
            running.type(b"\x1b[24~q")
            assert await asyncio.wait_for(running.process.wait(), 20) == 0


async def test_by_meaning(private: Path, scancode_disk: Path) -> None:
    """A German keyboard at the terminal, a US one in the guest: what is typed is what is on the keys' caps here."""
    async with echo(private, scancode_disk, "--layout", "us") as (running, log):
        running.type(b"\x1b[122::121;;122u\x1b[122::121;1:3u")  # z
        running.type(b"\x1b[57441u\x1b[55:47;2;47u\x1b[57441;2:3u\x1b[55;1:3u")  # Shift+7 is /
        running.type(b"\x1b[57453u\x1b[64::113;;64u\x1b[57453;1:3u\x1b[64::113;1:3u")  # AltGr+q is @
        system = UsSystem()
        while len(system.text) < 3 or system.held:
            system.hear(await asyncio.to_thread(log.keyboard, 1))
        assert system.text == "z/@"


# --- the pointer


def shown(size: tuple[int, int], personality: Personality, cells: tuple[int, int], scale: Scale) -> Mapping:
    """How the picture lies on the cells that the view has, all but the last row; pixels where there are any."""
    cell = Size(8, 16)
    sub = cell if personality.graphics else Size(2, 2)
    return Mapping(Size(*size), Size(cells[0], cells[1] - 1), sub, scale, cell_px=cell)


async def arrives(server: Xspice, near: tuple[int, int], by: tuple[float, float]) -> tuple[int, int]:
    """Where the pointer comes to rest."""
    found = (-1, -1)
    for _ in range(100):
        found = await asyncio.to_thread(pointer, server)
        if abs(found[0] - near[0]) <= by[0] and abs(found[1] - near[1]) <= by[1]:
            return found
    raise AssertionError(f"the pointer is at {found}, not at {near}")


@pytest.mark.parametrize("scale", [Scale.FIT, Scale.PIXEL, Scale.INTEGER])
async def test_places_by_cells_are_off_by_half_a_cell_at_most(scale: Scale, private: Path, row: Row) -> None:
    size, cells = (1024, 768), (80, 24)
    with Xspice(private) as server:
        async with app(target(server.address()), "--scale", scale.value, "--graphics", "quadrant") as running:
            mapping = shown(size, PLAIN, cells, scale)
            half = (mapping.columns.step / 2, mapping.rows.step / 2)
            area = mapping.cells
            worst = 0.0
            for column in range(area.x, area.right, 7):
                for line in range(area.y, area.bottom, 5):
                    # Wherever in the cell the mouse is, the cell is all that is told: its corners are the worst case.
                    running.type(b"\x1b[<35;%d;%dM" % (column + 1, line + 1))
                    corner = mapping.to_pixel(column, line)
                    x, y = await arrives(server, corner, (half[0] + 1, half[1] + 1))
                    across = x / mapping.columns.step - (column - area.x)
                    down = y / mapping.rows.step - (line - area.y)
                    worst = max(worst, abs(across), abs(down))
            assert worst <= 0.5 + 1e-6
            await running.leave()
    row("keyboard and mouse", test=f"pointer by cells, {scale.value}", arrived=f"{worst:.2f} cells off at most")


async def test_places_by_pixels_are_exact(private: Path, row: Row) -> None:
    """kitty at 1:1, a pixel of the terminal for a pixel of the guest."""
    cells = (132, 50)
    places = [(0, 0), (1, 1), (511, 333), (1023, 0), (0, 767), (1023, 767), (702, 101), (8, 16), (7, 15)]
    with Xspice(private) as server:
        async with app(target(server.address()), "--scale", "native", personality=KITTY, size=cells) as running:
            await running.terminal.until(lambda: running.terminal.modes.get(1016), "mouse places in pixels")
            area = shown((1024, 768), KITTY, cells, Scale.NATIVE).cells
            left, top = area.x * 8, area.y * 16
            for x, y in places:
                running.type(b"\x1b[<35;%d;%dM" % (left + x + 1, top + y + 1))
                await arrives(server, (x, y), (0, 0))
            await running.leave()
    row("keyboard and mouse", test="pointer by pixels, 1:1", arrived=f"{len(places)} of {len(places)} places exact")


async def test_what_an_x_client_gets(private: Path, row: Row) -> None:
    """Clicks, double clicks, a drag and the wheel, counted; places to the cell.  Xspice has no side buttons."""
    with Xspice(private) as server, xscenes.desktop(server) as desktop:
        listener = await asyncio.to_thread(desktop.listener, "160x50+0+0", MOUSE_REPORTS)
        async with app(target(server.address()), "--scale", "native", personality=KITTY, size=(132, 50)) as running:
            await running.terminal.until(lambda: running.terminal.modes.get(1016), "mouse places in pixels")
            area = shown((1024, 768), KITTY, (132, 50), Scale.NATIVE).cells

            def mouse(code: int, x: int, y: int, end: bytes = b"M") -> None:
                running.type(b"\x1b[<%d;%d;%d%s" % (code, area.x * 8 + x + 1, area.y * 16 + y + 1, end))

            for code in (0, 0, 1, 2):
                mouse(code, 200, 100)
                mouse(code, 200, 100, b"m")
            for code in (64, 64, 65, 65, 65):
                mouse(code, 200, 100)
            mouse(0, 60, 61)  # the middle of a cell, as the end
            for step in range(1, 40):
                mouse(32, 60 + 5 * step, 61 + 4 * step)
            mouse(0, 300, 256, b"m")
            mouse(2, 10, 10)  # the end
            said = b""
            while not re.search(rb"<2;\d+;\d+M.*<2;\d+;\d+M", said, re.DOTALL):
                said += await asyncio.to_thread(listener.read_through, b"M")
            mouse(2, 10, 10, b"m")
            await running.leave()
    found = re.findall(rb"<(\d+);(\d+);(\d+)([Mm])", said)
    buttons = [(int(code), end) for code, _, _, end in found if int(code) not in (32, 35)]
    clicks = [(code, end) for code in (0, 0, 1, 2) for end in (b"M", b"m")]
    assert [one for one in buttons if one[0] not in (64, 65)][:8] == clicks
    assert [code for code, end in buttons if code in (64, 65) and end == b"M"] == [64, 64, 65, 65, 65]
    press = max(index for index, one in enumerate(found) if one[0] == b"0" and one[3] == b"M")
    drag = found[press:]
    assert (int(drag[0][1]), int(drag[0][2])) == (10, 5)
    release = next(one for one in drag if one[3] == b"m")
    assert (int(release[1]), int(release[2])) == (50, 20)
    assert all(one[0] == b"32" for one in drag[1 : drag.index(release)])
    row(
        "keyboard and mouse", test="clicks, wheel and a drag through the app", arrived=f"{len(buttons)} events in order"
    )


async def test_the_mouse_as_movements(private: Path, scancode_disk: Path) -> None:
    """A machine without a tablet: the first click takes the mouse, the menu gives it back."""
    async with echo(private, scancode_disk) as (running, log):
        await running.until("click for mouse")
        running.type(b"\x1b[<35;40;10M")
        running.type(b"\x1b[<0;40;10M\x1b[<0;40;10m")  # taken; this click is the app's
        await running.until("mouse captured")
        running.type(b"\x1b[<2;40;10M\x1b[<2;40;10m")
        assert await asyncio.to_thread(log.mouse_packet) == MousePacket(2, 0, 0, 0)
        assert await asyncio.to_thread(log.mouse_packet) == MousePacket(0, 0, 0, 0)
        for code, bit in ((128, 8), (129, 16), (1, 4)):
            running.type(b"\x1b[<%d;40;10M\x1b[<%d;40;10m" % (code, code))
            assert await asyncio.to_thread(log.mouse_packet) == MousePacket(bit, 0, 0, 0)
            assert await asyncio.to_thread(log.mouse_packet) == MousePacket(0, 0, 0, 0)
        running.type(b"\x1b[<35;41;10M")
        packet = await asyncio.to_thread(log.mouse_packet)
        assert packet.buttons == 0
        assert packet.dx > 0
        assert packet.dy == 0
        running.type(b"\x1b[<0;41;10M")
        assert (await asyncio.to_thread(log.mouse_packet)).buttons == 1
        running.type(FOCUS_LOST)
        assert await asyncio.to_thread(log.mouse_packet) == MousePacket(0, 0, 0, 0)
        running.type(PREFIX + b"r")
        await running.until("click for mouse")


@pytest.mark.parametrize("terminal", ["kitty", "xterm"])
def test_a_real_terminal(terminal: str, private: Path, scancode_disk: Path) -> None:
    """Keys of an X server's keyboard, through the terminal and the app, into the guest."""
    strokes: dict[tuple[str, ...], str] = {
        ("key", "a"): "1e 9e",
        ("key", "F5"): "3f bf",
        ("key", "Up"): "e048 e0c8",
        ("key", "Menu"): "e05d e0dd",
        ("key", "Tab"): "0f 8f",
    }
    if terminal == "kitty":
        # Modifiers on their own, the order of releases as xdotool has it, and what a hand holds down.
        strokes |= {
            ("key", "ctrl+c"): "1d 2e 9d ae",
            ("key", "Super_L"): "e05b e0db",
            ("key", "Print"): "e02ae037 e0b7e0aa",
            ("keydown", "shift"): "2a",
            ("keydown", "b"): "30",
            ("keyup", "b"): "b0",
            ("keyup", "shift"): "aa",
        }
    else:
        strokes |= {
            ("key", "ctrl+c"): "1d 2e ae 9d",
            ("key", "ctrl+shift+a"): "2a 1d 1e 9e 9d aa",
            ("key", "shift+Return"): "2a 1c 9c aa",
            ("key", "ctrl+BackSpace"): "1d 0e 8e 9d",
        }
    with Qemu(private, disk=scancode_disk) as machine, XServer(private) as screen:
        log = ScancodeLog(machine)
        command = [sys.executable, "-m", "spicetui", "view", target(machine.address()), "--graphics", "half"]
        words = kitty(private) if terminal == "kitty" else xterm(private, sixel=False)
        with Window(private, screen, words, command) as window:
            window.size()
            until = time.monotonic() + DEADLINE
            while True:  # until the app takes keys
                window.xdotool("key", "z")
                try:
                    assert log.keyboard(2, 0.5) == b"\x2c\xac"
                    break
                except ServerError:
                    assert time.monotonic() < until, "no key arrives"
            window.xdotool("key", "q")
            while log.keyboard(2) != b"\x10\x90":
                pass
            for stroke, expected in strokes.items():
                window.xdotool(*stroke)
                wanted = bytes.fromhex(expected)
                assert log.keyboard(len(wanted)).hex(" ") == wanted.hex(" "), stroke
            assert not log.pending()
            window.key("ctrl+bracketright", "q")
            assert window.process.wait() == 0
