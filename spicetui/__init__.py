"""A SPICE client for the terminal, and under it a SPICE library for asyncio.

The layers, each using only those below it::

    cli                 the commands
    tui      demo       the Textual app; the embedded demo desktop
    client              the façade: connect, Client
    session             channels, what they share, life and death
    channels connectors asyncio around the machines; byte streams
    agent               the guest agent: clipboard, files, monitors
    devices             the local ends: sound
    interfaces          what users implement: Connector, ByteStream, Driver, AudioSink, AudioSource
    protocol codecs canvas term   machines, decoders, drawing, terminal graphics; no I/O
    wire     keymap     what the bytes mean; keys
    errors   geometry
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import codecs as codecs
    from .agent.files import TransferError as TransferError
    from .agent.files import TransferState as TransferState
    from .agent.queue import FileQueue as FileQueue
    from .agent.queue import QueuedFile as QueuedFile
    from .canvas.cursor import Cursor as Cursor
    from .canvas.surface import Surface as Surface
    from .channels.usb_manager import Usb as Usb
    from .channels.usbredir import Attachment as Attachment
    from .channels.usbredir import UsbState as UsbState
    from .client import Client as Client
    from .client import connect as connect
    from .connectors.tcp import TcpConnector as TcpConnector
    from .connectors.tls import TlsConnector as TlsConnector
    from .connectors.unix import UnixConnector as UnixConnector
    from .connectors.websocket import WebSocketConnector as WebSocketConnector
    from .devices.folder import SharedFolder as SharedFolder
    from .devices.folder_activity import FolderAction as FolderAction
    from .devices.folder_activity import FolderEvent as FolderEvent
    from .devices.medium import ImageFile as ImageFile
    from .devices.smartcard_pcsc import PcscReader as PcscReader
    from .devices.smartcard_piv import PivCard as PivCard
    from .devices.smartcard_software import SoftwareReader as SoftwareReader
    from .devices.usb_autoconnect import AutoConnect as AutoConnect
    from .devices.usb_device import RealDevice as RealDevice
    from .devices.usb_storage import MassStorage as MassStorage
    from .errors import AgentError as AgentError
    from .errors import AuthError as AuthError
    from .errors import ChannelClosed as ChannelClosed
    from .errors import CodecError as CodecError
    from .errors import ConnectError as ConnectError
    from .errors import FeatureMissing as FeatureMissing
    from .errors import LinkError as LinkError
    from .errors import ProtocolError as ProtocolError
    from .errors import SmartcardError as SmartcardError
    from .errors import SpiceError as SpiceError
    from .errors import TlsError as TlsError
    from .errors import UsbError as UsbError
    from .geometry import Point as Point
    from .geometry import Rect as Rect
    from .geometry import Size as Size
    from .interfaces import AudioSink as AudioSink
    from .interfaces import AudioSource as AudioSource
    from .interfaces import BaseDriver as BaseDriver
    from .interfaces import ByteStream as ByteStream
    from .interfaces import ChannelKey as ChannelKey
    from .interfaces import ClipboardFormat as ClipboardFormat
    from .interfaces import ClipboardSelection as ClipboardSelection
    from .interfaces import Connector as Connector
    from .interfaces import DeviceInfo as DeviceInfo
    from .interfaces import Driver as Driver
    from .interfaces import EndpointInfo as EndpointInfo
    from .interfaces import Head as Head
    from .interfaces import InterfaceInfo as InterfaceInfo
    from .interfaces import IsoPacket as IsoPacket
    from .interfaces import Monitor as Monitor
    from .interfaces import SmartcardHost as SmartcardHost
    from .interfaces import SmartcardReader as SmartcardReader
    from .interfaces import SmartcardState as SmartcardState
    from .interfaces import Transfer as Transfer
    from .interfaces import TransferProgress as TransferProgress
    from .interfaces import TransferStatus as TransferStatus
    from .interfaces import UsbDevice as UsbDevice
    from .interfaces import UsbHost as UsbHost
    from .keymap.keys import Button as Button
    from .keymap.keys import Key as Key
    from .session import Options as Options
    from .wire.enums import AgentCap as AgentCap
    from .wire.enums import AudioFormat as AudioFormat
    from .wire.enums import ChannelType as ChannelType

#: Where each public name lives; loaded when first used, so that ``import spicetui`` costs little.
_NAMES = {
    "connect": "client",
    "Client": "client",
    "Usb": "channels.usb_manager",
    "Attachment": "channels.usbredir",
    "UsbState": "channels.usbredir",
    "Options": "session",
    "SharedFolder": "devices.folder",
    "FolderAction": "devices.folder_activity",
    "FolderEvent": "devices.folder_activity",
    "AutoConnect": "devices.usb_autoconnect",
    "RealDevice": "devices.usb_device",
    "MassStorage": "devices.usb_storage",
    "ImageFile": "devices.medium",
    "TcpConnector": "connectors.tcp",
    "TlsConnector": "connectors.tls",
    "UnixConnector": "connectors.unix",
    "WebSocketConnector": "connectors.websocket",
    "PcscReader": "devices.smartcard_pcsc",
    "PivCard": "devices.smartcard_piv",
    "SoftwareReader": "devices.smartcard_software",
    "AudioSink": "interfaces",
    "AudioSource": "interfaces",
    "BaseDriver": "interfaces",
    "ByteStream": "interfaces",
    "ChannelKey": "interfaces",
    "ClipboardFormat": "interfaces",
    "ClipboardSelection": "interfaces",
    "Connector": "interfaces",
    "Driver": "interfaces",
    "Head": "interfaces",
    "Monitor": "interfaces",
    "SmartcardHost": "interfaces",
    "SmartcardReader": "interfaces",
    "SmartcardState": "interfaces",
    "TransferProgress": "interfaces",
    **dict.fromkeys(("DeviceInfo", "EndpointInfo", "InterfaceInfo", "IsoPacket", "Transfer"), "interfaces"),
    **dict.fromkeys(("TransferStatus", "UsbDevice", "UsbHost"), "interfaces"),
    **dict.fromkeys(("FileQueue", "QueuedFile"), "agent.queue"),
    **dict.fromkeys(("TransferError", "TransferState"), "agent.files"),
    "AgentCap": "wire.enums",
    "AudioFormat": "wire.enums",
    "ChannelType": "wire.enums",
    "Key": "keymap.keys",
    "Button": "keymap.keys",
    "Surface": "canvas.surface",
    "Cursor": "canvas.cursor",
    "Point": "geometry",
    "Rect": "geometry",
    "Size": "geometry",
    **dict.fromkeys(
        (
            "AgentError",
            "AuthError",
            "ChannelClosed",
            "CodecError",
            "ConnectError",
            "FeatureMissing",
            "LinkError",
            "ProtocolError",
            "SmartcardError",
            "SpiceError",
            "TlsError",
            "UsbError",
        ),
        "errors",
    ),
}

__all__ = ["__version__", "codecs", *_NAMES]


def __getattr__(name: str) -> Any:
    if name == "codecs":
        return importlib.import_module(".codecs", __name__)
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
