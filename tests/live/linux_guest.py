"""A Linux guest of two files: a kernel of Debian and busybox, which runs what COM1 tells it.

It is up in seconds without KVM, and its kernel tells what its consoles show (/dev/vcsu…).
"""

from __future__ import annotations

import lzma
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from . import needs
from .process import DEADLINE, Line

BUSYBOX = Path("/bin/busybox")  # Debian's busybox-static
READY = b"the guest is ready\n"
VESA_1024_768 = "vga=792"

INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
# What the kernel still has to say goes to its log, not in between what is asked on COM1.
echo 1 >/proc/sys/kernel/printk
busybox --install -s /bin
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty raw -echo opost -onlcr
printf 'the guest is ready\\n'
while read -r line; do eval "$line"; done
"""


def kernel() -> Path:
    found = sorted(path for path in Path("/boot").glob("vmlinuz-*") if os.access(path, os.R_OK))
    if not found:
        needs.missing("a kernel in /boot that can be read", "linux-image-amd64")
    return found[-1]


def modules(*names: str) -> dict[str, bytes]:
    """Those of the kernel and what they need, as the shell's insmod takes them, in the order that it has to.

    The names are as in /proc/modules.
    """
    folder = Path("/lib/modules") / kernel().name.removeprefix("vmlinuz-")
    index = folder / "modules.dep"
    if not index.exists():
        needs.missing(f"{index}", "linux-image-amd64")
    needed: dict[str, list[str]] = {}
    for line in index.read_text().splitlines():
        path, _, others = line.partition(":")
        needed[_module(path)] = [path, *others.split()]
    paths = dict.fromkeys(path for name in names for path in reversed(needed[name]))
    return {f"{_module(path)}.ko": _unpacked(folder / path) for path in paths}


def _module(path: str) -> str:
    return Path(path).name.partition(".")[0].replace("-", "_")


def _unpacked(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def busybox() -> bytes:
    path = BUSYBOX if BUSYBOX.exists() else Path(shutil.which("busybox") or BUSYBOX)
    if not path.exists() or b"ld-linux" in path.read_bytes()[:8192]:
        needs.missing("a static busybox", "busybox-static")
    return path.read_bytes()


def _entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """Of a cpio archive in the new ASCII format."""
    word = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(word), 0)
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + word
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initial_disk(files: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """*files* lie in its root."""
    folder, link = 0o40755, 0o120777
    return b"".join(
        (
            *(_entry(name, folder) for name in ("bin", "dev", "proc")),
            _entry("dev/console", 0o20600, device=(5, 1)),
            _entry("bin/busybox", 0o100755, busybox()),
            *(_entry(f"bin/{name}", link, b"busybox") for name in ("sh", "mount", "stty")),
            _entry("init", 0o100755, INIT.encode()),
            *(_entry(name, 0o100755, data) for name, data in files.items()),
            _entry("TRAILER!!!", 0),
        )
    )


def arguments(folder: Path, command_line: str = "", files: Mapping[str, bytes] = MappingProxyType({})) -> list[str]:
    """QEMU's, for a machine that shows the guest's console on its screen and has its shell on COM1."""
    disk = folder / "initrd"
    disk.write_bytes(initial_disk(files))
    words = f"console=ttyS0 console=tty0 panic=-1 {command_line}"
    return ["-m", "256", "-kernel", str(kernel()), "-initrd", str(disk), "-append", words]


class Shell:
    """The guest's end of COM1."""

    def __init__(self, line: Line, seconds: float = DEADLINE) -> None:
        self._line = line
        self._line.read_through(READY, seconds)

    def run(self, command: str, seconds: float = DEADLINE) -> bytes:
        """What a command of one line prints."""
        self._line.send(b"printf 'begin\\n'; " + command.encode() + b"; printf '\\ndone\\n'\n")
        self._line.read_through(b"begin\n")
        return self._line.read_through(b"\ndone\n", seconds).removesuffix(b"\ndone\n")

    def show(self, text: str) -> None:
        """Writes to the console that the screen shows; backslashes as printf has them."""
        octets = "".join(chr(c) if 32 <= c < 127 and chr(c) not in "'%" else f"\\{c:03o}" for c in text.encode())
        self.run(f"printf '{octets}' >/dev/tty1")

    def console(self, columns: int) -> list[str]:
        """What the kernel says is on the screen, without blanks at the ends of lines."""
        words = self.run("od -An -v -t x4 /dev/vcsu1").split()
        text = "".join(chr(int(word, 16)) for word in words)
        return [text[at : at + columns].rstrip() for at in range(0, len(text), columns)]
