"""Columns of characters say the same of a batch's ids and nonces as the patterns say of each."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.field_types import NONCE, UUID7
from app.core.reporting.event_columns import are_nonces, are_uuid7

ID = "0192f3b6-7d2a-7000-8000-00000000000a"
VALUE = "q1w2E3r4T5y6U7i8O9p0-_AAAAAAAAAAAAAAAAAAAAA"
CHARACTERS = "0af7g8bZA-_\n é\ud800"


@st.composite
def bent(draw, good):
    """Some texts, most of them good, others with a character changed, added or taken away."""
    texts = []
    for _ in range(draw(st.integers(0, 4))):
        text, at = good, draw(st.integers(0, len(good)))
        match draw(st.sampled_from(("as it is", "change", "add", "cut"))):
            case "change":
                text = text[:at] + draw(st.sampled_from(CHARACTERS)) + text[at + 1 :]
            case "add":
                text = text[:at] + draw(st.sampled_from(CHARACTERS)) + text[at:]
            case "cut":
                text = text[:at] + text[at + 1 :]
        texts.append(text)
    return texts


@given(bent(ID))
@example([ID[:-1], ID + "a"])
@example([ID + "\n" + ID, ""])
def test_ids(texts):
    assert are_uuid7(texts) == all(re.match(UUID7, text) for text in texts)


@given(bent(VALUE))
@example([VALUE[:-1], VALUE + "A"])
@example([VALUE + "\n" + VALUE, ""])
def test_nonces(texts):
    assert are_nonces(texts) == all(re.match(NONCE, text) for text in texts)


@pytest.mark.parametrize("at", range(len(ID)))
def test_each_place_of_an_id_takes_the_same_characters(at):
    for character in sorted(set("0123456789abcdefgABCDEFZ-_\n\x00")):
        text = ID[:at] + character + ID[at + 1 :]
        assert are_uuid7([ID, text]) == bool(re.match(UUID7, text)), text


@pytest.mark.parametrize("at", [0, 41, 42])
def test_each_place_of_a_nonce_takes_the_same_characters(at):
    for character in map(chr, range(256)):
        text = VALUE[:at] + character + VALUE[at + 1 :]
        assert are_nonces([VALUE, text]) == bool(re.match(NONCE, text)), text
