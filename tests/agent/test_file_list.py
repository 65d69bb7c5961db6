"""The clipboard's list of files: golden bytes, what is refused, and files through the shared folder both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from devices.webdav_guest import guest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.agent import file_list
from spicetui.agent.file_list import FileList
from spicetui.errors import AgentError, FeatureMissing


def test_golden_bytes() -> None:
    files = FileList(("a.txt", "docs/b c.txt"), cut=True)
    assert file_list.write(files) == b"cut\0/a.txt\0/docs/b c.txt\0"
    assert file_list.read(b"cut\0/a.txt\0/docs/b c.txt\0") == files
    assert file_list.read(b"copy\0/a.txt") == FileList(("a.txt",))
    assert file_list.read("copy\0/Größe\n.txt\0".encode()) == FileList(("Größe\n.txt",))


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(names.map(lambda name: f"x/{name}"), max_size=5).map(tuple), st.booleans())
def test_round_trip(places: tuple[str, ...], cut: bool) -> None:
    assert file_list.read(file_list.write(FileList(places, cut))) == FileList(places, cut)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"move\0/a",
        b"copy\0/../a\0",
        b"copy\0/a/../../b\0",
        b"copy\0/a//b\0",
        b"copy\0/./a\0",
        b"copy\0/\xff\0",
        b"copy" + b"\0/a" * 20_000,
        b"copy\0" + bytes(file_list.MAX_BYTES),
    ],
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(AgentError):
        file_list.read(data)


@given(st.binary(max_size=100))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        found = file_list.read(data)
    except AgentError:
        return
    assert all(place and not place.startswith("/") for place in found.places)


async def test_files_copied_here_are_fetched_by_the_guest(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("another")
    async with guest() as one:
        data = await one.folder.offer([tmp_path / "a.txt", tmp_path / "sub" / "a.txt", tmp_path / "sub"])
        files = file_list.read(data)
        answers = [(await one.ask("GET", f"/{place}")).body for place in files.places[:2]]
        assert answers == [b"hello", b"another"]
        assert (await one.ask("GET", f"/{files.places[2]}/a.txt")).text == "another"
        assert (await one.ask("GET", "/a.txt")).status == 404
        with pytest.raises(FeatureMissing, match="none is shared"):
            one.folder.copied(b"copy\0/a.txt\0")
        later = file_list.read(await one.folder.offer([tmp_path / "a.txt"], cut=True))
        assert later.cut
        assert (await one.ask("GET", f"/{files.places[0]}")).status == 404  # what is not offered any more
        assert (await one.ask("GET", f"/{later.places[0]}")).text == "hello"


async def test_files_copied_in_the_guest_are_files_here(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "b.txt").write_text("bb")
    (tmp_path / "way").symlink_to("/etc/passwd")
    async with guest() as one:
        await one.folder.share(tmp_path)
        assert one.folder.copied(b"copy\0/docs/b.txt\0/docs\0") == (
            [tmp_path / "docs" / "b.txt", tmp_path / "docs"],
            False,
        )
        for data in (b"copy\0/way\0", b"copy\0/none\0", b"copy\0/../x\0"):
            with pytest.raises(AgentError):
                one.folder.copied(data)
