"""libusb through its two Python packages, each loaded when a real device is first asked for."""

from __future__ import annotations

import ctypes
from typing import Any

from ..errors import FeatureMissing
from ..features import package_version

#: What the user is told to install.
EXTRA = "pip install 'spicetui[usb]'"


def pyusb_backend() -> Any:
    """pyusb's way to libusb, an ``IBackend``. Raises FeatureMissing."""
    try:
        import usb.core  # type: ignore[import-untyped,unused-ignore]  # noqa: F401
    except ImportError as error:
        raise FeatureMissing(f"real USB devices need pyusb, which is not installed ({error}): {EXTRA}") from None
    try:
        import libusb_package  # type: ignore[import-untyped,unused-ignore]

        backend = libusb_package.get_libusb1_backend()
    except (ImportError, OSError):
        from usb.backend import libusb1  # type: ignore[import-untyped,unused-ignore]

        backend = libusb1.get_backend()
    if backend is None:
        raise FeatureMissing(f"real USB devices need the library libusb-1.0, which was not found: {EXTRA}")
    return backend


def has_usb1() -> bool:
    """Whether python-libusb1 is there: asynchronous and isochronous transfers."""
    return package_version("libusb1") is not None


def usb1_module() -> Any:
    """python-libusb1 with its library loaded. Raises FeatureMissing."""
    try:
        import usb1  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise FeatureMissing(f"python-libusb1 is not installed ({error}): {EXTRA}") from None
    try:
        library = _bundled()
        usb1.loadLibrary(library if library is not None and not _loaded(usb1) else None)
    except (OSError, AttributeError) as error:  # none, or one from before what is needed
        raise FeatureMissing(f"the library libusb-1.0 does not load ({error}): {EXTRA}") from None
    return usb1


def _bundled() -> ctypes.CDLL | None:
    """The library that came by pip, so that both packages use the same."""
    try:
        import libusb_package

        path = libusb_package.get_library_path()
    except (ImportError, OSError):
        return None
    return ctypes.CDLL(str(path)) if path is not None else None


def _loaded(usb1: Any) -> bool:
    """Another part of the program may have chosen the library already, and only the first choice counts."""
    return hasattr(usb1._libusb1, "libusb")
