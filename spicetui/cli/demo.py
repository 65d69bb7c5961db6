"""``spicetui demo``: the demo server in the foreground."""

from __future__ import annotations

import argparse
import os

from .exits import complain
from .options import read_password_file, start_log

USAGE = "[options]"
EPILOG = """\
examples:
  spicetui demo                               then: spicetui localhost:5900
  spicetui demo --listen 0.0.0.0:5930         for clients on other computers too
  spicetui demo --listen /tmp/demo.sock       on a unix socket"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        metavar="ADDR",
        default="127.0.0.1:5900",
        help="HOST:PORT, a port, or the path of a unix socket (default 127.0.0.1:5900)",
    )
    parser.add_argument(
        "--password-file", metavar="FILE", help="ask clients for the password in the first line of FILE"
    )
    parser.add_argument("--log", metavar="FILE", help="write the log there instead of to standard error")
    parser.add_argument("-v", dest="verbose", action="count", default=0, help="more log")


def run(arguments: argparse.Namespace) -> int:
    from ..demo import run as serve

    start_log(arguments)
    password = None
    if arguments.password_file is not None:
        password = read_password_file(arguments.password_file)
    elif not arguments.listen.startswith("fd:"):  # handed over by a client, who has the variable for another purpose
        password = os.environ.get("SPICETUI_PASSWORD")
    return serve(arguments.listen, password=password, announce=_announce)


def _announce(address: str) -> None:
    complain(f"the demo desktop listens on {address}; ctrl+c ends it")
