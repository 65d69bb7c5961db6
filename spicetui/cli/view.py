"""``spicetui view TARGET``, and ``spicetui [TARGET]``: the app."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SpiceError
from .card_options import add_card_options, give_card, reader_maker
from .commands import BY_NAME
from .exits import UsageError
from .options import add_common, add_target, display_number, read_password, read_target, start_log
from .run import run_async
from .type_text import add_layout

if TYPE_CHECKING:
    from ..client import Client
    from ..connectors.targets import Target
    from ..interfaces import AudioSink, Driver

USAGE = "[TARGET] [options]"
DESCRIPTION = "Show a machine in this terminal and drive it. Without TARGET: the demo desktop."
GRAPHICS = ("auto", "kitty", "iterm2", "sixel", "octant", "sextant", "quadrant", "half", "ascii", "text")
SCALES = ("fit", "native", "integer", "1:1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..protocol.usbfilter import AUTO_CONNECT

    add_target(parser, optional=True)
    picture = parser.add_argument_group("picture")
    picture.add_argument("--graphics", choices=GRAPHICS, default="auto", help="how to draw it (default auto)")
    picture.add_argument("--scale", choices=SCALES, default="fit", help="how large (default fit)")
    picture.add_argument("--display", metavar="N", type=display_number, default=0, help="which display (default 0)")
    picture.add_argument("--fps", metavar="N", type=frames, default=30, help="at most N pictures a second (default 30)")
    picture.add_argument("--view-only", action="store_true", help="only look: send no key and no mouse event")
    keys = parser.add_argument_group("keys")
    keys.add_argument(
        "--prefix", metavar="KEY", help="the key before commands to the app itself (default ctrl+], or as configured)"
    )
    add_layout(
        keys,
        "type characters on this keyboard layout of the guest, whatever keys they come from (default: send the keys)",
        default=None,
    )
    sound = parser.add_argument_group("sound")
    sound.add_argument(
        "--audio",
        metavar="WAY",
        dest="sound",
        help="what plays it: auto, off, miniaudio[:DEVICE], pacat, pw-cat, aplay, cmd:COMMAND, … (default auto)",
    )
    sound.add_argument(
        "--microphone",
        metavar="ask|on|off[:SOURCE]",
        type=microphone,
        default="ask",
        help="whether the machine may hear it: asked when it listens, yes, or not asked (default ask); "
        "SOURCE: auto, miniaudio[:DEVICE], parec, pw-cat, arecord, cmd:COMMAND, file:PATH",
    )
    clipboard = parser.add_argument_group("clipboard")
    for direction, what in (("to-guest", "what is copied here"), ("from-guest", "what is copied in the machine")):
        clipboard.add_argument(
            f"--clipboard-{direction}",
            choices=("off", "ask", "on"),
            help=f"whether {what} goes to the other side (default as configured, on)",
        )
    folder = parser.add_argument_group("shared folder")
    folder.add_argument("--share", metavar="DIR", help="show the guest this folder, over its WebDAV daemon")
    folder.add_argument("--share-read-only", action="store_true", help="the guest may change nothing in it")
    usb = parser.add_argument_group("USB devices")
    usb.add_argument(
        "--usb-auto-connect",
        metavar="FILTER",
        nargs="?",
        const=AUTO_CONNECT,
        type=usb_filter,
        help=f"give the machine what is plugged in later and FILTER allows; without one {AUTO_CONNECT}",
    )
    usb.add_argument(
        "--usb-redirect-on-connect",
        metavar="FILTER",
        type=usb_filter,
        help="give it what is plugged in already and FILTER allows, as long as there are slots",
    )
    cards = parser.add_argument_group("smartcards")
    cards.add_argument(
        "--smartcard",
        dest="card_reader",
        metavar="READER",
        help="give the guest this computer's card reader of that name; auto: the first, one with a card",
    )
    add_card_options(cards, "smartcard-")
    add_common(parser)


def microphone(text: str) -> str:
    mode, _, source = text.partition(":")
    if mode not in ("ask", "on", "off"):
        raise argparse.ArgumentTypeError(f"{mode!r} is neither ask, on nor off")
    if source:
        from ..devices.audio import choose_source
        from ..errors import FeatureMissing

        try:
            choose_source(source)
        except FeatureMissing as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return text


def usb_filter(text: str) -> str:
    from ..errors import UsbError
    from ..protocol import usbfilter

    try:
        usbfilter.parse(text)
    except UsbError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def frames(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 240):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pictures from 1 to 240")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    if arguments.share is not None and not Path(arguments.share).is_dir():
        raise UsageError(f"{arguments.share}: there is no such folder")
    start_log(arguments, to_terminal=False)
    return run_async(view(arguments))


async def view(arguments: argparse.Namespace) -> int:
    from ..config import ConfigError, load
    from ..tui.start import run_async as run_app
    from .session import open_client

    try:
        config = load()
    except ConfigError as error:
        raise UsageError(str(error)) from error
    card = reader_maker(arguments)
    target = _target(arguments)
    password = read_password(arguments, target)

    async def connect(driver: Driver, typed: str | None) -> Client:
        arguments.audio = sink(arguments.sound)
        client = await open_client(arguments, target, typed if typed is not None else password, driver)
        if card is not None:
            give_card(client, card)
        if arguments.share is not None:
            await share(client, driver, arguments.share, arguments.share_read_only)
        return client

    try:
        return await run_app(
            connect,
            title=target.title,
            graphics=arguments.graphics,
            scale=arguments.scale,
            display=arguments.display,
            fps=arguments.fps,
            view_only=arguments.view_only or arguments.read_only,
            prefix=arguments.prefix,
            layout=arguments.layout,
            microphone=arguments.microphone,
            config=config,
            clipboard_to_guest=arguments.clipboard_to_guest,
            clipboard_from_guest=arguments.clipboard_from_guest,
            usb_auto_connect=arguments.usb_auto_connect,
            usb_redirect=arguments.usb_redirect_on_connect,
            ask_password=password is None,  # one that was given and is refused ends the program
        )
    finally:
        await target.aclose()


async def share(client: Client, driver: Driver, path: str, read_only: bool) -> None:
    """A folder that cannot be shared is told, and the machine is shown all the same."""
    from .share import shared_folder

    try:
        await shared_folder(client).share(path, read_only=read_only)
    except (SpiceError, OSError) as error:
        driver.notice(f"{path} is not shared: {error}")


def sink(spec: str | None) -> AudioSink | None:
    """What plays the sound of one session. Raises FeatureMissing for a way that does not exist."""
    from ..devices import audio

    return None if spec == "off" else audio.choose(spec)


def _target(arguments: argparse.Namespace) -> Target:
    """The TARGET, the demo without one. Raises UsageError for a word that looks like a command."""
    from ..connectors.targets import TargetError

    try:
        return read_target(arguments, arguments.target or "demo")
    except TargetError:
        from difflib import get_close_matches

        if near := get_close_matches(arguments.target, BY_NAME, 1):
            raise UsageError(
                f"{arguments.target!r} is neither a command nor an address; did you mean spicetui {near[0]}?"
            ) from None
        raise
