"""Fuzzes for as long as asked; see the package's docstring.

A child process does the work, so that whatever kills it is seen: the case that it was at lies in a file before it is
played. The parent says how far the child is, and ends it when a single case takes too long.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from . import sanitized

PATIENCE = 120.0  #: seconds that a single case may take, however slow the machine is just now
FAILURES = 20  #: after which there is enough to look at


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default=str(time.time_ns()))
    parser.add_argument("--sanitize", action="store_true", help="with kernels compiled under ASan and UBSan")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "spicetui-fuzz")
    parser.add_argument("--play", type=Path, nargs="+", help="cases to play instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def child(options: argparse.Namespace) -> None:
    from spicetui import codecs

    from .case_maker import CaseMaker
    from .player import peak, play
    from .seeds import collect

    faulthandler.enable()
    warnings.simplefilter("error")
    maker = CaseMaker(collect(), options.seed)
    started = time.monotonic()
    at = options.folder / "now.case"
    counts: Counter[str] = Counter()
    features: set[str] = set()
    failures = number = 0
    slowest = 0.0
    said = started
    print(f"seed {options.seed}, compiled kernels: {codecs.COMPILED}, {Path(codecs.__file__).parents[1]}", flush=True)
    while time.monotonic() - started < options.seconds and failures < FAILURES:
        case = maker.case(number)
        case.save(at)
        begun = time.monotonic()
        outcome = play(case)
        now = time.monotonic()
        slowest = max(slowest, now - begun)
        number += 1
        counts.update(messages=outcome.messages, updates=outcome.drawn, frames=outcome.frames, cursors=outcome.cursors)
        if not outcome.features <= features:
            features |= outcome.features
            maker.kept.append(case)
        if outcome.wrong:
            failures += 1
            path = options.folder / f"wrong-{options.seed}-{number - 1}.case"
            case.save(path)
            print(f"WRONG {path}\n" + "\n".join(outcome.wrong), flush=True)
        if now - said > 60 or now - started >= options.seconds:
            said = now
            figures = ", ".join(f"{count} {what}" for what, count in counts.items())
            print(
                f"{now - started:.0f} s: {number} cases, {figures}, {len(features)} features, {failures} wrong, "
                f"slowest {slowest:.1f} s, peak {peak() >> 20} MB",
                flush=True,
            )
    at.unlink(missing_ok=True)
    sys.exit(bool(failures))


def parent(options: argparse.Namespace) -> int:
    options.folder.mkdir(parents=True, exist_ok=True)
    environment, folder = dict(os.environ), sanitized.ROOT
    if options.sanitize:
        folder = options.folder / "build"
        sanitized.build(folder)
        environment = sanitized.environment(folder)
    words = [sys.executable, "-m", "tests.fuzz", "--child", "--folder", str(options.folder.absolute())]
    at = options.folder / "now.case"
    status, deaths, seed = 0, 0, options.seed
    end = time.monotonic() + options.seconds
    while (left := end - time.monotonic()) > 0 and deaths < FAILURES:
        at.unlink(missing_ok=True)
        process = subprocess.Popen([*words, "--seconds", str(left), "--seed", seed], cwd=folder, env=environment)
        _watch(process, at)
        status = max(status, abs(process.returncode))
        if not at.exists():
            break  # it came to its own end
        deaths += 1
        kept = options.folder / f"died-{seed}.case"
        at.rename(kept)
        print(f"DIED with {process.returncode} {kept}", flush=True)
        seed = f"{options.seed}.{deaths}"  # else it would come to the same end
    return min(status, 1)


def _watch(process: subprocess.Popen[bytes], at: Path) -> None:
    while True:
        try:
            process.wait(10)
            return
        except subprocess.TimeoutExpired:
            pass
        except KeyboardInterrupt:
            process.terminate()
            raise
        if at.exists() and time.time() - at.stat().st_mtime > PATIENCE:
            process.send_signal(signal.SIGABRT)  # which says where every thread is


def replay(paths: list[Path]) -> int:
    from .case import Case
    from .player import play

    warnings.simplefilter("error")
    wrong = 0
    for path in paths:
        outcome = play(Case.load(path))
        print(f"{path}: {outcome.messages} messages, {sorted(outcome.features)}")
        for text in outcome.wrong:
            wrong += 1
            print(f"WRONG {text}")
    return bool(wrong)


def main() -> int:
    options = parse()
    if options.play:
        return replay(options.play)
    if options.child:
        child(options)
    return parent(options)


if __name__ == "__main__":
    sys.exit(main())
