"""The cursor channel: what the driver is told of the pointer."""

from __future__ import annotations

from peer.fake_server import CURSOR

from spicetui.geometry import Point
from spicetui.wire import cursor as wire
from spicetui.wire.enums import CursorFlags, CursorType

from .support import Opened, opened


def shape(id: int, *, cache: bool = False, width: int = 2) -> wire.CursorShape:
    flags = CursorFlags.CACHE_ME if cache else 0
    header = wire.CursorHeader(id, CursorType.ALPHA, width, 1, 1, 0)
    return wire.CursorShape(flags, header, bytes((id, 0, 0, 0xFF)) * width)


def from_cache(id: int) -> wire.CursorShape:
    return wire.CursorShape(CursorFlags.FROM_CACHE, wire.CursorHeader(id, 0, 2, 1, 1, 0), b"")


NONE = wire.CursorShape(CursorFlags.NONE, None, b"")


async def shown(session: Opened, *messages: object) -> list[tuple[int, int, int] | None]:
    """The calls that the messages cause: blue of the pointer's first pixel and its place, None when it is hidden."""
    before = len(session.driver.named("set_cursor"))
    session.channel.send(*messages)
    await session.channel.settled()
    return [
        (int(cursor.pixels[0, 0, 0]), x, y) if cursor is not None else None
        for cursor, x, y in session.driver.named("set_cursor")[before:]
    ]


async def test_a_pointer_comes_moves_hides_and_returns() -> None:
    async with opened(CURSOR) as session:
        assert await shown(
            session,
            wire.CursorInit(Point(1, 2), 0, 0, 1, shape(10)),
            wire.CursorMove(Point(5, 6)),
            wire.CursorHide(),
            wire.CursorMove(Point(7, 8)),
            wire.CursorSet(Point(9, 9), 1, shape(11)),
            wire.CursorSet(Point(9, 9), 0, shape(12)),
        ) == [(10, 1, 2), (10, 5, 6), None, (10, 7, 8), (11, 9, 9), None]


async def test_a_pointer_without_a_shape() -> None:
    async with opened(CURSOR) as session:
        assert await shown(session, wire.CursorInit(Point(1, 2), 0, 0, 1, NONE)) == [None]


async def test_shapes_of_the_cache() -> None:
    async with opened(CURSOR) as session:
        got = await shown(
            session,
            wire.CursorInit(Point(0, 0), 0, 0, 1, shape(1, cache=True)),
            wire.CursorSet(Point(0, 0), 1, shape(2, cache=True)),
            wire.CursorSet(Point(0, 0), 1, from_cache(1)),
            wire.CursorSet(Point(0, 0), 1, from_cache(2)),
        )
        assert [one and one[0] for one in got] == [1, 2, 1, 2]


async def test_shapes_leave_the_cache() -> None:
    for message in (wire.CursorInvalOne(1), wire.CursorInvalAll(), wire.CursorReset()):
        async with opened(CURSOR) as session:
            await shown(session, wire.CursorInit(Point(0, 0), 0, 0, 1, shape(1, cache=True)), message)
            await shown(session, wire.CursorSet(Point(0, 0), 1, from_cache(1)))
            assert session.client.unsupported["cursor:bad cursor_set"] == 1


async def test_invalidation_names_one_shape() -> None:
    async with opened(CURSOR) as session:
        await shown(session, wire.CursorInit(Point(0, 0), 0, 0, 1, shape(1, cache=True)))
        got = await shown(session, wire.CursorInvalOne(2), wire.CursorSet(Point(0, 0), 1, from_cache(1)))
        assert got == [(1, 0, 0)]


async def test_a_reset_hides() -> None:
    async with opened(CURSOR) as session:
        got = await shown(session, wire.CursorInit(Point(0, 0), 0, 0, 1, shape(1)), wire.CursorReset())
        assert got == [(1, 0, 0), None]


async def test_a_set_without_an_init() -> None:
    async with opened(CURSOR) as session:
        assert await shown(session, wire.CursorSet(Point(3, 4), 1, shape(5))) == [(5, 3, 4)]


async def test_a_shape_that_is_too_short_keeps_the_place() -> None:
    async with opened(CURSOR) as session:
        header = wire.CursorHeader(1, CursorType.ALPHA, 64, 64, 0, 0)
        got = await shown(
            session,
            wire.CursorInit(Point(0, 0), 0, 0, 1, shape(1)),
            wire.CursorSet(Point(8, 8), 1, wire.CursorShape(0, header, b"short")),
        )
        assert got[-1] == (1, 8, 8)
        assert session.client.unsupported["cursor:bad cursor_set"] == 1


async def test_the_trail_is_kept() -> None:
    async with opened(CURSOR) as session:
        await shown(session, wire.CursorTrail(3, 4))
        assert session.client.cursors[0].trail == (3, 4)
