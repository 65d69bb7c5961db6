"""Smartcards in a Linux guest of QEMU: its pcscd and OpenSC read the certificates, log in, sign and decrypt.

The cards are of certificate files, and in a reader of this computer's own pcscd.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from devices.cards import PIN, WRONG_PIN, Identity, ec_key, identity, rsa_key

import spicetui
from spicetui.devices.smartcard_piv import ATR, AUTHENTICATION, MANAGEMENT, SIGNATURE, PivCard
from spicetui.devices.smartcard_software import SoftwareReader

from . import card_guest, library
from .card_guest import CardGuest
from .cli import Cli, target
from .process import DEADLINE
from .qemu import Qemu
from .virtual_reader import NAME, VirtualReader

pytestmark = pytest.mark.timeout(900)

PASSPHRASE = "of the key's file"
LOGIN = identity("login", rsa_key())
SIGNING = identity("signing", ec_key())
MAIL = identity("mail", rsa_key(2048), filling=2500)  # so large that the card keeps it compressed
SLOTS = {AUTHENTICATION: LOGIN, SIGNATURE: SIGNING, MANAGEMENT: MAIL}


class Rig:
    def __init__(self, machine: Qemu) -> None:
        self.machine = machine
        self.guest = CardGuest(machine)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        with Qemu(Path(folder), extra=card_guest.arguments(Path(folder))) as machine:
            yield Rig(machine)


class Attached:
    """`spicetui smartcard attach`, as a user runs it."""

    def __init__(self, cli: Cli, machine: Qemu, *words: str, environment: dict[str, str] | None = None) -> None:
        command = ["smartcard", "attach", target(machine.address()), *words, "--json", "--timeout", "60"]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "spicetui", *command],
            cwd=cli.directory,
            env=cli.environment() | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put("")

    def event(self) -> dict[str, Any]:
        """What it tells next."""
        line = self._lines.get(timeout=2 * DEADLINE)
        assert line, self._child.stderr.read() if self._child.stderr else ""
        told: dict[str, Any] = json.loads(line)
        return told

    def say(self, word: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(word + "\n")
        self._child.stdin.flush()

    def end(self) -> int:
        self._child.terminate()
        return self._child.wait(DEADLINE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._reader.join()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()


def verify(owner: Identity, data: bytes, signature: bytes, *, pss: bool = False) -> None:
    public = owner.certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        kind = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else padding.PKCS1v15()
        public.verify(signature, data, kind, hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, data, ec.ECDSA(hashes.SHA256()))


def sign(guest: CardGuest, number: int, mechanism: str, data: bytes, *words: str) -> bytes:
    guest.put("/tmp/data", data)
    guest.tool("--sign", f"--id 0{number}", f"-m {mechanism}", *words, "-i /tmp/data -o /tmp/made", pin=PIN)
    return guest.get("/tmp/made")


def files(folder: Path) -> list[str]:
    """The three kinds of files, one certificate in each."""
    certificate, key = folder / "signing.crt", folder / "signing.key"
    certificate.write_bytes(SIGNING.certificate_pem())
    key.write_bytes(SIGNING.key_pem(PASSPHRASE))
    (folder / "pin").write_text(PIN + "\n")
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    found = [str(LOGIN.write_p12(folder, PASSPHRASE)), f"{certificate},{key}", f"9D={MAIL.write_pem(folder)}"]
    words = [word for one in found for word in ("--certificate", one)]
    return [*words, "--pin-file", str(folder / "pin"), "--passphrase-file", str(folder / "passphrase")]


def test_a_card_of_certificate_files(rig: Rig, cli: Cli) -> None:
    guest = rig.guest
    with Attached(cli, rig.machine, *files(cli.directory), "--control") as attached:
        assert [attached.event()["event"] for _ in range(2)] == ["attached", "card_inserted"]
        guest.wait_card(True)
        assert guest.run("opensc-tool -a 2>/dev/null").strip() == ATR.hex(":")
        listed = guest.run("pkcs15-tool --list-certificates 2>&1")
        for number, owner in enumerate(SLOTS.values(), 1):
            assert f"ID             : 0{number}" in listed
            guest.tool("--read-object", "--type cert", f"--id 0{number}", "-o /tmp/made")
            assert guest.get("/tmp/made") == owner.der

        data = os.urandom(48)
        verify(LOGIN, data, sign(guest, 1, "SHA256-RSA-PKCS", data))
        verify(LOGIN, data, sign(guest, 1, "SHA256-RSA-PKCS-PSS", data), pss=True)
        verify(SIGNING, data, sign(guest, 2, "ECDSA-SHA256", data, "--signature-format openssl"))

        public = MAIL.certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        guest.put("/tmp/data", public.encrypt(data, padding.PKCS1v15()))
        guest.tool("--decrypt", "--id 03", "-m RSA-PKCS", "-i /tmp/data -o /tmp/made", pin=PIN)
        assert guest.get("/tmp/made") == data

        refused = guest.tool("--sign", "--id 01", "-m SHA256-RSA-PKCS", "-i /tmp/data", pin=WRONG_PIN, works=False)
        assert "CKR_PIN_INCORRECT" in refused
        assert "CKR_PIN_LOCKED" not in refused

        for _ in range(2):
            attached.say("remove")
            assert attached.event()["event"] == "card_removed"
            guest.wait_card(False)
            attached.say("insert")
            assert attached.event()["event"] == "card_inserted"
            guest.wait_card(True)
        verify(LOGIN, data, sign(guest, 1, "SHA256-RSA-PKCS", data))
        assert attached.end() == 143
    guest.wait_card(False)


async def test_the_library(rig: Rig, cli: Cli) -> None:
    """One reader at a time; the PIN's tries outlive the reader; a blocked PIN is of no use any more."""
    told = cli.at(rig.machine.address(), "info", "--json")
    assert json.loads(told.stdout)["card_reader"] is True, told.stderr
    card = PivCard({AUTHENTICATION: LOGIN.card_key}, PIN)
    watcher = Cards()
    async with await library.connect(rig.machine.address(), watcher) as client:
        assert client.smartcard is not None
        reader = SoftwareReader(card)
        state = await client.smartcard.add_reader(reader)
        assert state.name == reader.name
        with pytest.raises(spicetui.SmartcardError, match="takes no more"):
            await client.smartcard.add_reader(SoftwareReader(card, "another"))
        assert await watcher.until(lambda: [one.card for one in watcher.readers] == [True])
        await asyncio.to_thread(rig.guest.wait_card, True)
        for _ in range(2):
            await asyncio.to_thread(wrong_pin, rig.guest)
        assert card.tries == 1
        await client.smartcard.remove_reader(reader)
        assert watcher.readers == []
        await asyncio.to_thread(rig.guest.wait_card, False)
        await client.smartcard.add_reader(reader)
        await asyncio.to_thread(rig.guest.wait_card, True)
        await asyncio.to_thread(wrong_pin, rig.guest)
        assert card.tries == 0
        refused = await asyncio.to_thread(
            lambda: rig.guest.tool("--sign", "--id 01", "-m SHA256-RSA-PKCS", "-i /tmp/data", pin=PIN, works=False)
        )
        assert "CKR_PIN_LOCKED" in refused
        assert not client.unsupported
    await asyncio.to_thread(rig.guest.wait_card, False)


def test_a_reader_of_this_computer(rig: Rig, cli: Cli) -> None:
    guest = rig.guest
    card = PivCard({slot: owner.card_key for slot, owner in SLOTS.items()}, PIN)
    with VirtualReader(cli.directory) as reader:
        assert [one["card"] for one in listed(cli, reader)] == [False, False]
        reader.plug(card)
        with Attached(cli, rig.machine, f"{NAME} 00 00", environment=reader.environment) as attached:
            assert [attached.event()["event"] for _ in range(2)] == ["attached", "card_inserted"]
            guest.wait_card(True)
            data = os.urandom(48)
            verify(LOGIN, data, sign(guest, 1, "SHA256-RSA-PKCS", data))
            verify(SIGNING, data, sign(guest, 2, "ECDSA-SHA256", data, "--signature-format openssl"))
            # It is the guest's alone.
            done = subprocess.run(
                ["opensc-tool", "--reader", "0", "--name"],
                env=os.environ | reader.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode != 0, done.stdout
            reader.unplug()
            assert attached.event()["event"] == "card_removed"
            guest.wait_card(False)
            reader.plug(card)
            assert attached.event()["event"] == "card_inserted"
            guest.wait_card(True)
            verify(LOGIN, data, sign(guest, 1, "SHA256-RSA-PKCS", data))
            assert attached.end() == 143
        guest.wait_card(False)


def listed(cli: Cli, reader: VirtualReader) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "spicetui", "smartcard", "list", "--json"],
        cwd=cli.directory,
        env=cli.environment() | reader.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["name"] for one in found] == [f"{NAME} 00 00", f"{NAME} 00 01"]
    return found


class Cards(library.Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.readers: list[spicetui.SmartcardState] = []

    def smartcards_changed(self, readers: Sequence[spicetui.SmartcardState]) -> None:
        self.readers = list(readers)
        self._changed.set()


def wrong_pin(guest: CardGuest) -> None:
    guest.put("/tmp/data", b"anything")
    refused = guest.tool("--sign", "--id 01", "-m SHA256-RSA-PKCS", "-i /tmp/data", pin=WRONG_PIN, works=False)
    assert "CKR_PIN_INCORRECT" in refused or "CKR_PIN_LOCKED" in refused
