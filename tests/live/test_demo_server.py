"""The demo desktop judged by the reference client: after every step it shows what the server's own screen shows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import pytest
from peer import demo_script

from spicetui.demo.channels import DisplayServer
from spicetui.demo.demo_server import DemoServer
from spicetui.demo.serving import listen_tcp, listen_unix
from spicetui.interfaces import ChannelKey
from spicetui.keymap.keys import Key
from spicetui.wire.enums import ChannelType

from . import picture
from .process import DEADLINE
from .reference import Address, Reference, ReferenceError, spicy_screenshot

T = TypeVar("T")


class Hosted:
    """A demo server on a thread and loop of its own; nothing moves by itself."""

    def __init__(self, unix_path: Path | None = None, password: str = "") -> None:
        self.listener = listen_unix(str(unix_path)) if unix_path is not None else listen_tcp("127.0.0.1", 0)
        port = None if unix_path is not None else self.listener.getsockname()[1]
        self.address = Address(port=port, unix_path=unix_path, password=password or None)
        self.password = password
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self.server = self.call(self._start())
        return self

    async def _start(self) -> DemoServer:
        server = DemoServer(password=self.password, animate=False)
        await server.listen_on(self.listener)
        return server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self.server.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE)
        self.loop.close()

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE)

    def do(self, action: Callable[[], T]) -> T:
        """*action* on the server's loop."""

        async def on_loop() -> T:
            return action()

        result: T = self.call(on_loop())
        return result

    def settle(self) -> None:
        """Until every client has drawn all that was sent."""

        async def settle() -> None:
            for session in self.server.sessions.values():
                display = session.channels[ChannelKey(ChannelType.DISPLAY)]
                assert isinstance(display, DisplayServer)
                await demo_script.settle(display)

        self.call(settle())

    def truth(self) -> picture.Picture:
        return self.do(lambda: np.asarray(self.server.desktop.screen.image).copy())


@pytest.fixture
def hosted() -> Iterator[Hosted]:
    with Hosted() as server:
        yield server


def test_spicy_screenshot(hosted: Hosted, private: Path) -> None:
    """It writes its file at the first update: the first message has to bring the whole screen."""
    shown, _ = spicy_screenshot(private, hosted.address)
    assert not picture.difference(shown, hosted.truth())


def test_spicy_screenshot_on_a_unix_socket(private: Path) -> None:
    with Hosted(private / "demo.sock") as server:
        shown, _ = spicy_screenshot(private, server.address)
        assert not picture.difference(shown, server.truth())


@pytest.mark.parametrize("compression", ["lz4", "off"])
def test_every_step_looks_the_same_in_the_reference_client(hosted: Hosted, private: Path, compression: str) -> None:
    with Reference(private, hosted.address, compression=compression) as reference:
        reference.rest()
        steps = demo_script.run(hosted.server.desktop)
        while (name := hosted.do(lambda: next(steps, None))) is not None:
            hosted.settle()
            assert not picture.difference(reference.picture(), hosted.truth()), f"after {name}"


def test_what_is_typed_in_the_reference_client_arrives(hosted: Hosted, private: Path) -> None:
    with Reference(private, hosted.address) as reference:
        reference.rest()
        for key in (Key.E, Key.C, Key.H, Key.O, Key.SPACE, Key.LEFT_SHIFT, Key.A, Key.DIGIT_1):
            reference.ask("key", scancode=int(key), down=True)
        for key in (Key.LEFT_SHIFT, Key.ENTER):
            reference.ask("key", scancode=int(key), down=key is Key.ENTER)
        reference.ask("position", x=321, y=54)
        reference.rest()
        assert "demo:~$ echo A!\nA!\ndemo:~$" in hosted.do(lambda: hosted.server.desktop.terminal.text)
        assert hosted.do(lambda: hosted.server.desktop.pointer) == (321, 54)
        assert not picture.difference(reference.picture(), hosted.truth())


def test_two_clients_see_the_same(hosted: Hosted, private: Path) -> None:
    others = private / "other"
    others.mkdir()
    with Reference(private, hosted.address) as one, Reference(others, hosted.address) as other:
        for reference in (one, other):
            reference.rest()
        one.ask("key", scancode=int(Key.A), down=True)
        one.rest()
        hosted.settle()
        assert not picture.difference(one.picture(), hosted.truth())
        assert not picture.difference(other.picture(), hosted.truth())


def test_password(private: Path) -> None:
    with Hosted(password="secret") as server:
        with Reference(private, server.address) as reference:
            reference.rest()
            assert not picture.difference(reference.picture(), server.truth())
        wrong = Address(port=server.address.port, password="wrong")
        with pytest.raises(ReferenceError), Reference(private, wrong):
            pass
