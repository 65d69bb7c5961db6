"""How a USB device's node is opened: by this user, or by a small helper with more rights that passes it on."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import printable
from ..errors import UsbError
from .usb_system import System

if TYPE_CHECKING:
    from .usb_description import Description

RULES_FILE = "/etc/udev/rules.d/70-spicetui.rules"

#: For who sits at the machine; a name behind 73 would come too late for logind.
SEAT_RULE = 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", TAG+="uaccess"'

#: For a group's members wherever they are: logind's uaccess leaves out who came by SSH.
GROUP_RULE = 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", MODE="0660", GROUP="plugdev"'

#: Seconds for the user to type a password.
PATIENCE = 120.0

HELPER = Path(__file__).with_name("usb_helper.py")


def udev_rule(device: Description | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """The line that lets this user open *device*, or all of them."""
    rule = GROUP_RULE if "SSH_CONNECTION" in environment else SEAT_RULE
    if device is None:
        return rule
    which = f'ATTR{{idVendor}}=="{device.info.vendor_id:04x}", ATTR{{idProduct}}=="{device.info.product_id:04x}"'
    head, _, tail = rule.partition('ENV{DEVTYPE}=="usb_device", ')
    return f'{head}ENV{{DEVTYPE}}=="usb_device", {which}, {tail}'


def permission_advice(device: Description, environment: Mapping[str, str] = os.environ) -> str:
    """What to do about a device that this user may not open, one line."""
    group = " (and be a member of plugdev)" if "SSH_CONNECTION" in environment else ""
    return (
        f"this user may not open it: put {udev_rule(device, environment)} into {RULES_FILE}{group}, "
        "run udevadm control --reload and plug it in again, or let the helper open it (--helper)"
    )


def helper_commands(environment: Mapping[str, str] = os.environ, *, terminal: bool | None = None) -> list[list[str]]:
    """The ways to run the helper as root, the best first. *terminal*: whether a password can be asked for on it."""
    python = [os.path.realpath(sys.executable), "-I", str(HELPER)]
    if os.geteuid() == 0:
        return [python]
    terminal = sys.stdin.isatty() if terminal is None else terminal
    ways = []
    graphical = "SSH_CONNECTION" not in environment and ("DISPLAY" in environment or "WAYLAND_DISPLAY" in environment)
    if (pkexec := shutil.which("pkexec")) and graphical:
        ways.append([pkexec, "--disable-internal-agent", *python])
    if sudo := shutil.which("sudo"):
        ways.append([sudo, *([] if terminal else ["-n"]), "--", *python])
    return ways


def open_node(bus: int, address: int, numbers: str, system: System | None = None) -> int:
    """The device's node for reading and writing; *numbers* (``VID:PID``) makes sure that it is still the same one.

    Raises UsbError, whose cause is PermissionError where rights are all that lacks.
    """
    node = (system or System()).node(bus, address)
    try:
        file = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        what = {errno.ENOENT: "it was unplugged", errno.EACCES: "permission denied"}.get(error.errno or 0)
        raise UsbError(f"{node} does not open: {what or error.strerror}") from error
    try:
        _check_same(file, numbers)
    except BaseException:
        os.close(file)
        raise
    return file


def _check_same(file: int, numbers: str) -> None:
    """The node of usbfs begins with the device descriptor."""
    descriptor = os.pread(file, 18, 0)
    found = f"{int.from_bytes(descriptor[8:10], 'little'):04x}:{int.from_bytes(descriptor[10:12], 'little'):04x}"
    if len(descriptor) == 18 and found != numbers:
        raise UsbError(f"another device ({found}) has taken the place of {numbers}; list the devices again")


async def open_by_helper(bus: int, address: int, numbers: str, commands: Sequence[Sequence[str]] | None = None) -> int:
    """As :func:`open_node`, by a program with root's rights that hands over the open file and ends."""
    ways = helper_commands() if commands is None else commands
    if not ways:
        raise UsbError("neither pkexec nor sudo is installed, so the helper cannot open the device")
    reasons = []
    for way in ways:
        try:
            return await _asked([*way, str(bus), str(address), numbers])
        except UsbError as error:
            reasons.append(f"{Path(way[0]).name}: {error}")
    raise UsbError("the helper did not open the device: " + "; ".join(reasons))


async def _asked(command: Sequence[str]) -> int:
    asking = asyncio.ensure_future(asyncio.to_thread(_ask, command))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        asking.add_done_callback(_unwanted)
        raise


def _unwanted(asking: asyncio.Future[int]) -> None:
    """A file that comes when nobody waits for it any more."""
    if not asking.cancelled() and asking.exception() is None:
        os.close(asking.result())


def _ask(command: Sequence[str]) -> int:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            # sudo and pkexec close every other file, so the socket is the helper's standard input.
            child = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            ours.settimeout(PATIENCE)
            return _received(ours)
        except TimeoutError:
            raise UsbError(f"no answer in {PATIENCE:.0f} seconds") from None
        except (OSError, ValueError) as error:
            words = ""
            if isinstance(error, EOFError | ConnectionError | ValueError) and child.stderr is not None:
                words = child.stderr.read(2000).decode(errors="replace").strip()
            raise UsbError(printable(words.splitlines()[-1] if words else "it ended without an answer")) from None
        finally:
            if child.poll() is None:
                ours.shutdown(socket.SHUT_RDWR)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stderr is not None:
                child.stderr.close()


def _received(line: socket.socket) -> int:
    """Raises UsbError with the helper's own words, ValueError when it is nothing of the helper's."""
    message, files, _, _ = socket.recv_fds(line, 4096, 1)
    try:
        answer = json.loads(message)
        if answer.get("ok") and len(files) == 1:
            os.set_inheritable(files[0], False)
            return files[0]
        reason = str(answer.get("error", "no file came"))
    except (ValueError, AttributeError):
        for file in files:
            os.close(file)
        raise ValueError("no answer of the helper") from None
    for file in files:
        os.close(file)
    raise UsbError(printable(reason))
