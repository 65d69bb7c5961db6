"""Paths: completed as they are typed, and read from what terminals paste when files are dropped on them."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from spicetui.tui import paths as module
from spicetui.tui.paths import complete, dropped_paths, may_be_dropped, typed_path

NAMES = [
    "plain.txt",
    "with space",
    "Größe 🎈 日本",
    "it's",
    'say "hi"',
    "back\\slash",
    "new\nline",
    "tab\there",
    "%41 100%",
    "#hash",
    "[x] {y} *?",
    "-dash",
    "trailing ",
    "a;b&c|d$e`f",
    "=equal!",
]


def escaped(path: Path) -> str:
    """With backslashes, as iTerm2, Terminal.app and Ghostty do."""
    return "".join(c if c.isalnum() or c in "/._-" or ord(c) > 127 else "\\" + c for c in str(path))


def uri(path: Path) -> str:
    return "file://" + quote(os.fsencode(path))


FORMS: dict[str, Callable[[list[Path]], str]] = {
    "quoted": lambda paths: " ".join(
        f"'{path!s}'" if "'" not in str(path) else shlex.quote(str(path)) for path in paths
    ),
    "quoted where needed, a space behind": lambda paths: " ".join(shlex.quote(str(path)) for path in paths) + " ",
    "backslashes": lambda paths: " ".join(map(escaped, paths)) + " ",
    "addresses, CRLF": lambda paths: "".join(uri(path) + "\r\n" for path in paths),
    "addresses, CR": lambda paths: "\r".join(map(uri, paths)),
    "addresses, spaces": lambda paths: " ".join(map(uri, paths)),
    "file:/path": lambda paths: "\n".join("file:" + quote(os.fsencode(path)) for path in paths),
    "this host": lambda paths: "\n".join(f"file://{socket.gethostname()}{quote(os.fsencode(p))}" for p in paths),
    "localhost": lambda paths: "\n".join("FILE://localhost" + quote(os.fsencode(path)) for path in paths),
    "a file manager's copy": lambda paths: "x-special/nautilus-clipboard\ncopy\n" + "\n".join(map(uri, paths)) + "\n",
    "with a comment": lambda paths: "\n".join(map(uri, paths)) + "\n# end",
    "a pasted line feed": lambda paths: " ".join(shlex.quote(str(path)) for path in paths).replace("\n", "\r"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*NAMES, None])
def test_what_terminals_paste(form: str, name: str | None, folder: Path) -> None:
    wanted = [folder / name] if name is not None else [folder / name for name in NAMES]
    assert dropped_paths(FORMS[form](wanted)) == wanted


def test_paths_as_they_are(folder: Path) -> None:
    for name in NAMES:
        if name not in ("trailing ",):
            assert dropped_paths(str(folder / name)) == [folder / name]
    several = [folder / name for name in ("plain.txt", "with space", "it's", 'say "hi"')]
    assert dropped_paths("\n".join(map(str, several))) == several
    assert dropped_paths("\r\n".join(map(str, several)) + "\r\n") == several
    assert dropped_paths(f'"{folder}/with space"') == [folder / "with space"]


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    path.write_bytes(b"")
    assert dropped_paths(uri(path)) == [path]


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x y").write_bytes(b"")
    assert dropped_paths("~/x y") == [tmp_path / "x y"]
    assert typed_path("~/x y") == tmp_path / "x y"
    assert typed_path("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "plain.txt",
        "hello /etc/passwd",
        "/etc/passwd and more",
        "/etc/passwd /no/such/file",
        "/no/such/file",
        "file://elsewhere.example/etc/passwd",
        "file://[/etc/passwd",
        "file:etc/passwd",
        "http://example.org/etc/passwd",
        "'/etc/passwd",
        "/etc/pass\0wd",
        "/etc/passwd\nls -la",
        "#!/bin/sh\nrm -rf /tmp/x",
        "x-special/nautilus-clipboard\ncopy\n",
        "// a comment of a program",
    ],
)
def test_text_that_is_no_file(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert dropped_paths(text) == []


def test_large_texts_are_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not may_be_dropped("/" + "x" * module.MAX_DROPPED)
    monkeypatch.setattr(module, "MAX_DROPPED_PATHS", 2)
    paths = [folder / "plain.txt", folder / "it's", folder / "-dash"]
    assert dropped_paths("\n".join(map(str, paths))) == []
    assert dropped_paths("\n".join(map(str, paths[:2]))) == paths[:2]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("Documents", "Downloads", "dot", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("Dog.txt", "data.bin", ".profile", "new\nline"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("lead", ["", "./", "~/", "{tree}/", "dot/../"])
def test_candidates(tree: Path, lead: str) -> None:
    lead = lead.format(tree=tree)
    found = complete(lead + "Do")
    assert [c.text for c in found.candidates] == [lead + "Documents/", lead + "Downloads/", lead + "Dog.txt"]
    assert [c.folder for c in found.candidates] == [True, True, False]
    assert found.common == lead + "Do"
    assert complete(lead + "Doc").common == lead + "Documents/"
    assert [c.name for c in complete(lead + "DATA").candidates] == ["data.bin"]  # no other: any case
    assert [c.name for c in complete(lead + ".").candidates] == [".hidden", ".profile"]
    assert [c.name for c in complete(lead).candidates] == [
        *("Documents", "dot", "Downloads", "data.bin", "Dog.txt"),
        "new\nline",
    ]


def test_only_what_is_wanted(tree: Path) -> None:
    assert [c.name for c in complete("D", folders_only=True).candidates] == ["Documents", "Downloads"]
    assert [c.name for c in complete("d", accept=lambda name: name.endswith(".bin")).candidates] == ["dot", "data.bin"]


def test_home_folders(tree: Path) -> None:
    assert [c.text for c in complete("~").candidates] == ["~/"]
    assert [c.text for c in complete("~root").candidates] == ["~root/"]
    assert complete("~nobody-of-that-name").candidates == ()


def test_folders_that_cannot_be_read(tree: Path) -> None:
    assert complete("none/x").reason == "No such file or directory"
    assert complete("data.bin/x").reason == "Not a directory"
    assert complete("a\0b/x").reason == "that is no path"
    assert complete("none").reason == ""


def test_a_large_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OFFERED", 2)
    found = complete("D")
    assert [c.name for c in found.candidates] == ["Documents", "Downloads"]
    assert found.more
    assert found.common == ""  # others may begin otherwise
    monkeypatch.setattr(module, "MAX_LOOKED_AT", 1)
    assert complete("").more


def test_a_link_to_nowhere(tree: Path) -> None:
    (tree / "loop").symlink_to("loop")
    (tree / "lost").symlink_to("none")
    (tree / "away").symlink_to(tree / "dot")
    assert [(c.name, c.folder) for c in complete("lo").candidates] == [("loop", False), ("lost", False)]
    assert complete("aw").candidates[0].text == "away/"


@pytest.mark.parametrize("quoted", ["'{0}'", '"{0}"', "  {0} ", "file://{0}"])
def test_typed_with_something_around_it(tree: Path, quoted: str) -> None:
    assert typed_path(quoted.format(tree / "Dog.txt")) == tree / "Dog.txt"
