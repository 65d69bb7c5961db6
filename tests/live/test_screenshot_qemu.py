"""`spicetui screenshot` against QEMU without a guest system: equal to QMP's screendump, pixel for pixel.

Every card and every image-compression value meet each other over TCP, TLS and a unix socket, half of them with a
password, so that each pair of those four choices occurs. The server compresses nothing on a unix socket, which is why
fewer screens are looked at there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import picture
from .certs import Certificates
from .cli import Cli
from .conftest import Row
from .guest import Scenes
from .qemu import BOOT_MENU, NO_BOOT, Qemu
from .reference import Address, spicy_screenshot

TABLE = "screenshot against QMP screendump"
CARDS = ("std", "qxl", "virtio")
COMPRESSIONS = ("off", "auto_glz", "auto_lz", "quic", "glz", "lz")
SCENES = {
    "text": Scenes.TEXT,
    "smooth": Scenes.SMOOTH,
    "noise": Scenes.NOISE,
    "flat": Scenes.FLAT,
    "changed": Scenes.SQUARE,
}


def password(card: str, compression: str, way: str) -> str | None:
    odd = CARDS.index(card) + COMPRESSIONS.index(compression) + (way == "unix")
    return "a ticket, with %7e signs" if odd % 2 else None


class Judge:
    """Takes screenshots of one machine, compares them and keeps the score."""

    def __init__(self, machine: Qemu, cli: Cli) -> None:
        self._machine = machine
        self._cli = cli
        self.same: list[str] = []
        self.wrong: list[str] = []
        self.slowest = 0.0

    def _note(self, name: str, differences: list[str], seconds: float) -> None:
        self.slowest = max(self.slowest, seconds)
        if "" in differences:
            self.same.append(name)
        else:
            self.wrong.append(f"{name}: {differences[0]}")

    def at_rest(self, name: str, address: Address) -> None:
        truth = self._machine.screendump()
        shot, result = self._cli.screenshot(address, "--settle", "100")
        self._note(name, [picture.difference(shot, truth)], result.seconds)

    def blinking(self, name: str, address: Address) -> None:
        """A screen with a text cursor: one of its two pictures."""
        truths = self._machine.rest_pictures()
        shot, result = self._cli.screenshot(address, "--settle", "100")
        self._note(name, [picture.difference(shot, truth) for truth in truths], result.seconds)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_tcp_and_tls(
    card: str, compression: str, private: Path, scenes_disk: Path, certificates: Certificates, cli: Cli, row: Row
) -> None:
    ticket = password(card, compression, "tcp")
    with Qemu(
        private, vga=card, compression=compression, tls=certificates, password=ticket, disk=scenes_disk, boot_menu=True
    ) as machine:
        judge = Judge(machine, cli)
        machine.wait_firmware(BOOT_MENU)
        judge.blinking("boot menu, tcp", machine.address())
        machine.send_keys("esc")  # the list of boot devices
        machine.wait_firmware(b"Select boot device")
        machine.send_keys("1")
        scenes = Scenes(machine)
        for number, (name, scene) in enumerate(SCENES.items()):
            scenes.draw(scene, 17 * number + 3)
            way = ("tcp", "tls")[number % 2]
            judge.at_rest(f"{name}, {way}", machine.address(tls=way == "tls"))
        row(
            TABLE, card=card, compression=compression, way="tcp, tls", password="yes" if ticket else "no",
            equal=f"{len(judge.same)} of {len(judge.same) + len(judge.wrong)}", slowest=f"{judge.slowest:.2f} s",
        )  # fmt: skip
        assert not judge.wrong, "\n".join(judge.wrong)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_unix_socket(card: str, compression: str, private: Path, scenes_disk: Path, cli: Cli, row: Row) -> None:
    ticket = password(card, compression, "unix")
    with Qemu(private, vga=card, compression=compression, unix=True, password=ticket, disk=scenes_disk) as machine:
        judge = Judge(machine, cli)
        Scenes(machine).draw(Scenes.TEXT, 5)
        judge.at_rest("text", machine.address())
        row(
            TABLE, card=card, compression=compression, way="unix", password="yes" if ticket else "no",
            equal=f"{len(judge.same)} of {len(judge.same) + len(judge.wrong)}", slowest=f"{judge.slowest:.2f} s",
        )  # fmt: skip
        assert not judge.wrong, "\n".join(judge.wrong)


@pytest.mark.parametrize(("card", "compression"), [("std", "auto_glz"), ("qxl", "lz"), ("virtio", "quic")])
def test_ipxe(card: str, compression: str, private: Path, cli: Cli) -> None:
    """The whole boot log: firmware and iPXE text, up to the words that nothing can be booted."""
    with Qemu(private, vga=card, compression=compression, nic=True) as machine:
        machine.wait_firmware(NO_BOOT)
        judge = Judge(machine, cli)
        judge.blinking("iPXE", machine.address())
        assert not judge.wrong, judge.wrong


@pytest.mark.parametrize("asked", ["lz4", "quic", "glz", "lz", "off"])
def test_compression_the_client_asks_for(asked: str, private: Path, scenes_disk: Path, cli: Cli) -> None:
    with Qemu(private, vga="qxl", compression="auto_glz", disk=scenes_disk) as machine:
        scenes = Scenes(machine)
        for scene in (Scenes.TEXT, Scenes.SMOOTH):
            scenes.draw(scene, 8)
            shot, _ = cli.screenshot(machine.address(), "--compression", asked)
            assert not picture.difference(shot, machine.screendump())


def test_ppm_is_the_same_picture(private: Path, scenes_disk: Path, cli: Cli) -> None:
    with Qemu(private, disk=scenes_disk) as machine:
        Scenes(machine).draw(Scenes.SMOOTH, 200)
        png, _ = cli.screenshot(machine.address())
        ppm, _ = cli.screenshot(machine.address(), kind="ppm")
        assert (cli.directory / "shot.ppm").read_bytes().startswith(b"P6")
        truth = machine.screendump()
        assert not picture.difference(png, truth)
        assert not picture.difference(ppm, truth)


def test_a_screen_that_never_rests_is_written_at_the_timeout(private: Path, cli: Cli) -> None:
    with Qemu(private, boot_menu=True) as machine:
        machine.wait_firmware(BOOT_MENU)
        truths = machine.rest_pictures()
        assert len(truths) == 2, "the text cursor does not blink"
        shot, result = cli.screenshot(machine.address(), "--settle", "2000", "--timeout", "3")
        assert len(result.error_lines) == 1, result.stderr
        assert "" in [picture.difference(shot, truth) for truth in truths]


def test_the_reference_takes_the_same_picture(private: Path, scenes_disk: Path, cli: Cli, row: Row) -> None:
    """Both commands on the same screen; the times are for reading, the pictures are judged."""
    with Qemu(private, vga="qxl", disk=scenes_disk) as machine:
        Scenes(machine).draw(Scenes.TEXT, 2)
        theirs, seconds = spicy_screenshot(private, machine.address())
        ours, result = cli.screenshot(machine.address())
        row("screenshot command", program="spicy-screenshot", seconds=f"{seconds:.3f}", ratio="1.0")
        ratio = f"{result.seconds / seconds:.1f}"
        row("screenshot command", program="spicetui screenshot", seconds=f"{result.seconds:.3f}", ratio=ratio)
        assert not picture.difference(ours, theirs)
