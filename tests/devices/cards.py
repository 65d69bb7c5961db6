"""Keys and certificates for cards, as files and as what the card has."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from spicetui.devices.smartcard_keys import CardKey, PrivateKey

PIN = "271828"
WRONG_PIN = "314159"
SINCE = datetime.datetime(2024, 1, 1)
UNTIL = datetime.datetime(2049, 12, 31)


@dataclass(frozen=True)
class Identity:
    """A private key and a certificate for it, signed by itself."""

    name: str
    key: PrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def card_key(self) -> CardKey:
        return CardKey(self.certificate, self.key)

    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, passphrase: str | None = None) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _encryption(passphrase)
        )

    def write_pem(self, folder: Path, passphrase: str | None = None) -> Path:
        """One file with both."""
        path = folder / f"{self.name}.pem"
        path.write_bytes(self.certificate_pem() + self.key_pem(passphrase))
        return path

    def write_p12(self, folder: Path, passphrase: str | None = None) -> Path:
        path = folder / f"{self.name}.p12"
        bag = pkcs12.serialize_key_and_certificates(
            self.name.encode(), self.key, self.certificate, None, _encryption(passphrase)
        )
        path.write_bytes(bag)
        return path


def _encryption(passphrase: str | None) -> serialization.KeySerializationEncryption:
    if passphrase is None:
        return serialization.NoEncryption()
    return serialization.BestAvailableEncryption(passphrase.encode())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: str = "secp256r1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key({"secp256r1": ec.SECP256R1, "secp384r1": ec.SECP384R1}[curve]())


def identity(name: str, key: PrivateKey, filling: int = 0) -> Identity:
    """*filling*: bytes that make the certificate larger."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
    )
    if filling:
        text = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"x" * filling)
        builder = builder.add_extension(text, critical=False)
    return Identity(name, key, builder.sign(key, hashes.SHA256()))
