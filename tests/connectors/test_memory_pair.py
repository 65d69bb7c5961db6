"""The pair of streams in memory."""

from __future__ import annotations

import asyncio

import pytest

from spicetui.connectors.memory import memory_pair


async def test_bytes_cross_both_ways() -> None:
    one, other = memory_pair()
    one.write(b"to the other")
    other.write(memoryview(b"to the one"))
    assert await other.read(6) == b"to the"
    assert await other.read(100) == b" other"
    assert await one.read(100) == b"to the one"


async def test_a_reader_waits_for_bytes() -> None:
    one, other = memory_pair()
    reader = asyncio.ensure_future(other.read(10))
    await asyncio.sleep(0)
    assert not reader.done()
    one.write(b"late")
    assert await reader == b"late"


async def test_the_pair_is_bounded() -> None:
    one, other = memory_pair(limit=10)
    one.write(bytes(25))
    drain = asyncio.ensure_future(one.drain())
    reader = asyncio.ensure_future(one.read(1))  # a reader and a writer of the same end wait together
    await asyncio.sleep(0)
    assert not drain.done()
    assert len(await other.read(14)) == 14
    await asyncio.sleep(0)
    assert not drain.done()
    assert len(await other.read(1)) == 1
    await drain
    other.write(b"!")
    assert await reader == b"!"


async def test_closing_ends_both_directions() -> None:
    one, other = memory_pair()
    one.write(b"last words")
    reader = asyncio.ensure_future(one.read(1))
    await asyncio.sleep(0)
    await one.aclose()
    assert await reader == b""
    assert await other.read(100) == b"last words"
    assert await other.read(100) == b""
    for end in (one, other):
        end.write(b"nowhere")
        with pytest.raises(BrokenPipeError):
            await end.drain()
    await other.aclose()
    assert await one.read(1) == b""
