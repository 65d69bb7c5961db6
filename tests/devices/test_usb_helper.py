"""The open device by way of the helper, and the drivers' return when the program that had it is gone."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spicetui.devices import usb_access, usb_guardian, usb_helper
from spicetui.devices.usb_device import RealDevice
from spicetui.errors import UsbError

from .fake_sys import FakeSystem
from .fake_usb1 import FakeUsb1
from .usb_host import Host, describe, usb1_maker
from .usb_models import Keyboard, Storage

HELPER = [sys.executable, "-I", str(usb_access.HELPER)]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["1", "2"],
        ["1", "2", "0951:1666", "more"],
        ["0", "2", "0951:1666"],
        ["1", "1000", "0951:1666"],
        ["1", "-2", "0951:1666"],
        ["1/../..", "2", "0951:1666"],
        ["1\n", "2", "0951:1666"],
        ["1", "2", "0951:166G"],
        ["1", "2", "0951:16666"],
        ["--help", "2", "0951:1666"],
        ["١", "2", "0951:1666"],
    ],
)
def test_the_helper_takes_numbers_only(words: list[str]) -> None:
    with pytest.raises(usb_helper.RefusedError):
        usb_helper.checked(words)


def test_the_helper_takes_three_words() -> None:
    assert usb_helper.checked(["1", "12", "0951:1666"]) == (1, 12, "0951:1666")


def node(tmp_path: Path, content: bytes) -> str:
    folder = tmp_path / "001"
    folder.mkdir()
    (folder / "002").write_bytes(content)
    return str(tmp_path)


def test_the_helper_opens_nothing_but_the_usb_device_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Storage(bytearray(512))
    root = node(tmp_path, model.device_descriptor + b"more")
    with pytest.raises(usb_helper.RefusedError, match="is no USB device"):
        usb_helper.open_device(1, 2, "0951:1666", root)  # a plain file
    with open("/dev/null") as null:
        assert not usb_helper.is_usb_device(null.fileno())
        assert usb_helper.is_usb_device(null.fileno(), major=1)
    monkeypatch.setattr(usb_helper, "is_usb_device", lambda file: True)
    file = usb_helper.open_device(1, 2, "0951:1666", root)
    assert os.read(file, 18) == model.device_descriptor
    os.close(file)
    with pytest.raises(usb_helper.RefusedError, match=r"is 0951:1666 and not 0951:1667"):
        usb_helper.open_device(1, 2, "0951:1667", root)
    with pytest.raises(usb_helper.RefusedError, match="no such file"):
        usb_helper.open_device(1, 3, "0951:1666", root)
    (tmp_path / "001/003").symlink_to(tmp_path / "001/002")
    with pytest.raises(usb_helper.RefusedError):
        usb_helper.open_device(1, 3, "0951:1666", root)


def test_the_helper_opens_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = bytearray(Storage(bytearray(512)).device_descriptor)
    descriptor[4] = 9
    monkeypatch.setattr(usb_helper, "is_usb_device", lambda file: True)
    with pytest.raises(usb_helper.RefusedError, match="hub"):
        usb_helper.open_device(1, 2, "0951:1666", node(tmp_path, bytes(descriptor)))
    (tmp_path / "001/002").write_bytes(b"short")
    with pytest.raises(usb_helper.RefusedError, match="descriptor"):
        usb_helper.open_device(1, 2, "0951:1666", str(tmp_path))


def test_the_helper_hands_over_the_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "node"
    file.write_bytes(b"the device")
    monkeypatch.setattr(usb_helper, "open_device", lambda *words: os.open(file, os.O_RDWR))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert usb_helper.serve(["1", "2", "0951:1666"], theirs) == 0
        received = usb_access._received(ours)
        assert os.read(received, 100) == b"the device"
        assert not os.get_inheritable(received)
        os.close(received)
        assert usb_helper.serve(["nonsense"], theirs) == 1
        with pytest.raises(UsbError, match="usage"):
            usb_access._received(ours)


def test_the_helper_alone_says_what_it_is_for() -> None:
    done = subprocess.run([*HELPER, "1", "2", "0951:1666"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"standard input has to be a unix socket" in done.stderr


async def test_the_helpers_refusal_and_silence_reach_the_user() -> None:
    with pytest.raises(UsbError, match=r"/dev/bus/usb/998/999: no such file"):
        await usb_access.open_by_helper(998, 999, "0951:1666", [HELPER])
    talk = [sys.executable, "-c", "import sys; sys.exit('sudo: a password is required')"]
    with pytest.raises(UsbError, match="a password is required"):
        await usb_access.open_by_helper(1, 2, "0951:1666", [talk])
    with pytest.raises(UsbError, match="neither pkexec nor sudo"):
        await usb_access.open_by_helper(1, 2, "0951:1666", [])


FAKE_HELPER = """
import os, socket, sys
line = socket.socket(fileno=os.dup(0))
socket.send_fds(line, [b'{"ok": true}'], [os.open(sys.argv[1], os.O_RDWR)])
"""


async def test_a_device_without_permission_is_opened_by_the_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, model = FakeSystem(tmp_path), Storage(bytearray(512))
    machine.plug(model)
    path = machine.system.node(1, 2)
    real_open = os.open

    def refuse(name: str | Path, flags: int, *words: int) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied")
        return real_open(name, flags, *words)

    monkeypatch.setattr(os, "open", refuse)
    engine = usb1_maker(FakeUsb1([model]))
    described = describe(model, machine.system)
    refused = RealDevice(described, engine=engine, system=machine.system)
    with pytest.raises(UsbError, match=r"put SUBSYSTEM.* into /etc/udev"):
        await refused.open(Host(refused))
    ways = [[sys.executable, "-c", FAKE_HELPER, str(path)]]
    device = RealDevice(described, engine=engine, system=machine.system, helper=True, helper_commands=ways)
    host = Host(device)
    await device.open(host)
    assert (await host.control(0x80, 6, 0x0100, 0, length=18)).data == model.device_descriptor
    await device.close()
    assert model.opened == 0


async def test_another_device_in_the_place_of_the_one_that_was_chosen_is_not_opened(tmp_path: Path) -> None:
    machine, model = FakeSystem(tmp_path), Storage(bytearray(512))
    machine.plug(model)
    device = RealDevice(describe(model, machine.system), engine=usb1_maker(FakeUsb1([model])), system=machine.system)
    machine.system.node(1, 2).write_bytes(Keyboard().device_descriptor)
    with pytest.raises(UsbError, match=r"another device \(046d:c31c\) has taken the place of 0951:1666"):
        await device.open(Host(device))
    machine.system.node(1, 2).unlink()
    with pytest.raises(UsbError, match="no node in /dev/bus/usb"):
        await device.open(Host(device))


# --- the guardian


class Usbfs:
    """What the guardian asks of a device's file."""

    def __init__(self, busy: int = 0) -> None:
        self.busy = busy
        self.calls: list[tuple[str, int]] = []

    def ioctl(self, file: int, code: int, argument: object = None) -> int:
        if code == usb_guardian.RELEASE_INTERFACE:
            assert hasattr(argument, "__getitem__")
            self.calls.append(("release", argument[0]))
        elif code == usb_guardian.RESET:
            self.calls.append(("reset", -1))
        else:
            assert code == usb_guardian.IOCTL
            assert isinstance(argument, usb_guardian._Ioctl)
            assert argument.code == usb_guardian.CONNECT
            self.calls.append(("connect", argument.interface))
            if self.busy:
                self.busy -= 1
                raise OSError(16, "busy")
            if argument.interface == 5:
                raise OSError(61, "no driver for it")
        return 0


def test_the_guardian_gives_back_until_nothing_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    usbfs = Usbfs(busy=1)
    monkeypatch.setattr(fcntl, "ioctl", usbfs.ioctl)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert usb_guardian.give_back(3, [0, 5]) == []
    assert usbfs.calls == [
        ("release", 0),
        ("release", 5),
        ("reset", -1),
        ("connect", 0),
        ("connect", 5),
        ("connect", 0),
    ]


def test_the_guardians_numbers_are_the_kernels() -> None:
    assert usb_guardian.RELEASE_INTERFACE == 0x80045510
    assert usb_guardian.RESET == 0x5514
    assert usb_guardian.CONNECT == 0x5517
    assert usb_guardian.IOCTL & 0xFFFF == 0x5512


async def test_a_guardian_watches_as_long_as_the_device_is_open(tmp_path: Path) -> None:
    machine, model = FakeSystem(tmp_path), Storage(bytearray(512))
    machine.plug(model)
    device = RealDevice(describe(model, machine.system), engine=usb1_maker(FakeUsb1([model])), system=machine.system)
    await device.open(Host(device))
    guardian = device._guardian
    assert guardian is not None
    assert guardian.poll() is None
    await device.close()
    assert guardian.returncode == 0


def test_the_helpers_answer_is_one_line_of_json() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        usb_helper.serve([], theirs)
        assert "usage" in json.loads(ours.recv(4096))["error"]
