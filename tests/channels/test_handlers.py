"""Every message that a server can send has a handler, or a reason why it needs none."""

from __future__ import annotations

import pytest

from spicetui.channels import base
from spicetui.channels.base import Channel
from spicetui.channels.main import Main
from spicetui.session import CHANNELS, _channel_class
from spicetui.wire.core import handler_name

KINDS: list[type[Channel]] = [Main, *map(_channel_class, CHANNELS)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_message_has_a_handler_or_a_reason(kind: type[Channel]) -> None:
    ignored = base.IGNORED | kind.IGNORED
    missing = [
        message.__name__
        for message in kind.MESSAGES.from_server.values()
        if not hasattr(kind, handler_name(message)) and message not in ignored
    ]
    assert not missing


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_reasons_are_needed_and_given(kind: type[Channel]) -> None:
    for message, reason in (base.IGNORED | kind.IGNORED).items():
        assert message in kind.MESSAGES.server_number
        assert len(reason.split()) > 2
        assert not hasattr(kind, handler_name(message)), f"{message.__name__} has a handler and a reason for none"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_handler_waits_for_a_message_that_is_not_declared(kind: type[Channel]) -> None:
    names = {handler_name(message) for message in kind.MESSAGES.from_server.values()}
    handlers = {name for name in dir(kind) if name.startswith("on_")} - {"on_linked"}
    assert handlers <= names
