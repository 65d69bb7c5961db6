"""The Textual app around one session."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.color import ColorSystem
from textual import events
from textual.app import App, SystemCommand
from textual.screen import Screen

from ..diagnostics import printable
from ..errors import SpiceError
from ..geometry import Point, Rect, Size
from ..term.backends import BY_NAME, choose, judge
from ..term.caps import Caps, split_name
from ..term.cells import CellKind, CellPlane, Colors
from ..term.keys import Chord
from ..term.plane import Plane
from ..term.scale import Scale
from ..term.screentext import Grid
from ..term.tokenizer import Action, KeyPress, Mouse, Paste
from ..wire.enums import MouseMode
from .choice import DisplayChoice
from .clipboard import ClipboardService
from .commands import COMMANDS, Command
from .driver import SpiceDriver
from .edge_pan import EdgePan
from .folder import FolderService
from .guest_input import GuestInput
from .link import Link
from .panels.dock import PanelDock
from .resizing import Resizing
from .screens.connecting import ConnectingScreen
from .screens.displays import DisplaysScreen
from .screens.help import HelpScreen
from .screens.leave import LeaveScreen
from .screens.paste import PasteScreen
from .screens.session import SessionScreen
from .screens.special_keys import SpecialKeysScreen
from .service import Service
from .sessions import Connect, Sessions
from .settings import Settings
from .sound import SoundService
from .special_keys import SPECIAL_KEYS, SpecialKeys
from .transfers import Transfers
from .typist import PastePlan
from .usb import UsbService
from .viewport import VMView
from .widgets.menu import CommandMenu
from .widgets.region import RegionFrame
from .widgets.status import Status, StatusLine, human_bytes

if TYPE_CHECKING:
    from ..client import Client

log = logging.getLogger("spicetui.tui.app")

BACKDROP = 0x101418  # beside the picture


class SpiceApp(App[int]):
    """Result: the exit status.  :attr:`failure` is the error that the user left the app with, if any."""

    ENABLE_COMMAND_PALETTE = True
    TITLE = "spicetui"
    CSS = "Toast { max-width: 70; }"

    def __init__(
        self,
        link: Link,
        connect: Connect,
        first: asyncio.Future[Client],
        settings: Settings,
        *,
        terminal: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__(driver_class=SpiceDriver)
        self.link = link
        self.settings = settings
        self.terminal = terminal  #: file descriptors of its input and output
        self.terminal_driver: SpiceDriver | None = None
        self.cell_px: Size | None = None
        self.failure: Exception | None = None
        self.prefix = Chord.parse(settings.prefix)
        self.sessions = Sessions(self, connect, first)
        self._backend_wanted = settings.graphics
        self._made_for: Caps | None = None
        self.backend = choose(Caps(), settings.graphics)
        self.view = VMView(
            link, plane=BY_NAME["quadrant"].make(Caps(), BACKDROP), scale=Scale(settings.scale), fps=settings.fps
        )
        self.menu = CommandMenu()
        self.status_line = StatusLine()
        self.region = RegionFrame()
        self.edge_pan = EdgePan(self.view.pan_by, self._panned)
        self._resting: tuple[Mouse, float, float] | None = None  # the last mouse event over the picture
        self.guest = GuestInput(link, settings, say=self.say, changed=self.update_status)
        self.dock = PanelDock()
        self.session_screen = SessionScreen(self.view, self.menu, self.region, self.dock, self.status_line)
        self._client_mouse = link.client_mouse
        self.services: tuple[Service, ...] = self._make_services()
        for service in self.services:
            link.pass_on(service)

    def _make_services(self) -> tuple[Service, ...]:
        """Each is an attribute too, under the name by which its panel knows it."""
        self.shared_clipboard = ClipboardService(self)
        self.link.clipboard = self.shared_clipboard
        self.resizing = Resizing(self)
        self.transfers = Transfers(self)
        self.sound: SoundService = SoundService(self)
        self.usb = UsbService(self)
        self.folder = FolderService(self)
        return (self.resizing, self.shared_clipboard, self.transfers, self.folder, self.sound, self.usb)

    # life

    def get_default_screen(self) -> Screen[Any]:
        return self.session_screen

    async def on_mount(self) -> None:
        self.link.listener = self
        self.set_interval(1.0, self.update_status)
        self.set_interval(1.0, DisplayChoice(self).look)
        await self.sessions.begin()
        self.update_status()
        self.run_worker(self.sessions.run(), name="session", exit_on_error=True)

    @property
    def client(self) -> Client | None:
        """The open session."""
        return self.sessions.client

    def session_began(self, client: Client) -> None:
        for service in self.services:
            service.connected(client)
        self._retitle()
        self.update_status()
        self.notices_waiting()

    def session_ended(self) -> None:
        self.guest.release()
        for service in self.services:
            service.disconnected()

    def lose(self, error: SpiceError) -> None:
        """The session has become useless to whoever looks at it."""
        self.link.error = error
        self.sessions.ended()

    async def shut_down(self) -> None:
        """Closes what is open; after the terminal has been given back."""
        self.link.listener = None
        for service in self.services:
            await service.aclose()
        await self.sessions.aclose()

    def ask_to_leave(self) -> None:
        """Ends the app, after a question when that would cut something off."""
        unfinished = [text for service in self.services if (text := service.unfinished)]

        def answered(yes: bool | None) -> None:
            if yes:
                self.leave()

        if unfinished:
            self.push_screen(LeaveScreen(unfinished), answered)
        else:
            self.leave()

    def leave(self, error: Exception | None = None) -> None:
        """Ends the app; *error* is what it is left with."""
        self.guest.release()
        self.failure = error
        self.exit(0)

    def stop(self, status: int) -> None:
        """Ends the app because of a signal."""
        self.guest.release()
        self.exit(status)

    async def action_quit(self) -> None:
        self.leave()

    def _print_error_renderables(self) -> None:
        # The terminal gets one line, from whoever started the app; the log has the rest.
        self._exit_renderables.clear()
        if self._exception is not None:
            log.error("internal error", exc_info=self._exception)

    # what the link tells

    def picture_replaced(self) -> None:
        self.view.pan = Point(0, 0)
        self.view.remap()
        if self.link.size is not None:
            self.sessions.picture_shown()
        self.update_status()

    def picture_damaged(self) -> None:
        self.view.presenter.schedule()

    def pointer_moved(self) -> None:
        self.view.pointer_moved()

    def status_changed(self) -> None:
        if self._client_mouse != self.link.client_mouse:
            self._client_mouse = self.link.client_mouse
            self.guest.mode_changed()
        self._retitle()
        self.update_status()

    def locks_changed(self) -> None:
        self.guest.locks_changed()
        self.update_status()

    def notices_waiting(self) -> None:
        while self.link.notices:
            text = self.link.notices.popleft()
            if not self.link.over:
                self.say(text)

    def ended(self) -> None:
        self.sessions.ended()

    # what the terminal tells

    def attach_terminal(self, driver: SpiceDriver) -> None:
        self.terminal_driver = driver
        self._use_colors(driver.caps.colors)
        self._choose_backend(driver.caps)

    def cell_size_changed(self) -> None:
        """The terminal's font is another."""
        self.view.remap()
        self.resizing.consider()

    def terminal_learned(self, caps: Caps) -> None:
        self.guest.translator.releases = caps.key_releases
        self._use_colors(caps.colors)
        if caps.answered:
            self._choose_backend(caps)

    def _choose_backend(self, caps: Caps) -> None:
        if caps != self._made_for:
            self._made_for = caps
            self.use_backend(self._backend_wanted)

    def use_backend(self, wanted: str) -> None:
        """Draws by a backend's name, or ``auto``."""
        caps = self.caps
        self._backend_wanted = wanted
        self.backend = choose(caps, wanted)
        self.view.use(self.backend.make(caps, BACKDROP))
        self.view.read_text(wanted in ("auto", "text"))
        self.update_status()

    def careful_with(self, plane: Plane) -> bool:
        """Whether a plane begins with its least quality, since what it sends may have a long way."""
        caps = self.caps
        return caps.ssh or plane.wordy

    @property
    def cell_style(self) -> tuple[CellKind, Colors]:
        """How cells are drawn where a picture is made of them."""
        caps = self.caps
        plane = self.view.plane
        return plane.kind if isinstance(plane, CellPlane) else CellKind.QUADRANT, caps.colors

    def text_shown(self, grid: Grid | None) -> None:
        """A text console is shown as text, or no more: where it needs every row, the status line makes room."""
        rows = self.size.height
        self.status_line.display = grid is None or not rows - 1 < grid.rows <= rows
        self.update_status()

    def terminal_forgot(self) -> None:
        """Something else had the terminal; it may show anything now."""
        self.view.presenter.restart()
        self.view.plane.forget()
        if self.terminal_driver is not None:
            self.terminal_driver.writer.control(self.view.plane.enter())

    def backend_failed(self, reason: str) -> None:
        """The terminal refuses what the backend sends: cells always work."""
        self.say(f"The terminal refuses {self.backend.title}: {reason}", severity="warning")
        self.use_backend("text" if self._backend_wanted == "auto" else "quadrant")

    def frame_acknowledged(self, seconds: float) -> None:
        self.view.presenter.acknowledged(seconds)

    @property
    def caps(self) -> Caps:
        """What is known of the terminal."""
        return self.terminal_driver.caps if self.terminal_driver is not None else Caps()

    def _use_colors(self, colors: Colors) -> None:
        """Textual judges by TERM alone; what lies around the picture gets the colours that the picture gets."""
        system = _COLOR_SYSTEMS.get(colors)
        if system is not None:
            self.console._color_system = system

    def terminal_has_room(self) -> None:
        self.view.presenter.room()

    def terminal_gone(self) -> None:
        self.stop(129)

    @property
    def guest_has_keys(self) -> bool:
        return self._in_session and not self.menu.is_open and not self.dock.active

    @property
    def _in_session(self) -> bool:
        """Whether keys and mouse are for the session's screen, or for one that is just going away before it."""
        if not self.screen_stack:
            return False
        going = not self.sessions.waiting and isinstance(self.screen, ConnectingScreen)
        return self.screen is self.session_screen or going

    def take_key(self, event: KeyPress) -> bool:
        """Whether *event* was the guest's, the prefix or the menu's; Textual gets the others."""
        if not self._in_session:
            return False
        if self.prefix.matches(event):
            if event.action is Action.REPEAT:
                return True
            if self.menu.is_open:
                self.menu.close()
                self.send_prefix()
            else:
                self.guest.release()
                self.menu.open()
            return True
        if self.menu.is_open:
            self.menu.take(event)
        elif self.dock.active:
            return False
        elif self.region.active:
            self.region.cancel()
        else:
            self.guest.key(event)
        return True

    def take_mouse(self, event: Mouse, x: float, y: float) -> bool:
        """(x, y) is a place of the terminal, in cells from 0."""
        mapping = self.view.mapping
        if self.dock.covers(int(x), int(y)) or mapping is None or not self._in_session or self.menu.is_open:
            return False
        if self.dock.active:
            if event.kind == "down":
                self.dock.leave()
            return True
        x, y = x - self.view.origin.x, y - self.view.origin.y
        if self.region.active:
            part = self.region.mouse(event, mapping, x, y)
            if part is not None:
                self.view.zoom_to(part)
                self.update_status()
            return True
        over = mapping.inside(x, y) and self.view.shows(int(x), int(y))
        if over:
            self._resting = (event, x, y)
            self.edge_pan.pointer(mapping, x, y)
        else:
            self.edge_pan.stop()
        return self.guest.mouse(event, mapping, x, y, over)

    def _panned(self) -> None:
        """The picture has moved under a pointer that rests at the view's edge."""
        mapping = self.view.mapping
        if mapping is None or self._resting is None or not self.guest_has_keys:
            self.edge_pan.stop()
            return
        event, x, y = self._resting
        self.guest.mouse(event._replace(kind="move"), mapping, x, y, True)
        self.edge_pan.pointer(mapping, x, y)

    def take_paste(self, event: Paste) -> bool:
        for_files = self.dock.active and self.dock.panel_id == "transfers" and self.screen is self.session_screen
        if not self.guest_has_keys:
            return for_files and self.transfers.take_paste(event.text, lambda: self._paste_here(event.text))
        if event.truncated:
            self.say("The pasted text is too long; its end is cut off", severity="warning")
        elif self.guest.live and self.transfers.take_paste(event.text, lambda: self._paste_text(event.text)):
            return True
        self._paste_text(event.text)
        return True

    def _paste_here(self, text: str) -> None:
        if self.terminal_driver is not None:
            self.terminal_driver.process_message(events.Paste(text))

    def _paste_text(self, text: str) -> None:
        """Into the guest."""
        if self.guest.live and self.shared_clipboard.take_paste(text):
            return
        if self.guest.live and text:
            plan = self.guest.plan(text)
            if plan.questionable:
                self.run_worker(self._ask_to_type(plan), name="paste")
            else:
                self.guest.type(plan.text)

    async def _ask_to_type(self, plan: PastePlan) -> None:
        self.guest.release()
        if await self.push_screen_wait(PasteScreen(plan)):
            self.say(f"Typing {plan.characters} characters; Esc or {self.prefix_label} stops it")
            self.guest.type(plan.text)

    def _begin_update(self) -> None:
        super()._begin_update()
        if self._sync_available and self.terminal_driver is not None:
            # kitty before 0.33 may lose the first sequence of a synchronised update.
            self.terminal_driver.write("\r")

    def _end_update(self) -> None:
        self.view.presenter.repair()
        super()._end_update()

    def take_focus(self, gained: bool) -> None:
        if gained:
            self._picture_may_be_lost()
        self.shared_clipboard.focus(gained)
        self.edge_pan.stop()
        self.guest.focus(gained)

    def _picture_may_be_lost(self) -> None:
        """The terminal was out of sight, and some do not keep pictures meanwhile."""
        caps = self.caps
        plane = self.view.plane
        if not plane.graphics:
            return
        # tmux hands nothing on while its window is hidden; xterm keeps 16 pictures.
        if caps.tmux or split_name(caps.name)[0] == "xterm":
            plane.forget()
            self.view.refresh()

    # the user's commands

    @property
    def prefix_label(self) -> str:
        return "+".join(part.capitalize() if len(part) > 1 else part for part in self.prefix.name.split("+"))

    def run_command(self, command: Command) -> None:
        if not command.enabled(self):
            self.bell()
            return
        try:
            command.run(self)
        except SpiceError as error:
            self.say(str(error), severity="error")
        self.update_status()

    def send_prefix(self) -> None:
        self.guest.press([self.prefix.keys])

    def release_guest(self) -> None:
        self.guest.release()
        self.guest.captured = False

    def choose_scale(self, scale: Scale) -> None:
        self.view.set_scale(scale)
        self.resizing.chosen()

    def next_backend(self) -> None:
        """The next of those that this terminal can show."""
        names = [found.backend.name for found in judge(self.caps) if found.usable]
        following = names.index(self.backend.name) + 1 if self.backend.name in names else 0
        self.use_backend(names[following % len(names)])

    def zoom(self, factor: float) -> None:
        """Around the guest's pointer where it is shown, else around the middle."""
        mapping, pointer = self.view.mapping, self.link.pointer
        seen = mapping is not None and self.link.cursor is not None and mapping.shown.contains(Rect(*pointer, 1, 1))
        self.view.zoom_by(factor, pointer if seen else None)
        self.update_status()

    def choose_region(self) -> None:
        self.region.begin()

    def next_display(self) -> None:
        """The next one that has a picture."""
        heads = self.link.heads
        for step in range(1, len(heads)):
            number = (self.link.display + step) % len(heads)
            if self.link.area_of(heads[number]) is not None:
                self.choose_display(number)
                return

    def choose_display(self, number: int) -> None:
        if number != self.link.display or self.link.head is None:
            self.guest.release()
            self.link.show_display(number)
            self.guest.display_changed()
            self.resizing.consider()

    def show_displays(self) -> None:
        self.push_screen(DisplaysScreen(self.link))

    def toggle_view_only(self) -> None:
        self.guest.release()
        self.guest.view_only = not self.guest.view_only

    def toggle_mouse_mode(self) -> None:
        """Asks the server for the other one: places (client mode) or movements (server mode)."""
        client = self.client
        if client is None:
            return
        wanted = MouseMode.SERVER if self.link.client_mouse else MouseMode.CLIENT
        try:
            client.main.set_mouse_mode(wanted)
        except SpiceError:
            self.say(f"The machine takes no mouse {'movements' if self.link.client_mouse else 'places'} now")
        else:
            client.session.wanted_mouse_mode = wanted

    @property
    def special_keys(self) -> tuple[SpecialKeys, ...]:
        return (*self.settings.macros, *SPECIAL_KEYS)

    def choose_keys(self) -> None:
        def send(chosen: SpecialKeys | None) -> None:
            if chosen is not None:
                self.guest.press(chosen.chords)

        self.push_screen(SpecialKeysScreen(self.special_keys), send)

    def redraw(self) -> None:
        self.view.plane.forget()
        self.refresh(layout=True)

    def show_text(self) -> None:
        """The text console's text, to be searched and copied."""
        screen = self.view.console_text()
        if screen is None:
            self.say("The machine shows no text console")
        else:
            from .screens.console_text import ConsoleTextScreen  # a text editor takes its time to be loaded

            self.push_screen(ConsoleTextScreen(screen))

    def show_panel(self, panel_id: str) -> None:
        """Opens a panel, or closes the one that has the keys."""
        if self.dock.active and self.dock.panel_id == panel_id:
            self.dock.close()
        else:
            self.dock.open(panel_id)

    def show_help(self) -> None:
        self.push_screen(HelpScreen())

    def save_picture(self) -> None:
        if self.client is None:
            return
        picture = self.client.screenshot(self.link.display)
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in self.link.name or "screen")[:60]
        stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        path = Path.cwd() / f"spicetui-{name}-{stamp}.png"

        def save() -> None:
            from PIL import Image

            Image.fromarray(picture.pixels[:, :, 2::-1].copy()).save(path)

        async def work() -> None:
            try:
                await asyncio.to_thread(save)
            except OSError as error:
                self.say(f"Cannot write {path}: {error.strerror}", severity="error")
            else:
                self.say(f"Saved {path}")

        self.run_worker(work(), name="screenshot")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for command in COMMANDS:
            if command.enabled(self):
                yield SystemCommand(
                    command.title[0].upper() + command.title[1:],
                    f"{command.group} · {self.prefix_label} {command.key_label}",
                    lambda command=command: self.run_command(command),
                )
        if self.guest.live:
            for keys in self.special_keys:
                yield SystemCommand(f"Send {keys.title}", "Send", lambda keys=keys: self.guest.press(keys.chords))

    # what the user reads

    def say(self, text: str, *, severity: Any = "information") -> None:
        """A message that goes away by itself; *text* may come from the server."""
        if self.is_running:
            self.notify(printable(text, 300), severity=severity, markup=False)
        else:
            log.info("%s", printable(text, 300))

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(text)
        self.shared_clipboard.copy_own(text)

    def _retitle(self) -> None:
        if self.terminal_driver is not None:
            self.terminal_driver.set_title(f"{self.link.name or self.settings.title} - spicetui")

    def update_status(self) -> None:
        if self.is_running and self.status_line.is_attached:
            self.status_line.show(self._status())

    def _status(self) -> Status:
        link, client, view = self.link, self.client, self.view
        size, mapping = link.size, view.mapping
        displays = len(link.heads)
        several = f" [{link.display + 1}/{displays}]" if displays > 1 else ""
        trip = client.round_trip if client is not None else None
        problems = sum(client.unsupported.values()) if client is not None else 0
        locks = ((link.caps_lock, "Caps"), (link.num_lock, "Num"), (link.scroll_lock, "Scroll"))
        return Status(
            name=printable(link.name or self.settings.title, 40) + several,
            size=f"{size.width}x{size.height}" if size is not None else "no picture",
            scale=self._scale_words(),
            mode=self._mode(),
            fps=f"{view.fps:.0f} fps" if mapping is not None else "",
            latency=f"{trip * 1000:.1f} ms" if trip is not None else "",
            received=human_bytes(client.bytes_in) if client is not None else "",
            problems=f"{problems} not shown" if problems else "",
            locks=" ".join(name for on, name in locks if on),
            typing=f"typing, {self.guest.typing} left, Esc stops" if self.guest.typing else "",
            services=" · ".join(service.words for service in self.services if service.words),
            hint=f"{self.prefix_label}  menu",
        )

    def _scale_words(self) -> str:
        view, mapping = self.view, self.view.mapping
        if mapping is None:
            return ""
        if view.grid is not None:
            return f"text {view.grid.columns}x{view.grid.rows}"
        quality = f", quality {view.presenter.pacing.step}" if view.presenter.pacing.step else ""
        return f"{view.scale_mode.value} {mapping.percent}%{quality}"

    def _mode(self) -> str:
        colors = ""
        if self.terminal_driver is not None and not self.view.plane.graphics:
            colors = _COLOR_WORDS.get(self.terminal_driver.caps.colors, "")
        if self.guest.view_only:
            mode = "view only"
        elif self.link.inputs is None or self.link.over:
            mode = "no input"
        elif self.link.client_mouse:
            mode = ""
        else:
            mode = "mouse captured" if self.guest.captured else "click for mouse"
        return ", ".join(part for part in (mode, colors) if part)


_COLOR_SYSTEMS = {
    Colors.TRUE: ColorSystem.TRUECOLOR,
    Colors.PALETTE: ColorSystem.EIGHT_BIT,
    Colors.ANSI16: ColorSystem.STANDARD,
    Colors.MONO: ColorSystem.STANDARD,
}
_COLOR_WORDS = {Colors.ANSI16: "16 colors", Colors.PALETTE: "256 colors", Colors.GRAY: "gray (NO_COLOR)"}
