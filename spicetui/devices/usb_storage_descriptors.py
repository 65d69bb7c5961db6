"""The descriptors of an emulated drive: one configuration, one interface, two bulk endpoints; USB 2 or USB 3."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..wire.usb import Speed

BULK_IN, BULK_OUT = 0x81, 0x02
STORAGE_CLASS, TRANSPARENT_SCSI, BULK_ONLY = 0x08, 0x06, 0x50
PACKETS = {Speed.HIGH: 512, Speed.SUPER: 1024}
VENDOR_ID, PRODUCT_ID = 0x1D6B, 0x0104  #: Linux's for gadgets of all kinds

DEVICE, CONFIGURATION, STRING, QUALIFIER, OTHER_SPEED, OBJECT_STORE, COMPANION = 1, 2, 3, 6, 7, 15, 48


def descriptor(kind: int, index: int, speed: Speed, strings: Sequence[str]) -> bytes | None:
    """The answer to GET_DESCRIPTOR; None for what there is not. *strings*: manufacturer, product, serial."""
    usb3 = speed is Speed.SUPER
    usb, ep0 = (0x0300, 9) if usb3 else (0x0200, 64)  # the packet of endpoint 0 as bytes, or as a power of 2
    if kind == DEVICE:
        return struct.pack("<BBHBBBBHHHBBBB", 18, DEVICE, usb, 0, 0, 0, ep0, VENDOR_ID, PRODUCT_ID, 0x0100, 1, 2, 3, 1)
    if kind == QUALIFIER and not usb3:
        return struct.pack("<BBHBBBBBx", 10, QUALIFIER, usb, 0, 0, 0, ep0, 1)
    if (kind == CONFIGURATION or (kind == OTHER_SPEED and not usb3)) and not index:
        packet = PACKETS[speed] if kind == CONFIGURATION else 64
        companion = struct.pack("<BBBBH", 6, COMPANION, 15, 0, 0) if usb3 else b""
        parts = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 2, STORAGE_CLASS, TRANSPARENT_SCSI, BULK_ONLY, 0)
        for endpoint in (BULK_IN, BULK_OUT):
            parts += struct.pack("<BBBBHB", 7, 5, endpoint, 2, packet, 0) + companion
        self_powered = 0xC0
        return struct.pack("<BBHBBBBB", 9, kind, 9 + len(parts), 1, 1, 0, self_powered, 0) + parts
    if kind == OBJECT_STORE and usb3:
        usb2_extension = struct.pack("<BBBI", 7, 16, 2, 2)
        super_speed = struct.pack("<BBBBHBBH", 10, 16, 3, 0, 0x000E, 1, 10, 32)
        return struct.pack("<BBHB", 5, OBJECT_STORE, 22, 2) + usb2_extension + super_speed
    if kind == STRING and index == 0:
        return struct.pack("<BBH", 4, STRING, 0x0409)  # English (United States)
    if kind == STRING and index <= 3:
        text = strings[index - 1].encode("utf-16-le")
        return bytes((2 + len(text), STRING)) + text
    return None
