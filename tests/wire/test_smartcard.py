"""VSC messages as libcacard's vscard_common.h lays them out."""

from __future__ import annotations

import pytest

from spicetui.errors import WireError
from spicetui.wire import core
from spicetui.wire.smartcard import MESSAGES, Data, VscError, VscType, error, error_code

GOLDEN = {
    "03000000 ffffffff 07000000 72656164657200": Data(VscType.READER_ADD, 0xFFFFFFFF, b"reader\0"),
    "05000000 00000000 02000000 3b00": Data(VscType.ATR, 0, b"\x3b\0"),
    "06000000 00000000 00000000": Data(VscType.CARD_REMOVE, 0, b""),
    "07000000 01000000 05000000 00c0000000": Data(VscType.APDU, 1, bytes.fromhex("00c0000000")),
    "02000000 00000000 04000000 01000000": error(0, VscError.GENERAL_ERROR),
}


@pytest.mark.parametrize(("octets", "message"), GOLDEN.items())
def test_bytes(octets: str, message: Data) -> None:
    data = bytes.fromhex(octets)
    assert core.write(message) == data
    found = core.read(Data, data)
    assert (found.type, found.reader_id, bytes(found.data)) == (message.type, message.reader_id, message.data)


def test_both_sides_have_one_number() -> None:
    assert MESSAGES.from_server[101] is MESSAGES.from_client[101] is Data


@pytest.mark.parametrize("octets", ["", "07000000 00000000 05000000 00c0", "07000000 00000000 ffffffff"])
def test_truncated(octets: str) -> None:
    with pytest.raises(WireError):
        core.read(Data, bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("octets", "code"),
    [("00000000", 0), ("02000000", 2), ("00000002", 2), ("00000001", 1), ("", 1), ("0000", 1), ("03000000ff", 3)],
)
def test_error_codes_in_both_orders(octets: str, code: int) -> None:
    assert error_code(bytes.fromhex(octets)) == code


def test_no_pin_in_what_is_logged() -> None:
    message = Data(VscType.APDU, 0, bytes.fromhex("00200080 08") + b"123456\xff\xff")
    assert "123456" not in repr(message)
    assert repr(message) == "Data(type=7, reader_id=0, 13 bytes)"
