"""What a USB device's descriptors tell: configurations, their interfaces with alternate settings, endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..interfaces import DeviceInfo, EndpointInfo, InterfaceInfo
from ..wire.usb import DIRECTION_IN, Speed, TransferType

HUB = 0x09
HID = 0x03
BOOT = 1  #: HID's subclass of keyboards and mice that firmware understands
KEYBOARD, MOUSE = 1, 2  #: HID's protocols in that subclass

#: What interfaces are for, by their class.
CLASSES = {
    0x01: "audio",
    0x02: "communication",
    0x03: "input device",
    0x05: "physical",
    0x06: "camera",
    0x07: "printer",
    0x08: "storage",
    0x09: "hub",
    0x0A: "communication",
    0x0B: "smart card reader",
    0x0E: "video",
    0x0F: "health",
    0x10: "audio and video",
    0xDC: "diagnostics",
    0xE0: "wireless",
    0xEF: "miscellaneous",
    0xFE: "application specific",
    0xFF: "vendor specific",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """*max_packet_size* and *interval* as the descriptor has them."""

    address: int
    attributes: int
    max_packet_size: int
    interval: int

    @property
    def type(self) -> TransferType:
        return TransferType(self.attributes & 3)

    def info(self, interface: int, speed: Speed) -> EndpointInfo:
        """With the size in bytes: a high-speed periodic endpoint may have up to three transactions a microframe."""
        size = self.max_packet_size & 0x7FF
        if speed is Speed.HIGH and self.type is TransferType.ISO:
            size *= 1 + (self.max_packet_size >> 11 & 3)
        interval = self.interval
        if self.type in (TransferType.ISO, TransferType.INTERRUPT):
            interval = max(1, interval)  # 0 is a mistake of the device, for which a host may refuse all of it
        return EndpointInfo(self.address, self.type, interface, size, interval)


@dataclass(frozen=True, slots=True)
class AltSetting:
    """An interface in one of its alternate settings."""

    number: int
    alt: int
    interface_class: int
    interface_subclass: int
    interface_protocol: int
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def info(self) -> InterfaceInfo:
        return InterfaceInfo(self.number, self.interface_class, self.interface_subclass, self.interface_protocol)

    @property
    def is_keyboard_or_mouse(self) -> bool:
        return (self.interface_class, self.interface_subclass) == (HID, BOOT) and self.interface_protocol in (
            KEYBOARD,
            MOUSE,
        )


@dataclass(frozen=True, slots=True)
class Configuration:
    value: int
    settings: tuple[AltSetting, ...] = ()  #: every alternate setting of every interface

    @property
    def interfaces(self) -> tuple[int, ...]:
        """The numbers of the interfaces, in order."""
        return tuple(dict.fromkeys(setting.number for setting in self.settings))

    def setting(self, interface: int, alt: int) -> AltSetting | None:
        return next((one for one in self.settings if (one.number, one.alt) == (interface, alt)), None)

    def current(self, alts: dict[int, int]) -> Iterator[AltSetting]:
        """Each interface in the alternate setting that *alts* says, 0 where it says none."""
        for number in self.interfaces:
            setting = self.setting(number, alts.get(number, 0))
            if setting is None:  # a device without a setting 0 breaks USB's rules; the first is the best guess
                setting = next(one for one in self.settings if one.number == number)
            yield setting


@dataclass(frozen=True, slots=True)
class Description:
    """*active* is the configuration's value that the device is in, 0 when it is in none."""

    info: DeviceInfo
    bus: int
    address: int
    ports: tuple[int, ...]
    configurations: tuple[Configuration, ...]
    active: int

    def configuration(self, value: int) -> Configuration | None:
        return next((one for one in self.configurations if one.value == value), None)

    @property
    def settings(self) -> Iterable[AltSetting]:
        """Of the active configuration."""
        configuration = self.configuration(self.active)
        return configuration.settings if configuration is not None else ()

    @property
    def interfaces(self) -> tuple[InterfaceInfo, ...]:
        """Of the active configuration, as a filter sees them."""
        configuration = self.configuration(self.active)
        return tuple(one.info for one in configuration.current({})) if configuration is not None else ()

    @property
    def is_hub(self) -> bool:
        return self.info.device_class == HUB or any(one.interface_class == HUB for one in self.settings)

    @property
    def needs_iso(self) -> bool:
        """Whether some of it (sound, cameras) works by isochronous transfers only."""
        return any(end.type is TransferType.ISO for setting in self.settings for end in setting.endpoints)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it is for, in words."""
        classes = [self.info.device_class] if self.info.device_class not in (0x00, 0xEF) else []
        words = [CLASSES.get(number, "") for number in [*classes, *(one.interface_class for one in self.settings)]]
        return tuple(dict.fromkeys(word for word in words if word))


def endpoint_owner(settings: Iterable[AltSetting], address: int) -> tuple[AltSetting, Endpoint] | None:
    """The interface that an endpoint belongs to, among current settings."""
    for setting in settings:
        for endpoint in setting.endpoints:
            if endpoint.address == address:
                return setting, endpoint
    return None


def is_in(address: int) -> bool:
    return bool(address & DIRECTION_IN)


# --- UAS

#: The protocol of storage interfaces that needs bulk streams at SuperSpeed.
_UAS = (0x08, 0x06, 0x62)
_INTERFACE, _ASSOCIATION = 4, 11


def without_streams(device: Description) -> Description:
    """*device* without its alternate settings that need bulk streams, which nothing here can redirect, as far as its
    interfaces have others: a guest that finds them takes them, and fails."""
    if device.info.speed is not Speed.SUPER:
        return device
    configurations = []
    for one in device.configurations:
        others = {setting.number for setting in one.settings if not _is_uas(setting)}
        kept = tuple(setting for setting in one.settings if not (_is_uas(setting) and setting.number in others))
        configurations.append(replace(one, settings=kept))
    return replace(device, configurations=tuple(configurations))


def _is_uas(setting: AltSetting) -> bool:
    return (setting.interface_class, setting.interface_subclass, setting.interface_protocol) == _UAS


def split_configurations(raw: bytes) -> list[bytes]:
    """The configuration descriptors that lie one behind the other, each with all that belongs to it."""
    found = []
    while len(raw) >= 9 and (size := int.from_bytes(raw[2:4], "little")) >= 9:
        found.append(raw[:size])
        raw = raw[size:]
    return found


def rewritten(raw: bytes, configuration: Configuration) -> bytes:
    """A configuration descriptor with no other alternate settings than *configuration* has."""
    kept = {(setting.number, setting.alt) for setting in configuration.settings}
    out = bytearray()
    at, keep = 0, True
    while at + 2 <= len(raw) and raw[at] >= 2:
        one = raw[at : at + raw[at]]
        if one[1] == _INTERFACE and len(one) >= 4:
            keep = (one[2], one[3]) in kept
        elif one[1] == _ASSOCIATION:
            keep = True
        if keep:
            out += one
        at += raw[at]
    if len(out) >= 4:
        out[2:4] = len(out).to_bytes(2, "little")
    return bytes(out)
