"""Certificates and private keys from files, and what a card does with such a key."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from ..errors import SmartcardError

RSA_BITS = (2048, 3072, 4096)
CURVES = ("secp256r1", "secp384r1")

#: What PKCS #1 puts before the digest (RFC 8017, section 9.2, note 1).
DIGEST_INFO: tuple[tuple[bytes, hashes.HashAlgorithm], ...] = (
    (bytes.fromhex("3021300906052b0e03021a05000414"), hashes.SHA1()),
    (bytes.fromhex("302d300d06096086480165030402040500041c"), hashes.SHA224()),
    (bytes.fromhex("3031300d060960864801650304020105000420"), hashes.SHA256()),
    (bytes.fromhex("3041300d060960864801650304020205000430"), hashes.SHA384()),
    (bytes.fromhex("3051300d060960864801650304020305000440"), hashes.SHA512()),
)
DIGESTS: dict[int, hashes.HashAlgorithm] = {hash.digest_size: hash for _, hash in DIGEST_INFO}

T = TypeVar("T")
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
#: Asks for the passphrase of a file; None when there is none to be had.
Passphrase = Callable[[str], str | None]

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


class CardKey:
    """A certificate and its private key, which never leaves this object."""

    def __init__(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        self.certificate = certificate
        self._key = key
        self._numbers = key.private_numbers() if isinstance(key, rsa.RSAPrivateKey) else None

    def __repr__(self) -> str:
        return f"CardKey({self.kind})"

    @property
    def kind(self) -> str:
        """``rsa2048``, ``secp256r1`` …"""
        return _kind(self._key)

    def private(self, data: bytes) -> bytes:
        """RSA: the bare operation on a padded block; EC: a signature of a digest, DER. Raises SmartcardError."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._rsa(self._key, data)
        if len(data) not in DIGESTS:
            raise SmartcardError(f"a digest of {len(data)} bytes")
        return self._key.sign(data, ec.ECDSA(utils.Prehashed(DIGESTS[len(data)])))

    def agree(self, point: bytes) -> bytes:
        """The secret of a Diffie-Hellman exchange with the other side's point. Raises SmartcardError."""
        if not isinstance(self._key, ec.EllipticCurvePrivateKey):
            raise SmartcardError("the key has no curve")
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, point)
        except ValueError as error:
            raise SmartcardError("no point of the key's curve") from error
        return self._key.exchange(ec.ECDH(), other)

    def _rsa(self, key: rsa.RSAPrivateKey, block: bytes) -> bytes:
        if len(block) != key.key_size // 8:
            raise SmartcardError(f"a block of {len(block)} bytes for a key of {key.key_size} bits")
        # Nearly every signature: OpenSSL makes it, whose time tells nothing of the key.
        head, _, info = block.partition(b"\xff\0")
        if block.startswith(b"\0\1\xff") and head.strip(b"\xff") == b"\0\1":
            for prefix, hash in DIGEST_INFO:
                if info.startswith(prefix) and len(info) == len(prefix) + hash.digest_size:
                    return key.sign(info[len(prefix) :], padding.PKCS1v15(), utils.Prehashed(hash))
        return self._blinded(int.from_bytes(block, "big")).to_bytes(len(block), "big")

    def _blinded(self, value: int) -> int:
        """The bare operation, which OpenSSL's bindings lack: for PSS, decryption and other paddings.

        Python's numbers take more or less time by their value: base and exponents are changed by random ones each time.
        """
        numbers = self._numbers
        assert numbers is not None
        n, e = numbers.public_numbers.n, numbers.public_numbers.e
        if value >= n:
            raise SmartcardError("a block that is larger than the modulus")
        while math.gcd(mask := secrets.randbelow(n - 2) + 2, n) != 1:
            pass
        base = value * pow(mask, e, n) % n
        parts = [
            pow(base, numbers.d % (prime - 1) + secrets.randbits(64) * (prime - 1), prime)
            for prime in (numbers.p, numbers.q)
        ]
        result = parts[1] + numbers.q * ((parts[0] - parts[1]) * pow(numbers.q, -1, numbers.p) % numbers.p)
        result = result * pow(mask, -1, n) % n
        if pow(result, e, n) != value:  # a wrong one would tell the key
            raise SmartcardError("the key does not fit its modulus")
        return result


def load_key(words: str, passphrase: Passphrase) -> CardKey:
    """``FILE`` or ``FILE,KEYFILE``: PEM with the certificate and the key, or PKCS #12. Raises SmartcardError."""
    name, _, key_name = words.partition(",")
    data = _read(name)
    if _BLOCK.search(data) is None:
        certificates, key = _pkcs12(name, data, passphrase)
    else:
        certificates = _certificates(name, data)
        key = _private(key_name or name, _read(key_name) if key_name else data, passphrase)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or _kind(key) not in _KINDS:
        raise SmartcardError(f"{key_name or name}: a card has no such key ({_kind(key)}); {', '.join(_KINDS)} work")
    public = _public(key.public_key())
    for certificate in certificates:
        try:
            if _public(certificate.public_key()) == public:
                return CardKey(certificate, key)
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise SmartcardError(f"{name}: holds no certificate for the key")


_KINDS = (*(f"rsa{bits}" for bits in RSA_BITS), *CURVES)


def _kind(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"rsa{key.key_size}"
    return key.curve.name if isinstance(key, ec.EllipticCurvePrivateKey) else type(key).__name__


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read(name: str) -> bytes:
    try:
        return Path(name).expanduser().read_bytes()
    except OSError as error:
        raise SmartcardError(f"{name}: {(error.strerror or str(error)).lower()}") from error


def _certificates(name: str, data: bytes) -> list[x509.Certificate]:
    blocks = [match[0] for match in _BLOCK.finditer(data) if match[1].endswith(b"CERTIFICATE")]
    if not blocks:
        raise SmartcardError(f"{name}: holds no certificate")
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise SmartcardError(f"{name}: a certificate that cannot be read") from error


def _private(name: str, data: bytes, passphrase: Passphrase) -> object:
    block = next((match[0] for match in _BLOCK.finditer(data) if match[1].endswith(b"PRIVATE KEY")), None)
    if block is None:
        raise SmartcardError(f"{name}: holds no private key; a key in another file is told as FILE,KEYFILE")
    return _unlocked(name, passphrase, lambda word: serialization.load_pem_private_key(block, word))


def _pkcs12(name: str, data: bytes, passphrase: Passphrase) -> tuple[list[x509.Certificate], object]:
    def load(word: bytes | None) -> pkcs12.PKCS12KeyAndCertificates:
        return pkcs12.load_pkcs12(data, word)

    bag = _unlocked(name, passphrase, load)
    found = [one.certificate for one in (bag.cert, *bag.additional_certs) if one is not None]
    if bag.key is None or not found:
        raise SmartcardError(f"{name}: holds no private key with its certificate")
    return found, bag.key


def _unlocked(name: str, passphrase: Passphrase, load: Callable[[bytes | None], T]) -> T:
    """What *load* makes of the file; the passphrase is asked for when there is one."""
    try:
        return load(None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        pass  # encrypted (a TypeError for PEM, a ValueError for PKCS #12), or broken
    word = passphrase(name)
    try:
        return load((word or "").encode())
    except (TypeError, ValueError, UnsupportedAlgorithm):
        reason = "needs a passphrase" if word is None else "the passphrase is wrong"
        raise SmartcardError(f"{name}: {reason}, or the file is damaged") from None
