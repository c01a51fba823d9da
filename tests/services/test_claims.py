"""The further claims, made from a real ledger and verified offline; each with what must not pass."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest

from app.core import canon
from app.core.errors import ConflictError, CredenceError, NotFoundError
from app.core.log.policy import LogKey, Policy
from app.core.proving.claims.contradiction import build_contradiction
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import KINDS, kind_of, verify_claim
from app.core.scoring.profiles import CN, US
from app.core.scoring.scorecard import expert_card, parse_card
from app.db import ledger as rows
from app.services.ledger import retention
from app.services.proving import claims
from tests.services.builders import card


def policy(ledger):
    return Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")


def asked(ledger, **more):
    return Asked(policy(ledger), ledger.clock.moment, **more)


@pytest.fixture
def grown(ledger):
    """Three blocks: 40 citizens, a late one among them, a second block and a third."""
    ledger.report(40)
    late = ledger.lender.card_history("uci:50", months=12, late_ago=3)
    ledger.admit(ledger.lender.batch(late))
    ledger.step()
    ledger.clock.move(hours=1)
    ledger.report(3, first=60)
    ledger.step()
    ledger.admit(ledger.utility.batch([ledger.utility.utility("uci:50")]))
    ledger.step()
    return ledger


def person(ledger, identifier):
    with ledger.bureau.transaction() as connection:
        return ledger.bureau.people.find(connection, [identifier])[identifier].id


def changed(proof, **fields):
    return canon.encode(canon.decode_object(proof, bytes_max=1 << 25) | fields)


def refused(proof, ledger, said, **more):
    with pytest.raises(CredenceError, match=said):
        verify_claim(proof, asked(ledger), **more)


# ---- history


def test_a_citizens_export_holds_all_events_and_gives_the_score_again(grown):
    proof = claims.history_of(grown.bureau, person(grown, "uci:50"))
    found = verify_claim(proof, asked(grown, identifier="uci:50"), card=expert_card(), profile=CN)
    assert kind_of(proof) == found.kind == "history"
    assert (found.facts["events"], found.facts["refolded"], found.facts["opaque"]) == (38, True, 0)
    assert "all 38 events" in found.sentences("en")[0]
    assert "38" in found.sentences("zh-Hans")[0]
    assert found.as_json()["score"] == found.facts["score"]


def test_without_the_card_it_says_that_the_score_was_not_worked_out(grown):
    proof = claims.history_of(grown.bureau, person(grown, "uci:50"))
    said = verify_claim(proof, asked(grown)).sentences("en")
    assert any("Give the scorecard" in sentence for sentence in said)
    assert any("whose file this is" in sentence for sentence in said)


def test_an_event_left_out_added_swapped_or_changed_is_refused(grown):
    proof = claims.history_of(grown.bureau, person(grown, "uci:50"))
    other = canon.decode_object(claims.history_of(grown.bureau, person(grown, "uci:3")), bytes_max=1 << 25)
    events = canon.decode_object(proof, bytes_max=1 << 25)["events"]
    exactly = "these are not exactly the events"
    for place in (0, len(events) // 2, len(events) - 1):
        refused(changed(proof, events=events[:place] + events[place + 1 :]), grown, exactly)
    refused(
        changed(proof, events=[*events, [*other["events"][0][:1], 10**6, other["events"][0][2]]]),
        grown,
        exactly,
    )
    refused(changed(proof, events=[events[1], events[0], *events[2:]]), grown, "not in the order")
    refused(
        changed(
            proof,
            events=[*events[:1], [*events[1][:2], events[1][2].replace("card-1", "card-2")], *events[2:]],
        ),
        grown,
        exactly,
    )
    hidden = [*events[:1], [*events[1][:2], "00" * 32, "retention", "2026-01-01"], *events[2:]]
    refused(changed(proof, events=hidden), grown, exactly)
    refused(changed(proof, events=other["events"]), grown, exactly)


def test_another_card_profile_or_citizen_is_refused(grown):
    proof = claims.history_of(grown.bureau, person(grown, "uci:50"))
    other = parse_card(card("Another card", 3))
    refused(proof, grown, "scorecard that was given", card=other, profile=CN)
    refused(proof, grown, "profile that was given", card=expert_card(), profile=US)
    with pytest.raises(CredenceError, match="another citizen"):
        verify_claim(proof, asked(grown, identifier="uci:51"))


def test_what_was_destroyed_is_opaque_and_bound(ledger):
    ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:1", months=12, late_ago=6)))
    ledger.report(3, first=2)
    ledger.step()
    ledger.clock.move(days=365 * 5 + 200)
    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:1")]))
    ledger.step()
    retention.run(ledger.bureau, lambda *_: None)
    ledger.settle()
    proof = claims.history_of(ledger.bureau, person(ledger, "uci:1"))
    found = verify_claim(proof, asked(ledger, identifier="uci:1"), card=expert_card(), profile=CN)
    assert found.facts["opaque"] == 1
    assert any("plaintext was destroyed" in sentence for sentence in found.sentences("en"))
    events = canon.decode_object(proof, bytes_max=1 << 25)["events"]
    place = next(n for n, event in enumerate(events) if len(event) == 5)
    later = [*events[place][:4], "2026-01-02"]
    refused(
        changed(proof, events=[*events[:place], later, *events[place + 1 :]]),
        ledger,
        "not exactly the events",
    )


# ---- event


def test_one_event_with_its_furnishers_signature(grown):
    history = canon.decode_object(claims.history_of(grown.bureau, person(grown, "uci:50")), bytes_max=1 << 25)
    for _, index, line in (history["events"][0], history["events"][20], history["events"][-1]):
        proof = claims.event_of(grown.bureau, index)
        found = verify_claim(proof, asked(grown))
        assert found.facts["index"] == index
        assert canon.decode_object(proof)["event"] == line
        assert found.facts["furnisher"] in found.sentences("en")[0]
        place = [event[1] for event in history["events"]].index(index)
        assert (found.facts["file_position"], found.facts["file_size"]) == (place, len(history["events"]))
        assert verify_claim(proof, asked(grown, identifier="uci:50")).facts["filed"]
        with pytest.raises(CredenceError, match="another citizen"):
            verify_claim(proof, asked(grown, identifier="uci:51"))
        without = {name: part for name, part in canon.decode_object(proof).items() if name != "filed"}
        assert not verify_claim(canon.encode(without), asked(grown)).facts["filed"]
        claim = canon.decode_object(proof)
        refused(changed(proof, index=index + 1), grown, "step")
        refused(changed(proof, position=claim["position"] + 1), grown, "step")
        refused(changed(proof, event=line.replace('"v":1', '"v": 1')), grown, "step")
        refused(changed(proof, signer=claim["signer"] | {"to": 3}), grown, "the furnisher's key")
        refused(
            changed(proof, signer=claim["signer"] | {"name": "other.example"}), grown, "the furnisher's key"
        )
        refused(
            changed(proof, note=claim["note"].replace(claim["note"].split("\n")[3], "b-other", 1)),
            grown,
            "signature",
        )


def test_an_event_that_is_not_there_has_no_proof(grown):
    for index in (0, 1, 10**9):
        with pytest.raises(NotFoundError):
            claims.event_of(grown.bureau, index)


# ---- absence


def test_a_citizen_without_a_file(grown):
    for number in range(1000, 1040):
        identifier = f"uci:{number}"
        proof = claims.absence_of(grown.bureau, identifier)
        found = verify_claim(proof, asked(grown, identifier=identifier))
        assert found.facts["identity_checked"]
        assert "no file" in found.sentences("en")[0]
    key = canon.decode_object(proof)["key"]
    across = f"{int(key[0], 16) ^ 8:x}{key[1:]}"  # the other half of the trie: another absent key may share the path
    refused(changed(proof, key=across), grown, "step 3")
    with pytest.raises(CredenceError, match="whose file"):
        verify_claim(proof, asked(grown, identifier="uci:1"))
    present = claims.history_of(grown.bureau, person(grown, "uci:1"))
    key = canon.decode_object(present, bytes_max=1 << 25)["key"]
    refused(changed(proof, key=key), grown, "step 3")


def test_who_has_a_file_gets_no_proof_of_absence(grown):
    with pytest.raises(ConflictError):
        claims.absence_of(grown.bureau, "uci:1")


# ---- growth


def heads(ledger):
    with ledger.bureau.transaction() as connection:
        sizes = [rows.block_by_number(connection, number).tree_size for number in range(3)]
        return sizes, [rows.publication(connection, number).encode() for number in range(3)]


def test_the_newest_head_holds_every_older_one(grown):
    sizes, notes = heads(grown)
    for size in sizes:
        proof = claims.consistency_from(grown.bureau, size)
        found = verify_claim(proof, asked(grown))
        assert (found.facts["old_size"], found.facts["new_size"]) == (size, sizes[-1])
        refused(changed(proof, old=notes[1 if size == sizes[0] else 0].decode()), grown, "step 3")
    refused(changed(proof, old=notes[0].decode().replace("services", "servicez")), grown, "step 2")
    with pytest.raises(NotFoundError):
        claims.consistency_from(grown.bureau, sizes[0] + 1)


def test_two_heads_that_contradict_each_other(grown):
    from app.core.log.checkpoint import Checkpoint, sign_checkpoint

    sizes, notes = heads(grown)
    signer = grown.home.signer("ledger")
    other = sign_checkpoint(signer, Checkpoint(grown.bureau.origin, sizes[1], bytes(32)))
    found = verify_claim(build_contradiction(notes[1], other), asked(grown))
    assert "another history" in found.sentences("en")[0]
    refused(build_contradiction(notes[1], notes[1]), grown, "do not contradict")
    refused(build_contradiction(notes[0], notes[1]), grown, "do not contradict")


def test_two_heads_of_different_sizes_contradict_by_a_leaf(grown, tmp_path):
    from app.core.log import merkle
    from app.core.log.checkpoint import Checkpoint, sign_checkpoint

    leaves = [bytes([n]) * 32 for n in range(7)]
    forged = [*leaves[:4], b"x" * 32, *leaves[5:6]]
    signer = grown.home.signer("ledger")
    notes, paths = [], []
    for tree in (leaves, forged):
        reader = merkle.LeafReader(tree)
        notes.append(sign_checkpoint(signer, Checkpoint(grown.bureau.origin, len(tree), merkle.root(tree))))
        paths.append(merkle.inclusion_proof(4, len(tree), reader))
    proof = build_contradiction(*notes, index=4, leaves=[leaves[4], forged[4]], paths=paths)
    assert verify_claim(proof, asked(grown)).kind == "contradiction"
    refused(
        build_contradiction(*notes, index=4, leaves=[leaves[4], leaves[4]], paths=paths),
        grown,
        "differ",
    )
    refused(
        build_contradiction(*notes, index=3, leaves=[leaves[4], forged[4]], paths=paths),
        grown,
        "step 3",
    )


# ---- erasure


def test_a_notice_of_destruction(ledger):
    ledger.admit(ledger.lender.batch(ledger.lender.card_history("uci:1", months=12, late_ago=6)))
    ledger.step()
    ledger.clock.move(days=365 * 5 + 200)
    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:1")]))
    ledger.step()
    retention.run(ledger.bureau, lambda *_: None)
    ledger.settle()
    index = next(n for n in range(200) if _erasure(ledger, n))
    proof = claims.erasure_at(ledger.bureau, index)
    found = verify_claim(proof, asked(ledger))
    assert found.facts["reason"] == "retention"
    assert any("nobody kept a copy" in sentence for sentence in found.sentences("en"))
    notice = canon.decode_object(proof)["notice"]
    refused(changed(proof, notice=notice | {"entries": [1]}), ledger, "step 3")
    refused(changed(proof, index=index + 1), ledger, "step 3")


def _erasure(ledger, index):
    try:
        return claims.erasure_at(ledger.bureau, index)
    except NotFoundError:
        return None


# ---- all kinds


def all_proofs(ledger):
    index = canon.decode_object(
        claims.history_of(ledger.bureau, person(ledger, "uci:50")), bytes_max=1 << 25
    )["events"][0][1]
    sizes, _ = heads(ledger)
    return [
        claims.history_of(ledger.bureau, person(ledger, "uci:2")),
        claims.event_of(ledger.bureau, index),
        claims.absence_of(ledger.bureau, "uci:999"),
        claims.consistency_from(ledger.bureau, sizes[0]),
    ]


def test_every_kind_says_what_it_does_not_prove_in_both_languages_and_gives_json(grown):
    for proof in all_proofs(grown):
        found = verify_claim(proof, asked(grown))
        assert found.en.not_proved
        assert len(found.sentences("en")) == len(found.sentences("zh-Hans"))
        assert orjson.dumps(found.as_json())


def test_an_old_head_another_ledgers_key_and_other_forms_are_refused(grown):
    stranger = Policy((LogKey(grown.signers["bank.example"].verifier),), (), (), b"none")
    for proof in all_proofs(grown):
        with pytest.raises(CredenceError):
            verify_claim(proof, Asked(stranger, grown.clock.moment))
        refused(changed(proof, more=1), grown, "exactly the fields")
        refused(changed(proof, v=2), grown, "version 1")
        with pytest.raises(CredenceError):
            kind_of(changed(proof, kind="miracle"))
        if kind_of(proof) != "consistency":
            with pytest.raises(CredenceError, match="older than"):
                verify_claim(proof, Asked(policy(grown), grown.clock.moment + dt.timedelta(days=3)))
    assert set(KINDS) == {
        "score",
        "history",
        "event",
        "absent",
        "consistency",
        "contradiction",
        "erasure",
        "overdue",
        "range",
    }
