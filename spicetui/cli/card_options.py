"""The options that say which card the guest gets, and the reader that they amount to."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ChannelClosed, SmartcardError, SpiceError
from .exits import UsageError
from .options import read_password_file

if TYPE_CHECKING:
    from ..client import Client
    from ..interfaces import SmartcardReader

PIN_VARIABLE = "SPICETUI_SMARTCARD_PIN"
PASSPHRASE_VARIABLE = "SPICETUI_SMARTCARD_PASSPHRASE"


def add_card_options(parser: Any, prefix: str = "") -> None:
    """*parser*: a parser or a group of one; *prefix* stands before the options' names."""
    parser.add_argument(
        f"--{prefix}certificate",
        dest="card_certificates",
        metavar="FILE",
        action="append",
        default=[],
        help="a card in software, with the certificate and the key in FILE (PEM or PKCS #12) or FILE,KEYFILE; up to"
        " four times: to log in (9a), sign (9c), decrypt (9d) and 9e, or as SLOT=FILE",
    )
    parser.add_argument(
        f"--{prefix}pin-file",
        dest="card_pin_file",
        metavar="FILE",
        help=f"its PIN, 6 to 8 digits in the first line of FILE (or {PIN_VARIABLE}, or asked for)",
    )
    parser.add_argument(
        f"--{prefix}passphrase-file",
        dest="card_passphrase_file",
        metavar="FILE",
        help=f"the passphrase of its key files (or {PASSPHRASE_VARIABLE}, or asked for)",
    )
    parser.add_argument(
        f"--{prefix}shared",
        dest="card_shared",
        action="store_true",
        help="a real card: programs of this computer may use it meanwhile, with the PIN that the guest has told it",
    )


def reader_maker(arguments: argparse.Namespace) -> Callable[[], SmartcardReader] | None:
    """What makes the reader for a session, None when no card is wanted; it may block.

    Secrets are read and asked for here, once. A software card stays the same over all sessions, and counts wrong PINs.
    Raises UsageError, SmartcardError or FeatureMissing.
    """
    word = arguments.card_reader
    if arguments.read_only and (word is not None or arguments.card_certificates):
        raise UsageError("--read-only keeps cards from being shared; leave it out")
    if arguments.card_certificates:
        if word is not None:
            raise UsageError("servers take one card reader: a real one, or a card of certificate files")
        if arguments.card_shared:
            raise UsageError("the card of certificate files is the guest's alone; leave out the option to share it")
        return _software(arguments)
    for value, name in ((arguments.card_pin_file, "a PIN"), (arguments.card_passphrase_file, "a passphrase")):
        if value is not None:
            raise UsageError(f"{name} is for a card of certificate files; the guest asks for a real card's PIN")
    if word is None:
        return None

    def real() -> SmartcardReader:
        from ..devices.smartcard_pcsc import choose

        reader = choose(word)
        reader.exclusive = not arguments.card_shared
        return reader

    return real


def give_card(client: Client, make: Callable[[], SmartcardReader]) -> None:
    """Gives the guest the reader beside everything else; what goes wrong is a notice."""
    task = asyncio.ensure_future(_give(client, make))
    _giving.add(task)
    task.add_done_callback(_giving.discard)


_giving: set[asyncio.Task[None]] = set()


async def _give(client: Client, make: Callable[[], SmartcardReader]) -> None:
    if client.smartcard is None:
        client.session.notice("the server offers no card reader, so the card stays here")
        return
    try:
        await client.smartcard.add_reader(await asyncio.to_thread(make))
    except ChannelClosed:
        pass  # told for the session
    except SpiceError as error:
        client.session.notice(str(error))


def _software(arguments: argparse.Namespace) -> Callable[[], SmartcardReader]:
    from ..devices.smartcard_piv import PivCard, keys_from_files

    def passphrase(file: str) -> str | None:
        return _secret(arguments.card_passphrase_file, PASSPHRASE_VARIABLE, f"Passphrase of {file}: ")

    keys = keys_from_files(arguments.card_certificates, passphrase)
    pin = _secret(arguments.card_pin_file, PIN_VARIABLE, "PIN that the card is to have: ")
    if pin is None:
        raise UsageError(f"the card needs a PIN: give it by a file, by {PIN_VARIABLE}, or on a terminal")
    card = PivCard(keys, pin)

    def software() -> SmartcardReader:
        from ..devices.smartcard_software import SoftwareReader

        return SoftwareReader(card)

    return software


def _secret(file: str | None, variable: str, question: str) -> str | None:
    if file is not None:
        return read_password_file(file)
    if (value := os.environ.get(variable)) is not None:
        return value
    if not sys.stdin.isatty():
        return None
    import getpass

    try:
        return getpass.getpass(question)
    except EOFError:
        raise SmartcardError("nothing was typed") from None
