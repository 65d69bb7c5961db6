"""smartcard list and attach: what they tell, give to the guest, and refuse."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

import pytest
from channels.support import opened
from devices.cards import PIN, identity, rsa_key
from devices.fake_pcsc import DEADLINE, FakePcsc, scard
from peer.fake_server import MAIN, SMARTCARD

from spicetui.cli.card_options import give_card
from spicetui.devices import smartcard_pcsc
from spicetui.devices.smartcard_piv import PivCard
from spicetui.devices.smartcard_software import SoftwareReader
from spicetui.interfaces import ChannelKey
from spicetui.wire import smartcard as wire
from spicetui.wire.enums import ChannelType
from spicetui.wire.smartcard import Data, VscError, VscType

from .conftest import Run
from .server import Connection, Server

CHANNELS = tuple(ChannelKey(kind) for kind in (ChannelType.MAIN, ChannelType.SMARTCARD))
ATR = bytes.fromhex("3b021450")
VERIFY = bytes.fromhex("0020008008") + PIN.encode() + b"\xff\xff"


class CardServer(Server):
    """Takes a reader as QEMU does; each card is told the PIN. After *until* messages, which are *seen*, it closes."""

    code = VscError.SUCCESS

    def __init__(self, folder: Path, until: int = 1000) -> None:
        folder.mkdir(exist_ok=True)
        self.until = until
        super().__init__(folder, greetings={ChannelType.SMARTCARD: self.greet}, channels=CHANNELS)
        self.seen: list[tuple[VscType, bytes]] = []
        self.changed = threading.Condition()
        self.commands = [VERIFY]

    def greet(self, connection: Connection) -> None:
        answer = connection.answer

        def told(message: object) -> None:
            answer(message)
            if isinstance(message, Data):
                with self.changed:
                    self.seen.append((VscType(message.type), bytes(message.data)))
                    self.changed.notify_all()
                if message.type not in (VscType.APDU, VscType.ERROR):
                    connection.send(wire.error(0, self.code))
                if message.type == VscType.ATR:
                    connection.send(*(Data(VscType.APDU, 0, one) for one in self.commands))
                if len(self.seen) == self.until:
                    for one in self.connections:
                        self._loop.create_task(one.stream.aclose())

        connection.answer = told  # type: ignore[method-assign]

    def wait(self, count: int) -> None:
        """Until so many messages came."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, DEADLINE)


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIN", "PASSPHRASE"):
        monkeypatch.delenv(f"SPICETUI_SMARTCARD_{name}", raising=False)


@pytest.fixture
def pcsc(monkeypatch: pytest.MonkeyPatch) -> FakePcsc:
    api = FakePcsc("Acme 00", "Acme 01")
    api.put("Acme 01", ATR)
    monkeypatch.setattr(smartcard_pcsc, "load", lambda: api)
    return api


@pytest.fixture
def card(tmp_path: Path) -> list[str]:
    (tmp_path / "pin").write_text(PIN + "\n")
    path = identity("login", rsa_key()).write_pem(tmp_path)
    return ["--certificate", str(path), "--pin-file", str(tmp_path / "pin")]


def test_the_list(run: Run, pcsc: FakePcsc) -> None:
    assert run("smartcard", "list") == (0, "Acme 00  empty\nAcme 01  card 3b 02 14 50\n", "")
    told = [json.loads(line) for line in run("smartcard", "list", "--json").out.splitlines()]
    assert told == [
        {"name": "Acme 00", "card": False, "atr": None},
        {"name": "Acme 01", "card": True, "atr": "3b021450"},
    ]
    pcsc.cards.clear()
    result = run("smartcard", "list")
    assert (result.status, result.error) == (0, "this computer has no card reader")


def test_a_real_reader(run: Run, pcsc: FakePcsc, tmp_path: Path) -> None:
    for name, words, share in (
        ("alone", ["auto"], scard.SCARD_SHARE_EXCLUSIVE),
        ("shared", ["me 01", "--shared"], scard.SCARD_SHARE_SHARED),
    ):
        pcsc.calls.clear()
        with CardServer(tmp_path / name, until=3) as server:
            result = run("smartcard", "attach", server.target, *words, "--json")
            assert server.opened() == ["main:0", "smartcard:0"], result
        assert result.status == 1
        assert "the server closed the connection" in result.error
        assert [json.loads(line)["event"] for line in result.out.splitlines()] == [
            "attached",
            "card_inserted",
            "detached",
        ]
        assert server.seen == [
            (VscType.READER_ADD, b"Acme 01\0"),
            (VscType.ATR, ATR),
            (VscType.APDU, VERIFY + b"\x90\0"),
        ]
        assert pcsc.calls[0] == ("connect", "Acme 01", share)
        assert pcsc.calls[-1] == ("disconnect", scard.SCARD_RESET_CARD)
        assert (pcsc.contexts, pcsc.handles) == (0, {})


def test_a_card_of_files(run: Run, card: list[str], tmp_path: Path) -> None:
    with CardServer(tmp_path, until=3) as server:
        result = run("smartcard", "attach", server.target, *card, "-vv")
    assert result.out.splitlines() == [
        "attached: spicetui software card",
        "card inserted: spicetui software card",
        "detached: spicetui software card",
    ]
    assert server.seen[2] == (VscType.APDU, b"\x90\0")
    assert PIN not in result.err
    assert "smartcard: < Data(type=7, reader_id=0, 13 bytes)" in result.err


def test_so_many_seconds(run: Run, card: list[str], tmp_path: Path) -> None:
    with CardServer(tmp_path) as server:
        result = run("smartcard", "attach", server.target, *card, "--seconds", "0.1")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("attached: ")


def test_control(run: Run, card: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end, start = os.pipe()
    with open(end, "rb", 0) as standard_input, open(start, "wb", 0) as hand, CardServer(tmp_path, until=4) as server:
        server.commands = []

        def act() -> None:
            server.wait(2)
            hand.write(b"remove\n")
            server.wait(3)
            hand.write(b"ins")
            hand.write(b"ert\nhello\n")

        thread = threading.Thread(target=act)
        thread.start()
        monkeypatch.setattr("sys.stdin", standard_input)
        result = run("smartcard", "attach", server.target, *card, "--control", "--json")
        thread.join()
    assert [kind.name for kind, _ in server.seen] == ["READER_ADD", "ATR", "CARD_REMOVE", "ATR"]
    assert result.err.splitlines()[0] == "spicetui: 'hello' is neither insert nor remove"


def test_secrets_of_the_environment(run: Run, card: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = identity("login", rsa_key()).write_p12(tmp_path, "open")
    words = ("smartcard", "attach", "unix:/nowhere", "--certificate", str(path))
    assert run(*words).error.endswith("needs a passphrase, or the file is damaged")
    monkeypatch.setenv("SPICETUI_SMARTCARD_PASSPHRASE", "shut")
    assert "the passphrase is wrong" in run(*words).error
    monkeypatch.setenv("SPICETUI_SMARTCARD_PASSPHRASE", "open")
    result = run(*words)
    assert result.status == 2
    assert result.error.startswith("the card needs a PIN")
    monkeypatch.setenv("SPICETUI_SMARTCARD_PIN", "123")
    assert run(*words).error == "the PIN of a card has 6 to 8 digits"


def test_servers_that_take_none(run: Run, pcsc: FakePcsc, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        result = run("smartcard", "attach", server.target, "auto")
    assert (result.status, result.error) == (6, "the server offers no card reader (no smartcard channel)")
    with CardServer(tmp_path / "full") as full:
        full.code = VscError.CANNOT_ADD_MORE_READERS
        result = run("smartcard", "attach", full.target, "auto")
    assert (result.status, result.error) == (1, "Acme 01: the server takes no more card readers")
    (tmp_path / "mute").mkdir()
    with Server(tmp_path / "mute", channels=CHANNELS) as mute:
        result = run("smartcard", "attach", mute.target, "auto", "--timeout", "3")
    assert (result.status, result.error) == (1, "the server has not answered for 3 seconds")
    assert pcsc.contexts == 0


def test_without_pyscard(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    for words in (("list",), ("attach", "unix:/nowhere", "auto")):
        result = run("smartcard", *words)
        assert result.status == 6
        assert "pip install 'spicetui[smartcard]'" in result.error


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["list", "host:1"], "takes no TARGET"),
        (["attach"], "attach needs a TARGET"),
        (["attach", "host:1"], "which card?"),
        (["attach", "host:1", "auto", "--control"], "a real one has a hand for it"),
        (["attach", "host:1", "auto", "--certificate", "x"], "servers take one card reader"),
        (["attach", "host:1", "--certificate", "x", "--shared"], "the guest's alone"),
        (["attach", "host:1", "auto", "--pin-file", "x"], "the guest asks for a real card's PIN"),
        (["attach", "host:1", "auto", "--passphrase-file", "x"], "a passphrase is for a card of certificate files"),
        (["attach", "host:1", "auto", "--read-only"], "--read-only keeps cards"),
        (["eject"], "invalid choice"),
    ],
)
def test_wrong_usage(run: Run, words: list[str], reason: str) -> None:
    result = run("smartcard", *words)
    assert result.status == 2
    assert reason in result.error


@pytest.mark.parametrize("offered", [True, False])
async def test_a_card_beside_the_picture(offered: bool) -> None:
    """What view does with its options."""
    channels = (MAIN, SMARTCARD) if offered else (MAIN,)
    async with opened(MAIN, channels) as session:
        session.client.session.driver.notice = (told := Notices()).notice  # type: ignore[method-assign]
        give_card(session.client, lambda: SoftwareReader(PivCard({0x9A: identity("x", rsa_key()).card_key}, PIN)))
        if offered:
            server = await session.server.channel(SMARTCARD)
            assert (await server.expect(Data)).type == VscType.READER_ADD
            server.send(wire.error(0, VscError.CANNOT_ADD_MORE_READERS))
        async with asyncio.timeout(DEADLINE):
            await told.come.wait()
    reason = "spicetui software card: the server takes no more card readers" if offered else "offers no card reader"
    assert len(told.texts) == 1
    assert reason in told.texts[0]


class Notices:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.come = asyncio.Event()

    def notice(self, text: str) -> None:
        self.texts.append(text)
        self.come.set()
