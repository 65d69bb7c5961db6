"""Real readers: what PC/SC tells and is asked. The live tests have the real service."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spicetui import FeatureMissing, SmartcardError
from spicetui.devices import smartcard_pcsc as module
from spicetui.devices.smartcard_pcsc import PcscReader, ReaderInfo, choose, readers

from .fake_pcsc import DEADLINE, FakePcsc, scard

ATR = bytes.fromhex("3b021450")
OTHER = bytes.fromhex("3b00")
SELECT = bytes.fromhex("00a40400")


class Host:
    def __init__(self) -> None:
        self.calls: list[Any] = []
        self._changed = asyncio.Event()

    def _told(self, what: Any) -> None:
        self.calls.append(what)
        self._changed.set()

    def card_inserted(self, atr: bytes) -> None:
        self._told(atr)

    def card_removed(self) -> None:
        self._told(None)

    def gone(self, reason: str) -> None:
        self._told(reason)

    async def until(self, *calls: Any) -> None:
        async with asyncio.timeout(DEADLINE):
            while len(self.calls) < len(calls):
                self._changed.clear()
                await self._changed.wait()
        assert self.calls == list(calls)


@asynccontextmanager
async def opened(api: FakePcsc, **options: Any) -> AsyncIterator[tuple[PcscReader, Host]]:
    reader, host = PcscReader("one", api=api, **options), Host()
    await reader.open(host)
    try:
        yield reader, host
    finally:
        told = len(host.calls)
        await reader.close()
        await reader.close()
        assert len(host.calls) == told
        assert (api.contexts, api.handles) == (0, {})


async def test_what_is_in_it_comes_first_and_then_what_happens() -> None:
    api = FakePcsc("one", "two")
    api.put("one", ATR)
    async with opened(api) as (_, host):
        await host.until(ATR)
        api.put("two", OTHER)
        api.put("one", b"")
        await host.until(ATR, None)
        api.put("one", OTHER)
        await host.until(ATR, None, OTHER)


async def test_an_empty_reader() -> None:
    async with opened(FakePcsc("one")) as (_, host):
        await host.until()


async def test_a_card_that_was_out_for_a_moment() -> None:
    api = FakePcsc("one")
    api.put("one", ATR)
    async with opened(api) as (_, host):
        await host.until(ATR)
        with api._changed:
            api.put("one", b"")
            api.put("one", ATR)
        await host.until(ATR, None, ATR)


async def test_unplugged_and_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNPLUGGED_MS", 5)
    api = FakePcsc("one")
    api.put("one", ATR)
    async with opened(api) as (_, host):
        await host.until(ATR)
        api.unplug("one")
        await host.until(ATR, None)
        api.plug("one")
        api.put("one", OTHER)
        await host.until(ATR, None, OTHER)


async def test_the_service_ends() -> None:
    api = FakePcsc("one")
    async with opened(api) as (_, host):
        api.stop_service()
        await host.until("error 1d")


@pytest.mark.parametrize(
    ("exclusive", "first"),
    [
        (True, [("connect", "one", scard.SCARD_SHARE_EXCLUSIVE), ("reconnect", scard.SCARD_RESET_CARD)]),
        (False, [("connect", "one", scard.SCARD_SHARE_SHARED)]),
    ],
)
async def test_commands(exclusive: bool, first: list[Any]) -> None:
    api = FakePcsc("one")
    api.put("one", ATR)
    async with opened(api, exclusive=exclusive) as (reader, host):
        await host.until(ATR)
        assert api.calls == []  # the card is free until the guest uses it
        for _ in range(2):
            assert await reader.transmit(SELECT) == SELECT + b"\x90\0"
        assert api.calls == first
    assert api.calls == [*first, ("disconnect", scard.SCARD_RESET_CARD)]  # it forgets the PIN
    with pytest.raises(SmartcardError, match="closed"):
        await reader.transmit(SELECT)


async def test_a_card_that_does_not_answer() -> None:
    api = FakePcsc("one")
    api.put("one", ATR)
    async with opened(api) as (reader, host):
        await host.until(ATR)
        api.next_code = scard.SCARD_E_NO_SMARTCARD
        with pytest.raises(SmartcardError, match="error 0c"):
            await reader.transmit(SELECT)
        assert api.handles == {}
        assert await reader.transmit(SELECT) == SELECT + b"\x90\0"
        api.put("one", b"")
        await host.until(ATR, None)
        await reader._run(lambda: None)  # behind what the removal has to do
        assert api.handles == {}


async def test_another_program_resets_the_card() -> None:
    """The guest gets it as a new one, which does not know the PIN."""
    api = FakePcsc("one")
    api.put("one", ATR)
    async with opened(api, exclusive=False) as (reader, host):
        await host.until(ATR)
        api.next_code = scard.SCARD_W_RESET_CARD
        with pytest.raises(SmartcardError, match="another program has reset"):
            await reader.transmit(SELECT)
        await host.until(ATR, ATR)


@pytest.mark.parametrize(
    ("code", "reason"), [(scard.SCARD_E_SHARING_VIOLATION, "another program uses"), (1, "error 01")]
)
async def test_a_card_that_cannot_be_had(code: int, reason: str) -> None:
    api = FakePcsc("one")
    api.put("one", ATR)
    async with opened(api) as (reader, _):
        api.connect_code = code
        with pytest.raises(SmartcardError, match=reason):
            await reader.transmit(SELECT)
        api.connect_code = 0
        assert await reader.transmit(SELECT) == SELECT + b"\x90\0"


async def test_readers_that_do_not_open() -> None:
    api = FakePcsc("another")
    with pytest.raises(SmartcardError, match="one: there is no such reader"):
        await PcscReader("one", api=api).open(Host())
    assert api.contexts == 0
    api.service = False
    with pytest.raises(SmartcardError, match="install and start pcscd"):
        await PcscReader("one", api=api).open(Host())


def test_listing() -> None:
    api = FakePcsc("one", "two")
    api.put("two", ATR)
    assert readers(api) == [ReaderInfo("one", b""), ReaderInfo("two", ATR)]
    assert readers(FakePcsc()) == []
    assert api.contexts == 0


@pytest.mark.parametrize(
    ("word", "name"),
    [("auto", "Acme 01"), ("Acme 00", "Acme 00"), ("aCME 01", "Acme 01"), ("other", "Other"), ("Acme", "Acme")],
)
def test_choosing(word: str, name: str) -> None:
    api = FakePcsc("Acme 00", "Acme 01", "Other", *(["Acme"] if name == "Acme" else []))
    api.put("Acme 01", ATR)
    assert choose(word, api).name == name


def test_choosing_in_vain() -> None:
    api = FakePcsc("Acme 00", "Acme 01")
    assert choose("auto", api).name == "Acme 00"
    for word, reason in (("acme", "more than one reader"), ("x", "no reader is called 'x'; have: Acme 00, Acme 01")):
        with pytest.raises(SmartcardError, match=reason):
            choose(word, api)
    with pytest.raises(SmartcardError, match="no card reader"):
        choose("auto", FakePcsc())


def test_without_pyscard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    calls: list[Callable[[], object]] = [lambda: readers(), lambda: choose("auto"), lambda: PcscReader("one")]
    for call in calls:
        with pytest.raises(FeatureMissing, match=r"pip install 'spicetui\[smartcard\]'"):
            call()


def test_pyscard_is_loaded_when_it_is_used() -> None:
    code = "import sys, spicetui.devices.smartcard_pcsc; sys.exit('smartcard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
