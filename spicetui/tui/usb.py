"""USB devices for the machine: this computer's, and drives that files become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..diagnostics import printable
from ..errors import SpiceError, UsbError
from .service import Service
from .widgets.status import human_bytes

if TYPE_CHECKING:
    from ..channels.usb_manager import Usb
    from ..channels.usbredir import Attachment
    from ..client import Client
    from ..devices.usb_autoconnect import AutoConnect
    from ..devices.usb_real import Listed
    from ..devices.usb_storage import MassStorage
    from ..interfaces import UsbDevice
    from .app import SpiceApp

T = TypeVar("T")

#: A file of one of these is a CD, unless the user says otherwise.
CD_SUFFIXES = (".iso", ".udf", ".cdr")

#: Seconds after which a drive that was written to is taken to be left alone.
REST = 2.0

#: In few words, where a list has no room for more.
SHORT = {"needs permission": "no access", "needs confirmation": "used here"}


@dataclass(frozen=True, slots=True)
class Row:
    """One device as the panel lists it."""

    key: str
    title: str
    state: str
    details: tuple[str, ...] = ()  #: lines about what it is
    reason: str = ""  #: why it is not in the machine, or what the user has to know
    given: bool = False  #: to the machine
    busy: bool = False
    drive: MassStorage | None = None
    listed: Listed | None = None

    @property
    def short_state(self) -> str:
        return SHORT.get(self.state, self.state)


@dataclass(frozen=True, slots=True)
class Question:
    """What the user has to say yes to first."""

    text: str
    yes: Callable[[], Coroutine[Any, Any, None]]


class UsbService(Service):
    """The drives outlive a session; what was in the machine is to be attached again in the next."""

    def __init__(self, app: SpiceApp) -> None:
        super().__init__(app)
        self.problem = ""  #: why the last thing that the user wanted did not work
        self.no_devices = ""  #: why this computer's devices are not listed
        self.question: Question | None = None
        self.drives: list[MassStorage] = []
        self._watch: AutoConnect | None = None
        self._starting = False
        self._attachments: dict[str, Attachment] = {}
        self._reasons: dict[str, str] = {}  # why a device is not in the machine
        self._busy: set[str] = set()
        self._closing: set[asyncio.Task[None]] = set()

    # --- the session

    @property
    def usb(self) -> Usb | None:
        return self.client.usb if self.client is not None else None

    def connected(self, client: Client) -> None:
        self.client = client
        settings = self.app.settings
        if settings.usb_auto_connect is not None or settings.usb_redirect is not None:
            self.look()
        super().connected(client)

    def disconnected(self) -> None:
        self._attachments.clear()
        self._busy.clear()
        self.question = None
        self.problem = ""
        self._stop_looking()
        super().disconnected()

    async def aclose(self) -> None:
        self._stop_looking()
        while self._closing:
            await asyncio.wait(self._closing)

    def usb_changed(self) -> None:
        for key, attachment in [*self._attachments.items()]:
            if attachment.ended:
                del self._attachments[key]
                if attachment.state.value != "detached":
                    self._reasons[key] = f"{attachment.state.value}: {attachment.reason}"
        if self._watch is not None:
            self._watch.slots_changed()
        self.changed()

    @property
    def unfinished(self) -> str:
        now = time.monotonic()
        written = [drive for drive in self.drives if drive.last_write is not None and now - drive.last_write < REST]
        return f"The machine is writing to {printable(written[0].info.title)}." if written else ""

    @property
    def words(self) -> str:
        count = len(self._attachments)
        return f"USB {count}" if count else ""

    # --- this computer's devices

    def look(self) -> None:
        """Lists this computer's devices from now on, as long as there is a session that takes some."""
        if self._watch is None and not self._starting and not self.no_devices and self.usb is not None:
            self._starting = True
            self.app.run_worker(self._look(), name="usb devices", exit_on_error=False)

    async def _look(self) -> None:
        from ..devices.usb_autoconnect import AutoConnect
        from ..devices.usb_hotplug import Hotplug

        settings, client = self.app.settings, self.client
        watch = AutoConnect(
            _Slots(self),
            self.app.say,
            auto_connect=settings.usb_auto_connect,
            redirect_on_connect=settings.usb_redirect,
            hotplug=lambda arrived, left: Hotplug(self._telling(arrived), self._telling(left)),
        )
        try:
            await watch.start()
        except SpiceError as error:
            self.no_devices = str(error)
        else:
            if client is not None and self.client is client:
                self._watch = watch
            else:
                await watch.close()
        finally:
            self._starting = False
        self.changed()

    def _telling(self, call: Callable[[Listed], None]) -> Callable[[Listed], None]:
        def told(listed: Listed) -> None:
            self._reasons.pop(_key(listed.info.location, listed.info.numbers), None)
            call(listed)
            self.changed()

        return told

    def _stop_looking(self) -> None:
        watch, self._watch = self._watch, None
        self.no_devices = ""
        if watch is not None:
            task = asyncio.ensure_future(watch.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    # --- what is shown

    @property
    def rows(self) -> list[Row]:
        listed = self._watch.devices if self._watch is not None else []
        return [*(self._drive_row(drive) for drive in self.drives), *(self._listed_row(one) for one in listed)]

    def row(self, key: str) -> Row | None:
        return next((row for row in self.rows if row.key == key), None)

    def _state(self, key: str, free: str) -> str:
        attachment = self._attachments.get(key)
        if attachment is not None:
            return "leaving" if key in self._busy else attachment.state.value
        if key in self._busy:
            return "opening"
        return "refused" if self._reasons.get(key, "").startswith("refused") else free

    def _drive_row(self, drive: MassStorage) -> Row:
        key = _drive_key(drive)
        medium = drive.medium
        name = printable(Path(medium.name).name, 60) if medium is not None else "empty"
        details = []
        if medium is not None:
            writable = "writable" if medium.writable else "read-only"
            details.append(f"{printable(medium.name, 200)}, {human_bytes(medium.size)}, {writable}")
        else:
            details.append("ejected by the machine" if drive.ejected_by_guest else "nothing is in it")
        if drive.bytes_read or drive.bytes_written:
            details.append(f"{human_bytes(drive.bytes_read)} read, {human_bytes(drive.bytes_written)} written")
        if drive.locked_by_guest:
            details.append("the machine keeps it locked")
        title = f"{'CD' if drive.kind.value == 'cd' else 'Disk'} {name}"
        reason = drive.lost or self._reasons.get(key, "")
        state = self._state(key, "not given")
        return Row(key, title, state, tuple(details), reason, key in self._attachments, key in self._busy, drive)

    def _listed_row(self, listed: Listed) -> Row:
        info = listed.info
        key = _key(info.location, info.numbers)
        kinds = ", ".join(listed.description.kinds)
        details = [f"{info.numbers} at {info.location}, {info.speed.name.lower()} speed" + (f": {kinds}" * bool(kinds))]
        given = key in self._attachments
        if not given:
            details += [printable(remark, 500) for remark in listed.remarks]
        state = self._state(key, listed.state)
        reason = self._reasons.get(key, "")
        title = printable(info.title, 60)
        return Row(key, title, state, tuple(details), reason, given, key in self._busy, None, listed)

    @property
    def slots_text(self) -> str:
        usb = self.usb
        if usb is None:
            return "the server offers no USB redirection" if self.client is not None else "not connected"
        slots = usb.slots
        open_slots = [slot for slot in slots if not slot.closed]
        text = f"{len(usb.attachments)} of {len(open_slots)} slots in use"
        if lost := len(slots) - len(open_slots):
            text += f", {lost} lost"
        if waiting := sum(not slot.ready for slot in open_slots):
            text += f", {waiting} not answering: is the machine paused?" if waiting == len(open_slots) else ""
        return text

    @property
    def filter_text(self) -> str:
        """What the server's own filters allow; empty when it has none."""
        slots = [slot for slot in self.usb.slots if not slot.closed] if self.usb is not None else []
        filters = {slot.guest_filter for slot in slots}
        if len(filters) == 1:
            found = filters.pop()
            return f"The server allows: {printable(found, 200)}" if found else ""
        told = [
            f"Slot {slot.key.id} allows: {printable(slot.guest_filter, 200)}" for slot in slots if slot.guest_filter
        ]
        return "\n".join(told[:4])

    # --- what the user does

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background; errors are shown."""

        async def guarded() -> None:
            try:
                await work
            except SpiceError as error:
                self.problem = str(error)
            self.changed()

        self.problem = ""
        self.question = None
        self.app.run_worker(guarded(), name="usb", exit_on_error=False)
        self.changed()

    async def toggle(self, key: str) -> None:
        """Gives a device to the machine, or takes it back."""
        row = self.row(key)
        if row is None or row.busy:
            return
        if row.given:
            await self._working(key, self._attachments[key].detach())
        elif row.drive is not None:
            await self.give(key, row.drive)
        elif row.listed is not None:
            await self._give_listed(key, row.listed)

    async def _give_listed(self, key: str, listed: Listed, *, confirmed: bool = False) -> None:
        from ..devices.usb_device import make_device

        reasons = [objection.reason for objection in listed.objections if not objection.final]
        if reasons and not confirmed and len(reasons) == len(listed.objections):
            self.question = Question(
                f"{printable(listed.info.title, 60)}: {'; '.join(reasons)}. Give it to the machine all the same?",
                lambda: self._give_listed(key, listed, confirmed=True),
            )
            return
        await self.give(key, make_device(listed, confirmed=confirmed))

    async def give(self, key: str, device: UsbDevice) -> Attachment:
        """Attaches a device. Raises SpiceError, which its row tells too."""
        usb = self.usb
        if usb is None:
            raise UsbError(self.slots_text)
        self._reasons.pop(key, None)
        try:
            attachment = await self._working(key, usb.attach(device))
        except SpiceError as error:
            self._reasons[key] = f"refused: {error}"
            raise
        if not attachment.ended:
            self._attachments[key] = attachment
        self.changed()
        return attachment

    async def _working(self, key: str, work: Awaitable[T]) -> T:
        self._busy.add(key)
        self.changed()
        try:
            return await work
        finally:
            self._busy.discard(key)

    def answer(self, yes: bool) -> None:
        question, self.question = self.question, None
        if question is not None and yes:
            self.start(question.yes())
        self.changed()

    async def add(self, path: Path, *, cd: bool, writable: bool) -> None:
        """A drive with a file in it, for the machine at once where it has room."""
        from ..devices.usb_storage import MassStorage

        drive = MassStorage.cd(path) if cd else MassStorage.disk(path, writable=writable)
        medium = drive.medium
        assert medium is not None
        await asyncio.to_thread(medium.open)
        drive.on_change = self.changed
        self.drives.append(drive)
        self.changed()
        if self.usb is not None and self.usb.free_slots:
            await self.give(_drive_key(drive), drive)
        else:
            await asyncio.to_thread(medium.close)
            if self.usb is not None:
                raise UsbError("it waits for a free USB slot: take another device back first")

    async def insert(self, drive: MassStorage, path: Path) -> None:
        await drive.insert(path, writable=drive.writable)

    async def eject(self, drive: MassStorage, *, force: bool = False) -> None:
        if drive.medium is None:
            raise UsbError("nothing is in this drive")
        if drive.locked_by_guest and not force:
            self.question = Question(
                "The machine uses the medium: eject it there. Take it out by force?",
                lambda: self.eject(drive, force=True),
            )
        await drive.eject(force=force)

    async def remove(self, drive: MassStorage) -> None:
        """Forgets a drive, which the machine sees unplugged."""
        key = _drive_key(drive)
        if (attachment := self._attachments.get(key)) is not None:
            await self._working(key, attachment.detach())
        if drive in self.drives:
            self.drives.remove(drive)


class _Slots:
    """What gives devices to the machine by themselves goes through the service."""

    def __init__(self, service: UsbService) -> None:
        self._service = service

    @property
    def free_slots(self) -> Sequence[object]:
        return self._service.usb.free_slots if self._service.usb is not None else ()

    async def attach(self, device: UsbDevice) -> object:
        return await self._service.give(_key(device.info.location, device.info.numbers), device)


def _key(location: str, numbers: str) -> str:
    return f"device {location} {numbers}"


def _drive_key(drive: MassStorage) -> str:
    return f"drive {drive.serial}"
