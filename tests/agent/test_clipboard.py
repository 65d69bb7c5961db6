"""The clipboard both ways, with agents of all ages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from peer.driver import RecordingDriver
from peer.fake_agent import LINUX, WithAgent, with_agent

from spicetui.agent import clipboard as module
from spicetui.errors import AgentError, FeatureMissing
from spicetui.interfaces import ClipboardFormat, ClipboardSelection
from spicetui.protocol.agent import HEADER
from spicetui.wire import agent, main
from spicetui.wire.enums import AgentCap

CLIPBOARD, PRIMARY, SECONDARY = ClipboardSelection
TEXT, PNG = ClipboardFormat.TEXT, ClipboardFormat.PNG
WINDOWS = (LINUX - {AgentCap.GUEST_LINEEND_LF}) | {AgentCap.GUEST_LINEEND_CRLF}
REFUSED = b""
OLD = frozenset((AgentCap.CLIPBOARD_BY_DEMAND,))


class Owner(RecordingDriver):
    """Gives what a test has put in."""

    def __init__(self, give: Callable[[], bytes] = lambda: b"ours") -> None:
        super().__init__()
        self.give = give

    async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
        self.calls.append(("clipboard_fetch", selection, type))
        return self.give()


async def ask(session: WithAgent, selection: ClipboardSelection = CLIPBOARD, format: ClipboardFormat = TEXT) -> bytes:
    """What the client is given when the guest wants it."""
    session.agent.say(agent.ClipboardRequest(selection, format))
    got = await session.agent.expect(agent.Clipboard)
    assert got.selection == selection
    assert got.type == format
    return bytes(got.data)


def request(
    session: WithAgent, selection: ClipboardSelection = CLIPBOARD, format: ClipboardFormat = TEXT
) -> asyncio.Future[bytes]:
    return asyncio.ensure_future(session.client.main.request_clipboard(selection, format, 20))


# --- guest to here


@pytest.mark.parametrize("selection", ClipboardSelection)
async def test_the_guest_copies(selection: ClipboardSelection) -> None:
    async with with_agent() as session:
        session.agent.say(agent.ClipboardGrab(selection, 0, [1, 2, 77, 6, 1, 0]))
        asked = request(session, selection)
        assert await session.agent.expect(agent.ClipboardRequest) == agent.ClipboardRequest(selection, 1)
        session.agent.say(agent.Clipboard(selection, 1, "Grüße 🎈\n".encode()))
        assert (await asked).decode() == "Grüße 🎈\n"
        grabbed = session.driver.named("clipboard_grabbed")
        assert grabbed == [(selection, (TEXT, PNG, ClipboardFormat.FILE_LIST))]
        session.agent.say(agent.ClipboardRelease(selection), agent.ClipboardRelease(selection))
        await session.channel.settled()
        assert session.driver.named("clipboard_release") == [(selection,)]


async def test_an_empty_grab() -> None:
    async with with_agent() as session:
        session.agent.say(agent.ClipboardGrab(CLIPBOARD, 0, []))
        await session.channel.settled()
        assert session.driver.named("clipboard_grabbed") == [(CLIPBOARD, ())]


async def test_contents_that_are_empty_or_refused() -> None:
    async with with_agent() as session:
        asked = request(session)
        await session.agent.expect(agent.ClipboardRequest)
        session.agent.say(agent.Clipboard(CLIPBOARD, TEXT, b""))
        assert await asked == b""
        asked = request(session, format=PNG)
        await session.agent.expect(agent.ClipboardRequest)
        session.agent.say(agent.Clipboard(CLIPBOARD, ClipboardFormat.NONE, b""))
        with pytest.raises(AgentError, match="clipboard has nothing as png"):
            await asked


async def test_requests_side_by_side_are_answered_in_order() -> None:
    async with with_agent() as session:
        asked = [request(session), request(session, format=PNG), request(session, PRIMARY), request(session)]
        for _ in asked:
            await session.agent.expect(agent.ClipboardRequest)
        session.agent.say(
            agent.Clipboard(PRIMARY, TEXT, b"primary"),
            agent.Clipboard(CLIPBOARD, TEXT, b"first"),
            agent.Clipboard(CLIPBOARD, ClipboardFormat.NONE, b""),
            agent.Clipboard(CLIPBOARD, TEXT, b"last"),
            agent.Clipboard(CLIPBOARD, TEXT, b"that nobody wants"),
        )
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [results[0], results[2], results[3]] == [b"first", b"primary", b"last"]
        assert isinstance(results[1], AgentError)


async def test_the_answer_to_a_cancelled_request_is_not_anothers() -> None:
    async with with_agent() as session:
        first = request(session)
        await session.agent.expect(agent.ClipboardRequest)
        first.cancel()
        second = request(session)
        await session.agent.expect(agent.ClipboardRequest)
        session.agent.say(agent.Clipboard(CLIPBOARD, TEXT, b"old"), agent.Clipboard(CLIPBOARD, TEXT, b"new"))
        assert await second == b"new"


async def test_requests_are_bounded() -> None:
    async with with_agent(tokens=1000) as session:
        asked = [request(session) for _ in range(module.MAX_REQUESTS)]
        await session.agent.expect(agent.ClipboardRequest)
        with pytest.raises(AgentError, match="wait already"):
            await request(session)
        asked[0].cancel()
        await asyncio.wait((asked[0],))
        asked.append(request(session))
        for _ in asked[1:]:
            await session.agent.expect(agent.ClipboardRequest)
        session.channel.send(main.AgentDisconnected(0))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, AgentError) for one in results[1:])


async def test_a_guest_that_does_not_answer() -> None:
    async with with_agent() as session:
        with pytest.raises(AgentError, match=r"within 0\.01 seconds"):
            await session.client.main.request_clipboard(CLIPBOARD, TEXT, 0.01)


async def test_contents_beyond_the_bound() -> None:
    async with with_agent() as session:
        asked = request(session)
        await session.agent.expect(agent.ClipboardRequest)
        session.agent.say_raw(HEADER.pack(1, 4, 0, module.MAX_BYTES + 9))
        with pytest.raises(AgentError, match="too large"):
            await asked
        assert session.client.unsupported["main:agent clipboard refused"] == 1


async def test_the_agent_is_told_the_bound() -> None:
    async with with_agent(greet=False) as session:
        await session.agent.expect(agent.AnnounceCapabilities)
        session.agent.announce()
        assert (await session.agent.expect(agent.MaxClipboard)).max == module.MAX_BYTES


# --- here to guest


@pytest.mark.parametrize("selection", ClipboardSelection)
async def test_we_copy(selection: ClipboardSelection) -> None:
    async with with_agent(driver=Owner()) as session:
        session.client.main.grab_clipboard(selection, [TEXT, PNG, TEXT])
        assert await session.agent.expect(agent.ClipboardGrab) == agent.ClipboardGrab(selection, 0, [1, 2])
        assert await ask(session, selection) == b"ours"
        assert session.driver.named("clipboard_fetch") == [(selection, TEXT)]
        session.client.main.release_clipboard(selection)
        assert await session.agent.expect(agent.ClipboardRelease) == agent.ClipboardRelease(selection)
        session.client.main.release_clipboard(selection)
        assert await ask(session, selection) == REFUSED
        assert len(session.driver.named("clipboard_fetch")) == 1


async def test_what_is_not_offered_is_refused() -> None:
    async with with_agent(driver=Owner()) as session:
        assert await ask(session) == REFUSED
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await session.agent.expect(agent.ClipboardGrab)
        assert await ask(session, format=PNG) == REFUSED
        assert await ask(session, PRIMARY) == REFUSED
        assert session.driver.named("clipboard_fetch") == []


async def test_a_driver_that_cannot_give_it() -> None:
    def fail() -> bytes:
        raise OSError("the file is gone")

    async with with_agent(driver=Owner(fail)) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await session.agent.expect(agent.ClipboardGrab)
        assert await ask(session) == REFUSED
        assert session.driver.notices == ["the guest cannot have the clipboard: the file is gone"]


async def test_too_much_is_not_sent() -> None:
    async with with_agent(driver=Owner(lambda: bytes(11))) as session:
        session.client.main.agent.clipboard.max_bytes = 10
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await session.agent.expect(agent.ClipboardGrab)
        assert await ask(session) == REFUSED
        assert "at most 10" in session.driver.notices[0]


async def test_a_flood_of_requests_is_refused() -> None:
    gate = asyncio.Event()

    class Slow(Owner):
        async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
            await gate.wait()
            return b"late"

    async with with_agent(driver=Slow(), tokens=1000) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await session.agent.expect(agent.ClipboardGrab)
        session.agent.say(*[agent.ClipboardRequest(CLIPBOARD, TEXT)] * (module.MAX_FETCHES + 3))
        refused = [bytes((await session.agent.expect(agent.Clipboard)).data) for _ in range(3)]
        assert refused == [REFUSED] * 3
        gate.set()
        given = [bytes((await session.agent.expect(agent.Clipboard)).data) for _ in range(module.MAX_FETCHES)]
        assert given == [b"late"] * module.MAX_FETCHES


async def test_an_agent_that_goes_while_something_is_fetched() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    class Slow(Owner):
        async def clipboard_fetch(self, selection: ClipboardSelection, type: ClipboardFormat) -> bytes:
            begun.set()
            try:
                never: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
                return await never
            finally:
                cancelled.set()

    async with with_agent(driver=Slow()) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await session.agent.expect(agent.ClipboardGrab)
        session.agent.say(agent.ClipboardRequest(CLIPBOARD, TEXT))
        await begun.wait()
        session.channel.send(main.AgentDisconnected(0))
        await cancelled.wait()
        await session.channel.settled()
        assert session.driver.notices == []


# --- whose it is


async def test_grabs_that_cross_are_ours() -> None:
    async with with_agent(driver=Owner()) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        await session.agent.expect(agent.ClipboardGrab)
        session.agent.say(agent.ClipboardGrab(CLIPBOARD, 0, [1]))  # sent before it saw ours
        await session.channel.settled()
        assert session.driver.named("clipboard_grabbed") == []
        assert await ask(session) == b"ours"
        session.agent.say(agent.ClipboardGrab(CLIPBOARD, 1, [1]))
        await session.channel.settled()
        assert session.driver.named("clipboard_grabbed") == [(CLIPBOARD, (TEXT,))]
        assert await ask(session) == REFUSED
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        assert (await session.agent.expect(agent.ClipboardGrab)).serial == 2


async def test_each_selection_counts_its_own_grabs() -> None:
    async with with_agent() as session:
        session.agent.say(agent.ClipboardGrab(CLIPBOARD, 0, [1]), agent.ClipboardGrab(PRIMARY, 0, [1]))
        session.client.main.grab_clipboard(SECONDARY, [TEXT])
        assert (await session.agent.expect(agent.ClipboardGrab)).serial == 0
        await session.channel.settled()
        assert len(session.driver.named("clipboard_grabbed")) == 2


@pytest.mark.parametrize("releases", [False, True])
async def test_grabbing_again(releases: bool) -> None:
    caps = LINUX - ({AgentCap.CLIPBOARD_NO_RELEASE_ON_REGRAB} if releases else set())
    async with with_agent(caps) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        session.client.main.grab_clipboard(CLIPBOARD, [PNG])
        said = [type(await session.agent.next()) for _ in range(3 if releases else 2)]
        again = [agent.ClipboardRelease] if releases else []
        assert said == [agent.ClipboardGrab, *again, agent.ClipboardGrab]


async def test_an_agent_of_old_has_one_selection_and_no_serials() -> None:
    async with with_agent(OLD, driver=Owner()) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        assert await session.agent.expect(agent.ClipboardGrab) == agent.ClipboardGrab(0, 0, [1])
        assert await ask(session) == b"ours"
        with pytest.raises(FeatureMissing, match="lacks clipboard_selection"):
            session.client.main.grab_clipboard(PRIMARY, [TEXT])
        session.agent.say(agent.ClipboardGrab(0, 0, [1]), agent.ClipboardGrab(0, 0, [2]))
        await session.channel.settled()
        assert len(session.driver.named("clipboard_grabbed")) == 2


async def test_an_agent_without_a_clipboard() -> None:
    async with with_agent(LINUX - {AgentCap.CLIPBOARD_BY_DEMAND}) as session:
        with pytest.raises(FeatureMissing, match="lacks clipboard_by_demand"):
            session.client.main.grab_clipboard(CLIPBOARD, [TEXT])
        with pytest.raises(FeatureMissing, match="lacks clipboard_by_demand"):
            await session.client.main.request_clipboard(CLIPBOARD, TEXT)


async def test_what_the_guest_had_is_gone_with_its_agent() -> None:
    async with with_agent() as session:
        session.agent.say(agent.ClipboardGrab(CLIPBOARD, 0, [1]), agent.ClipboardGrab(PRIMARY, 0, [1]))
        session.channel.send(main.AgentDisconnected(0))
        await session.channel.settled()
        assert session.driver.named("clipboard_release") == [(CLIPBOARD,), (PRIMARY,)]


async def test_a_request_before_the_agent_is_ready_waits() -> None:
    async with with_agent(greet=False) as session:
        asked = request(session)
        await session.agent.greet()
        await session.agent.expect(agent.ClipboardRequest)
        session.agent.say(agent.Clipboard(CLIPBOARD, TEXT, b"early"))
        assert await asked == b"early"


# --- line ends


@pytest.mark.parametrize(("caps", "there"), [(LINUX, b"a\nb\r\nc\rd\n"), (WINDOWS, b"a\r\nb\r\nc\rd\r\n")])
async def test_lines_to_the_guest(caps: frozenset[AgentCap], there: bytes) -> None:
    async with with_agent(caps, driver=Owner(lambda: b"a\nb\r\nc\rd\n")) as session:
        session.client.main.grab_clipboard(CLIPBOARD, [TEXT, PNG])
        await session.agent.expect(agent.ClipboardGrab)
        assert await ask(session) == there
        assert await ask(session, format=PNG) == b"a\nb\r\nc\rd\n"


@pytest.mark.parametrize(("caps", "here"), [(LINUX, b"a\r\nb\nc\r"), (WINDOWS, b"a\nb\nc\r")])
async def test_lines_from_the_guest(caps: frozenset[AgentCap], here: bytes) -> None:
    async with with_agent(caps) as session:
        for format, expected in ((TEXT, here), (PNG, b"a\r\nb\nc\r")):
            asked = request(session, format=format)
            await session.agent.expect(agent.ClipboardRequest)
            session.agent.say(agent.Clipboard(CLIPBOARD, format, b"a\r\nb\nc\r"))
            assert await asked == expected
