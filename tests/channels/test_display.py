"""The display channel: what the driver sees of surfaces and drawing, and what the channels of a session share."""

from __future__ import annotations

import asyncio
from struct import pack
from typing import Any

import lz4.block
import numpy as np
import pytest
from peer.drawing import bitmap, cached, copy, fill, primary
from peer.fake_server import DISPLAY, FULL_HEADERS, MAIN, FakeChannel

import spicetui
from spicetui import ChannelKey, ChannelType, Options
from spicetui.channels import display as channel_module
from spicetui.errors import ChannelClosed, FeatureMissing, SpiceError
from spicetui.geometry import Point, Rect
from spicetui.wire import common
from spicetui.wire import display as wire
from spicetui.wire.enums import (
    BitmapFlags,
    BitmapFmt,
    DisplayCap,
    ImageCompression,
    ImageFlags,
    ImageType,
    ResourceType,
)
from spicetui.wire.image import BinaryData, BitmapData, Image, ImageDescriptor, Palette

from .support import Opened, opened

SECOND = ChannelKey(ChannelType.DISPLAY, 1)
BOTH = (MAIN, DISPLAY, SECOND)
WHOLE = Rect(0, 0, 8, 4)
RED, GREEN, BLUE = 0xFF0000, 0x00FF00, 0x0000FF


def colours(session: Opened, display: int = 0) -> set[int]:
    """The colours that a display shows."""
    pixels = session.client.screenshot(display).pixels.astype(np.uint32)
    return set(np.unique(pixels[:, :, 2] << 16 | pixels[:, :, 1] << 8 | pixels[:, :, 0]).tolist())


async def draw(channel: FakeChannel, *messages: Any) -> None:
    channel.send(*messages)
    await channel.settled()


# --- opening


async def test_the_first_message_announces_the_caches() -> None:
    async with opened(DISPLAY) as session:
        (init,) = (m for m in session.channel.skipped if isinstance(m, wire.DisplayInit))
        assert init.pixmap_cache_size > 0
        assert init.glz_dictionary_window_size > 0


@pytest.mark.parametrize("name", ["lz4", "auto_glz", "off"])
async def test_the_compression_asked_for(name: str) -> None:
    async with opened(DISPLAY, client={"options": Options(compression=name)}) as session:
        (message,) = (m for m in session.channel.skipped if isinstance(m, wire.PreferredCompression))
        assert message.image_compression == ImageCompression[name.upper()]


async def test_nothing_is_asked_of_a_server_that_cannot() -> None:
    options = Options(compression="lz4")
    async with opened(DISPLAY, channel_caps={}, client={"options": options}) as session:
        assert not [m for m in session.channel.skipped if isinstance(m, wire.PreferredCompression)]


# --- the driver


async def test_nothing_is_shown_before_the_mark() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), fill(WHOLE, RED))
        assert not session.driver.named("display_init")
        with pytest.raises(FeatureMissing):
            session.client.screenshot()
        await draw(session.channel, wire.Mark())
        ((surface,),) = session.driver.named("display_init")
        assert (surface.width, surface.height) == (8, 4)
        assert colours(session) == {RED}


async def test_damage_covers_what_changed() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), wire.Mark())
        await draw(session.channel, fill(Rect(1, 1, 2, 2), RED))
        ((surface, damage),) = session.driver.named("display_refresh")
        assert surface is session.client.displays[0].surface
        assert damage == [Rect(1, 1, 2, 2)]


async def test_no_refresh_for_what_lies_outside() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), wire.Mark())
        await draw(session.channel, fill(Rect(100, 100, 5, 5), RED))
        assert not [damage for _, damage in session.driver.named("display_refresh") if damage]


async def test_drawing_off_the_screen_is_no_refresh() -> None:
    async with opened(DISPLAY) as session:
        off_screen = wire.SurfaceCreate(5, 8, 4, 32, 0)
        await draw(session.channel, primary(), wire.Mark(), off_screen)
        await draw(session.channel, fill(WHOLE, RED, surface=5))
        assert not session.driver.named("display_refresh")
        await draw(session.channel, wire.SurfaceDestroy(5))
        assert not session.driver.named("display_closed")


async def test_a_new_size() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), wire.Mark())
        await draw(session.channel, wire.SurfaceDestroy(0), primary(16, 9), fill(Rect(0, 0, 16, 9), BLUE), wire.Mark())
        sizes = [(surface.width, surface.height) for (surface,) in session.driver.named("display_init")]
        assert sizes == [(8, 4), (16, 9)]
        assert len(session.driver.named("display_closed")) == 1
        assert colours(session) == {BLUE}


async def test_a_destroyed_primary_shows_nothing() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), wire.Mark())
        ((shown,),) = session.driver.named("display_init")
        await draw(session.channel, wire.SurfaceDestroy(0))
        assert session.driver.named("display_closed") == [(shown,)]
        with pytest.raises(FeatureMissing):
            session.client.screenshot()


async def test_a_reset_shows_nothing_until_the_next_mark() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), fill(WHOLE, RED), wire.Mark())
        await draw(session.channel, wire.Reset(), fill(WHOLE, GREEN))
        assert len(session.driver.named("display_init")) == 1
        await draw(session.channel, wire.Mark())
        assert len(session.driver.named("display_init")) == 2
        assert colours(session) == {GREEN}


async def test_mode_of_old_servers() -> None:
    async with opened(DISPLAY, common_caps=FULL_HEADERS) as session:
        await draw(session.channel, wire.Mode(8, 4, 32), wire.Mark(), fill(WHOLE, RED))
        assert colours(session) == {RED}


async def test_a_display_that_the_server_closes_without_a_word_may_be_textures_only() -> None:
    async with opened(DISPLAY) as session:
        assert DisplayCap.GL_SCANOUT not in session.client.displays[0].announced()
        waiting = asyncio.ensure_future(session.client.wait_frame())
        await session.channel.close()
        with pytest.raises(ChannelClosed, match="gl=off"):
            await waiting
        with pytest.raises(ChannelClosed, match="gl=off"):
            await session.client.wait_frame()
        (text,) = session.driver.notices
        assert text.startswith("display:0 lost")
        assert text.endswith("gl=off")


async def test_a_display_that_the_server_disconnects_is_just_lost() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, common.Disconnecting(0, 0))
        waiting = asyncio.ensure_future(session.client.wait_frame())
        await session.channel.close()
        with pytest.raises(ChannelClosed) as caught:
            await waiting
        assert "gl=" not in str(caught.value)


async def test_another_display_lost_is_no_reason_to_wait_no_longer() -> None:
    async with opened(DISPLAY, BOTH) as session:
        await (await session.server.channel(SECOND)).close()
        waiting = asyncio.ensure_future(session.client.wait_frame())
        await asyncio.wait(session.client.session.running(ChannelType.DISPLAY), timeout=0)
        await draw(session.channel, primary(), fill(WHOLE, RED), wire.Mark())
        assert (await waiting).width == 8
        with pytest.raises(ChannelClosed):
            await session.client.wait_frame(1)


async def test_monitors() -> None:
    async with opened(DISPLAY) as session:
        heads = [wire.Head(0, 0, 8, 4, 0, 0, 0), wire.Head(1, 0, 4, 4, 4, 0, 0)]
        await draw(session.channel, wire.MonitorsConfig(2, heads))
        assert session.client.displays[0].monitors == heads


async def test_a_screenshot_is_a_copy() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), fill(WHOLE, RED), wire.Mark())
        before = session.client.screenshot()
        await draw(session.channel, fill(WHOLE, BLUE))
        assert tuple(before.pixels[0, 0, :3]) == (0, 0, 0xFF)
        assert colours(session) == {BLUE}


async def test_a_display_that_is_not_there() -> None:
    async with opened(DISPLAY) as session:
        with pytest.raises(FeatureMissing, match="no display 3"):
            session.client.screenshot(3)


async def test_waiting_for_the_first_frame() -> None:
    async with opened(DISPLAY) as session:
        waiting = asyncio.create_task(session.client.wait_frame())
        await draw(session.channel, primary(), fill(WHOLE, RED), wire.Mark())
        assert (await waiting).width == 8


async def test_a_frame_that_never_comes() -> None:
    async with opened(DISPLAY) as session:
        waiting = asyncio.create_task(session.client.wait_frame())
        await asyncio.sleep(0)
        await (await session.server.channel(MAIN)).close()
        with pytest.raises(SpiceError):
            await waiting


async def test_sub_messages_are_drawn() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), wire.Mark())
        session.channel.send_list(fill(WHOLE, RED), fill(Rect(0, 0, 4, 4), BLUE))
        await session.channel.settled()
        assert colours(session) == {RED, BLUE}


async def test_sub_messages_behind_a_message() -> None:
    """A full header may name a list behind the body; its messages come first."""
    async with opened(DISPLAY, common_caps=FULL_HEADERS) as session:
        await draw(session.channel, primary(), wire.Mark())
        own = wire.DrawFill
        body = bytearray(_body(fill(Rect(0, 0, 4, 4), GREEN)))
        at = len(body)
        body += session.channel.sub_messages([fill(WHOLE, RED)], at)
        number = wire.MESSAGES.server_number[own]
        session.channel.send_raw(_full_header(9, number, len(body), at) + bytes(body))
        await session.channel.settled()
        assert colours(session) == {RED, GREEN}


def _body(message: Any) -> bytes:
    from spicetui.wire import core

    return core.write(message)


def _full_header(serial: int, number: int, size: int, sub_list: int) -> bytes:
    return pack("<QHII", serial, number, size, sub_list)


# --- caches


async def test_a_cached_image() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), copy(WHOLE, bitmap(8, 4, RED, id=7, cache=True)), wire.Mark())
        await draw(session.channel, fill(WHOLE, BLUE), copy(Rect(0, 0, 4, 4), cached(8, 4, id=7)))
        assert colours(session) == {RED, BLUE}


@pytest.mark.parametrize(
    "forget",
    [wire.InvalList([wire.ResourceId(ResourceType.PIXMAP, 7)]), wire.InvalAllPixmaps([])],
    ids=["one", "all"],
)
async def test_a_forgotten_image_is_drawn_no_more(forget: Any) -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), copy(WHOLE, bitmap(8, 4, RED, id=7, cache=True)), wire.Mark())
        await draw(session.channel, fill(WHOLE, BLUE), forget, copy(WHOLE, cached(8, 4, id=7)))
        assert colours(session) == {BLUE}
        assert session.client.unsupported["display:bad draw_copy"] == 1


def indexed(palette: Palette | int, flags: int) -> Image:
    data = BitmapData(BitmapFmt.FMT_8BIT, BitmapFlags.TOP_DOWN | flags, 8, 4, 8, palette, bytes(32))
    return Image(ImageDescriptor(3, ImageType.BITMAP, 0, 8, 4), data)


async def test_a_cached_palette() -> None:
    own = indexed(Palette(9, [RED, BLUE]), BitmapFlags.PAL_CACHE_ME)
    again = indexed(9, BitmapFlags.PAL_FROM_CACHE)
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), copy(WHOLE, own), wire.Mark(), fill(WHOLE, BLUE), copy(WHOLE, again))
        assert colours(session) == {RED}


@pytest.mark.parametrize("forget", [wire.InvalPalette(9), wire.InvalAllPalettes(), wire.Reset()])
async def test_a_forgotten_palette(forget: Any) -> None:
    own = indexed(Palette(9, [RED]), BitmapFlags.PAL_CACHE_ME)
    again = indexed(9, BitmapFlags.PAL_FROM_CACHE)
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), copy(WHOLE, own), forget, primary(), copy(WHOLE, again))
        assert session.client.unsupported["display:bad draw_copy"] == 1


async def test_the_image_cache_is_the_session_s() -> None:
    async with opened(DISPLAY, BOTH) as session:
        second = await session.server.channel(SECOND)
        await draw(session.channel, primary(), copy(WHOLE, bitmap(8, 4, RED, id=7, cache=True)))
        await draw(second, primary(), copy(WHOLE, cached(8, 4, id=7)), wire.Mark())
        assert colours(session, 1) == {RED}


@pytest.mark.parametrize("side", [4, 300], ids=["small", "large"])
async def test_an_image_is_waited_for(side: int) -> None:
    """Channels run side by side: what one refers to may still be on its way on the other, decoded here or elsewhere."""
    whole = Rect(0, 0, side, side)
    async with opened(DISPLAY, BOTH) as session:
        second = await session.server.channel(SECOND)
        second.send(primary(side, side), copy(whole, cached(side, side, id=7)), wire.Mark())
        await draw(session.channel, common.Ping(1, 1, b""))
        await draw(session.channel, primary(side, side), copy(whole, bitmap(side, side, RED, id=7, cache=True)))
        await second.settled()
        assert colours(session, 1) == {RED}
        assert not session.client.unsupported


def glz(id: int, tokens: bytes) -> Image:
    """Four pixels in a row, laid out by hand: header of 33 bytes, big-endian, then tokens."""
    header = pack(">IIBIIIQI", 0x20205A4C, 0x00010001, 8 | 1 << 4, 4, 1, 16, id, id)
    return Image(ImageDescriptor(100 + id, ImageType.GLZ_RGB, 0, 4, 1), BinaryData(header + tokens))


ROW = Rect(0, 0, 4, 1)
FOUR_RED = glz(0, b"\x03" + b"\x00\x00\xff" * 4)  # a run of four literals
AS_BEFORE = glz(1, b"\x80\x00\x01")  # four pixels from place 0 of the image one before


async def test_a_glz_image_waits_for_the_one_it_refers_to() -> None:
    """The window is the session's, and ids count over all of its display channels."""
    async with opened(DISPLAY, BOTH) as session:
        second = await session.server.channel(SECOND)
        second.send(primary(4, 1), copy(ROW, AS_BEFORE), wire.Mark())
        await draw(session.channel, primary(4, 1), wire.Mark())
        assert session.client.displays[1].surface is not None
        assert not session.client.displays[1].marked
        await draw(session.channel, copy(ROW, FOUR_RED))
        await second.settled()
        assert colours(session, 0) == colours(session, 1) == {RED}
        assert not session.client.unsupported


async def test_a_glz_reference_on_the_only_display_is_not_waited_for() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(4, 1), copy(ROW, AS_BEFORE), copy(ROW, FOUR_RED), wire.Mark())
        assert session.client.unsupported["display:bad draw_copy"] == 1
        assert colours(session) == {RED}


async def test_an_image_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "REFERENCE_TIMEOUT", 0.05)
    async with opened(DISPLAY, BOTH) as session:
        second = await session.server.channel(SECOND)
        await draw(second, primary(), fill(WHOLE, BLUE), copy(WHOLE, cached(8, 4, id=99)), wire.Mark())
        assert session.client.unsupported["display:bad draw_copy"] == 1
        assert colours(session, 1) == {BLUE}


async def test_pixmaps_are_forgotten_when_the_others_are_there() -> None:
    """INVAL_ALL_PIXMAPS names serials of other channels that must be handled before."""
    async with opened(DISPLAY, BOTH) as session:
        second = await session.server.channel(SECOND)
        await draw(session.channel, primary(), copy(WHOLE, bitmap(8, 4, RED, id=7, cache=True)))
        serial = session.client.displays[1].machine.handled_serial
        session.channel.send(wire.InvalAllPixmaps([common.WaitForChannel(*SECOND, serial + 3)]))
        await draw(second, primary(), copy(WHOLE, cached(8, 4, id=7)), wire.Mark())
        await session.channel.settled()
        assert colours(session, 1) == {RED}
        await draw(second, fill(WHOLE, BLUE), copy(WHOLE, bitmap(8, 4, GREEN, id=8)))
        assert len(session.client.session.pixmaps) == 0


# --- large images and order


async def test_large_images_stay_in_order() -> None:
    """Images decoded by worker threads are drawn between their neighbours."""
    side = 400
    whole = Rect(0, 0, side, side)
    async with opened(DISPLAY) as session:
        session.channel.send(primary(side, side))
        for colour in (RED, GREEN, BLUE):
            session.channel.send(copy(whole, bitmap(side, side, colour)), fill(Rect(0, 0, 10, 10), colour ^ 0xFFFFFF))
        session.channel.send(wire.CopyBits(fill(Rect(20, 0, 10, 10), 0).base, Point(0, 0)), wire.Mark())
        await session.channel.settled()
        assert colours(session) == {BLUE, BLUE ^ 0xFFFFFF}
        assert tuple(session.client.screenshot().pixels[5, 25, :3]) == (0, 0xFF, 0xFF)


async def test_garbage_in_an_image_leaves_its_place_as_it_was() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), fill(WHOLE, RED), wire.Mark())
        for kind in (ImageType.QUIC, ImageType.LZ_RGB, ImageType.GLZ_RGB, ImageType.JPEG, ImageType.LZ4):
            broken = Image(ImageDescriptor(5, kind, ImageFlags.CACHE_ME, 8, 4), BinaryData(b"\x01\x02\x03garbage" * 9))
            await draw(session.channel, copy(WHOLE, broken))
        assert colours(session) == {RED}
        assert session.client.unsupported["display:bad draw_copy"] == 5


async def test_lz4() -> None:
    rows = BLUE.to_bytes(4, "little") * 32
    block = lz4.block.compress(rows, store_size=False)
    data = b"\x01\x08" + len(block).to_bytes(4, "big") + block
    image = Image(ImageDescriptor(5, ImageType.LZ4, 0, 8, 4), BinaryData(data))
    async with opened(DISPLAY) as session:
        await draw(session.channel, primary(), copy(WHOLE, image), wire.Mark())
        assert colours(session) == {BLUE}


async def test_messages_for_surfaces_that_are_not_there() -> None:
    async with opened(DISPLAY) as session:
        await draw(session.channel, fill(WHOLE, RED), wire.SurfaceDestroy(77), primary(), fill(WHOLE, RED), wire.Mark())
        assert colours(session) == {RED}


async def test_flow_control_follows_the_drawing() -> None:
    """Acknowledgements come after the messages had their effect, also when a thread decodes them."""
    side = 400
    whole = Rect(0, 0, side, side)
    async with opened(DISPLAY) as session:
        session.channel.send(common.SetAck(2, 2), primary(side, side), wire.Mark())
        await session.channel.expect(common.Ack)
        session.channel.send(copy(whole, bitmap(side, side, RED)), copy(whole, bitmap(side, side, GREEN)))
        await session.channel.expect(common.Ack)
        assert colours(session) == {GREEN}


async def test_the_connect_returns_before_the_first_frame() -> None:
    async with opened(DISPLAY) as session:
        assert session.client.displays[0].surface is None
        assert isinstance(session.client, spicetui.Client)
