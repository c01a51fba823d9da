"""The lying bureau: for each lie who catches it, and by which check. docs/security.md has the same table for people.

A lie is told with the bureau's own keys and, where it helps, with a ledger that is consistent in itself.
"""

from __future__ import annotations

import datetime as dt
import re
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from app.core import canon
from app.core.errors import CredenceError, FormatError, ProofError, SignatureError
from app.core.log import merkle
from app.core.log.policy import LogKey, Policy, Witness
from app.core.proving.claims import growth
from app.core.proving.claims.contradiction import build_contradiction
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import verify_claim
from app.core.proving.proof import verify_score_proof
from app.core.reporting.batch import make_batch, parse_batch
from app.core.reporting.receipt import Receipt
from app.core.scoring import score
from app.core.scoring.profiles import CN
from app.core.scoring.scorecard import expert_card
from app.core.state import account_state, vrf
from app.db import admission
from app.db import ledger as rows
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.ledger.public_log import log_reader
from app.services.proving import claims, proofs
from tests.adversary.liar import Liar, later, told
from tests.services.builders import LENDER, card
from tests.services.searching import searched

CITIZEN, OTHER = "uci:5", "uci:6"


@pytest.fixture
def honest(ledger):
    """A ledger of a dozen citizens, one of them late, in two blocks."""
    ledger.admit(ledger.lender.batch(ledger.lender.card_history(CITIZEN, months=12, late_ago=2)))
    ledger.report(10, first=6, months=8)
    ledger.step()
    ledger.admit(ledger.utility.batch([ledger.utility.utility(CITIZEN)]))
    ledger.step()
    return ledger


@pytest.fixture
def liar(honest):
    return Liar(honest)


def number(ledger, identifier):
    with ledger.bureau.transaction() as connection:
        return ledger.bureau.people.find(connection, [identifier])[identifier].id


def own(ledger, identifier=CITIZEN):
    return proofs.score_proof(ledger.bureau, number(ledger, identifier))


def bank(ledger, proof, *, identifier=CITIZEN, at=None, policy=None, **more):
    """A bank verifies a proof, offline."""
    policy = policy or Liar(ledger).policy
    return verify_score_proof(
        proof, policy.encode(), at=at or ledger.clock.moment, identifier=identifier, **more
    )


def citizen(ledger, history, *, identifier=CITIZEN):
    """A citizen verifies the own export with the published card."""
    asked = Asked(Liar(ledger).policy, ledger.clock.moment, identifier=identifier)
    return verify_claim(history, asked, card=expert_card(), profile=CN)


def auditor(ledger):
    """What an audit finds, as text."""
    source = DatabaseSource.open(ledger.home, ledger.url)
    try:
        report = audit(lambda: source, lambda *_: None, ledger_key=ledger.bureau.verifier, processes=0)
    finally:
        source.close()
    return "\n".join(str(finding) for finding in report.findings)


def test_honest_is_honest(honest):
    assert bank(honest, own(honest)).score is not None
    assert citizen(honest, claims.history_of(honest.bureau, number(honest, CITIZEN))).facts["refolded"]
    assert auditor(honest) == ""


# ---- about one citizen


def test_a_second_clean_account_for_one_citizen_is_caught_by_the_bank(honest, liar):
    """Under a key that the bureau made up, in a state that holds it."""
    clean = told(own(honest, OTHER)).shown.values
    made_up = liar.proof(own(honest), values=dict(clean), key=b"\x07" * 32)
    with pytest.raises(ProofError, match="step 5"):
        bank(honest, made_up)


def test_a_second_account_through_another_spelling_is_caught_by_the_bank(honest, liar):
    """A VRF proof for ` uci:5`, `uci:05` or `UCI:5` is a good proof of another string; no such identifier is accepted."""
    vrf_key = honest.bureau.vrf
    for spelling in ("uci:05", "UCI:5", "uci:5 ", "uci:٥", "uci:+5"):
        evaluation = vrf_key.begin(vrf.citizen_alpha(honest.bureau.origin, spelling))
        key = vrf.citizen_key(evaluation.output())
        other = liar.proof(own(honest), key=key, vrf_proof=evaluation.prove())
        with pytest.raises(ProofError, match="step 5"):
            bank(honest, other)
        with pytest.raises(CredenceError):
            bank(honest, other, identifier=spelling)


def test_another_citizens_score_is_caught_by_the_bank(honest):
    with pytest.raises(ProofError, match="step 5"):
        bank(honest, own(honest, OTHER))


def test_another_vrf_key_in_a_block_is_caught_by_the_auditor_and_a_mixed_proof_by_the_bank(honest, liar):
    other = vrf.VrfKey.from_seed(b"\x05" * 32)
    evaluation = other.begin(vrf.citizen_alpha(honest.bureau.origin, CITIZEN))
    key = vrf.citizen_key(evaluation.output())
    with pytest.raises(ProofError, match="step 5"):
        bank(honest, liar.proof(own(honest), key=key, vrf_proof=evaluation.prove()))


def test_altered_points_are_caught_by_the_bank(honest):
    proof = canon.decode_object(own(honest))
    for disclosure in proof["disclosures"]:
        if disclosure[1] == "receipt":
            disclosure[2]["criteria"][1][2] -= 1
    with pytest.raises(ProofError, match="step 3"):
        bank(honest, canon.encode(proof))


def test_points_that_do_not_add_up_are_caught_by_the_bank_even_in_a_consistent_state(honest, liar):
    values = told(own(honest)).shown.values
    higher = values["score"] | {"score": values["score"]["score"] + 5}
    with pytest.raises(ProofError, match="step 4"):
        bank(honest, liar.proof(own(honest), values={"score": higher}))


def test_a_score_that_does_not_follow_from_the_events_is_caught_by_the_citizen(honest, liar):
    """Consistent in itself, points and all, in a block that the bureau signed: but not the fold of the events."""
    history = canon.decode_object(
        claims.history_of(honest.bureau, number(honest, CITIZEN)), bytes_max=1 << 25
    )
    values = {name: value for _, name, value in history["disclosures"]}
    row = next(row for row in values["receipt"]["criteria"] if row[2] >= 9)
    row[2] -= 9
    values["score"]["score"] -= 9
    forged = canon.decode_object(liar.proof(own(honest), values=values))
    bank(honest, canon.encode(forged))  # a bank cannot know
    with pytest.raises(ProofError, match="these events give"):
        citizen(honest, canon.encode(forged | {"kind": "history", "events": history["events"]}))


def test_an_event_left_out_is_caught_by_the_citizen(honest):
    history = canon.decode_object(
        claims.history_of(honest.bureau, number(honest, CITIZEN)), bytes_max=1 << 25
    )
    for place in range(len(history["events"])):
        less = history["events"][:place] + history["events"][place + 1 :]
        with pytest.raises(ProofError, match="not exactly the events"):
            citizen(honest, canon.encode(history | {"events": less}))


def test_events_in_another_order_are_caught_by_the_citizen(honest):
    history = canon.decode_object(
        claims.history_of(honest.bureau, number(honest, CITIZEN)), bytes_max=1 << 25
    )
    first, second, *rest = history["events"]
    with pytest.raises(FormatError, match="order of the log"):
        citizen(honest, canon.encode(history | {"events": [second, first, *rest]}))
    swapped = [[first[0], first[1], second[2]], [second[0], second[1], first[2]], *rest]
    with pytest.raises(ProofError, match="not exactly the events"):
        citizen(honest, canon.encode(history | {"events": swapped}))


def test_an_event_that_is_called_destroyed_is_caught_by_the_citizen(honest):
    history = canon.decode_object(
        claims.history_of(honest.bureau, number(honest, CITIZEN)), bytes_max=1 << 25
    )
    salt, index, line = history["events"][-1]
    leaf = merkle.leaf_hash(b"\x01" + sha256(line.encode()).digest()).hex()
    gone = [*history["events"][:-1], [salt, index, leaf, "retention", "2026-11-01"]]
    with pytest.raises(ProofError, match="not exactly the events"):
        citizen(honest, canon.encode(history | {"events": gone}))


def test_swapped_salts_are_caught_by_the_bank(honest):
    proof = canon.decode_object(own(honest))
    first, second = proof["disclosures"][:2]
    first[0], second[0] = second[0], first[0]
    with pytest.raises(ProofError, match="step 3"):
        bank(honest, canon.encode(proof))


def test_no_file_for_who_has_one_is_caught_by_the_bank(honest):
    absent = canon.decode_object(claims.absence_of(honest.bureau, "uci:4711"))
    real = told(own(honest))
    asked = Asked(Liar(honest).policy, honest.clock.moment, identifier=CITIZEN)
    with pytest.raises(CredenceError):
        verify_claim(canon.encode(absent), asked)  # whose key it is
    lie = absent | {"key": real.key.hex(), "vrf": real.vrf_proof.hex()}
    with pytest.raises(ProofError, match="step 3"):
        verify_claim(canon.encode(lie), asked)


# ---- about the day


def test_a_stale_block_is_caught_by_the_bank(honest):
    proof = own(honest)
    with pytest.raises(ProofError, match="older than 2 days"):
        bank(honest, proof, at=later(honest.clock.moment, days=3))


def test_an_old_leaf_in_a_new_block_is_caught_by_the_bank(honest, liar):
    """The account should have aged and was not scored again: its score does not hold on the block's day."""
    real = told(own(honest))
    day = real.score.until
    moment = later(honest.clock.moment, days=(day - real.block.as_of).days)
    with pytest.raises(ProofError, match="step 4"):
        bank(honest, liar.proof(own(honest), as_of=day, time=moment), at=moment)


def test_a_block_from_the_future_is_caught_by_the_bank(honest, liar):
    moment = later(honest.clock.moment, hours=1)
    with pytest.raises(ProofError, match="in the future"):
        bank(honest, liar.proof(own(honest), time=moment))


def test_a_score_by_another_card_than_the_blocks_is_caught_by_the_bank(honest, liar):
    with pytest.raises(ProofError, match="another scorecard"):
        bank(honest, liar.proof(own(honest), scorecard=b"\x01" * 32))


# ---- about the log


def test_a_forked_log_is_proved_by_two_heads(honest, liar):
    with honest.bureau.transaction() as connection:
        block = rows.block_by_number(connection, 1)
        note = rows.publication(connection, 1).encode()
    proof = build_contradiction(note, liar.head(block.tree_size, b"\x01" * 32))
    assert verify_claim(proof, Asked(liar.policy, honest.clock.moment)).kind == "contradiction"


def test_a_rewritten_past_is_caught_by_whoever_kept_a_head(honest, liar):
    """No path leads from a kept head to the new history, whatever hashes the bureau offers."""
    with honest.bureau.transaction() as connection:
        kept = rows.publication(connection, 0).encode()
        size = rows.block_by_number(connection, 0).tree_size
    real = canon.decode_object(claims.consistency_from(honest.bureau, size))
    leaves = [n.to_bytes(32, "big") for n in range(size + 3)]
    head = liar.head(len(leaves), merkle.root(leaves))
    hashes = merkle.consistency_proof(size, len(leaves), merkle.LeafReader(leaves))
    for offered in (
        growth.build_consistency(kept, head, hashes),
        canon.encode(real | {"new": head.decode()}),
    ):
        with pytest.raises(ProofError, match="step 3"):
            verify_claim(offered, Asked(liar.policy, honest.clock.moment))


def test_a_checkpoint_below_quorum_is_refused_by_the_bank(honest):
    from app.core.log.note import COSIGNATURE_ED25519, Signer

    witness = Signer.generate_from_seed("witness.example/w", b"\x03" * 32, COSIGNATURE_ED25519)
    policy = Policy((LogKey(honest.bureau.verifier),), (Witness(b"w", witness.verifier),), (), b"w")
    with pytest.raises(ProofError, match="below the quorum"):
        bank(honest, own(honest), policy=policy)


def test_a_head_by_another_key_is_refused_by_the_bank(honest):
    stranger = Policy((LogKey(honest.signers["bank.example"].verifier),), (), (), b"none")
    with pytest.raises(SignatureError):
        bank(honest, own(honest), policy=stranger)


def test_an_older_state_than_the_newest_is_refused_by_the_bank(honest):
    """The first block's proof under the second head: the block is in the log, but not at its end."""
    at = honest.bureau
    with at.transaction() as connection:
        person = at.people.find(connection, [CITIZEN])[CITIZEN]
        old = proofs.snapshot_of(connection, 0)
        proof = proofs.build(connection, person, old, proofs.account_at(connection, person, old), ("score",))
        newest = rows.publication(connection, 1).encode()
        size, old_size = (rows.block_by_number(connection, n).tree_size for n in (1, 0))
        path = merkle.inclusion_proof(old_size - 1, size, log_reader(connection, size))
    from app.core.log.tlogproof import TlogProof

    moved = canon.decode_object(proof) | {
        "tlog": TlogProof(old_size - 1, tuple(path), newest).encode().decode()
    }
    with pytest.raises(ProofError, match="not the last entry"):
        bank(honest, canon.encode(moved))


def test_truncated_proofs_are_refused_by_the_bank(honest):
    proof = own(honest)
    for end in range(0, len(proof), 37):
        with pytest.raises(CredenceError):
            bank(honest, proof[:end])


# ---- about what furnishers sent


def test_a_hidden_batch_is_caught_by_its_furnisher(honest, liar):
    """The furnisher reads the public log: after the receipt's time the batch is not there, and a file says so."""
    lender, bureau = honest.lender, honest.bureau
    hidden = parse_batch(lender.batch([lender.status("uci:7")]))
    now = honest.clock.moment
    receipt = Receipt(bureau.origin, hidden.batch_hash, 1, now, now + dt.timedelta(hours=1)).sign(
        bureau.service
    )
    commitments = [sha256(line).digest() for line in hidden.lines]
    honest.clock.move(hours=1)
    honest.admit(lender.batch([lender.status("uci:8")]))
    honest.step()
    search, note = searched(bureau, hidden.batch_hash, commitments)
    assert (search.index, search.overdue(receipt, note)) == (None, None), "the time is not over yet"
    honest.clock.move(seconds=1)
    honest.admit(lender.batch([lender.status("uci:9")]))
    honest.step()
    search, note = searched(bureau, hidden.batch_hash, commitments)
    found = verify_claim(search.overdue(receipt, note), Asked(liar.policy, honest.clock.moment))
    assert found.facts["batch"] == hidden.batch_hash.hex()
    assert any("02" + hidden.batch_hash.hex() in each for each in found.sentences())


def test_a_batch_without_one_of_its_events_is_caught_by_its_furnisher(honest):
    lender = honest.lender
    lines = [lender.status(f"uci:{n}") for n in (7, 8, 9)]
    batch = parse_batch(lender.batch(lines))
    honest.admit(lender.batch(lines[:2], batch.header.batch_id))  # what the log is going to have
    honest.step()
    with honest.bureau.transaction() as connection:
        (admitted,) = admission.admitted(connection, [(LENDER, batch.header.batch_id)]).values()
    commitments = [sha256(line).digest() for line in batch.lines]
    assert searched(honest.bureau, batch.batch_hash, commitments)[0].index is None, "its note is another one"
    with pytest.raises(ProofError, match="not the event that the batch has there"):
        searched(honest.bureau, admitted[0], commitments)


def test_an_event_in_somebody_elses_file_is_caught_by_its_furnisher(honest):
    """The furnisher asks where its event was filed: in nobody else's tree, and in no tree beside the account's."""
    history = canon.decode_object(
        claims.history_of(honest.bureau, number(honest, "uci:7")), bytes_max=1 << 25
    )
    proof = canon.decode_object(claims.event_of(honest.bureau, history["events"][0][1]))
    other = canon.decode_object(claims.history_of(honest.bureau, number(honest, "uci:8")), bytes_max=1 << 25)
    elsewhere = canon.decode_object(claims.event_of(honest.bureau, other["events"][0][1]))["filed"]
    asked = Asked(Liar(honest).policy, honest.clock.moment)
    assert verify_claim(canon.encode(proof), asked).facts["filed"]
    for filed in (elsewhere, proof["filed"] | {"path": elsewhere["path"]}, proof["filed"] | {"position": 1}):
        with pytest.raises(ProofError, match="step 6"):
            verify_claim(canon.encode(proof | {"filed": filed}), asked)


def test_an_event_that_nobody_signed_is_caught_by_its_reader(honest):
    """The bureau cannot show an event as a furnisher's without the furnisher's key."""
    history = canon.decode_object(
        claims.history_of(honest.bureau, number(honest, CITIZEN)), bytes_max=1 << 25
    )
    proof = canon.decode_object(claims.event_of(honest.bureau, history["events"][3][1]))
    line = canon.encode(canon.decode_object(proof["event"].encode()) | {"nonce": "A" * 43})
    signer = honest.bureau.service
    forged = make_batch(signer, honest.bureau.origin, "b-9", [line])
    note = canon.decode_object(forged.split(b"\n")[0])["note"]
    asked = Asked(Liar(honest).policy, honest.clock.moment)
    for lie in (
        {"event": line.decode()},
        {"event": line.decode(), "note": note, "position": 0, "batch_path": ""},
    ):
        with pytest.raises(CredenceError):
            verify_claim(canon.encode(proof | lie), asked)


# ---- what only an audit sees: the bureau computes wrongly, everywhere alike


def test_a_bureau_that_scores_one_citizen_too_high_is_caught_by_the_auditor(ledger, monkeypatch):
    real = score.score_file

    def lying(file, day, card_, profile):
        scored = real(file, day, card_, profile)
        if scored.score is None or not file.accounts or len(file.accounts) != 2:
            return scored
        rows_ = tuple((name, place, most, most) for name, place, _, most in scored.criteria)
        return score.Scored(300 + sum(row[2] for row in rows_), (), rows_, (), scored.until)

    with monkeypatch.context() as patched:
        patched.setattr(account_state.score, "score_file", lying)
        favourite = ledger.lender.card_history(CITIZEN, months=12, late_ago=2)
        favourite.append(ledger.lender.opened(CITIZEN, account="card-2"))
        ledger.admit(ledger.lender.batch(favourite))
        ledger.report(5, first=20)
        ledger.step()
    assert bank(ledger, own(ledger)).score == 850, "the points add up: a bank cannot know"
    assert "accounts" in auditor(ledger)


def test_a_card_that_was_never_published_is_caught_by_the_auditor(honest):
    other = card("Nobody has seen this one")
    with psycopg.connect(_owner(honest)) as connection:
        connection.execute("ALTER TABLE blocks DISABLE TRIGGER ALL")
        connection.execute(
            "UPDATE blocks SET entry = replace(convert_from(entry, 'UTF8'), %s, %s)::bytea WHERE number = 1",
            (expert_card().hash.hex(), sha256(other).hexdigest()),
        )
    assert "card" in auditor(honest) or "block" in auditor(honest)


def _owner(ledger):
    from tests.services.audited import owner_dsn

    return owner_dsn(ledger.url)


# ---- the table


def test_every_lie_is_in_the_table_and_the_table_has_no_others():
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text))
    folder = Path(__file__).parent
    there = {
        name
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert named <= there | named & {"test_mutations"}
    assert there - named == {
        "test_every_lie_is_in_the_table_and_the_table_has_no_others",
        "test_honest_is_honest",
        "test_a_range_credential_is_honest",
    }
