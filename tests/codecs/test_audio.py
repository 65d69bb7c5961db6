"""Opus, packet by packet."""

from __future__ import annotations

import pytest

from spicetui.codecs import audio
from spicetui.errors import CodecError, FeatureMissing


def test_without_pyav_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "available", lambda: False)
    with pytest.raises(FeatureMissing, match="pip install 'spicetui\\[audio\\]'"):
        audio.OpusDecoder(2)


def test_garbage_leaves_the_decoder_usable() -> None:
    decoder = audio.OpusDecoder(2)
    (packet,) = audio.OpusEncoder(2).encode(bytes(1920))
    for garbage in (b"\xff" * 50, bytes(range(256)) * 8):
        with pytest.raises(CodecError):
            decoder.decode(garbage)
        assert decoder.decode(packet) == bytes(1920)
    assert decoder.decode(b"") == b""


def test_decoder_and_encoder_say_what_they_cannot() -> None:
    with pytest.raises(CodecError, match="3 channels"):
        audio.OpusDecoder(3)
    with pytest.raises(CodecError, match="1920 are wanted"):
        audio.OpusEncoder(2).encode(b"1234")


def test_mono() -> None:
    (packet,) = audio.OpusEncoder(1).encode(bytes(960))
    assert audio.OpusDecoder(1).decode(packet) == bytes(960)
