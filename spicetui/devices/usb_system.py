"""What this machine knows of its USB devices (Linux): their folders in /sys, nodes, drivers, and who uses them."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..diagnostics import printable
from .usb_description import Description

#: Bits of a key's number in /sys/…/capabilities/key: KEY_A, and the pointer's buttons from BTN_LEFT and BTN_TOUCH.
KEY_A, BTN_LEFT, BTN_TOUCH = 30, 0x110, 0x14A

#: Of the device numbers of usbfs's nodes; the minor one has seven bits for the address.
USB_MAJOR = 189


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a device should not be taken; the user may confirm to take it all the same, unless *final*."""

    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """Where Linux shows its devices."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")

    def node(self, bus: int, address: int) -> Path:
        return self.dev / "bus" / "usb" / f"{bus:03d}" / f"{address:03d}"

    @property
    def devices(self) -> Path:
        return self.sys / "bus" / "usb" / "devices"

    def folder(self, bus: int, address: int) -> Path | None:
        """The device's folder in /sys."""
        link = self.sys / "dev" / "char" / f"{USB_MAJOR}:{(bus - 1) * 128 + address - 1}"
        if _number(link / "busnum") == bus and _number(link / "devnum") == address:
            return link.resolve()
        for folder in _listed(self.devices):
            if _number(folder / "busnum") == bus and _number(folder / "devnum") == address:
                return folder
        return None

    def present(self) -> frozenset[str]:
        """Changes when a device comes or goes, also when another one takes the place."""
        return frozenset(
            f"{folder.name} {_text(folder / 'devnum')}" for folder in _listed(self.devices) if ":" not in folder.name
        )

    def strings(self, bus: int, address: int) -> tuple[str, str, str] | None:
        """Manufacturer, product and serial number, which the kernel has read; None where it tells nothing."""
        folder = self.folder(bus, address)
        if folder is None:
            return None
        return (_text(folder / "manufacturer"), _text(folder / "product"), _text(folder / "serial"))

    def configuration(self, bus: int, address: int) -> int | None:
        """The active one's value, 0 for none; None when it is not known."""
        folder = self.folder(bus, address)
        if folder is None or not (folder / "bConfigurationValue").exists():
            return None
        return _number(folder / "bConfigurationValue") or 0

    def drivers(self, bus: int, address: int) -> dict[int, str]:
        """The kernel's driver of each interface that has one."""
        folder = self.folder(bus, address)
        if folder is None:
            return {}
        found = {}
        for interface in _listed(folder):
            link = interface / "driver"
            if interface.name.startswith(f"{folder.name}:") and link.exists():
                found[int(_text(interface / "bInterfaceNumber") or "0", 16)] = link.resolve().name
        return found

    def may_open(self, bus: int, address: int) -> bool:
        """Whether this user may use the device; True where there are no nodes to ask."""
        node = self.node(bus, address)
        effective = os.access in os.supports_effective_ids
        return not node.exists() or os.access(node, os.R_OK | os.W_OK, effective_ids=effective)

    def objections(self, device: Description) -> tuple[Objection, ...]:
        """Why *device* should stay with this machine, most serious first."""
        return tuple(self._objections(device))

    def _objections(self, device: Description) -> Iterator[Objection]:
        if device.is_hub:
            yield Objection("it is a hub: what is plugged into it would go with it", final=True)
        folder = self.folder(device.bus, device.address)
        if folder is not None:
            for block in _below(folder, "block"):
                yield from self._disk_in_use(block)
            for network in _below(folder, "net"):
                if _text(network / "operstate") == "up" or _number(network / "carrier") == 1:
                    yield Objection(f"this machine's network {network.name} goes through it")
        if any(setting.is_keyboard_or_mouse for setting in device.settings):
            yield Objection("it is a keyboard or pointer: this machine would not hear it any more")
        elif folder is not None and any(_types_or_points(one) for one in _below(folder, "input")):
            yield Objection("this machine uses it as a keyboard or pointer")
        if folder is not None and "usbfs" in self.drivers(device.bus, device.address).values():
            yield Objection("another program uses it")

    # --- disks

    def _disk_in_use(self, disk: Path) -> Iterator[Objection]:
        for part in [disk, *(one for one in _listed(disk) if (one / "partition").exists())]:
            yield from self._in_use(part, part.name)

    def _in_use(self, block: Path, name: str, depth: int = 0) -> Iterator[Objection]:
        number = _text(block / "dev")
        for place in self._mounts(number, name):
            yield Objection(f"its disk {name} is mounted at {printable(place)}")
        if number in self._swaps():
            yield Objection(f"this machine swaps to its disk {name}")
        for holder in _listed(block / "holders"):
            label = _text(self.sys / "class" / "block" / holder.name / "dm" / "name") or holder.name
            yield Objection(f"its disk {name} belongs to {printable(label)} (a volume group, RAID or encrypted disk)")
            if depth < 8:
                yield from self._in_use(self.sys / "class" / "block" / holder.name, label, depth + 1)

    def _mounts(self, number: str, name: str) -> list[str]:
        """Where the block device is mounted: some file systems have numbers of their own, so its name counts too."""
        places = []
        for line in _text(self.proc / "self" / "mountinfo").splitlines():
            words, _, rest = line.partition(" - ")
            fields, source = words.split(), rest.split()
            if len(fields) < 5 or len(source) < 2:
                continue
            if fields[2] == number or self._number(_unescaped(source[1])) == number:
                places.append(_unescaped(fields[4]))
        for line in _text(self.proc / "mounts").splitlines():  # where there is no mountinfo
            fields = line.split()
            if len(fields) >= 2 and fields[0] == f"/dev/{name}":
                places.append(_unescaped(fields[1]))
        return list(dict.fromkeys(places))

    def _swaps(self) -> set[str]:
        lines = _text(self.proc / "swaps").splitlines()[1:]
        return {self._number(_unescaped(line.split()[0])) for line in lines if line.split()} - {""}

    def _number(self, path: str) -> str:
        """``major:minor`` of a block device's path, empty for anything else."""
        if not path.startswith("/dev/"):
            return ""
        try:
            found = (self.dev / path.removeprefix("/dev/")).stat()
        except OSError:
            return _text(self.sys / "class" / "block" / Path(path).name / "dev")
        if not stat.S_ISBLK(found.st_mode):
            return _text(self.sys / "class" / "block" / Path(path).name / "dev")
        return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _below(folder: Path, kind: str) -> Iterator[Path]:
    """What the drivers of a device have made of it: ``…/block/sdb``, ``…/net/eth1``, ``…/input/input7``."""
    for root, names, _ in os.walk(folder):
        with contextlib.suppress(ValueError):
            names.remove("subsystem")
        # Another device behind this one has a folder of its own: only hubs have such.
        if kind in names:
            yield from (one for one in _listed(Path(root) / kind) if one.is_dir())
            names.remove(kind)


def _types_or_points(device: Path) -> bool:
    words = _text(device / "capabilities" / "key").split()
    keys = 0
    for word in words:
        keys = keys << 64 | int(word, 16)
    return any(keys >> bit & 1 for bit in (KEY_A, BTN_LEFT, BTN_TOUCH))


def _unescaped(text: str) -> str:
    """A path of /proc, with blanks and the like as octal numbers."""
    if "\\" not in text:
        return text
    first, *others = text.split("\\")
    return first + "".join(
        chr(int(part[:3], 8)) + part[3:] if part[:3].isdecimal() and len(part) >= 3 else "\\" + part for part in others
    )
