"""A Linux guest's sound card in QEMU: what it plays is heard, what is spoken it hears, what its mixer does is told."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import spicetui
from spicetui.wire.enums import ChannelType

from . import library, tones
from .cli import Cli, target
from .conftest import Row
from .process import DEADLINE
from .qemu import Qemu
from .sound_guest import FULL, SoundGuest, arguments
from .test_audio import TABLE, ended, listening

RATE = 48_000
ATTEMPTS = 5
"""A machine that is busy with other things may starve the guest's card, which an emulated processor has to feed."""


class Machine(NamedTuple):
    qemu: Qemu
    guest: SoundGuest


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    try:
        tone = tones.tone(2.5).astype("<i2").tobytes()
        with Qemu(folder, extra=arguments(folder, tone=tone)) as qemu:
            yield Machine(qemu, SoundGuest(qemu))
    finally:
        shutil.rmtree(folder)


def channels(qemu: Qemu) -> set[int]:
    """The types that a client has open."""
    return {one["channel-type"] for one in qemu.qmp("query-spice").get("channels", ())}


def wait(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def connected(qemu: Qemu, kind: ChannelType) -> None:
    """Until a client has opened that channel."""
    wait(lambda: kind in channels(qemu))


def left_alone(qemu: Qemu) -> None:
    """Until the client before has gone."""
    wait(lambda: not channels(qemu))


@pytest.mark.parametrize("codec", ["raw", "auto"])
def test_the_guest_plays(codec: str, machine: Machine, private: Path, cli: Cli, row: Row) -> None:
    """440 Hz by aplay: the pitch, the loudness, no gap."""
    for attempt in range(1, ATTEMPTS + 1):
        path = private / f"tone-{attempt}.wav"
        words = ("--codec", codec, "--seconds", "2.3", "--timeout", str(DEADLINE))
        with listening(cli, target(machine.qemu.address()), path, *words) as process:
            machine.guest.play("while cat /tone; do :; done")  # of whole periods
            try:
                told = ended(process)
            finally:
                machine.guest.stop()
        came, rate = tones.read(path)
        assert (rate, len(came), told["lost_packets"]) == (RATE, round(2.3 * RATE), 0)
        heard = tones.trimmed(came)
        seconds = [heard[at : at + RATE] for at in range(0, len(heard) - RATE + 1, RATE // 4)]
        # The best second: an emulated processor that starves leaves gaps in what its card plays.
        gap, wrong = min(
            ((tones.longest_silence(one), abs(tones.pitch(one, rate) - 440)) for one in seconds), default=(RATE, 440.0)
        )
        row(
            TABLE,
            test=f"QEMU's HD audio, {told['codec']}, attempt {attempt}",
            frames=len(came),
            lost=0,
            pitch_Hz=f"{tones.pitch(heard, rate):.2f}",
            gap_ms=f"{gap * 1000 / RATE:.1f}",
        )
        if gap < RATE / 440 and wrong < 1:  # a gap as around a zero of the wave
            break
    assert (gap < RATE / 440, wrong < 1) == (True, True), (gap, wrong)
    loudest = float(np.percentile(np.abs(heard.astype(int)).max(axis=1), 99))
    assert loudest == pytest.approx(12_000, rel=0.1)


def test_the_guest_hears(machine: Machine, private: Path, cli: Cli, row: Row) -> None:
    """What is spoken is recorded by arecord, played by aplay, and comes back as it was."""
    speech = tones.speech(2.0)
    spoken, back = private / "speech.wav", private / "back.wav"
    tones.write(spoken, speech, RATE)
    where = target(machine.qemu.address())
    for attempt in range(1, ATTEMPTS + 1):
        left_alone(machine.qemu)
        with subprocess.Popen(
            [sys.executable, "-m", "spicetui", "speak", where, str(spoken), "--timeout", str(DEADLINE)],
            env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            connected(machine.qemu, ChannelType.RECORD)
            complaint = machine.guest.record("/heard", 4)
            _, error = process.communicate(timeout=DEADLINE)
        assert (process.returncode, error) == (0, "")
        words = ("--codec", "raw", "--seconds", "3.8", "--timeout", str(DEADLINE))
        back.unlink(missing_ok=True)
        left_alone(machine.qemu)
        with listening(cli, where, back, *words) as process:
            connected(machine.qemu, ChannelType.PLAYBACK)
            machine.guest.play("cat /heard /dev/zero")
            try:
                ended(process)
            finally:
                machine.guest.stop()
        came, _ = tones.read(back)
        # The best half second: what an emulated processor misses, its card leaves out.
        parts = [speech[at : at + RATE // 2] for at in range(0, len(speech) - RATE // 2 + 1, RATE // 4)]
        alike = max(tones.correlation(came, part)[0] for part in parts)
        name = f"spoken to QEMU's HD audio and played by it, attempt {attempt}"
        row(TABLE, test=name, frames=len(came), correlation=f"{alike:.5f}")
        if alike >= 0.99:
            break
    assert alike >= 0.99, complaint


class Volumes(library.Watcher):
    """What the guest's mixer has told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[bool, tuple[int, ...], bool]] = []

    def volume_changed(self, microphone: bool, volumes: Sequence[int], muted: bool) -> None:
        self.told.append((microphone, tuple(volumes), muted))
        self._changed.set()


async def test_the_guests_mixer(machine: Machine) -> None:
    """The volume of amixer comes as the playback channel's, and is an event."""
    watcher = Volumes()
    guest = machine.guest
    guest.play("cat /dev/zero")
    try:
        async with await spicetui.connect(library.connector(machine.qemu.address()), watcher) as client:
            playback = client.playback
            assert playback is not None
            await asyncio.to_thread(guest.set_volume, FULL // 2)
            assert await watcher.until(lambda: len(set(playback.volume)) == 1 and 20_000 < playback.volume[0] < 45_000)
            assert (False, playback.volume, False) in watcher.told
            await asyncio.to_thread(guest.set_volume, FULL // 2, on=False)
            assert await watcher.until(lambda: playback.muted)
            await asyncio.to_thread(guest.set_volume, FULL)
            assert await watcher.until(lambda: playback.volume == (65535, 65535) and not playback.muted)
    finally:
        guest.set_volume(FULL)
        guest.stop()
