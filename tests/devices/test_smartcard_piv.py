"""The PIV card in software: what SP 800-73-4 says of its commands, objects, PIN and keys."""

from __future__ import annotations

import gzip
import os
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from spicetui import SmartcardError
from spicetui.devices import smartcard_piv as piv
from spicetui.devices.smartcard_apdu import objects, tlv
from spicetui.devices.smartcard_piv import AUTHENTICATION, CARD, MANAGEMENT, SIGNATURE, PivCard, fasc_n, keys_from_files

from .cards import PIN, UNTIL, WRONG_PIN, Identity, ec_key, identity, rsa_key

LOGIN = identity("login", rsa_key())
SIGNING = identity("signing", ec_key())
MAIL = identity("mail", ec_key("secp384r1"), filling=4000)
DOOR = identity("door", rsa_key())
SLOTS = {AUTHENTICATION: LOGIN, SIGNATURE: SIGNING, MANAGEMENT: MAIL, CARD: DOOR}
RSA_2048, P_256, P_384 = 0x07, 0x11, 0x14


def card() -> PivCard:
    return PivCard({slot: owner.card_key for slot, owner in SLOTS.items()}, PIN)


def padded(pin: str) -> bytes:
    return pin.encode().ljust(8, b"\xff")


def send(card: PivCard, head: str, data: bytes = b"", expected: int | None = 0) -> tuple[bytes, int]:
    """One command as T=1 has it, in several parts where it must be, and its whole answer with the status word."""
    cla, *rest = bytes.fromhex(head)
    while len(data) > 255:
        answer = card.process(bytes((0x10, *rest, 255)) + data[:255])
        assert answer == b"\x90\0"
        data = data[255:]
    body = bytes((len(data),)) + data if data else b""
    answer = card.process(bytes((cla, *rest)) + body + (bytes((expected,)) if expected is not None else b""))
    result = answer[:-2]
    while answer[-2] == 0x61:
        answer = card.process(bytes((0, 0xC0, 0, 0, answer[-1])))
        result += answer[:-2]
    return result, int.from_bytes(answer[-2:], "big")


def login(card: PivCard, pin: str = PIN) -> int:
    return send(card, "00200080", padded(pin), None)[1]


def use(card: PivCard, slot: int, algorithm: int, data: bytes, tag: int = 0x81) -> tuple[bytes, int]:
    """What the key makes of *data*."""
    result, status = send(card, f"0087{algorithm:02x}{slot:02x}", tlv(0x7C, tlv(0x82), tlv(tag, data)))
    if status != 0x9000:
        assert not result
        return b"", status
    return dict(objects(dict(objects(result))[0x7C]))[0x82], status


def read(card: PivCard, tag: int) -> dict[int, bytes]:
    octets = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    data, status = send(card, "00cb3fff", tlv(0x5C, octets))
    assert status == 0x9000
    ((outer, value),) = objects(data)
    assert outer == (tag if tag == piv.DISCOVERY else 0x53)
    return dict(objects(value))


def digest(data: bytes, hash: hashes.HashAlgorithm) -> bytes:
    context = hashes.Hash(hash)
    context.update(data)
    return context.finalize()


def pkcs1(info: bytes, size: int = 256) -> bytes:
    return b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info


def public(owner: Identity) -> rsa.RSAPublicKey:
    key = owner.certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


# --- what can be read


def test_selection() -> None:
    one = card()
    answer, status = send(one, "00a40400", bytes.fromhex("a000000308"))
    assert status == 0x9000
    fields = dict(objects(dict(objects(answer))[0x61]))
    assert fields[0x4F] == bytes.fromhex("000010000100")
    assert fields[0x79] == bytes.fromhex("4f05a000000308")
    for aid in ("a0000003080000100001", "a000000308000010000100"):
        assert send(one, "00a40400", bytes.fromhex(aid))[1] == 0x9000
    for aid in ("a000000308000020", "a00000", "a0000003080000100001000000", "d2760001240102"):
        assert send(one, "00a40400", bytes.fromhex(aid))[1] == 0x6A82
    assert send(one, "00a40000", bytes.fromhex("3f00"))[1] == 0x6A86


def test_certificates() -> None:
    one = card()
    for slot, owner in SLOTS.items():
        fields = read(one, piv.SLOTS[slot])
        packed = owner is MAIL
        assert fields[0x71] == (b"\1" if packed else b"\0")
        assert (gzip.decompress(fields[0x70]) if packed else fields[0x70]) == owner.der
        assert fields[0xFE] == b""


def test_the_card_s_own_objects() -> None:
    one = card()
    holder = read(one, piv.HOLDER)
    assert [*holder] == [0x30, 0x34, 0x35, 0x3E, 0xFE]
    assert (len(holder[0x30]), holder[0x35]) == (25, f"{UNTIL:%Y%m%d}".encode())
    assert uuid.UUID(bytes=holder[0x34]).version == 4
    assert read(card(), piv.HOLDER) == holder  # the same card each time
    capabilities = read(one, piv.CAPABILITIES)
    assert capabilities[0xF0].startswith(bytes.fromhex("a000000116ff02"))
    assert len(capabilities[0xF0]) == 21
    discovery = read(one, piv.DISCOVERY)
    assert discovery == {0x4F: piv.AID, 0x5F2F: b"\x40\0"}


def test_a_number_of_the_standard_s_example() -> None:
    """TIG SCEPACS 2.3, figure 3."""
    example = fasc_n(("0032", "0001", "092446", "0", "1", "1112223333112232"))
    assert example == bytes.fromhex("d0439458210c2c19a0846d83685a1082108ce73984108ca3fc")
    assert fasc_n()[:4] == bytes.fromhex("d4e739d8")  # 9999: readers take the UUID instead


@pytest.mark.parametrize("tag", ["5fc106", "5fc10c", "5fc109", "7f61", "", "5f"])
def test_objects_that_are_not_there(tag: str) -> None:
    assert send(card(), "00cb3fff", tlv(0x5C, bytes.fromhex(tag)))[1] == 0x6A82


@pytest.mark.parametrize(
    ("apdu", "status"),
    [
        ("", 0x6700),
        ("00a4", 0x6700),
        ("00a4040005a00000", 0x6700),
        ("00a404000000", 0x6700),
        ("00a4040000000500", 0x6700),
        ("80a4040005a000000308", 0x6E00),
        ("00db3fff055c03", 0x6700),
        ("00db3fff055c035fc105", 0x6D00),
        ("00470000", 0x6D00),
        ("0024008010" + "31" * 16, 0x6D00),
        ("002c008010" + "31" * 16, 0x6D00),
        ("00cb3f00055c035fc105", 0x6A86),
        ("00cb3fff025c03", 0x6A80),
        ("00cb3fff035c8100", 0x6A82),
        ("00cb3fff045c840000", 0x6A80),
        ("00cb3fff055c84000000", 0x6A80),
        ("00cb3fff025c80", 0x6A80),
        ("00cb3fff011f", 0x6A80),
        ("00cb3fff0100", 0x6A80),
    ],
)
def test_wrong_commands(apdu: str, status: int) -> None:
    assert card().process(bytes.fromhex(apdu)) == status.to_bytes(2, "big")


def test_answers_in_parts_for_t_0() -> None:
    """Without Le the answer is fetched, in any sizes; whatever comes in between drops it."""
    one = card()
    question = bytes.fromhex("00cb3fff055c03") + piv.SLOTS[AUTHENTICATION].to_bytes(3, "big")
    whole = tlv(0x53, tlv(0x70, LOGIN.der), tlv(0x71, b"\0"), tlv(0xFE))
    assert one.process(question) == b"\x61\0"
    found = b""
    while len(found) < len(whole):
        answer = one.process(bytes.fromhex("00c0000064"))
        found += answer[:-2]
        left = len(whole) - len(found)
        assert answer[-2:] == (bytes((0x61, min(left, 256) & 0xFF)) if left else b"\x90\0")
    assert found == whole
    assert one.process(bytes.fromhex("00c0000000")) == b"\x90\0"
    one.process(question)
    one.process(bytes.fromhex("00200080"))
    assert one.process(bytes.fromhex("00c0000000")) == b"\x90\0"
    # Extended lengths are understood, the answers stay short.
    extended = bytes.fromhex("00cb3fff0000055c03") + question[7:] + b"\0\0"
    assert len(one.process(extended)) == 258


def test_a_chain_without_an_end() -> None:
    one = card()
    login(one)
    part = bytes.fromhex("1087079aff") + bytes(255)
    answers = [one.process(part) for _ in range(20)]
    assert b"\x67\0" in answers
    assert len(one._chained) <= piv.MAX_CHAIN
    one.process(part)
    one.process(bytes.fromhex("10 87079b ff") + bytes(255))  # another command
    assert len(one._chained) == 255


# --- the PIN


def test_tries() -> None:
    one = card()
    assert send(one, "00200080", expected=None)[1] == 0x63C3
    for left in (0x63C2, 0x63C1):
        assert login(one, WRONG_PIN) == left
        assert send(one, "00200080", expected=None)[1] == left
    assert login(one) == 0x9000
    assert one.tries == 3
    assert send(one, "00200080", expected=None)[1] == 0x9000
    for status in (0x63C2, 0x63C1, 0x6983, 0x6983):
        assert login(one, WRONG_PIN) == status
    assert login(one) == 0x6983
    assert send(one, "00200080", expected=None)[1] == 0x6983
    one.reset()
    assert login(one) == 0x6983


def test_a_wrong_pin_logs_out() -> None:
    one = card()
    login(one)
    login(one, WRONG_PIN)
    assert use(one, AUTHENTICATION, RSA_2048, pkcs1(b"x"))[1] == 0x6982


def test_malformed_pins_cost_no_try() -> None:
    one = card()
    for data in (b"271828", padded(PIN) + b"\xff", b"1"):
        assert send(one, "00200080", data, None)[1] == 0x6A80
    assert send(one, "00200081", padded(PIN), None)[1] == 0x6A88
    assert send(one, "00200000", padded(PIN), None)[1] == 0x6A88
    assert send(one, "00200180", padded(PIN), None)[1] == 0x6A86
    assert one.tries == 3


def test_logging_out() -> None:
    for out in (lambda one: one.reset(), lambda one: send(one, "0020ff80", expected=None)):
        one = card()
        login(one)
        send(one, "00a40400", piv.RID)  # selected anew: still logged in
        send(one, "00a40400", b"\xd2\x76\0\1\x24\1")
        assert use(one, AUTHENTICATION, RSA_2048, pkcs1(b"x"))[1] == 0x9000
        out(one)
        assert use(one, AUTHENTICATION, RSA_2048, pkcs1(b"x"))[1] == 0x6982


@pytest.mark.parametrize("pin", ["", "12345", "123456789", "abcdef", "12345a", "１２３４５６", "-12345"])
def test_pins_that_are_none(pin: str) -> None:
    with pytest.raises(SmartcardError, match="6 to 8 digits"):
        PivCard({AUTHENTICATION: LOGIN.card_key}, pin)


def test_a_card_needs_keys() -> None:
    for keys in ({}, {0x9B: LOGIN.card_key}):
        with pytest.raises(SmartcardError, match="one to four"):
            PivCard(keys, PIN)


# --- keys


def test_which_keys_want_the_pin() -> None:
    one = card()
    assert use(one, CARD, RSA_2048, pkcs1(b"x"))[1] == 0x9000
    for slot, algorithm in ((AUTHENTICATION, RSA_2048), (SIGNATURE, P_256), (MANAGEMENT, P_384)):
        assert use(one, slot, algorithm, bytes(32))[1] == 0x6982
    login(one)
    for _ in range(2):
        assert use(one, AUTHENTICATION, RSA_2048, pkcs1(b"x"))[1] == 0x9000
    assert use(one, SIGNATURE, P_256, bytes(32))[1] == 0x6982
    login(one)
    assert use(one, SIGNATURE, P_256, bytes(32))[1] == 0x9000
    assert use(one, SIGNATURE, P_256, bytes(32))[1] == 0x6982


@pytest.mark.parametrize("hash", [hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_rsa_signatures(hash: hashes.HashAlgorithm) -> None:
    """What OpenSSL makes of a digest is what the bare operation makes of its block."""
    from spicetui.devices.smartcard_keys import DIGEST_INFO

    one = card()
    login(one)
    data = os.urandom(100)
    prefix = next(prefix for prefix, known in DIGEST_INFO if known.name == hash.name)
    block = pkcs1(prefix + digest(data, hash))
    signature, status = use(one, AUTHENTICATION, RSA_2048, block)
    assert status == 0x9000
    public(LOGIN).verify(signature, data, padding.PKCS1v15(), hash)
    key = LOGIN.card_key
    assert key._blinded(int.from_bytes(block, "big")) == int.from_bytes(signature, "big")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**2047))
def test_the_bare_operation(value: int) -> None:
    numbers = rsa_key().private_numbers()
    expected = pow(value, numbers.d, numbers.public_numbers.n)
    assert LOGIN.card_key._blinded(value) == expected


def test_rsa_decryption() -> None:
    one = card()
    login(one)
    secret = os.urandom(32)
    block, _ = use(one, AUTHENTICATION, RSA_2048, public(LOGIN).encrypt(secret, padding.PKCS1v15()))
    assert (block[:2], block[-33:]) == (b"\0\2", b"\0" + secret)


def test_rsa_blocks_that_are_none() -> None:
    one = card()
    login(one)
    for block in (b"", bytes(255), bytes(257), b"\xff" * 256):
        assert use(one, AUTHENTICATION, RSA_2048, block)[1] == 0x6A80


@pytest.mark.parametrize("hash", [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()])
def test_ec_signatures(hash: hashes.HashAlgorithm) -> None:
    one = card()
    login(one)
    signature, _ = use(one, SIGNATURE, P_256, digest(b"data", hash))
    ec_key().public_key().verify(signature, b"data", ec.ECDSA(hash))
    login(one)
    assert use(one, SIGNATURE, P_256, bytes(33))[1] == 0x6A80


def test_key_agreement() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    one = card()
    login(one)
    other = ec.generate_private_key(ec.SECP384R1())
    point = other.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret, _ = use(one, MANAGEMENT, P_384, point, 0x85)
    assert secret == other.exchange(ec.ECDH(), ec_key("secp384r1").public_key())
    assert use(one, MANAGEMENT, P_384, point[:-1] + bytes((point[-1] ^ 1,)), 0x85)[1] == 0x6A80
    assert use(one, MANAGEMENT, P_384, b"", 0x85)[1] == 0x6A80
    login(one)
    assert use(one, SIGNATURE, P_256, point, 0x85)[1] == 0x6A80
    assert use(one, AUTHENTICATION, RSA_2048, point, 0x85)[1] == 0x6A80


def test_keys_and_algorithms_that_are_not_there() -> None:
    one = PivCard({AUTHENTICATION: LOGIN.card_key}, PIN)
    login(one)
    assert use(one, SIGNATURE, RSA_2048, bytes(256))[1] == 0x6A86
    assert use(one, AUTHENTICATION, P_256, bytes(32))[1] == 0x6A86
    assert send(one, "0087079a", tlv(0x7C, tlv(0x81, bytes(256))))[1] == 0x6A80
    assert send(one, "0087079a", tlv(0x7C, tlv(0x82)))[1] == 0x6A80
    assert send(one, "0087079a", b"")[1] == 0x6A80


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=40))
def test_whatever_a_guest_sends(first: bytes, second: bytes) -> None:
    one = PivCard({AUTHENTICATION: LOGIN.card_key}, PIN)
    for apdu in (first, bytes.fromhex("0087079a") + bytes((len(second),)) + second, b"\0\xcb\x3f\xff" + second):
        answer = one.process(apdu)
        assert 2 <= len(answer) <= 258


# --- files


def test_keys_from_files(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a.crt", tmp_path / "a,.key"
    certificate.write_bytes(DOOR.certificate_pem() + SIGNING.certificate_pem())
    key.write_bytes(SIGNING.key_pem("open"))
    asked: list[str] = []

    def passphrase(file: str) -> str:
        asked.append(Path(file).name)
        return "open"

    words = [
        f"9C={LOGIN.write_pem(tmp_path)}",
        f"{certificate},{key}",
        str(MAIL.write_p12(tmp_path, "open")),
        str(DOOR.write_p12(tmp_path)),
    ]
    keys = keys_from_files(words, passphrase)
    assert [*keys] == [SIGNATURE, AUTHENTICATION, MANAGEMENT, CARD]
    owners = {SIGNATURE: LOGIN, AUTHENTICATION: SIGNING, MANAGEMENT: MAIL, CARD: DOOR}
    assert all(keys[slot].certificate == owner.certificate for slot, owner in owners.items())
    assert asked == ["a,.key", "mail.p12"]
    assert login(PivCard.from_files(words, PIN, passphrase)) == 0x9000
    with pytest.raises(SmartcardError, match="one certificate in each of the slots 9a, 9c, 9d, 9e"):
        keys_from_files([*words, words[0]], passphrase)


def test_files_that_do_not_do(tmp_path: Path) -> None:
    def write(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        return str(path)

    locked = str(LOGIN.write_pem(tmp_path, "open"))
    small = identity("small", rsa_key(1024))
    cases = {
        str(tmp_path / "nothing"): "no such file",
        write("noise", b"\x30\x82garbage"): "needs a passphrase, or the file is damaged",
        write("empty.pem", b""): "damaged",
        write("key.pem", LOGIN.key_pem()): "holds no certificate",
        write("crt.pem", LOGIN.certificate_pem()): "told as FILE,KEYFILE",
        write("bad.pem", b"-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n"): "cannot be read",
        write("two.pem", DOOR.certificate_pem() + MAIL.key_pem()): "no certificate for the key",
        str(small.write_pem(tmp_path)): "no such key",
        locked: "needs a passphrase",
    }
    for words, reason in cases.items():
        with pytest.raises(SmartcardError, match=reason):
            keys_from_files([words], lambda name: None)
    with pytest.raises(SmartcardError, match="the passphrase is wrong"):
        keys_from_files([locked], lambda name: "shut")


def test_nothing_tells_the_secrets() -> None:
    """repr() is what logs and tracebacks show."""
    one = card()
    shown = f"{one!r} {LOGIN.card_key!r} {one._keys!r}"
    assert PIN not in shown
    assert str(rsa_key().private_numbers().d) not in shown
    assert "rsa2048" in shown
