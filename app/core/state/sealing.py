"""Sealing: everything personal is at rest under a key of its citizen, and that key under the bureau's.

    sealed        nonce (24 bytes) || NaCl secretbox of the plaintext (16 bytes longer than it)
    citizen keys  data key (32) || salt key (32)
    wrapped       sealed under the bureau's wrapping key: the citizen's number (8, big-endian) || data key || salt key

Destroying the wrapped keys of a citizen makes all that is sealed under them unreadable, wherever copies are.
The number inside the box ties it to its row: keys moved to another citizen's row are noticed. Before citizens were
enrolled by a number alone, the citizen key (32 bytes) stood in its place: such boxes are longer, and still open. Secretbox
is XSalsa20-Poly1305; its 24-byte nonces may be drawn at random. They come in as an argument, because
the core has no randomness. Example:

    >>> sealed = seal(bytes(32), bytes(24), b"body")
    >>> len(sealed), unseal(bytes(32), sealed)
    (44, b'body')

Source: docs/formats.md, section 11; libsodium's crypto_secretbox_easy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]
from nacl.bindings import sodium_init

from app.core.errors import DamagedError, FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Value = TypeVar("Value")
KEY_SIZE: Final = 32
NONCE_SIZE: Final = 24
_MAC_SIZE: Final = 16
OVERHEAD: Final = NONCE_SIZE + _MAC_SIZE
_NUMBER_SIZE: Final = 8
WRAPPED_SIZE: Final = OVERHEAD + _NUMBER_SIZE + 2 * KEY_SIZE
_WRAPPED_BY_KEY_SIZE: Final = OVERHEAD + 3 * KEY_SIZE

sodium_init()  # chooses the quickest code for this processor; may be called again

# Buffers of libsodium's results. `nacl.bindings` clears each before it is written and checks what is checked here: half
# of the time of a box, and a batch seals 65,536 of them.
_BYTES: Final = ffi.typeof("unsigned char[]")
_buffer: Final = ffi.new_allocator(should_clear_after_alloc=False)
_content: Final = ffi.buffer
_seal: Final = lib.crypto_secretbox_easy
_open: Final = lib.crypto_secretbox_open_easy

SEAL_BROKEN: Final = "seal-broken"
"""The code of a box that does not open: no key or another, changed bytes, or moved from another row."""


class CitizenKeys(Struct, frozen=True, gc=False):
    """The two 32-byte secrets of a citizen: one seals the plaintexts, one makes the salts."""

    data_key: bytes
    salt_key: bytes

    def __repr__(self) -> str:
        return "CitizenKeys()"  # nothing secret in logs


def seal(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """Nonce || box; `key` has 32 bytes, `nonce` 24 that were never used with this key before."""
    assert len(key) == KEY_SIZE, "a sealing key has 32 bytes"
    assert len(nonce) == NONCE_SIZE, "a nonce has 24 bytes"
    size = len(plaintext)
    box = _buffer(_BYTES, size + _MAC_SIZE)
    failed = _seal(box, plaintext, size, nonce, key)
    assert not failed, "libsodium seals whatever fits into memory"
    return nonce + bytes(_content(box))


def seal_each(keys: Sequence[bytes], nonces: bytes, plaintexts: Sequence[bytes]) -> Iterator[bytes]:
    """`seal` for many, in less time each, as they are asked for: who writes each away at once keeps none of them in
    memory. `nonces` are theirs behind each other.
    """
    assert len(nonces) == NONCE_SIZE * len(plaintexts), "each has a nonce of its own"
    box = _buffer(_BYTES, max(map(len, plaintexts), default=0) + _MAC_SIZE)
    content = _content(box)
    for start, key, plaintext in zip(range(0, len(nonces), NONCE_SIZE), keys, plaintexts, strict=True):
        assert len(key) == KEY_SIZE, "a sealing key has 32 bytes"
        nonce, size = nonces[start : start + NONCE_SIZE], len(plaintext)
        failed = _seal(box, plaintext, size, nonce, key)
        assert not failed, "libsodium seals whatever fits into memory"
        yield nonce + content[: size + _MAC_SIZE]


def unseal(key: bytes, sealed: bytes) -> bytes:
    """The plaintext of `seal`; DamagedError if it does not open, also under the empty key of whose keys are gone."""
    if not key:
        raise DamagedError("The keys of what is sealed are missing.", code=SEAL_BROKEN)
    assert len(key) == KEY_SIZE, "a sealing key has 32 bytes"
    size = len(sealed) - OVERHEAD
    if size < 0:
        raise DamagedError(f"Sealed bytes are at least {OVERHEAD}, not {len(sealed)}.", code=SEAL_BROKEN)
    plaintext = _buffer(_BYTES, size)
    # the nonce is what `sealed` begins with: libsodium reads so many bytes of it
    if _open(plaintext, sealed[NONCE_SIZE:], size + _MAC_SIZE, sealed, key):
        message = "The sealed bytes do not open: another key, or changed bytes."
        raise DamagedError(message, code=SEAL_BROKEN)
    return bytes(_content(plaintext))


def read(key: bytes, sealed: bytes, decode: Callable[[bytes], Value]) -> Value:
    """What `decode` makes of the plaintext. That was sealed here, so what it cannot read is a DamagedError too, without the
    words of the FormatError, which may quote it.
    """
    try:
        return decode(unseal(key, sealed))
    except FormatError as error:
        raise DamagedError("The sealed bytes open, and are not what is sealed there.") from error


def wrap(wrapping_key: bytes, nonce: bytes, number: int, keys: CitizenKeys) -> bytes:
    """The keys of a citizen under the bureau's wrapping key, bound to the citizen's number: 112 bytes."""
    assert len(keys.data_key) == len(keys.salt_key) == KEY_SIZE, "keys have 32 bytes each"
    return seal(wrapping_key, nonce, number.to_bytes(_NUMBER_SIZE, "big") + keys.data_key + keys.salt_key)


def unwrap(wrapping_key: bytes, number: int, citizen_key: bytes, wrapped: bytes | None) -> CitizenKeys:
    """The inverse of `wrap`; DamagedError if there is none, or it was made for another citizen. `citizen_key` is what an
    older box is bound to.
    """
    if wrapped is None:
        raise DamagedError("The wrapped keys are missing.", code=SEAL_BROKEN)
    if len(wrapped) not in {WRAPPED_SIZE, _WRAPPED_BY_KEY_SIZE}:
        message = f"Wrapped keys have {WRAPPED_SIZE} bytes, not {len(wrapped)}."
        raise DamagedError(message, code=SEAL_BROKEN)
    plaintext = unseal(wrapping_key, wrapped)
    owner, both = plaintext[: -2 * KEY_SIZE], plaintext[-2 * KEY_SIZE :]
    by_number = len(wrapped) == WRAPPED_SIZE
    if owner != (number.to_bytes(_NUMBER_SIZE, "big", signed=True) if by_number else citizen_key):
        raise DamagedError("The wrapped keys belong to another citizen.", code=SEAL_BROKEN)
    return CitizenKeys(both[:KEY_SIZE], both[KEY_SIZE:])
