"""Filters for USB devices: ``class,vendor,product,version,allow`` rules with ``|`` between them, as in spice-gtk.

-1 is any; numbers are decimal, 0x or octal. The first rule that matches decides; what no rule matches is not allowed.
A device's class is checked (unless its interfaces have the classes) and that of each interface, and all must be
allowed. Interfaces that are HID but neither keyboard nor mouse at boot do not count as long as there are others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UsbError
from ..wire.usb import DeviceInfo, InterfaceInfo

#: What connects by itself when the user has said nothing else: all but keyboards, mice and their like.
AUTO_CONNECT = "0x03,-1,-1,-1,0|-1,-1,-1,-1,1"

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)")
_LIMITS = (0xFF, 0xFFFF, 0xFFFF, 0xFFFF)
_PER_INTERFACE = (0x00, 0xEF)
_NON_BOOT_HID = (0x03, 0, 0)


class Rule(NamedTuple):
    """-1 is any."""

    device_class: int
    vendor_id: int
    product_id: int
    version_bcd: int
    allow: bool

    def matches(self, device_class: int, info: DeviceInfo) -> bool:
        values = (device_class, info.vendor_id, info.product_id, info.bcd_device)
        return all(rule in (-1, value) for rule, value in zip(self[:4], values, strict=True))

    def __str__(self) -> str:
        kind = f"0x{self.device_class:02x}" if self.device_class >= 0 else "-1"
        numbers = [f"0x{number:04x}" if number >= 0 else "-1" for number in self[1:4]]
        return ",".join([kind, *numbers, str(int(self.allow))])


class Verdict(NamedTuple):
    """*rule* has decided; None when no rule matched. *device_class*: the class that it was about."""

    allowed: bool
    rule: Rule | None
    device_class: int

    @property
    def reason(self) -> str:
        """Why it is not allowed, for the user."""
        if self.rule is None:
            return f"no rule allows class 0x{self.device_class:02x}"
        return f"the rule {self.rule} forbids class 0x{self.device_class:02x}"


def parse(text: str, token_separator: str = ",", rule_separator: str = "|") -> list[Rule]:
    """Reads a filter; QEMU's ``filter=`` has ``:`` between tokens. Raises UsbError."""
    return [_rule(part, token_separator) for part in text.split(rule_separator) if part]


def _rule(text: str, separator: str) -> Rule:
    tokens = [token for token in text.split(separator) if token]
    if len(tokens) != 5:
        raise UsbError(
            f"USB filter: {text!r} has {len(tokens)} numbers; class, vendor, product, version, allow are due"
        )
    numbers = [_number(token, text) for token in tokens]
    for number, limit in zip(numbers, _LIMITS, strict=False):
        if not -1 <= number <= limit:
            raise UsbError(f"USB filter: {number} in {text!r} is not between -1 and {limit:#x}")
    return Rule(numbers[0], numbers[1], numbers[2], numbers[3], bool(numbers[4]))


def _number(token: str, text: str) -> int:
    found = _NUMBER.fullmatch(token)
    try:
        if found is None:
            raise ValueError
        sign, digits = found.groups()
        base = 16 if digits[1:2] in ("x", "X") else 8 if digits[0] == "0" else 10
        return int(sign + digits, base)
    except ValueError:
        raise UsbError(f"USB filter: {token!r} in {text!r} is no number") from None


def format(rules: Sequence[Rule], token_separator: str = ",", rule_separator: str = "|") -> str:
    return rule_separator.join(str(rule).replace(",", token_separator) for rule in rules)


def check(
    rules: Sequence[Rule], info: DeviceInfo, interfaces: Sequence[InterfaceInfo], *, default_allow: bool = False
) -> Verdict:
    """Whether the rules allow a device; *default_allow*: what no rule matches is allowed."""
    verdict = Verdict(True, None, info.device_class)
    classes = [info.device_class] if info.device_class not in _PER_INTERFACE else []
    counted = [interface for interface in interfaces if len(interfaces) == 1 or interface[1:] != _NON_BOOT_HID]
    classes += [interface.interface_class for interface in counted or interfaces]
    for device_class in classes:
        rule = next((rule for rule in rules if rule.matches(device_class, info)), None)
        verdict = Verdict(rule.allow if rule is not None else default_allow, rule, device_class)
        if not verdict.allowed:
            break
    return verdict
