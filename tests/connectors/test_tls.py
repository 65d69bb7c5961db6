"""TLS against servers with certificates made here: whom it trusts, and what it says when not."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from spicetui.connectors.ports import PortsConnector
from spicetui.connectors.tls import TlsConnector, TlsPolicy, open_tls
from spicetui.errors import ConnectError, TlsError
from spicetui.interfaces import ChannelKey, SecurableConnector
from spicetui.wire.enums import ChannelType

from .certs import Authority, ServerCertificate
from .servers import serving

MAIN = ChannelKey(ChannelType.MAIN)
INPUTS = ChannelKey(ChannelType.INPUTS)
SUBJECT = (("C", "FR"), ("O", "Example, Inc."), ("CN", "vm.example.com"))
SUBJECT_TEXT = r"C=FR,O=Example\, Inc.,CN=vm.example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "Another CA")


@pytest.fixture(scope="module")
def loopback(authority: Authority) -> ServerCertificate:
    return authority.server(*SUBJECT, names=("127.0.0.1", "localhost"))


@pytest.fixture(autouse=True)
def no_trust_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of its own, so that the user's trust store plays no part."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def exchange(connector: TlsConnector | PortsConnector, channel: ChannelKey = MAIN) -> None:
    stream = await connector.spice_connect(channel, True)
    stream.write(b"secret")
    got = b""
    while len(got) < 6:
        got += await stream.read(100)
    assert got == b"secret"
    await stream.aclose()


async def test_by_host_name_and_address(authority: Authority, loopback: ServerCertificate) -> None:
    async with serving(context=loopback.context) as port:
        await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file))
        await exchange(TlsConnector("localhost", port, ca_data=authority.pem))
        await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file, ciphers="ECDHE+AESGCM"))


async def test_much_data_both_ways(authority: Authority, loopback: ServerCertificate) -> None:
    async with serving(context=loopback.context) as port:
        stream = await TlsConnector("127.0.0.1", port, ca_file=authority.file).spice_connect(MAIN, True)
        sent = bytes(range(256)) * 8192

        async def write() -> None:
            for start in range(0, len(sent), 50_000):
                stream.write(memoryview(sent)[start : start + 50_000])
                await stream.drain()

        writer = asyncio.ensure_future(write())
        got = bytearray()
        while len(got) < len(sent):
            got += await stream.read(1 << 20)
        await writer
        assert bytes(got) == sent
        assert stream.round_trip() is not None
        await stream.aclose()


async def test_the_server_name_is_sent_for_names_only(authority: Authority, loopback: ServerCertificate) -> None:
    names: list[str | None] = []
    context = loopback.context
    context.sni_callback = lambda _object, name, _context: names.append(name)
    async with serving(context=context) as port:
        await exchange(TlsConnector("localhost", port, ca_file=authority.file))
        await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file))
    assert names == ["localhost", None]


async def test_another_name_is_refused(authority: Authority) -> None:
    certificate = authority.server(*SUBJECT)
    async with serving(context=certificate.context) as port:
        with pytest.raises(TlsError, match=r"certificate is for vm.example.com, not for 127.0.0.1; connect by"):
            await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file))


async def test_by_subject_whatever_the_host_name(authority: Authority) -> None:
    certificate = authority.server(*SUBJECT)
    async with serving(context=certificate.context) as port:
        await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file, host_subject=SUBJECT_TEXT))
        with pytest.raises(TlsError, match=r"belongs to 'C=FR,O=Example\\\\, Inc.,CN=vm.example.com', not to 'CN=x'"):
            await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file, host_subject="CN=x"))


async def test_by_public_key_without_any_authority(
    authority: Authority, stranger: Authority, loopback: ServerCertificate
) -> None:
    other = stranger.server(*SUBJECT)
    async with serving(context=loopback.context) as port:
        await exchange(TlsConnector("127.0.0.1", port, pubkey=loopback.pubkey_der))
        await exchange(TlsConnector("127.0.0.1", port, verify="pubkey", pubkey=loopback.pubkey_pem))
        with pytest.raises(TlsError, match="public key is not the given one"):
            await exchange(TlsConnector("127.0.0.1", port, pubkey=other.pubkey_der))
        with pytest.raises(TlsError, match="public key cannot be read"):
            await exchange(TlsConnector("127.0.0.1", port, pubkey=b"rubbish"))


async def test_an_unknown_authority_is_refused_unless_told(stranger: Authority, loopback: ServerCertificate) -> None:
    async with serving(context=loopback.context) as port:
        for connector in (
            TlsConnector("127.0.0.1", port),
            TlsConnector("127.0.0.1", port, ca_file=stranger.file),
            TlsConnector("127.0.0.1", port, ca_file=stranger.file, host_subject=SUBJECT_TEXT),
        ):
            with pytest.raises(TlsError, match=r"no trusted CA signed .* give the right CA with --ca-file"):
                await exchange(connector)
        await exchange(TlsConnector("127.0.0.1", port, verify="none"))


async def test_the_spice_trust_store_is_used(
    authority: Authority, loopback: ServerCertificate, no_trust_store: Path
) -> None:
    folder = no_trust_store / ".spicec"
    folder.mkdir()
    (folder / "spice_truststore.pem").write_text(authority.pem)
    async with serving(context=loopback.context) as port:
        await exchange(TlsConnector("127.0.0.1", port))


async def test_dates_are_looked_at(authority: Authority) -> None:
    for days, words in (((-5, -1), "has expired"), ((1, 5), "is not valid yet")):
        certificate = authority.server(*SUBJECT, names=("127.0.0.1",), days=days)
        async with serving(context=certificate.context) as port:
            with pytest.raises(TlsError, match=f"{words}; renew it, or check this computer's clock"):
                await exchange(TlsConnector("127.0.0.1", port, ca_file=authority.file))


async def test_a_context_of_ones_own_decides(authority: Authority, loopback: ServerCertificate) -> None:
    strict = ssl.create_default_context(cafile=str(authority.file))
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    certificate = authority.server(*SUBJECT, names=("elsewhere.example",))
    async with serving(context=loopback.context) as port:
        await exchange(TlsConnector("localhost", port, ssl_context=careless))
    async with serving(context=certificate.context) as port:
        await exchange(TlsConnector("localhost", port, ssl_context=careless))
        with pytest.raises(TlsError, match="Hostname mismatch"):
            await exchange(TlsConnector("localhost", port, ssl_context=strict))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ca_file": "/nonexistent/ca.pem"}, "cannot read the CA file /nonexistent/ca.pem: no such file"),
        ({"ca_data": "not a certificate"}, "CA certificate cannot be read"),
        ({"ciphers": "NO-SUCH-CIPHER"}, "no cipher matches 'NO-SUCH-CIPHER'"),
        ({"verify": "subject"}, "give it with --host-subject"),
        ({"verify": "pubkey"}, "give it with --tls-pubkey"),
        ({"host_subject": "nonsense"}, "'nonsense' cannot be read"),
    ],
)
async def test_bad_settings_are_named_before_anything_connects(settings: dict[str, str], words: str) -> None:
    with pytest.raises(TlsError, match=words):
        await open_tls("127.0.0.1", 1, TlsPolicy(**settings), 1)  # type: ignore[arg-type]


async def test_a_ca_file_without_certificates(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.write_text("nothing here\n")
    with pytest.raises(TlsError, match="holds no CA certificate in PEM form"):
        await open_tls("127.0.0.1", 1, TlsPolicy(ca_file=str(path)), 1)


async def test_servers_that_do_not_speak_tls() -> None:
    async def spice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.write(b"REDQ" + bytes(60))
        await reader.read(1)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(spice) as port:
        with pytest.raises(TlsError, match="does not speak TLS on this port; use its TLS port"):
            await exchange(TlsConnector("127.0.0.1", port, verify="none"))
    async with serving(hang_up) as port:
        with pytest.raises(TlsError, match="closed the connection; check that this port speaks TLS"):
            await exchange(TlsConnector("127.0.0.1", port, verify="none"))
    async with serving(silent) as port:
        with pytest.raises(ConnectError, match=r"over TLS: no answer within 0.05 s"):
            await exchange(TlsConnector("127.0.0.1", port, verify="none", timeout=0.05))


async def test_ports_by_channel(authority: Authority, loopback: ServerCertificate) -> None:
    policy = TlsPolicy(ca_file=str(authority.file))
    async with serving() as plain, serving(context=loopback.context) as tls:

        async def is_secure(connector: PortsConnector, channel: ChannelKey) -> bool:
            stream = await connector.spice_connect(channel, True)
            secure = stream.ssl_object is not None
            assert secure is connector.uses_tls(channel)
            await stream.aclose()
            return secure

        both = PortsConnector("127.0.0.1", plain, tls, tls=policy, secure_channels=["inputs"])
        assert isinstance(both, SecurableConnector)
        assert not await is_secure(both, MAIN)
        assert await is_secure(both, INPUTS)
        assert both.secure(MAIN)
        assert await is_secure(both, MAIN)
        assert not both.secure(MAIN)
        assert not both.secure(INPUTS)

        everything = PortsConnector("127.0.0.1", plain, tls, tls=policy, secure_channels=["all"])
        assert await is_secure(everything, MAIN)
        only_tls = PortsConnector("127.0.0.1", None, tls, tls=policy)
        assert await is_secure(only_tls, MAIN)
        only_plain = PortsConnector("127.0.0.1", plain, None, secure_channels=["inputs"])
        assert not only_plain.secure(MAIN)
        assert not await is_secure(only_plain, MAIN)
        with pytest.raises(TlsError, match="the inputs channel must be secure, but no TLS port"):
            await only_plain.spice_connect(INPUTS, True)
    with pytest.raises(ConnectError, match="no port"):
        PortsConnector("host", None, None)
