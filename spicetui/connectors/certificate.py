"""Whether a server's certificate is the one that was asked for: by host name, by subject, by public key."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from ..errors import TlsError

PeerCertificate = dict[str, Any]  # what ssl's getpeercert() gives
Subject = tuple[tuple[str, str], ...]  # pairs of OpenSSL's long attribute name and value, in order

_LONG_NAMES = {
    "c": "countryName",
    "st": "stateOrProvinceName",
    "l": "localityName",
    "o": "organizationName",
    "ou": "organizationalUnitName",
    "cn": "commonName",
    "sn": "surname",
    "gn": "givenName",
    "street": "streetAddress",
    "dc": "domainComponent",
    "uid": "userId",
}
_SHORT_NAMES = {long: short.upper() for short, long in _LONG_NAMES.items()}


def parse_subject(text: str) -> Subject:
    r"""Reads ``OU=Node,O=Example\, Inc.,CN=host``: the attributes in the certificate's order. Raises TlsError.

    A comma parts the attributes; ``\,`` and ``\\`` stand for themselves; spaces before a name are skipped.
    """
    pairs: list[tuple[str, str]] = []
    name: str | None = None
    word = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            character = next(characters, "")
            if character not in ("\\", ","):
                raise _bad_subject(text, "a backslash must stand before a comma or a backslash")
            word += character
        elif name is None and character == "=":
            name, word = word, ""
        elif name is None and character == " " and not word:
            continue
        elif character == ",":
            pairs.append(_pair(text, name, word))
            name, word = None, ""
        else:
            word += character
    if name is not None or word:
        pairs.append(_pair(text, name, word))
    if not pairs:
        raise _bad_subject(text, "it is empty")
    return tuple(pairs)


def _pair(text: str, name: str | None, value: str) -> tuple[str, str]:
    if name is None:
        raise _bad_subject(text, f"{value!r} lacks its '='")
    if not name or not value:
        raise _bad_subject(text, "a name or a value is empty")
    return _LONG_NAMES.get(name.lower(), name), value


def _bad_subject(text: str, why: str) -> TlsError:
    return TlsError(f"the host subject {text!r} cannot be read: {why}; write it like O=Example,CN=host")


def check_subject(certificate: PeerCertificate, wanted: Subject) -> None:
    """Raises TlsError unless the certificate's subject has exactly these attributes in this order.

    Letter case and runs of spaces do not count, as in OpenSSL's comparison of names.
    """
    have = tuple(pair for relative in certificate.get("subject", ()) for pair in relative)
    if [_canonical(pair) for pair in have] != [_canonical(pair) for pair in wanted]:
        raise TlsError(
            f"the server's certificate belongs to {format_subject(have)!r}, not to {format_subject(wanted)!r};"
            " check that this is the right server, then give its subject with --host-subject"
        )


def _canonical(pair: tuple[str, str]) -> tuple[str, str]:
    name, value = pair
    return name.lower(), " ".join(value.split()).lower()


def format_subject(subject: Sequence[tuple[str, str]]) -> str:
    """The subject as :func:`parse_subject` reads it."""
    parts = []
    for name, value in subject:
        escaped = value.replace("\\", "\\\\").replace(",", "\\,")
        parts.append(f"{_SHORT_NAMES.get(name, name)}={escaped}")
    return ",".join(parts)


def check_hostname(certificate: PeerCertificate, host: str) -> None:
    """Raises TlsError unless the certificate is for *host*, a DNS name or an IP address (RFC 2818, 6125).

    The common name counts only in a certificate without alternative names.
    """
    names = [(kind, value) for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    address = _address(host)
    if names:
        for kind, value in names:
            if kind == "IP Address" and address is not None and _address(value.strip()) == address:
                return
            if kind == "DNS" and address is None and _dns_match(value, host):
                return
        have = [value for _, value in names]
    else:
        have = [
            value for relative in certificate.get("subject", ()) for name, value in relative if name == "commonName"
        ]
        for value in have:
            if _address(value) == address if address is not None else _dns_match(value, host):
                return
    raise TlsError(
        f"the server's certificate is for {', '.join(have) or 'no name at all'}, not for {host};"
        " connect by that name, or give the certificate's subject with --host-subject"
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _dns_match(pattern: str, host: str) -> bool:
    """A star stands for the whole first label, and only there."""
    pattern_labels = _ascii(pattern).split(".")
    host_labels = _ascii(host).split(".")
    if len(pattern_labels) != len(host_labels):
        return False
    if pattern_labels[0] == "*" and len(pattern_labels) > 2 and host_labels[0]:
        return pattern_labels[1:] == host_labels[1:]
    return pattern_labels == host_labels


def _ascii(name: str) -> str:
    name = name.rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def check_public_key(certificate_der: bytes, wanted: bytes) -> None:
    """Raises TlsError unless the certificate holds this public key (DER or PEM of SubjectPublicKeyInfo)."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
        load_pem_public_key,
    )

    def canonical(key: Any) -> bytes:
        return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    try:
        load = load_pem_public_key if wanted.lstrip().startswith(b"-----BEGIN") else load_der_public_key
        expected = canonical(load(wanted))
    except ValueError as error:
        raise TlsError(f"the given public key cannot be read: {error}; give it as PEM or DER") from error
    try:
        actual = canonical(x509.load_der_x509_certificate(certificate_der).public_key())
    except ValueError as error:
        raise TlsError(f"the server's certificate cannot be read: {error}") from error
    if actual != expected:
        raise TlsError(
            "the server's public key is not the given one; its certificate was changed, or this is another server"
        )
