"""`spicetui text` and `wait` against QEMU's consoles, character for character.

The truth is the video memory (read by QMP), the guest kernel's own account of its console, or what the firmware
wrote to its serial port at the same time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyte
import pytest

from . import linux_guest, uefi_guest
from .cli import Cli
from .conftest import Row
from .guest import Scenes
from .linux_guest import Shell
from .qemu import Qemu

TABLE = "text consoles"
LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
SIGNS = LOW + bytes(range(32, 127)).decode() + "⌂" + bytes(range(128, 255)).decode("cp437") + " "
PALETTE = (  # as QEMU makes eight bits of the VGA's six
    *(0x000000, 0x0000A8, 0x00A800, 0x00A8A8, 0xA80000, 0xA800A8, 0xA85700, 0xA8A8A8),
    *(0x575757, 0x5757FF, 0x57FF57, 0x57FFFF, 0xFF5757, 0xFF57FF, 0xFFFF57, 0xFFFFFF),
)
#: Signs that look the same with their colours exchanged.
TWINS = {frozenset(pair) for pair in ("░▓", "▒", "▀▄", "▌▐")}


def text_memory(machine: Qemu) -> np.ndarray:
    """(25, 80, 2): the codes and attributes of the VGA's text mode."""
    path = machine.directory / "memory"
    machine.qmp("pmemsave", val=0xB8000, size=4000, filename=str(path))
    return np.frombuffer(path.read_bytes(), np.uint8).reshape(25, 80, 2)


def memory_lines(machine: Qemu) -> list[str]:
    return ["".join(SIGNS[code] for code in row).rstrip() for row in text_memory(machine)[..., 0].tolist()]


def read(cli: Cli, machine: Qemu, *words: str) -> dict[str, Any]:
    result = cli.at(machine.address(), "text", "--json", *words)
    assert (result.status, result.stderr) == (0, "")
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


@pytest.mark.parametrize("card", ["std", "qxl", "virtio"])
def test_firmware_and_ipxe(card: str, private: Path, cli: Cli, row: Row) -> None:
    """The VGA's own 80x25 with a blinking cursor; one of the three starts from the network, followed by wait."""
    with Qemu(private, vga=card, nic=card == "std") as machine:
        if card == "std":
            found = cli.at(machine.address(), "wait", "--text", "^iPXE initialising devices[.]+ok$", "--timeout", "30")
            assert (found.status, found.stdout, found.stderr) == (0, "", "")
        end = cli.at(machine.address(), "wait", "--text", r"^No bootable device\.$", "--timeout", "30")
        assert end.status == 0, end.stderr
        facts = read(cli, machine)
        lines = memory_lines(machine)
        assert facts["lines"] == lines
        assert (facts["columns"], facts["rows"], facts["matched"]) == (80, 25, 1.0)
        plain = cli.at(machine.address(), "text")
        assert plain.stdout == "\n".join(lines).rstrip("\n") + "\n"
        assert cli.at(machine.address(), "wait", "--stable", "900").status == 0, "a blinking cursor is no change"
        never = cli.at(machine.address(), "wait", "--text", "login:", "--timeout", "1")
        assert (never.status, len(never.error_lines)) == (1, 1)
        assert "does not show 'login:' within 1 s" in never.stderr
        name = f"SeaBIOS{' and iPXE' if card == 'std' else ''}, {card}"
        row(TABLE, screen=name, size="80x25", seconds=f"{plain.seconds:.2f}")


@pytest.mark.parametrize("seed", [1, 5, 77])
def test_every_sign_in_every_colour(seed: int, private: Path, scenes_disk: Path, cli: Cli) -> None:
    """2000 cells of any code and attribute."""
    with Qemu(private, disk=scenes_disk) as machine:
        Scenes(machine).draw(Scenes.TEXT, seed)
        facts = read(cli, machine, "--colors", "--settle", "0")
        memory = text_memory(machine)
    assert facts["matched"] == 1.0
    wrong = []
    for y in range(25):
        line = facts["lines"][y].ljust(80)
        colors = [run for run in facts["colors"][y] for _ in range(run["columns"])]
        assert len(colors) == 80
        for x in range(80):
            code, attribute = memory[y, x].tolist()
            front, back = f"#{PALETTE[attribute & 15]:06x}", f"#{PALETTE[attribute >> 4]:06x}"
            seen = (line[x], colors[x]["foreground"], colors[x]["background"])
            sign = SIGNS[code]
            if sign == "█" or front == back:  # a cell of one colour
                sign, back = " ", front
            if sign == " ":
                front = seen[1]
            elif frozenset((seen[0], sign)) in TWINS and seen[1:] != (front, back):
                sign, front, back = seen[0], back, front
            elif sign == "∙":
                sign = "·"  # in most fonts
            if seen != (sign, front, back):
                wrong.append((y, x, code, seen, (sign, front, back)))
    assert not wrong, wrong[:10]


def test_a_picture_is_no_text_console(private: Path, scenes_disk: Path, cli: Cli) -> None:
    with Qemu(private, disk=scenes_disk) as machine:
        scenes = Scenes(machine)
        scenes.draw(Scenes.SMOOTH, 3)
        result = cli.at(machine.address(), "text", "--settle", "0")
        assert (result.status, result.stdout) == (1, "")
        assert "display 0 shows no text console (800x600 pixels)" in result.stderr
        assert len(result.error_lines) == 1
        pixel = machine.screendump()[7, 300]
        color = "#" + bytes(pixel.tolist()).hex()
        assert cli.at(machine.address(), "wait", "--pixel", f"300,7,{color}").status == 0
        other = cli.at(machine.address(), "wait", "--pixel", "300,7,#123456", "--timeout", "1")
        assert other.status == 1
        assert f"has {color} at 300,7, not #123456" in other.stderr


@pytest.mark.parametrize(
    ("mode", "columns", "rows", "cell"),
    [("", 80, 25, (9, 16)), (linux_guest.VESA_1024_768, 128, 48, (8, 16))],
    ids=["vga", "framebuffer"],
)
def test_a_linux_console(
    mode: str, columns: int, rows: int, cell: tuple[int, int], private: Path, cli: Cli, row: Row
) -> None:
    """A kernel of Debian boots; its log, drawn boxes, colours and accents are read as its own memory has them."""
    with Qemu(private, extra=linux_guest.arguments(private, mode)) as machine:
        booted = cli.at(machine.address(), "wait", "--text", "Run /init as init process", "--timeout", "60")
        assert booted.status == 0, booted.stderr
        shell = Shell(machine.com1)
        shell.show(
            "\x1b[1;33;44m┌─ Grüße ─┐\x1b[m ░▒▓ ±²ñ\n\x1b[7mreverse\x1b[27m gjpqy |\\_[]{}\n\x1b[32mguest $ \x1b[m"
        )
        truth = shell.console(columns)
        assert len(truth) == rows
        facts = read(cli, machine)
        assert facts["lines"] == truth
        assert (facts["columns"], facts["rows"]) == (columns, rows)
        assert (facts["cell_width"], facts["cell_height"]) == cell
        assert any("┌─ Grüße ─┐ ░▒▓ ±²ñ" in line for line in truth)
        prompt = max(y for y, line in enumerate(truth) if line == "guest $")
        assert facts["cursor"] in ({"row": prompt, "column": 8}, None)  # it blinks
        shell.show("\x1b[2J\x1b[Hcleared")
        assert cli.at(machine.address(), "wait", "--text", r"\Acleared$").status == 0
        seconds = cli.at(machine.address(), "text").seconds
        row(
            TABLE,
            screen=f"Linux {'framebuffer' if mode else 'VGA'}",
            size=f"{columns}x{rows}",
            seconds=f"{seconds:.2f}",
        )


def test_the_uefi_shell(private: Path, cli: Cli, row: Row) -> None:
    """edk2 draws a grid in the middle of the screen; its serial console gets the same text at the same places."""
    with Qemu(private, extra=uefi_guest.arguments(private)) as machine:
        serial = uefi_guest.reach_shell(machine)
        facts = read(cli, machine, "--settle", "500")
        terminal = pyte.Screen(facts["columns"], facts["rows"])
        pyte.ByteStream(terminal).feed(serial)
        assert facts["lines"] == [line.rstrip() for line in terminal.display]
        assert any(line.startswith("UEFI Interactive Shell v") for line in facts["lines"])
        assert (facts["columns"], facts["rows"], facts["matched"]) == (100, 31, 1.0)
        seconds = cli.at(machine.address(), "text").seconds
        row(TABLE, screen="OVMF shell", size="100x31", seconds=f"{seconds:.2f}")
