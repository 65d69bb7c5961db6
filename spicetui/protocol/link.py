"""The link handshake of one channel, both roles, free of I/O.

Client and server say header and capabilities, choose an authentication, and the ticket (the password, encrypted with
the server's one-time RSA key) is accepted or not.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import AuthError, FeatureMissing, LinkError
from ..wire import link as wire
from ..wire.enums import AuthMechanism, CommonCap, LinkErr
from ..wire.link import LinkMessage, LinkReply

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: The longest password in UTF-8 bytes: RSA-OAEP with SHA-1 in 128 bytes leaves 86, one of them the closing zero.
MAX_PASSWORD = 85

_REASONS = {
    LinkErr.ERROR: "the server reports an error",
    LinkErr.INVALID_MAGIC: "the server did not recognise the protocol",
    LinkErr.INVALID_DATA: "the server found our link message invalid",
    LinkErr.VERSION_MISMATCH: "the server speaks another protocol version",
    LinkErr.NEED_SECURED: "the server wants TLS for this channel; give its TLS port (spice://HOST?tls-port=N)",
    LinkErr.NEED_UNSECURED: "the server wants this channel without TLS",
    LinkErr.BAD_CONNECTION_ID: "the server does not know this session (any more)",
    LinkErr.CHANNEL_NOT_AVAILABLE: "the server does not offer this channel, or another client holds it",
}

Steps = Generator[int, bytes, "Linked"]


@dataclass(slots=True)
class Linked:
    """The outcome: what the peer can do, and what both chose."""

    common_caps: frozenset[int]
    channel_caps: frozenset[int]
    mini_header: bool


class Handshake:
    """One side; its steps are a generator that yields how many bytes it wants next."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._to_send = bytearray()
        self.result: Linked | None = None
        self._running = self._steps()
        self._need = next(self._running)

    def _steps(self) -> Steps:
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Raises LinkError, AuthError or WireError when the handshake fails; *result* is set when it is done."""
        self._received += data
        while self.result is None and len(self._received) >= self._need:
            part = bytes(self._received[: self._need])
            del self._received[: self._need]
            try:
                self._need = self._running.send(part)
            except StopIteration as done:
                self.result = done.value

    def data_to_send(self) -> bytes:
        data = bytes(self._to_send)
        self._to_send.clear()
        return data

    @property
    def rest(self) -> bytes:
        """What has come but is not used: behind the handshake, the channel's first bytes."""
        return bytes(self._received)

    def _read_link(self, peer: str) -> Generator[int, bytes, bytes]:
        magic = yield 4  # on its own: a foreign server's greeting may be short
        if magic != wire.MAGIC:
            raise LinkError(f"the {peer} does not speak SPICE (it began with {magic!r})")
        header = magic + (yield wire.HEADER.size - 4)
        _, major, _minor, size = wire.HEADER.unpack(header)
        if major != wire.VERSION[0]:
            raise LinkError(
                f"the {peer} speaks SPICE protocol {major}, not {wire.VERSION[0]}", LinkErr.VERSION_MISMATCH
            )
        if size > wire.MAX_SIZE:
            raise LinkError(f"the {peer}'s link message claims {size} bytes")
        return (yield size)


class ClientLink(Handshake):
    """The client's side for one channel. *password*: the ticket, empty for none."""

    def __init__(self, message: LinkMessage, password: str = "") -> None:
        self.message = message
        self.password = password
        super().__init__()

    def _steps(self) -> Steps:
        self._to_send += self.message.pack()
        reply = LinkReply.unpack((yield from self._read_link("server")))
        if reply.error != LinkErr.OK:
            raise link_error(reply.error)
        if CommonCap.AUTH_SELECTION in reply.common_caps:
            if CommonCap.AUTH_SPICE not in reply.common_caps:
                raise FeatureMissing("the server takes no password ticket, only SASL, which is not supported yet")
            self._to_send += wire.U32.pack(AuthMechanism.SPICE)
        self._to_send += encrypt_ticket(self.password, reply.pub_key)
        (result,) = wire.U32.unpack((yield 4))
        if result == LinkErr.PERMISSION_DENIED:
            if self.password:
                raise AuthError("the server refused the password (it is wrong, or its time is over)")
            raise AuthError("the server wants a password")
        if result != LinkErr.OK:
            raise link_error(result)
        return Linked(reply.common_caps, reply.channel_caps, _mini(self.message.common_caps, reply.common_caps))


class ServerLink(Handshake):
    """The server's side. *channel_caps* gives the capabilities of the channel asked for, or why it is refused."""

    message: LinkMessage

    def __init__(
        self,
        key: RSAPrivateKey,
        common_caps: frozenset[int],
        channel_caps: Callable[[LinkMessage], frozenset[int] | LinkErr],
        password: str = "",
    ) -> None:
        self.key = key
        self.common_caps = common_caps
        self.channel_caps = channel_caps
        self.password = password
        super().__init__()

    def _steps(self) -> Steps:
        self.message = message = LinkMessage.unpack((yield from self._read_link("client")))
        caps = self.channel_caps(message)
        if isinstance(caps, LinkErr):
            self._to_send += LinkReply(caps, public_der(self.key), self.common_caps, frozenset()).pack()
            raise link_error(caps)
        self._to_send += LinkReply(LinkErr.OK, public_der(self.key), self.common_caps, caps).pack()
        if CommonCap.AUTH_SELECTION in message.common_caps & self.common_caps:
            (mechanism,) = wire.U32.unpack((yield 4))
            if mechanism != AuthMechanism.SPICE:
                self._to_send += wire.U32.pack(LinkErr.INVALID_DATA)
                raise LinkError(f"authentication mechanism {mechanism} is not offered")
        ticket = decrypt_ticket((yield wire.TICKET_SIZE), self.key)
        if not hmac.compare_digest(ticket, self.password.encode()):
            self._to_send += wire.U32.pack(LinkErr.PERMISSION_DENIED)
            raise AuthError("the client's password is wrong")
        self._to_send += wire.U32.pack(LinkErr.OK)
        return Linked(message.common_caps, message.channel_caps, _mini(message.common_caps, self.common_caps))


def _mini(client: frozenset[int], server: frozenset[int]) -> bool:
    return CommonCap.MINI_HEADER in client and CommonCap.MINI_HEADER in server


def link_error(code: int) -> LinkError | AuthError:
    """The error that a link error number stands for."""
    if code == LinkErr.PERMISSION_DENIED:
        return AuthError("the server denies permission")
    try:
        reason = _REASONS[LinkErr(code)]
    except (ValueError, KeyError):
        reason = f"the server reports link error {code}"
    return LinkError(reason, code)


def encrypt_ticket(password: str, pub_key: bytes) -> bytes:
    """The password with its closing zero, by RSA-OAEP with SHA-1 under the server's key (DER)."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    ticket = password.encode()
    if len(ticket) > MAX_PASSWORD:
        raise AuthError(f"the password has {len(ticket)} bytes, SPICE takes at most {MAX_PASSWORD}")
    try:
        key = load_der_public_key(pub_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LinkError("the server's public key is not readable") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != wire.TICKET_SIZE * 8:
        raise LinkError("the server's public key is not RSA with 1024 bits")
    return key.encrypt(ticket + b"\0", padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))


def decrypt_ticket(ticket: bytes, key: RSAPrivateKey) -> bytes:
    """The password in a ticket; something that no password equals when it does not decrypt."""
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA1

    try:
        return key.decrypt(ticket, padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)).split(b"\0", 1)[0]
    except ValueError:
        return b"\0"


def new_key() -> RSAPrivateKey:
    """A key for tickets; the protocol fixes 1024 bits, one key per server start is what spice-server does too."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, wire.TICKET_SIZE * 8)


def public_der(key: RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
