"""What a user names becomes files, and a word for the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spicetui.agent import gather as module
from spicetui.agent.gather import gather


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photos" / "old").mkdir(parents=True)
    for name, size in (
        *(("a.txt", 1), ("b.txt", 2), ("[x].txt", 3), (".hidden", 4), ("what?", 5)),
        *(("photos/1.jpg", 10), ("photos/2.jpg", 20), ("photos/old/1.jpg", 30), ("photos/.thumbs", 40)),
    ):
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "photos" / "self").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "link.jpg").symlink_to("1.jpg")
    os.mkfifo(tmp_path / "photos" / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(found: module.Gathered) -> list[str]:
    return [str(path) for path, _ in found.files]


def test_files_and_globs(tree: Path) -> None:
    found = gather(["b.txt", "*.txt", "[x].txt", "what?", "photos/*.jpg", tree / "a.txt"])
    assert names(found) == [
        *("b.txt", "[x].txt", "a.txt", "b.txt", "[x].txt", "what?"),
        *("photos/1.jpg", "photos/2.jpg", "photos/link.jpg", str(tree / "a.txt")),
    ]
    assert found.problems == []
    assert found.size == 2 + 3 + 1 + 2 + 3 + 5 + 10 + 20 + 10 + 1
    assert found.same_names == 3


def test_any_depth() -> None:
    assert {Path(name).name for name in names(gather(["photos/**/1.jpg"]))} == {"1.jpg"}


def test_folders() -> None:
    found = gather(["photos", "a.txt"])
    assert names(found) == ["a.txt"]
    assert found.folders == [Path("photos")]
    assert found.problems == [(Path("photos"), module.FOLDER, "")]
    found = gather(["photos"], inside=True)
    assert names(found) == ["photos/.thumbs", "photos/1.jpg", "photos/2.jpg", "photos/link.jpg", "photos/old/1.jpg"]
    assert found.problems == []
    assert found.same_names == 1


def test_what_cannot_be_sent() -> None:
    Path("loop").symlink_to("loop")
    found = gather(["none", "*.none", "photos/pipe", "loop", "a.txt/x"])
    assert found.files == []
    assert [(str(path), reason) for path, reason, _ in found.problems] == [
        ("none", "there is no such file"),
        ("*.none", "nothing matches"),
        ("photos/pipe", "it is no plain file"),
        ("loop", "it is a link that leads to itself"),
        ("a.txt/x", "it cannot be read here: not a directory"),
    ]


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    found = gather(["photos", "a.txt"], inside=True)
    assert len(found.files) == 2
    assert found.problems[0][1:] == ("more than 2 files", "pack them into one, or share their folder")
