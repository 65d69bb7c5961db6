"""A SPICE client on SpiceClientGLib, driven by lines of JSON; run by Debian's own Python, never imported by a test.

Usage: reference_client.py SOCKET. The program calls the unix socket, reads one request a line and writes one line
for each: {"id": n, "ok": value} or {"id": n, "error": why}. Between the answers it reports {"event": name, ...}.
"""

from __future__ import annotations

import ctypes
import json
import socket
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("SpiceClientGLib", "2.0")
from gi.repository import Gio, GLib, GObject, SpiceClientGLib  # type: ignore[import-not-found]  # noqa: E402

SURFACE_32_XRGB, SURFACE_32_ARGB, SURFACE_16_555, SURFACE_16_565 = 32, 96, 16, 80
Answer = Callable[[Any], None]
on = GObject.Object.connect
"""Signals: the objects' own connect is SPICE's."""


class Display:
    """One display channel: its primary surface, and whether anything was drawn since the last look."""

    def __init__(self, channel: Any, changed: Callable[[], None]) -> None:
        self.channel = channel
        self.address = self.width = self.height = self.stride = self.format = 0
        self.marked = False
        self.updates = 0
        self._changed = changed
        on(channel, "display-primary-create", self._create)
        on(channel, "display-primary-destroy", self._destroy)
        on(channel, "display-invalidate", self._invalidate)
        on(channel, "display-mark", self._mark)

    def _create(self, _: Any, format: int, width: int, height: int, stride: int, shmid: int, data: int) -> None:
        self.format, self.width, self.height, self.stride, self.address = format, width, height, stride, data
        self._changed()

    def _destroy(self, _: Any) -> None:
        self.address = 0
        self.marked = False
        self._changed()

    def _invalidate(self, *_: Any) -> None:
        self.updates += 1
        self._changed()

    def _mark(self, _: Any, mark: int) -> None:
        self.marked = bool(mark)
        self._changed()

    def ppm(self) -> bytes:
        """The surface as PPM; its stride may be negative, with `data` at the first row shown."""
        if not self.address:
            raise ValueError("no primary surface")
        rows = [self._rgb(0, y, self.width) for y in range(self.height)]
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + b"".join(rows)

    def shows(self, x: int, y: int, rgb: list[int]) -> bool:
        inside = bool(self.address) and x < self.width and y < self.height
        return inside and self._rgb(x, y, 1) == bytes(rgb)

    def _rgb(self, x: int, y: int, count: int) -> bytes:
        size = 4 if self.format in (SURFACE_32_XRGB, SURFACE_32_ARGB) else 2
        row = ctypes.string_at(self.address + y * self.stride + x * size, count * size)
        if size == 4:
            rgb = bytearray(3 * count)
            rgb[0::3], rgb[1::3], rgb[2::3] = (row[i::4] for i in (2, 1, 0))
            return bytes(rgb)
        table = _table(self.format)
        return b"".join([table[word] for word in memoryview(row).cast("H")])


@cache
def _table(format: int) -> list[bytes]:
    """The colours of all words of 16 bits."""
    if format == SURFACE_16_555:
        return [bytes((_grow(w >> 10, 5), _grow(w >> 5, 5), _grow(w, 5))) for w in range(65536)]
    if format == SURFACE_16_565:
        return [bytes((_grow(w >> 11, 5), _grow(w >> 5, 6), _grow(w, 5))) for w in range(65536)]
    raise ValueError(f"surface format {format}")


def _grow(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value << (8 - bits) | value >> (2 * bits - 8)


class Client:
    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._held = b""
        self._loop = GLib.MainLoop()
        self._session: Any = None
        self._channels: dict[tuple[int, int], Any] = {}
        self._displays: dict[int, Display] = {}
        self._resting: tuple[Answer, int, int] | None = None
        self._awaited: tuple[Answer, int, int, list[int], int] | None = None
        self._awaited_cursor: tuple[Answer, int, int] | None = None
        self._cursors: dict[int, dict[str, Any]] = {}
        self._rest_timer = 0
        self._opening: Answer | None = None
        self._wanted_mode: tuple[Answer, int] | None = None
        GLib.io_add_watch(line.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self._readable)

    def run(self) -> None:
        self._loop.run()

    # requests

    def _readable(self, *_: Any) -> bool:
        data = self._line.recv(65536)
        if not data:
            self._loop.quit()
            return False
        *lines, self._held = (self._held + data).split(b"\n")
        for text in lines:
            request = json.loads(text)
            number = request.pop("id")
            operation = request.pop("op")

            def answer(value: Any, number: int = number) -> None:
                self._write({"id": number, "ok": value})

            try:
                getattr(self, f"do_{operation}")(answer, **request)
            except Exception as error:
                self._write({"id": number, "error": f"{type(error).__name__}: {error}"})
        return True

    def _write(self, message: dict[str, Any]) -> None:
        self._line.sendall(json.dumps(message).encode() + b"\n")

    def do_open(self, answer: Answer, properties: dict[str, Any], verify: str | None = None) -> None:
        """Answered once the main channel is open, or with the channel's error."""
        session = SpiceClientGLib.Session()
        for name, value in properties.items():
            session.set_property(name, value)
        if verify is not None:
            session.set_property("verify", getattr(SpiceClientGLib.SessionVerify, verify))
        session.set_property("enable-audio", False)
        session.set_property("enable-usbredir", False)
        session.set_property("enable-smartcard", False)
        on(session, "channel-new", self._channel_new)
        on(session, "disconnected", lambda _: self._write({"event": "disconnected"}))
        self._session = session
        self._opening = answer
        if not session.connect():
            raise ValueError("connect refused")

    def do_rest(self, answer: Answer, ms: int, display: int = 0, mark: bool = True) -> None:
        """Answered with the number of updates once nothing was drawn for so long."""
        self._resting = (answer, ms, display)
        self._restart_rest()

    def do_pixel(self, answer: Answer, x: int, y: int, rgb: list[int], display: int = 0) -> None:
        """Answered as soon as the display shows that colour there."""
        self._awaited = (answer, x, y, rgb, display)
        self._look_for_pixel()

    def do_cursor(self, answer: Answer, events: int, display: int = 0) -> None:
        """Answered after so many events of the cursor channel: their number, the last shape, its place."""
        self._awaited_cursor = (answer, events, display)
        self._look_at_cursor()

    def do_save(self, answer: Answer, path: str, display: int = 0) -> None:
        shown = self._displays[display]
        with open(path, "wb") as file:
            file.write(shown.ppm())
        answer({"width": shown.width, "height": shown.height, "format": shown.format, "updates": shown.updates})

    def do_key(self, answer: Answer, scancode: int, down: bool) -> None:
        inputs = self._inputs()
        (inputs.key_press if down else inputs.key_release)(scancode)
        answer(None)

    def do_position(self, answer: Answer, x: int, y: int, display: int = 0, buttons: int = 0) -> None:
        self._inputs().position(x, y, display, buttons)
        answer(None)

    def do_motion(self, answer: Answer, dx: int, dy: int, buttons: int = 0) -> None:
        self._inputs().motion(dx, dy, buttons)
        answer(None)

    def do_button(self, answer: Answer, button: int, down: bool, buttons: int) -> None:
        inputs = self._inputs()
        (inputs.button_press if down else inputs.button_release)(button, buttons)
        answer(None)

    def do_mouse_mode(self, answer: Answer, mode: int) -> None:
        """Asks for the mode (1 server, 2 client); answered when it is on."""
        main = self._channels[SpiceClientGLib.Channel.string_to_type("main"), 0]
        if main.get_property("mouse-mode") == mode:
            answer(mode)
            return
        self._wanted_mode = (answer, mode)
        main.request_mouse_mode(mode)

    def do_agent(self, answer: Answer) -> None:
        """Answered once the guest's agent has told its capabilities."""
        main = self._channels[SpiceClientGLib.Channel.string_to_type("main"), 0]
        clipboard_by_demand = 5
        waiting: list[Answer] = [answer]

        def look(*_: Any) -> None:
            if waiting and main.agent_test_capability(clipboard_by_demand):
                waiting.pop()(None)

        on(main, "main-agent-update", look)
        look()

    def do_send_file(self, answer: Answer, path: str) -> None:
        """Answered once the guest has all of it, or with the error."""
        main = self._channels[SpiceClientGLib.Channel.string_to_type("main"), 0]

        def done(_: Any, result: Any) -> None:
            try:
                main.file_copy_finish(result)
            except GLib.Error as error:
                answer({"error": error.message})
            else:
                answer(None)

        main.file_copy_async([Gio.File.new_for_path(path)], Gio.FileCopyFlags.NONE, None, None, None, done)

    def do_channels(self, answer: Answer) -> None:
        answer([[SpiceClientGLib.Channel.type_to_string(kind), number] for kind, number in self._channels])

    def do_close(self, answer: Answer) -> None:
        self._session.disconnect()
        answer(None)

    # events

    def _inputs(self) -> Any:
        return self._channels[SpiceClientGLib.Channel.string_to_type("inputs"), 0]

    def _channel_new(self, _: Any, channel: Any) -> None:
        kind, number = channel.get_property("channel-type"), channel.get_property("channel-id")
        self._channels[kind, number] = channel
        on(channel, "channel-event", self._channel_event)
        if isinstance(channel, SpiceClientGLib.DisplayChannel):
            self._displays[number] = Display(channel, self._drawn)
        if isinstance(channel, SpiceClientGLib.MainChannel):
            on(channel, "main-mouse-update", self._mouse_update)
        if isinstance(channel, SpiceClientGLib.CursorChannel):
            self._watch_cursor(channel, number)
        channel.connect()

    def _watch_cursor(self, channel: Any, number: int) -> None:
        state = self._cursors[number] = {"events": 0, "visible": None, "x": None, "y": None, "shape": None}

        def changed(**fields: Any) -> None:
            state.update(fields, events=state["events"] + 1)
            self._look_at_cursor()

        def shaped(_: Any, width: int, height: int, hot_x: int, hot_y: int, rgba: int | None) -> None:
            data = ctypes.string_at(rgba, width * height * 4).hex() if rgba else None
            changed(visible=True, shape=[width, height, hot_x, hot_y, data])

        on(channel, "cursor-set", shaped)
        on(channel, "cursor-move", lambda _, x, y: changed(visible=True, x=x, y=y))
        on(channel, "cursor-hide", lambda _: changed(visible=False))
        on(channel, "cursor-reset", lambda _: changed(visible=True, shape=None))

    def _look_at_cursor(self) -> None:
        if self._awaited_cursor is None:
            return
        answer, events, number = self._awaited_cursor
        state = self._cursors.get(number)
        if state is not None and state["events"] >= events:
            self._awaited_cursor = None
            answer(state)

    def _channel_event(self, channel: Any, event: Any) -> None:
        kind = SpiceClientGLib.Channel.type_to_string(channel.get_property("channel-type"))
        self._write({"event": "channel", "channel": kind, "state": event.value_nick})
        if self._opening is not None and isinstance(channel, SpiceClientGLib.MainChannel):
            opening, self._opening = self._opening, None
            error = channel.get_error()
            opening({"state": event.value_nick, "error": error.message if error else None})

    def _mouse_update(self, main: Any, *_: Any) -> None:
        if self._wanted_mode and main.get_property("mouse-mode") == self._wanted_mode[1]:
            (answer, mode), self._wanted_mode = self._wanted_mode, None
            answer(mode)

    def _drawn(self) -> None:
        self._look_for_pixel()
        self._restart_rest()

    def _look_for_pixel(self) -> None:
        if self._awaited is None:
            return
        answer, x, y, rgb, number = self._awaited
        shown = self._displays.get(number)
        if shown is not None and shown.marked and shown.shows(x, y, rgb):
            self._awaited = None
            answer(None)

    def _restart_rest(self) -> None:
        if self._rest_timer:
            GLib.source_remove(self._rest_timer)
            self._rest_timer = 0
        if self._resting is None:
            return
        answer, ms, number = self._resting
        shown = self._displays.get(number)
        if shown is not None and shown.address and shown.marked:
            self._rest_timer = GLib.timeout_add(ms, self._rested, answer, shown)

    def _rested(self, answer: Answer, shown: Display) -> bool:
        self._rest_timer = 0
        self._resting = None
        answer(shown.updates)
        return False


def main() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(sys.argv[1])
        Client(line).run()


if __name__ == "__main__":
    main()
