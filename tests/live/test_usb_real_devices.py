"""Real devices on a real kernel: a guest is the client's machine, with QEMU's USB hardware on its controller."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from . import usb_images
from .conftest import Row
from .linux_guest import Shell
from .qemu import Qemu
from .test_usb_boot import read_boot, slots
from .usb_machines import KEYBOARD, SECONDS, SERIAL, SOUND, STORAGE, ClientMachine, ServerMachine

pytestmark = pytest.mark.timeout(600)

LONG = "SPICETUI_LONG"

#: Linux's words for the keys A and B, and its events.
KEY_A, KEY_B, EV_KEY = 30, 48, 1

PITCH = 500
RATE = 8000


class Client:
    """The client's machine with a stick that a PC boots from."""

    def __init__(self, folder: Path) -> None:
        self.stick = usb_images.boot_disk(folder, "a real stick")
        self.machine = ClientMachine(folder, self.stick)

    def attach(self, port: int | None, *words: str, count: int) -> Attached:
        return Attached(self.machine, port, words, count)


class Attached:
    """``spicetui usb attach`` of *count* devices in the client's machine, until :meth:`end`."""

    def __init__(self, machine: ClientMachine, port: int | None, words: Sequence[str], count: int) -> None:
        self.machine = machine
        self.count = count
        command = machine.spicetui(f"usb attach 10.0.2.2:{port} {' '.join(words)} --json --timeout 60")
        machine.shell.run("rm -f /told /status /pid")
        machine.shell.run(f"({command} >/told 2>&1 & echo $! >/pid; wait $!; echo $? >/status) & true")

    def wait(self, event: str) -> None:
        """Until it was told of each of the devices."""
        enough = f"[ $(grep -c {event} /told) -ge {self.count} ]"
        self._until(f"{enough} || [ -e /status ]")
        told = self.told()
        assert sum(one["event"] == event for one in told) == self.count, told

    def told(self) -> list[dict[str, Any]]:
        lines = self.machine.text("cat /told").splitlines()
        return [json.loads(line) if line.startswith("{") else {"event": line} for line in lines]

    def _until(self, condition: str) -> None:
        self.machine.text(f"for i in $(seq 600); do if {condition}; then break; fi; sleep 0.1; done")

    def end(self) -> int:
        """As the user ends it; the exit status."""
        self.machine.shell.run("kill -TERM $(cat /pid)")
        self._until("[ -e /status ]")
        return int(self.machine.text("cat /status"))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        made = Client(folder)
        made.machine.start()
        try:
            made.machine.settle()
            yield made
        finally:
            made.machine.stop()
    finally:
        shutil.rmtree(folder)


def drivers(machine: ClientMachine) -> dict[str, str]:
    """The client's kernel's drivers, by interface."""
    lines = machine.text("cd /sys/bus/usb/devices; for i in *:*; do echo $i $(readlink $i/driver); done").splitlines()
    found = (line.partition(" ") for line in lines if line)
    return {name: Path(driver).name for name, _, driver in found}


def test_devices_of_a_real_kernel(client: Client) -> None:
    """Both engines, a user without rights, a program that is killed, plugging and unplugging, a microphone."""
    machine, stick = client.machine, client.stick
    content = stick.read_bytes()
    script = Path(__file__).with_name("usb_client_script.py")
    line = machine.qemu.com1
    line.send(f"{machine.python(f'{script} {stick}')} 2>&1; printf '\\nended\\n'\n".encode())

    def news(word: str) -> dict[str, Any]:
        words = []
        while True:
            said = line.read_through(b"\n", SECONDS).strip()
            words.append(said)
            assert said != b"ended", (word, words[-4:])
            if said.startswith(b"{"):
                told: dict[str, Any] = json.loads(said)
                assert told["what"] == word, (word, told)
                return told

    rows = {row["id"]: row for row in news("listed")["rows"]}
    assert rows.keys() == {STORAGE, KEYBOARD, SERIAL, SOUND}
    assert (rows[STORAGE]["state"], rows[STORAGE]["drivers"]) == ("free", ["usb-storage"])
    assert rows[KEYBOARD]["state"] == "needs confirmation"
    assert rows[SOUND]["kinds"] == ["audio"]
    for engine in ("usb1", "pyusb"):
        told = news("read")
        assert told["engine"] == engine
        assert told["sha256"] == hashlib.sha256(content).hexdigest()
        assert bytes.fromhex(told["descriptor"])[8:12] == b"\xf4\x46\x01\x00"
        assert [told[when] for when in ("before", "during", "after")] == [
            {"0": "usb-storage"},
            {"0": "usbfs"},
            {"0": "usb-storage"},
        ]
    assert "put SUBSYSTEM" in news("refused")["reason"]
    told = news("helped")
    assert told["sha256"] == hashlib.sha256(content[:512]).hexdigest()
    assert told["after"] == {"0": "usb-storage"}
    told = news("killed")
    assert (told["during"], told["after"]) == ({"0": "usbfs"}, {"0": "usb-storage"})
    news("watching")
    machine.unplug_stick()
    assert news("gone")["reason"] == "it was unplugged"
    assert news("left")["id"] == STORAGE
    machine.plug_stick()
    assert news("arrived")["id"] == STORAGE
    told = news("recorded")
    assert told["title"] == "C-Media USB Audio"
    assert told["packets"] == [[0, 180 if number % 10 else 176, number] for number in range(32)]
    news("done")
    line.read_through(b"\nended\n", SECONDS)


def test_a_pc_boots_from_a_real_stick_that_is_plugged_in_and_again(client: Client, private: Path) -> None:
    with Qemu(private, extra=slots("xhci")) as server:
        attached = client.attach(server.port, "--redirect-on-connect 8,-1,-1,-1,1 --auto-connect", count=1)
        attached.wait("attached")
        server.qmp("system_reset")
        assert read_boot(server) == ("a real stick", "DONE")
        client.machine.unplug_stick()
        attached.wait("lost")
        client.machine.plug_stick()
        attached.count = 2
        attached.wait("attached")
        server.qmp("system_reset")
        assert read_boot(server) == ("a real stick", "DONE")
        assert attached.end() == 143
    image = client.stick.read_bytes()
    assert image[64 * 512 : 72 * 512] == image[512 : 9 * 512]
    assert "usbfs" not in drivers(client.machine).values()


# --- longer: a whole system as the server


@pytest.fixture
def server(private: Path) -> Iterator[ServerMachine]:
    made = ServerMachine(private, 4)
    made.start()
    try:
        made.settle()
        yield made
    finally:
        made.stop()


def poll(shell: Shell, command: str, enough: Callable[[str], bool], tries: int = 100) -> str:
    """What a command prints at last."""
    for _ in range(tries):
        if enough(said := shell.run(f"{command}; sleep 0.2").decode()):
            return said
    raise AssertionError(f"{command}: {said!r}")


@pytest.mark.skipif(LONG not in os.environ, reason=f"takes two minutes; {LONG}=1 runs it")
def test_storage_keyboard_serial_and_sound_in_another_machine(client: Client, server: ServerMachine, row: Row) -> None:
    shell = server.shell
    attached = client.attach(server.qemu.port, STORAGE, KEYBOARD, SERIAL, SOUND, "--yes", count=4)
    attached.wait("in_use")

    # Storage: what the guest reads, and what it writes.
    poll(shell, "ls /dev/sda 2>&1", lambda said: "No such" not in said)
    read = shell.run("sha256sum /dev/sda").split()[0].decode()
    assert read == hashlib.sha256(client.stick.read_bytes()).hexdigest()
    shell.run("head -c 65536 /dev/zero | tr '\\0' Z | dd of=/dev/sda bs=4096 seek=100 conv=fsync 2>/dev/null")
    assert client.stick.read_bytes()[409600:475136] == b"Z" * 65536

    # Keyboard: the keys as the guest's kernel hears them.
    said = poll(shell, "grep -l USB /sys/class/input/event*/device/name", lambda text: "event" in text)
    event = said.split("/")[4]
    shell.run(f"exec 5</dev/input/{event}; cat <&5 >/keys & echo $! >/pid")
    for key in ("a", "b"):
        client.machine.qemu.send_keys(key)
    poll(shell, "wc -c </keys", lambda text: int(text) >= 12 * 24)
    words = np.array(shell.run("od -An -v -t u2 /keys; kill $(cat /pid)").split(), dtype=int).reshape(-1, 12)
    keys = [(code, value) for code, value in words[words[:, 8] == EV_KEY][:, 9:11].tolist() if value < 2]
    assert keys == [(KEY_A, 1), (KEY_A, 0), (KEY_B, 1), (KEY_B, 0)]

    # Serial: both directions.
    poll(shell, "ls /dev/ttyUSB0 2>&1", lambda said: "No such" not in said)
    shell.run("exec 4<>/dev/ttyUSB0; stty raw -echo 115200 <&4; cat <&4 >/heard & true")
    spoken, wanted = os.urandom(20000), os.urandom(4000)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        line.connect(str(client.machine.serial_path))
        sending = threading.Thread(target=line.sendall, args=(spoken,))
        sending.start()
        poll(shell, "wc -c </heard", lambda text: int(text) >= len(spoken), 300)
        sending.join()
        assert shell.run("sha256sum /heard").split()[0].decode() == hashlib.sha256(spoken).hexdigest()
        octets = "".join(f"\\{octet:03o}" for octet in wanted)
        for at in range(0, len(octets), 2000):
            shell.run(f"printf '{octets[at : at + 2000]}' >&4")
        heard = bytearray()
        while len(heard) < len(wanted):
            heard += line.recv(65536)
        assert heard == wanted

    # Sound: five seconds of a tone.
    poll(shell, "ls /dev/dsp 2>&1", lambda said: "No such" not in said)
    half = RATE // PITCH // 2
    period = "".join(["\\101"] * half + ["\\276"] * half)
    shell.run(f"for i in $(seq {5 * PITCH // 100}); do for j in $(seq 100); do printf '{period}'; done; done >/tone")
    assert int(shell.run("wc -c </tone")) == 5 * RATE
    shell.run("cat /tone >/dev/dsp")
    assert attached.end() == 143
    packets, pitch = heard_sound(client.machine.sound_path)
    assert pitch == pytest.approx(PITCH, rel=0.02)
    assert packets > 1000  # a slow machine hears gaps
    assert "usbfs" not in drivers(client.machine).values()
    row("USB devices of a client's machine in another one", storage="equal", keys=4, serial_bytes=24000,
        iso_packets=packets, tone_Hz=round(pitch, 1))  # fmt: skip


def heard_sound(path: Path) -> tuple[int, float]:
    """Milliseconds of sound, which are packets, and the pitch of it. The header has no lengths before QEMU ends."""
    data = path.read_bytes()
    (rate,) = struct.unpack_from("<I", data, 24)
    left = np.frombuffer(data[44 : len(data) // 4 * 4], "<i2").reshape(-1, 2)[:, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(left - left.mean()))
    loud = np.convolve(np.abs(left - np.median(left)) > 1000, np.ones(rate // 100), "same") > 0
    return round(1000 * int(loud.sum()) / rate), float(np.argmax(spectrum) * rate / len(left))
