"""A while of whole channels against nonsense, and every case that was ever wrong.

FUZZ_SECONDS in the environment says how long; FUZZ_SEED repeats a run, whose failing cases are kept in a folder named
in the failure and are played again by ``python -m tests.fuzz --play FILE``.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from spicetui.protocol.framer import Framer
from spicetui.wire import display
from spicetui.wire.enums import SurfaceFmt

from . import made, player, seeds
from .case import MESSAGES, POINTER, SINGLE, Body, Case, frame
from .case_maker import CaseMaker, unframed

SECONDS = float(os.environ.get("FUZZ_SECONDS") or (20 if os.environ.get("CI") else 4))
PARTS = ("a", "b")  # for two processes
LEAST = 20  #: cases in the time, or nothing was tested
FOUND = Path(__file__).with_name("found")


@pytest.fixture(scope="module")
def known() -> seeds.Seeds:
    return seeds.collect()


@pytest.mark.parametrize("part", PARTS)
def test_nonsense(part: str, known: seeds.Seeds) -> None:
    seed = os.environ.get("FUZZ_SEED") or f"fixed {part}"
    maker = CaseMaker(known, seed)
    features: set[str] = set()
    counts: Counter[str] = Counter()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or counts["cases"] < LEAST:
        case = maker.case(counts["cases"])
        outcome = player.play(case)
        if outcome.wrong:
            kept = Path(tempfile.mkdtemp(prefix="fuzz-")) / f"{seed.replace(' ', '-')}-{counts['cases']}.case"
            case.save(kept)
            pytest.fail(f"seed {seed!r}, case {counts['cases']}, kept as {kept}:\n" + "\n".join(outcome.wrong))
        counts.update(cases=1, messages=outcome.messages, drawn=outcome.drawn)
        if not outcome.features <= features:
            features |= outcome.features
            maker.kept.append(case)
    print(f"seed {seed!r}: {dict(counts)}, {len(features)} kinds of things happened")
    assert counts["drawn"] > counts["cases"] // 10, "most of it must mean something"


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.case")), ids=lambda path: path.stem)
def test_found_once(path: Path) -> None:
    outcome = player.play(Case.load(path))
    assert not outcome.wrong, "\n".join(outcome.wrong)


# --- that the fuzzer is one


def test_seeds_decode(known: seeds.Seeds) -> None:
    """Damage to what is broken already tests nothing."""
    counts = seeds.decodes(known)
    for kind in (0, 1, 100, 101, 102, 105, 107, 108, 109):
        total, good = counts[kind]
        assert good > total / 2, f"image type {kind}: {good} of {total}"
    assert len(known.clips) >= 1
    assert len(known.runs) > 200
    assert known.cursors


def test_every_message_is_made_and_handled() -> None:
    """Each kind can be made up so that its channel reads and takes it."""
    maker = made.Maker(random.Random(3), [])
    for key in (SINGLE, POINTER):
        messages = MESSAGES[key.type]
        for kind in messages.from_server.values():
            for _ in range(50):
                try:
                    body = Body.of(messages, maker.message(kind))
                except Exception:  # a number that does not fit its field
                    continue
                outcome = player.play(Case((frame(key, True, [body]),)))
                assert not outcome.wrong, (kind, outcome.wrong)
                if not any("byte #" in feature for feature in outcome.features):
                    break  # it was read
            else:
                pytest.fail(f"{kind.__name__} is never made up well")


def test_cases_are_the_same_again(known: seeds.Seeds, tmp_path: Path) -> None:
    cases = [CaseMaker(known, "x").case(number) for number in range(30)]
    assert cases == [CaseMaker(known, "x").case(number) for number in range(30)]
    assert len({case.pack() for case in cases}) == 30
    cases[7].save(tmp_path / "case")
    assert Case.load(tmp_path / "case") == cases[7]


@pytest.mark.parametrize("mini_header", [True, False])
@pytest.mark.parametrize("lists", [True, False])
def test_frames_of_messages(mini_header: bool, lists: bool) -> None:
    bodies = [Body(103, b""), Body(102, b""), Body(102, b""), Body(105, b"\0\0"), Body(103, b"")]
    said = frame(SINGLE, mini_header, bodies, lists)
    assert [raw.number for raw in Framer(mini_header).receive(said.data)] == [103, 102, 102, 105, 103]
    assert {body.number for body in unframed(said)} == {102, 103, 105}


def mark_and_surface() -> list[Body]:
    create = display.SurfaceCreate(0, 40, 30, int(SurfaceFmt.FMT_32_xRGB), 1)
    return [Body.of(display.MESSAGES, create), Body.of(display.MESSAGES, display.Mark())]


def played(bodies: list[Body]) -> player.Outcome:
    return player.play(Case((frame(SINGLE, True, bodies),)))


def test_an_honest_case_is_right() -> None:
    outcome = played(mark_and_surface())
    assert outcome.wrong == []
    assert outcome.drawn == 1


def test_errors_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, message: object) -> None:
        raise IndexError("out of range")

    monkeypatch.setattr("spicetui.channels.display.DisplayChannel.on_mark", broken)
    outcome = played(mark_and_surface())
    assert any("IndexError" in text for text in outcome.wrong)


def test_writing_beside_the_pixels_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(self: object, message: object) -> None:
        data = self.canvas.primary.data  # type: ignore[attr-defined]
        np.lib.stride_tricks.as_strided(data, (data.shape[0] + 1, data.shape[1]))[-1, 0] = 7

    monkeypatch.setattr(player, "GUARDED", True)
    monkeypatch.setattr("spicetui.channels.display.DisplayChannel.on_reset", beside)
    outcome = played([*mark_and_surface(), Body.of(display.MESSAGES, display.Reset())])
    assert "written outside of a surface's pixels" in outcome.wrong


def test_an_end_of_the_session_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr("spicetui.channels.cursor.CursorChannel._failed", ends)
    outcome = player.play(Case((frame(POINTER, True, [Body(101, b"")]),)))
    assert any("KeyError" in text for text in outcome.wrong)
