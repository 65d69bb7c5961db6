"""A file through the shared folder both ways, with this client and with the reference client in turns.

    python tests/bench/bench_share.py [--mib 100] [--rounds 2]

A Linux guest with Debian's spice-webdavd under QEMU; curl in it fetches the file and puts it back. Each client is a
process of its own: ``spicetui share``, and SpiceClientGLib with its own WebDAV server (phodav). *ratio*: ours to the
reference's, 1 or more is the goal. The reference gets no "Expect: 100-continue", which it cannot answer.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from live import needs
from live.share_guest import ShareGuest

REFERENCE = """
import sys, gi
gi.require_version("SpiceClientGLib", "2.0")
from gi.repository import GLib, GObject, SpiceClientGLib
session = SpiceClientGLib.Session()
session.set_property("uri", sys.argv[1])
session.set_property("shared-dir", sys.argv[2])
session.set_property("share-dir-ro", False)
GObject.Object.connect(session, "channel-new", lambda _, channel: channel.connect())
assert session.connect()
GLib.MainLoop().run()
"""
URL = "http://localhost:9843"


def command(name: str, port: int, shared: Path) -> list[str]:
    if name == "ours":
        return [sys.executable, "-m", "spicetui", "share", f"127.0.0.1:{port}", str(shared), "--quiet"]
    return [needs.reference_python(), "-c", REFERENCE, f"spice://127.0.0.1?port={port}", str(shared)]


def measure(guest: ShareGuest, name: str, shared: Path, mib: int) -> tuple[float, float]:
    """MiB a second to the guest and back."""
    port = guest.qemu.port
    assert port is not None
    digest = hashlib.sha256((shared / "big").read_bytes()).hexdigest()
    with open(os.devnull, "w") as nowhere:
        child = subprocess.Popen(command(name, port, shared), stdout=nowhere, stderr=nowhere)
    try:
        guest.wait_serving("/small")
        down = float(guest.text(f"curl -sS {URL}/big -o /tmp/big -w '%{{time_total}}'", 600))
        up = float(guest.text(f"curl -sS -H Expect: -T /tmp/big {URL}/back -o /dev/null -w '%{{time_total}}'", 600))
        guest.text("rm /tmp/big")
    finally:
        child.terminate()
        child.wait()
    if hashlib.sha256((shared / "back").read_bytes()).hexdigest() != digest:
        raise SystemExit(f"{name}: what came back is another file")
    (shared / "back").unlink()
    return mib / down, mib / up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        shared = Path(folder) / "shared"
        shared.mkdir()
        (shared / "small").write_text("small")
        with (shared / "big").open("wb") as file:
            for _ in range(arguments.mib):
                file.write(os.urandom(1 << 20))
        found: dict[str, list[tuple[float, float]]] = {"ours": [], "reference": []}
        with ShareGuest(Path(folder)) as guest:
            guest.start_daemon()
            for _ in range(arguments.rounds):
                for name in found:
                    found[name].append(measure(guest, name, shared, arguments.mib))
    print(f"{'':<20}{'ours':>12}{'reference':>12}{'ratio':>8}   MiB/s, median of {arguments.rounds}")
    for at, way in enumerate(("to the guest", "from the guest")):
        ours, reference = (median(rates[at] for rates in found[name]) for name in ("ours", "reference"))
        print(f"{way:<20}{ours:>12.1f}{reference:>12.1f}{ours / reference:>8.2f}")


if __name__ == "__main__":
    main()
