"""Sealing and wrapping: what was sealed opens, and nothing else does."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.secret import SecretBox

from app.core.errors import DamagedError, FormatError
from app.core.state import sealing

KEY, NONCE = bytes(range(32)), bytes(range(24))
CITIZEN, OTHER = b"\x01" * 32, b"\x02" * 32
KEYS = sealing.CitizenKeys(b"\x0d" * 32, b"\x05" * 32)


@settings(max_examples=60)
@given(st.binary(max_size=600), st.binary(min_size=24, max_size=24), st.binary(min_size=32, max_size=32))
def test_sealed_bytes_are_a_nacl_secretbox(plaintext, nonce, key):
    sealed = sealing.seal(key, nonce, plaintext)
    assert len(sealed) == len(plaintext) + sealing.OVERHEAD
    assert sealed == bytes(SecretBox(key).encrypt(plaintext, nonce))
    assert sealing.unseal(key, sealed) == plaintext


@given(st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.binary(max_size=60)), max_size=5))
def test_many_at_once_are_sealed_like_each_alone(items):
    nonces = bytes(range(24 * len(items)))
    sealed = sealing.seal_each([key for key, _ in items], nonces, [plaintext for _, plaintext in items])
    alone = [
        sealing.seal(key, nonces[24 * n : 24 * (n + 1)], plaintext)
        for n, (key, plaintext) in enumerate(items)
    ]
    assert list(sealed) == alone


def test_every_changed_byte_and_every_cut_is_noticed():
    sealed = sealing.seal(KEY, NONCE, b"some body")
    for index in range(len(sealed)):
        bent = bytearray(sealed)
        bent[index] ^= 1
        with pytest.raises(DamagedError):
            sealing.unseal(KEY, bytes(bent))
        with pytest.raises(DamagedError):
            sealing.unseal(KEY, sealed[:index])
    with pytest.raises(DamagedError):
        sealing.unseal(OTHER, sealed)


@given(st.binary(max_size=120))
def test_any_bytes_give_our_own_error(data):
    with pytest.raises(DamagedError):
        sealing.unseal(KEY, data)
    with pytest.raises(DamagedError):
        sealing.unwrap(KEY, 7, CITIZEN, data)


def test_wrapped_keys_open_for_their_citizen_only():
    wrapped = sealing.wrap(KEY, NONCE, 7, KEYS)
    assert len(wrapped) == sealing.WRAPPED_SIZE
    assert sealing.unwrap(KEY, 7, CITIZEN, wrapped) == sealing.unwrap(KEY, 7, b"", wrapped) == KEYS
    assert SecretBox(KEY).decrypt(wrapped) == (7).to_bytes(8) + KEYS.data_key + KEYS.salt_key
    for number in (8, -1, 0, 2**63 - 1, -(2**63)):
        with pytest.raises(DamagedError, match="another citizen"):
            sealing.unwrap(KEY, number, CITIZEN, wrapped)
    with pytest.raises(DamagedError):
        sealing.unwrap(OTHER, 7, CITIZEN, wrapped)
    with pytest.raises(DamagedError):
        sealing.unwrap(KEY, 7, CITIZEN, wrapped[:-1])


def test_keys_that_were_wrapped_for_a_citizen_key_still_open_for_it_only():
    wrapped = sealing.seal(KEY, NONCE, CITIZEN + KEYS.data_key + KEYS.salt_key)
    assert sealing.unwrap(KEY, 7, CITIZEN, wrapped) == KEYS
    for key in (OTHER, b""):
        with pytest.raises(DamagedError, match="another citizen"):
            sealing.unwrap(KEY, 7, key, wrapped)


def test_who_has_no_keys_has_nothing_that_opens():
    with pytest.raises(DamagedError, match="missing"):
        sealing.unwrap(KEY, 7, CITIZEN, None)
    with pytest.raises(DamagedError, match="missing"):
        sealing.unseal(b"", sealing.seal(KEY, NONCE, b"some body"))


def test_what_opens_and_cannot_be_read_is_damaged_too_and_is_not_quoted():
    def decode(plaintext):
        if plaintext != b"some body":
            raise FormatError(f"this is none: {plaintext!r}")
        return len(plaintext)

    assert sealing.read(KEY, sealing.seal(KEY, NONCE, b"some body"), decode) == 9
    with pytest.raises(DamagedError) as damaged:
        sealing.read(KEY, sealing.seal(KEY, NONCE, b"somebody"), decode)
    assert "somebody" not in damaged.value.detail


def test_damage_says_what_to_do_in_other_processes_too():
    """Those that fold carry it to the sequencer."""
    error = DamagedError("The row is gone.", code=sealing.SEAL_BROKEN)
    carried = pickle.loads(pickle.dumps(error))
    assert (str(carried), carried.code) == ("The row is gone.", sealing.SEAL_BROKEN)
    assert carried.detail == error.detail
    assert "run `credence audit`" in carried.detail


def test_keys_are_not_shown():
    assert repr(KEYS) == "CitizenKeys()"
