"""A ledger in which every job of the scheduler has something to do, for several citizens each.

uci:1 .. uci:4     a watched score that falls, mail that is due, a late entry past its retention, a dispute nobody answers
uci:3, uci:4       asked for an erasure, which is due
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from app.core.exchange.watch_note import WatchNote
from app.core.state.erasure import COOLING_OFF_DAYS
from app.services.banks import watching
from app.services.banks.inquiries import inquire
from app.services.citizens import mail, mailing
from app.services.ledger import history
from app.services.scheduler import JOBS
from tests.services.builders import BANK, ORIGIN, PAPER
from tests.services.test_proofs import person_of

CITIZENS = [f"uci:{number}" for number in range(1, 5)]
ERASED = CITIZENS[2:]
AT_ONCE = [job._replace(every_s=0) for job in JOBS if job.name != "audits"]


def fill(ledger, url):
    """Three weeks and five days of it; messages to the bank go to `url`."""
    lender, desk = ledger.lender, ledger.enrolment
    ledger.admit(
        lender.batch([
            line
            for each in CITIZENS
            for line in [*lender.card_history(each, months=9), lender.status(each, late=True, ago=1900, account="old"), lender.status(each, late=True, ago=200, account="loan")]
        ]),
        desk.batch([desk.consent(each, purposes=["account_review"]) for each in CITIZENS]),
    )  # fmt: skip
    ledger.step()
    for each in CITIZENS:
        watch(ledger, each, url)
        subscribe(ledger, each)
    ledger.admit(lender.batch([lender.status(each, ago=1, late=True) for each in CITIZENS]))
    ledger.step()
    ledger.admit(desk.batch([_dispute(ledger, each) for each in CITIZENS]))
    ledger.step()
    ledger.clock.move(days=18)
    ledger.admit(desk.batch([desk.event("erasure", each, scope="consent_based", **PAPER) for each in ERASED]))
    ledger.step()
    ledger.clock.move(days=COOLING_OFF_DAYS + 1)
    return ledger


def watch(ledger, citizen, url):
    """The bank reviews the account and asks to be told of what crosses the score of now."""
    inquiry = ledger.bank.inquiry(citizen, purpose="account_review")
    answer = inquire(ledger.bureau, ledger.bank.batch([inquiry])).answer
    lines = (answer["score"] - 10, answer["score"])
    note = WatchNote(ORIGIN, BANK, answer=answer["id"], lines=lines, url=url, time=ledger.clock())
    watching.put(ledger.bureau, note.sign(ledger.signers[BANK]))


def subscribe(ledger, citizen):
    """An address that the citizen gave and confirmed."""
    person, folder = person_of(ledger.bureau, citizen), Path(ledger.home.path) / "mail"
    mailing.ask(ledger.bureau, mail.Folder(folder, mail.FROM_DEFAULT), person.id, address_of(citizen), "en")
    (letter,) = folder.glob("*.eml")
    code = re.search(rb"\b\d{6}\b", letter.read_bytes().partition(b"\r\n\r\n")[2])[0].decode()
    letter.unlink()
    assert mailing.confirm(ledger.bureau, person.id, code)


def address_of(citizen):
    return f"me{citizen.partition(':')[2]}@example.org"


def events_of(ledger, citizen):
    """All events of a citizen that can be read."""
    person = person_of(ledger.bureau, citizen)
    with ledger.bureau.transaction() as connection:
        return history.with_waiting(connection, person)


def _dispute(ledger, citizen):
    item = next(
        index for index, event in events_of(ledger, citizen) if getattr(event, "account", "") == "loan"
    )
    return ledger.enrolment.event(
        "dispute_opened", citizen, target=item, ground="wrong_status", text="Not me.", **PAPER
    )


def kinds_of(ledger, citizen):
    """How often each type of event that can be read is there."""
    found = {}
    for _, event in events_of(ledger, citizen):
        tag = event.__struct_config__.tag
        found[tag] = found.get(tag, 0) + 1
    return found


def letters(ledger):
    """To whom letters went, sorted."""
    found = []
    for path in (Path(ledger.home.path) / "mail").glob("*.eml"):
        found.append(re.search(rb"^To: (.*)\r$", path.read_bytes(), re.MULTILINE)[1].decode())
    return sorted(found)


def message_ids(receiver):
    """(watch, id) of what came to the bank, each once."""
    return sorted(
        {(json.loads(body)["data"]["watch"], headers["webhook-id"]) for _, headers, body in receiver.came}
    )
