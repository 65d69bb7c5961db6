"""Bytes to events: real sequences of terminals, in pieces of every size, between garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetui.term import tokenizer as t
from spicetui.term.tokenizer import Action, Event, Focus, KeyPress, Mod, Mouse, Paste, Reply, Resize, Tokenizer, Unknown

P, R, U = Action.PRESS, Action.REPEAT, Action.RELEASE

# What terminals send, and what it means.
CORPUS: list[tuple[bytes, list[Event]]] = [
    # plain terminals
    (b"a", [KeyPress(97, text="a", legacy=True)]),
    ("é€😀".encode(), [KeyPress(ord(c), text=c, legacy=True) for c in "é€😀"]),
    (b"\r", [KeyPress(t.ENTER, legacy=True)]),
    (b"\t", [KeyPress(t.TAB, legacy=True)]),
    (b"\x7f", [KeyPress(t.BACKSPACE, legacy=True)]),
    (b"\x03", [KeyPress(ord("c"), Mod.CTRL, legacy=True)]),
    (b"\x00", [KeyPress(32, Mod.CTRL, legacy=True)]),
    (b"\x08", [KeyPress(ord("h"), Mod.CTRL, legacy=True)]),
    (b"\x1d", [KeyPress(ord("]"), Mod.CTRL, legacy=True)]),
    (b"\x1c\x1e\x1f", [KeyPress(ord(c), Mod.CTRL, legacy=True) for c in "\\^_"]),
    (b"\x1bx", [KeyPress(ord("x"), Mod.ALT, text="x", legacy=True)]),
    ("\x1bé".encode(), [KeyPress(ord("é"), Mod.ALT, text="é", legacy=True)]),
    (b"\x1b\x01", [KeyPress(ord("a"), Mod.ALT | Mod.CTRL, legacy=True)]),
    (b"\x1b[A\x1b[B\x1b[C\x1b[D", [KeyPress(k) for k in (t.UP, t.DOWN, t.RIGHT, t.LEFT)]),
    (b"\x1bOA", [KeyPress(t.UP, legacy=True)]),
    (b"\x1bOP\x1bOS", [KeyPress(t.F1, legacy=True), KeyPress(t.F1 + 3, legacy=True)]),
    (b"\x1b[15~\x1b[24~", [KeyPress(t.F1 + 4), KeyPress(t.F1 + 11)]),
    (b"\x1b[25~\x1b[34~", [KeyPress(t.F1 + 12), KeyPress(t.F1 + 19)]),
    (b"\x1b[[A\x1b[[E", [KeyPress(t.F1, legacy=True), KeyPress(t.F1 + 4, legacy=True)]),  # the Linux console
    (b"\x1b[3~\x1b[5;5~", [KeyPress(t.DELETE), KeyPress(t.PAGE_UP, Mod.CTRL)]),
    (b"\x1b[1;5D", [KeyPress(t.LEFT, Mod.CTRL)]),
    (b"\x1b[1;2R", [KeyPress(t.F1 + 2, Mod.SHIFT)]),
    (b"\x1b[7~\x1b[8~\x1b[1~\x1b[4~", [KeyPress(k) for k in (t.HOME, t.END, t.HOME, t.END)]),
    (b"\x1b[3^\x1b[3@", [KeyPress(t.DELETE, Mod.CTRL, legacy=True), KeyPress(t.DELETE, 5, legacy=True)]),  # rxvt
    (b"\x1b[Z", [KeyPress(t.TAB, Mod.SHIFT, legacy=True)]),
    (b"\x1b[27;6;44~", [KeyPress(44, Mod.CTRL | Mod.SHIFT, legacy=True)]),  # modifyOtherKeys
    # the kitty protocol
    (b"\x1b[97;;97u", [KeyPress(97, text="a")]),
    (b"\x1b[97:65;2;65u", [KeyPress(97, Mod.SHIFT, shifted=65, text="A")]),
    (b"\x1b[97;1:3u", [KeyPress(97, action=U)]),
    (b"\x1b[97;5:2u", [KeyPress(97, Mod.CTRL, R)]),
    (b"\x1b[1081::113;5u", [KeyPress(1081, Mod.CTRL, base=113)]),  # й on q
    (b"\x1b[57442;5u\x1b[57442;1:3u", [KeyPress(57442, Mod.CTRL), KeyPress(57442, action=U)]),
    (b"\x1b[27u\x1b[13;1:3u", [KeyPress(t.ESCAPE), KeyPress(t.ENTER, action=U)]),
    (b"\x1b[1;1:3A\x1b[13;3~", [KeyPress(t.UP, action=U), KeyPress(t.F1 + 2, Mod.ALT)]),
    (b"\x1b[57358;65u", [KeyPress(57358, Mod.CAPS_LOCK)]),
    (b"\x1b[0;;228:246u", [KeyPress(0, text="äö")]),
    (b"\x1b[?31u", [Reply("keyboard", (31,))]),
    # mouse
    (b"\x1b[<0;10;20M", [Mouse("down", 1, 10, 20)]),
    (b"\x1b[<0;10;20m", [Mouse("up", 1, 10, 20)]),
    (b"\x1b[<1;1;1M\x1b[<2;1;1M", [Mouse("down", 2, 1, 1), Mouse("down", 3, 1, 1)]),
    (b"\x1b[<35;1500;900M", [Mouse("move", 0, 1500, 900)]),
    (b"\x1b[<32;5;5M", [Mouse("move", 1, 5, 5)]),
    (b"\x1b[<64;5;5M\x1b[<65;5;5M\x1b[<66;5;5M", [Mouse("wheel", n, 5, 5) for n in (4, 5, 6)]),
    (b"\x1b[<128;5;5M\x1b[<129;5;5m", [Mouse("down", 8, 5, 5), Mouse("up", 9, 5, 5)]),
    (b"\x1b[<28;-3;5M", [Mouse("down", 1, -3, 5, 7)]),
    (b"\x1b[M !!", [Mouse("down", 1, 1, 1)]),
    (b"\x1b[M#!!", [Mouse("up", 1, 1, 1)]),
    # the rest
    (b"\x1b[200~a\x1bb\r\n\x1b[201~", [Paste("a\x1bb\r\n")]),
    (b"\x1b[200~\x1b[201~", [Paste("")]),
    (b"\x1b[I\x1b[O", [Focus(True), Focus(False)]),
    (b"\x1b[48;24;80;384;640t", [Resize(80, 24, 640, 384)]),
    (b"\x1b[0n", [Reply("status", (0,))]),
    (b"\x1b[?62;4;22c", [Reply("da1", (62, 4, 22))]),
    (b"\x1b[>41;379;0c", [Reply("da2", (41, 379, 0))]),
    (b"\x1b[?2026;2$y", [Reply("mode", (2026, 2))]),
    (b"\x1b[4;384;640t\x1b[6;16;8t", [Reply("window", (4, 384, 640)), Reply("window", (6, 16, 8))]),
    (b"\x1b[12;40R", [Reply("cursor", (12, 40))]),
    (b"\x1b[?1;0;256S", [Reply("graphics", (1, 0, 256))]),
    (b"\x1b_Gi=31;OK\x1b\\", [Reply("apc", (), b"Gi=31;OK")]),
    (b"\x1bP>|kitty(0.26.5)\x1b\\", [Reply("dcs", (), b">|kitty(0.26.5)")]),
    (b"\x1b]52;c;aGk=\x07", [Reply("osc", (), b"52;c;aGk=")]),
    (b"\x1b]11;rgb:0/0/0\x1b\\", [Reply("osc", (), b"11;rgb:0/0/0")]),
]


@pytest.mark.parametrize(("data", "expected"), CORPUS, ids=[repr(data) for data, _ in CORPUS])
def test_sequences(data: bytes, expected: list[Event]) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(data) == expected
    assert not tokenizer.pending


def test_everything_in_one_byte_pieces() -> None:
    data = b"".join(data for data, _ in CORPUS)
    expected = [event for _, events in CORPUS for event in events]
    tokenizer = Tokenizer()
    found = [event for index in range(len(data)) for event in tokenizer.feed(data[index : index + 1])]
    assert found == expected
    assert not tokenizer.pending


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_any_split_gives_the_same(sizes: list[int]) -> None:
    data = b"".join(data for data, _ in CORPUS)
    tokenizer = Tokenizer()
    found: list[Event] = []
    position = 0
    while position < len(data):
        size = sizes[position % len(sizes)]
        found += tokenizer.feed(data[position : position + size])
        position += size
    assert found == [event for _, events in CORPUS for event in events]


@given(st.binary(max_size=200), st.integers(1, 7))
def test_garbage_is_survived_and_forgotten(garbage: bytes, size: int) -> None:
    """Whatever came before, a key that comes after a rest is understood."""
    tokenizer = Tokenizer()
    for index in range(0, len(garbage), size):
        tokenizer.feed(garbage[index : index + size])
    tokenizer.flush()
    tokenizer.flush(hard=True)
    assert not tokenizer.pending
    assert tokenizer.feed(b"\x1b[97;1:3u") == [KeyPress(97, action=U)]
    assert tokenizer.feed(b"\x1b[A") == [KeyPress(t.UP)]


ESCAPES = st.sampled_from(
    [b"\x1b", b"\x1b[", b"\x1bO", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b[<", b"\x1b[M", b"\x1b[[", b"\x1b[200~"]
)


@given(st.lists(st.one_of(ESCAPES, st.binary(max_size=6), st.sampled_from([d for d, _ in CORPUS])), max_size=30))
def test_sequences_cut_off_anywhere(parts: list[bytes]) -> None:
    tokenizer = Tokenizer()
    for part in parts:
        for event in tokenizer.feed(part):
            assert isinstance(event, tuple)
    tokenizer.flush(hard=True)
    assert not tokenizer.pending


def test_escape_alone_is_known_when_nothing_follows() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"\x1b") == []
    assert tokenizer.pending
    assert tokenizer.flush() == [KeyPress(t.ESCAPE, legacy=True)]
    assert not tokenizer.pending


@pytest.mark.parametrize("character", "[O]P_^X")
def test_alt_with_a_character_that_begins_sequences(character: str) -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"\x1b" + character.encode()) == []
    assert tokenizer.flush() == [KeyPress(ord(character), Mod.ALT, text=character, legacy=True)]
    assert not tokenizer.pending


def test_two_escapes() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"\x1b\x1b[A") == [KeyPress(t.ESCAPE, legacy=True), KeyPress(t.UP)]


def test_a_string_is_waited_for_and_given_up() -> None:
    tokenizer = Tokenizer()
    assert tokenizer.feed(b"\x1b_Gi=1;O") == []
    assert tokenizer.flush() == []  # a slow link
    assert tokenizer.feed(b"K\x1b") == []
    assert tokenizer.feed(b"\\a") == [Reply("apc", (), b"Gi=1;OK"), KeyPress(97, text="a", legacy=True)]
    tokenizer.feed(b"\x1b]no end")
    assert tokenizer.flush(hard=True) == []
    assert tokenizer.feed(b"a") == [KeyPress(97, text="a", legacy=True)]


def test_a_string_cut_off_by_a_sequence() -> None:
    assert Tokenizer().feed(b"\x1b]52;c;abc\x1b[A") == [KeyPress(t.UP)]
    assert Tokenizer().feed(b"\x1bP>|x\x18\x1b[A") == [KeyPress(t.UP)]


def test_nothing_grows_without_bound() -> None:
    tokenizer = Tokenizer()
    tokenizer.feed(b"\x1b]")
    for _ in range(40):
        assert tokenizer.feed(b"x" * 65536) == []
    assert len(tokenizer._body) <= t.MAX_STRING
    assert tokenizer.feed(b"\x07") == []  # too long to be believed
    tokenizer.feed(b"\x1b[200~")
    for _ in range(80):
        tokenizer.feed(b"y" * 65536)
    (paste,) = tokenizer.feed(b"\x1b[201~")
    assert isinstance(paste, Paste)
    assert paste.truncated
    assert len(paste.text) == t.MAX_PASTE
    tokenizer.feed(b"\x1b[")
    for _ in range(50):
        assert all(isinstance(event, Unknown) for event in tokenizer.feed(b"1" * 1000))
    assert len(tokenizer._buffer) <= t.MAX_PARAMETERS + 4
    assert tokenizer.feed(b"mA") == [KeyPress(65, text="A", legacy=True)]


def test_the_end_of_a_paste_in_pieces() -> None:
    tokenizer = Tokenizer()
    found: list[Event] = []
    for byte in b"\x1b[200~ab\x1b[201\x1b[20\x1b[201~c":
        found += tokenizer.feed(bytes((byte,)))
    assert found == [Paste("ab\x1b[201\x1b[20"), KeyPress(99, text="c", legacy=True)]


def test_backspace_that_is_ctrl_h() -> None:
    assert Tokenizer(erase=8).feed(b"\x08") == [KeyPress(t.BACKSPACE, legacy=True)]


@pytest.mark.parametrize(
    "data", [b"\x1b[99999999999u", b"\x1b[55296;;55296u", b"\x1b[27;5;1114112~", b"\x1b[<9999999;1;1M"]
)
def test_numbers_that_mean_nothing(data: bytes) -> None:
    for event in Tokenizer().feed(data):
        assert isinstance(event, Unknown | KeyPress)
        if isinstance(event, KeyPress):
            assert event.code <= 0x10FFFF
            assert not event.text


def test_code_points_that_are_none() -> None:
    (event,) = Tokenizer().feed(b"\x1b[97:999999999:55555555;1;55296:98u")
    assert isinstance(event, KeyPress)
    assert (event.code, event.shifted, event.base, event.text) == (97, 0, 0, "b")
    (event,) = Tokenizer().feed(b"\x1b[999999999u")
    assert isinstance(event, Unknown)
    (event,) = Tokenizer().feed(b"\x1b[55296u")
    assert isinstance(event, Unknown)
