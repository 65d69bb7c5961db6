"""listen and speak: what they write, send, tell and refuse."""

from __future__ import annotations

import asyncio
import json
import wave
from pathlib import Path

import pytest

from spicetui import AudioFormat
from spicetui.interfaces import ChannelKey
from spicetui.wire import playback, record
from spicetui.wire.enums import AudioDataMode, ChannelType

from .conftest import Run
from .server import Connection, Server

CHANNELS = tuple(ChannelKey(kind) for kind in (ChannelType.MAIN, ChannelType.PLAYBACK, ChannelType.RECORD))
PACKET = bytes(range(240)) * 8  # 480 frames


def play(connection: Connection) -> None:
    connection.send(playback.Mode(0, AudioDataMode.RAW, b""), playback.Start(2, AudioFormat.S16, 48_000, 0))
    connection.every(0.01, lambda: connection.send(playback.Data(1, PACKET)))


def listen(connection: Connection) -> None:
    connection.send(record.Start(2, AudioFormat.S16, 48_000))


def serve(folder: Path, *, sound: bool = True) -> Server:
    greetings = {ChannelType.PLAYBACK: play, ChannelType.RECORD: listen} if sound else {}
    return Server(folder, greetings=greetings, channels=CHANNELS)


def write(path: Path, data: bytes, *, width: int = 2, rate: int = 48_000) -> str:
    with wave.open(str(path), "wb") as file:
        file.setparams((2, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return str(path)


def test_listen_writes_what_is_played(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with serve(tmp_path) as server:
        result = run("listen", server.target, str(path), "--seconds", "0.1", "--json")
        assert server.opened() == ["main:0", "playback:0"]
    assert (result.status, result.err) == (0, "")
    assert json.loads(result.out) == {
        "files": [str(path)],
        "seconds": 0.1,
        "frames": 4800,
        "rate": 48_000,
        "channels": 2,
        "codec": "raw",
        "lost_packets": 0,
    }
    with wave.open(str(path)) as file:
        assert file.readframes(5000) == PACKET * 10


def test_listen_says_nothing_unasked(run: Run, tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        assert run("listen", server.target, str(tmp_path / "x.raw"), "--seconds", "0.015") == (0, "", "")
    assert (tmp_path / "x.raw").read_bytes() == (PACKET * 2)[: 720 * 4]


def test_listen_to_a_silent_guest(run: Run, tmp_path: Path) -> None:
    with serve(tmp_path, sound=False) as server:
        result = run("listen", server.target, str(tmp_path / "x.wav"), "--seconds", "1", "--timeout", "0.2")
    assert result.status == 1
    assert result.error == "the guest has played nothing for 0.2 seconds; --timeout waits longer"


def test_a_server_without_sound(run: Run, tmp_path: Path) -> None:
    name = write(tmp_path / "in.wav", PACKET)
    with Server(tmp_path) as server:
        for words in (("listen", server.target, str(tmp_path / "x.wav")), ("speak", server.target, name)):
            result = run(*words)
            assert result.status == 6
            assert result.error.startswith("the server offers no ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("x.mp3",), "x.mp3: the file's name must end in .wav, .ogg, .opus, .raw, .pcm"),
        (("no/x.wav",), "no/x.wav: there is no folder to write it to"),
        (("-", "--json"), "--json and the sound cannot both go to standard output; give a file"),
        (("x.wav", "--seconds", "0"), "argument --seconds: '0' is not a number of seconds above 0"),
    ],
)
def test_listen_is_used_wrongly(words: tuple[str, ...], error: str, run: Run) -> None:
    result = run("listen", "127.0.0.1:1", *words)
    assert result.status == 2
    assert result.error.startswith(error)


def test_a_disk_that_fails(run: Run, tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        (tmp_path / "full.raw").symlink_to("/dev/full")
        result = run("listen", server.target, str(tmp_path / "full.raw"), "--seconds", "0.05")
        assert result.status == 1
        assert result.error.endswith("full.raw: no space left on device")


def test_speak_sends_the_file(run: Run, tmp_path: Path) -> None:
    name = write(tmp_path / "in.wav", PACKET * 20)
    with serve(tmp_path) as server:
        result = run("speak", server.target, name, "--json")
        messages = server.messages(ChannelType.RECORD)
        assert server.opened() == ["main:0", "record:0"]
    assert (result.status, result.err) == (0, "")
    assert json.loads(result.out) == {"frames": 9600, "seconds": 0.2, "codec": "raw"}
    data = b"".join(bytes(m.data) for m in messages if isinstance(m, record.Data))
    assert data.startswith(PACKET * 20)
    assert not any(data[len(PACKET) * 20 :])


def test_speak_to_a_guest_that_does_not_listen(run: Run, tmp_path: Path) -> None:
    name = write(tmp_path / "in.wav", PACKET)
    with serve(tmp_path, sound=False) as server:
        result = run("speak", server.target, name, "--timeout", "0.2")
        assert not any(isinstance(m, record.Data) for m in server.messages(ChannelType.RECORD))
    assert result.status == 1
    assert result.error == "the guest has not listened for 0.2 seconds; let it record, or see --timeout"


def test_speak_to_a_guest_that_stops_to_listen(run: Run, tmp_path: Path) -> None:
    def later(connection: Connection) -> None:
        listen(connection)
        asyncio.get_running_loop().call_later(0.2, lambda: connection.send(record.Stop()))

    name = write(tmp_path / "in.wav", PACKET * 200)
    with Server(tmp_path, greetings={ChannelType.RECORD: later}, channels=CHANNELS) as server:
        result = run("speak", server.target, name)
    assert result.status == 1
    assert result.error.startswith("the guest has stopped to listen after ")


def test_speak_refuses_what_it_cannot_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.wav").write_bytes(b"")
    write(tmp_path / "eight.wav", PACKET, width=1)
    for name, status, error in (
        ("text.wav", 2, "text.wav: no WAV file that can be read (file does not start with RIFF id)"),
        ("empty.wav", 2, "empty.wav: no WAV file that can be read (it is empty)"),
        ("eight.wav", 2, "eight.wav: samples of 8 bits; convert it to 16 bits"),
        ("none.wav", 1, "none.wav: no such file or directory"),
    ):
        result = run("speak", "127.0.0.1:1", str(tmp_path / name))
        assert result.status == status
        assert result.error.endswith(error)


def test_read_only_keeps_the_microphone_closed(run: Run, tmp_path: Path) -> None:
    result = run("speak", "127.0.0.1:1", write(tmp_path / "in.wav", PACKET), "--read-only")
    assert result.status == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [("maybe", "'maybe' is neither ask, on nor off"), ("ask:nonsense", "no microphone is called 'nonsense'")],
)
def test_what_the_machine_may_hear_is_checked_at_once(run: Run, value: str, words: str) -> None:
    result = run("view", "demo", "--microphone", value)
    assert result.status == 2
    assert words in result.err
