"""``spicetui smartcard list|attach``."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..diagnostics import printable
from ..errors import FeatureMissing, SpiceError
from ..interfaces import BaseDriver, SmartcardReader, SmartcardState
from .card_options import add_card_options, reader_maker
from .control import ControlLines
from .exits import OK, UsageError, complain
from .options import add_common, seconds, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..client import Client

#: Of a line from standard input.
MAX_LINE = 4096

USAGE = "list | attach TARGET READER|auto|--certificate FILE [options]"
EPILOG = """\
examples:
  spicetui smartcard list
  spicetui smartcard attach localhost:5900 auto
  spicetui smartcard attach localhost:5900 --certificate login.p12 --pin-file pin
  spicetui smartcard attach localhost:5900 --certificate login.pem,login.key --certificate 9d=mail.p12

Without --seconds it goes on until it is interrupted; the guest loses the reader then. A card of certificate files is a
PIV card: its keys stay here, and after three wrong PINs it is of no use until the command runs again. A real card is
the guest's alone meanwhile, see --shared."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=("list", "attach"), help="list: the readers of this computer; attach: give the guest one"
    )
    parser.add_argument("target", metavar="TARGET", nargs="?", help="the machine; spicetui --help lists the forms")
    parser.add_argument(
        "card_reader", metavar="READER", nargs="?", help="its name or a part of it; auto: the first, one with a card"
    )
    add_card_options(parser)
    parser.add_argument("--seconds", metavar="S", type=seconds, help="end after so many")
    parser.add_argument(
        "--control", action="store_true", help="take remove and insert from standard input, one a line (--certificate)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each reader or event")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    start_log(arguments)
    if arguments.action == "list":
        if arguments.target is not None:
            raise UsageError("list tells of this computer's readers; it takes no TARGET")
        return list_readers(arguments.json)
    if arguments.target is None:
        raise UsageError("attach needs a TARGET; see spicetui smartcard --help")
    if arguments.control and not arguments.card_certificates:
        raise UsageError("--control is for a card of certificate files; a real one has a hand for it")
    make = reader_maker(arguments)
    if make is None:
        raise UsageError("which card? name a READER, auto, or --certificate FILE")
    return run_async(attach(arguments, make))


def list_readers(as_json: bool) -> int:
    from ..devices.smartcard_pcsc import readers

    found = readers()
    for one in found:
        if as_json:
            print(json.dumps({"name": one.name, "card": bool(one.atr), "atr": one.atr.hex() or None}))
        else:
            print(f"{printable(one.name)}  {'card ' + one.atr.hex(' ') if one.atr else 'empty'}")
    if not found and not as_json:
        complain("this computer has no card reader")
    return OK


class Events(BaseDriver):
    """Prints what the guest gets and loses."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.known: dict[int, SmartcardState] = {}

    def smartcards_changed(self, readers: Sequence[SmartcardState]) -> None:
        now = {one.id: one for one in readers}
        for id in self.known.keys() | now.keys():
            old, new = self.known.get(id), now.get(id)
            if old is None and new is not None:
                self.tell("attached", new)
            if new is not None and new.card != (old is not None and old.card):
                self.tell("card_inserted" if new.card else "card_removed", new)
            if old is not None and new is None:
                self.tell("detached", old)
        self.known = now

    def tell(self, event: str, reader: SmartcardState) -> None:
        if self.as_json:
            line = json.dumps({"event": event, "reader": reader.name, "id": reader.id, "commands": reader.commands})
        else:
            line = f"{event.replace('_', ' ')}: {printable(reader.name)}"
        print(line, flush=True)

    def notice(self, text: str) -> None:
        complain(text)


async def attach(arguments: argparse.Namespace, make: Callable[[], SmartcardReader]) -> int:
    from .session import session

    reader = await asyncio.to_thread(make)
    async with session(arguments, Events(arguments.json), only={"smartcard"}) as client:
        if client.smartcard is None:
            raise FeatureMissing("the server offers no card reader (no smartcard channel)")
        try:
            async with asyncio.timeout(arguments.timeout):
                await client.smartcard.add_reader(reader)
        except TimeoutError:
            raise SpiceError(f"the server has not answered for {arguments.timeout:g} seconds") from None
        with Control(reader if arguments.control else None):
            await _stay(client, arguments.seconds)
    return OK


async def _stay(client: Client, limit: float | None) -> None:
    """Until the time is over, or the session or its smartcard channel, which is an error."""
    from ..wire.enums import ChannelType

    over = asyncio.ensure_future(client.wait_closed())
    try:
        running = client.session.running(ChannelType.SMARTCARD)
        done, _ = await asyncio.wait({over, *running}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if over in done:
            over.result()
        if done:
            raise next(iter(client.session.lost.values()), SpiceError("the server has closed the session"))
    finally:
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)


class Control(ControlLines):
    """Does what standard input says with the card of a software reader; without one nothing."""

    def __init__(self, reader: SmartcardReader | None) -> None:
        from ..devices.smartcard_software import SoftwareReader

        self._reader = reader if isinstance(reader, SoftwareReader) else None
        super().__init__(self._reader is not None, MAX_LINE)

    def take(self, line: bytes) -> None:
        word = line.decode("utf-8", "replace").strip()
        assert self._reader is not None
        if word == "remove":
            self._reader.remove()
        elif word == "insert":
            self._reader.insert()
        elif word:
            complain(f"{word!r} is neither insert nor remove")
