"""The shell of UEFI firmware: edk2 for QEMU, whose serial port gets the same text as its screen."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import needs
from .qemu import Qemu

FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE.fd")
PROMPT = b"Shell> \x1b[0m\x1b[37m\x1b[40m"


def arguments(folder: Path) -> list[str]:
    """QEMU's."""
    if not FIRMWARE.exists():
        needs.missing(FIRMWARE.name, "ovmf")
    variables = shutil.copy(FIRMWARE.with_name("OVMF_VARS.fd"), folder / "variables")
    drives = (f"readonly=on,file={FIRMWARE}", f"file={variables}")
    return ["-m", "128", *(word for drive in drives for word in ("-drive", f"if=pflash,format=raw,{drive}"))]


def reach_shell(machine: Qemu) -> bytes:
    """Types one command into the shell; returns all that has come from the serial port."""
    serial = machine.com1.read_through(b"startup.nsh", 60)
    machine.send_keys("esc")
    serial += machine.com1.read_through(PROMPT)
    for key in ("v", "e", "r", "ret"):
        machine.send_keys(key)
    return serial + machine.com1.read_through(PROMPT)
