"""Which real devices there are, how the user names them, and why some stay with this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spicetui.devices import usb_device, usb_real
from spicetui.devices.usb_access import GROUP_RULE, SEAT_RULE, helper_commands, permission_advice, udev_rule
from spicetui.errors import UsbError

from .fake_pyusb import FakeBackend
from .fake_sys import FakeSystem
from .usb_host import NOWHERE, describe
from .usb_models import BULK, End, Hub, Keyboard, Model, Serial, Setting, Sound, Storage


@pytest.fixture
def machine(tmp_path: Path) -> FakeSystem:
    return FakeSystem(tmp_path)


def listed(machine: FakeSystem, *models: Model) -> list[usb_real.Listed]:
    return usb_real.list_devices(FakeBackend(models), machine.system)


def test_a_list_has_all_but_hubs_in_order(machine: FakeSystem) -> None:
    models = [Keyboard(bus=2, address=9), Hub(bus=1, address=1), Storage(bytearray(512), bus=1, address=4)]
    for model in models:
        machine.plug(model)
    found = listed(machine, *models)
    assert [one.location for one in found] == ["1-4", "2-9"]
    assert found[0].row() == {
        "id": "0951:1666",
        "location": "1-4",
        "manufacturer": "Kingston",
        "product": "DataTraveler",
        "serial": "AA0001",
        "speed": "high",
        "kinds": ["storage"],
        "drivers": ["usb-storage"],
        "state": "free",
        "remarks": [],
    }


@pytest.mark.parametrize("links", [True, False])
def test_a_devices_folder_is_found_by_its_number(machine: FakeSystem, links: bool) -> None:
    first, second = Storage(bytearray(512), bus=2, address=4), Keyboard(bus=3, address=4)
    folders = [machine.plug(model, links=links) for model in (first, second)]
    assert [machine.system.folder(bus, 4) for bus in (2, 3)] == folders
    assert machine.system.folder(2, 5) is None
    assert machine.system.drivers(2, 4) == {0: "usb-storage"}


def test_what_a_device_calls_itself_cannot_write_to_the_terminal(machine: FakeSystem) -> None:
    model = Serial()
    model.strings = ("\x1b]0;gotcha\x07", "x" * 500, "a\nb")
    machine.plug(model)
    (found,) = listed(machine, model)
    assert found.info.manufacturer == "�]0;gotcha�"
    assert len(found.info.product) < 130
    assert found.info.serial == "a b"


def test_without_sys_the_device_itself_is_asked_and_let_go() -> None:
    model = Storage(bytearray(512))
    (found,) = usb_real.list_devices(FakeBackend([model]), NOWHERE)
    assert (found.info.manufacturer, found.info.product, found.info.serial) == ("Kingston", "DataTraveler", "AA0001")
    assert model.opened == 0
    model.permitted = False
    (found,) = usb_real.list_devices(FakeBackend([model]), NOWHERE)
    assert found.info.title == "USB device 0951:1666"
    assert found.description.active == 1


def test_a_device_that_has_no_configuration_is_listed(machine: FakeSystem) -> None:
    model = Model()
    machine.plug(model)
    (found,) = listed(machine, model)
    assert (found.description.active, found.interfaces(), found.description.kinds) == (0, (), ())


@pytest.mark.parametrize("name", ["0951:1666", "1-4", "1.4", "001-004", "datatraveler", "AA0001", "kingston data"])
def test_names_of_a_device(machine: FakeSystem, name: str) -> None:
    models = [Keyboard(), Storage(bytearray(512), address=4)]
    for model in models:
        machine.plug(model)
    assert usb_real.find_device(name, FakeBackend(models), machine.system).info.location == "1-4"


def test_a_name_of_several_or_of_none_is_refused_in_words(machine: FakeSystem) -> None:
    models = [Storage(bytearray(512), address=4), Storage(bytearray(512), address=5)]
    for model in models:
        machine.plug(model)
    with pytest.raises(UsbError, match=r"2 USB devices .* 1-4, 1-5"):
        usb_real.find_device("0951:1666", FakeBackend(models), machine.system)
    for name in ("1234:5678", "1-9", "", "none\x1b[m"):
        with pytest.raises(UsbError, match="there is no USB device") as missing:
            usb_real.find_device(name, FakeBackend(models), machine.system)
        assert "\x1b" not in str(missing.value)


# --- what stays here


def only(machine: FakeSystem, model: Model) -> list[str]:
    (found,) = listed(machine, model)
    return [one.reason for one in found.objections]


def test_a_mounted_disk_is_kept_by_number_and_by_name(machine: FakeSystem) -> None:
    model = Storage(bytearray(512))
    machine.disk(machine.plug(model), "sdb", "8:16", "sdb1", "sdb2")
    assert only(machine, model) == []
    machine.mount("40 22 8:17 / /media/my\\040stick rw - vfat /dev/disk/by-id/x rw")
    assert only(machine, model) == ["its disk sdb1 is mounted at /media/my stick"]
    machine.mount("41 22 0:52 /sub /srv rw - btrfs /dev/sdb2 rw")
    assert only(machine, model)[1:] == ["its disk sdb2 is mounted at /srv"]


def test_mounts_are_seen_without_mountinfo(machine: FakeSystem) -> None:
    model = Storage(bytearray(512))
    machine.disk(machine.plug(model), "sdb", "8:16")
    (machine.system.proc / "self/mountinfo").unlink()
    machine.write("proc/mounts", "/dev/sdb /mnt vfat rw 0 0\n")
    assert only(machine, model) == ["its disk sdb is mounted at /mnt"]


def test_swap_and_volume_groups_keep_a_disk_too(machine: FakeSystem) -> None:
    model = Storage(bytearray(512))
    block = machine.disk(machine.plug(model), "sdb", "8:16", "sdb1", "sdb2")
    machine.write("proc/swaps", "Filename Type Size Used Priority\n/dev/sdb2 partition 8 0 -2\n")
    (block / "sdb1/holders/dm-3").mkdir()
    machine.write("sys/class/block/dm-3/dm/name", "vault\n")
    machine.write("sys/class/block/dm-3/dev", "253:3\n")
    machine.mount("50 22 253:3 / /home rw - ext4 /dev/mapper/vault rw")
    assert only(machine, model) == [
        "its disk sdb1 belongs to vault (a volume group, RAID or encrypted disk)",
        "its disk vault is mounted at /home",
        "this machine swaps to its disk sdb2",
    ]


def test_the_users_own_keyboard_is_kept_whatever_protocol_it_speaks(machine: FakeSystem) -> None:
    model = Keyboard()
    machine.plug(model)
    assert only(machine, model) == ["it is a keyboard or pointer: this machine would not hear it any more"]
    other = Model(address=7, configurations={1: (Setting(0, 0, (3, 0, 0)),)}, drivers={0: "usbhid"})
    folder = machine.plug(other)
    assert only(machine, other) == []
    keys = machine.write(f"{folder.relative_to(machine.root)}/1-7:1.0/0003/input/input5/capabilities/key", "0\n")
    assert only(machine, other) == []
    keys.write_text(f"{1 << 16:x} 0 0 0 0\n")  # BTN_LEFT
    assert only(machine, other) == ["this machine uses it as a keyboard or pointer"]


def test_the_network_that_the_session_may_go_through_is_kept(machine: FakeSystem) -> None:
    ends = (End(0x81, BULK), End(0x02, BULK))
    model = Model(configurations={1: (Setting(0, 0, (255, 255, 0), ends),)}, drivers={0: "r8152"})
    folder = machine.plug(model).relative_to(machine.root)
    state = machine.write(f"{folder}/1-2:1.0/net/enx0/operstate", "down\n")
    assert only(machine, model) == []
    state.write_text("up\n")
    assert only(machine, model) == ["this machine's network enx0 goes through it"]


def test_what_another_program_uses_is_told(machine: FakeSystem) -> None:
    model = Serial(drivers={0: "usbfs"})
    machine.plug(model)
    assert only(machine, model) == ["another program uses it"]


def test_an_objection_needs_confirmation_and_a_hub_cannot_have_it(machine: FakeSystem) -> None:
    keyboard, hub = Keyboard(), Hub(address=1)
    machine.plug(keyboard)
    (found,) = listed(machine, keyboard)
    assert found.state == "needs confirmation"
    with pytest.raises(UsbError, match="not redirected without confirmation: it is a keyboard"):
        usb_device.make_device(found)
    assert usb_device.make_device(found, confirmed=True).info is found.info
    described = describe(hub)
    stuck = usb_real.Listed(described, True, machine.system.objections(described))
    with pytest.raises(UsbError, match="it is a hub"):
        usb_device.make_device(stuck, confirmed=True)


# --- permission


def test_who_may_not_open_a_device_is_told_the_rule(machine: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Storage(bytearray(512))
    machine.plug(model)
    node = machine.system.node(1, 2)
    monkeypatch.setattr(os, "access", lambda path, mode, **_: path != node)  # root may open anything
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    (found,) = listed(machine, model)
    assert found.state == "needs permission"
    (remark,) = found.remarks
    assert (
        'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="0951", ATTR{idProduct}=="1666", TAG+="uaccess"'
        in remark
    )
    assert "/etc/udev/rules.d/70-spicetui.rules" in remark
    assert "\n" not in remark


def test_over_ssh_the_rule_names_a_group() -> None:
    seat, remote = {"DISPLAY": ":0"}, {"SSH_CONNECTION": "a b c d"}
    assert udev_rule(environment=seat) == SEAT_RULE
    assert udev_rule(environment=remote) == GROUP_RULE
    assert "plugdev" in permission_advice(describe(Keyboard()), remote)


def test_pkexec_asks_where_there_is_a_screen_and_sudo_where_there_is_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pkexec", "sudo"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def programs(environment: dict[str, str], terminal: bool) -> list[str]:
        return [Path(way[0]).name for way in helper_commands(environment, terminal=terminal)]

    assert programs({"DISPLAY": ":0"}, True) == ["pkexec", "sudo"]
    assert programs({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, True) == ["sudo"]
    assert "-n" in helper_commands({}, terminal=False)[0]
    assert all(way[-2] == "-I" and way[-1].endswith("usb_helper.py") for way in helper_commands({}, terminal=True))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert len(helper_commands({}, terminal=True)) == 1


def test_sound_without_libusb1_says_what_to_install(machine: FakeSystem) -> None:
    model = Sound()
    machine.plug(model)
    (found,) = listed(machine, model)
    without = usb_real.Listed(found.description, True, iso_works=False)
    assert without.remarks == ("its sound or pictures need the package libusb1: pip install 'spicetui[usb]'",)
