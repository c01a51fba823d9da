"""A remembered citizen key comes back for its identifier and its bureau, and for nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.state.recall import Recall

WRAP, KEY, PROOF = b"w" * 32, bytes(range(32)), bytes(range(80))


def test_a_key_comes_back_and_only_where_it_was_put():
    place = Recall.of(WRAP, "uci:17")
    sealed = place.seal(KEY, PROOF)
    assert Recall.of(WRAP, "uci:17").open(sealed) == (KEY, PROOF)
    assert Recall.of(WRAP, "uci:18").open(sealed) is None
    assert Recall.of(b"v" * 32, "uci:17").open(sealed) is None
    for at in range(len(sealed)):
        bent = bytearray(sealed)
        bent[at] ^= 1
        assert place.open(bytes(bent)) is None
    assert KEY not in sealed
    assert PROOF not in sealed
    assert place.open(place.seal(KEY, PROOF[1:])) is None
    assert (
        len({place.tag, place.secret, Recall.of(WRAP, "uci:18").tag, Recall.of(b"v" * 32, "uci:17").tag}) == 4
    )


@given(st.binary(max_size=100))
def test_any_bytes_are_no_key(data):
    assert Recall.of(WRAP, "uci:17").open(data) is None
