"""Runs a program that has to do with the clipboard: bounded in time and in what it says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from ..errors import SpiceError

SECONDS = 5.0
_BLOCK = 1 << 16


class ToolError(SpiceError):
    """The program cannot be started, or does not end."""


async def run(
    words: Sequence[str], given: bytes | None = None, most: int = 0, environment: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Exit status (negative: stopped here, for it said more than *most* bytes) and what it said.

    With *most* 0 its output is not read: a process that stays to hold what was *given* would keep it open.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if most else asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise ToolError(f"cannot start {words[0]}: {error.strerror}") from error
    try:
        async with asyncio.timeout(SECONDS):
            if process.stdin is not None and given is not None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    process.stdin.write(given)
                    await process.stdin.drain()
                process.stdin.close()
            out = bytearray()
            while process.stdout is not None and len(out) < most:
                data = await process.stdout.read(min(_BLOCK, most - len(out)))
                if not data:
                    break
                out += data
            if most and len(out) >= most:
                _stop(process)
            return await process.wait(), bytes(out)
    except TimeoutError:
        raise ToolError(f"{words[0]} does not answer") from None
    finally:
        _stop(process)
        await asyncio.shield(process.wait())


def _stop(process: asyncio.subprocess.Process) -> None:
    """Ends it if it has not ended, and closes its pipes: as long as one holds what is unread, it is waited for."""
    process._transport.close()  # type: ignore[attr-defined]
