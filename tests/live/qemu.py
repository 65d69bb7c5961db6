"""QEMU without a guest system as a SPICE server, with QMP as the judge of its screen."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import needs, picture
from .certs import Certificates
from .process import DEADLINE, Callback, Line, Process, ServerError, free_port
from .reference import Address

BOOT_MENU = b"Press ESC for boot menu."
NO_BOOT = b"No bootable device."
BLINK_SECONDS = 0.6
"""Longer than one whole period (16 frames of 60 Hz on, 16 off) of VGA's text cursor."""

DEVICES = {"std": "VGA", "qxl": "qxl-vga", "virtio": "virtio-vga", "cirrus": "cirrus-vga"}


def accelerator() -> str:
    """KVM only where the processor's own module runs it: nested paravirtual ones start firmware, not systems."""
    modules = Path("/sys/module")
    own = (modules / "kvm_intel").exists() or (modules / "kvm_amd").exists()
    return "kvm" if own and Path("/dev/kvm").exists() else "tcg"


class Qemu:
    """One machine. `directory` is private to it and short enough for socket paths.

    Without `unix` it listens on `port` (and on `tls_port` with `tls`); ports are loopback's. `nic` gives it an e1000,
    so that the firmware ends in iPXE's messages. `clients` allows several SPICE clients at once. `extra` goes to the
    command line as it is.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        directory: Path,
        *,
        vga: str = "std",
        compression: str | None = None,
        jpeg_wan: str | None = None,
        zlib_wan: str | None = None,
        password: str | None = None,
        tls: Certificates | None = None,
        tls_channels: Sequence[str] = (),
        unix: bool = False,
        disk: Path | None = None,
        boot_menu: bool = False,
        nic: bool = False,
        clients: bool = False,
        extra: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.password = password
        self.tls = tls
        self.port: int | None = None
        self.tls_port: int | None = None
        self.unix_path = directory / "spice.sock" if unix else None
        self._clients = clients
        self._spice = [
            f"{name}={value}"
            for name, value in (
                ("image-compression", compression),
                ("jpeg-wan-compression", jpeg_wan),
                ("zlib-glz-wan-compression", zlib_wan),
                ("password-secret", None if password is None else "ticket"),
                ("disable-ticketing", "on" if password is None else None),
                ("x509-dir", str(tls.directory) if tls else None),
                *(("tls-channel", name) for name in tls_channels),
            )
            if value is not None
        ]
        self._arguments = [
            needs.qemu(), "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", f"pc,accel={accelerator()}", "-m", "64", "-device", DEVICES[vga],
            *(("-object", "secret,id=ticket,data=" + password.replace(",", ",,")) if password is not None else ()),
            *(("-boot", "menu=on,splash-time=65000") if boot_menu else ()),
            *(("-drive", f"file={disk},format=raw,if=ide,readonly=off,snapshot=on") if disk else ()),
            *(("-netdev", "user,id=net,restrict=on", "-device", "e1000,netdev=net") if nic else ()),
            *extra,
        ]  # fmt: skip

    def __enter__(self) -> Self:
        for _ in range(5):
            self._start()
            try:
                self._greet()
            except ServerError as error:
                self._stop()
                if "binding socket to" in str(error) or "Address already in use" in str(error):
                    continue  # another process was quicker to the port
                raise
            return self
        raise ServerError("no free port in five attempts")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        where = []
        if self.unix_path is not None:
            where = ["unix=on", f"addr={self.unix_path}"]
        else:
            self.port = free_port()
            where = [f"port={self.port}", f"addr={self.host}"]
            if self.tls is not None:
                self.tls_port = free_port()
                where.append(f"tls-port={self.tls_port}")
        self._callbacks = {name: Callback(self.directory / f"{name}.sock") for name in ("qmp", "bios", "com1")}
        self._lines: dict[str, Line] = {}
        sockets = [
            word
            for name, callback in self._callbacks.items()
            for word in ("-chardev", f"socket,id={name},path={callback.path}")
        ]
        self.process = Process(
            [
                *self._arguments, *sockets, "-mon", "chardev=qmp,mode=control", "-serial", "chardev:com1",
                "-device", "isa-debugcon,iobase=0x402,chardev=bios", "-spice", ",".join([*where, *self._spice]),
            ],
            self.directory / "qemu.log",
            os.environ | ({"SPICE_DEBUG_ALLOW_MC": "1"} if self._clients else {}),
        )  # fmt: skip

    def _greet(self) -> None:
        for name, callback in self._callbacks.items():
            self._lines[name] = callback.accept(self.process)
        self._read_answer("QMP")
        self.qmp("qmp_capabilities")
        self.qmp("query-spice")  # answered by the main loop, so the SPICE server is up

    def _stop(self) -> None:
        self.process.stop()
        for line in self._lines.values():
            line.close()
        for callback in self._callbacks.values():
            callback.close()

    def _read_answer(self, *keys: str) -> Any:
        while True:
            answer = json.loads(self._lines["qmp"].read_through(b"\n"))
            for key in keys:
                if key in answer:
                    return answer[key]
            if "error" in answer:
                raise ServerError(f"QMP: {answer['error']['desc']}")

    def qmp(self, command: str, **arguments: Any) -> Any:
        request = {"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}
        self._lines["qmp"].send(json.dumps(request).encode() + b"\n")
        return self._read_answer("return")

    def address(self, *, tls: bool = False) -> Address:
        """What a client has to know; with `tls` the plain port is left out."""
        return Address(
            host=self.host,
            port=None if tls else self.port,
            tls_port=self.tls_port if tls else None,
            unix_path=self.unix_path,
            password=self.password,
            tls=self.tls if tls else None,
        )

    @property
    def com1(self) -> Line:
        """The machine's serial port."""
        return self._lines["com1"]

    def wait_firmware(self, words: bytes = BOOT_MENU) -> None:
        """Until the firmware has said so on its debug port."""
        self._lines["bios"].read_through(words)

    def screendump(self) -> picture.Picture:
        path = self.directory / "screen.ppm"
        self.qmp("screendump", filename=str(path))
        return picture.load(path)

    def rest_pictures(self) -> list[picture.Picture]:
        """The pictures between which a screen at rest changes: two with a text cursor that blinks, else one."""
        found: list[picture.Picture] = []
        seen: list[float] = []
        start = newest = time.monotonic()
        while (now := time.monotonic()) < newest + BLINK_SECONDS:
            dump = self.screendump()
            for at, known in enumerate(found):
                if not picture.difference(dump, known):
                    seen[at] = now
                    break
            else:
                found.append(dump)
                seen.append(now)
                newest = now
            if now > start + DEADLINE:
                raise self.process.broken(f"the screen does not come to rest: {len(found)} pictures")
        return [known for known, last in zip(found, seen, strict=True) if last > now - BLINK_SECONDS]

    def send_keys(self, *qcodes: str) -> None:
        """A combination pressed at the machine itself, not through SPICE."""
        self.qmp("send-key", keys=[{"type": "qcode", "data": qcode} for qcode in qcodes])
