"""Real devices on both engines: every kind of transfer, cancel, unplug, settings, and the kernel's drivers."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from spicetui.devices.usb_description import rewritten, split_configurations
from spicetui.devices.usb_device import RealDevice
from spicetui.errors import UsbError
from spicetui.interfaces import IsoPacket, Transfer, TransferStatus
from spicetui.wire.usb import Setup, TransferType

from .fake_pyusb import FakeBackend
from .fake_sys import FakeSystem
from .fake_usb1 import FakeUsb1
from .usb_host import ENGINES, NOWHERE, SECONDS, Host, describe, device_of, pyusb_maker, usb1_maker
from .usb_models import Hub, Keyboard, Model, Serial, Sound, Storage, UasDisk

both = pytest.mark.parametrize("engine", ENGINES)


@asynccontextmanager
async def opened(model: Model, engine: str) -> AsyncIterator[Host]:
    host = Host(device_of(model, engine))
    await host.device.open(host)
    try:
        yield host
    finally:
        await host.device.close()
        assert model.opened == 0
        assert not model.claimed or not model.plugged
        assert model.attached == model.drivers or not model.plugged


async def read_blocks(host: Host, first: int, count: int) -> bytes:
    cdb = struct.pack(">BBIBHB", 0x28, 0, first, 0, count, 0)
    command = struct.pack("<4sIIBBB16s", b"USBC", first, count * 512, 0x80, 0, len(cdb), cdb)
    assert (await host.write(0x02, command)).length == 31
    data = await asyncio.wait_for(host.read(0x81, count * 512), SECONDS)
    status = await asyncio.wait_for(host.read(0x81, 13), SECONDS)
    assert status.data == struct.pack("<4sIIB", b"USBS", first, 0, 0)
    return data.data


async def write_blocks(host: Host, first: int, data: bytes) -> None:
    cdb = struct.pack(">BBIBHB", 0x2A, 0, first, 0, len(data) // 512, 0)
    await host.write(0x02, struct.pack("<4sIIBBB16s", b"USBC", 7, len(data), 0, 0, len(cdb), cdb))
    sent = await host.write(0x02, data)
    assert (sent.status, sent.length, sent.data) == (TransferStatus.SUCCESS, len(data), b"")
    assert (await asyncio.wait_for(host.read(0x81, 13), SECONDS)).data[12] == 0


@both
async def test_storage_is_read_and_written_and_its_driver_comes_back(engine: str) -> None:
    model = Storage(bytearray(os.urandom(64 << 10)))
    async with opened(model, engine) as host:
        assert model.attached == {}
        assert await read_blocks(host, 0, 64) == model.medium[: 64 * 512]
        await write_blocks(host, 3, b"\xa5" * 1024)
        assert await read_blocks(host, 2, 4) == model.medium[2 * 512 : 6 * 512]
        assert model.medium[3 * 512 : 5 * 512] == b"\xa5" * 1024
    assert model.attached == {0: "usb-storage"}
    assert model.resets == 1  # what the guest left half done is not the driver's matter


@both
async def test_an_unused_device_is_given_back_without_a_reset(engine: str) -> None:
    model = Storage(bytearray(512))
    async with opened(model, engine):
        pass
    assert model.resets == 0


@both
async def test_control_transfers_in_both_directions_and_refused(engine: str) -> None:
    model = Keyboard()
    async with opened(model, engine) as host:
        answer = await host.control(0x80, 6, 0x0100, 0, length=18)
        assert (answer.status, answer.data, answer.length) == (0, model.device_descriptor, 18)
        assert (await host.control(0x80, 6, 0x0302, 0x0409, length=255)).data[2:].decode("utf-16-le") == "USB Keyboard"
        sent = await host.control(0x21, 0x0A, 0, 0)
        assert (sent.status, sent.data, sent.length) == (0, b"", 0)
        assert (await host.control(0x21, 0x09, 0x0200, 0, data=b"\x02")).length == 1
        assert model.log[-1] == ("control", 0x21, 0x09, 0x0200, 0, b"\x02")
        assert (await host.control(0xA1, 0x77, 0, 0, length=8)).status is TransferStatus.STALL
        assert (await host.control(0x80, 6, 0x0100, 0, length=0)).data == b""


@both
async def test_reports_of_a_keyboard_come_in_order_with_several_transfers_in_flight(engine: str) -> None:
    model = Keyboard()
    async with opened(model, engine) as host:
        reading = [host.read(0x81, 8, TransferType.INTERRUPT) for _ in range(5)]
        for usage in range(4, 9):
            model.press(usage)
        ended = await asyncio.wait_for(asyncio.gather(*reading), SECONDS)
        assert [one.data[2] for one in ended] == [4, 5, 6, 7, 8]
        assert {one.length for one in ended} == {8}


@both
async def test_a_read_that_waits_is_cancelled_once_and_the_next_one_gets_the_data(engine: str) -> None:
    model = Keyboard()
    async with opened(model, engine) as host:
        first = Transfer(TransferType.INTERRUPT, 0x81, length=8)
        ended = host.submit(first)
        host.device.cancel(first)
        host.device.cancel(first)
        assert (await asyncio.wait_for(ended, SECONDS)).status is TransferStatus.CANCELLED
        host.device.cancel(first)  # too late, and no matter
        later = host.read(0x81, 8, TransferType.INTERRUPT)
        model.press(9)
        assert (await asyncio.wait_for(later, SECONDS)).data[2] == 9


@both
async def test_a_stall_is_told_and_cleared(engine: str) -> None:
    model = Storage(bytearray(512))
    async with opened(model, engine) as host:
        assert (await host.write(0x02, b"XXXX".ljust(31, b"\0"))).status is TransferStatus.STALL
        assert (await asyncio.wait_for(host.read(0x81, 13), SECONDS)).status is TransferStatus.STALL
        await host.device.clear_halt(0x81)
        await host.device.clear_halt(0x02)
        assert await read_blocks(host, 0, 1) == bytes(512)


@both
async def test_serial_bytes_return_through_many_reads(engine: str) -> None:
    model = Serial()
    async with opened(model, engine) as host:
        text = os.urandom(1000)
        for at in range(0, len(text), 100):
            assert (await host.write(0x02, text[at : at + 100])).length == 100
        heard = b""
        while len(heard) < len(text):
            part = (await asyncio.wait_for(host.read(0x81, 512), SECONDS)).data
            assert part[:2] == b"\x01\x60"
            heard += part[2:]
        assert heard == text


@both
async def test_closing_ends_what_waits_and_the_host_hears_nothing_more(engine: str) -> None:
    model = Keyboard()
    host = Host(device_of(model, engine))
    await host.device.open(host)
    waiting = [host.read(0x81, 8, TransferType.INTERRUPT) for _ in range(5)]
    await host.device.close()
    await host.device.close()
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    assert host.reasons == []
    assert (model.opened, model.attached) == (0, {0: "usbhid"})


@both
async def test_it_can_be_opened_again_and_is_as_new(engine: str) -> None:
    model = Sound()
    device = device_of(model, engine)
    for _ in range(2):
        host = Host(device)
        await device.open(host)
        await device.set_alt_setting(1, 1)
        assert device.get_alt_setting(1) == 1
        await host.control(0x80, 6, 0x0100, 0, length=18)
        await device.close()
        assert device.get_alt_setting(1) == 0
        assert model.alts == {}
        assert model.attached == model.drivers


@both
async def test_an_unplugged_device_says_so_once_and_every_transfer_ends(engine: str) -> None:
    model = Keyboard()
    async with opened(model, engine) as host:
        waiting = [host.read(0x81, 8, TransferType.INTERRUPT) for _ in range(3)]
        model.unplug()
        ended = await asyncio.wait_for(asyncio.gather(*waiting), SECONDS)
        assert {one.status for one in ended} == {TransferStatus.IOERROR}
        await asyncio.wait_for(host.lost.wait(), SECONDS)
        assert host.reasons == ["it was unplugged"]
        assert (await host.control(0x80, 6, 0x0100, 0, length=18)).status is TransferStatus.IOERROR
        with pytest.raises(UsbError, match="unplugged"):
            await host.device.reset()
    assert host.reasons == ["it was unplugged"]


@both
async def test_a_reset_that_fails_means_that_it_is_gone(engine: str) -> None:
    model = Storage(bytearray(512))
    async with opened(model, engine) as host:
        await host.device.reset()
        assert model.resets == 1
        model.unplug()
        with pytest.raises(UsbError, match="unplugged"):
            await host.device.reset()


@both
async def test_configurations_and_alternate_settings_and_what_there_is_none_of(engine: str) -> None:
    model = Sound()
    async with opened(model, engine) as host:
        device = host.device
        assert device.get_configuration() == 1
        assert [one.number for one in device.interfaces()] == [0, 1, 2]
        assert device.endpoints() == []
        await device.set_alt_setting(1, 1)
        (end,) = device.endpoints()
        assert (end.address, end.type, end.interface, end.max_packet_size, end.interval) == (
            1,
            TransferType.ISO,
            1,
            192,
            1,
        )
        for interface, alt in ((1, 2), (7, 0)):
            with pytest.raises(UsbError) as refused:
                await device.set_alt_setting(interface, alt)
            assert refused.value.status == TransferStatus.INVAL
        with pytest.raises(UsbError) as refused:
            device.get_alt_setting(7)
        assert refused.value.status == TransferStatus.INVAL
        with pytest.raises(UsbError) as refused:
            await device.set_configuration(3)
        assert refused.value.status == TransferStatus.INVAL
        await device.set_configuration(2)
        assert (model.configuration, model.claimed) == (2, {0})
        assert (device.get_configuration(), [one.number for one in device.interfaces()]) == (2, [0])
        await device.set_configuration(0)
        assert (list(device.interfaces()), model.claimed) == ([], set())
    assert model.configuration == 1


@both
async def test_what_another_program_has_is_refused_in_words(engine: str) -> None:
    model = Storage(bytearray(512), owner="a virtual machine")
    host = Host(device_of(model, engine))
    with pytest.raises(UsbError, match="another program uses it"):
        await host.device.open(host)
    assert (model.opened, model.claimed) == (0, set())
    assert model.attached == ({0: "usb-storage"})


@both
async def test_a_device_that_is_not_open_takes_no_request(engine: str) -> None:
    host = Host(device_of(Keyboard(), engine))
    with pytest.raises(UsbError, match="not open"):
        await host.device.clear_halt(0x81)


@both
async def test_an_endpoint_that_is_not_there_is_an_error_of_the_transfer(engine: str) -> None:
    async with opened(Keyboard(), engine) as host:
        assert (await asyncio.wait_for(host.read(0x83, 8), SECONDS)).status is TransferStatus.INVAL
        without = Transfer(TransferType.CONTROL, 0x80, length=8)
        if engine == "usb1":
            assert (await host.run(without)).status is TransferStatus.INVAL


async def test_iso_out_is_heard_packet_by_packet_silence_too() -> None:
    model = Sound()
    async with opened(model, "usb1") as host:
        await host.device.set_alt_setting(1, 1)
        parts = [bytes([n]) * length for n, length in enumerate((192, 0, 176, 0))]
        sizes = tuple(len(part) for part in parts)
        ended = await host.run(Transfer(TransferType.ISO, 0x01, data=b"".join(parts), packets=sizes))
        assert ended.packets == [IsoPacket(TransferStatus.SUCCESS)] * 4
        assert model.heard == parts


async def test_iso_in_keeps_the_length_of_each_packet() -> None:
    model = Sound()
    async with opened(model, "usb1") as host:
        await host.device.set_alt_setting(2, 1)
        sizes = (192,) * 8
        transfers = [host.submit(Transfer(TransferType.ISO, 0x82, length=sum(sizes), packets=sizes)) for _ in range(4)]
        packets = [one for each in await asyncio.gather(*transfers) for one in each.packets]
        assert [len(one.data) for one in packets] == [180 if n % 10 else 176 for n in range(32)]
        assert [one.data[0] for one in packets] == list(range(32))


async def test_iso_is_not_to_be_had_by_pyusb() -> None:
    model = Sound()
    async with opened(model, "pyusb") as host:
        assert not host.device.has_iso
        await host.device.set_alt_setting(1, 1)
        ended = await host.run(Transfer(TransferType.ISO, 0x01, data=bytes(192), packets=(192,)))
        assert ended.status is TransferStatus.STALL


async def test_pyusb_puts_a_slow_read_together() -> None:
    model = Storage(bytearray(os.urandom(4096)))
    backend = FakeBackend([model])
    backend.read_limit = 1024  # each slice ends with a part of what was asked for
    device = RealDevice(describe(model), engine=pyusb_maker(backend), has_iso=False, system=NOWHERE)
    host = Host(device)
    await device.open(host)
    try:
        assert await read_blocks(host, 0, 6) == model.medium[: 6 * 512]
    finally:
        await device.close()


async def test_a_library_from_before_options_works_too() -> None:
    model = Storage(bytearray(512))
    module = FakeUsb1([model])
    module.old = True
    device = RealDevice(describe(model), engine=usb1_maker(module), system=NOWHERE)
    host = Host(device)
    await device.open(host)
    await device.close()
    assert all(context.closed for context in module.contexts)


@both
async def test_a_cancelled_open_leaves_nothing_behind(engine: str) -> None:
    model = Storage(bytearray(512))
    host = Host(device_of(model, engine))
    opening = asyncio.ensure_future(host.device.open(host))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await host.device.close()
    assert (model.opened, model.claimed, model.attached) == (0, set(), {0: "usb-storage"})


def test_sizes_of_high_speed_iso_endpoints_count_every_transaction() -> None:
    from spicetui.devices.usb_description import Endpoint
    from spicetui.wire.usb import Speed

    end = Endpoint(0x81, 0x05, 0x1400, 0)  # 1024 bytes, three times a microframe
    assert end.info(1, Speed.HIGH) == (0x81, TransferType.ISO, 1, 3072, 1)
    assert end.info(1, Speed.FULL).max_packet_size == 1024
    bulk = Endpoint(0x02, 0x02, 512, 0).info(0, Speed.HIGH)
    assert (bulk.max_packet_size, bulk.interval) == (512, 0)


async def test_a_disk_with_two_protocols_shows_the_one_that_works(tmp_path: Path) -> None:
    machine, model = FakeSystem(tmp_path), UasDisk(bytearray(os.urandom(4096)))
    machine.plug(model)
    device = RealDevice(describe(model, machine.system), engine=usb1_maker(FakeUsb1([model])), system=machine.system)
    host = Host(device)
    await device.open(host)
    try:
        head = (await host.control(0x80, 6, 0x0200, 0, length=9)).data
        whole = await host.control(0x80, 6, 0x0200, 0, length=int.from_bytes(head[2:4], "little"))
        assert (whole.status, whole.length) == (TransferStatus.SUCCESS, len(whole.data))
        own = model.configuration_descriptor(0)
        assert (whole.data[:2], whole.data[4:]) == (own[:2], own[4:32])
        assert int.from_bytes(head[2:4], "little") == 9 + 9 + 2 * 7
        with pytest.raises(UsbError) as refused:
            await device.set_alt_setting(0, 1)
        assert refused.value.status == TransferStatus.INVAL
        assert (await host.control(0x80, 6, 0x0201, 0, length=9)).status is TransferStatus.STALL
        assert await read_blocks(host, 0, 8) == model.medium
    finally:
        await device.close()


def test_descriptors_that_end_early_are_cut_not_read_on() -> None:
    raw = UasDisk(bytearray(512)).configuration_descriptor(0)
    configuration = describe(Storage(bytearray(512))).configurations[0]
    for size in range(len(raw)):
        out = rewritten(raw[:size], configuration)
        assert len(out) <= size
    assert split_configurations(raw + raw) == [raw, raw]
    assert split_configurations(b"\x09\x02\x00\x00" + bytes(20)) == []
    assert rewritten(b"\x09\x02\x20\x00\x01\x01\x00\x80\x32\x00\x04", configuration)[2:4] == b"\x09\x00"


def test_hubs_are_known() -> None:
    assert describe(Hub()).is_hub
    assert not describe(Keyboard()).is_hub
    assert describe(Sound()).needs_iso
    assert describe(Sound()).kinds == ("audio",)
    assert Setup(0x80, 6) == Setup(0x80, 6, 0, 0)
