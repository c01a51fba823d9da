r"""The value of an account in the state trie: a hash over five salted disclosures.

Each can be shown or hidden on its own. A disclosure is the canonical JSON of [salt, name, value] (the idea of
SD-JWT); its digest is the SHA-256 of those bytes. The names, in the order in which the digests are hashed:

    history   size and root of the citizen tree, hash over what became opaque
    score     the score or why there is none, scorecard, the days it holds
    receipt   points per criterion
    file      the folded state
    flags     what a reader has to be warned of

    account value   SHA-256("credence/account@v1\0" || the five digests)
    trie leaf       SHA-256(0x02 || citizen key || account value)
    salt            HMAC-SHA-256(citizen salt key, "credence/salt@v1\0" || name || 0x00 || u64be(n))
    citizen entry   salt || u64be(log index) || leaf hash: one event in the per-citizen RFC 6962 tree

n is the block that writes the value, or for a citizen entry (name `event`) the log index. Whoever holds the
salt key can make all salts again; once it is destroyed, no digest can be tied to a guessed value. Example:

    >>> disclosure_bytes(bytes(32), "flags", {"disputed": 0, "frozen": False, "repaired": False})
    b'["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","flags",{"disputed":0,"frozen":false,"repaired":false}]'

Source: docs/formats.md, section 7. What the values hold is not this module's business.
"""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import b64url32
from app.core.state.trie import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAMES: Final = ("history", "score", "receipt", "file", "flags")
EVENT_SALT_NAME: Final = "event"
ACCOUNT_CONTEXT: Final = b"credence/account@v1\0"
SALT_CONTEXT: Final = b"credence/salt@v1\0"
DISCLOSURE_BYTES_MAX: Final = 65_536

_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_SALTS_AT: Final = tuple(range(0, 44 * len(NAMES), 44))
_DISCLOSURES: Final = tuple(b'["%%b","%b",%%b]' % name.encode() for name in NAMES)
_SALT_MESSAGES: Final = tuple(SALT_CONTEXT + name.encode() + b"\0" for name in NAMES)
_EVENT_MESSAGE: Final = SALT_CONTEXT + EVENT_SALT_NAME.encode() + b"\0"


def salt(citizen_salt_key: bytes, name: str, number: int) -> bytes:
    """The 32-byte salt of a disclosure (`number` is the block) or of an event (`number` is the log index)."""
    assert len(citizen_salt_key) == 32, "a salt key has 32 bytes"
    message = SALT_CONTEXT + name.encode() + b"\0" + number.to_bytes(8, "big")
    return hmac.digest(citizen_salt_key, message, "sha256")


def salts(citizen_salt_key: bytes, block: int) -> list[bytes]:
    """The five salts of a block in the order of NAMES: what `salt` gives, in half the time."""
    number = block.to_bytes(8, "big")
    return _hmacs(citizen_salt_key, [message + number for message in _SALT_MESSAGES])


def event_salts(citizen_salt_key: bytes, log_indices: Iterable[int]) -> list[bytes]:
    """The salts of events: what `salt` gives for each, in half the time."""
    return _hmacs(citizen_salt_key, [_EVENT_MESSAGE + index.to_bytes(8, "big") for index in log_indices])


def _hmacs(key: bytes, messages: Iterable[bytes]) -> list[bytes]:
    """HMAC-SHA-256 of each message. HMAC pads the key twice (RFC 2104); here that is done once for all."""
    assert len(key) == 32, "a salt key has 32 bytes"
    padded = key + bytes(32)
    inner, outer = padded.translate(_INNER_PAD), padded.translate(_OUTER_PAD)
    return [sha256(outer + sha256(inner + message).digest()).digest() for message in messages]


def disclosure_bytes(salt32: bytes, name: str, value: object) -> bytes:
    """Canonical JSON of [salt, name, value]; FormatError for an unknown name or a value without such JSON."""
    if name not in NAMES:
        raise FormatError(f"An account has no disclosure of the name {name!r}.")
    return disclosure_of_json(salt32, name, canon.encode(value))


def disclosure_of_json(salt32: bytes, name: str, value_json: bytes) -> bytes:
    """`disclosure_bytes` for a value whose canonical JSON is at hand already."""
    assert len(salt32) == 32, "a salt has 32 bytes"
    salt_text = b2a_base64(salt32, newline=False).translate(_URL_SAFE)[:43]
    return b'["%b","%b",%b]' % (salt_text, name.encode(), value_json)


def disclosures_of_json(salts32: Sequence[bytes], values_json: Sequence[bytes]) -> list[bytes]:
    """The five disclosures in the order of NAMES: what `disclosure_of_json` gives for each, in half the time.

    A zero byte behind each salt makes it 33 bytes, 44 characters of base64; the first 43 are the salt's own.
    """
    padded = b"\0".join([*salts32, b""])
    text = b2a_base64(padded, newline=False).translate(_URL_SAFE)
    return [
        front % (text[at : at + 43], value)
        for at, front, value in zip(_SALTS_AT, _DISCLOSURES, values_json, strict=True)
    ]


def parse_disclosure(data: bytes) -> tuple[bytes, str, canon.JSON]:
    """(salt, name, value) of a disclosure's bytes (at most 65,536); FormatError for any other bytes."""
    parts = canon.decode(data, bytes_max=DISCLOSURE_BYTES_MAX)
    if not isinstance(parts, list) or len(parts) != 3:
        raise FormatError("A disclosure is a list of salt, name and value.")
    salt_text, name, value = parts
    if not isinstance(name, str) or name not in NAMES:
        raise FormatError("A disclosure has one of the five names of an account.")
    return b64url32(salt_text), name, value


def digest(disclosure: bytes) -> bytes:
    """The digest (32 bytes) of a disclosure's bytes."""
    return sha256(disclosure).digest()


def account_value(digests: Sequence[bytes]) -> bytes:
    """The account value over the five digests in the order of NAMES."""
    if list(map(len, digests)) != [32] * len(NAMES):
        raise FormatError(f"An account has {len(NAMES)} digests of 32 bytes.")
    return sha256(ACCOUNT_CONTEXT + b"".join(digests)).digest()


def value_of_disclosures(disclosures: Sequence[bytes]) -> bytes:
    """The account value over the bytes of the five disclosures in the order of NAMES."""
    assert len(disclosures) == len(NAMES), "an account has five disclosures"
    return sha256(ACCOUNT_CONTEXT + b"".join([sha256(each).digest() for each in disclosures])).digest()


def leaf(citizen_key: bytes, value: bytes) -> bytes:
    """The trie leaf of a citizen key (32 bytes) with an account value (32 bytes)."""
    return leaf_hash(citizen_key, value)


def citizen_entry(salt32: bytes, log_index: int, event_leaf_hash: bytes) -> bytes:
    """The 72-byte entry of the citizen tree for one event: its log index and its RFC 6962 leaf hash."""
    entry = salt32 + log_index.to_bytes(8, "big") + event_leaf_hash
    assert len(entry) == 72, "salt and leaf hash have 32 bytes each"
    return entry
