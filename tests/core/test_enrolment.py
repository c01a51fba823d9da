"""The tag of a citizen: HMAC-SHA-256 under the bureau's wrapping key, another one for everybody and every bureau."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from app.core.state.enrolment import TAG_SIZE, tag_of


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_tag_is_the_hmac_of_the_identifier(key, identifier):
    expected = hmac.new(key, b"credence/enrolment@v1\0" + identifier.encode(), "sha256").digest()
    assert tag_of(key, identifier) == expected
    assert len(expected) == TAG_SIZE


def test_everybody_has_another_one_at_every_bureau():
    tags = {tag_of(key, name) for key in (b"w" * 32, b"v" * 32) for name in ("uci:1", "uci:2", "uci:12")}
    assert len(tags) == 6
