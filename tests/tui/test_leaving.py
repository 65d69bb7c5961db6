"""Leaving the app while something is still going on."""

from __future__ import annotations

from spicetui.tui.service import Service

from .running import running


class Busy(Service):
    @property
    def unfinished(self) -> str:
        return "2 files are not sent yet.\x1b[31m"


async def test_what_would_be_cut_off_is_told_first() -> None:
    async with running() as run:
        await run.until_settled()
        run.app.services = (*run.app.services, Busy(run.app))
        run.type(b"\x1dq")
        await run.until(lambda: "2 files are not sent yet." in run.terminal.text)
        run.type(b"\x1b[27u")
        await run.until_settled()
        assert not run.task.done()
        run.type(b"\x1dq")
        await run.until(lambda: "leave all the same" in run.terminal.text)
        run.type(b"\r")
        assert await run.task == 0


async def test_nothing_is_asked_when_nothing_goes_on() -> None:
    async with running() as run:
        await run.until_settled()
        run.type(b"\x1dq")
        assert await run.task == 0
