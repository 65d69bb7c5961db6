"""A Linux guest with QEMU's HD audio card, a loudspeaker and a microphone, and ALSA's own programs."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

from . import linux_guest, needs
from .linux_guest import Shell
from .process import DEADLINE
from .qemu import Qemu

DEVICES = ("-audiodev", "spice,id=sound", "-device", "intel-hda", "-device", "hda-duplex,audiodev=sound")
PROGRAMS = ("aplay", "amixer")
#: The codec's driver has to be there when the card's looks for it.
MODULES = ("snd_hda_codec_generic", "snd_hda_intel")
CONFIGURATION = b"pcm.card { type hw card 0 }\nctl.card { type hw card 0 }\n"
RAW = "-t raw -f S16_LE -r 48000 -c 2"
STATUS = "/proc/asound/card0/pcm0p/sub0/status"
FULL = 74
"""The mixer's steps, of a decibel each."""


@cache
def _programs() -> dict[str, bytes]:
    paths = [Path(needs.program(name)) for name in PROGRAMS]
    listed = subprocess.run(["ldd", *map(str, paths)], capture_output=True, text=True, check=True).stdout
    libraries = {Path(found) for found in re.findall(r"(/\S+) \(0x", listed)}
    return {path.name: path.read_bytes() for path in (*paths, *libraries)}


def arguments(folder: Path, **sounds: bytes) -> list[str]:
    """QEMU's; *sounds* are files of raw samples in the guest's root."""
    files = {**_programs(), **sounds, **linux_guest.modules(*MODULES), "alsa.conf": CONFIGURATION}
    return [*linux_guest.arguments(folder, "quiet loglevel=0", files), *DEVICES]


class SoundGuest:
    def __init__(self, machine: Qemu) -> None:
        self.shell = Shell(machine.com1, 4 * DEADLINE)
        loader = next(name for name in _programs() if name.startswith("ld-"))
        self.run(f"mkdir -p /lib64 && ln -s /{loader} /lib64/{loader}; ln -s aplay /arecord")
        self.run("export LD_LIBRARY_PATH=/ ALSA_CONFIG_PATH=/alsa.conf")
        for name in linux_guest.modules(*MODULES):
            self.run(f"insmod /{name}")
        self.run("until [ -e /dev/snd/pcmC0D0c ] && [ -e /dev/snd/pcmC0D0p ]; do usleep 20000; done")
        self.set_volume(FULL)
        self.mix("cset name='Capture Volume' 74; /amixer -q -D card cset name='Capture Switch' on")

    def run(self, command: str) -> str:
        return self.shell.run(command).decode()

    def mix(self, words: str) -> None:
        said = self.run(f"/amixer -q -D card {words} 2>&1")
        assert not said, said

    def set_volume(self, steps: int, *, on: bool = True) -> None:
        """Of its loudspeaker, FULL at most."""
        switch = "on" if on else "off"
        self.mix(
            f"cset name='Master Playback Volume' {steps}; "
            f"/amixer -q -D card cset name='Master Playback Switch' {switch}"
        )

    def play(self, source: str) -> None:
        """What a shell command writes, until :meth:`stop`; returns when the card takes it.

        What the mixer is told reaches the card while something plays, and later otherwise.
        """
        self.run(
            f"( {source} ) 2>/dev/null | /aplay -q -D card {RAW} --buffer-time=500000 >/dev/null 2>&1 & "
            f"until grep -q RUNNING {STATUS}; do usleep 20000; done"
        )

    def stop(self) -> None:
        self.run("killall aplay; wait")

    def record(self, path: str, seconds: int) -> str:
        return self.run(f"/arecord -q -D card {RAW} --buffer-time=500000 -d {seconds} {path} 2>&1")
