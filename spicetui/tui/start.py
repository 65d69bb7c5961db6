"""Starting the app: connecting begins at once, and the app's modules are loaded meanwhile.

Nothing heavy is imported at the top of this module.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Config, ConfigError
from ..errors import AuthError, ConnectError, FeatureMissing, SpiceError, TlsError
from ..keymap.keys import parse_combo
from ..term.keys import Chord
from .link import Link
from .settings import Settings
from .special_keys import macros

if TYPE_CHECKING:
    from ..client import Client
    from ..interfaces import Driver

QUICK_SECONDS = 0.3  # a refusal that comes so quickly is told without the app
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
GRAPHICS = ("auto", "kitty", "iterm2", "sixel", "octant", "sextant", "quadrant", "half", "ascii", "text")
SCALES = ("fit", "integer", "native", "1:1")


async def run_async(
    connect: Callable[[Driver, str | None], Awaitable[Client]],
    *,
    title: str,
    graphics: str = "auto",
    scale: str = "fit",
    display: int = 0,
    fps: int = 30,
    view_only: bool = False,
    prefix: str | None = None,
    layout: str | None = None,
    microphone: str = "ask",
    ask_password: bool = True,
    config: Config | None = None,
    clipboard_to_guest: str | None = None,
    clipboard_from_guest: str | None = None,
    usb_auto_connect: str | None = None,
    usb_redirect: str | None = None,
) -> int:
    """Runs the app on the terminal; returns the exit status after at most one line on standard error.

    *connect* opens a session for a driver, with a password that the user has typed, or None for the one (if any) that
    was given beforehand; *ask_password*: whether the user may be asked when that is refused.  *title* names the
    target until the machine has told its name.  *graphics* is one of GRAPHICS, *scale* one of SCALES.  *prefix* and
    *layout* go before those of *config*.  *microphone* is ``ask``, ``on`` or ``off``, and ``:SOURCE``.
    *usb_auto_connect* and *usb_redirect* are filters for this computer's USB devices, None for no device.
    """
    terminal = _terminal()
    if isinstance(terminal, str):
        return _complain(terminal, 1)
    settings = Settings(
        title, graphics, scale, display, fps, view_only, ask_password=ask_password, microphone=microphone
    )
    try:
        settings = configured(settings, config, prefix, layout)
        settings = replace(
            settings,
            clipboard_to_guest=clipboard_to_guest or settings.clipboard_to_guest,
            clipboard_from_guest=clipboard_from_guest or settings.clipboard_from_guest,
            usb_auto_connect=usb_auto_connect,
            usb_redirect=usb_redirect,
        )
    except SpiceError as wrong:
        return _complain(str(wrong), 2)
    link = Link(display)
    first = asyncio.ensure_future(connect(link, None))
    try:
        app_module = await asyncio.to_thread(importlib.import_module, "spicetui.tui.app")
        await asyncio.wait({first}, timeout=QUICK_SECONDS)
        if first.done() and not first.cancelled():
            error = first.exception()
            if isinstance(error, SpiceError) and not (ask_password and isinstance(error, AuthError)):
                return report(error)  # before there was anything to show
        app = app_module.SpiceApp(link, connect, first, settings, terminal=terminal)
    except BaseException:
        first.cancel()
        raise
    return await run_app(app)


def configured(settings: Settings, config: Config | None, prefix: str | None, layout: str | None) -> Settings:
    """*settings* with what the user has configured. Raises SpiceError."""
    config = config or Config(Path())
    chosen: dict[str, Any] = {}
    for name, value, check in (("prefix", prefix, Chord.parse), ("layout", layout, _check_layout)):
        word = config.word("keys", name) if value is None else value
        if word is None:
            continue
        try:
            check(word)
        except SpiceError as wrong:
            raise config.wrong("keys", name, wrong) if value is None else ConfigError(f"--{name}: {wrong}") from wrong
        chosen[name] = word
    if (method := config.word("keys", "unicode")) is not None:
        chosen["unicode"] = method
    for name in ("to_guest", "from_guest"):
        if (policy := config.word("clipboard", name)) is not None:
            chosen[f"clipboard_{name}"] = policy
    if (chord := config.word("clipboard", "paste")) is not None:
        if chord not in ("off", "type"):
            try:
                parse_combo(chord)
            except SpiceError as wrong:
                raise config.wrong("clipboard", "paste", f'{wrong}; also "off" and "type" can be') from wrong
        chosen["paste"] = chord
    wheel = config.word("mouse", "horizontal_wheel") == "shift"
    sync = config.word("sound", "volume_sync") == "on"
    return replace(settings, **chosen, shift_wheel=wheel, macros=macros(config), volume_sync=sync)


def _check_layout(name: str) -> None:
    from ..keymap.text import spell

    spell("", name)


async def run_app(app: Any) -> int:
    """Runs a SpiceApp until the user leaves it, a signal ends it or the terminal goes."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, app.stop, 128 + number)
    try:
        status = await app.run_async()
    finally:
        app.view.close()
        try:
            await app.shut_down()
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
    if app.failure is not None:
        return report(app.failure)
    if app._exception is not None:
        text = f"internal error: {type(app._exception).__name__}: {app._exception}; --log FILE keeps the details"
        return _complain(text, 1)
    return int(status or 0)


def report(error: Exception) -> int:
    """One line on standard error, and the exit status."""
    statuses = ((AuthError, 4), (TlsError, 5), (ConnectError, 3), (FeatureMissing, 6))
    return _complain(str(error), next((status for kind, status in statuses if isinstance(error, kind)), 1))


def _complain(text: str, status: int) -> int:
    from ..diagnostics import printable

    sys.stderr.write(f"spicetui: {printable(text, 600)}\n")
    return status


def _terminal() -> tuple[int, int] | str:
    """The file descriptors of the terminal's input and output, or why there are none."""
    from ..term.environment import unusable

    reason = unusable(os.environ)
    if reason is not None:
        return reason
    if not os.isatty(0):
        return "standard input is no terminal; the app needs one (without one there is the screenshot command)"
    for output in (1, 2):
        if os.isatty(output):
            return 0, output
    return "standard output is no terminal; the app needs one (without one there is the screenshot command)"
