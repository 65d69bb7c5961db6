"""The smartcard channel: readers and cards come and go in order, commands are answered in order, nothing piles up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peer.fake_server import DEADLINE, MAIN, SMARTCARD

from spicetui import ChannelClosed, FeatureMissing, Options, SmartcardError, SmartcardHost, SmartcardState
from spicetui.channels import smartcard as module
from spicetui.channels.smartcard import SmartcardChannel
from spicetui.wire import smartcard as wire
from spicetui.wire.smartcard import UNDEFINED_READER, Data, VscError, VscType

from .support import Opened, opened

KEYS = (MAIN, SMARTCARD)
ATR = bytes.fromhex("3b021450")
OTHER = bytes.fromhex("3b00")
SELECT = bytes.fromhex("00a40400")
ODD = st.sampled_from([0, 0, 0, 1, 2, 3, 4711, UNDEFINED_READER])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.02)
    monkeypatch.setattr(module, "REFUSE_SECONDS", 0.1)


class Reader:
    """Answers each command with itself and 9000, once *may_answer* is set."""

    def __init__(self, name: str = "reader", card: bytes | None = ATR) -> None:
        self.name = name
        self.card = card
        self.commands: list[bytes] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.closed = 0
        self.fails: Exception | None = None
        self.host: SmartcardHost

    async def open(self, host: SmartcardHost) -> None:
        self.host = host
        if self.card is not None:
            host.card_inserted(self.card)

    async def transmit(self, apdu: bytes) -> bytes:
        self.commands.append(apdu)
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails
        return apdu + b"\x90\0"

    async def close(self) -> None:
        self.closed += 1


class Server:
    """The test's end of the channel."""

    def __init__(self, session: Opened) -> None:
        self.session = session
        assert session.client.smartcard is not None
        self.channel: SmartcardChannel = session.client.smartcard

    async def expect(self, kind: VscType, reader: int = 0) -> bytes:
        """The data of the next message, which is of that kind."""
        message = await self.session.channel.expect(Data)
        assert (VscType(message.type), message.reader_id) == (kind, reader)
        return bytes(message.data)

    def send(self, kind: VscType, data: bytes = b"", reader: int = 0) -> None:
        self.session.channel.send(Data(kind, reader, data))

    def answer(self, code: int = VscError.SUCCESS, reader: int = 0) -> None:
        self.session.channel.send(wire.error(reader, code))

    async def nothing(self) -> None:
        """The client has nothing to say."""
        await self.session.channel.settled()
        assert not [message for message in self.session.channel.skipped if isinstance(message, Data)]

    async def add(self, reader: Reader) -> SmartcardState:
        adding = asyncio.ensure_future(self.channel.add_reader(reader))
        await self.expect(VscType.READER_ADD, UNDEFINED_READER)
        self.answer()
        return await asyncio.wait_for(adding, DEADLINE)

    async def add_with_card(self, reader: Reader) -> None:
        await self.add(reader)
        await self.expect(VscType.ATR)
        self.answer()
        await self.nothing()


@asynccontextmanager
async def serving(**client: object) -> AsyncIterator[Server]:
    async with opened(SMARTCARD, KEYS, client=client) as session:
        yield Server(session)


async def test_a_reader_with_a_card() -> None:
    async with serving() as server:
        reader = Reader("é" * 100)
        adding = asyncio.ensure_future(server.channel.add_reader(reader))
        name = await server.expect(VscType.READER_ADD, UNDEFINED_READER)
        assert name == ("é" * 63).encode() + b"\0"
        assert server.channel.readers == []
        await server.nothing()
        server.answer(reader=3)
        assert await adding == SmartcardState(reader.name, 3, True, 0)
        assert await server.expect(VscType.ATR, 3) == ATR
        server.answer(reader=3)
        server.send(VscType.APDU, SELECT, 3)
        assert await server.expect(VscType.APDU, 3) == SELECT + b"\x90\0"
        assert server.channel.readers == [SmartcardState(reader.name, 3, True, 1)]

        removing = asyncio.ensure_future(server.channel.remove_reader(reader))
        await server.expect(VscType.CARD_REMOVE, 3)
        await server.nothing()
        server.answer(reader=3)
        await server.expect(VscType.READER_REMOVE, 3)
        server.answer(reader=3)
        await removing
        assert server.channel.readers == []
        await server.nothing()
        assert reader.closed == 1
        await server.channel.remove_reader(reader)


async def test_the_driver_is_told() -> None:
    told: list[Sequence[SmartcardState]] = []
    async with serving() as server:
        server.session.client.session.driver.smartcards_changed = told.append  # type: ignore[method-assign, assignment]
        reader = Reader()
        await server.add_with_card(reader)
        reader.host.card_removed()
        await server.expect(VscType.CARD_REMOVE)
        server.answer()
        await server.nothing()
    assert [[one.card for one in readers] for readers in told] == [[False], [True], [False], []]


async def test_cards_come_and_go() -> None:
    async with serving() as server:
        reader = Reader(card=None)
        await server.add(reader)
        await server.nothing()
        for card in (ATR, ATR, OTHER):
            reader.host.card_inserted(card)
            assert await server.expect(VscType.ATR) == card
            server.answer()
            reader.host.card_removed()
            await server.expect(VscType.CARD_REMOVE)
            server.answer()
        await server.nothing()


async def test_a_card_that_was_out_for_a_moment_is_another_one() -> None:
    """Also one that was reset; and what happens while the server thinks costs no memory."""
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        for removed in (True, False):
            if removed:
                reader.host.card_removed()
            reader.host.card_inserted(OTHER)
            await server.expect(VscType.CARD_REMOVE)
            for _ in range(100):
                reader.host.card_removed()
                reader.host.card_inserted(OTHER)
            await server.nothing()
            server.answer()
            assert await server.expect(VscType.ATR) == OTHER
            server.answer()
            await server.nothing()


async def test_a_card_that_came_and_went_while_the_server_thought() -> None:
    async with serving() as server:
        reader = Reader()
        adding = asyncio.ensure_future(server.channel.add_reader(reader))
        await server.expect(VscType.READER_ADD, UNDEFINED_READER)
        adding.add_done_callback(lambda _: reader.host.card_removed())
        server.answer()
        await adding
        await server.expect(VscType.ATR)
        server.answer()
        await server.expect(VscType.CARD_REMOVE)
        reader.host.card_inserted(ATR)
        reader.host.card_removed()
        server.answer()
        await server.nothing()


async def test_commands_are_answered_in_order() -> None:
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        reader.may_answer.clear()
        commands = [bytes((0, 0xB0, 0, number)) for number in range(20)]
        for command in commands:
            server.send(VscType.APDU, command)
        server.send(VscType.FLUSH)
        await server.nothing()
        assert reader.commands == commands[:1]
        reader.may_answer.set()
        for command in commands:
            assert await server.expect(VscType.APDU) == command + b"\x90\0"
        await server.expect(VscType.FLUSH_COMPLETE)
        assert reader.commands == commands


async def test_a_flood_of_commands_is_not_read() -> None:
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        reader.may_answer.clear()
        count = 3 * module.MAX_COMMANDS
        for number in range(count):
            server.send(VscType.APDU, number.to_bytes(4, "big"))
        while not reader.commands:
            await asyncio.sleep(0)
        assert server.channel._slots[0]._waiting.qsize() <= module.MAX_COMMANDS
        reader.may_answer.set()
        for number in range(count):
            assert await server.expect(VscType.APDU) == number.to_bytes(4, "big") + b"\x90\0"


@pytest.mark.parametrize("error", [SmartcardError("mute"), ValueError("1234")])
async def test_a_card_without_an_answer(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "spicetui")
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        reader.fails = error
        server.send(VscType.APDU, SELECT + b"1234")
        assert await server.expect(VscType.ERROR) == bytes((1, 0, 0, 0))
        reader.fails = None
        server.send(VscType.APDU, SELECT)
        assert await server.expect(VscType.APDU) == SELECT + b"\x90\0"
        assert list(server.session.client.unsupported) == ["smartcard:no answer of the card"]
    assert "1234" not in caplog.text


async def test_commands_without_a_card() -> None:
    """A guest that waits for an answer when the card is pulled out gets one, before the server hears of the removal."""
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        reader.may_answer.clear()
        server.send(VscType.APDU, SELECT)
        server.send(VscType.FLUSH)
        server.send(VscType.APDU, SELECT)
        await server.nothing()
        reader.host.card_removed()
        await server.expect(VscType.ERROR)
        await server.expect(VscType.FLUSH_COMPLETE)
        await server.expect(VscType.ERROR)
        server.send(VscType.APDU, SELECT)  # it has not heard of it yet
        await server.expect(VscType.ERROR)
        await server.expect(VscType.CARD_REMOVE)
        server.send(VscType.APDU, SELECT)
        reader.host.card_inserted(OTHER)
        await server.nothing()
        server.answer()
        assert await server.expect(VscType.ATR) == OTHER
        reader.may_answer.set()
        server.answer()
        await server.nothing()
        assert reader.commands == [SELECT]  # none of the others went to the new card
        server.send(VscType.APDU, SELECT + b"\0")
        assert await server.expect(VscType.APDU) == SELECT + b"\0\x90\0"
        reader.host.card_removed()
        await server.expect(VscType.CARD_REMOVE)
        server.answer()
        server.send(VscType.APDU, SELECT)
        await server.expect(VscType.ERROR)


async def test_a_guest_that_never_stops_asking_hears_of_the_removal() -> None:
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        server.send(VscType.APDU, SELECT)
        await server.expect(VscType.APDU)
        reader.host.card_removed()
        while True:
            server.send(VscType.APDU, SELECT)
            message = await server.session.channel.expect(Data)
            if message.type == VscType.CARD_REMOVE:
                break
            assert message.type == VscType.ERROR


async def test_the_session_ends_while_a_command_waits() -> None:
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        reader.may_answer.clear()
        server.send(VscType.APDU, SELECT)
        await server.nothing()
        closing = asyncio.ensure_future(server.session.client.aclose())
        await server.expect(VscType.ERROR)
        await closing
        assert reader.closed


@pytest.mark.parametrize("answer", [b"", b"\x90", bytes(wire.MAX_APDU + 1)])
async def test_answers_of_no_card(answer: bytes) -> None:
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)

        async def transmit(apdu: bytes) -> bytes:
            return answer

        reader.transmit = transmit  # type: ignore[method-assign]
        server.send(VscType.APDU, SELECT)
        await server.expect(VscType.ERROR)


@pytest.mark.parametrize(
    ("code", "id"), [(VscError.CANNOT_ADD_MORE_READERS, UNDEFINED_READER), (1, 0), (0, UNDEFINED_READER), (77, 5)]
)
async def test_a_server_that_takes_no_reader(code: int, id: int) -> None:
    async with serving() as server:
        reader = Reader()
        adding = asyncio.ensure_future(server.channel.add_reader(reader))
        await server.expect(VscType.READER_ADD, UNDEFINED_READER)
        server.answer(code, id)
        with pytest.raises(SmartcardError, match="reader: "):
            await adding
        assert server.channel.readers == []
        await server.nothing()
        assert reader.closed
        await server.add_with_card(Reader())


async def test_a_second_reader() -> None:
    """A server with several gives each a number; QEMU gives the same one again, and has one."""
    async with serving() as server:
        await server.add_with_card(Reader("first"))
        for id in (0, 1):
            second = Reader("second", card=None)
            adding = asyncio.ensure_future(server.channel.add_reader(second))
            await server.expect(VscType.READER_ADD, UNDEFINED_READER)
            server.answer(reader=id)
            if id == 0:
                with pytest.raises(SmartcardError, match="no more"):
                    await adding
            else:
                await adding
        assert [(one.name, one.id) for one in server.channel.readers] == [("first", 0), ("second", 1)]
        second.host.card_inserted(OTHER)
        assert await server.expect(VscType.ATR, 1) == OTHER
        server.answer(reader=1)
        server.send(VscType.APDU, SELECT, 1)
        await server.expect(VscType.APDU, 1)
        assert second.commands == [SELECT]


async def test_a_card_that_the_server_refuses() -> None:
    async with serving() as server:
        reader = Reader()
        await server.add(reader)
        await server.expect(VscType.ATR)
        server.answer(VscError.GENERAL_ERROR)
        await server.nothing()
        assert [one.card for one in server.channel.readers] == [False]
        assert list(server.session.client.unsupported) == ["smartcard:card refused"]
        reader.host.card_removed()
        reader.host.card_inserted(ATR)
        await server.expect(VscType.ATR)
        server.answer()
        await server.nothing()
        assert [one.card for one in server.channel.readers] == [True]


@pytest.mark.parametrize("atr", [b"", b"\x3b", bytes(wire.MAX_ATR + 1)])
async def test_no_answer_to_reset(atr: bytes) -> None:
    async with serving() as server:
        reader = Reader(card=None)
        await server.add(reader)
        reader.host.card_inserted(atr)
        await server.nothing()


async def test_what_a_hostile_server_says() -> None:
    async with serving() as server:
        reader = Reader()
        server.answer()
        server.send(VscType.APDU, SELECT)
        server.send(VscType.INIT, bytes(12), UNDEFINED_READER)
        server.session.channel.send(Data(4711, 0, b""))
        server.session.channel.send_body(101, b"\7\0\0\0")
        server.session.channel.send_body(101, bytes.fromhex("07000000 00000000 ffffffff"))
        await server.nothing()
        await server.add_with_card(reader)
        for number in (1, UNDEFINED_READER):
            server.send(VscType.APDU, SELECT, number)
        for _ in range(1000):
            server.answer(3)
        await server.nothing()
        server.send(VscType.APDU, bytes(wire.MAX_APDU + 1))
        await server.expect(VscType.ERROR)
        assert reader.commands == []
        server.send(VscType.APDU, SELECT)
        await server.expect(VscType.APDU)
        assert server.session.client.unsupported == {
            "smartcard:unknown reader": 3,
            "smartcard:unknown message type 4711": 1,
            "smartcard:bad data": 2,
            "smartcard:no answer of the card": 1,
        }


async def test_one_who_waits_no_more() -> None:
    async with serving() as server:
        reader = Reader()
        adding = asyncio.ensure_future(server.channel.add_reader(reader))
        await server.expect(VscType.READER_ADD, UNDEFINED_READER)
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
        server.answer()
        await server.expect(VscType.READER_REMOVE)
        server.answer()
        await server.nothing()
        assert reader.closed


async def test_a_reader_that_does_not_open() -> None:
    async with serving() as server:
        reader = Reader()

        async def broken(host: SmartcardHost) -> None:
            raise SmartcardError("no such reader")

        reader.open = broken  # type: ignore[method-assign]
        adding = asyncio.ensure_future(server.channel.add_reader(reader))
        await server.expect(VscType.READER_ADD, UNDEFINED_READER)
        server.answer()
        with pytest.raises(SmartcardError, match="no such reader"):
            await adding
        await server.expect(VscType.READER_REMOVE)
        server.answer()
        await server.nothing()
        assert reader.closed


async def test_a_reader_that_goes() -> None:
    async with serving() as server:
        reader = Reader()
        await server.add_with_card(reader)
        reader.host.gone("unplugged")
        reader.host.gone("unplugged")
        for kind in (VscType.CARD_REMOVE, VscType.READER_REMOVE):
            await server.expect(kind)
            server.answer()
        await server.nothing()
        assert server.session.driver.notices == ["reader: unplugged"]
        assert reader.closed == 1


async def test_the_end_of_the_channel() -> None:
    async with serving() as server:
        reader, other = Reader(), Reader("other")
        await server.add_with_card(reader)
        adding = asyncio.ensure_future(server.channel.add_reader(other))
        await server.expect(VscType.READER_ADD, UNDEFINED_READER)
        await server.session.channel.close()
        with pytest.raises(ChannelClosed):
            await asyncio.wait_for(adding, DEADLINE)
        with pytest.raises(ChannelClosed):
            await server.channel.add_reader(Reader())
        assert server.channel.readers == []
        while not (reader.closed and other.closed):
            await asyncio.sleep(0)
        reader.host.card_removed()
        reader.host.gone("late")


async def test_closing_gives_the_readers_back() -> None:
    reader = Reader()
    async with serving() as server:
        await server.add_with_card(reader)
        with pytest.raises(SmartcardError, match="already"):
            await server.channel.add_reader(reader)
    assert reader.closed == 1


async def test_a_read_only_session_shares_nothing() -> None:
    async with serving(options=Options(read_only=True)) as server:
        with pytest.raises(FeatureMissing, match="read-only"):
            await server.channel.add_reader(Reader())
        await server.nothing()


async def test_a_server_without_readers() -> None:
    async with opened(MAIN, (MAIN,)) as session:
        assert session.client.smartcard is None


Step = tuple[str, int, int]
STEPS = st.tuples(st.sampled_from(["answer", "apdu", "flush", "insert", "remove", "type"]), st.integers(0, 3), ODD)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=40))
def test_random_conversations(steps: list[Step]) -> None:
    """Whatever comes in whatever order, the channel lives, and nothing in it fails by itself."""

    async def converse() -> None:
        async with serving() as server:
            reader = Reader()
            adding = asyncio.ensure_future(server.channel.add_reader(reader))
            for what, number, odd in steps:
                if what == "answer":
                    server.answer(odd, number)
                elif what == "apdu":
                    server.send(VscType.APDU, bytes(4 + number), odd)
                elif what == "flush":
                    server.send(VscType.FLUSH, reader=number)
                elif what == "type":
                    server.session.channel.send(Data(odd, number, bytes(number)))
                elif hasattr(reader, "host"):
                    reader.host.card_inserted(ATR) if what == "insert" else reader.host.card_removed()
                await asyncio.sleep(0)
            await server.session.channel.settled()
            assert not [gap for gap in server.session.client.unsupported if "failed" in gap]
            adding.cancel()
            await asyncio.gather(adding, return_exceptions=True)

    asyncio.run(converse())
