"""The options that every command with a TARGET has, and what they amount to."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .exits import UsageError, complain

if TYPE_CHECKING:
    from ..connectors.targets import Target
    from ..session import Options

CHANNEL_NAMES = ("main", "display", "inputs", "cursor", "playback", "record", "smartcard", "port", "webdav")
COMPRESSIONS = ("auto_glz", "auto_lz", "quic", "glz", "lz", "lz4", "off")
VIDEO_CODECS = ("mjpeg", "vp8", "vp9", "h264", "h265")
VERIFY_MODES = ("hostname", "subject", "pubkey", "none")
HEXDUMP = 5  #: the log level below DEBUG that shows raw bytes

_handlers: list[logging.Handler] = []


def add_target(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?" if optional else None,
        help="the machine: HOST:PORT, a spice:// or ws:// address, the path of a unix socket, or demo; "
        "spicetui --help lists them all",
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options of interface and log; the same for every command."""
    entry = parser.add_argument_group("password (none on the command line; the environment has SPICETUI_PASSWORD)")
    entry.add_argument("--password-file", metavar="FILE", help="read it from the first line of FILE")
    entry.add_argument("--ask-password", action="store_true", help="ask for it on the terminal")
    entry.add_argument("--username", metavar="NAME", help=argparse.SUPPRESS)

    trust = parser.add_argument_group("TLS")
    trust.add_argument("--ca-file", metavar="FILE", help="trust the authorities in this PEM file, and no others")
    trust.add_argument("--host-subject", metavar="SUBJECT", help="the certificate's subject, such as O=Example,CN=host")
    trust.add_argument(
        "--tls-verify",
        choices=VERIFY_MODES,
        help="what must match (default: the subject when one is given, else the host name)",
    )
    trust.add_argument("--tls-pubkey", metavar="FILE", help="the server's public key, PEM or DER, for pubkey")
    trust.add_argument("--tls-ciphers", metavar="LIST", help="ciphers in OpenSSL's notation")
    trust.add_argument(
        "--secure-channels",
        metavar="LIST",
        type=channel_list(with_all=True),
        default=frozenset(),
        help="channels that must use TLS: all, or some of " + ",".join(CHANNEL_NAMES),
    )

    session = parser.add_argument_group("session")
    session.add_argument(
        "--disable-channels",
        metavar="LIST",
        type=channel_list(with_all=False),
        default=frozenset(),
        help="channels not to open: some of " + ",".join(CHANNEL_NAMES[1:]),
    )
    session.add_argument("--compression", choices=COMPRESSIONS, help="the image compression to ask the server for")
    session.add_argument(
        "--video-codecs",
        metavar="LIST",
        type=video_codecs,
        default=(),
        help="the video codecs to ask the server for, the best first: " + ",".join(VIDEO_CODECS),
    )
    session.add_argument(
        "--timeout", metavar="S", type=seconds, default=10.0, help="seconds to wait at most (default 10)"
    )
    session.add_argument("--read-only", action="store_true", help="send no key and no mouse event")

    log = parser.add_argument_group("log")
    log.add_argument("--log", metavar="FILE", help="write the log there instead of to standard error")
    log.add_argument(
        "-v", dest="verbose", action="count", default=0, help="more log: -v life and death, -vv messages, -vvv bytes"
    )


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def milliseconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 86_400_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds")
    return int(text)


def display_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 256):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a display; they begin with 0")
    return int(text)


def video_codecs(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, text.lower().replace(" ", "").split(","))))
    for name in names:
        if name not in VIDEO_CODECS:
            raise argparse.ArgumentTypeError(f"no video codec is called {name!r}; there is {', '.join(VIDEO_CODECS)}")
    return names


class channel_list:  # noqa: N801 - argparse calls it like a type
    """Reads ``display,inputs``."""

    def __init__(self, *, with_all: bool) -> None:
        self._names = ("all", *CHANNEL_NAMES) if with_all else CHANNEL_NAMES[1:]

    def __call__(self, text: str) -> frozenset[str]:
        names = frozenset(filter(None, text.lower().replace(" ", "").split(",")))
        for name in sorted(names):
            if name not in self._names:
                raise argparse.ArgumentTypeError(f"no channel is called {name!r}; there is {', '.join(self._names)}")
        return names


# --- what they amount to


def start_log(arguments: argparse.Namespace, *, to_terminal: bool = True) -> None:
    """Sends the log where ``--log`` and ``-v`` say. Raises UsageError."""
    if not arguments.verbose and arguments.log is None:
        return
    level = (logging.INFO, logging.INFO, logging.DEBUG, HEXDUMP)[min(arguments.verbose, 3)]
    if arguments.log is not None:
        try:
            handler: logging.Handler = logging.FileHandler(arguments.log, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write the log to {arguments.log}: {(error.strerror or '').lower()}") from error
    elif to_terminal:
        handler = logging.StreamHandler(sys.stderr)
    else:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(name)s: %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("spicetui")
    logger.setLevel(level)
    logger.addHandler(handler)
    _handlers.append(handler)


def stop_log() -> None:
    """Takes back what start_log() has done, for programs that run several commands."""
    while _handlers:
        handler = _handlers.pop()
        logger = logging.getLogger("spicetui")
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
        handler.close()


def read_target(arguments: argparse.Namespace, text: str | None = None) -> Target:
    """The TARGET as the options have it. Raises TargetError, TlsError, ConnectError or UsageError."""
    from ..connectors.targets import TargetSettings, parse_target
    from ..connectors.tls import TlsPolicy

    pubkey = None
    if arguments.tls_pubkey is not None:
        try:
            pubkey = Path(arguments.tls_pubkey).read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read the key {arguments.tls_pubkey}: {(error.strerror or '').lower()}") from error
    settings = TargetSettings(
        timeout=arguments.timeout,
        tls=TlsPolicy(
            ca_file=arguments.ca_file,
            host_subject=arguments.host_subject,
            verify=arguments.tls_verify,
            pubkey=pubkey,
            ciphers=arguments.tls_ciphers,
        ),
        secure_channels=arguments.secure_channels,
    )
    target = parse_target(text if text is not None else arguments.target, settings)
    for warning in target.warnings:
        complain(f"warning: {warning}")
    if arguments.username is not None:
        complain("warning: the user name is not used; servers with tickets ask for a password only")
    return target


def read_password(arguments: argparse.Namespace, target: Target) -> str | None:
    """The password: asked for, from the file, from the TARGET, or from the environment. Raises UsageError."""
    if arguments.ask_password:
        import getpass

        try:
            return getpass.getpass(f"Password for {target.title}: ")
        except EOFError:
            raise UsageError("no password was given; type one, or use --password-file") from None
    if arguments.password_file is not None:
        return read_password_file(arguments.password_file)
    if target.password is not None:
        return target.password
    return os.environ.get("SPICETUI_PASSWORD")


def read_password_file(name: str) -> str:
    """The first line of a file, as it is. Raises UsageError."""
    try:
        with open(name, encoding="utf-8") as file:  # noqa: PTH123 - /dev/fd/N must work too
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not UTF-8 text").lower()
        raise UsageError(f"cannot read the password from {name}: {reason}") from error


def session_options(arguments: argparse.Namespace) -> Options:
    from ..session import Options

    return Options(
        compression=arguments.compression,
        video_codecs=arguments.video_codecs,
        disable_channels=arguments.disable_channels,
        read_only=arguments.read_only,
        audio=getattr(arguments, "audio", None),
        opus=getattr(arguments, "opus", True),
    )


def forbid_read_only(arguments: argparse.Namespace) -> None:
    if arguments.read_only:
        raise UsageError("--read-only keeps every key and mouse event from being sent; leave it out")
