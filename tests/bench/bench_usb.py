"""Emulated USB drives in a Linux guest: how fast, beside QEMU's own USB disk and the reference client's emulated CD.

    python tests/bench/bench_usb.py [--rounds N]

One boot, 64 MiB by direct reads and writes of 1 MiB, in turn, the median of all rounds. The SPICE connection is a unix
socket, so nothing is compressed. *cpu*: seconds of the client's processor time for 64 MiB. *ratio*: ours by the
reference's figure; above 1 we are faster. QEMU's disk has no client and no channel: it shows what the guest can do.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from live import library, needs
from live.usb_guest import REFERENCE, SIZE, Guest, usb_guest

from spicetui.devices.usb_storage import MassStorage

HERE = Path(__file__).parent
READ = "dd if=/dev/{} of=/dev/null bs=1M iflag=direct"
WRITE = "dd if=/data of=/dev/{} bs=1M oflag=direct conv=notrunc"
Figures = dict[str, list[tuple[float, float]]]


def spent(pid: int) -> float:
    """Seconds of a process's processor time."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def measured(guest: Guest, command: str, pid: int | None, figures: list[tuple[float, float]]) -> None:
    before = spent(pid) if pid is not None else 0.0
    rate = await guest.timed(command)
    figures.append((rate, spent(pid) - before if pid is not None else 0.0))


async def ours(guest: Guest, image: Path, figures: Figures) -> None:
    async with await library.connect(guest.machine.address()) as client:
        assert client.usb is not None
        for name, device in (
            ("disk, USB 2", MassStorage.disk(image, writable=True)),
            ("disk, USB 3", MassStorage.disk(image, writable=True, usb3=True)),
            ("CD, USB 2", MassStorage.cd(image)),
            ("CD, USB 3", MassStorage.cd(image, usb3=True)),
        ):
            await client.usb.attach(device)
            disk = await guest.disk(device.serial)
            await measured(guest, READ.format(disk), os.getpid(), figures[f"{name}, read"])
            if name.startswith("disk"):
                await measured(guest, WRITE.format(disk), os.getpid(), figures[f"{name}, write"])
            await client.usb.detach(device)
            await guest.run(f"gone {disk}")


async def theirs(guest: Guest, image: Path, figures: Figures) -> None:
    command = [needs.reference_python(), "-I", str(HERE / "usb_reference.py"), str(guest.machine.unix_path), str(image)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        disk = await guest.run(
            "while ! [ -e /sys/block/sr0 ] || [ $(cat /sys/block/sr0/size) = 0 ]; do sleep 0.1; done; echo sr0"
        )
        await measured(guest, READ.format(disk), child.pid, figures["CD of the reference client, read"])
    finally:
        child.communicate()
    await guest.run("gone sr0")
    time.sleep(1.5)  # QEMU 7.2 does not survive clients that come and go at once


async def main(rounds: int) -> None:
    figures: Figures = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with usb_guest(folder) as guest:
            image = folder / "image.iso"
            image.write_bytes((folder / "reference.img").read_bytes())
            own = await guest.disk(REFERENCE)
            await guest.run(f"dd if=/dev/{own} of=/data bs=1M 2>/dev/null")
            for _ in range(rounds):
                await measured(guest, READ.format(own), None, figures["QEMU's own disk, read"])
                await measured(guest, WRITE.format(own), None, figures["QEMU's own disk, write"])
                await ours(guest, image, figures)
                await theirs(guest, image, figures)
    print(f"64 MiB, median of {rounds}; load average {os.getloadavg()[0]:.1f}\n")
    print(f"{'':<34}{'MB/s':>8}{'cpu s':>8}{'ratio':>8}  to")
    rates = {name: statistics.median(rate for rate, _ in rows) for name, rows in figures.items()}
    for name, rows in figures.items():
        cpu = statistics.median(seconds for _, seconds in rows)
        line = f"{name:<34}{rates[name]:>8.0f}{cpu:>8.2f}"
        if name.startswith("disk"):
            base = f"QEMU's own disk, {name.rpartition(', ')[2]}"
            line += f"{rates[name] / rates[base]:>8.2f}  {base}"
        elif name.startswith("CD, "):
            base = "CD of the reference client, read"
            line += f"{rates[name] / rates[base]:>8.2f}  {base}"
        print(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    assert SIZE == 64 << 20
    asyncio.run(main(parser.parse_args().rounds))
