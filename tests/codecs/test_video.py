"""Video decoders against streams encoded here: pixels, colours, sizes, and data that is none."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from video_clips import clip, encode, picture

from spicetui.codecs import video
from spicetui.errors import CodecError, FeatureMissing
from spicetui.wire.enums import VideoCodecType

ALL = list(VideoCodecType)
LIBAV = [codec for codec in ALL if codec is not VideoCodecType.MJPEG]
every_codec = pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)
libav_codec = pytest.mark.parametrize("codec", LIBAV, ids=lambda codec: codec.name)

#: Lossy coding of the pictures of `video_clips`, chroma halved: how far a channel may be off on average.
MEAN_ERROR = 4.0


@cache
def packets(codec: VideoCodecType) -> tuple[bytes, ...]:
    return tuple(clip(codec, 162, 122, 6))


def error(pixels: np.ndarray, rgb: np.ndarray) -> float:
    return float(np.abs(pixels[:, :, 2::-1].astype(int) - rgb).mean())


@pytest.mark.parametrize("wheel", [True, False])
def test_everything_is_available_with_pyav(wheel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another build than the wheel is asked for each decoder."""
    monkeypatch.setattr(video, "brings_its_libraries", lambda name: wheel)
    assert video.available.__wrapped__() == frozenset(VideoCodecType)


def test_a_build_without_a_decoder_does_not_announce_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "brings_its_libraries", lambda name: False)
    monkeypatch.setattr(video, "_LIBAV", video._LIBAV | {VideoCodecType.H264: "no such decoder"})
    assert video.available.__wrapped__() == frozenset(VideoCodecType) - {VideoCodecType.H264}


def test_pyav_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FeatureMissing, match="does not load"):
        video.open_decoder(VideoCodecType.VP9, 64, 64)


@every_codec
def test_each_frame_is_the_picture_that_was_encoded(codec: VideoCodecType) -> None:
    decoder = video.open_decoder(codec, 162, 122)
    for number, data in enumerate(packets(codec)):
        pixels = decoder.decode(data)
        assert pixels is not None
        assert pixels.shape == (122, 162, 4)
        assert pixels.dtype == np.uint8
        assert (pixels[:, :, 3] == 255).all()
        assert error(pixels, picture(162, 122, number)) < MEAN_ERROR
        assert error(pixels, picture(162, 122, number + 1)) > 2 * MEAN_ERROR  # the measure tells frames apart
    decoder.close()


@libav_codec
@pytest.mark.parametrize(("width", "height"), [(64, 576), (64, 578)], ids=["BT.601", "BT.709"])
def test_colours_follow_the_height_when_the_stream_names_no_matrix(
    codec: VideoCodecType, width: int, height: int
) -> None:
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = (40, 200, 60)  # a green that the wrong matrix misses by more than ten levels
    decoder = video.open_decoder(codec, width, height)
    pixels = decoder.decode(encode(codec, [rgb])[0])
    assert pixels is not None
    assert np.abs(pixels[:, :, 2::-1].astype(int) - rgb).max() <= 8
    decoder.close()


@libav_codec
def test_every_width_and_height_is_converted_to_its_last_pixel(codec: VideoCodecType) -> None:
    for width, height in [(64 + extra, 48) for extra in range(16)] + [(64, 49), (67, 51)]:
        rgb = np.empty((height, width, 3), np.uint8)
        rgb[:] = (200, 60, 90)
        if codec in (VideoCodecType.H264, VideoCodecType.H265) and (width % 2 or height % 2):
            continue  # their encoders take no odd sides
        decoder = video.open_decoder(codec, width, height)
        pixels = decoder.decode(encode(codec, [rgb])[0])
        decoder.close()
        assert pixels is not None
        assert pixels.shape == (height, width, 4)
        assert np.abs(pixels[:, :, 2::-1].astype(int) - rgb).max() <= 6, (width, height)
        assert (pixels[:, :, 3] == 255).all()


@pytest.mark.parametrize("chroma", ["444p", "422p", "420p10le"])
def test_other_samplings_of_a_guest_s_own_encoder(chroma: str) -> None:
    for width, height in ((64, 48), (66, 48), (72, 50)):
        if "10" in chroma and width % 16:
            continue  # libswscale makes such frames with an edge of chance
        rgb = np.empty((height, width, 3), np.uint8)
        rgb[:] = (200, 60, 90)
        decoder = video.open_decoder(VideoCodecType.H264, width, height)
        pixels = decoder.decode(encode(VideoCodecType.H264, [rgb], chroma)[0])
        decoder.close()
        assert pixels is not None
        assert np.abs(pixels[:, :, 2::-1].astype(int) - rgb).max() <= 6
        assert (pixels[:, :, 3] == 255).all()


@every_codec
def test_decoded_pixels_outlive_the_decoder_and_the_next_frame(codec: VideoCodecType) -> None:
    decoder = video.open_decoder(codec, 162, 122)
    first = decoder.decode(packets(codec)[0])
    assert first is not None
    before = first.copy()
    for data in packets(codec)[1:]:
        decoder.decode(data)
    decoder.close()
    del decoder
    assert (first == before).all()


@libav_codec
def test_skipped_frames_still_count_for_later_ones(codec: VideoCodecType) -> None:
    decoder = video.open_decoder(codec, 162, 122)
    for data in packets(codec)[:-1]:
        decoder.skip(data)
    pixels = decoder.decode(packets(codec)[-1])
    decoder.close()

    whole = video.open_decoder(codec, 162, 122)
    shown = [whole.decode(data) for data in packets(codec)]
    whole.close()
    assert pixels is not None
    assert shown[-1] is not None
    assert (pixels == shown[-1]).all()


def test_mjpeg_frames_stand_alone() -> None:
    decoder = video.open_decoder(VideoCodecType.MJPEG, 162, 122)
    decoder.skip(b"not even a JPEG")
    pixels = decoder.decode(packets(VideoCodecType.MJPEG)[4])
    assert pixels is not None
    assert error(pixels, picture(162, 122, 4)) < MEAN_ERROR


def test_mjpeg_without_simplejpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    video._jpeg_decoder.cache_clear()
    try:
        pixels = video.open_decoder(VideoCodecType.MJPEG, 162, 122).decode(packets(VideoCodecType.MJPEG)[0])
        assert pixels is not None
        assert (pixels[:, :, 3] == 255).all()
        assert error(pixels, picture(162, 122, 0)) < MEAN_ERROR
        with pytest.raises(CodecError, match="announced"):
            video.open_decoder(VideoCodecType.MJPEG, 40, 30).decode(packets(VideoCodecType.MJPEG)[0])
    finally:
        video._jpeg_decoder.cache_clear()  # what comes next decodes with simplejpeg again


@every_codec
def test_larger_than_announced_is_refused_and_smaller_is_taken(codec: VideoCodecType) -> None:
    data = packets(codec)[0]
    for width, height in ((146, 122), (162, 106), (40, 30)):
        decoder = video.open_decoder(codec, width, height)
        with pytest.raises(CodecError):
            decoder.decode(data)
        decoder.close()
    decoder = video.open_decoder(codec, 640, 480)
    pixels = decoder.decode(data)
    assert pixels is not None
    assert pixels.shape == (122, 162, 4)
    decoder.close()
    padded = video.open_decoder(codec, 161, 121)  # encoders want even sides
    assert padded.decode(data) is not None
    padded.close()


@every_codec
def test_a_frame_may_announce_its_own_size(codec: VideoCodecType) -> None:
    data = packets(codec)[0]
    decoder = video.open_decoder(codec, 160, 120)
    pixels = decoder.decode(data, (162, 122))
    assert pixels is not None
    assert pixels.shape == (122, 162, 4)
    with pytest.raises(CodecError, match="announced"):
        decoder.decode(data, (80, 60))
    decoder.close()


@libav_codec
def test_a_picture_far_beyond_the_announced_one_is_refused_before_it_is_decoded(codec: VideoCodecType) -> None:
    data = clip(codec, 640, 480, 1)[0]
    decoder = video.open_decoder(codec, 64, 64)
    with pytest.raises(CodecError) as caught:
        decoder.decode(data)
    assert "announced" not in str(caught.value)  # libavcodec's own limit, not ours after the work
    decoder.close()


@every_codec
@pytest.mark.parametrize(("width", "height"), [(0, 16), (16, 0), (65536, 65536), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_absurd_sizes_are_refused(codec: VideoCodecType, width: int, height: int) -> None:
    with pytest.raises(CodecError):
        video.open_decoder(codec, width, height)


@every_codec
def test_empty_data_is_no_frame_and_does_not_end_the_stream(codec: VideoCodecType) -> None:
    decoder = video.open_decoder(codec, 162, 122)
    assert decoder.decode(b"") is None
    assert decoder.decode(packets(codec)[0]) is not None
    assert decoder.decode(memoryview(b"")) is None
    assert decoder.decode(packets(codec)[1]) is not None
    decoder.close()


@every_codec
def test_any_buffer_is_taken(codec: VideoCodecType) -> None:
    data = packets(codec)[0]
    for buffer in (bytearray(data), memoryview(data), memoryview(b"xx" + data)[2:]):
        decoder = video.open_decoder(codec, 162, 122)
        assert decoder.decode(buffer) is not None
        decoder.close()


@every_codec
def test_damaged_streams_raise_only_codec_errors(codec: VideoCodecType) -> None:
    """And after each one a decoder of the same stream still works."""
    rng = random.Random(codec)
    refused = 0
    for _ in range(60):
        decoder = video.open_decoder(codec, 162, 122)
        for data in packets(codec)[:3]:
            damaged = bytearray(data)
            kind = rng.random()
            if kind < 0.3:
                del damaged[rng.randrange(1, len(damaged)) :]
            elif kind < 0.9:
                for _ in range(rng.choice((1, 4, 30))):
                    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            try:
                pixels = decoder.decode(damaged)
            except CodecError:
                refused += 1
            else:
                assert pixels is None or (pixels.shape[0] < 122 + 16 and pixels.shape[1] < 162 + 16)
        decoder.close()
    assert refused
    decoder = video.open_decoder(codec, 162, 122)
    pixels = decoder.decode(packets(codec)[0])
    assert pixels is not None
    assert error(pixels, picture(162, 122, 0)) < MEAN_ERROR
    decoder.close()


@every_codec
def test_noise_is_refused(codec: VideoCodecType) -> None:
    rng = random.Random(7)
    for length in (1, 2, 9, 100, 5000):
        decoder = video.open_decoder(codec, 64, 64)
        try:
            assert decoder.decode(rng.randbytes(length)) is None
        except CodecError:
            pass
        decoder.close()


def test_without_pyav_only_mjpeg_is_announced() -> None:
    """In another process, since what is available is asked once."""
    program = (
        "import sys; sys.modules['av'] = None\n"
        "from spicetui.codecs import video\n"
        "from spicetui.errors import FeatureMissing\n"
        "from spicetui.wire.enums import VideoCodecType as V\n"
        "assert video.available() == {V.MJPEG}, video.available()\n"
        "try: video.open_decoder(V.VP8, 64, 64)\n"
        "except FeatureMissing as error: assert 'PyAV' in str(error)\n"
        "else: raise SystemExit('VP8 without PyAV')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_pyav_is_imported_only_when_asked_for() -> None:
    program = (
        "import sys\n"
        "from spicetui.codecs import video\n"
        "from spicetui.wire.enums import VideoCodecType as V\n"
        "video.open_decoder(V.MJPEG, 64, 64)\n"
        "assert video.available() == set(V)\n"
        "assert 'av' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unavailable_codec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "available", lambda: frozenset((VideoCodecType.MJPEG,)))
    with pytest.raises(FeatureMissing, match="VP9"):
        video.open_decoder(VideoCodecType.VP9, 64, 64)
