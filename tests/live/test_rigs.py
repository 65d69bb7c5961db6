"""The judges themselves: the reference client sees what QMP and the X root window see."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import picture, xscenes
from .certs import Certificates
from .guest import ScancodeLog, Scenes
from .qemu import Qemu
from .reference import Reference, ReferenceError, spicy_screenshot
from .xspice import Xspice


@pytest.mark.parametrize("vga", ["std", "qxl", "virtio"])
@pytest.mark.parametrize("way", ["tcp", "tls", "unix"])
def test_reference_shows_what_qemu_dumps(
    vga: str, way: str, private: Path, scenes_disk: Path, certificates: Certificates
) -> None:
    tls = certificates if way == "tls" else None
    with Qemu(private, vga=vga, disk=scenes_disk, tls=tls, unix=way == "unix", password="secret") as machine:
        scenes = Scenes(machine)
        scenes.draw(Scenes.SMOOTH, 40)
        with Reference(private, machine.address(tls=way == "tls")) as reference:
            reference.rest()
            assert not picture.difference(reference.picture(), machine.screendump())
            before = machine.screendump()
            scenes.draw(Scenes.SQUARE, 99)
            reference.rest()
            truth = machine.screendump()
            assert picture.difference(before, truth)
            assert not picture.difference(reference.picture(), truth)
        shot, _ = spicy_screenshot(private, machine.address(tls=way == "tls"))
        assert not picture.difference(shot, truth)


def test_reference_is_refused_with_a_wrong_password(private: Path) -> None:
    with Qemu(private, boot_menu=True, password="secret") as machine:
        address = machine.address()
        with pytest.raises(ReferenceError, match=r"error-auth|Authentication"):
            with Reference(private, address, password="wrong"):
                pass


def test_scancode_log_hears_the_machine_itself(private: Path, scancode_disk: Path) -> None:
    with Qemu(private, disk=scancode_disk) as machine:
        log = ScancodeLog(machine)
        machine.send_keys("a")
        assert log.keyboard(2) == b"\x1e\x9e"
        machine.send_keys("pause")
        assert log.keyboard(6) == bytes.fromhex("e11d45e19dc5")
        log.set_leds(7)
        machine.qmp("input-send-event", events=[{"type": "rel", "data": {"axis": "x", "value": 5}}])
        assert log.mouse(4) == b"\x08\x05\x00\x00"


def test_reference_shows_what_x_holds(private: Path) -> None:
    with Xspice(private) as server, Reference(private, server.address()) as reference:
        reference.rest()
        shown = reference.picture()
        with xscenes.desktop(server) as desktop:
            for name, scene in xscenes.SCENES.items():
                scene(desktop)
                reference.rest()
                before, shown = shown, reference.picture()
                assert picture.difference(before, shown), f"{name} drew nothing"
                assert not picture.difference(shown, server.root()), name
