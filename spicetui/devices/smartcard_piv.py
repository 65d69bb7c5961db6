"""A PIV card (NIST SP 800-73-4) in software: certificates to read, a PIN, and keys that sign and decrypt.

What manages a real card (new keys, new certificates, another PIN) is refused. The PIN's tries are counted as long as
the program runs, whatever the guest does.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import threading
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import xor

from ..errors import SmartcardError
from .smartcard_apdu import (
    BLOCKED,
    MAX_ANSWER,
    MORE_DATA,
    NO_REFERENCE,
    NOT_ALLOWED,
    NOT_FOUND,
    OK,
    UNKNOWN_CLASS,
    UNKNOWN_INSTRUCTION,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_PARAMETERS,
    WRONG_PIN,
    Command,
    Refusal,
    objects,
    parse_command,
    status,
    tlv,
)
from .smartcard_keys import CardKey, Passphrase, load_key

#: T=0 only, as QEMU's readers up to 7.2 have no other protocol. Historical bytes: selection by name, command chaining,
#: and a name.
ATR = bytes((0x3B, 0x0E, 0x80, 0x73, 0xC0, 0x00, 0x80, 0x58)) + b"spicetui"

AID = bytes.fromhex("A000000308 0000 1000 0100")
RID = AID[:5]

AUTHENTICATION, SIGNATURE, MANAGEMENT, CARD = 0x9A, 0x9C, 0x9D, 0x9E
#: The keys by their references, in the order in which files without one get them, and their certificates' objects.
SLOTS = {AUTHENTICATION: 0x5FC105, SIGNATURE: 0x5FC10A, MANAGEMENT: 0x5FC10B, CARD: 0x5FC101}

#: SP 800-78-5, table 6-2; 4096 bits as other makers have it.
ALGORITHMS = {"rsa2048": 0x07, "rsa3072": 0x05, "rsa4096": 0x16, "secp256r1": 0x11, "secp384r1": 0x14}

CAPABILITIES, HOLDER, DISCOVERY = 0x5FC107, 0x5FC102, 0x7E
PIN = 0x80
TRIES = 3

#: SP 800-73-4, part 1, appendix A: bytes of a certificate that readers have to take; a longer one is compressed.
MAX_PLAIN_CERTIFICATE = 1856

#: Of the parts of a chained command together.
MAX_CHAIN = 4096


class PivCard:
    """*keys* by reference (``SLOTS``); *pin*: 6 to 8 digits. Raises SmartcardError for another one."""

    def __init__(self, keys: Mapping[int, CardKey], pin: str) -> None:
        if not (pin.isascii() and pin.isdigit() and 6 <= len(pin) <= 8):
            raise SmartcardError("the PIN of a card has 6 to 8 digits")
        if not keys or not SLOTS.keys() >= keys.keys():
            raise SmartcardError("a card has one to four certificates, in the slots 9a, 9c, 9d and 9e")
        self._keys = dict(keys)
        self._pin = _padded(pin)
        self._objects = self._make_objects()
        self._lock = threading.Lock()
        self.tries = TRIES
        self.reset()

    @classmethod
    def from_files(cls, files: Sequence[str], pin: str, passphrase: Passphrase = lambda name: None) -> PivCard:
        """Of certificate files, each ``[SLOT=]FILE[,KEYFILE]``. Raises SmartcardError."""
        return cls(keys_from_files(files, passphrase), pin)

    @property
    def atr(self) -> bytes:
        return ATR

    def reset(self) -> None:
        """As when the card is put in: the PIN has to be told again. The tries stay."""
        self._verified = False  # the PIN, since the last reset
        self._fresh = False  # since the last use of a key
        self._answer = b""  # to be fetched by GET RESPONSE
        self._chain: tuple[int, ...] = ()
        self._chained = b""

    def process(self, apdu: bytes) -> bytes:
        """The answer to a command, status word last. From any thread."""
        with self._lock:
            try:
                command = parse_command(apdu)
                if command.ins == 0xC0 and command.cla == 0:
                    return self._deliver(command.expected or MAX_ANSWER)
                self._answer = b""
                self._answer = self._run(command)
            except Refusal as refusal:
                self._chain, self._chained = (), b""
                return status(refusal.status)
            except SmartcardError:
                self._chain, self._chained = (), b""
                return status(WRONG_DATA)
            if command.expected is None and self._answer:
                return self._more()
            return self._deliver(command.expected or 0)

    def _deliver(self, size: int) -> bytes:
        part, self._answer = self._answer[: min(size, MAX_ANSWER)], self._answer[min(size, MAX_ANSWER) :]
        return part + (self._more() if self._answer else status(OK))

    def _more(self) -> bytes:
        return status(MORE_DATA | (min(len(self._answer), MAX_ANSWER) & 0xFF))

    # --- commands

    def _run(self, command: Command) -> bytes:
        if command.cla not in (0x00, 0x10):
            raise Refusal(UNKNOWN_CLASS)
        command = self._unchained(command)
        if command.cla == 0x10:
            return b""
        handlers = {0xA4: self._select, 0xCB: self._get_data, 0x20: self._verify, 0x87: self._authenticate}
        handler = handlers.get(command.ins)
        if handler is None:
            raise Refusal(UNKNOWN_INSTRUCTION)
        return handler(command)

    def _unchained(self, command: Command) -> Command:
        """The whole command once its last part has come."""
        which = command[1:4]
        if self._chain and self._chain != which:
            self._chain, self._chained = (), b""
        data = self._chained + command.data
        if len(data) > MAX_CHAIN:
            raise Refusal(WRONG_LENGTH)
        more = command.cla == 0x10
        self._chain, self._chained = (which, data) if more else ((), b"")
        return command._replace(data=data)

    def _select(self, command: Command) -> bytes:
        if command.p1 != 0x04:
            raise Refusal(WRONG_PARAMETERS)
        if len(command.data) < len(RID) or not AID.startswith(command.data):
            raise Refusal(NOT_FOUND)  # this application stays selected, and its PIN verified
        return tlv(0x61, tlv(0x4F, AID[5:]), tlv(0x79, tlv(0x4F, RID)), tlv(0x50, b"spicetui PIV"))

    def _get_data(self, command: Command) -> bytes:
        if (command.p1, command.p2) != (0x3F, 0xFF):
            raise Refusal(WRONG_PARAMETERS)
        wanted = dict(objects(command.data)).get(0x5C, b"")
        found = self._objects.get(int.from_bytes(wanted, "big"))
        if found is None:
            raise Refusal(NOT_FOUND)
        return found

    def _verify(self, command: Command) -> bytes:
        if command.p2 != PIN:
            raise Refusal(NO_REFERENCE)
        if command.p1 == 0xFF and not command.data:  # log out
            self._verified = self._fresh = False
            return b""
        if command.p1 != 0:
            raise Refusal(WRONG_PARAMETERS)
        if not command.data:
            if self._verified:
                return b""
            raise Refusal(WRONG_PIN | self.tries if self.tries else BLOCKED)
        if not self.tries:
            raise Refusal(BLOCKED)
        if len(command.data) != len(self._pin):
            raise Refusal(WRONG_DATA)
        self._verified = self._fresh = hmac.compare_digest(command.data, self._pin)
        self.tries = TRIES if self._verified else self.tries - 1
        if not self._verified:
            raise Refusal(WRONG_PIN | self.tries if self.tries else BLOCKED)
        return b""

    def _authenticate(self, command: Command) -> bytes:
        key = self._keys.get(command.p2)
        if key is None or command.p1 != ALGORITHMS[key.kind]:
            raise Refusal(WRONG_PARAMETERS)
        # The PIN once for most keys, each time for signatures, never for the card's own.
        if command.p2 != CARD and not (self._fresh if command.p2 == SIGNATURE else self._verified):
            raise Refusal(NOT_ALLOWED)
        self._fresh = False
        parts = dict(objects(dict(objects(command.data)).get(0x7C, b"")))
        if parts.get(0x82) != b"":
            raise Refusal(WRONG_DATA)
        if 0x81 in parts:
            result = key.private(parts[0x81])
        elif 0x85 in parts and command.p2 == MANAGEMENT:
            result = key.agree(parts[0x85])
        else:
            raise Refusal(WRONG_DATA)
        return tlv(0x7C, tlv(0x82, result))

    # --- what can be read

    def _make_objects(self) -> dict[int, bytes]:
        certificates = {slot: _der(key) for slot, key in self._keys.items()}
        identity = hashlib.sha256(b"".join(certificates[slot] for slot in sorted(certificates))).digest()
        guid = bytearray(identity[:16])
        guid[6], guid[8] = 0x40 | guid[6] & 0x0F, 0x80 | guid[8] & 0x3F  # the form of a random UUID (RFC 4122)
        expiry = min(key.certificate.not_valid_after_utc for key in self._keys.values())
        found = {
            HOLDER: tlv(
                0x53,
                tlv(0x30, fasc_n()),
                tlv(0x34, bytes(guid)),
                tlv(0x35, f"{expiry:%Y%m%d}".encode()),
                tlv(0x3E),
                tlv(0xFE),
            ),
            CAPABILITIES: tlv(
                0x53,
                tlv(0xF0, bytes.fromhex("A000000116 FF 02"), identity[16:30]),
                *(tlv(tag, value) for tag, value in ((0xF1, b"\x21"), (0xF2, b"\x21"), (0xF3, b""), (0xF4, b"\0"))),
                tlv(0xF5, b"\x10"),
                *(tlv(tag) for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)),
            ),
            DISCOVERY: tlv(DISCOVERY, tlv(0x4F, AID), tlv(0x5F2F, b"\x40\0")),  # the PIN of this application only
        }
        for slot, der in certificates.items():
            packed = len(der) > MAX_PLAIN_CERTIFICATE
            value = gzip.compress(der, mtime=0) if packed else der
            found[SLOTS[slot]] = tlv(0x53, tlv(0x70, value), tlv(0x71, b"\1" if packed else b"\0"), tlv(0xFE))
        return found


def _der(key: CardKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return key.certificate.public_bytes(Encoding.DER)


def _padded(pin: str) -> bytes:
    return pin.encode().ljust(8, b"\xff")


#: Agency, system, credential, series, issue, and the person's number with category and organisation: of no agency.
NOBODY = ("9999", "0000", "000000", "0", "0", "0000000000000000")


def fasc_n(fields: Sequence[str] = NOBODY) -> bytes:
    """The card's number (TIG SCEPACS 2.3, section 2.1): 40 digits of 5 bits, the lowest first, odd parity last."""
    start, separator, end = 0b1011, 0b1101, 0b1111
    digits = [start]
    for number, field in enumerate(fields):
        digits += [*([separator] if number else []), *map(int, field)]
    digits.append(end)
    digits.append(reduce(xor, digits))
    bits = ""
    for digit in digits:
        word = f"{digit:04b}"[::-1]
        bits += word + ("0" if word.count("1") % 2 else "1")
    return int(bits, 2).to_bytes(25, "big")


def keys_from_files(files: Sequence[str], passphrase: Passphrase) -> dict[int, CardKey]:
    """Keys by slot: 9a (log in), 9c (sign), 9d (decrypt), 9e; files without a slot get them in this order.

    Raises SmartcardError.
    """
    keys: dict[int, CardKey] = {}
    for words in files:
        slot, file = _slot(words)
        if slot is None:
            slot = next((one for one in SLOTS if one not in keys), None)
        if slot is None or slot in keys:
            raise SmartcardError(f"{words}: a card has one certificate in each of the slots {_names()}")
        keys[slot] = load_key(file, passphrase)
    return keys


def _slot(words: str) -> tuple[int | None, str]:
    name, equals, rest = words.partition("=")
    slots = {f"{slot:02x}": slot for slot in SLOTS}
    if equals and name.lower() in slots:
        return slots[name.lower()], rest
    return None, words


def _names() -> str:
    return ", ".join(f"{slot:02x}" for slot in SLOTS)
