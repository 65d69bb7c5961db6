"""The reference client shares an ISO file as a USB CD until its standard input ends; run by Debian's own Python.

usb_reference.py SOCKET ISO
"""

from __future__ import annotations

import sys
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("SpiceClientGLib", "2.0")
from gi.repository import GLib, GObject, SpiceClientGLib  # type: ignore[import-not-found]  # noqa: E402

on = GObject.Object.connect


def main(path: str, image: str) -> None:
    loop = GLib.MainLoop()
    session = SpiceClientGLib.Session()
    session.props.unix_path = path
    session.props.enable_audio = False
    manager = SpiceClientGLib.UsbDeviceManager.get(session)
    manager.props.auto_connect = True  # devices must not pass through Python: their bindings lose references
    manager.props.auto_connect_filter = "-1,-1,-1,-1,1"
    created = False

    def channel_new(_: Any, channel: Any) -> None:
        if isinstance(channel, SpiceClientGLib.UsbredirChannel):
            on(channel, "channel-event", channel_event)
            SpiceClientGLib.Channel.connect(channel)

    def channel_event(_: Any, event: Any) -> None:
        nonlocal created
        if event == SpiceClientGLib.ChannelEvent.OPENED and not created:
            created = True
            manager.create_shared_cd_device(image)

    def ended(*_: Any) -> bool:
        loop.quit()
        return False

    on(session, "channel-new", channel_new)
    on(manager, "device-error", lambda *words: print(*words, file=sys.stderr))
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, ended)
    SpiceClientGLib.Session.connect(session)
    loop.run()
    session.disconnect()


main(*sys.argv[1:])
