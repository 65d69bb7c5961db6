"""The reference client for the replay bench, with nothing of ours between it and its canvas; Debian's Python runs it.

Usage: replay_reference.py HOST PORT. For a line that it is sent it writes one line of JSON: a hash of the picture.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("SpiceClientGLib", "2.0")
from gi.repository import GLib, GObject, SpiceClientGLib  # type: ignore[import-not-found]  # noqa: E402

on = GObject.Object.connect
primary: list[int] = []


def created(_: Any, format: int, width: int, height: int, stride: int, shmid: int, data: int) -> None:
    primary[:] = [format, width, height, stride, data]


def opened(_: Any, channel: Any) -> None:
    if isinstance(channel, SpiceClientGLib.DisplayChannel):
        on(channel, "display-primary-create", created)
    channel.connect()


def asked(*_: Any) -> bool:
    if not sys.stdin.readline():
        loop.quit()
        return False
    _format, width, height, stride, address = primary
    digest = hashlib.sha256()
    for y in range(height):
        row = ctypes.string_at(address + y * stride, width * 4)
        rgb = bytearray(3 * width)
        rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
        digest.update(rgb)
    print(json.dumps({"sha256": digest.hexdigest()}), flush=True)
    return True


loop = GLib.MainLoop()
session = SpiceClientGLib.Session()
for name, value in (("host", sys.argv[1]), ("port", sys.argv[2]), ("enable-audio", False), ("enable-usbredir", False)):
    session.set_property(name, value)
on(session, "channel-new", opened)
GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, asked)
session.connect()
loop.run()
