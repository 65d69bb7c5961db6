"""A piece of /sys, /proc and /dev as Linux shows them, for USB devices that are models."""

from __future__ import annotations

import os
from pathlib import Path

from spicetui.devices.usb_system import System

from .usb_models import Model


class FakeSystem:
    """Each model has the folder ``BUS-ADDRESS``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.system = System(root / "sys", root / "proc", root / "dev")
        for folder in ("sys/bus/usb/devices", "sys/class/block", "proc/self", "dev/bus/usb"):
            (root / folder).mkdir(parents=True)
        self.mountinfo: list[str] = []
        self.write("proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/root rw\n")
        self.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def plug(self, model: Model, *, node: bool = True, links: bool = False) -> Path:
        folder = self.system.devices / f"{model.bus}-{model.address}"
        folder.mkdir()
        files = {
            "busnum": model.bus,
            "devnum": model.address,
            "bConfigurationValue": model.configuration or "",
            "manufacturer": model.strings[0],
            "product": model.strings[1],
            "serial": model.strings[2],
        }
        for name, value in files.items():
            (folder / name).write_text(f"{value}\n")
        if links:
            numbers = self.system.sys / "dev" / "char"
            numbers.mkdir(parents=True, exist_ok=True)
            (numbers / f"189:{128 * (model.bus - 1) + model.address - 1}").symlink_to(folder)
        for one in model.settings():
            interface = folder / f"{folder.name}:1.{one.number}"
            interface.mkdir()
            (interface / "bInterfaceNumber").write_text(f"{one.number:02x}\n")
            if one.number in model.drivers:
                driver = self.root / "sys/bus/usb/drivers" / model.drivers[one.number]
                driver.mkdir(parents=True, exist_ok=True)
                (interface / "driver").symlink_to(driver)
        if node:
            path = self.system.node(model.bus, model.address)
            path.parent.mkdir(exist_ok=True)
            descriptors = [model.configuration_descriptor(index) for index in range(len(model.configurations))]
            path.write_bytes(model.device_descriptor + b"".join(descriptors))
        return folder

    def unplug(self, model: Model) -> None:
        folder = self.system.devices / f"{model.bus}-{model.address}"
        for path, folders, files in os.walk(folder, topdown=False):
            for name in files:
                (Path(path) / name).unlink()
            for name in folders:
                child = Path(path) / name
                child.unlink() if child.is_symlink() else child.rmdir()
        folder.rmdir()

    def disk(self, device: Path, name: str, number: str, *parts: str) -> Path:
        """A block device below a USB device, with partitions numbered on."""
        block = device / f"{device.name}:1.0" / "host6" / "target" / "block" / name
        major, minor = number.split(":")
        for at, one in enumerate((block, *(block / part for part in parts))):
            (one / "holders").mkdir(parents=True)
            (one / "dev").write_text(f"{major}:{int(minor) + at}\n")
            (self.system.sys / "class/block" / one.name).symlink_to(one)
        for part in parts:
            (block / part / "partition").write_text("1\n")
        return block

    def mount(self, line: str) -> None:
        with (self.system.proc / "self/mountinfo").open("a") as file:
            file.write(line + "\n")
