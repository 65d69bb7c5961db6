"""The handshake: both roles against each other, and each failure with its own error."""

from __future__ import annotations

from functools import cache
from struct import pack
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from spicetui.errors import AuthError, FeatureMissing, LinkError, WireError
from spicetui.protocol import link
from spicetui.protocol.link import ClientLink, ServerLink
from spicetui.wire.enums import CommonCap, LinkErr
from spicetui.wire.link import LinkMessage, LinkReply

AUTH = frozenset((CommonCap.AUTH_SELECTION, CommonCap.AUTH_SPICE))
ALL = AUTH | {CommonCap.MINI_HEADER}


@cache
def key() -> RSAPrivateKey:
    return link.new_key()


def message(caps: frozenset[int] = ALL, channel_caps: frozenset[int] = frozenset((1, 5))) -> LinkMessage:
    return LinkMessage(0, 2, 0, caps, channel_caps)


def server(password: str = "", caps: frozenset[int] = ALL, answer: Any = frozenset((7, 33))) -> ServerLink:
    return ServerLink(key(), caps, lambda _: answer, password)


def shake(one: link.Handshake, other: link.Handshake, chunk: int = 1 << 20) -> None:
    """Carries bytes until both are done. Raises what either raises, the client's first."""
    failed: Exception | None = None
    while one.result is None or other.result is None:
        moved = False
        for sender, receiver in ((one, other), (other, one)):
            data = sender.data_to_send()
            for at in range(0, len(data), chunk):
                moved = True
                try:
                    receiver.receive(data[at : at + chunk])
                except Exception as error:
                    if isinstance(receiver, ClientLink):
                        raise
                    failed = error
        if not moved:
            assert failed is not None, "both sides wait"
            raise failed


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize("password", ["", "secret", "pässwörd", "x" * 60])
def test_both_roles_agree(password: str, chunk: int) -> None:
    client, host = ClientLink(message(), password), server(password)
    shake(client, host, chunk)
    assert client.result is not None
    assert host.result is not None
    assert client.result.channel_caps == {7, 33}
    assert host.result.channel_caps == {1, 5}
    assert client.result.mini_header
    assert host.result.mini_header
    assert client.rest == b""


@pytest.mark.parametrize(("ours", "theirs"), [(AUTH, ALL), (ALL, AUTH), (AUTH, AUTH)])
def test_full_headers_unless_both_can_do_mini(ours: frozenset[int], theirs: frozenset[int]) -> None:
    client, host = ClientLink(message(ours)), server(caps=theirs)
    shake(client, host)
    assert client.result is not None
    assert host.result is not None
    assert not client.result.mini_header
    assert not host.result.mini_header


def test_without_auth_selection_the_ticket_follows_at_once() -> None:
    client, host = ClientLink(message(), "secret"), server("secret", caps=frozenset((CommonCap.MINI_HEADER,)))
    shake(client, host)
    assert client.result is not None


def test_the_first_messages_behind_the_link_are_kept() -> None:
    client, host = ClientLink(message()), server()
    host.receive(client.data_to_send())
    client.receive(host.data_to_send())
    host.receive(client.data_to_send())
    client.receive(host.data_to_send() + b"first message")
    assert client.result is not None
    assert client.rest == b"first message"


# --- refusals


@pytest.mark.parametrize(("given", "text"), [("wrong", "refused the password"), ("", "wants a password")])
def test_wrong_password(given: str, text: str) -> None:
    with pytest.raises(AuthError, match=text):
        shake(ClientLink(message(), given), server("secret"))


def test_the_server_notices_a_wrong_password() -> None:
    client, host = ClientLink(message(), "wrong"), server("secret")
    host.receive(client.data_to_send())
    client.receive(host.data_to_send())
    with pytest.raises(AuthError):
        host.receive(client.data_to_send())
    assert host.result is None
    assert host.data_to_send() == pack("<I", LinkErr.PERMISSION_DENIED)


def test_a_ticket_that_does_not_decrypt_is_a_wrong_password() -> None:
    client, host = ClientLink(message(), ""), server("")
    host.receive(client.data_to_send())
    client.receive(host.data_to_send())
    with pytest.raises(AuthError):
        host.receive(pack("<I", 1) + bytes(128))


@pytest.mark.parametrize("error", [e for e in LinkErr if e is not LinkErr.OK])
def test_link_errors_keep_their_number(error: LinkErr) -> None:
    expected = AuthError if error is LinkErr.PERMISSION_DENIED else LinkError
    with pytest.raises(expected) as caught:
        shake(ClientLink(message()), server(answer=error))
    if isinstance(caught.value, LinkError):
        assert caught.value.code == error


def test_link_errors_of_the_future() -> None:
    with pytest.raises(LinkError, match="99") as caught:
        ClientLink(message()).receive(LinkReply(99, bytes(162), ALL, frozenset()).pack())
    assert caught.value.code == 99


def test_an_error_instead_of_the_ticket_s_result() -> None:
    client, host = ClientLink(message()), server()
    host.receive(client.data_to_send())
    client.receive(host.data_to_send())
    with pytest.raises(LinkError) as caught:
        client.receive(pack("<I", LinkErr.BAD_CONNECTION_ID))
    assert caught.value.code == LinkErr.BAD_CONNECTION_ID


def test_a_password_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(AuthError, match="at most"):
        shake(ClientLink(message(), "x" * 86), server())


def test_the_longest_password() -> None:
    client, host = ClientLink(message(), "x" * 85), server("x" * 85)
    shake(client, host)
    assert host.result is not None


def test_a_server_with_sasl_alone() -> None:
    caps = frozenset((CommonCap.AUTH_SELECTION, CommonCap.AUTH_SASL))
    with pytest.raises(FeatureMissing, match="SASL"):
        shake(ClientLink(message()), server(caps=caps))


def test_an_unknown_mechanism() -> None:
    client, host = ClientLink(message()), server()
    host.receive(client.data_to_send())
    with pytest.raises(LinkError, match="mechanism 9"):
        host.receive(pack("<I", 9))


# --- other protocols


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"RFB 003.008\n"])
def test_another_protocol(greeting: bytes) -> None:
    with pytest.raises(LinkError, match="does not speak SPICE") as caught:
        ClientLink(message()).receive(greeting)
    assert repr(greeting[:4]) in str(caught.value)


def test_another_version() -> None:
    with pytest.raises(LinkError, match="protocol 3") as caught:
        ClientLink(message()).receive(b"REDQ" + pack("<III", 3, 0, 0))
    assert caught.value.code == LinkErr.VERSION_MISMATCH


def test_a_newer_minor_version_is_taken() -> None:
    client = ClientLink(message())
    client.receive(b"REDQ" + pack("<III", 2, 9, 186))
    assert client.result is None


@pytest.mark.parametrize("size", [4097, 0xFFFFFFFF])
def test_a_huge_link_reply_is_refused_at_once(size: int) -> None:
    with pytest.raises(LinkError, match=str(size)):
        ClientLink(message()).receive(b"REDQ" + pack("<III", 2, 2, size))


@pytest.mark.parametrize("size", [0, 4, 100, 177])
def test_a_short_link_reply(size: int) -> None:
    with pytest.raises(WireError):
        ClientLink(message()).receive(b"REDQ" + pack("<III", 2, 2, size) + bytes(size))


def test_capabilities_beyond_the_reply() -> None:
    body = pack("<I162sIII", 0, bytes(162), 1 << 30, 0, 178)
    with pytest.raises(WireError):
        ClientLink(message()).receive(b"REDQ" + pack("<III", 2, 2, len(body)) + body)


def test_a_key_that_is_none() -> None:
    with pytest.raises(LinkError, match="key"):
        ClientLink(message()).receive(LinkReply(0, bytes(162), ALL, frozenset()).pack())


def test_a_key_of_another_size() -> None:
    other = rsa.generate_private_key(65537, 512 * 2 + 8)
    der = link.public_der(other)
    if len(der) != 162:
        der = (der + bytes(162))[:162]
    with pytest.raises(LinkError, match="key"):
        ClientLink(message()).receive(LinkReply(0, der, ALL, frozenset()).pack())


def test_a_truncated_handshake_waits() -> None:
    """Bytes that are missing are no error of the machine: whoever reads the stream sees that it ended."""
    reply = LinkReply(0, link.public_der(key()), ALL, frozenset()).pack()
    for size in range(0, len(reply), 13):
        client = ClientLink(message())
        client.receive(reply[:size])
        assert client.result is None
