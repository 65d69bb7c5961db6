"""Certificates for TLS servers, made with openssl: a CA, a server signed by it, and an unrelated CA."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import needs

SUBJECT = "C=CH,L=Bern,O=spicetui tests,CN=test server"
"""The server's distinguished name as SPICE's host-subject writes it."""


@dataclass(frozen=True)
class Certificates:
    """`directory` holds the file names that QEMU's x509-dir asks for."""

    directory: Path
    ca: Path
    server: Path
    key: Path
    other_ca: Path
    subject: str


def make(directory: Path, names: tuple[str, ...] = ("DNS:localhost", "IP:127.0.0.1")) -> Certificates:
    """A server certificate with SUBJECT and the alternative names; RSA 2048, valid for two days."""
    openssl = needs.program("openssl")
    directory.mkdir(parents=True, exist_ok=True)

    def run(*arguments: str) -> None:
        done = subprocess.run([openssl, *arguments], cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    for name, common in (("ca", "spicetui test CA"), ("other-ca", "another CA")):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/O=spicetui tests/CN={common}",
            "-keyout", f"{name}-key.pem", "-out", f"{name}-cert.pem",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/" + SUBJECT.replace(",", "/"),
        "-keyout", "server-key.pem", "-out", "server.csr")  # fmt: skip
    (directory / "server.ext").write_text(
        f"basicConstraints=CA:FALSE\nsubjectAltName={','.join(names)}\n"
        "keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    run("x509", "-req", "-days", "2", "-in", "server.csr", "-extfile", "server.ext", "-CA", "ca-cert.pem",
        "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", "server-cert.pem")  # fmt: skip
    return Certificates(
        directory=directory,
        ca=directory / "ca-cert.pem",
        server=directory / "server-cert.pem",
        key=directory / "server-key.pem",
        other_ca=directory / "other-ca-cert.pem",
        subject=SUBJECT,
    )
