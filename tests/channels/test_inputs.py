"""The inputs channel: codes of keys, buttons, and motion that never runs ahead of the server."""

from __future__ import annotations

from typing import Any

import pytest
from peer.fake_server import INPUTS, MAIN, FakeChannel, session_init

from spicetui import Button, Key, Options
from spicetui.channels.inputs import ACK_BUNCH, MOTION_WINDOW, Inputs
from spicetui.wire import inputs as wire
from spicetui.wire import main
from spicetui.wire.enums import ChannelType, InputsCap, KeyboardModifierFlags, MouseMode

from .support import Opened, opened

SERVER_MODE = session_init(supported_mouse_modes=MouseMode.SERVER, current_mouse_mode=MouseMode.SERVER)


def inputs_of(session: Opened) -> Inputs:
    inputs = session.client.inputs
    assert inputs is not None
    return inputs


async def sent(channel: FakeChannel) -> list[Any]:
    """What the client has said so far, less flow control."""
    channel.skipped.clear()
    await channel.settled()
    return [m for m in channel.skipped if m.__class__.__module__ == wire.__name__]


# --- keys


@pytest.mark.parametrize(
    ("key", "down", "up"),
    [
        (Key.A, 0x1E, 0x9E),
        (Key.ESC, 0x01, 0x81),
        (Key.F12, 0x58, 0xD8),
        (Key.RIGHT_CTRL, 0x1DE0, 0x9DE0),
        (Key.DELETE, 0x53E0, 0xD3E0),
        (Key.PAUSE, 0x451DE1, 0xC59DE1),
    ],
)
async def test_codes(key: Key, down: int, up: int) -> None:
    async with opened(INPUTS) as session:
        inputs_of(session).key_press(key)
        assert await sent(session.channel) == [wire.KeyDown(down), wire.KeyUp(up)]


@pytest.mark.parametrize("key", Key, ids=lambda key: key.name)
def test_every_key_s_release_is_the_one_that_keyboards_send(key: Key) -> None:
    from spicetui.channels.inputs import released

    code = released(key)
    assert code.to_bytes(4, "little").rstrip(b"\0") == key.release


async def test_keys_in_one_message_where_the_server_takes_that() -> None:
    caps = {ChannelType.INPUTS: frozenset({InputsCap.KEY_SCANCODE})}
    async with opened(INPUTS, channel_caps=caps) as session:
        inputs = inputs_of(session)
        inputs.key_press(Key.LEFT_CTRL, Key.LEFT_ALT, Key.DELETE)
        inputs.key_press(Key.PAUSE)
        codes = [bytes.fromhex("1d 38 e053 e0d3 b8 9d"), bytes.fromhex("e11d45 e19dc5")]
        assert [bytes(m.data) for m in await sent(session.channel)] == codes
        assert not inputs.keys_down
        inputs.key_down(Key.LEFT_CTRL)  # held already: nothing must let go of it but its own release
        inputs.key_press(Key.LEFT_CTRL, Key.A)
        assert not any(isinstance(m, wire.KeyScancode) for m in await sent(session.channel))


async def test_keys_one_by_one_where_it_does_not() -> None:
    async with opened(INPUTS, channel_caps={}) as session:
        inputs_of(session).key_press(Key.LEFT_CTRL, Key.A)
        expected = [wire.KeyDown(0x1D), wire.KeyDown(0x1E), wire.KeyUp(0x9E), wire.KeyUp(0x9D)]
        assert await sent(session.channel) == expected


async def test_codes_that_have_no_name() -> None:
    """Any scancode can be sent, a keyboard may have keys that nobody has listed."""
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        inputs.key_down(0x7C)
        assert list(inputs.keys_down) == [0x7C]
        inputs.release_all()
        assert await sent(session.channel) == [wire.KeyDown(0x7C), wire.KeyUp(0xFC)]


async def test_letting_go_of_everything() -> None:
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        for key in (Key.LEFT_CTRL, Key.LEFT_ALT, Key.DELETE, Key.DELETE):
            inputs.key_down(key)
        inputs.mouse_down(Button.MIDDLE)
        inputs.mouse_down(Button.EXTRA)
        await sent(session.channel)
        inputs.release_all()
        assert await sent(session.channel) == [
            wire.KeyUp(0xD3E0),
            wire.KeyUp(0xB8),
            wire.KeyUp(0x9D),
            wire.MouseRelease(Button.MIDDLE, 1 << 6),
            wire.MouseRelease(Button.EXTRA, 0),
        ]
        inputs.release_all()
        assert await sent(session.channel) == []


async def test_locks() -> None:
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        session.channel.send(wire.LedModifiers(KeyboardModifierFlags.CAPS_LOCK | 0x100))
        await session.channel.settled()
        assert inputs.leds == KeyboardModifierFlags.CAPS_LOCK
        inputs.set_modifiers(KeyboardModifierFlags.NUM_LOCK)
        assert await sent(session.channel) == [wire.KeyModifiers(2)]
        assert session.driver.named("leds_changed") == [(False, False, False), (False, False, True)]
        assert session.driver.named("set_events_target") == [(inputs,)]


# --- buttons


async def test_buttons_carry_what_is_held() -> None:
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        inputs.mouse_down(Button.LEFT)
        inputs.mouse_down(Button.RIGHT)
        inputs.mouse_up(Button.LEFT)
        inputs.mouse_click(Button.SIDE)
        assert await sent(session.channel) == [
            wire.MousePress(1, 0b001),
            wire.MousePress(3, 0b101),
            wire.MouseRelease(1, 0b100),
            wire.MousePress(6, 0b100100),
            wire.MouseRelease(6, 0b100),
        ]


async def test_the_wheel_is_two_buttons() -> None:
    async with opened(INPUTS) as session:
        inputs_of(session).mouse_scroll(0, -2)
        inputs_of(session).mouse_scroll(0, 1)
        inputs_of(session).mouse_scroll(3, 0)
        pressed = [m.button for m in await sent(session.channel) if isinstance(m, wire.MousePress)]
        assert pressed == [Button.UP, Button.UP, Button.DOWN]


# --- motion


async def test_places_stop_at_the_window_and_the_newest_follows() -> None:
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        for x in range(50):
            inputs.mouse_move(x, 7, 0)
        first = await sent(session.channel)
        assert first == [wire.MousePosition(x, 7, 0, 0) for x in range(MOTION_WINDOW)]
        session.channel.send(wire.MouseMotionAck())
        assert await sent(session.channel) == [wire.MousePosition(49, 7, 0, 0)]
        session.channel.send(wire.MouseMotionAck(), wire.MouseMotionAck())
        assert await sent(session.channel) == []
        for x in range(50):
            inputs.mouse_move(x, 8)
        assert len(await sent(session.channel)) == MOTION_WINDOW


async def test_each_acknowledgement_makes_room_for_a_bunch() -> None:
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        for x in range(MOTION_WINDOW):
            inputs.mouse_move(x, 0)
        await sent(session.channel)
        session.channel.send(wire.MouseMotionAck())
        await sent(session.channel)
        for x in range(20):
            inputs.mouse_move(x, 1)
        assert len(await sent(session.channel)) == ACK_BUNCH


async def test_a_button_is_pressed_where_the_pointer_is() -> None:
    """What is held back goes out before the button, whatever the window says."""
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        for x in range(50):
            inputs.mouse_move(x, 0)
        inputs.mouse_click(Button.LEFT)
        tail = (await sent(session.channel))[MOTION_WINDOW:]
        assert tail == [wire.MousePosition(49, 0, 0, 0), wire.MousePress(1, 1), wire.MouseRelease(1, 0)]


async def test_movements_are_summed_up_in_server_mode() -> None:
    async with opened(INPUTS, init=SERVER_MODE) as session:
        inputs = inputs_of(session)
        for _ in range(MOTION_WINDOW + 10):
            inputs.mouse_motion(1, -2)
        assert await sent(session.channel) == [wire.MouseMotion(1, -2, 0)] * MOTION_WINDOW
        session.channel.send(wire.MouseMotionAck())
        assert await sent(session.channel) == [wire.MouseMotion(10, -20, 0)]


async def test_movements_that_cancel_out_are_none() -> None:
    async with opened(INPUTS, init=SERVER_MODE) as session:
        inputs = inputs_of(session)
        inputs.mouse_motion(0, 0)
        for _ in range(MOTION_WINDOW):
            inputs.mouse_motion(1, 0)
        inputs.mouse_motion(5, 5)
        inputs.mouse_motion(-5, -5)
        await sent(session.channel)
        session.channel.send(wire.MouseMotionAck())
        assert await sent(session.channel) == []


async def test_each_mode_has_its_own_kind_of_motion() -> None:
    async with opened(INPUTS) as session:
        inputs = inputs_of(session)
        inputs.mouse_motion(5, 5)
        assert await sent(session.channel) == []
        main_channel = await session.server.channel(MAIN)
        main_channel.send(main.MouseMode(MouseMode.SERVER, MouseMode.SERVER))
        await main_channel.settled()
        inputs.mouse_move(5, 5)
        inputs.mouse_motion(1, 1)
        assert await sent(session.channel) == [wire.MouseMotion(1, 1, 0)]


async def test_places_are_never_negative() -> None:
    async with opened(INPUTS) as session:
        inputs_of(session).mouse_move(-5, -1, 2)
        assert await sent(session.channel) == [wire.MousePosition(0, 0, 0, 2)]


async def test_read_only_sends_nothing() -> None:
    async with opened(INPUTS, client={"options": Options(read_only=True)}) as session:
        inputs = inputs_of(session)
        inputs.key_press(Key.A)
        inputs.mouse_move(1, 1)
        inputs.mouse_motion(1, 1)
        inputs.mouse_click()
        inputs.mouse_scroll(0, 1)
        inputs.set_modifiers(KeyboardModifierFlags.CAPS_LOCK)
        inputs.release_all()
        assert await sent(session.channel) == []
