"""A real USB device as the session uses it: its settings, its drivers, and the engine that moves its bytes."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ..diagnostics import logger
from ..errors import FeatureMissing, UsbError
from ..interfaces import (
    DeviceInfo,
    EndpointInfo,
    InterfaceInfo,
    IsoPacket,
    Transfer,
    TransferStatus,
    UsbHost,
)
from .usb_access import open_by_helper, open_node, permission_advice
from .usb_description import AltSetting, Description, rewritten, split_configurations, without_streams
from .usb_engine import UNPLUGGED, Completed, Gone, TransferEngine
from .usb_library import EXTRA, has_usb1
from .usb_real import Listed
from .usb_system import System

log = logger("devices.usb")

_DEVICE_DESCRIPTOR = 18
_MAX_DESCRIPTORS = 1 << 18
_GET_CONFIGURATION_DESCRIPTOR = (0x80, 0x06, 0x02)

GUARDIAN = Path(__file__).with_name("usb_guardian.py")


class EngineMaker(Protocol):
    """Opens the device, in a thread. *file*: its open node, None where the system has none. Raises UsbError."""

    def __call__(self, device: Description, file: int | None, completed: Completed, gone: Gone) -> TransferEngine: ...


def usb1_engine(device: Description, file: int | None, completed: Completed, gone: Gone) -> TransferEngine:
    from .usb_libusb1 import Usb1Engine

    return Usb1Engine(file, device.bus, device.address, completed, gone)


def pyusb_engine(device: Description, file: int | None, completed: Completed, gone: Gone) -> TransferEngine:
    from .usb_pyusb import PyusbEngine

    return PyusbEngine(device.bus, device.address, completed, gone)


def require_free(listed: Listed, confirmed: bool = False) -> None:
    """Raises UsbError with the reasons why the device should stay here; *confirmed*: the user has read them."""
    final = [one.reason for one in listed.objections if one.final]
    if final:
        raise UsbError(f"{listed.info.title} is not redirected: {'; '.join(final)}")
    if listed.objections and not confirmed:
        reasons = "; ".join(one.reason for one in listed.objections)
        raise UsbError(f"{listed.info.title} is not redirected without confirmation: {reasons}")


class RealDevice:
    """A UsbDevice.

    *engine* makes what moves the bytes: python-libusb1 where it is installed, else pyusb. *helper*: a node that this
    user may not open is opened by a program with root's rights, which may ask for a password.
    """

    def __init__(
        self,
        description: Description,
        *,
        engine: EngineMaker | None = None,
        helper: bool = False,
        helper_commands: Sequence[Sequence[str]] | None = None,
        has_iso: bool | None = None,
        guarded: bool = True,
        system: System | None = None,
    ) -> None:
        self.description = description
        self._make = engine or (usb1_engine if has_usb1() else pyusb_engine)
        self._has_iso = has_iso if has_iso is not None else self._make is not pyusb_engine
        self._helper = helper
        self._helper_commands = helper_commands
        self._guarded = guarded and sys.platform == "linux"
        self._system = system or System()
        self._value = description.active
        self._alts: dict[int, int] = {}
        self._claimed: list[int] = []
        self._host: UsbHost | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: TransferEngine | None = None
        self._file: int | None = None
        self._guardian: subprocess.Popen[bytes] | None = None
        self._lost = False
        self._used = False
        self._answers: dict[int, bytes] = {}  # configuration descriptors that the guest gets from here, by index
        self._hands = threading.Lock()  # a cancelled call's thread goes on; the next one waits for it

    @property
    def info(self) -> DeviceInfo:
        return self.description.info

    @property
    def has_iso(self) -> bool:
        return self._has_iso

    # --- open and close

    async def open(self, host: UsbHost) -> None:
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._lost = self._used = False
        try:
            self._file = await self._open_file()
            self._hide_streams()
            await asyncio.to_thread(self._take)
        except BaseException as error:
            self._host = None
            await asyncio.to_thread(self._leave)
            if isinstance(error, FeatureMissing):
                raise UsbError(str(error)) from None
            if isinstance(error, UsbError) and isinstance(_root(error), PermissionError):
                advice = permission_advice(self.description)
                raise UsbError(f"{self.info.title}: {advice}") from None
            raise
        self._tell_endpoints()
        if self._file is not None:
            with contextlib.suppress(OSError, NotImplementedError):
                # usbfs reports nothing but the device's end here.
                self._loop.add_reader(self._file, self._on_gone, UNPLUGGED)
        atexit.register(self._leave)

    async def _open_file(self) -> int | None:
        bus, address = self.description.bus, self.description.address
        if not self._system.node(bus, address).exists():
            if self._system.folder(bus, address) is not None:
                raise UsbError(f"{self.info.title}: it has no node in /dev/bus/usb, as in a container")
            return None
        place = (bus, address, self.info.numbers)
        try:
            return open_node(*place, self._system)
        except UsbError as error:
            if not self._helper or not isinstance(_root(error), PermissionError):
                raise
        return await open_by_helper(*place, self._helper_commands)

    def _hide_streams(self) -> None:
        """Where the descriptors can be had: the guest must not be told what there is not."""
        hidden = without_streams(self.description)
        if self._file is None or hidden == self.description:
            return
        raw = split_configurations(os.pread(self._file, _MAX_DESCRIPTORS, _DEVICE_DESCRIPTOR))
        by_value = {one[5]: (index, one) for index, one in enumerate(raw)}
        for configuration in hidden.configurations:
            if configuration.value in by_value:
                index, one = by_value[configuration.value]
                self._answers[index] = rewritten(one, configuration)
        self.description = hidden

    def _own_answer(self, transfer: Transfer) -> bytes | None:
        setup = transfer.setup
        if setup is None or (setup.request_type, setup.request, setup.value >> 8) != _GET_CONFIGURATION_DESCRIPTOR:
            return None
        answer = self._answers.get(setup.value & 0xFF)
        return answer[: transfer.length] if answer is not None else None

    def _take(self) -> None:
        with self._hands:
            self._engine = self._make(self.description, self._file, self._from_thread_completed, self._from_thread_gone)
            self._guard()
            self._claim()

    def _claim(self) -> None:
        assert self._engine is not None
        configuration = self.description.configuration(self._value)
        for number in configuration.interfaces if configuration is not None else ():
            self._engine.claim(number)
            self._claimed.append(number)

    def _release(self) -> None:
        assert self._engine is not None
        while self._claimed:
            number = self._claimed.pop()
            try:
                self._engine.release(number)
            except UsbError as error:
                log.info("%s: %s", self.info.title, error)

    def _guard(self) -> None:
        """Whatever becomes of this process, the drivers get their device back."""
        if not self._guarded or self._file is None:
            return
        interfaces = {number for one in self.description.configurations for number in one.interfaces}
        command = [sys.executable, "-I", "-S", str(GUARDIAN), str(self._file), *map(str, sorted(interfaces))]
        try:
            self._guardian = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(self._file,),
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            log.warning("%s: no guardian: %s", self.info.title, error)

    async def close(self) -> None:
        self._host = None
        loop, file = self._loop, self._file
        if loop is not None and file is not None:
            with contextlib.suppress(OSError, NotImplementedError):
                loop.remove_reader(file)
        await asyncio.to_thread(self._leave)

    def _leave(self) -> None:
        """Everything as it was before; what fails must not keep the rest from being done."""
        with self._hands:
            self._give_back()

    def _give_back(self) -> None:
        atexit.unregister(self._leave)
        engine, self._engine = self._engine, None
        if engine is not None:
            self._engine_leaves(engine)
        if self._file is not None:
            os.close(self._file)
            self._file = None
        guardian, self._guardian = self._guardian, None
        if guardian is not None:
            assert guardian.stdin is not None
            with contextlib.suppress(OSError):
                guardian.stdin.write(b"\n")
            guardian.stdin.close()
            guardian.wait()

    def _engine_leaves(self, engine: TransferEngine) -> None:
        self._engine = engine
        try:
            engine.end_transfers()
            if not self._lost:
                if self._used:
                    with contextlib.suppress(UsbError):
                        engine.reset()
                original = self.description.active
                self._release()
                if self._value != original:
                    with contextlib.suppress(UsbError):
                        engine.set_configuration(original)
        finally:
            self._engine = None
            self._claimed.clear()
            self._value, self._alts = self.description.active, {}
            engine.close()

    # --- what it is

    def _settings(self) -> list[AltSetting]:
        configuration = self.description.configuration(self._value)
        return list(configuration.current(self._alts)) if configuration is not None else []

    def interfaces(self) -> Sequence[InterfaceInfo]:
        return [setting.info for setting in self._settings()]

    def endpoints(self) -> Sequence[EndpointInfo]:
        speed = self.info.speed
        return [end.info(setting.number, speed) for setting in self._settings() for end in setting.endpoints]

    def _tell_endpoints(self) -> None:
        if self._engine is not None:
            self._engine.set_endpoints(self.endpoints())

    # --- transfers

    def submit(self, transfer: Transfer) -> None:
        self._used = True
        if (answer := self._own_answer(transfer)) is not None:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._on_completed, transfer, TransferStatus.SUCCESS, answer, len(answer), ())
            return
        try:
            if self._engine is None or self._lost:
                raise UsbError(UNPLUGGED if self._lost else "it is not open")
            self._engine.submit(transfer)
        except UsbError as error:
            log.debug("%s: %s", self.info.title, error)
            status = TransferStatus(error.status if error.status is not None else TransferStatus.IOERROR)
            asyncio.get_running_loop().call_soon(self._on_completed, transfer, status, b"", 0, ())

    def cancel(self, transfer: Transfer) -> None:
        if self._engine is not None:
            self._engine.cancel(transfer)

    def _from_thread(self, call: Callable[..., None], *words: object) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended before the device
            self._loop.call_soon_threadsafe(call, *words)

    def _from_thread_completed(
        self, transfer: Transfer, status: TransferStatus, data: bytes, length: int, packets: Sequence[IsoPacket]
    ) -> None:
        self._from_thread(self._on_completed, transfer, status, data, length, packets)

    def _from_thread_gone(self, reason: str) -> None:
        self._from_thread(self._on_gone, reason)

    def _on_completed(
        self, transfer: Transfer, status: TransferStatus, data: bytes, length: int, packets: Sequence[IsoPacket]
    ) -> None:
        if self._host is not None:
            self._host.completed(transfer, status, data, length, packets)

    def _on_gone(self, reason: str) -> None:
        if self._loop is not None and self._file is not None:
            with contextlib.suppress(OSError, NotImplementedError):
                self._loop.remove_reader(self._file)
        if not self._lost and self._host is not None:
            self._lost = True
            self._host.gone(reason)

    # --- requests

    async def _wait(self, call: Callable[..., None], *words: int) -> None:
        def held() -> None:
            with self._hands:
                call(*words)

        await asyncio.to_thread(held)

    def _opened(self) -> TransferEngine:
        if self._engine is None or self._lost:
            raise UsbError(UNPLUGGED if self._lost else "it is not open", TransferStatus.IOERROR)
        return self._engine

    async def clear_halt(self, endpoint: int) -> None:
        await self._wait(self._opened().clear_halt, endpoint)

    async def reset(self) -> None:
        await self._wait(self._opened().reset)

    def get_configuration(self) -> int:
        return self._value

    async def set_configuration(self, value: int) -> None:
        if value and self.description.configuration(value) is None:
            raise UsbError(f"there is no configuration {value}", TransferStatus.INVAL)
        await self._wait(self._configure, value)
        self._tell_endpoints()

    def _configure(self, value: int) -> None:
        engine = self._opened()
        self._release()
        try:
            engine.set_configuration(value)
        except UsbError:
            self._claim()
            raise
        self._value, self._alts = value, {}
        self._claim()

    def get_alt_setting(self, interface: int) -> int:
        for setting in self._settings():
            if setting.number == interface:
                return setting.alt
        raise UsbError(f"there is no interface {interface}", TransferStatus.INVAL)

    async def set_alt_setting(self, interface: int, alt: int) -> None:
        configuration = self.description.configuration(self._value)
        if configuration is None or configuration.setting(interface, alt) is None:
            raise UsbError(f"there is no alternate setting {alt} of interface {interface}", TransferStatus.INVAL)
        await self._wait(self._opened().set_alt_setting, interface, alt)
        self._alts[interface] = alt
        self._tell_endpoints()


def make_device(listed: Listed, *, helper: bool = False, confirmed: bool = False) -> RealDevice:
    """For ``client.usb``. Raises UsbError when the device is not free, which *confirmed* overrides where it may."""
    require_free(listed, confirmed)
    if listed.description.needs_iso and not has_usb1():
        log.warning("%s: what it has of sound or pictures does not work without libusb1: %s", listed.info.title, EXTRA)
    return RealDevice(listed.description, helper=helper)


def _root(error: BaseException) -> BaseException:
    """What an error came from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
