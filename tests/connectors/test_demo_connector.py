"""The demo desktop's child process: it starts when it is needed and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spicetui.connectors import demo
from spicetui.connectors.demo import DemoConnector
from spicetui.errors import ConnectError
from spicetui.interfaces import ChannelKey
from spicetui.wire.enums import ChannelType

MAIN = ChannelKey(ChannelType.MAIN)
LIMIT = 20_000  # milliseconds

needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system cannot wait for a stranger's child")


def ends(pid: int) -> bool:
    """Whether the process ends; it may be nobody's child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(LIMIT))
    finally:
        os.close(handle)


async def test_connections_wait_for_the_server_and_end_with_it() -> None:
    connector = DemoConnector()
    streams = [await connector.spice_connect(MAIN, True) for _ in range(2)]
    child = connector._child
    folder = connector._folder
    assert child is not None
    assert folder is not None
    assert os.stat(folder).st_mode & 0o777 == 0o700
    streams[0].write(b"no SPICE at all!")
    assert (await streams[0].read(4)) in (b"REDQ", b"")  # an answer: the server runs
    for stream in streams:
        await stream.aclose()
    await connector.aclose()
    assert child.returncode == 0
    assert not Path(folder).exists()
    await connector.aclose()


async def test_a_server_that_does_not_start_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(ConnectError, match="cannot start the demo desktop"):
        DemoConnector().start()


async def test_a_server_that_has_ended_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    connector = DemoConnector()
    connector.start()
    assert connector._child is not None
    await asyncio.to_thread(connector._child.wait)
    with pytest.raises(ConnectError, match="the demo desktop ended with status 1; run spicetui demo to see why"):
        await connector.spice_connect(MAIN, True)
    await connector.aclose()


async def test_a_server_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "END_SECONDS", 0.01)
    connector = DemoConnector()
    connector.start()
    child = connector._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    await connector.aclose()
    assert child.returncode == -signal.SIGKILL


@needs_pidfd
def test_it_ends_with_its_parent_even_when_that_is_killed() -> None:
    script = (
        "import asyncio\n"
        "from spicetui.connectors.demo import DemoConnector\n"
        "async def main():\n"
        "    connector = DemoConnector()\n"
        "    await connector.spice_connect(None, True)\n"
        "    print(connector._child.pid, connector._folder, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert ends(int(pid))
    (Path(folder) / "spice").unlink()
    Path(folder).rmdir()
