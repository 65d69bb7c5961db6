"""The schedule of a video stream and its reports: frames in, due frames out, the clock in the test's hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.geometry import Rect
from spicetui.protocol import frames
from spicetui.protocol.frames import AHEAD, Frame, Reports, Schedule, between, invalid_report
from spicetui.wire.display import StreamReport

BOX = Rect(0, 0, 1, 1)
both_kinds = pytest.mark.parametrize("independent", [True, False], ids=["independent", "delta"])


def frame(time: int, data: bytes = b"x") -> Frame[Any]:
    return Frame(time, data, BOX)


def filled(independent: bool, times: list[int], now: int) -> Schedule[Any]:
    schedule: Schedule[Any] = Schedule(independent)
    for time in times:
        schedule.push(frame(time), now)
    return schedule


def decode_all(schedule: Schedule[Any], now: int) -> list[tuple[int, bool]]:
    """Decodes as long as the schedule wants it; (time, wanted) of what came."""
    taken = []
    while (one := schedule.next(now)) is not None:
        taken.append((one.time, one.wanted))
        schedule.decoded(one, one.time if one.wanted else None)
    return taken


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(5, 8, 3), (8, 5, -3), (0xFFFFFFFE, 3, 5), (3, 0xFFFFFFFE, -5), (0, 0x7FFFFFFF, 0x7FFFFFFF), (7, 7, 0)],
)
def test_times_wrap_at_32_bits(start: int, end: int, expected: int) -> None:
    assert between(start, end) == expected


@both_kinds
def test_frames_are_shown_when_their_time_has_come(independent: bool) -> None:
    schedule = filled(independent, [100, 140, 180], now=50)
    assert decode_all(schedule, 50) == [(100, True), (140, True)]  # no further ahead than that
    assert schedule.delay(50) == 50
    assert schedule.due(99) is None
    shown = schedule.due(100)
    assert shown is not None
    assert shown.picture == 100
    assert schedule.due(100) is None
    assert decode_all(schedule, 101) == [(180, True)]
    assert schedule.delay(101) == 39
    assert schedule.due(140).picture == 140  # type: ignore[union-attr]
    assert schedule.due(200).picture == 180  # type: ignore[union-attr]
    assert schedule.delay(200) is None
    assert (schedule.arrived, schedule.late, schedule.dropped, schedule.shown) == (3, 0, 0, 3)


@both_kinds
def test_the_clock_wraps_while_frames_wait(independent: bool) -> None:
    schedule = filled(independent, [0xFFFFFFF0, 0x10], now=0xFFFFFFE0)
    decode_all(schedule, 0xFFFFFFE0)
    assert schedule.delay(0xFFFFFFE0) == 0x10
    assert schedule.due(0xFFFFFFEF) is None
    assert schedule.due(0xFFFFFFF0).picture == 0xFFFFFFF0  # type: ignore[union-attr]
    assert schedule.delay(0xFFFFFFF0) == 0x20
    assert schedule.due(0x10).picture == 0x10  # type: ignore[union-attr]


def test_late_independent_frames_are_not_even_decoded() -> None:
    schedule = filled(True, [100, 140, 180, 220], now=90)
    assert decode_all(schedule, 185) == [(180, True), (220, True)]
    assert schedule.due(185).picture == 180  # type: ignore[union-attr]
    assert schedule.dropped == 2


def test_late_frames_that_others_build_on_are_decoded_but_not_wanted() -> None:
    schedule = filled(False, [100, 140, 180, 220], now=90)
    assert decode_all(schedule, 185) == [(100, False), (140, False), (180, True), (220, True)]
    assert schedule.due(185).picture == 180  # type: ignore[union-attr]
    assert schedule.due(220).picture == 220  # type: ignore[union-attr]
    assert (schedule.dropped, schedule.shown) == (2, 2)


@both_kinds
def test_a_late_frame_without_a_newer_one_is_still_shown(independent: bool) -> None:
    """So that a clock that is off, or a slow decoder, never freezes the video."""
    schedule = filled(independent, [100], now=500)
    assert schedule.late == 1
    assert decode_all(schedule, 500) == [(100, True)]
    assert schedule.delay(500) == 0
    assert schedule.due(500).picture == 100  # type: ignore[union-attr]


@both_kinds
def test_of_decoded_frames_that_are_all_due_the_newest_is_shown(independent: bool) -> None:
    schedule = filled(independent, [100, 140], now=50)
    decode_all(schedule, 50)
    assert schedule.due(150).picture == 140  # type: ignore[union-attr]
    assert (schedule.dropped, schedule.shown) == (1, 1)


@both_kinds
def test_a_frame_that_brings_no_picture_is_passed_over(independent: bool) -> None:
    schedule = filled(independent, [100, 140], now=50)
    first = schedule.next(50)
    assert first is not None
    assert schedule.next(50) is None  # one at a time
    schedule.decoded(first, None)
    assert decode_all(schedule, 50) == [(140, True)]
    assert schedule.due(140).picture == 140  # type: ignore[union-attr]


def test_only_the_frame_in_the_decoder_can_come_out_of_it() -> None:
    schedule = filled(False, [100], now=50)
    with pytest.raises(ValueError, match="not being decoded"):
        schedule.decoded(frame(100), 1)


@both_kinds
def test_time_zero_is_none_at_all(independent: bool) -> None:
    schedule = filled(independent, [0], now=5000)
    decode_all(schedule, 5000)
    assert schedule.delay(5000) == frames.NO_TIME_DELAY


@both_kinds
def test_at_once_does_not_wait(independent: bool) -> None:
    schedule: Schedule[Any] = Schedule(independent)
    assert schedule.push(frame(900), 500, at_once=True) == 400  # the report's margin stays true
    decode_all(schedule, 500)
    assert schedule.due(500) is not None


@both_kinds
def test_a_time_of_another_clock_does_not_wait_either(independent: bool) -> None:
    schedule = filled(independent, [500 + frames.MAX_EARLY + 1], now=500)
    decode_all(schedule, 500)
    assert schedule.due(500) is not None


@both_kinds
def test_when_the_server_s_clock_is_set_back_nothing_waits_for_the_old_time(independent: bool) -> None:
    schedule = filled(independent, [5000, 5040], now=1000)
    decode_all(schedule, 1000)
    schedule.push(frame(1100), 1000)
    assert schedule.delay(1000) == 100
    assert schedule.due(1100) is not None


@both_kinds
def test_when_the_clock_is_set_forward_what_waits_is_due(independent: bool) -> None:
    schedule = filled(independent, [1400, 1440], now=1000)
    decode_all(schedule, 1000)
    assert schedule.delay(3000) == 0
    assert schedule.due(3000).picture == 1440  # type: ignore[union-attr]


def test_too_many_independent_frames_drop_the_oldest() -> None:
    schedule = filled(True, [1000 + n for n in range(frames.MAX_FRAMES + 40)], now=1)
    assert not schedule.full
    assert schedule.dropped == 40
    assert schedule.next(1).time == 1040  # type: ignore[union-attr]


def test_too_many_frames_that_build_on_one_another_are_due_at_once_and_the_stream_is_full() -> None:
    schedule = filled(False, [1000 + n for n in range(frames.MAX_FRAMES + 1)], now=1)
    assert schedule.full
    taken = 0
    while schedule.full:
        one = schedule.next(1)
        assert one is not None
        assert not one.wanted
        schedule.decoded(one, None)
        taken += 1
    assert taken == 1
    assert decode_all(schedule, 1)[-1] == (1, True)
    assert schedule.due(1) is not None


@both_kinds
def test_bytes_are_bounded_too(independent: bool) -> None:
    schedule: Schedule[Any] = Schedule(independent)
    big = bytes(frames.MAX_BYTES // 2)
    schedule.push(frame(1000, big), 1)
    schedule.push(frame(1001, big), 1)
    assert not schedule.full
    schedule.push(frame(1002, b"x"), 1)
    assert schedule.full is not independent
    if not independent:
        one = schedule.next(1)
        assert one is not None
        assert not schedule.full
    # A frame larger than the bound is taken when it is alone.
    alone: Schedule[Any] = Schedule(True)
    alone.push(frame(1000, bytes(frames.MAX_BYTES + 1)), 1)
    assert alone.next(1) is not None


@given(
    independent=st.booleans(),
    start=st.integers(0, 0xFFFFFFFF),
    steps=st.lists(st.tuples(st.sampled_from(["push", "next", "decoded", "due"]), st.integers(0, 300)), max_size=80),
)
def test_every_frame_is_shown_in_order_or_dropped(independent: bool, start: int, steps: list[tuple[str, int]]) -> None:
    """Whatever comes in whatever order: none is lost, none comes twice, none early, none after a newer one."""
    schedule: Schedule[Any] = Schedule(independent)
    now, latest, pushed = start, start, 0
    decoding: Frame[Any] | None = None
    decoded: list[int] = []
    shown: list[int] = []
    for action, ms in steps:
        now = (now + ms // 4) & 0xFFFFFFFF
        if action == "push":
            latest = (latest + ms) & 0xFFFFFFFF or 1
            if between(now, latest) > frames.MAX_EARLY:
                continue
            schedule.push(Frame(latest, pushed.to_bytes(4), BOX), now)
            pushed += 1
        elif action == "next" and decoding is None:
            decoding = schedule.next(now)
        elif action == "decoded" and decoding is not None:
            decoded.append(int.from_bytes(decoding.data))
            schedule.decoded(decoding, decoded[-1])
            decoding = None
        elif action == "due":
            one = schedule.due(now)
            if one is not None:
                assert between(now, one.time) <= 0
                assert one.picture is not None
                shown.append(one.picture)
        assert len(schedule._ready) <= AHEAD
    assert shown == sorted(set(shown))
    assert decoded == sorted(set(decoded))
    if not independent:
        assert decoded == list(range(len(decoded)))
    still = len(schedule._ready) + len(schedule._waiting) + (decoding is not None and decoding.wanted)
    assert pushed == schedule.arrived == schedule.shown + schedule.dropped + still


# --- reports


def test_a_report_goes_out_for_each_full_window() -> None:
    reports = Reports(3, 77, window=4, timeout_ms=5000, now=0.0)
    sent = [reports.arrived(1000 + 40 * n, 390 - n, None, 0.04 * n) for n in range(8)]
    assert sent[:3] == [None] * 3
    assert sent[3] == StreamReport(3, 77, 1000, 1120, 4, 0, 387, 0xFFFFFFFF)
    assert sent[4:7] == [None] * 3
    assert sent[7] == StreamReport(3, 77, 1160, 1280, 4, 0, 383, 0xFFFFFFFF)


def test_a_report_goes_out_after_the_timeout() -> None:
    reports = Reports(3, 77, window=1000, timeout_ms=500, now=0.0)
    assert reports.arrived(1000, 10, None, 10.0) is None  # the time counts from the first frame
    assert reports.arrived(1040, 10, None, 10.499) is None
    assert reports.arrived(1080, 9, 250, 10.5) == StreamReport(3, 77, 1000, 1080, 3, 0, 9, 250)
    assert reports.arrived(1120, 9, 250, 10.6) is None


def test_late_frames_in_a_row_are_reported_at_once() -> None:
    reports = Reports(3, 77, window=1000, timeout_ms=5000, now=0.0)
    margins = [5, -1, -2, 5, -1, -2, -30]
    sent = [reports.arrived(1000 + n, margin, None, 0.0) for n, margin in enumerate(margins)]
    assert sent[:-1] == [None] * 6
    assert sent[-1] == StreamReport(3, 77, 1000, 1006, 7, 5, -30, 0xFFFFFFFF)


def test_the_report_of_a_stream_that_cannot_be_played() -> None:
    report = invalid_report(9)
    assert (report.stream_id, report.num_frames, report.num_drops) == (9, 0, 0xFFFFFFFF)
