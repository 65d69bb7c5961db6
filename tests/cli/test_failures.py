"""Every way to fail has its own exit status and one line that says what, why and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from connectors.certs import Authority
from peer.fake_server import INPUTS

from spicetui.cli import type_text
from spicetui.interfaces import ByteStream
from spicetui.wire.enums import LinkErr

from .conftest import Run
from .server import Server

SUBJECT = (("O", "Example"), ("CN", "vm.example.com"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_text, "EVENT_SECONDS", 0)


def test_refused_port(run: Run) -> None:
    result = run("info", "127.0.0.1:1")
    assert result.status == 3
    assert result.error == (
        "cannot connect to 127.0.0.1:1: connection refused; check that the server runs and listens there"
    )


def test_missing_socket(run: Run, tmp_path: Path) -> None:
    result = run("info", str(tmp_path / "none"))
    assert result.status == 3
    assert f"cannot connect to {tmp_path / 'none'}: no such socket; check the path" in result.error


@pytest.mark.parametrize(
    ("given", "words"),
    [(None, "wants a password; give it with --password-file"), ("wrong", "refused the password")],
)
def test_password(run: Run, tmp_path: Path, given: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if given is not None:
        monkeypatch.setenv("SPICETUI_PASSWORD", given)
    with Server(tmp_path, password="right") as server:
        result = run("key", server.target, "a")
    assert result.status == 4
    assert words in result.error
    assert str(server.target) in result.error


def test_another_protocol(run: Run, tmp_path: Path) -> None:
    async def web(stream: ByteStream) -> None:
        await stream.read(16)
        stream.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.drain()

    with Server(tmp_path, raw=web) as server:
        result = run("info", server.target)
    assert result.status == 3
    assert "does not speak SPICE" in result.error
    assert server.target in result.error


def test_a_server_that_hangs_up_during_the_link(run: Run, tmp_path: Path) -> None:
    async def hang_up(stream: ByteStream) -> None:
        await stream.read(16)

    with Server(tmp_path, raw=hang_up) as server:
        result = run("info", server.target)
    assert result.status == 3
    assert "closed the connection during the link" in result.error


def test_a_server_that_stops_in_the_middle_of_the_link(run: Run, tmp_path: Path) -> None:
    async def half(stream: ByteStream) -> None:
        await stream.read(16)
        stream.write(b"REDQ\2\0\0\0\2\0\0\0\xca\0\0\0" + bytes(50))
        await stream.drain()

    with Server(tmp_path, raw=half) as server:
        result = run("info", server.target)
    assert result.status == 3


def test_a_silent_server_is_left_at_the_timeout(run: Run, tmp_path: Path) -> None:
    async def silent(stream: ByteStream) -> None:
        await asyncio.Event().wait()

    with Server(tmp_path, raw=silent) as server:
        result = run("info", server.target, "--timeout", "0.2")
    assert result.status == 3
    assert "within 0.2" in result.error
    assert server.target in result.error


def test_tls(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    stranger = Authority(tmp_path, "Another CA")
    certificate = authority.server(*SUBJECT, names=("127.0.0.1",))
    elsewhere = authority.server(*SUBJECT)
    key = tmp_path / "key.pem"
    key.write_bytes(elsewhere.pubkey_pem)
    with Server(tmp_path, tls=certificate.context) as server:

        def status(*words: str) -> tuple[int, str]:
            result = run("key", server.target, "a", *words)
            return (result.status, result.error if result.status else result.err)

        assert status("--ca-file", str(authority.file)) == (0, "")
        assert status("--ca-file", str(authority.file), "--host-subject", "O=Example,CN=vm.example.com") == (0, "")
        assert status("--tls-verify", "none") == (0, "")
        for words, expected in (
            ((), "no trusted CA signed"),
            (("--ca-file", str(stranger.file)), "no trusted CA signed"),
            (("--ca-file", str(authority.file), "--host-subject", "CN=x"), "belongs to 'O=Example,CN=vm.example.com'"),
            (("--tls-verify", "pubkey", "--tls-pubkey", str(key)), "public key is not the given one"),
            (("--tls-verify", "subject"), "give it with --host-subject"),
            (("--ca-file", "/nonexistent"), "cannot read the CA file /nonexistent"),
        ):
            number, text = status(*words)
            assert (number, expected in text) == (5, True), text
    with Server(tmp_path, tls=elsewhere.context) as server:
        result = run("key", server.target, "a", "--ca-file", str(authority.file))
        assert result.status == 5
        assert "certificate is for vm.example.com, not for 127.0.0.1" in result.error


def test_tls_to_a_plain_port(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, tcp=True) as server:
        result = run("key", f"spice+tls://{server.target}", "a", "--timeout", "5")
    assert result.status == 5
    assert "does not speak TLS" in result.error or "closed the connection" in result.error


def test_secure_channels_without_tls_port(run: Run, tmp_path: Path) -> None:
    with Server(tmp_path, tcp=True) as server:
        result = run("key", server.target, "a", "--secure-channels", "inputs")
        assert result.status == 5
        assert "the inputs channel must be secure, but no TLS port" in result.error
        assert run("key", server.target, "a", "--secure-channels", "display").status == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["info"], "required: TARGET"),
        (["info", "demo", "--bogus"], "unrecognized arguments: --bogus"),
        (["info", "demo", "--timeout", "0"], "not a number of seconds"),
        (["info", "demo", "--timeout", "nan"], "not a number of seconds"),
        (["info", "demo", "--compression", "zip"], "invalid choice: 'zip'"),
        (["info", "demo", "--video-codecs", "vp8,mpeg2"], "no video codec is called 'mpeg2'"),
        (["info", "demo", "--disable-channels", "main"], "no channel is called 'main'"),
        (["info", "demo", "--secure-channels", "sound"], "no channel is called 'sound'"),
        (["info", "demo", "--password-file", "/nonexistent"], "cannot read the password from /nonexistent"),
        (["info", "demo", "--log", "/nonexistent/log"], "cannot write the log to /nonexistent/log"),
        (["info", "host:1", "--tls-pubkey", "/nonexistent"], "cannot read the key /nonexistent"),
        (["info", "nonsense"], "'nonsense' is no address"),
        (["info", "console.vv"], "not built yet"),
        (["screensho"], "did you mean spicetui screenshot?"),
        (["view", "--display", "x"], "not the number of a display"),
        (["--fps", "0", "host:1"], "not a number of pictures"),
    ],
)
def test_wrong_usage(run: Run, words: list[str], text: str) -> None:
    result = run(*words)
    assert result.status == 2
    assert text in result.error
    assert result.out == ""


def test_a_bug_of_ours_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("spicetui.cli.info.run", broken)
    result = run("info", "demo")
    assert result.status == 1
    assert result.error.startswith("internal error: ZeroDivisionError: surprise; ")
    loud = run("info", "demo", "-vv")
    assert "Traceback" in loud.err


def test_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("spicetui.cli.info.run", interrupted)
    assert run("info", "demo") == (130, "", "")


def test_a_channel_that_must_be_secured_goes_over_to_tls(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.server(*SUBJECT, names=("127.0.0.1",))
    with (
        Server(tmp_path, tcp=True, refuse={INPUTS: LinkErr.NEED_SECURED}) as plain,
        Server(tmp_path, tls=certificate.context) as secure,
    ):
        both = f"spice://127.0.0.1?port={plain.port}&tls-port={secure.port}"
        assert run("key", both, "a", "--ca-file", str(authority.file)) == (0, "", "")
        assert plain.opened() == ["main:0"]
        assert secure.opened() == ["inputs:0"]
        result = run("key", plain.target, "a")
        assert result.status == 3
        assert "TLS" in result.error
