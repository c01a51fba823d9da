"""The account as a block writes it: the same bytes for the same history however it was cut into blocks."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import format_b64url32
from app.core.log import merkle
from app.core.reporting import event_types
from app.core.scoring import folded
from app.core.scoring.profiles import CN
from app.core.scoring.scorecard import expert_card
from app.core.state import account, account_state
from app.core.state.account_state import PlacedEvent, Rules, advance
from tests.core import fold_samples as s

SALT_KEY = bytes(range(32))
RULES = Rules(s.TODAY, expert_card(), CN)


def place(events, start=100):
    """Events at rising log indices, three apart."""
    return [
        PlacedEvent(start + 3 * n, merkle.leaf_hash(b"\x01" + n.to_bytes(32, "big")), event)
        for n, event in enumerate(events)
    ]


def in_blocks(placed, cuts, rules=RULES):
    state, written = None, None
    for start, stop in zip([0, *cuts], [*cuts, len(placed)], strict=True):
        so_far = [(p.log_index, p.event) for p in placed[:stop]]
        written = advance(state, placed[start:stop], rules, SALT_KEY, so_far.copy)
        state = written.state
    return written


def two_years():
    events = [s.opened("2024-11-01", limit_minor=500_000)]
    for month in range(24, 0, -1):
        events += [s.statement(s.ago(month), 12_500, limit_minor=500_000), s.payment(s.ago(month), 12_500)]
        events.append(s.status(s.ago(month), "late_30" if month == 9 else "on_time"))
    return events


def repaired():
    events = two_years()
    events.append(s.make(event_types.Retraction, s.TODAY, target=100 + 3 * 48, reason="reported_in_error"))
    return [*events, s.statement(s.TODAY, 1)]


@pytest.mark.parametrize("history", [two_years, repaired])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_r32_blocks_do_not_change_the_account(history, data):
    placed = place(history())
    cuts = sorted(data.draw(st.sets(st.integers(1, len(placed) - 1), max_size=6)))
    whole, cut = in_blocks(placed, []), in_blocks(placed, cuts)
    assert account_state.encode(whole.state) == account_state.encode(cut.state)
    assert (whole.until, whole.scored) == (cut.until, cut.scored)


def test_each_value_is_canonical_and_goes_into_the_leaf():
    written = in_blocks(place(two_years()), [])
    values = written.state.values()
    assert [canon.encode(canon.decode(value)) for value in values] == list(values)
    digests = []
    for name, value in zip(account.NAMES, values, strict=True):
        salt = account.salt(SALT_KEY, name, 17)
        digests.append(account.digest(canon.encode([format_b64url32(salt), name, json.loads(value)])))
    assert written.state.account_value(SALT_KEY, 17) == account.account_value(digests)
    assert written.state.account_value(SALT_KEY, 18) != written.state.account_value(SALT_KEY, 17), (
        "salted anew"
    )


def test_the_citizen_tree_has_every_event_at_its_place():
    placed = place(two_years())
    history = json.loads(bytes(in_blocks(placed, [5, 6]).state.history))
    leaves = [
        merkle.leaf_hash(
            account.citizen_entry(account.salt(SALT_KEY, "event", p.log_index), p.log_index, p.leaf_hash)
        )
        for p in placed
    ]
    assert history == {
        "opaque": account_state.opaque_hash([]),
        "root": merkle.root(leaves).hex(),
        "size": len(placed),
    }


def test_aging_alone_keeps_history_and_file():
    young = in_blocks(place(two_years()), [])
    rules = Rules(young.until, RULES.card, RULES.profile)
    old = advance(young.state, [], rules, SALT_KEY, pytest.fail)
    assert (bytes(old.state.history), bytes(old.state.file)) == (
        bytes(young.state.history),
        bytes(young.state.file),
    )
    assert json.loads(bytes(old.state.score))["as_of"] == rules.day
    assert old.until > young.until


def test_the_whole_history_is_asked_for_only_when_a_repair_needs_it():
    placed = place(repaired())
    plain = advance(None, placed[:-2], RULES, SALT_KEY, pytest.fail)
    asked = []

    def history():
        asked.append(1)
        return [(p.log_index, p.event) for p in placed[:-1]]

    mended = advance(plain.state, placed[-2:-1], RULES, SALT_KEY, history)
    assert asked == [1]
    assert folded.decode_file(bytes(mended.state.file)).repaired


def test_looks_alone_make_a_file_that_is_insufficient_and_never_a_low_score():
    """R35; what is left of somebody unknown for whom a bank asked without consent."""
    asked = s.inquiry(s.TODAY)
    refusal = s.make(
        event_types.RefusalGiven,
        s.TODAY,
        inquiry="9f" * 32,
        recipient="bank.example",
        purpose="credit_application",
        reason="no_consent",
        time=f"{s.TODAY}T04:00:00Z",
    )
    written = in_blocks(place([asked, refusal]), [1])
    score = json.loads(bytes(written.state.score))
    assert "score" not in score
    assert score["insufficient"] == ["too_young", "nothing_reported"]
    assert json.loads(bytes(written.state.receipt)) == {"base": 300, "criteria": [], "reasons": []}
    assert json.loads(bytes(written.state.history))["size"] == 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_state_or_our_error(data):
    try:
        state = account_state.decode(data)
    except FormatError:
        return
    assert account_state.decode(account_state.encode(state)) == state


def test_a_damaged_state_is_our_error():
    good = account_state.encode(in_blocks(place(two_years()), []).state)
    assert account_state.encode(account_state.decode(good)) == good
    for at in (0, 1, len(good) // 2, len(good) - 1):
        with pytest.raises(FormatError):
            account_state.decode(good[:at])
    with pytest.raises(FormatError):
        account_state.decode(good[:-1] + b',"more":1}')
