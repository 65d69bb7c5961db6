"""The one rule for programs that a live test needs: missing in CI is a failure, missing elsewhere a skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "nasm": "nasm",
    "openssl": "openssl",
    "spicy-screenshot": "spice-client-gtk",
    "Xorg": "xserver-xspice",
    "xterm": "xterm",
    "xdotool": "xdotool",
    "import": "imagemagick",
    "display": "imagemagick",
    "convert": "imagemagick",
    "xsetroot": "x11-xserver-utils",
    "xrandr": "x11-xserver-utils",
    "ffplay": "ffmpeg",
    "gst-launch-1.0": "gstreamer1.0-tools",
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
    "parec": "pulseaudio-utils",
    "pacat": "pulseaudio-utils",
    "img2sixel": "libsixel-bin",
    "sixel2png": "libsixel-bin",
    "timg": "timg",
    "chafa": "chafa",
    "kitty": "kitty",
    "Xvfb": "xvfb",
    "tmux": "tmux",
    "spice-vdagentd": "spice-vdagent",
    "spice-vdagent": "spice-vdagent",
    "xclip": "xclip",
    "pcscd": "pcscd",
    "opensc-tool": "opensc",
    "pkcs11-tool": "opensc",
    "pkcs15-tool": "opensc",
    "unshare": "util-linux",
    "spice-webdavd": "spice-webdavd",
    "avahi-daemon": "avahi-daemon",
    "dbus-daemon": "dbus-daemon",
    "curl": "curl",
    "cadaver": "cadaver",
    "litmus": "litmus",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
}
SPICE_MODULE = "lib/*/qemu/ui-spice-core.so"
XSPICE_DRIVER = "/usr/lib/xorg/modules/drivers/spiceqxl_drv.so"
DEBIAN_PYTHON = "/usr/bin/python3"


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def missing(what: str, package: str) -> None:
    """Ends the test: failed where everything has to be there (CI), skipped elsewhere."""
    sentence = f"{what} is missing: install the Debian package {package}"
    if in_ci():
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def program(name: str) -> str:
    """The program's path; the test ends here when it is not installed."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        missing(name, PACKAGES[name])
        raise AssertionError(name)
    return path


def qemu() -> str:
    path = program("qemu-system-x86_64")
    if not list(Path("/usr").glob(SPICE_MODULE)):
        missing("QEMU's SPICE module", "qemu-system-common")
    return path


def xspice() -> str:
    path = program("Xorg")
    if not Path(XSPICE_DRIVER).exists():
        missing("the spiceqxl driver", "xserver-xspice")
    return path


def reference_python() -> str:
    """Debian's own interpreter, the only one that has SpiceClientGLib's bindings."""
    if not _has_bindings():
        missing("SpiceClientGLib for Python", "gir1.2-spiceclientglib-2.0 and python3-gi")
    return DEBIAN_PYTHON


def pyscard() -> None:
    """The test ends here without the extra ``smartcard``, which is not part of ``test``."""
    if find_spec("smartcard") is None:
        missing("pyscard", "libpcsclite-dev, and then pip install 'spicetui[smartcard]'")


@cache
def _has_bindings() -> bool:
    probe = 'import gi; gi.require_version("SpiceClientGLib", "2.0"); from gi.repository import SpiceClientGLib'
    if not Path(DEBIAN_PYTHON).exists():
        return False
    done = subprocess.run([DEBIAN_PYTHON, "-I", "-c", probe], capture_output=True, check=False)
    return done.returncode == 0
