"""What a guest gets to see of a folder, and what it never does, whatever links and races lie in it."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spicetui.devices import folder_tree
from spicetui.devices.folder_tree import Limits, PartFile, Refused, Tree


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = tmp_path / "outside"
    made.mkdir()
    (made / "secret").write_text("secret")
    return made


@pytest.fixture
def shared(tmp_path: Path, outside: Path) -> Path:
    made = tmp_path / "shared"
    (made / "docs" / "deep").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "docs" / "b.txt").write_text("bb")
    return made


@pytest.fixture
def tree(shared: Path) -> Iterator[Tree]:
    made = Tree()
    made.mount((), shared, read_only=False)
    yield made
    made.close()


def read(tree: Tree, path: str) -> bytes:
    with os.fdopen(tree.open_read(path), "rb") as file:
        return file.read()


def write(tree: Tree, path: str, data: bytes) -> None:
    with tree.open_write(path) as part:
        part.write(data)
        part.commit()


def number(error: pytest.ExceptionInfo[OSError]) -> int | None:
    return error.value.errno


def test_files_are_found_read_and_written(tree: Tree, shared: Path) -> None:
    assert {name: found.is_folder for name, found in tree.list("/").items()} == {"a.txt": False, "docs": True}
    found = tree.find("/docs/b.txt")
    assert found is not None
    assert (found.is_folder, found.size) == (False, 2)
    assert tree.find("/docs/none") is None
    assert read(tree, "docs/b.txt") == b"bb"
    write(tree, "/docs/b.txt", b"anew")
    write(tree, "/docs/c.txt", b"c")
    assert sorted(p.name for p in (shared / "docs").iterdir()) == ["b.txt", "c.txt", "deep"]
    assert (shared / "docs" / "b.txt").read_bytes() == b"anew"
    tree.make_folder("new")
    tree.rename("docs/c.txt", "new/d.txt")
    tree.copy_file("new/d.txt", "e.txt")
    tree.delete("docs")
    assert sorted(tree.list("/")) == ["a.txt", "e.txt", "new"]


@pytest.mark.parametrize(
    "path",
    ["..", "../outside/secret", "docs/../../outside/secret", "docs/..", "/./a.txt", "a.txt\0", "\0", "docs/\udc80"],
)
def test_names_that_are_none_are_refused(tree: Tree, path: str) -> None:
    for look in (tree.find, tree.list, tree.open_read, tree.open_write, tree.delete, tree.make_folder):
        with pytest.raises(Refused):
            look(path)
    with pytest.raises(Refused):
        tree.rename("a.txt", path)
    with pytest.raises(Refused):
        tree.copy_file("a.txt", path)


def test_names_and_depths_have_bounds(tree: Tree) -> None:
    for path in ("x" * 256, "ä" * 128, "/".join("d" * 70)):
        with pytest.raises(OSError) as error:
            tree.find(path)
        assert number(error) == errno.ENAMETOOLONG


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("absolute", "{outside}/secret"),
        ("relative", "../outside/secret"),
        ("through", "docs/../../outside/secret"),
        ("chain", "relative-too"),
        ("to-the-inside-by-its-whole-path", "{shared}/a.txt"),
        ("to-itself", "to-itself"),
        ("root", "/"),
    ],
)
def test_links_that_leave_are_refused(tree: Tree, shared: Path, outside: Path, name: str, target: str) -> None:
    (shared / "relative-too").symlink_to("../outside/secret")
    (shared / name).symlink_to(target.format(outside=outside, shared=shared))
    for look in (tree.find, tree.open_read, tree.open_write):
        with pytest.raises(Refused):
            look(name)
    with pytest.raises(OSError):
        tree.create(name)
    assert set(tree.list("/")) == {"a.txt", "docs"}
    assert (outside / "secret").read_text() == "secret"
    tree.delete(name)  # of a link the link
    assert not (shared / name).is_symlink()
    assert (outside / "secret").exists()


def test_folders_behind_links_that_leave_are_refused(tree: Tree, shared: Path, outside: Path) -> None:
    (shared / "way").symlink_to("../outside")
    (shared / "docs" / "up").symlink_to("..")  # stays inside
    for path in ("way/secret", "docs/up/way/secret", "docs/up/docs/up/way/new"):
        for look in (tree.find, tree.open_read, tree.open_write, tree.delete, tree.make_folder, tree.create):
            with pytest.raises(Refused):
                look(path)
    with pytest.raises(Refused):
        tree.list("way")
    with pytest.raises(Refused):
        tree.rename("a.txt", "way/a.txt")
    with pytest.raises(Refused):
        tree.rename("way/secret", "secret")
    assert sorted(p.name for p in outside.iterdir()) == ["secret"]


def test_links_that_stay_inside_are_followed(tree: Tree, shared: Path) -> None:
    (shared / "docs" / "deep" / "up").symlink_to("../../a.txt")
    (shared / "docs-too").symlink_to("docs/./deep/..")
    (shared / "dangling").symlink_to("docs/none")
    (shared / "top").symlink_to("docs/..")
    assert read(tree, "docs/deep/up") == b"a"
    assert read(tree, "docs-too/b.txt") == b"bb"
    assert read(tree, "top/top/a.txt") == b"a"
    found = tree.list("/")
    assert set(found) == {"a.txt", "docs", "docs-too", "top"}
    assert found["docs-too"].is_link
    assert tree.is_link("docs-too")
    assert not tree.is_link("docs")
    assert tree.find("dangling") is None
    write(tree, "docs/deep/up", b"through the link")
    assert (shared / "a.txt").read_text() == "through the link"
    assert (shared / "docs" / "deep" / "up").is_symlink()
    with pytest.raises(Refused):
        tree.delete("top/docs/..")
    tree.delete("docs-too")
    assert (shared / "docs" / "b.txt").exists()


def test_what_is_no_file_is_refused(tree: Tree, shared: Path) -> None:
    os.mkfifo(shared / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(shared / "socket"))
    names = ["fifo", "socket"]
    try:
        os.mknod(shared / "null", 0o600 | 0o020000, os.makedev(1, 3))
        names.append("null")
    except PermissionError:
        pass  # only root makes devices
    (shared / "to-fifo").symlink_to("fifo")
    for name in (*names, "to-fifo"):
        for look in (tree.find, tree.open_read, tree.open_write):
            with pytest.raises(OSError) as error:
                look(name)
            assert number(error) in (errno.EACCES, errno.ENXIO)
    for name in names:
        for change in (tree.delete, lambda path: tree.rename(path, "other")):
            with pytest.raises(Refused):
                change(name)
        with pytest.raises(Refused):
            tree.rename("a.txt", name)
    assert set(tree.list("/")) == {"a.txt", "docs"}


def test_deleting_a_folder_leaves_what_its_links_lead_to(tree: Tree, shared: Path, outside: Path) -> None:
    (shared / "docs" / "way").symlink_to(outside)
    (shared / "docs" / "deep" / "way").symlink_to("../../../outside/secret")
    tree.delete("docs")
    assert not (shared / "docs").exists()
    assert (outside / "secret").read_text() == "secret"


def test_a_race_of_links_never_leads_out(tree: Tree, shared: Path, outside: Path) -> None:
    """A folder becomes a link and back as fast as can be, while it is read, written and listed."""
    (outside / "b.txt").write_text("outside")
    folder, way, aside = shared / "docs", shared / "way", shared / "aside"
    way.symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            folder.rename(aside)
            way.rename(folder)
            folder.rename(way)
            aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    errors = set()
    try:
        for count in range(3000):
            try:
                seen.add(read(tree, "docs/b.txt"))
                write(tree, f"docs/w{count % 7}", b"w")
                seen |= {name.encode() for name in tree.list("docs")}
            except OSError as error:
                errors.add(error.errno)
    finally:
        over.set()
        thread.join()
    assert errors <= {errno.EACCES, errno.ENOENT, errno.ELOOP, errno.ENOTDIR}
    assert seen <= {b"bb", b"b.txt", b"deep", *(f"w{i}".encode() for i in range(7))}
    assert sorted(p.name for p in outside.iterdir()) == ["b.txt", "secret"]


def test_read_only_holds(shared: Path) -> None:
    tree = Tree()
    tree.mount((), shared, read_only=True)
    changes: list[Callable[[], None]] = [
        lambda: tree.create("new"),
        lambda: tree.make_folder("new"),
        lambda: tree.delete("a.txt"),
        lambda: tree.rename("a.txt", "b.txt"),
        lambda: tree.copy_file("a.txt", "b.txt"),
        lambda: tree.set_modified("a.txt", 1.0),
    ]
    for change in changes:
        with pytest.raises(Refused) as error:
            change()
        assert number(error) == errno.EROFS
    with pytest.raises(Refused):
        tree.open_write("a.txt")
    assert tree.read_only
    assert sorted(p.name for p in shared.iterdir()) == ["a.txt", "docs"]
    tree.close()


def test_a_file_appears_when_it_is_whole(tree: Tree, shared: Path) -> None:
    part = tree.open_write("a.txt")
    part.write(b"half of")
    assert read(tree, "a.txt") == b"a"
    assert set(tree.list("/")) == {"a.txt", "docs"}
    hidden = next(p.name for p in shared.iterdir() if p.name.startswith(folder_tree.PART))
    for look in (tree.find, tree.open_read):
        with pytest.raises(FileNotFoundError):
            look(hidden)
    part.abort()
    assert sorted(p.name for p in shared.iterdir()) == ["a.txt", "docs"]
    assert (shared / "a.txt").read_text() == "a"


def test_modes_are_kept_and_the_umask_holds(tree: Tree, shared: Path) -> None:
    (shared / "a.txt").chmod(0o640)
    (shared / "run").write_text("#!/bin/sh\n")
    (shared / "run").chmod(0o4755)
    old = os.umask(0o027)
    try:
        write(tree, "a.txt", b"anew")
        write(tree, "new", b"new")
        tree.make_folder("folder")
        tree.copy_file("run", "copy")
    finally:
        os.umask(old)
    assert [(shared / name).stat().st_mode & 0o7777 for name in ("a.txt", "new", "folder", "copy")] == [
        0o640,
        0o640,
        0o750,
        0o750,
    ]


def test_sizes_and_the_disk_have_bounds(shared: Path) -> None:
    tree = Tree(Limits(file_bytes=1000))
    tree.mount((), shared, read_only=False)
    with pytest.raises(OSError) as error:
        write(tree, "big", bytes(1001))
    assert number(error) == errno.EFBIG
    tree.close()
    tree = Tree(Limits(keep_free_bytes=1 << 62, entries=1))
    tree.mount((), shared, read_only=False)
    changes: list[Callable[[], None]] = [
        lambda: write(tree, "big", b"x"),
        lambda: tree.make_folder("x"),
        lambda: tree.create("x"),
    ]
    for change in changes:
        with pytest.raises(OSError) as error:
            change()
        assert number(error) == errno.ENOSPC
    with pytest.raises(OSError) as error:
        tree.list("/")
    assert number(error) == errno.EMFILE
    assert tree.space() is not None
    tree.close()
    assert sorted(p.name for p in shared.iterdir()) == ["a.txt", "docs"]


def test_the_folder_stays_the_same_when_it_is_renamed(tree: Tree, shared: Path, outside: Path) -> None:
    moved = shared.rename(shared.with_name("moved"))
    shared.symlink_to(outside)
    assert set(tree.list("/")) == {"a.txt", "docs"}
    write(tree, "new", b"new")
    assert (moved / "new").exists()


def test_single_files_and_folders_have_places_of_their_own(shared: Path, outside: Path) -> None:
    tree = Tree()
    tree.mount(("x.txt",), shared / "a.txt", read_only=True)
    tree.mount(("more", "docs"), shared / "docs", read_only=True)
    tree.mount((".clip", "1", "secret"), outside / "secret", read_only=True)
    assert sorted(tree.list("/")) == ["more", "x.txt"]
    assert sorted(tree.list("more")) == ["docs"]
    assert sorted(tree.list("more/docs")) == ["b.txt", "deep"]
    assert read(tree, "x.txt") == b"a"
    assert read(tree, "more/docs/b.txt") == b"bb"
    assert read(tree, ".clip/1/secret") == b"secret"
    for path in ("x.txt/y", "more/docs/b.txt/y"):
        with pytest.raises(NotADirectoryError):
            tree.open_read(path)
    for path in ("a.txt", ".clip/2/secret", "more/other"):
        with pytest.raises(FileNotFoundError):
            tree.open_read(path)
    for path in ("", "more", "x.txt", "more/docs", "more/docs/b.txt"):
        with pytest.raises(Refused):
            tree.delete(path)
    assert tree.space() is None
    tree.unmount(("x.txt",))
    with pytest.raises(FileNotFoundError):
        tree.open_read("x.txt")
    tree.close()
    with pytest.raises(FileNotFoundError):
        tree.open_read("more/docs/b.txt")


def test_what_is_no_file_or_folder_cannot_be_mounted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    tree = Tree()
    with pytest.raises(Refused):
        tree.mount((), tmp_path / "fifo", read_only=True)
    with pytest.raises(FileNotFoundError):
        tree.mount((), tmp_path / "none", read_only=True)
    tree.mount((), tmp_path, read_only=True)
    with pytest.raises(FileExistsError):
        tree.mount((), tmp_path, read_only=True)
    tree.close()


def test_no_descriptor_is_left(tree: Tree, shared: Path) -> None:
    (shared / "way").symlink_to("/etc")
    (shared / "inside").symlink_to("docs/deep")
    before = set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else set()
    for _ in range(3):
        tree.list("/")
        tree.find("docs/deep")
        tree.find("inside")
        write(tree, "docs/x", b"x")
        for bad in ("way/passwd", "../x", "docs/none/x", "a.txt/x", "way"):
            for look in (tree.find, tree.list, tree.open_read, tree.open_write, tree.delete):
                if (bad, look) != ("way", tree.delete):
                    with pytest.raises(OSError):
                        look(bad)
    after = set(os.listdir("/proc/self/fd")) if before else set()
    assert len(after) == len(before)


def test_a_part_file_is_gone_with_its_folder(tree: Tree, shared: Path) -> None:
    part: PartFile = tree.open_write("docs/deep/x")
    part.write(b"x")
    tree.delete("docs")
    with pytest.raises(FileNotFoundError):
        part.commit()
    part.abort()
    assert not (shared / "docs").exists()
