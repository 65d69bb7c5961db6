"""Where the demo server listens, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import spicetui
from spicetui import TcpConnector, UnixConnector
from spicetui.demo import serving
from spicetui.demo.serving import parse_listen, serve

DEADLINE = 30


def start(code: str, *, stdin: int | None = subprocess.DEVNULL, fds: Sequence[int] = ()) -> subprocess.Popen[str]:
    """A Python process that runs *code* behind an import of the module as ``demo``."""
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys\nfrom spicetui.demo import run as demo\n{code}"],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=fds,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and what was written to standard error."""
    try:
        _, errors = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    return process.returncode, errors


async def see(connector: TcpConnector | UnixConnector) -> None:
    """Connects until there is a picture, and leaves."""
    async with await spicetui.connect(connector) as client:
        await client.wait_frame()


ANNOUNCING = "sys.exit(demo({!r}, announce=lambda address: print(address, flush=True)))"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_tcp_until_a_signal(number: int, status: int) -> None:
    process = start(ANNOUNCING.format("127.0.0.1:0"))
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    host, port = address.removeprefix("spice://").rsplit(":", 1)
    await see(TcpConnector(host, int(port)))
    process.send_signal(number)
    assert ended(process) == (status, "")


async def test_a_unix_socket_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "demo.sock"
    process = start(ANNOUNCING.format(str(path)))
    assert process.stdout is not None
    assert process.stdout.readline().strip() == f"spice+unix://{path}"
    await see(UnixConnector(path))
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (0, "")
    assert not path.exists()


async def test_a_socket_that_is_handed_over(tmp_path: Path) -> None:
    """It listens before the process runs, and the end of standard input ends the process."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        process = start(f"sys.exit(demo('fd:{listener.fileno()}'))", stdin=subprocess.PIPE, fds=[listener.fileno()])
    await see(UnixConnector(tmp_path / "s"))
    await see(UnixConnector(tmp_path / "s"))  # a second program may come when the first has gone
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    assert ended(process) == (0, "")


async def test_the_process_ends_with_its_last_client(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    path = tmp_path / "s"
    code = "import spicetui.demo.serving as module"
    code += f"\nmodule.LINGER_SECONDS = 0.01\nsys.exit(demo(None, {str(path)!r}, {writing}))"
    process = start(code, fds=[writing])
    os.close(writing)
    with open(reading) as ready:
        assert ready.readline() == f"spice+unix://{path}\n"
        assert ready.readline() == ""  # it does not hold the pipe any longer
    await see(UnixConnector(path))
    assert ended(process) == (0, "")


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    """The pipe that it inherits ends when nobody holds it any more."""
    reading, writing = os.pipe()
    inner = (
        "import sys\nimport spicetui.demo.serving as module\n"
        f"module.PARENT_SECONDS = 0.05\nsys.exit(module.run(None, {str(tmp_path / 's')!r}, 1))"
    )
    outer = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE, pass_fds=[{writing}])\n"
        "print(child.stdout.readline().decode().strip(), flush=True)\nimport os\nos._exit(0)"
    )
    process = start(outer, fds=[writing])
    os.close(writing)
    assert ended(process)[0] == 0
    with open(reading, "rb") as held:
        assert held.read() == b""


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, errors = ended(start(f"sys.exit(demo({address!r}))"))
    assert status == 1
    assert errors.count("\n") == 1
    assert f"cannot listen on {address}: " in errors


def test_an_address_that_is_none() -> None:
    status, errors = ended(start("sys.exit(demo('localhost:spice'))"))
    assert status == 1
    assert "HOST:PORT" in errors


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:5900", ("localhost", 5900)),
        ("5901", ("127.0.0.1", 5901)),
        (":5902", ("127.0.0.1", 5902)),
        ("[::1]:0", ("::1", 0)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:65536", "host:-1", "host:1e3", "host:²"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_listen(text)


async def test_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "FIRST_CLIENT_SECONDS", 0.01)
    async with asyncio.timeout(DEADLINE):
        await serve(linger=0.0)


async def test_a_server_without_clients_waits_for_others() -> None:
    addresses: list[str] = []
    work = asyncio.create_task(serve(ready=addresses.append))
    while not addresses:
        await asyncio.sleep(0)
    host, port = addresses[0].removeprefix("spice://").rsplit(":", 1)
    for _ in range(2):
        await see(TcpConnector(host, int(port)))
        assert not work.done()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    with pytest.raises(spicetui.SpiceError):
        await see(TcpConnector(host, int(port)))


def test_clients_can_connect_before_the_desktop_is_loaded() -> None:
    """`ready` comes before the imports that take time."""
    code = (
        "import asyncio\nfrom spicetui.demo import serve\n"
        "def ready(address):\n print('PIL' in sys.modules, 'numpy' in sys.modules, flush=True)\n sys.exit(0)\n"
        "asyncio.run(serve(ready=ready))"
    )
    process = start(code)
    assert process.stdout is not None
    assert process.stdout.readline() == "False False\n"
    ended(process)


def test_numpy_is_not_needed() -> None:
    code = "import spicetui.demo.demo_server\nprint('numpy' in sys.modules)"
    process = start(code)
    assert process.stdout is not None
    assert process.stdout.readline() == "False\n"
    ended(process)
