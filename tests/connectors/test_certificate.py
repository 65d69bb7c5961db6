"""Subjects and host names of certificates, by the rules of SPICE clients and RFC 2818."""

from __future__ import annotations

from typing import Any

import pytest

from spicetui.connectors.certificate import check_hostname, check_subject, format_subject, parse_subject
from spicetui.errors import TlsError

PROXMOX = "OU=PVE Cluster Node,O=Proxmox Virtual Environment,CN=pve.example.com"


def cert(subject: list[tuple[str, str]] | None = None, *names: tuple[str, str]) -> dict[str, Any]:
    """A certificate as getpeercert() gives it."""
    found: dict[str, Any] = {"subject": tuple((pair,) for pair in subject or ())}
    if names:
        found["subjectAltName"] = names
    return found


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("CN=host", [("commonName", "host")]),
        (
            PROXMOX,
            [
                ("organizationalUnitName", "PVE Cluster Node"),
                ("organizationName", "Proxmox Virtual Environment"),
                ("commonName", "pve.example.com"),
            ],
        ),
        (
            "C=IL, L=Raanana,  O=Red Hat",
            [("countryName", "IL"), ("localityName", "Raanana"), ("organizationName", "Red Hat")],
        ),
        (r"O=Example\, Inc.,CN=a\\b", [("organizationName", "Example, Inc."), ("commonName", r"a\b")]),
        ("CN=a=b", [("commonName", "a=b")]),
        ("CN=host,", [("commonName", "host")]),
        ("DC=org,DC=example,CN=x", [("domainComponent", "org"), ("domainComponent", "example"), ("commonName", "x")]),
        ("emailAddress=a@b,serialNumber=7", [("emailAddress", "a@b"), ("serialNumber", "7")]),
        ("cn=host", [("commonName", "host")]),
    ],
)
def test_reading_a_subject(text: str, pairs: list[tuple[str, str]]) -> None:
    assert list(parse_subject(text)) == pairs


@pytest.mark.parametrize("text", ["", "CN", "CN=", "=x", "CN=a,,O=b", "CN=a,O", r"CN=a\b", "CN=a\\", "  "])
def test_broken_subjects_are_refused(text: str) -> None:
    with pytest.raises(TlsError, match="cannot be read"):
        parse_subject(text)


@pytest.mark.parametrize("text", [PROXMOX, r"O=Example\, Inc.,CN=a\\b", "CN=a=b"])
def test_a_subject_reads_back(text: str) -> None:
    assert format_subject(parse_subject(text)) == text


def test_the_subject_must_match_in_order_and_completely() -> None:
    certificate = cert([("organizationName", "Example"), ("commonName", "host")])
    check_subject(certificate, parse_subject("O=Example,CN=host"))
    check_subject(certificate, parse_subject("O=EXAMPLE , CN=  Host "))  # case and spaces do not count
    for wrong in (
        "CN=host,O=Example",
        "CN=host",
        "O=Example",
        "O=Example,CN=host,L=x",
        "O=Example,CN=other",
        "O=Exam ple,CN=host",
    ):
        with pytest.raises(TlsError, match="belongs to 'O=Example,CN=host', not to"):
            check_subject(certificate, parse_subject(wrong))
    with pytest.raises(TlsError):
        check_subject({}, parse_subject("CN=host"))


@pytest.mark.parametrize(
    ("certificate", "host"),
    [
        (cert([("commonName", "vm.example.com")]), "vm.example.com"),
        (cert([("commonName", "VM.example.com")]), "vm.EXAMPLE.com."),
        (cert([("commonName", "*.example.com")]), "vm.example.com"),
        (cert([("commonName", "192.0.2.7")]), "192.0.2.7"),
        (cert([("commonName", "x"), ("commonName", "vm")]), "vm"),
        (cert([("commonName", "x")], ("DNS", "a.example"), ("DNS", "vm.example")), "vm.example"),
        (cert(None, ("IP Address", "192.0.2.7")), "192.0.2.7"),
        (cert(None, ("IP Address", "2001:DB8:0:0:0:0:0:1")), "2001:db8::1"),
        (cert(None, ("DNS", "xn--bcher-kva.example")), "bücher.example"),
        (cert([("commonName", "vm")], ("email", "a@b")), "vm"),
    ],
)
def test_host_names_that_match(certificate: dict[str, Any], host: str) -> None:
    check_hostname(certificate, host)


@pytest.mark.parametrize(
    ("certificate", "host"),
    [
        (cert([("commonName", "vm")], ("DNS", "other")), "vm"),  # alternative names replace the common name
        (cert([("commonName", "vm")], ("IP Address", "192.0.2.7")), "vm"),
        (cert([("commonName", "*.example.com")]), "a.b.example.com"),
        (cert([("commonName", "*.example.com")]), "example.com"),
        (cert([("commonName", "*.com")]), "example.com"),
        (cert([("commonName", "*")]), "host"),
        (cert([("commonName", "v*.example.com")]), "vm.example.com"),
        (cert([("commonName", "vm.*.com")]), "vm.example.com"),
        (cert(None, ("DNS", "*.0.2.7")), "192.0.2.7"),
        (cert(None, ("DNS", "192.0.2.7")), "192.0.2.7"),
        (cert(None, ("IP Address", "192.0.2.8")), "192.0.2.7"),
        (cert([("commonName", "*.example.com")]), ".example.com"),
        (cert([("organizationName", "vm")]), "vm"),
        (cert([("commonName", "vm\0.evil")]), "vm"),
        ({}, "vm"),
    ],
)
def test_host_names_that_do_not(certificate: dict[str, Any], host: str) -> None:
    with pytest.raises(TlsError, match=r"the server's certificate is for .*, not for "):
        check_hostname(certificate, host)
