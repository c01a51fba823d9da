"""Lies about range credentials: of whoever holds or finds one, and of the bureau that gives it."""

from __future__ import annotations

from hashlib import sha256

import pytest

from app.core import canon
from app.core.errors import CredenceError, ProofError, RuleError, SignatureError
from app.core.log.note import Signer
from app.core.proving import range_credential
from app.core.proving.claims.head import Asked
from app.core.proving.claims.range_proof import present, signed
from app.core.proving.claims.verify import verify_claim
from app.core.proving.holder import Holder
from app.core.proving.range_credential import Attested
from app.services.proving import range_credentials
from tests.adversary.liar import Liar
from tests.adversary.test_lies import auditor

CITIZEN, OTHER, BANK = "uci:5", "uci:6", "bank.demo"
PHONE = Signer.generate_from_seed("phone", sha256(b"phone").digest())
THIEF = Signer.generate_from_seed("thief", sha256(b"thief").digest())


@pytest.fixture
def honest(ledger):
    ledger.report(4, first=5, months=12)
    ledger.step()
    return ledger


def given(ledger, citizen=CITIZEN, audience=BANK):
    wish = range_credentials.Wish(audience=audience, holder=Holder.of(PHONE.verifier).text)
    issued = range_credentials.issue(ledger.bureau, citizen, wish)
    ledger.step()
    return range_credentials.fetch(ledger.bureau, citizen, issued.credential)


def shown(credential, *, key=PHONE, nonce="visit-1", **bounds):
    text, draft = present(credential, nonce=nonce, **bounds or {"at_least": 400})
    return signed(draft, key.sign_text(text).signature)


def bank(ledger, proof, *, name=BANK, nonce="visit-1", identifier=CITIZEN):
    asked = Asked(Liar(ledger).policy, ledger.clock.moment, identifier=identifier, audience=name, nonce=nonce)
    return verify_claim(proof, asked)


def score_of(credential):
    return canon.decode_object(credential)["score"]


def test_a_range_credential_is_honest(honest):
    assert bank(honest, shown(given(honest))).facts["at_least"] == 400
    assert auditor(honest) == ""


def test_a_range_credential_shown_by_who_found_it_is_caught_by_the_bank(honest):
    credential = given(honest)
    with pytest.raises(SignatureError, match="step 7"):
        bank(honest, shown(credential, key=THIEF))
    other = canon.encode(canon.decode_object(credential) | {"holder": Holder.of(THIEF.verifier).text})
    with pytest.raises(ProofError, match="step 3"):
        bank(honest, shown(other, key=THIEF))


def test_a_range_credential_for_a_higher_threshold_is_caught_by_the_bank(honest):
    credential = given(honest)
    score = score_of(credential)
    with pytest.raises(RuleError):
        shown(credential, at_least=score + 1)
    claimed = canon.encode(canon.decode_object(credential) | {"score": score + 10})
    with pytest.raises(ProofError, match="step 6"):
        bank(honest, shown(claimed, at_least=score + 1))
    with pytest.raises(ProofError, match="step 6"):
        bank(honest, shown(claimed, at_least=score))


def test_a_range_credential_for_somebody_else_or_shown_again_is_caught_by_the_bank(honest):
    proof = shown(given(honest))
    with pytest.raises(ProofError, match="step 5"):
        bank(honest, proof, name="other.demo")
    with pytest.raises(ProofError, match="step 5"):
        bank(honest, proof, nonce="visit-2")
    honest.clock.move(days=1)
    with pytest.raises(ProofError, match="step 5"):
        bank(honest, proof)


def test_another_citizens_range_credential_is_caught_by_the_bank(honest):
    proof = shown(given(honest, OTHER))
    with pytest.raises(ProofError, match="step 8"):
        bank(honest, proof)
    mine, theirs = canon.decode_object(shown(given(honest))), canon.decode_object(proof)
    with pytest.raises(CredenceError, match="step 3"):
        bank(honest, canon.encode(theirs | {name: mine[name] for name in ("key", "vrf")}))


def test_a_range_credential_that_was_never_recorded_is_caught_by_the_bank(honest):
    """Signed with the bureau's own key, about an answer that is in no block."""
    credential = canon.decode_object(given(honest))
    attested = Attested.parse(credential["note"].encode().partition(b"\n\n")[0] + b"\n")
    hidden = Attested(
        attested.origin, attested.context, attested.commitment_ge, attested.commitment_le, bytes(32)
    )
    note = honest.bureau.service.sign(hidden.text()).decode()
    with pytest.raises(ProofError, match="step 4"):
        bank(honest, shown(canon.encode(credential | {"note": note})))


def test_a_range_credential_for_another_score_is_caught_by_the_auditor(honest, monkeypatch):
    """The bureau commits to forty points more: the bank cannot see it, the audit does."""
    truth = range_credentials._said

    def lie(terms, number, score, person, wish):
        fields = truth(terms, number, score, person, wish)
        down, _ = range_credential.chains(terms)
        seed = range_credential.seed_of(person.salt_key, "G", terms.context)
        return fields | {"commitment_ge": down.commitment(score + 40, seed).hex()}

    monkeypatch.setattr(range_credentials, "_said", lie)
    monkeypatch.setattr(range_credentials, "_is_erased", lambda *_: False)  # it would see its own lie
    credential = canon.decode_object(given(honest))
    better = canon.encode(credential | {"score": credential["score"] + 40})
    assert bank(honest, shown(better, at_least=credential["score"] + 1)).facts["at_least"]
    assert "range credential" in auditor(honest)


def test_a_note_that_is_not_its_answers_contradicts_the_ledger_for_whoever_opens_it(honest):
    """The ledger is right and the note is not: the bank sees nothing, the note itself is the evidence."""
    credential = canon.decode_object(given(honest))
    attested = Attested.parse(credential["note"].encode().partition(b"\n\n")[0] + b"\n")
    seed = bytes(32)
    chain = range_credential.Chain("G", attested.context, 300, 850)
    false = Attested(
        attested.origin,
        attested.context,
        chain.commitment(credential["score"] + 30, seed),
        attested.commitment_le,
        attested.answer,
    )
    forged = credential | {
        "note": honest.bureau.service.sign(false.text()).decode(),
        "score": credential["score"] + 30,
        "seed_ge": seed.hex(),
    }
    proof = canon.decode_object(shown(canon.encode(forged), at_least=credential["score"] + 20))
    assert bank(honest, canon.encode(proof))
    assert auditor(honest) == ""
    from app.services.proving import claims

    opened = canon.decode_object(claims.event_of(honest.bureau, proof["index"]))["event"].encode()
    told = Attested.parse(proof["note"].encode().partition(b"\n\n")[0] + b"\n")
    assert told.answer == sha256(opened).digest()
    assert told.commitment_ge.hex() != canon.decode_object(opened)["commitment_ge"]
