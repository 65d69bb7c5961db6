"""Every error that this package raises on purpose; all of them are :class:`SpiceError`.

The text of an error is one line for a person: what failed, why, and what can be done.
"""

from __future__ import annotations


class SpiceError(Exception):
    """The root of the tree."""


class CodecError(SpiceError, ValueError):
    """Compressed data that does not decode: truncated, corrupt or beyond the limits."""


class ConnectError(SpiceError):
    """No byte stream to the server could be had (refused, unknown host, timed out, closed early)."""


class LinkError(ConnectError):
    """The server answered the SPICE link with an error, or speaks another protocol."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code  #: the server's ``link_err`` number, None when it sent none


class AuthError(SpiceError):
    """The server refused the password or the authentication method."""


class TlsError(SpiceError):
    """TLS could not be set up or the server's certificate was not accepted."""


class ProtocolError(SpiceError):
    """The peer broke the protocol on a channel."""


class WireError(ProtocolError):
    """A message that cannot be read: truncated, too large, or with a bad offset."""

    def __init__(self, message: str, offset: int, reason: str) -> None:
        super().__init__(f"{message} at byte {offset}: {reason}")
        self.message = message
        self.offset = offset
        self.reason = reason


class AgentError(SpiceError):
    """The guest agent is absent or refused what was asked."""


class ChannelClosed(SpiceError):
    """The channel (or the whole connection) is closed."""


class FeatureMissing(SpiceError):
    """The server, the guest or this installation lacks what was asked for."""


class SmartcardError(SpiceError):
    """A card reader or its card cannot be used, or the server does not take it."""


class UsbError(SpiceError):
    """A USB device cannot be used, or refused a request."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status  #: the TransferStatus that the guest is told, None for an error of input or output
