"""Real USB devices of this machine: which there are, what they are, and whether they can be had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..diagnostics import logger, printable
from ..errors import UsbError
from ..interfaces import DeviceInfo, InterfaceInfo
from ..wire.usb import Speed
from .usb_access import permission_advice
from .usb_description import AltSetting, Configuration, Description, Endpoint
from .usb_library import has_usb1, pyusb_backend
from .usb_system import Objection, System

log = logger("devices.usb")

#: libusb's numbers of speeds; what is faster than SUPER is told to the guest as SUPER.
SPEEDS = {1: Speed.LOW, 2: Speed.FULL, 3: Speed.HIGH, 4: Speed.SUPER, 5: Speed.SUPER, 6: Speed.SUPER}

#: The most that is shown of a string that a device tells.
MAX_STRING = 126

_NUMBERS = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")
_LOCATION = re.compile(r"(\d{1,3})[-.](\d{1,3})")


@dataclass(frozen=True, slots=True)
class Listed:
    """A device as a list shows it. *drivers*: the kernel's, by interface."""

    description: Description
    permission: bool
    objections: tuple[Objection, ...] = ()
    drivers: tuple[str, ...] = ()
    iso_works: bool = True

    @property
    def info(self) -> DeviceInfo:
        return self.description.info

    @property
    def location(self) -> str:
        return self.info.location

    def interfaces(self) -> tuple[InterfaceInfo, ...]:
        """For filters."""
        return self.description.interfaces

    @property
    def state(self) -> str:
        """One of ``free``, ``needs confirmation``, ``needs permission``."""
        if not self.permission:
            return "needs permission"
        return "needs confirmation" if self.objections else "free"

    @property
    def remarks(self) -> tuple[str, ...]:
        """One line each: why it is not just free, and what can be done."""
        lines = [objection.reason for objection in self.objections]
        if not self.permission:
            lines.append(permission_advice(self.description))
        if self.description.needs_iso and not self.iso_works:
            lines.append("its sound or pictures need the package libusb1: pip install 'spicetui[usb]'")
        return tuple(lines)

    def row(self) -> dict[str, object]:
        """For machines."""
        return {
            "id": self.info.numbers,
            "location": self.location,
            "manufacturer": self.info.manufacturer,
            "product": self.info.product,
            "serial": self.info.serial,
            "speed": self.info.speed.name.lower(),
            "kinds": list(self.description.kinds),
            "drivers": list(self.drivers),
            "state": self.state,
            "remarks": list(self.remarks),
        }


def list_devices(backend: Any = None, system: System | None = None) -> list[Listed]:
    """Every device but hubs, by bus and address. Opens none on Linux. Raises FeatureMissing and UsbError."""
    system = system or System()
    found = [_listed(one, system) for one in describe_all(backend, system) if not one.is_hub]
    return sorted(found, key=lambda one: (one.description.bus, one.description.address))


def _listed(description: Description, system: System) -> Listed:
    drivers = system.drivers(description.bus, description.address)
    return Listed(
        description,
        system.may_open(description.bus, description.address),
        system.objections(description),
        tuple(dict.fromkeys(drivers.values())),
        has_usb1(),
    )


def find_device(name: str, backend: Any = None, system: System | None = None) -> Listed:
    """The device that the user calls *name*: ``VID:PID``, ``BUS-ADDRESS``, or a part of its names that only it has.

    Raises UsbError in words for the user.
    """
    devices = list_devices(backend, system)
    if numbers := _NUMBERS.fullmatch(name):
        wanted = f"{numbers[1]}:{numbers[2]}".lower()
        found = [one for one in devices if one.info.numbers == wanted]
    elif place := _LOCATION.fullmatch(name):
        found = [
            one for one in devices if (one.description.bus, one.description.address) == (int(place[1]), int(place[2]))
        ]
    else:
        found = [one for one in devices if name and name.lower() in f"{one.info.title} {one.info.serial}".lower()]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(one.location for one in found)
        raise UsbError(f"{len(found)} USB devices are called {printable(name)!r}: say which by its place, {places}")
    raise UsbError(f"there is no USB device {printable(name)!r} here; spicetui usb list shows those that there are")


def describe_all(backend: Any = None, system: System | None = None) -> Iterator[Description]:
    """Every device, hubs too. What cannot be read of a device is left out of its description."""
    import usb.core  # type: ignore[import-untyped,unused-ignore]

    system = system or System()
    backend = backend if backend is not None else pyusb_backend()
    try:
        devices = list(usb.core.find(find_all=True, backend=backend))
    except usb.core.USBError as error:
        raise UsbError(f"the USB devices cannot be listed: {error}") from None
    for device in devices:
        try:
            yield describe(device, system)
        except (usb.core.USBError, IndexError) as error:
            log.info("device %s-%s cannot be read: %s", device.bus, device.address, error)


def describe(device: Any, system: System) -> Description:
    """Of pyusb's *device*."""
    import usb.core

    bus, address = int(device.bus or 0), int(device.address or 0)
    numbers = (device.iManufacturer, device.iProduct, device.iSerialNumber)
    strings = system.strings(bus, address) or tuple(_string(device, number) for number in numbers)
    manufacturer, product, serial = (printable(text, MAX_STRING).strip() for text in strings)
    configurations = []
    try:
        for configuration in device:
            configurations.append(_configuration(configuration))
    except (usb.core.USBError, IndexError) as error:
        log.info("the configurations of device %d-%d cannot be read: %s", bus, address, error)
    info = DeviceInfo(
        vendor_id=device.idVendor,
        product_id=device.idProduct,
        bcd_device=device.bcdDevice,
        device_class=device.bDeviceClass,
        device_subclass=device.bDeviceSubClass,
        device_protocol=device.bDeviceProtocol,
        speed=SPEEDS.get(device.speed, Speed.UNKNOWN),
        manufacturer=manufacturer,
        product=product,
        serial=serial,
        location=f"{bus}-{address}",
    )
    active = system.configuration(bus, address)
    if active is None:
        active = _active(device, configurations)
    return Description(info, bus, address, tuple(device.port_numbers or ()), tuple(configurations), active)


def _configuration(configuration: Any) -> Configuration:
    settings = tuple(
        AltSetting(
            setting.bInterfaceNumber,
            setting.bAlternateSetting,
            setting.bInterfaceClass,
            setting.bInterfaceSubClass,
            setting.bInterfaceProtocol,
            tuple(
                Endpoint(end.bEndpointAddress, end.bmAttributes, end.wMaxPacketSize, end.bInterval) for end in setting
            ),
        )
        for setting in configuration
    )
    return Configuration(configuration.bConfigurationValue, settings)


def _string(device: Any, index: int) -> str:
    """Asks the device itself, where the system does not tell; empty when it may not be opened."""
    import usb.core
    import usb.util  # type: ignore[import-untyped,unused-ignore]

    if not index:
        return ""
    try:
        return usb.util.get_string(device, index) or ""
    except (usb.core.USBError, ValueError, UnicodeDecodeError, NotImplementedError):
        return ""
    finally:
        usb.util.dispose_resources(device)


def _active(device: Any, configurations: list[Configuration]) -> int:
    import usb.core
    import usb.util

    try:
        return int(device.get_active_configuration().bConfigurationValue)
    except (usb.core.USBError, NotImplementedError):
        return configurations[0].value if configurations else 0  # nearly every device has one only
    finally:
        usb.util.dispose_resources(device)
