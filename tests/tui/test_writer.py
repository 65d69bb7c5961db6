"""The writer: nothing that must arrive is lost, and frames wait for the terminal."""

from __future__ import annotations

import os
import threading

import pytest

from spicetui.term.caps import STATUS
from spicetui.tui import writer as module
from spicetui.tui.writer import CREDITS, FrameWriter


class Pipe:
    """The reading end of what is written."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.room = threading.Event()
        self.broken = threading.Event()
        self.writer = FrameWriter(self.writing, self.room.set, self.broken.set)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += os.read(self.reading, count - len(data))
        return data

    def wait_ready(self) -> None:
        while not self.writer.ready():
            assert self.room.wait(10)
            self.room.clear()

    def close(self) -> None:
        self.writer.stop()
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def pipe() -> object:
    pipe = Pipe()
    pipe.writer.start()
    yield pipe
    pipe.close()


def test_frames_need_acknowledgements(pipe: Pipe) -> None:
    for number in range(CREDITS):
        pipe.wait_ready()
        pipe.writer.frame(b"frame%d" % number)
        assert pipe.read(6 + len(STATUS)) == b"frame%d" % number + STATUS
    assert not pipe.writer.ready()
    assert pipe.writer.outstanding == CREDITS
    pipe.room.clear()
    pipe.writer.acknowledged()
    assert pipe.room.wait(10)
    pipe.wait_ready()
    assert pipe.writer.ack_seconds > 0


def test_control_bytes_keep_their_order_around_frames(pipe: Pipe) -> None:
    pipe.writer.control(b"a")
    pipe.wait_ready()
    pipe.writer.frame(b"F")
    pipe.writer.control(b"b")
    pipe.writer.control(b"c")
    assert pipe.read(7) == b"aF" + STATUS + b"b"[:1]
    assert pipe.read(1) == b"c"


def test_no_frame_while_anything_is_to_be_written(pipe: Pipe) -> None:
    pipe.writer.control(b"x" * (1 << 20))  # more than a pipe takes
    assert not pipe.writer.ready()
    pipe.room.clear()
    pipe.read(1 << 20)
    assert pipe.room.wait(10)
    pipe.wait_ready()


def test_a_terminal_that_never_answers_is_written_to_all_the_same(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(CREDITS):
        pipe.wait_ready()
        pipe.writer.frame(b"f")
        pipe.read(1 + len(STATUS))
    patience = pipe.writer.patience()
    while patience is None:  # the thread has not come back from writing yet
        patience = pipe.writer.patience()
    assert 0 < patience <= module.ACK_SECONDS + 0.01
    monkeypatch.setattr(module, "ACK_SECONDS", 0.0)
    pipe.wait_ready()
    assert not pipe.writer.acknowledges
    for _ in range(2 * CREDITS):
        pipe.wait_ready()
        pipe.writer.frame(b"g")
        assert pipe.read(1) == b"g"
    assert pipe.writer.outstanding == 0


def test_a_terminal_that_is_gone_is_told() -> None:
    pipe = Pipe()
    os.close(pipe.reading)
    pipe.writer.start()
    pipe.writer.control(b"x")
    assert pipe.broken.wait(10)
    assert pipe.writer.broken
    pipe.writer.control(b"y")  # nothing happens
    pipe.writer.stop()
    os.close(pipe.writing)


def test_stopping_writes_what_is_queued() -> None:
    pipe = Pipe()
    pipe.writer.start()
    for number in range(200):
        pipe.writer.control(b"%03d" % number)
    pipe.writer.stop()
    assert pipe.read(600) == b"".join(b"%03d" % number for number in range(200))
    assert not pipe.writer.ready()
    os.close(pipe.reading)
    os.close(pipe.writing)


def test_an_acknowledgement_too_many_is_harmless(pipe: Pipe) -> None:
    pipe.writer.acknowledged()
    assert pipe.writer.outstanding == 0
    pipe.wait_ready()
