"""Range credentials on a real ledger: recorded, released, presented, verified; and a lying bureau, whom the audit finds."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from app.core import canon
from app.core.errors import FormatError, NotFoundError, ProofError, RuleError
from app.core.log.note import Signer
from app.core.log.policy import LogKey, Policy
from app.core.proving import range_credential
from app.core.proving.claims.head import Asked
from app.core.proving.claims.range_proof import present, signed
from app.core.proving.claims.verify import verify_claim
from app.core.proving.holder import Holder
from app.core.reporting.event_types import LIFETIME_S_MAX
from app.services.banks.inquiries import NotYetError
from app.services.ledger import retention
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.proving import range_credentials
from app.services.proving.range_credentials import Wish, fetch, issue

HOLDER = Signer.generate_from_seed("citizen", hashlib.sha256(b"holder").digest())
DAY_S = 86_400


def wish(audience="bank.demo", **more):
    return Wish(audience=audience, holder=Holder.of(HOLDER.verifier).text, **more)


def asked(ledger, audience="bank.demo", **more):
    policy = Policy((LogKey(ledger.bureau.verifier),), (), (), b"none")
    return Asked(policy, ledger.clock.moment, audience=audience, **more)


def shown(credential, nonce="n-1", **bounds):
    text, draft = present(credential, nonce=nonce, **bounds)
    return signed(draft, HOLDER.sign_text(text).signature)


def given(ledger, citizen="uci:1", **more):
    """A credential, issued and in a block."""
    issued = issue(ledger.bureau, citizen, wish(**more))
    ledger.step()
    return fetch(ledger.bureau, citizen, issued.credential)


def score_in(credential):
    return canon.decode_object(credential)["score"]


def findings(ledger):
    source = DatabaseSource.of_bureau(ledger.bureau)
    return [str(each) for each in audit(lambda: source, lambda *_: None, processes=0).findings]


@pytest.fixture
def reported(ledger):
    ledger.report(3, months=24)
    ledger.step()
    return ledger


def test_issued_recorded_released_presented_verified_and_audited(reported):
    issued = issue(reported.bureau, "uci:1", wish())
    assert issued.receipt.startswith(b"credence/receipt@v1\n")
    with pytest.raises(NotYetError):  # never before a block holds the answer
        fetch(reported.bureau, "uci:1", issued.credential)
    reported.step()
    credential = fetch(reported.bureau, "uci:1", issued.credential)
    score = score_in(credential)
    proof = shown(credential, at_least=score - 5, at_most=score + 1)
    said = verify_claim(proof, asked(reported, identifier="uci:1", nonce="n-1"))
    assert (said.facts["at_least"], said.facts["at_most"]) == (score - 5, score + 1)
    assert said.facts["credential"] == issued.credential
    assert f"at least {score - 5} and at most {score + 1}" in said.sentences()[0]
    assert f"不低于 {score - 5} 分" in said.sentences("zh-Hans")[0]
    assert findings(reported) == []


def test_what_the_audience_gets_tells_neither_score_nor_seeds(reported):
    credential = given(reported)
    secret, proof = canon.decode_object(credential), shown(credential, at_least=310)
    assert not {"score", "seed_ge", "seed_le"} & canon.decode_object(proof).keys()
    assert secret["seed_ge"].encode() not in proof
    assert secret["seed_le"].encode() not in proof
    assert b"uci:1" not in proof
    facts = verify_claim(proof, asked(reported)).as_json()
    assert "score" not in facts
    assert canon.encode(dict(facts))


def test_the_answer_is_in_the_citizens_file_and_says_to_whom(reported):
    from app.services.citizens.records import entries

    given(reported)
    with reported.bureau.transaction() as connection:
        number = reported.bureau.people.find(connection, ["uci:1"])["uci:1"].id
    (look,) = entries(reported.bureau, number).looks
    assert (look.type, look.fields["recipient"], look.fields["purpose"], look.fields["shown"]) == (
        "answer",
        "bank.demo",
        "self",
        [],
    )


def test_it_does_not_count_as_an_inquiry(reported):
    before = score_in(given(reported))
    assert score_in(given(reported)) == before


def test_every_credential_has_fresh_seeds_and_commitments(reported):
    ours = [canon.decode_object(given(reported)) for _ in range(2)]
    for name in ("credential", "seed_ge", "seed_le", "note"):
        assert ours[0][name] != ours[1][name]


def test_what_the_score_does_not_reach_is_neither_recorded_nor_proved(reported):
    credential = given(reported)
    score = score_in(credential)
    with pytest.raises(RuleError, match="not at least"):
        shown(credential, at_least=score + 1)
    with pytest.raises(RuleError, match="not at most"):
        shown(credential, at_most=score - 1)
    for bounds in ({"at_least": score + 1}, {"at_most": score - 1}, {"low": score + 1}, {"high": score - 1}):
        with pytest.raises(RuleError):
            issue(reported.bureau, "uci:1", wish(**bounds))
    assert reported.waiting() == 0


def test_no_file_no_score_not_yet(reported):
    bureau = reported.bureau
    with pytest.raises(NotFoundError):
        issue(bureau, "uci:99", wish())
    reported.admit(reported.enrolment.batch([reported.enrolment.consent("uci:60")]))
    with pytest.raises(NotYetError):
        issue(bureau, "uci:60", wish())
    reported.step()
    with pytest.raises(RuleError, match="not sufficient"):
        issue(bureau, "uci:60", wish())
    with pytest.raises(NotFoundError):
        fetch(bureau, "uci:1", "A" * 43)


def test_nobody_fetches_anothers(reported):
    issued = issue(reported.bureau, "uci:1", wish())
    reported.step()
    with pytest.raises(NotFoundError):
        fetch(reported.bureau, "uci:2", issued.credential)


def test_what_waits_to_be_mended_is_no_ground_for_a_credential(reported):
    target = reported.lender.status("uci:2", ago=1)
    (receipt,) = reported.admit(reported.lender.batch([target]))
    assert receipt
    reported.step()
    with reported.bureau.transaction() as connection:
        (index,) = connection.execute(
            "SELECT first_index + 1 FROM placements ORDER BY first_index DESC LIMIT 1"
        ).fetchone()
    retraction = reported.lender.event("retraction", "uci:2", ago=1, target=index, reason="reported_in_error")
    reported.admit(reported.lender.batch([retraction]))
    with pytest.raises(NotYetError):
        issue(reported.bureau, "uci:2", wish())


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"audience": "Bank"}, FormatError),
        ({"lifetime_s": 0}, RuleError),
        ({"lifetime_s": LIFETIME_S_MAX + 1}, RuleError),
        ({"low": 299}, RuleError),
        ({"low": 700, "high": 700}, RuleError),
    ],
)
def test_a_wish_is_checked(reported, bad, error):
    with pytest.raises(error):
        issue(reported.bureau, "uci:1", wish(**bad))


def test_it_ends(reported):
    issued = issue(reported.bureau, "uci:1", wish())
    reported.step()
    proof = shown(fetch(reported.bureau, "uci:1", issued.credential), at_least=310)
    reported.clock.move(seconds=DAY_S - 1)
    verify_claim(proof, asked(reported))
    reported.clock.move(seconds=1)
    with pytest.raises(ProofError, match="expired"):
        verify_claim(proof, asked(reported))
    with pytest.raises(RuleError, match="ended"):
        fetch(reported.bureau, "uci:1", issued.credential)


def test_fetched_again_behind_other_blocks_it_is_the_same_under_a_newer_head(reported):
    issued = issue(reported.bureau, "uci:1", wish(lifetime_s=LIFETIME_S_MAX))
    reported.step()
    first = canon.decode_object(fetch(reported.bureau, "uci:1", issued.credential))
    reported.clock.move(days=20)
    reported.report(2, first=70)
    reported.step()
    again = fetch(reported.bureau, "uci:1", issued.credential)
    second = canon.decode_object(again)
    for name in ("seed_ge", "seed_le", "score", "scored", "index", "expires"):
        assert first[name] == second[name]
    assert second["block"]["block"] > first["block"]["block"]
    verify_claim(shown(again, at_least=310), asked(reported))


def test_r11_it_moves_along_to_a_new_key_when_something_of_the_file_is_destroyed(ledger):
    lender, citizen = ledger.lender, "uci:5"
    ledger.admit(lender.batch(lender.card_history(citizen, months=8, late_ago=6)))
    ledger.step()
    ledger.clock.moment = dt.datetime(2031, 11, 3, 4, 0, 0, tzinfo=dt.UTC)
    ledger.admit(lender.batch(lender.card_history(citizen, months=7)[1:]))
    ledger.step()
    issued = issue(ledger.bureau, citizen, wish())
    ledger.step()
    first = canon.decode_object(fetch(ledger.bureau, citizen, issued.credential))
    assert retention.run(ledger.bureau, lambda _: None).events
    ledger.settle()
    again = fetch(ledger.bureau, citizen, issued.credential)
    second = canon.decode_object(again)
    assert [first[name] for name in ("score", "seed_ge", "seed_le")] == [
        second[name] for name in ("score", "seed_ge", "seed_le")
    ]
    verify_claim(shown(again, at_least=310), asked(ledger, identifier=citizen))
    assert findings(ledger) == []


# ---- a bureau that lies


def lying(monkeypatch, **changes):
    """The bureau records something else than it ought to."""
    honest = range_credentials._said

    def said(terms, number, score, person, more):
        fields = honest(terms, number, score, person, more)
        return fields | {name: change(fields, terms, person) for name, change in changes.items()}

    monkeypatch.setattr(range_credentials, "_said", said)


def committed_to(score, direction):
    """The commitment to another score."""

    def change(fields, terms, person):
        chain = next(c for c in range_credential.chains(terms) if c.direction == direction)
        seed = range_credential.seed_of(person.salt_key, direction, terms.context)
        return chain.commitment(fields["score"] + score, seed).hex()

    return change


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"commitment_ge": committed_to(20, "G")}, "at least is not that of"),
        ({"commitment_le": committed_to(-20, "L")}, "at most is not that of"),
        ({"score": lambda fields, *_: fields["score"] + 20}, "was given for the score"),
        ({"context": lambda *_: "ab" * 32}, "context of a range credential"),
        ({"holder": lambda *_: "ed25519:" + "A" * 43}, "context of a range credential"),
        ({"block": lambda fields, *_: fields["block"] + 1}, "had no account by then"),
    ],
)
def test_the_audit_finds_a_credential_that_lies(reported, monkeypatch, lie, said):
    lying(monkeypatch, **lie)
    issue(reported.bureau, "uci:1", wish())
    reported.step()
    assert any(said in each for each in findings(reported)), findings(reported)


def test_a_false_commitment_verifies_for_the_audience_and_is_found_by_the_audit(reported, monkeypatch):
    """The limit of what the audience can see, and who sees beyond it."""
    lying(monkeypatch, commitment_ge=committed_to(40, "G"))
    monkeypatch.setattr(range_credentials, "_is_erased", lambda *_: False)  # the bureau would see its own lie
    credential = canon.decode_object(given(reported))
    forged = canon.encode(credential | {"score": credential["score"] + 40})
    verify_claim(shown(forged, at_least=credential["score"] + 30), asked(reported))
    assert [each for each in findings(reported) if "range credential" in each]
