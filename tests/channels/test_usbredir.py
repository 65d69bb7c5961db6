"""``client.usb`` over the fake server: slots, refusals, compression, and guests that misbehave."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from lz4.block import compress, decompress
from peer.fake_server import CAPS, DEADLINE, INPUTS, STANDARD, USBREDIR, FakeChannel
from peer.usbredir_guest import BULK_IN, BULK_OUT, ISO_IN, Guest, ScriptedDevice

from spicetui import ChannelKey, ChannelType, DeviceInfo, FeatureMissing, Options, UsbError
from spicetui.channels import usbredir
from spicetui.channels.usb_manager import Usb, allowed
from spicetui.channels.usbredir import Attachment, UsbState
from spicetui.errors import ChannelClosed
from spicetui.protocol.usbfilter import AUTO_CONNECT
from spicetui.protocol.usbredir_stream import CAPS as USB_CAPS
from spicetui.wire import usbredir as wire
from spicetui.wire import vmc
from spicetui.wire.enums import SpicevmcCap
from spicetui.wire.usb import InterfaceInfo, TransferStatus

from .support import Opened, opened

T = TypeVar("T")

SECOND = ChannelKey(ChannelType.USBREDIR, 1)
SLOTS = (*STANDARD, SECOND, USBREDIR)  # servers list them in descending order
LZ4 = CAPS | {ChannelType.USBREDIR: frozenset((SpicevmcCap.DATA_COMPRESS_LZ4,))}


class GuestChannel:
    """The guest behind one channel of the fake server."""

    def __init__(self, channel: FakeChannel, hello: bool = True) -> None:
        self.channel = channel
        self.guest = Guest()
        self.messages: list[Any] = []
        for message in channel.skipped:  # while the channel settled
            self._feed(message)
        if hello:
            self.flush()

    def flush(self) -> None:
        while data := self.guest.stream.data_to_send():
            self.channel.send(vmc.Data(data))

    def ask(self, packet: Any, id: int = 0) -> None:
        self.guest.stream.send(packet, id)
        self.flush()

    async def take(self, kind: type[T], id: int | None = None) -> T:
        while not self.guest.received:
            self._feed(await self.channel.next())
        return self.guest.take(kind, id)

    def _feed(self, message: Any) -> None:
        if isinstance(message, vmc.CompressedData):
            self.messages.append(message)
            self.guest.feed(decompress(message.compressed_data, uncompressed_size=message.uncompressed_size))
        elif isinstance(message, vmc.Data):
            self.messages.append(message)
            self.guest.feed(bytes(message.data))

    async def greeted(self) -> None:
        await self.take(wire.Hello)

    async def connected(self) -> wire.DeviceConnect:
        await self.take(wire.InterfaceInfo)
        await self.take(wire.EpInfo)
        return await self.take(wire.DeviceConnect)


class Setting:
    def __init__(self, session: Opened, usb: Usb, guests: list[GuestChannel]) -> None:
        self.session, self.usb, self.guests = session, usb, guests
        self.guest = guests[0]

    async def attach(self, device: ScriptedDevice, guest: GuestChannel | None = None) -> Attachment:
        """A device that the guest works with."""
        guest = guest or self.guest
        attaching = asyncio.ensure_future(self.usb.attach(device))
        await guest.connected()
        guest.ask(wire.GetConfiguration(), 1)
        await guest.take(wire.ConfigurationStatus, 1)
        return await attaching

    async def until(self, held: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not held():
                await asyncio.sleep(0)


@asynccontextmanager
async def usb(channels: Sequence[ChannelKey] = (*STANDARD, USBREDIR), **server: Any) -> AsyncIterator[Setting]:
    async with opened(USBREDIR, channels, **server) as session:
        keys = sorted(key for key in channels if key.type is ChannelType.USBREDIR)
        guests = [GuestChannel(await session.server.channel(key)) for key in keys]
        for guest in guests:
            await guest.greeted()
        found = session.client.usb
        assert found is not None
        await asyncio.gather(*(slot._ready.wait() for slot in found.slots))
        yield Setting(session, found, guests)


def stick(product: str = "stick", vendor: int = 0x1234) -> ScriptedDevice:
    return ScriptedDevice(DeviceInfo(vendor, 0x5678, product=product))


async def test_a_server_without_usb_has_none() -> None:
    async with opened(INPUTS) as session:
        assert session.client.usb is None


async def test_a_device_is_attached_used_and_detached() -> None:
    async with usb() as setting:
        device = stick()
        attachment = await setting.attach(device)
        assert (attachment.state, attachment.slot, device.opened) == (UsbState.IN_USE, 0, 1)
        assert setting.usb.attachments == [attachment]
        assert setting.usb.attachment(device) is attachment
        assert setting.usb.free_slots == []

        device.answer = lambda transfer: (TransferStatus.SUCCESS, b"content", 0)
        setting.guest.ask(wire.BulkPacket(BULK_IN, 0, 512, 0, b""), 2)
        assert (await setting.guest.take(wire.BulkPacket, 2)).data == b"content"

        await setting.usb.detach(device)
        assert (attachment.state, device.closed) == (UsbState.DETACHED, 1)
        await setting.guest.take(wire.DeviceDisconnect)
        await setting.usb.detach(device)  # which it is not any more
        assert len(setting.session.driver.named("usb_changed")) >= 5

        setting.guest.ask(wire.DeviceDisconnectAck())
        again = await setting.attach(device)
        assert again.state is UsbState.IN_USE


async def test_every_slot_takes_one_device() -> None:
    async with usb(SLOTS) as setting:
        assert [slot.key.id for slot in setting.usb.slots] == [0, 1]
        first, second = stick("first"), stick("second")
        await setting.attach(first)
        with pytest.raises(UsbError, match="first is attached already"):
            await setting.usb.attach(first)
        assert (await setting.attach(second, setting.guests[1])).slot == 1
        with pytest.raises(UsbError, match="all 2 USB slots of the guest are in use"):
            await setting.usb.attach(stick())
        await setting.usb.detach_all()
        assert setting.usb.attachments == []
        assert first.closed == second.closed == 1


async def test_a_guest_may_refuse() -> None:
    async with usb() as setting:
        device = stick()
        attaching = asyncio.ensure_future(setting.usb.attach(device))
        await setting.guest.connected()
        setting.guest.ask(wire.FilterReject())
        with pytest.raises(UsbError, match="the guest refuses the device"):
            await attaching
        assert device.closed == 1
        slot = setting.usb.slots[0]
        assert slot.last is not None
        assert slot.last.state is UsbState.REFUSED
        await setting.guest.take(wire.DeviceDisconnect)
        setting.guest.ask(wire.DeviceDisconnectAck())
        await setting.attach(stick())  # the slot is of use again


async def test_a_guest_that_says_nothing_has_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usbredir, "REFUSAL_SECONDS", 0.01)
    async with usb() as setting:
        attachment = await setting.usb.attach(stick())
        assert attachment.state is UsbState.ATTACHED
        using = asyncio.ensure_future(attachment.wait_in_use())
        await setting.guest.connected()
        setting.guest.ask(wire.GetConfiguration(), 1)
        await using
        setting.guest.ask(wire.FilterReject())
        await attachment.closed.wait()
        assert attachment.ended
        with pytest.raises(UsbError, match="refuses"):
            await attachment.wait_in_use()


async def test_what_the_servers_filter_forbids_is_not_even_opened() -> None:
    async with usb() as setting:
        setting.guest.ask(wire.FilterFilter(b"0x08,-1,-1,-1,0|-1,-1,-1,-1,1\0"))
        slot = setting.usb.slots[0]
        await setting.until(lambda: slot.guest_filter is not None)
        device = stick()
        with pytest.raises(UsbError, match=r"the rule 0x08,-1,-1,-1,0 forbids class 0x08"):
            await setting.usb.attach(device)
        assert device.opened == 0
        assert slot.free


async def test_the_slot_whose_filter_allows_it_is_taken() -> None:
    async with usb(SLOTS) as setting:
        first, second = setting.usb.slots
        setting.guest.ask(wire.FilterFilter(b"0x08,-1,-1,-1,0|-1,-1,-1,-1,1\0"))
        await setting.until(lambda: first.guest_filter is not None)
        assert "forbids class 0x08" in first.forbids(stick())
        assert (await setting.attach(stick(), setting.guests[1])).slot == second.key.id


async def test_a_bad_filter_of_the_guest_is_told_and_counts_as_none() -> None:
    async with usb() as setting:
        setting.guest.ask(wire.FilterFilter(b"\x1b[31m,nonsense\0"))
        await setting.until(lambda: setting.usb.slots[0].guest_filter is not None)
        await setting.attach(stick())
        assert setting.session.client.unsupported["usbredir:bad filter"] == 1
        assert not any("\x1b" in notice for notice in setting.session.driver.notices)


async def test_a_device_that_cannot_be_opened_leaves_the_slot_free() -> None:
    async with usb() as setting:
        device = stick()
        device.failing["open"] = UsbError("no permission")
        with pytest.raises(UsbError, match="no permission"):
            await setting.usb.attach(device)
        assert device.closed == 1
        assert setting.usb.slots[0].free


async def test_a_guest_that_does_not_answer() -> None:
    async with opened(USBREDIR, (*STANDARD, USBREDIR)) as session:
        assert session.client.usb is not None
        device = stick()
        with pytest.raises(UsbError, match=r"has not answered for 0\.01 s"):
            await session.client.usb.attach(device, timeout=0.01)
        assert device.opened == 0
        attaching = asyncio.ensure_future(session.client.usb.attach(device, None))
        guest = GuestChannel(session.channel)
        await guest.greeted()
        await guest.connected()
        guest.ask(wire.GetConfiguration(), 1)
        assert (await attaching).state is UsbState.IN_USE


async def test_giving_up_gives_back() -> None:
    async with opened(USBREDIR, (*STANDARD, USBREDIR)) as session:
        assert session.client.usb is not None
        attaching = asyncio.ensure_future(session.client.usb.attach(stick(), None))
        slot = session.client.usb.slots[0]
        while slot.attachment is None:
            await asyncio.sleep(0)
        attaching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attaching
        assert slot.free


async def test_an_unplugged_device_ends() -> None:
    async with usb() as setting:
        device = stick()
        attachment = await setting.attach(device)
        assert device.host is not None
        device.host.gone("it was unplugged")
        await attachment.closed.wait()
        assert (attachment.state, attachment.reason, device.closed) == (UsbState.LOST, "it was unplugged", 1)
        await setting.guest.take(wire.DeviceDisconnect)


async def test_closing_the_session_gives_devices_back() -> None:
    device = stick()
    async with usb() as setting:
        attachment = await setting.attach(device)
    assert device.closed == 1
    assert attachment.state is UsbState.LOST


async def test_a_read_only_session_attaches_nothing() -> None:
    async with usb(client={"options": Options(read_only=True)}) as setting:
        with pytest.raises(FeatureMissing, match="read-only"):
            await setting.usb.attach(stick())


async def test_operations_are_awaited_and_their_errors_told() -> None:
    async with usb() as setting:
        device = stick()
        await setting.attach(device)
        setting.guest.ask(wire.SetConfiguration(2), 3)
        setting.guest.ask(wire.SetAltSetting(1, 1), 4)
        await setting.guest.take(wire.InterfaceInfo)
        await setting.guest.take(wire.EpInfo)
        assert await setting.guest.take(wire.ConfigurationStatus, 3) == wire.ConfigurationStatus(0, 2)
        await setting.guest.take(wire.InterfaceInfo)
        await setting.guest.take(wire.EpInfo)
        await setting.guest.take(wire.AltSettingStatus, 4)
        device.failing["set_configuration"] = UsbError("no", TransferStatus.STALL)
        setting.guest.ask(wire.SetConfiguration(3), 5)
        assert await setting.guest.take(wire.ConfigurationStatus, 5) == wire.ConfigurationStatus(4, 2)
        device.failing["reset"] = UsbError("no")
        setting.guest.ask(wire.Reset())
        await setting.guest.take(wire.DeviceDisconnect)
        last = setting.usb.slots[0].last
        assert last is not None
        assert last.reason == "the device could not be reset"


async def test_a_device_that_fails_inside_ends_alone() -> None:
    async with usb() as setting:
        device = stick()
        attachment = await setting.attach(device)

        def submit(transfer: Any) -> None:
            raise RuntimeError("a bug")

        device.submit = submit  # type: ignore[method-assign]
        setting.guest.ask(wire.BulkPacket(BULK_IN, 0, 512, 0, b""), 2)
        await attachment.closed.wait()
        assert attachment.reason == "internal error: RuntimeError: a bug"
        assert not setting.usb.slots[0].closed


# --- compression


async def test_lz4_both_ways() -> None:
    async with usb(channel_caps=LZ4) as setting:
        device = stick()
        await setting.attach(device)
        content = bytes(100_000)
        device.answer = lambda transfer: (
            TransferStatus.SUCCESS,
            content if transfer.is_in else b"",
            len(transfer.data),
        )
        out = wire.write(wire.BulkPacket(BULK_OUT, 0, len(content), 0, content), 7, USB_CAPS)
        half = len(out) // 2
        for part in (out[:half], out[half:]):
            setting.guest.channel.send(vmc.CompressedData(1, len(part), compress(part, store_size=False)))
        assert (await setting.guest.take(wire.BulkPacket, 7)).length == len(content)
        setting.guest.ask(wire.BulkPacket(BULK_IN, 0, len(content), 0, b""), 8)
        assert (await setting.guest.take(wire.BulkPacket, 8)).data == content
        assert any(isinstance(message, vmc.CompressedData) for message in setting.guest.messages)


@pytest.mark.parametrize("caps", [LZ4, CAPS], ids=("offered", "not offered"))
async def test_what_does_not_shrink_or_is_not_offered_goes_as_it_is(caps: dict[ChannelType, frozenset[int]]) -> None:
    async with usb(channel_caps=caps) as setting:
        device = stick()
        await setting.attach(device)
        content = os.urandom(100_000) if caps is LZ4 else bytes(100_000)
        device.answer = lambda transfer: (TransferStatus.SUCCESS, content, 0)
        setting.guest.ask(wire.BulkPacket(BULK_IN, 0, len(content), 0, b""), 8)
        assert (await setting.guest.take(wire.BulkPacket, 8)).data == content
        assert not any(isinstance(message, vmc.CompressedData) for message in setting.guest.messages)


async def test_nothing_is_compressed_while_sound_flows() -> None:
    async with usb(channel_caps=LZ4) as setting:
        device = stick()
        device.alt_settings[2] = 1
        await setting.attach(device)
        device.answer = lambda transfer: (
            (TransferStatus.SUCCESS, bytes(transfer.length), 0) if transfer.length > 5000 else None
        )
        for start, compressed in ((True, False), (False, True)):
            setting.guest.ask(wire.StartIsoStream(ISO_IN, 2, 4) if start else wire.StopIsoStream(ISO_IN), 2)
            await setting.guest.take(wire.IsoStreamStatus, 2)
            setting.guest.messages.clear()
            setting.guest.ask(wire.BulkPacket(BULK_IN, 0, 9000, 0, b""), 8)
            assert (await setting.guest.take(wire.BulkPacket, 8)).data == bytes(9000)
            assert any(isinstance(message, vmc.CompressedData) for message in setting.guest.messages) is compressed


async def test_large_packets_go_in_pieces() -> None:
    async with usb() as setting:
        device = stick()
        await setting.attach(device)
        content = os.urandom(1 << 20)
        device.answer = lambda transfer: (TransferStatus.SUCCESS, content, 0)
        setting.guest.ask(wire.BulkPacket(BULK_IN, 0, len(content), 0, b""), 8)
        assert (await setting.guest.take(wire.BulkPacket, 8)).data == content
        assert max(len(message.data) for message in setting.guest.messages) == 256 << 10


# --- what ends the channel, and nothing else


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (vmc.Data(struct.pack("<IIQ", 77, 0, 0)), "no packets of type 77"),
        (vmc.Data(struct.pack("<IIQ", 101, 0xFFFFFFFF, 0)), "4294967295 bytes long"),
        (vmc.CompressedData(1, 1 << 31, b"x"), "2147483648 bytes compressed"),
        (vmc.CompressedData(1, 0, b""), "0 bytes compressed"),
        (vmc.CompressedData(7, 10, b"0123456789"), "by method 7"),
        (vmc.CompressedData(1, 10, b"\xff" * 10), "LZ4 block"),
        (vmc.CompressedData(1, 20, compress(b"0123456789", store_size=False)), "that says 20"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_damage_ends_the_channel_and_not_the_session(message: Any, reason: str) -> None:
    async with usb(SLOTS) as setting:
        device = stick()
        attachment = await setting.attach(device)
        setting.guest.channel.send(message)
        await setting.guest.channel.gone()
        await attachment.closed.wait()
        assert device.closed == 1
        lost = setting.session.client.session.lost
        await setting.until(lambda: USBREDIR in lost)
        assert reason in str(lost[USBREDIR])
        assert attachment.state is UsbState.LOST
        assert len([notice for notice in setting.session.driver.notices if "usbredir:0 lost" in notice]) == 1
        await setting.attach(stick(), setting.guests[1])  # the other slot goes on
        with pytest.raises(UsbError, match="all 1 USB slots of the guest are in use, 1 more were lost"):
            await setting.usb.attach(stick())
        with pytest.raises(ChannelClosed):
            await setting.usb.slots[0].attach(stick())


async def test_endless_pending_transfers_end_the_channel() -> None:
    async with usb(SLOTS) as setting:
        device = stick()
        attachment = await setting.attach(device)
        request = wire.write(wire.BulkPacket(BULK_IN, 0, 512, 0, b""), 7, USB_CAPS)
        for _ in range(30):
            setting.guest.channel.send(vmc.Data(request * 100))
        await attachment.closed.wait()
        assert "at most 1024" in attachment.reason
        assert len(device.submitted) <= 1024


async def test_too_much_that_a_device_ends_later_ends_the_channel() -> None:
    """The error comes up outside of the read loop, and is told all the same."""
    async with usb() as setting:
        device = stick()
        attachment = await setting.attach(device)
        slot = setting.usb.slots[0]
        slot.host.receive(struct.pack("<IIQ", 77, 0, 0))  # as if it had waited behind a full queue
        setting.guest.ask(wire.GetConfiguration(), 2)
        await attachment.closed.wait()
        await setting.guest.channel.gone()
        await setting.until(lambda: USBREDIR in setting.session.client.session.lost)
        assert "no packets of type 77" in str(setting.session.client.session.lost[USBREDIR])


# --- filters


async def test_redirects_what_a_filter_allows_as_far_as_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usbredir, "REFUSAL_SECONDS", 0.01)
    async with usb(SLOTS) as setting:
        keyboard = stick("keyboard", 1)
        keyboard.interfaces = lambda: (InterfaceInfo(0, 3, 1, 1),)  # type: ignore[method-assign]
        broken = stick("broken", 2)
        broken.failing["open"] = UsbError("no permission")
        devices = [keyboard, broken, stick("a", 3), stick("b", 4), stick("c", 5)]
        assert [device.info.product for device in allowed(devices, AUTO_CONNECT)] == ["broken", "a", "b", "c"]
        tried = await setting.usb.redirect(devices)
        assert [(device.info.product, type(result)) for device, result in tried] == [
            ("broken", UsbError),
            ("a", Attachment),
            ("b", Attachment),
        ]
        assert await setting.usb.redirect(devices) == []
        with pytest.raises(UsbError, match="USB filter"):
            await setting.usb.redirect(devices, "nonsense")
