"""litmus, the test suite of WebDAV servers, against the shared folder."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from devices.tcp_guest import TcpLink, listening

from spicetui.devices.folder import SharedFolder

from . import needs
from .conftest import Row

SECONDS = 90.0


async def test_litmus(tmp_path: Path, row: Row) -> None:
    program = needs.program("litmus")
    shared = tmp_path / "shared"
    shared.mkdir()
    link = TcpLink()
    folder = SharedFolder(link)
    await folder.share(shared)
    try:
        async with listening(link) as port:
            child = await asyncio.create_subprocess_exec(
                program, "-k", f"http://127.0.0.1:{port}/", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
            )
            try:
                async with asyncio.timeout(SECONDS):
                    out, _ = await child.communicate()
            except BaseException:
                child.kill()
                raise
    finally:
        await folder.stop()
    said = out.decode(errors="replace")
    results = re.findall(r"<- summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed", said)
    assert [name for name, *_ in results] == ["basic", "copymove", "props", "locks", "http"], said
    for name, count, passed, failed in results:
        assert (passed, failed) == (count, "0"), said
        row("litmus", suite=name, passed=f"{passed} of {count}")
