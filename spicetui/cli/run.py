"""From the command line to the exit status."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from importlib import import_module
from typing import Any

from ..errors import SpiceError
from .commands import BY_NAME, Command
from .exits import FAILED, INTERRUPTED, OK, TERMINATED, USAGE, complain, status_of

#: Common options that take a value, so that a command behind them is found.
_WITH_VALUE = frozenset(
    {
        "--password-file",
        "--username",
        "--ca-file",
        "--host-subject",
        "--tls-verify",
        "--tls-pubkey",
        "--tls-ciphers",
        "--secure-channels",
        "--disable-channels",
        "--compression",
        "--video-codecs",
        "--timeout",
        "--log",
    }
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> Any:
        complain(f"{message}; see {self.prog} --help")
        sys.exit(USAGE)


def run(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the return value is the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # numpy's linear algebra is never used; without this its import starts a thread for each core, 40 ms of CPU time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has what it wanted. Python would complain once more at its exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except SpiceError as error:
        complain(str(error) or type(error).__name__)
        return status_of(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{(error.strerror or str(error)).lower()}")
        return FAILED
    except SystemExit as leave:  # argparse's way out, for --help too
        return leave.code if isinstance(leave.code, int) else OK
    except Exception as error:  # a bug of ours: still one line, the traceback on request
        complain(f"internal error: {type(error).__name__}: {error}; run again with -vv for a traceback")
        if any(word.startswith("-vv") for word in words):
            import traceback

            traceback.print_exc()
        return FAILED
    finally:
        if (options := sys.modules.get(f"{__package__}.options")) is not None:
            options.stop_log()
    return status


def _run(words: list[str]) -> int:
    place = command_place(words)
    if place is None:
        first = words[0] if words else ""
        if first in ("-h", "--help", "help"):
            from .help import overview

            print(overview())
            return OK
        if first in ("-V", "--version", "version"):
            from .help import version

            print(version())
            return OK
        command = BY_NAME["view"]
    else:
        command = BY_NAME[words.pop(place)]
    module = import_module(f".{command.module}", __package__)
    arguments = parser(command, module).parse_intermixed_args(words)
    status: int = module.run(arguments)
    return status


def command_place(words: Sequence[str]) -> int | None:
    """Where the command's name stands: the first word that is no option nor an option's value; None without one."""
    skip = False
    for place, word in enumerate(words):
        if skip:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            return place if word in BY_NAME and not _is_demo_target(words, place) else None
    return None


def _is_demo_target(words: Sequence[str], place: int) -> bool:
    """``spicetui --graphics half demo`` is the app on the demo desktop, ``spicetui demo`` the server."""
    return words[place] == "demo" and place > 0


def parser(command: Command, module: Any) -> Parser:
    """The command's parser: the module's arguments, and its USAGE, DESCRIPTION and EPILOG where it has them."""
    from .help import Formatter

    made = Parser(
        prog=f"spicetui {command.name}",
        usage=f"spicetui {command.name} {module.USAGE}",
        description=getattr(module, "DESCRIPTION", command.summary[0].upper() + command.summary[1:] + "."),
        epilog=getattr(module, "EPILOG", None),
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    module.add_arguments(made)
    return made


def run_async(work: Coroutine[Any, Any, int]) -> int:
    """Runs a command's coroutine; SIGTERM ends it in order, as ctrl+c does."""
    import asyncio

    terminated = False

    async def main() -> int:
        task = asyncio.current_task()
        assert task is not None

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        with contextlib.suppress(NotImplementedError, ValueError):  # not the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if terminated:
            return TERMINATED
        raise
