"""A Linux guest with Debian's own smartcard programs: pcscd with its CCID driver, and OpenSC's tools."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from functools import cache
from pathlib import Path

from . import linux_guest, needs
from .linux_guest import Shell
from .qemu import Qemu

DEVICES = (
    *("-device", "qemu-xhci", "-device", "usb-ccid"),
    *("-chardev", "spicevmc,id=ccid,name=smartcard", "-device", "ccid-card-passthru,chardev=ccid"),
)
PROGRAMS = ("pcscd", "opensc-tool", "pkcs11-tool", "pkcs15-tool")
DRIVER = Path("/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents")
#: What the programs load by themselves, and ldd does not tell.
LOADED = ("libpcsclite.so.1", "libgcc_s.so.1", "opensc-pkcs11.so")
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
MODULE = LIBRARIES / "opensc-pkcs11.so"
MODULES = ("xhci_pci",)
SECONDS = 300.0
"""Of one command. Where a card comes or goes between a question of the guest's driver to QEMU's reader and its answer,
QEMU drops the answer, and the driver waits for 230 s before it asks again. It is seldom, and passes.
"""


@cache
def _files() -> dict[str, bytes]:
    """The programs and all that they need, by their paths."""
    if not (DRIVER / "Linux" / "libccid.so").exists():
        needs.missing("pcscd's driver for USB readers", "libccid")
    paths = [Path(needs.program(name)) for name in PROGRAMS]
    paths += [DRIVER / "Linux" / "libccid.so", DRIVER / "Info.plist"]
    for name in LOADED:
        if not (LIBRARIES / name).exists():
            needs.missing(name, "opensc-pkcs11 and libpcsclite1")
        paths.append(LIBRARIES / name)
    listed = subprocess.run(["ldd", *map(str, paths)], capture_output=True, text=True, check=False).stdout
    libraries = {Path(found) for found in re.findall(r"(/\S+) \(0x", listed)}
    return {str(path): path.read_bytes() for path in (*paths, *libraries)}


def _archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in _files().items():
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.mode, entry.size = 0o755, len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def arguments(folder: Path) -> list[str]:
    """QEMU's."""
    kernel_modules = linux_guest.modules(*MODULES)
    return [*linux_guest.arguments(folder, "quiet", {"cards.tar": _archive(), **kernel_modules}), *DEVICES]


class CardGuest:
    """The machine's shell, with pcscd running. Its reader is there from the start, and cards come by SPICE."""

    def __init__(self, machine: Qemu) -> None:
        self._line = machine.com1
        Shell(machine.com1, SECONDS)
        self.run("tar -xf /cards.tar -C / && rm /cards.tar")
        self.run("mkdir -p /sys /run/udev/data /run/pcscd /etc/reader.conf.d /tmp; mount -t sysfs sys /sys")
        for name in linux_guest.modules(*MODULES):
            self.run(f"insmod /{name}")
        self.wait("grep -q '^08e6$' /sys/bus/usb/devices/*/idVendor")
        # What udev would write down; without it libudev takes the devices for unfinished.
        self.run(
            "for one in /sys/bus/usb/devices/*/uevent; do ("
            ' . $one; test -n "$MINOR" && echo I:1 >/run/udev/data/c$MAJOR:$MINOR ); done'
        )
        self.run("(pcscd -f >/tmp/pcscd.log 2>&1 &)")
        self.wait_card(False)

    def run(self, command: str) -> str:
        self._line.send(command.encode() + b"; printf '\\ndone\\n'\n")
        return self._line.read_through(b"\ndone\n", SECONDS).removesuffix(b"\ndone\n").decode()

    def wait(self, condition: str) -> None:
        self.run(f"until {condition}; do usleep 20000; done")

    def wait_card(self, there: bool) -> None:
        """Until the guest's reader is there, with or without a card."""
        self.wait(f"opensc-tool -l 2>/dev/null | grep -q '^0 *{'Yes' if there else 'No'} '")

    def tool(self, *words: str, pin: str | None = None, works: bool = True) -> str:
        """What pkcs11-tool says; an AssertionError when it fails and should not, or the other way round."""
        login = f"--login --pin {pin}" if pin is not None else ""
        told = self.run(f"pkcs11-tool --module {MODULE} {login} {' '.join(words)} 2>&1; echo status $?")
        said, _, status = told.rpartition("status ")
        assert (status.strip() == "0") is works, told
        return said

    def put(self, path: str, data: bytes) -> None:
        octets = "".join(f"\\{octet:03o}" for octet in data)
        self.run(f"printf '{octets}' >{path}")

    def get(self, path: str) -> bytes:
        return bytes.fromhex(self.run(f"od -An -v -t x1 {path}"))
