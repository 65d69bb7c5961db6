"""A Linux guest with Debian's spice-webdavd on its webdav port, and curl and cadaver as its users."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import time
from functools import cache
from pathlib import Path

from . import linux_guest, needs
from .process import ServerError
from .qemu import Qemu

PORT = "org.spice-space.webdav.0"
PROGRAMS = ("spice-webdavd", "avahi-daemon", "dbus-daemon", "curl", "cadaver")
DEVICES = (
    "-device", "virtio-serial-pci",
    "-chardev", f"spiceport,id=webdav,name={PORT}",
    "-device", f"virtserialport,chardev=webdav,name={PORT}",
)  # fmt: skip

SETUP_SECONDS = 120.0

_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/var/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""

_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\navahi:x:1:1:avahi:/:/bin/sh\n",
    "etc/group": "root:x:0:\navahi:x:1:\nnetdev:x:2:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/bus.conf": _BUS,
    "etc/avahi/avahi-daemon.conf": "[server]\nuse-ipv6=no\nallow-interfaces=lo\n[rlimits]\n",
}

#: Run line by line on COM1; the daemon's end ends nothing, and its words are kept for those who look for a fault.
_SETUP = """\
for m in {modules}; do insmod /$m; done
mkdir -p /sys /tmp /run /var /dev/virtio-ports /root; ln -s /run /var/run
mount -t sysfs sys /sys; mount -t tmpfs -o size=300m tmp /tmp; mount -t tmpfs run /run
tar -xf /rig.tar -C /
mkdir -p /run/dbus /run/avahi-daemon; ifconfig lo 127.0.0.1 up
for p in /sys/class/virtio-ports/*; do ln -s /dev/${{p##*/}} /dev/virtio-ports/$(cat $p/name); done
dbus-daemon --config-file=/etc/bus.conf --fork --nopidfile
avahi-daemon --no-drop-root --no-chroot --no-rlimits >/tmp/avahi.log 2>&1 &
n=0; until [ -e /run/avahi-daemon/socket ] || [ $n = 600 ]; do usleep 50000; n=$((n+1)); done
cat >/bin/webdavd <<END
#!/bin/sh
PATH=/bin:/usr/bin:/usr/sbin exec /usr/sbin/spice-webdavd -p 9843 >>/tmp/webdavd.log 2>&1
END
chmod +x /bin/webdavd
export PATH=/bin:/usr/bin:/usr/sbin HOME=/root LC_ALL=C.UTF-8
"""


@cache
def _rig() -> bytes:
    """The programs with the libraries that they need, in a tar archive."""
    paths = {Path(needs.program(name)) for name in PROGRAMS}
    for path in list(paths):
        told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
        paths |= {Path(found) for found in re.findall(r"(/\S+) \(0x", told)}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", dereference=True) as archive:
        for path in sorted(paths):
            # The root folder has no links from /lib to /usr/lib, so everything lies where the loader was told.
            archive.add(path, str(path).removeprefix("/"), recursive=False)
        for name, text in _FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


class ShareGuest:
    """The machine while its context is open; `shell` is its COM1."""

    def __init__(self, directory: Path) -> None:
        modules = linux_guest.modules("virtio_pci", "virtio_console")
        setup = _SETUP.format(modules=" ".join(modules)).encode()
        files = {"rig.tar": _rig(), "setup": setup, **modules}
        words = linux_guest.arguments(directory, "quiet loglevel=0", files)
        self.qemu = Qemu(directory, extra=[*words, "-m", "640", *DEVICES])
        self.shell: linux_guest.Shell

    def __enter__(self) -> ShareGuest:
        self.qemu.__enter__()
        try:
            self.shell = linux_guest.Shell(self.qemu.com1, SETUP_SECONDS)
            self._set_up()
        except BaseException:
            self.qemu.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.qemu.__exit__(None, None, None)

    def _set_up(self) -> None:
        said = self.text(". /setup")
        if PORT not in self.text("ls /dev/virtio-ports"):
            raise ServerError(f"the guest has no webdav port: {said}")

    def start_daemon(self) -> None:
        """As a service would; it ends once the client has gone for a moment, and is started again."""
        self.text("(while :; do webdavd; usleep 200000; done) &")

    def text(self, command: str, seconds: float = SETUP_SECONDS) -> str:
        """What a command of one line prints, which may say nothing for a while."""
        self.qemu.com1.send(b"printf 'begin\\n'; " + command.encode() + b"\nprintf '\\ndone\\n'\n")
        self.qemu.com1.read_through(b"begin\n", seconds)
        said: bytes = self.qemu.com1.read_through(b"\ndone\n", seconds).removesuffix(b"\ndone\n")
        return said.decode("utf-8", "replace")

    def wait_serving(self, path: str = "/", seconds: float = 60.0) -> None:
        """Until the guest's daemon answers with what this side shares."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.text(f"curl -s -o /dev/null -m 5 -w '%{{http_code}}' http://localhost:9843{path}") == "200":
                return
        log = self.text("cat /tmp/webdavd.log /tmp/avahi.log; ps")
        raise ServerError(f"the guest's daemon does not answer: {log}")
