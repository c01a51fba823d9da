r"""Signed notes: a text with signature lines, the envelope of batches, receipts and checkpoints.

    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb...

The text ends in a newline and is what is signed. After a blank line comes one line for each signature:
em dash, space, key name, space, base64(key id || signature). The blank line is the last one of the note; the
text may have others. A note is UTF-8 without control characters other than newline. A key name is not empty
and has neither Unicode spaces nor plus signs. The key id is a hint, not a hash to trust:

    key id = first 4 bytes of SHA-256(name || "\n" || type || public key)
    type   = 0x01 Ed25519, 0x04 Ed25519 cosignature, 0x06 ML-DSA-44 cosignature (app.core.log.cosignature)

A public key travels as a vkey, `<name>+<key id in hex>+<base64(type || public key)>`, a private key as
`PRIVATE+KEY+<name>+<key id in hex>+<base64(type || seed)>`.

Signatures by unknown keys are ignored; a wrong one by a known key refuses the whole note; so does having none
by a known key. Go's `note.Open` skips further signatures by a key that it has seen, whereas the specification
wants every signature by a known key verified: we verify them all and keep the first.

Source: C2SP signed-note; the private form follows golang.org/x/mod/sumdb/note.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError

from app.core.errors import FormatError, SignatureError
from app.core.fields import b64, format_b64
from app.core.log import cosignature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ED25519 = 0x01
COSIGNATURE_ED25519 = 0x04
COSIGNATURE_MLDSA44 = 0x06
PUBLIC_KEY_BYTES = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}

NOTE_BYTES_MAX = 1 << 20
SIGNATURES_MAX = 100
VKEY_CHARS_MAX = 4096

_DASH = "— ".encode()
_CONTROL = bytes(set(range(0x20)) - {0x0A})
_NOT_IN_NAMES = re.compile(r"[\s+\x00-\x1f]")
_PRIVATE = "PRIVATE+KEY+"
_UNSIGNED = "no known key has signed the note"


class NoteSignature(NamedTuple):
    """One signature line. `key_id` is 0..2**32-1; `signature` has at least one byte."""

    name: str
    key_id: int
    signature: bytes

    def key(self) -> str:
        """The key that it names, for people."""
        return f"{self.name}+{self.key_id:08x}"

    def line(self) -> bytes:
        """The line with its newline."""
        blob = format_b64(self.key_id.to_bytes(4, "big") + self.signature)
        return _DASH + f"{self.name} {blob}\n".encode()


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name. Equal by value, and usable as a dict key."""

    name: str
    algorithm: int
    public_key: bytes = field(repr=False)
    key_id: int = field(init=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if self.algorithm not in PUBLIC_KEY_BYTES:
            raise FormatError(f"key {self.name} is of type {self.algorithm:#04x}, which is not supported")
        if len(self.public_key) != PUBLIC_KEY_BYTES[self.algorithm]:
            raise FormatError(
                f"key {self.name} has {len(self.public_key)} bytes, which its type does not have"
            )
        digest = hashlib.sha256(b"%b\n%c%b" % (self.name.encode(), self.algorithm, self.public_key)).digest()
        object.__setattr__(self, "key_id", int.from_bytes(digest[:4], "big"))

    @classmethod
    @lru_cache(maxsize=512)  # the same few keys are read for every batch and inquiry
    def parse(cls, vkey: str) -> Verifier:
        """The verifier of a vkey; FormatError when the key id or the spelling differs from our own."""
        if len(vkey) > VKEY_CHARS_MAX:
            raise FormatError(f"a verifier key is longer than {VKEY_CHARS_MAX} characters")
        name, material = _cut_key(vkey)
        verifier = cls(name, material[0], material[1:])
        if verifier.encode() != vkey:
            raise FormatError(f"verifier key {name} does not have the key id {verifier.key_id:08x}")
        return verifier

    def encode(self) -> str:
        return _join_key(self.name, self.key_id, self.algorithm, self.public_key)

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (without key id, with time where the type has one) is ours over `text`."""
        if self.algorithm == ED25519:
            return _ed25519_ok(self.public_key, text, signature)
        try:
            time_s, proper = cosignature.split_time(signature)
            if self.algorithm == COSIGNATURE_ED25519:
                return _ed25519_ok(self.public_key, cosignature.ed25519_message(text, time_s), proper)
            message = cosignature.mldsa44_message(text, time_s, self.name)
        except FormatError:
            return False
        return _mldsa44_ok(self.public_key, message, proper)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name, kept as the seed of 32 bytes of either algorithm. Keep it secret.

    Ed25519 signatures are a function of key and text. ML-DSA-44 mixes in randomness that the library draws (FIPS 204,
    "hedged"), so the same text gets another signature each time.
    """

    name: str
    seed: bytes = field(repr=False)
    algorithm: int = ED25519
    verifier: Verifier = field(init=False)
    _raw: Callable[[bytes], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.algorithm not in PUBLIC_KEY_BYTES:
            raise FormatError(f"no signing key of type {self.algorithm:#04x}")
        if len(self.seed) != 32:
            raise FormatError("the seed of a signing key has 32 bytes")
        if self.algorithm == COSIGNATURE_MLDSA44:
            private = mldsa.MLDSA44PrivateKey.from_seed_bytes(self.seed)
            public, raw = private.public_key().public_bytes_raw(), private.sign
        else:
            public, secret = crypto_sign_seed_keypair(self.seed)
            raw = partial(_ed25519_sign, secret)
        object.__setattr__(self, "verifier", Verifier(self.name, self.algorithm, public))
        object.__setattr__(self, "_raw", raw)

    @classmethod
    def generate_from_seed(cls, name: str, seed: bytes, algorithm: int = ED25519) -> Signer:
        """The signer of 32 random bytes that the caller drew."""
        return cls(name, seed, algorithm)

    @classmethod
    def parse(cls, skey: str) -> Signer:
        """The signer of a `PRIVATE+KEY+...` text; the messages of its errors never hold the key."""
        if len(skey) > VKEY_CHARS_MAX or not skey.startswith(_PRIVATE):
            raise FormatError(f"a private key starts with {_PRIVATE}")
        name, material = _cut_key(skey.removeprefix(_PRIVATE))
        signer = cls(name, material[1:], material[0])
        if signer.encode() != skey:
            raise FormatError(f"private key {name} does not have the key id {signer.key_id:08x}")
        return signer

    @property
    def key_id(self) -> int:
        return self.verifier.key_id

    def encode(self) -> str:
        return _PRIVATE + _join_key(self.name, self.key_id, self.algorithm, self.seed)

    def sign_text(self, text: bytes, *, time_s: int | None = None) -> NoteSignature:
        """Our signature over a note's text. Cosigners, and only they, give `time_s` (POSIX seconds)."""
        assert (time_s is not None) == (self.algorithm != ED25519), "only cosignatures have a time"
        if time_s is None:
            return NoteSignature(self.name, self.key_id, self._raw(text))
        if self.algorithm == COSIGNATURE_ED25519:
            message = cosignature.ed25519_message(text, time_s)
        else:
            message = cosignature.mldsa44_message(text, time_s, self.name)
        return NoteSignature(self.name, self.key_id, cosignature.join_time(time_s, self._raw(message)))

    def sign(self, text: bytes) -> bytes:
        """A note over `text` (which ends in a newline) with our one signature line."""
        note = join(text, [self.sign_text(text)])
        _check(note)  # a text that nobody could read back is refused here, before it is used
        if not text.endswith(b"\n"):
            raise FormatError("the text of a note does not end in a newline")
        return note


class VerifiedSignature(NamedTuple):
    """A signature line that holds, with the key that made it."""

    verifier: Verifier
    signature: NoteSignature


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note with at least one good signature. `unverified` are lines by unknown keys: worth nothing."""

    text: bytes
    verified: tuple[VerifiedSignature, ...]
    unverified: tuple[NoteSignature, ...]


def check_key_name(name: str) -> None:
    """FormatError unless `name` may name a key: not empty, no spaces, no plus, no control characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise FormatError("a key name is not valid Unicode") from None
    if not name or _NOT_IN_NAMES.search(name):
        raise FormatError("a key name is empty or has a space, a plus sign or a control character")


def split(note: bytes) -> tuple[bytes, list[NoteSignature]]:
    """(text with its final newline, signature lines) of a note of at most 1 MiB and 100 lines, unverified."""
    _check(note)
    end = note.rfind(b"\n\n")
    if end < 0:
        raise FormatError("a note has no blank line before its signatures")
    text, block = note[: end + 1], note[end + 2 :]
    if not block.endswith(b"\n"):
        raise FormatError("a note does not end in a signature line")
    lines = block[:-1].split(b"\n")
    if len(lines) > SIGNATURES_MAX:
        raise FormatError(f"a note has more than {SIGNATURES_MAX} signatures")
    return text, [parse_signature_line(line) for line in lines]


def _check(note: bytes) -> None:
    """The bytes of a note, whatever they say."""
    if len(note) > NOTE_BYTES_MAX:
        raise FormatError(f"a note is longer than {NOTE_BYTES_MAX} bytes")
    try:
        note.decode()
    except UnicodeDecodeError:
        raise FormatError("a note is not UTF-8") from None
    if len(note.translate(None, _CONTROL)) != len(note):
        raise FormatError("a note has a control character")


def join(text: bytes, signatures: Iterable[NoteSignature]) -> bytes:
    """The note of a text and signature lines, in this order."""
    return text + b"\n" + b"".join(signature.line() for signature in signatures)


def parse_signature_line(line: bytes) -> NoteSignature:
    """One signature line, without its newline."""
    try:
        name, _, blob = line.removeprefix(_DASH).decode().partition(" ")
    except UnicodeDecodeError:
        raise FormatError("a signature line is not UTF-8") from None
    if not line.startswith(_DASH):
        raise FormatError("a signature line does not start with an em dash and a space")
    check_key_name(name)
    raw = b64(blob)
    if len(raw) < 5:
        raise FormatError("a signature line has no signature after its key id")
    return NoteSignature(name, int.from_bytes(raw[:4], "big"), raw[4:])


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> OpenedNote:
    """Check a note against the keys that the caller trusts.

    FormatError for a malformed note. SignatureError when a known key's signature is wrong, when two different
    known keys share the name and id of a signature, or when no known key has signed. At most one signature of
    each key is in `verified`, and repeated lines of unknown keys are dropped.
    """
    text, signatures = split(note)
    known = list(verifiers)
    verified: dict[Verifier, NoteSignature] = {}
    unverified: list[NoteSignature] = []
    for signature in dict.fromkeys(signatures):
        verifier = _signer_of(text, signature, known)
        if verifier is None:
            unverified.append(signature)
        else:
            verified.setdefault(verifier, signature)
    if not verified:
        raise SignatureError(_UNSIGNED, code="unknown-key")
    return OpenedNote(text, tuple(VerifiedSignature(*pair) for pair in verified.items()), tuple(unverified))


def signer_of(text: bytes, signature: NoteSignature, verifiers: Iterable[Verifier]) -> Verifier:
    """The known key that made the only signature line of a note that `split` has taken apart. SignatureError as above."""
    verifier = _signer_of(text, signature, verifiers)
    if verifier is None:
        raise SignatureError(_UNSIGNED, code="unknown-key")
    return verifier


def _signer_of(text: bytes, signature: NoteSignature, verifiers: Iterable[Verifier]) -> Verifier | None:
    candidates = {v for v in verifiers if v.key_id == signature.key_id and v.name == signature.name}
    if not candidates:
        return None
    verifier = candidates.pop()
    if candidates:
        raise SignatureError(f"two different known keys are {signature.key()}", code="ambiguous-key")
    if not verifier.verify(text, signature.signature):
        raise SignatureError(f"the signature by {signature.key()} is wrong")
    return verifier


def open_single(note: bytes, verifier: Verifier) -> OpenedNote:
    """Check a note that this key has signed, in the only line: nobody can add to it. FormatError, SignatureError."""
    if len(split(note)[1]) != 1:
        raise FormatError("the note has exactly one signature line")
    return open_note(note, [verifier])


def _cut_key(text: str) -> tuple[str, bytes]:
    """(name, type || key) of a key text (its base64 may hold plus signs). Callers check the id."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise FormatError("a key is <name>+<key id>+<base64>")
    material = b64(parts[2])
    if not material:
        raise FormatError("a key has no type byte")
    return parts[0], material


def _join_key(name: str, key_id: int, algorithm: int, key: bytes) -> str:
    return f"{name}+{key_id:08x}+{format_b64(bytes([algorithm]) + key)}"


def _ed25519_sign(secret: bytes, message: bytes) -> bytes:
    return crypto_sign(message, secret)[:64]


def _ed25519_ok(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except CryptoError:
        return False
    return True


def _mldsa44_ok(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        mldsa.MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
