"""Filters: a table by hand, and thousands of random cases against the reference's own parser and checker."""

from __future__ import annotations

import ctypes
import errno
import random

import pytest
from live import needs

from spicetui.errors import UsbError
from spicetui.protocol import usbfilter
from spicetui.protocol.usbfilter import Rule
from spicetui.wire.usb import DeviceInfo, InterfaceInfo

STICK = DeviceInfo(0x0951, 0x1666, 0x0100)
STORAGE = (InterfaceInfo(0, 8, 6, 0x50),)
KEYBOARD = (InterfaceInfo(0, 3, 1, 1), InterfaceInfo(1, 3, 0, 0))
HEADSET = (InterfaceInfo(0, 1, 1, 0), InterfaceInfo(1, 1, 2, 0), InterfaceInfo(2, 3, 0, 0))
CONTROLLER = (InterfaceInfo(0, 3, 0, 0), InterfaceInfo(1, 3, 0, 0))

CASES = [
    # filter, device, interfaces, allowed
    ("", STICK, STORAGE, False),
    ("-1,-1,-1,-1,1", STICK, STORAGE, True),
    ("8,-1,-1,-1,0|-1,-1,-1,-1,1", STICK, STORAGE, False),
    ("0x08,0x0951,-1,-1,1", STICK, STORAGE, True),
    ("010,04521,013146,0400,1", STICK, STORAGE, True),
    ("8,0x0951,0x1666,0x0101,1", STICK, STORAGE, False),
    (usbfilter.AUTO_CONNECT, STICK, STORAGE, True),
    (usbfilter.AUTO_CONNECT, STICK, KEYBOARD, False),
    (usbfilter.AUTO_CONNECT, STICK, HEADSET, True),  # its buttons are HID, but it has more than those
    (usbfilter.AUTO_CONNECT, STICK, CONTROLLER, False),  # but not when it has nothing else
    (usbfilter.AUTO_CONNECT, STICK, CONTROLLER[:1], False),
    ("9,-1,-1,-1,0|-1,-1,-1,-1,1", DeviceInfo(1, 2, device_class=9), STORAGE, False),
    ("0xef,-1,-1,-1,0|-1,-1,-1,-1,1", DeviceInfo(1, 2, device_class=0xEF), STORAGE, True),
    ("8,-1,-1,-1,1", DeviceInfo(1, 2, device_class=9), STORAGE, False),
    ("-1,-1,-1,-1,1", DeviceInfo(1, 2), (), True),
    ("", DeviceInfo(1, 2), (), True),  # nothing to be checked
]


@pytest.mark.parametrize(("text", "info", "interfaces", "allowed"), CASES)
def test_the_first_rule_that_matches_decides(
    text: str, info: DeviceInfo, interfaces: tuple[InterfaceInfo, ...], allowed: bool
) -> None:
    assert usbfilter.check(usbfilter.parse(text), info, interfaces).allowed is allowed


def test_a_refusal_names_the_rule() -> None:
    verdict = usbfilter.check(usbfilter.parse("8,-1,-1,-1,0|-1,-1,-1,-1,1"), STICK, STORAGE)
    assert verdict.reason == "the rule 0x08,-1,-1,-1,0 forbids class 0x08"
    assert usbfilter.check([], STICK, STORAGE).reason == "no rule allows class 0x08"
    assert usbfilter.check([], STICK, STORAGE, default_allow=True).allowed


def test_formats_what_it_parses() -> None:
    rules = usbfilter.parse("3,-1,0x10,-1,0|-1,-1,-1,0100,7")
    assert rules == [Rule(3, -1, 16, -1, False), Rule(-1, -1, -1, 64, True)]
    assert usbfilter.format(rules) == "0x03,-1,0x0010,-1,0|-1,-1,-1,0x0040,1"
    assert usbfilter.parse(usbfilter.format(rules)) == rules
    assert usbfilter.parse(usbfilter.format(rules, ":", "|"), ":") == rules


@pytest.mark.parametrize(
    "text", ["1,2,3,4", "1,2,3,4,5,6", "256,1,1,1,1", "-2,1,1,1,1", "1,65536,1,1,1", "x,1,1,1,1", "08,1,1,1,1", " "]
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UsbError, match="USB filter"):
        usbfilter.parse(text)


# --- the reference


class _Rule(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("device_class", "vendor_id", "product_id", "version", "allow")]


_DEFAULT_ALLOW = 1


def _reference() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libusbredirparser.so.1")
    except OSError:
        needs.missing("libusbredirparser", "libusbredirparser1")
        raise


def _numbers(rng: random.Random, limit: int) -> str:
    value = rng.choice((-1, -1, 0, 1, 3, 8, limit, rng.randrange(limit + 1), rng.choice((limit + 1, -2))))
    if value < 0:
        return rng.choice((str(value), f" {value}", f"-0x{-value:x}"))
    return rng.choice((str(value), f"0x{value:x}", f"0X{value:04X}", f"0{value:o}", f"+{value}", f"\t{value}"))


def _text(rng: random.Random) -> str:
    rules = []
    for _ in range(rng.randrange(5)):
        tokens = [_numbers(rng, limit) for limit in (0xFF, 0xFFFF, 0xFFFF, 0xFFFF)] + [rng.choice("01")]
        if rng.random() < 0.05:
            tokens[rng.randrange(5)] = rng.choice(("", " ", "x", "0x", "08", "1 ", "--1", "1_0", "٣"))
        if rng.random() < 0.03:
            tokens.append("1") if rng.random() < 0.5 else tokens.pop()
        rules.append(",".join(tokens))
    return "|".join(rules)


def test_agrees_with_the_reference_on_random_filters_and_devices() -> None:
    library = _reference()
    rng = random.Random(8)
    parsed = refused = allowed = 0
    for _ in range(6000):
        text = _text(rng)
        found, count = ctypes.POINTER(_Rule)(), ctypes.c_int()
        failed = library.usbredirfilter_string_to_rules(
            text.encode(), b",", b"|", ctypes.byref(found), ctypes.byref(count)
        )
        if failed:
            refused += 1
            with pytest.raises(UsbError):
                usbfilter.parse(text)
            continue
        rules = usbfilter.parse(text)
        theirs = [
            Rule(r.device_class, r.vendor_id, r.product_id, r.version, bool(r.allow)) for r in found[: count.value]
        ]
        assert rules == theirs, text
        parsed += 1
        for _ in range(4):
            info, interfaces = _device(rng, rules)
            flags = rng.choice((0, _DEFAULT_ALLOW))
            columns = [bytes(interface[at] for interface in interfaces) for at in (1, 2, 3)]
            result = library.usbredirfilter_check(
                found,
                count,
                *(info.device_class, info.device_subclass, info.device_protocol),
                *columns,
                len(interfaces),
                *(info.vendor_id, info.product_id, info.bcd_device, flags),
            )
            verdict = usbfilter.check(rules, info, interfaces, default_allow=bool(flags))
            expected = 0 if verdict.allowed else -errno.ENOENT if verdict.rule is None else -errno.EPERM
            assert result == expected, (text, info, interfaces, flags)
            allowed += verdict.allowed
        ctypes.CDLL(None).free(found)
    assert parsed > 2000
    assert refused > 500
    assert allowed > 2000


def _device(rng: random.Random, rules: list[Rule]) -> tuple[DeviceInfo, tuple[InterfaceInfo, ...]]:
    """Like one that a rule is about, mostly."""
    rule = rng.choice(rules) if rules else Rule(-1, -1, -1, -1, True)
    ids = [value if value >= 0 and rng.random() < 0.9 else rng.choice((0, 1, 3, 8)) for value in rule[1:4]]
    classes = (0, 3, 8, 0xEF, 0xFF, max(rule.device_class, 0))
    interfaces = tuple(
        InterfaceInfo(n, rng.choice(classes), rng.choice((0, 0, 1)), rng.choice((0, 0, 1)))
        for n in range(rng.randrange(4))
    )
    return DeviceInfo(ids[0], ids[1], ids[2], device_class=rng.choice(classes)), interfaces
