"""What ``--help`` and ``--version`` print."""

from __future__ import annotations

import argparse
import os
import textwrap

from .commands import COMMANDS

EXAMPLES = """\
  spicetui                                    the demo desktop: see what this is
  spicetui localhost:5900                     a machine in this terminal
  spicetui spice://vmhost?tls-port=5901 --ca-file ca.pem
  spicetui screenshot localhost:5900 vm.png
  echo 'ls -l' | spicetui type localhost:5900 -
  spicetui key localhost:5900 ctrl+alt+delete
"""

TARGETS = """\
  HOST:PORT, [V6]:PORT                        plain TCP
  spice://HOST[:PORT][?port=&tls-port=]       TLS for the channels that want it
  spice+tls://HOST:PORT                       TLS for every channel
  spice+unix:///PATH, or the path alone       a unix socket
  ws://HOST:PORT/, wss://HOST:PORT/           SPICE in WebSocket frames
  demo                                        the built-in demo desktop
"""

SHOWN = ("textual", "numpy", "pillow", "cryptography", "websockets")  # versions that bug reports need

STATUSES = """\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 cannot connect, 4 password refused,
5 TLS verification failed, 6 the server lacks the feature, 130 interrupted."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Wider than argparse's, with room for the longest options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(_columns() - 2, 100))


def _columns() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 82


def overview() -> str:
    """The whole program on one screen."""
    lines = ["usage: spicetui [TARGET] [options]", "       spicetui COMMAND TARGET [options]", ""]
    lines += ["See and drive a virtual machine from the terminal.", ""]
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines.append(f"{group}:")
        for command in COMMANDS:
            if command.group == group:
                summary = textwrap.wrap(command.summary, max(_columns() - 16, 40))
                lines += textwrap.indent("\n".join(summary), " " * 14).splitlines()
                lines[-len(summary)] = f"  {command.name:<12}{summary[0]}"
        lines.append("")
    lines += ["TARGET:", TARGETS, "Examples:", EXAMPLES]
    lines.append("A password comes from SPICETUI_PASSWORD, --password-file or --ask-password.")
    lines.append("spicetui COMMAND --help tells more, spicetui --version what is installed.")
    lines.append(STATUSES)
    return "\n".join(lines)


def version() -> str:
    """This program's version, its kernels, and what it stands on."""
    from .. import __version__
    from ..codecs import COMPILED
    from ..features import package_version, python_version

    kernels = "compiled" if COMPILED else "pure Python: slower; install a C compiler and reinstall to change that"
    lines = [f"spicetui {__version__}", f"kernels: {kernels}", f"python: {python_version()}"]
    lines += [
        f"{name}: {package_version(name) or 'missing'}" for name in ("textual", "numpy", "pillow", "cryptography")
    ]
    lines.append(f"av: {package_version('av') or 'missing: video MJPEG, sound raw only; pip install spicetui[video]'}")
    miniaudio = package_version("miniaudio") or "missing: sound by pacat, pw-cat or aplay; pip install spicetui[audio]"
    lines.append(f"miniaudio: {miniaudio}")
    return "\n".join(lines)
