"""TLS: which certificate is accepted, and streams inside it."""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from ..errors import SpiceError, TlsError
from ..interfaces import ChannelKey
from .certificate import check_hostname, check_public_key, check_subject, parse_subject
from .stream import CLOSE_SECONDS, SocketStream, readable_reason
from .tcp import TIMEOUT_SECONDS, authority, connect_error, open_socket, timeout_error

Verify = Literal["hostname", "subject", "pubkey", "none"]
VERIFY_MODES: tuple[Verify, ...] = ("hostname", "subject", "pubkey", "none")

#: Where SPICE clients look for a CA when none is named.
TRUST_STORE = "~/.spicec/spice_truststore.pem"


@dataclass(frozen=True)
class TlsPolicy:
    """Which server is trusted. *verify* None: by subject when one is given, else by host name."""

    ca_file: str | None = None
    ca_data: str | bytes | None = None  #: PEM text or DER bytes
    host_subject: str | None = None
    verify: Verify | None = None
    pubkey: bytes | None = None  #: SubjectPublicKeyInfo as PEM or DER
    ciphers: str | None = None  #: OpenSSL's notation, for TLS up to 1.2

    @property
    def mode(self) -> Verify:
        if self.verify is not None:
            return self.verify
        return "subject" if self.host_subject is not None else "pubkey" if self.pubkey is not None else "hostname"

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What OpenSSL itself checks: the chain up to a trusted CA. Raises TlsError."""
        if self.mode == "subject" and self.host_subject is None:
            raise TlsError("verification by subject needs the subject; give it with --host-subject")
        if self.mode == "pubkey" and self.pubkey is None:
            raise TlsError("verification by public key needs the key; give it with --tls-pubkey")
        if self.host_subject is not None:
            parse_subject(self.host_subject)  # a mistake in it shows before anything connects
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Names are compared after the handshake, in check(): SPICE's rules and clearer words.
        context.check_hostname = False
        if self.ciphers is not None:
            try:
                context.set_ciphers(self.ciphers)
            except ssl.SSLError as error:
                raise TlsError(f"no cipher matches {self.ciphers!r}; see openssl ciphers -v") from error
        if self.mode in ("none", "pubkey"):
            context.verify_mode = ssl.CERT_NONE
        else:
            self._load_authorities(context)
        return context

    def _load_authorities(self, context: ssl.SSLContext) -> None:
        store = Path(os.path.expanduser(TRUST_STORE))  # noqa: PTH111 - Path.expanduser() raises without a home
        if self.ca_file is None and self.ca_data is None:
            context.load_default_certs()
        for path in (self.ca_file, store if self.ca_file is None and self.ca_data is None else None):
            if path is None or (path is store and not store.is_file()):
                continue
            try:
                context.load_verify_locations(cafile=path)
            except ssl.SSLError as error:
                raise TlsError(f"{path} holds no CA certificate in PEM form; give another with --ca-file") from error
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise TlsError(f"cannot read the CA file {path}: {reason}; give another with --ca-file") from error
        if self.ca_data is not None:
            try:
                context.load_verify_locations(cadata=self.ca_data)
            except (ssl.SSLError, ValueError) as error:
                raise TlsError("the given CA certificate cannot be read; it must be PEM text or DER bytes") from error

    def check(self, stream: SocketStream, host: str) -> None:
        """What OpenSSL has not checked. Raises TlsError."""
        session = stream.ssl_object
        if session is None:
            raise TlsError("the connection is not encrypted")
        if self.mode == "pubkey" and self.pubkey is not None:
            check_public_key(session.getpeercert(binary_form=True) or b"", self.pubkey)
        elif self.mode == "subject" and self.host_subject is not None:
            check_subject(session.getpeercert() or {}, parse_subject(self.host_subject))
        elif self.mode == "hostname":
            check_hostname(session.getpeercert() or {}, host)


class TlsConnector:
    """Every channel over its own TLS connection to *host*:*port*.

    With an *ssl_context* of one's own, that context alone says whom to trust, unless *verify* is given too.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        ca_data: str | bytes | None = None,
        host_subject: str | None = None,
        verify: Verify | None = None,
        pubkey: bytes | None = None,
        ciphers: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        if verify is None and ssl_context is not None and host_subject is None and pubkey is None:
            verify = "none"
        self.host = host
        self.port = port
        self.ssl_context = ssl_context
        self.policy = TlsPolicy(
            os.fspath(ca_file) if ca_file is not None else None, ca_data, host_subject, verify, pubkey, ciphers
        )
        self.timeout = timeout

    async def spice_connect(self, channel: ChannelKey, compress: bool) -> SocketStream:
        return await open_tls(self.host, self.port, self.policy, self.timeout, self.ssl_context)

    def __repr__(self) -> str:
        return f"TlsConnector({authority(self.host, self.port)})"


async def open_tls(
    host: str, port: int, policy: TlsPolicy, timeout: float, context: ssl.SSLContext | None = None
) -> SocketStream:
    """A verified TLS stream to *host*:*port*. Raises ConnectError or TlsError."""
    own_context = context
    context = context or policy.context
    where = authority(host, port)
    loop = asyncio.get_running_loop()
    started = loop.time()
    sock = await open_socket(host, port, timeout)
    try:
        async with asyncio.timeout_at(started + timeout):
            _, stream = await loop.create_connection(
                SocketStream,
                sock=sock,
                ssl=context,
                # SNI and, in a context of the caller's own, the name to check; IP addresses send no SNI.
                server_hostname=host if own_context is not None or _is_sni_name(host) else "",
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=CLOSE_SECONDS,
            )
    except TimeoutError as error:
        raise timeout_error(f"{where} over TLS", timeout) from error
    except ssl.SSLError as error:
        raise handshake_error(where, error) from error
    except ssl.CertificateError as error:
        raise TlsError(f"TLS to {where} failed: {error}") from error
    except ConnectionError as error:
        raise TlsError(
            f"TLS to {where} failed: the server closed the connection; check that this port speaks TLS"
        ) from error
    except OSError as error:
        raise connect_error(where, error) from error
    try:
        policy.check(stream, host)
    except SpiceError:
        await stream.aclose()
        raise
    return stream


def _is_sni_name(host: str) -> bool:
    """Whether *host* can be sent as a server name: a DNS name, so no address and no odd characters."""
    try:
        ascii_host = host.rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return bool(ascii_host) and all(c.isalnum() or c in "-._" for c in ascii_host)


_UNTRUSTED = frozenset({2, 18, 19, 20, 21, 24})  # X509_V_ERR_*: no chain to a trusted CA
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE"})


def handshake_error(where: str, error: ssl.SSLError) -> TlsError:
    """The TlsError for a failed handshake: what, why, what to do."""
    what = f"TLS to {where} failed"
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNTRUSTED:
            return TlsError(
                f"{what}: no trusted CA signed the server's certificate ({error.verify_message});"
                " give the right CA with --ca-file"
            )
        if error.verify_code in (9, 10):
            state = "is not valid yet" if error.verify_code == 9 else "has expired"
            return TlsError(f"{what}: the server's certificate {state}; renew it, or check this computer's clock")
        return TlsError(f"{what}: {error.verify_message}; check the server's certificate and the CA")
    if error.reason in _NOT_TLS:
        return TlsError(f"{what}: the server does not speak TLS on this port; use its TLS port, or connect without TLS")
    if isinstance(error, ssl.SSLEOFError):
        return TlsError(f"{what}: the server closed the connection; check that this port speaks TLS")
    return TlsError(f"{what}: {readable_reason(error)}; check the server's TLS settings and the ciphers")
