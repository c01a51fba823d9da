"""A citizen is given a range credential: recorded in the ledger first, released from a block on.

    1. issue    terms and commitments from the score in the newest block, as an `answer` of the bureau's own; durable
    2. fetch    once a block holds it: the bureau's note over the commitments, and where everything stands

Nothing is kept for it but the event, sealed like every other: the terms are in it, and the seeds follow from the citizen's
salt key. So it can be fetched again, moves along when the citizen gets a new data key, ends when the event's plaintext is
destroyed, and every audit can open it.

Source: docs/formats.md section 16.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson

from app.core import fields
from app.core.errors import FormatError, NotFoundError, RefusedError, RuleError
from app.core.field_types import NAME
from app.core.log import merkle
from app.core.log.entries import block_entry
from app.core.proving import range_credential
from app.core.proving.claims.range_proof import ROLE, Grant, build_credential
from app.core.proving.claims.signer import SignerPlace
from app.core.proving.holder import Holder
from app.core.proving.range_credential import AT_LEAST, AT_MOST, LIFETIME_S_DEFAULT, Attested, Terms
from app.core.reporting import events as event_formats
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.core.reporting.event_types import LIFETIME_S_MAX, Answer
from app.core.reporting.identifiers import check_identifier
from app.core.state import sealing
from app.db import admission, ledger
from app.services.banks.inquiries import NotYetError
from app.services.ledger import history, intake, own_events
from app.services.ledger.public_log import log_reader
from app.services.proving import claims, proofs

if TYPE_CHECKING:
    from app.core.reporting.event_types import RangeGiven
    from app.core.state.account_state import AccountState
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

PURPOSE = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a citizen asks for. `at_least` and `at_most` are tried on the score, so that nothing is recorded in vain."""

    audience: str
    holder: str
    lifetime_s: int = LIFETIME_S_DEFAULT
    low: int = SCORE_MIN
    high: int = SCORE_MAX
    at_least: int | None = None
    at_most: int | None = None

    def check(self) -> None:
        """FormatError, RuleError."""
        if re.match(NAME, self.audience) is None:
            raise FormatError("the audience of a credential is a name of a-z 0-9 . - /, as it is registered")
        Holder.parse(self.holder)
        if not 0 < self.lifetime_s <= LIFETIME_S_MAX:
            raise RuleError(
                f"a credential holds for at most {LIFETIME_S_MAX // 86400} days", code="bad-lifetime"
            )
        if not SCORE_MIN <= self.low < self.high <= SCORE_MAX:
            raise RuleError(f"a credential is about scores from {SCORE_MIN} to {SCORE_MAX}", code="bad-range")


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential that is recorded, and its receipt."""

    credential: str
    expires: dt.datetime
    receipt: bytes


def issue(bureau: Bureau, citizen: str, wish: Wish) -> Issued:
    """Record a credential. RuleError when the score does not allow it; NotFoundError without a file; NotYetError while the
    file, a repair of it, or today's score is in no block.
    """
    wish.check()
    check_identifier(bureau.scheme, citizen)
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        register = bureau.register(connection)
        admission.lock_access(connection, [citizen])
        person = bureau.people.find(connection, [citizen]).get(citizen)
        if person is None:
            raise NotFoundError("this citizen has no file", code="no-file")
        number, score = _score_now(bureau, connection, person)
        block = ledger.block_by_number(connection, number)
        assert block is not None, "the newest published block is there"
        terms = Terms(
            origin=bureau.origin,
            key=person.key,
            credential=fields.format_b64url32(os.urandom(32)),
            block_hash=merkle.leaf_hash(block_entry(block.entry)),
            holder=wish.holder,
            audience=wish.audience,
            expires=bureau.now() + dt.timedelta(seconds=wish.lifetime_s),
            low=wish.low,
            high=wish.high,
        )
        line = own_events.own_event(bureau, "answer", citizen, _said(terms, number, score, person, wish))
        bureau.will_give(connection, "answer", orjson.loads(line)["id"])
        (receipt,) = intake.store(
            bureau, connection, [own_events.own_batch(bureau, register, _batch_id(terms.credential), line)]
        )
    return Issued(terms.credential, terms.expires, receipt)


def _score_now(bureau: Bureau, connection: Connection, person: Person) -> tuple[int, int]:
    """(number of the newest block, the score in it); as much a matter of today as a bank's answer is."""
    newest, versions = proofs.newest_versions(connection, [person])
    written: AccountState | None = versions[person.id][1] if person.id in versions else None
    if (
        written is None
        or history.brought_up_to_date(connection, {person.id: person}, versions)[person.id].mended
    ):
        raise NotYetError("what is admitted of the citizen's file will be in the next block: ask again")
    said = orjson.loads(bytes(written.score))
    if not said["as_of"] <= bureau.today() < said["until"]:
        raise NotYetError("the score changes today, with the next block: ask again")
    if "score" not in said:
        reasons = ", ".join(said["insufficient"])
        raise RuleError(
            f"the file is not sufficient for a score ({reasons}), so there is none to prove", code="no-score"
        )
    return newest, int(said["score"])


def _said(terms: Terms, number: int, score: int, person: Person, wish: Wish) -> dict[str, object]:
    """The fields of the answer. RuleError when the score is outside of what is wished for."""
    if not wish.low <= score <= wish.high:
        raise RuleError(f"the score is not between {wish.low} and {wish.high}", code="not-in-range")
    context, (down, up) = terms.context, range_credential.chains(terms)
    seeds = {
        chain: range_credential.seed_of(person.salt_key, chain.direction, context) for chain in (down, up)
    }
    for chain, threshold in ((down, wish.at_least), (up, wish.at_most)):
        if threshold is not None:
            chain.prove(score, seeds[chain], threshold)
    return {
        "block": number,
        "commitment_ge": down.commitment(score, seeds[down]).hex(),
        "commitment_le": up.commitment(score, seeds[up]).hex(),
        "context": context.hex(),
        "credential": terms.credential,
        "expires": fields.format_instant(terms.expires),
        "high": terms.high,
        "holder": terms.holder,
        "inquiry": context.hex(),
        "low": terms.low,
        "purpose": PURPOSE,
        "recipient": terms.audience,
        "score": score,
        "shown": [],
    }


def fetch(bureau: Bureau, citizen: str, credential: str) -> bytes:
    """The `.credential` file of a citizen's credential, as of the newest block. NotYetError while no block holds it;
    NotFoundError when there is none of that id; RuleError once it has ended.
    """
    fields.b64url32(credential)
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, [citizen]).get(citizen)
        stored = admission.event_by_name(connection, bureau.signer.name, _batch_id(credential))
        if person is None or stored is None or stored.citizen != person.id or stored.sealed is None:
            raise NotFoundError("this citizen has no such credential", code="no-credential")
        line, answer = sealing.read(person.data_key, stored.sealed, event_formats.line_and_event)
        assert isinstance(answer, Answer), "what the bureau has called a credential is one"
        at = proofs.snapshot(bureau, connection)
        if stored.log_index is None or stored.log_index >= at.block.tree_size:
            raise NotYetError("the credential is recorded, and will be in the next block: ask again")
        return _released(bureau, connection, person, at, stored.log_index, line, answer)


def _released(  # noqa: PLR0917 - everything that there is
    bureau: Bureau,
    connection: Connection,
    person: Person,
    at: proofs.Snapshot,
    index: int,
    line: bytes,
    answer: Answer,
) -> bytes:
    given = answer.range
    assert given is not None, "what the bureau has called a credential is one"
    scored = ledger.block_by_number(connection, answer.block)
    assert scored is not None, "blocks stay"
    terms = Terms.of_answer(bureau.origin, person.key, merkle.leaf_hash(block_entry(scored.entry)), answer)
    if terms.expires <= bureau.now():
        raise RuleError(f"the credential has ended on {given.expires}", code="expired")
    if _is_erased(terms, person, given):
        raise NotFoundError("what this credential was made from was erased since", code="destroyed")
    attested = Attested(
        origin=bureau.origin,
        context=bytes.fromhex(given.context),
        commitment_ge=bytes.fromhex(given.commitment_ge),
        commitment_le=bytes.fromhex(given.commitment_le),
        answer=sha256(line).digest(),
    )
    size = at.block.tree_size
    reader = log_reader(connection, size)
    return build_credential(
        Grant(
            terms=terms,
            vrf_proof=person.vrf_proof,
            block_json=at.block.entry,
            tlog=at.tlog,
            scored_json=scored.entry,
            scored_index=scored.tree_size - 1,
            scored_path=merkle.inclusion_proof(scored.tree_size - 1, size, reader),
            note=bureau.service.sign(attested.text()),
            index=index,
            path=merkle.inclusion_proof(index, size, reader),
            signer=_signer(bureau, connection, size),
        ),
        given.score,
        *(
            range_credential.seed_of(person.salt_key, direction, attested.context)
            for direction in (AT_LEAST, AT_MOST)
        ),
    )


def _is_erased(terms: Terms, person: Person, given: RangeGiven) -> bool:
    """Whether an erasure took the salt key that made the commitments: the one that there is makes others."""
    down, _ = range_credential.chains(terms)
    seed = range_credential.seed_of(person.salt_key, down.direction, terms.context)
    return down.commitment(given.score, seed).hex() != given.commitment_ge


def _signer(bureau: Bureau, connection: Connection, tree_size: int) -> SignerPlace:
    """Our service key in the register of the newest block."""
    register, vkey = claims.register_at(connection, tree_size), bureau.service.verifier.encode()
    for record in register.records():
        if record.vkey == vkey and record.role == ROLE and record.holds_at(tree_size - 1):
            return SignerPlace.of(register, record)
    raise RefusedError("the service key is not valid in the newest block: see `credence keys list`")


def _batch_id(credential: str) -> str:
    """The bureau's batch of a credential: an id comes once."""
    return f"range-{credential}"
