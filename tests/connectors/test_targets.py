"""Every form of TARGET that is built, and what is said about the others."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from spicetui.connectors.demo import DemoConnector
from spicetui.connectors.ports import PortsConnector
from spicetui.connectors.targets import FORMS, TargetError, TargetSettings, parse_target
from spicetui.connectors.tls import TlsPolicy
from spicetui.connectors.unix import UnixConnector
from spicetui.connectors.websocket import WebSocketConnector
from spicetui.errors import ConnectError
from spicetui.interfaces import ChannelKey
from spicetui.wire.enums import ChannelType


@pytest.mark.parametrize(
    ("text", "host", "port", "tls_port"),
    [
        ("localhost:5900", "localhost", 5900, None),
        ("[::1]:5900", "::1", 5900, None),
        ("192.0.2.7:65535", "192.0.2.7", 65535, None),
        ("spice://host:5900", "host", 5900, None),
        ("SPICE://host:5900/", "host", 5900, None),
        ("spice://host?port=5900", "host", 5900, None),
        ("spice://host/?tls-port=5901", "host", None, 5901),
        ("spice://host:5900?tls-port=5901", "host", 5900, 5901),
        ("spice://host?port=5900&tls-port=5901", "host", 5900, 5901),
        ("spice://host?port=5900;tls-port=5901", "host", 5900, 5901),
        ("spice://host;port=5900;tls-port=5901", "host", 5900, 5901),
        ("spice://host:5900?tls-port=", "host", 5900, None),
        ("spice://[2001:db8::1]:5900?tls-port=5901", "2001:db8::1", 5900, 5901),
        ("spice+tls://host:5901", "host", None, 5901),
        ("spice+tls://[::1]:5901/", "::1", None, 5901),
        ("spice://my%2Dhost:5900", "my-host", 5900, None),
    ],
)
def test_hosts_and_ports(text: str, host: str, port: int | None, tls_port: int | None) -> None:
    target = parse_target(text)
    connector = target.connector
    assert isinstance(connector, PortsConnector)
    assert (connector.host, connector.port, connector.tls_port) == (host, port, tls_port)
    assert target.password is None
    assert target.username is None
    assert target.warnings == ()
    assert host in target.title


def test_user_and_password() -> None:
    target = parse_target("spice://joe%40work@host:5900?password=p%26w;tls-port=1")
    assert (target.username, target.password) == ("joe@work", "p&w")
    assert target.title == "host:5900"
    assert len(target.warnings) == 1
    assert "can be seen by other users" in target.warnings[0]
    assert "p&w" not in repr(target.connector)
    assert parse_target("spice://host:1?username=ann").username == "ann"
    both = parse_target("spice://ann:secret@host:1")
    assert (both.username, both.password, len(both.warnings)) == ("ann", "secret", 1)


def test_a_path_of_a_spice_address_is_ignored_with_a_word() -> None:
    target = parse_target("spice://host:5900/vm7?tls-port=5901")
    assert isinstance(target.connector, PortsConnector)
    assert target.connector.tls_port == 5901
    assert target.warnings == ("the path /vm7 of the address means nothing to SPICE and is ignored",)


def test_settings_reach_the_connectors() -> None:
    settings = TargetSettings(timeout=3, tls=TlsPolicy(ca_file="x.pem"), secure_channels=frozenset({"inputs"}))
    ports: Any = parse_target("host:1", settings).connector
    assert (ports.timeout, ports.tls, ports.secure_channels) == (3, settings.tls, {"inputs"})
    assert ports.uses_tls(ChannelKey(ChannelType.INPUTS))
    assert not ports.uses_tls(ChannelKey(ChannelType.MAIN))
    web: Any = parse_target("wss://host/", settings).connector
    assert (web.timeout, web.tls) == (3, settings.tls)
    unix: Any = parse_target("spice+unix:///x", settings).connector
    assert unix.timeout == 3


def test_unix_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, path in (
        ("spice+unix:///run/vm.sock", "/run/vm.sock"),
        ("spice+unix:///run/a%20b", "/run/a b"),
        ("/run/vm.sock", "/run/vm.sock"),
        ("./vm.sock", "./vm.sock"),
        ("/run/vm:5900", "/run/vm:5900"),
    ):
        target = parse_target(text)
        assert isinstance(target.connector, UnixConnector)
        assert target.connector.path == target.title == path
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("bare")
        assert isinstance(parse_target("bare").connector, UnixConnector)
    (tmp_path / "plain").write_text("")
    with pytest.raises(TargetError, match="'plain' is no address"):
        parse_target("plain")


def test_web_sockets() -> None:
    target = parse_target("ws://host:5900/path?token=x")
    assert isinstance(target.connector, WebSocketConnector)
    assert not target.connector.uri.secure
    assert (target.title, target.warnings) == ("ws://host:5900/path", ())
    secret = parse_target("wss://joe:word@host/")
    assert isinstance(secret.connector, WebSocketConnector)
    assert secret.connector.uri.secure
    assert secret.title == "wss://host:443/"
    assert len(secret.warnings) == 1
    with pytest.raises(ConnectError, match="is no WebSocket address"):
        parse_target("ws://")


def test_the_demo_starts_nothing_by_being_named() -> None:
    target = parse_target("demo")
    assert isinstance(target.connector, DemoConnector)
    assert target.title == "demo desktop"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no address"),
        ("localhost", "'localhost' is no address; write HOST:PORT"),
        ("host:", "has no port"),
        (":5900", "has no host"),
        ("host:0", "'0' is not a port"),
        ("host:65536", "'65536' is not a port"),
        ("host:59x0", "not a port"),
        ("host:٥", "not a port"),
        ("::1:5900", "in brackets"),
        ("[::1:5900", "in brackets"),
        ("[::1]5900", "in brackets"),
        ("spice://host", "has no port"),
        ("spice://", "has no host"),
        ("spice://host:1?port=2", "names the port twice"),
        ("spice://host?port=1&port=2", "names port twice"),
        ("spice://a@host:1?username=b", "names the user twice"),
        ("spice://host:1?colour=red", "'colour' is not known"),
        ("spice+tls://host:1?tls-port=2", "takes its one port after the host"),
        ("spice+tls://host", "has no port"),
        ("spice+unix://", "has no path"),
        ("http://host:1", "http:// is not a scheme known here"),
        ("vnc://host:1", "not a scheme"),
        ("console.vv", "virt-viewer files are not built yet"),
        ("./some/console.VV", "virt-viewer files are not built yet"),
        ("-", "virt-viewer files are not built yet"),
        ("ssh://host/vm.sock", "SSH tunnels are not built yet"),
        ("qemu+ssh://host/system?domain=x", "SSH tunnels are not built yet"),
        ("libvirt:vm", "libvirt domains are not built yet"),
        ("qemu:///system?domain=vm", "libvirt domains are not built yet"),
        ("pve://root@pam@host/100", "Proxmox VE machines are not built yet"),
    ],
)
def test_what_is_refused_and_why(text: str, words: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert words in str(caught.value)


def test_no_error_shows_a_password() -> None:
    for text in (
        "spice://host?password=hunter2",
        "spice://host:1?password=hunter2&password=hunter3",
        "spice://joe:hunter2@host",
        "spice+tls://host:1?port=2&password=hunter2",
        "spice://host:1?password=hunter2&colour=red",
    ):
        with pytest.raises(TargetError) as caught:
            parse_target(text)
        assert "hunter" not in str(caught.value), text


def test_each_form_has_its_module() -> None:
    for form in FORMS:
        module = __import__(f"spicetui.connectors.{form.module}", fromlist=["parse"])
        assert callable(module.parse)
