"""What goes wrong on the way to a server: one line, an exit status of its own, in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import certs, impostors, picture
from .certs import SUBJECT, Certificates
from .cli import Cli, Result, target
from .conftest import Row
from .guest import Scenes
from .process import free_port
from .qemu import Qemu
from .reference import Address

TABLE = "errors"
FAILED, USAGE, NO_CONNECTION, REFUSED, TLS, LACKS = 1, 2, 3, 4, 5, 6
SOON = 9.0
"""Seconds; below the default timeout, so that an ignored --timeout is found out, and far above a small one."""


def check(result: Result, row: Row, case: str, *statuses: int) -> str:
    """One line on stderr, none on stdout, one of the statuses; returns the line."""
    line = result.stderr.strip()
    row(TABLE, case=case, status=result.status, says=line[:110])
    assert result.status in statuses, result.stderr
    assert len(result.error_lines) == 1, result.stderr
    assert "Traceback" not in line
    assert not result.stdout
    return line


@pytest.fixture
def shot(private: Path) -> str:
    return str(private / "shot.png")


@pytest.mark.parametrize("command", ["screenshot", "info", "type", "key"])
def test_wrong_password(command: str, private: Path, cli: Cli, shot: str, row: Row) -> None:
    words = {"screenshot": [shot], "info": [], "type": ["text"], "key": ["a"]}[command]
    with Qemu(private, boot_menu=True, password="right") as machine:
        where = target(machine.address())
        result = cli.run(command, where, *words, password="f00-is-wr0ng")
        line = check(result, row, f"wrong password, {command}", REFUSED)
        assert "f00" not in line
        check(cli.run(command, where, *words), row, f"no password, {command}", REFUSED)
        assert not Path(shot).exists()
        assert machine.process.running


def test_password_file(private: Path, cli: Cli, shot: str, row: Row) -> None:
    secret = private / "secret"
    with Qemu(private, boot_menu=True, password="right") as machine:
        where = target(machine.address())
        secret.write_text("right\n")
        assert cli.run("info", where, "--password-file", str(secret)).status == 0
        secret.write_text("other\n")
        check(cli.run("info", where, "--password-file", str(secret)), row, "wrong password file", REFUSED)


def test_refused_port(cli: Cli, shot: str, row: Row) -> None:
    port = free_port()
    line = check(cli.run("screenshot", f"127.0.0.1:{port}", shot), row, "refused port", NO_CONNECTION)
    assert str(port) in line


def test_no_such_socket(private: Path, cli: Cli, shot: str, row: Row) -> None:
    where = f"spice+unix://{private}/absent.sock"
    line = check(cli.run("screenshot", where, shot), row, "no such unix socket", NO_CONNECTION)
    assert "absent.sock" in line


def test_unknown_host(cli: Cli, shot: str, row: Row) -> None:
    line = check(cli.run("screenshot", "no-such-host.invalid:5900", shot), row, "unknown host", NO_CONNECTION)
    assert "no-such-host.invalid" in line


@pytest.mark.parametrize(
    "behaviour",
    [
        impostors.http,
        impostors.ssh,
        impostors.vnc,
        impostors.echo,
        impostors.hang_up,
        impostors.hang_up_at_once,
        impostors.half_a_link_reply,
        impostors.huge_link_reply,
        impostors.newer_version,
    ],
    ids=lambda behaviour: behaviour.__name__,
)
@pytest.mark.parametrize("scheme", ["", "spice+tls://", "ws://"], ids=["plain", "tls", "websocket"])
def test_another_protocol(behaviour: impostors.Behaviour, scheme: str, cli: Cli, shot: str, row: Row) -> None:
    with impostors.Impostor(behaviour) as server:
        result = cli.run("screenshot", f"{scheme}127.0.0.1:{server.port}", shot, "--timeout", "3")
    statuses = (NO_CONNECTION, TLS) if "tls" in scheme else (NO_CONNECTION,)
    check(result, row, f"{behaviour.__name__} {scheme}", *statuses)


@pytest.mark.parametrize("scheme", ["", "spice+tls://", "ws://"], ids=["plain", "tls", "websocket"])
def test_a_server_that_never_answers(scheme: str, cli: Cli, shot: str, row: Row) -> None:
    with impostors.Impostor(impostors.silence) as server:
        result = cli.run("screenshot", f"{scheme}127.0.0.1:{server.port}", shot, "--timeout", "1")
    check(result, row, f"silence {scheme}", NO_CONNECTION)
    assert result.seconds < SOON


@pytest.mark.parametrize("after", [1, 20, 150, 250, 400, 600, 1500, 20_000])
def test_a_line_cut_in_the_middle(after: int, private: Path, scenes_disk: Path, cli: Cli, shot: str, row: Row) -> None:
    """Cut in the link, the ticket, the channels' set-up and the picture; the server survives and serves the next."""
    with Qemu(private, vga="qxl", compression="off", disk=scenes_disk) as machine:
        Scenes(machine).draw(Scenes.NOISE, 3)
        assert machine.port is not None
        with impostors.CuttingRelay(machine.port, after) as relay:
            result = cli.run("screenshot", f"127.0.0.1:{relay.port}", shot, "--timeout", "5")
        check(result, row, f"cut after {after} bytes", NO_CONNECTION, FAILED)
        assert not Path(shot).exists()
        whole, _ = cli.screenshot(machine.address())
        assert not picture.difference(whole, machine.screendump())


def test_a_certificate_of_another_authority(
    private: Path, certificates: Certificates, cli: Cli, shot: str, row: Row
) -> None:
    with Qemu(private, boot_menu=True, tls=certificates) as machine:
        where = target(machine.address(tls=True))
        wrong = ["--ca-file", str(certificates.other_ca)]
        check(cli.run("screenshot", where, shot, *wrong), row, "wrong CA", TLS)
        check(cli.run("screenshot", where, shot), row, "CA not known to the system", TLS)
        check(
            cli.run("screenshot", where, shot, *wrong, "--host-subject", SUBJECT), row, "wrong CA, right subject", TLS
        )
        assert cli.run("screenshot", where, shot, *wrong, "--tls-verify", "none").status == 0


def test_a_subject_that_does_not_match(
    private: Path, certificates: Certificates, cli: Cli, shot: str, row: Row
) -> None:
    with Qemu(private, boot_menu=True, tls=certificates) as machine:
        where = target(machine.address(tls=True))
        ca = ["--ca-file", str(certificates.ca)]
        for subject in (SUBJECT.replace("test server", "other server"), "CN=test server", SUBJECT + ",OU=more"):
            line = check(cli.run("screenshot", where, shot, *ca, "--host-subject", subject), row, "wrong subject", TLS)
            assert "subject" in line
        assert cli.run("screenshot", where, shot, *ca, "--host-subject", SUBJECT).status == 0


def test_a_certificate_for_another_host(private: Path, cli: Cli, shot: str, row: Row) -> None:
    """The name does not match; the subject, where it is given, decides instead."""
    elsewhere = certs.make(private / "elsewhere", names=("DNS:elsewhere.example",))
    with Qemu(private, boot_menu=True, tls=elsewhere) as machine:
        where = target(machine.address(tls=True))
        ca = ["--ca-file", str(elsewhere.ca)]
        check(cli.run("screenshot", where, shot, *ca), row, "certificate of another host", TLS)
        assert cli.run("screenshot", where, shot, *ca, "--host-subject", SUBJECT).status == 0


def test_plain_and_tls_ports_mixed_up(private: Path, certificates: Certificates, cli: Cli, shot: str, row: Row) -> None:
    with Qemu(private, boot_menu=True, tls=certificates) as machine:
        plain = f"127.0.0.1:{machine.tls_port}"
        check(cli.run("screenshot", plain, shot, "--timeout", "3"), row, "plain to a TLS port", NO_CONNECTION)
        tls = f"spice+tls://127.0.0.1:{machine.port}"
        result = cli.run("screenshot", tls, shot, "--ca-file", str(certificates.ca), "--timeout", "3")
        check(result, row, "TLS to a plain port", NO_CONNECTION, TLS)


@pytest.mark.parametrize("channels", [["main"], ["display"], ["main", "display", "inputs", "cursor"]], ids="+".join)
def test_channels_that_want_tls(
    channels: list[str], private: Path, scenes_disk: Path, certificates: Certificates, cli: Cli, shot: str, row: Row
) -> None:
    """NEED_SECURED leads to the TLS port when it is known, and to an error when it is not."""
    with Qemu(private, disk=scenes_disk, tls=certificates, tls_channels=channels, password="p") as machine:
        Scenes(machine).draw(Scenes.TEXT, 9)
        both = Address(port=machine.port, tls_port=machine.tls_port, tls=certificates, password="p")
        picture_, _ = cli.screenshot(both)
        assert not picture.difference(picture_, machine.screendump())
        result = cli.run("screenshot", target(machine.address()), shot, password="p")
        line = check(result, row, f"TLS wanted for {'+'.join(channels)}, no port", NO_CONNECTION)
        assert "TLS" in line


def test_what_the_server_lacks(private: Path, cli: Cli, shot: str, row: Row) -> None:
    with Qemu(private, boot_menu=True) as machine:
        result = cli.run("screenshot", target(machine.address()), shot, "--display", "3")
        check(result, row, "a display that is not there", LACKS)


def test_a_file_that_cannot_be_written(private: Path, cli: Cli, row: Row) -> None:
    with Qemu(private, boot_menu=True) as machine:
        result = cli.run("screenshot", target(machine.address()), str(private / "absent" / "shot.png"))
        check(result, row, "folder does not exist", FAILED, USAGE)
        (private / "folder.png").mkdir()
        result = cli.run("screenshot", target(machine.address()), str(private / "folder.png"))
        check(result, row, "the file is a folder", FAILED, USAGE)


@pytest.mark.parametrize(
    "words",
    [
        ["screenshot"],
        ["screenshot", "127.0.0.1:1", "shot.tiff"],
        ["screenshot", "gopher://127.0.0.1/", "shot.png"],
        ["screenshot", "127.0.0.1:99999", "shot.png"],
        ["key", "127.0.0.1:1", "ctrl+nosuchkey"],
        ["nosuchcommand", "127.0.0.1:1"],
        ["mouse", "127.0.0.1:1", "click", "1"],
    ],
    ids=" ".join,
)
def test_wrong_usage(words: list[str], cli: Cli) -> None:
    result = cli.run(*words)
    assert result.status == USAGE, result.stderr
    assert result.stderr
    assert "Traceback" not in result.stderr
