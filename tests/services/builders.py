"""Events and batches in few words, a clock that obeys, and a founded ledger to put them into.

    desk = Desk(signer, origin, clock)
    desk.batch([desk.status("uci:1"), desk.status("uci:2", late=True)])      # bytes of a .batch file

Every event that a desk makes is valid as it is; name a field to change it. Days are given as `ago`, days before the
ledger's today.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import threading
import time
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.core import canon
from app.core.log.note import Signer
from app.core.reporting.batch import make_batch
from app.core.scoring.scorecard import expert_card
from app.db import admission
from app.services.bureau import Bureau
from app.services.home import Home
from app.services.ledger.cards import Publication, publish_card
from app.services.ledger.founding import Charter, found
from app.services.ledger.intake import Admission, admit
from app.services.ledger.register import register_key
from app.services.ledger.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.services.banks.gathering import Gathering

ORIGIN = "ledger.example/services"
LENDER, BANK, ENROLMENT, UTILITY = "lender.example", "bank.example", "enrolment.example", "power.example/grid"
ROLES = {LENDER: "lender", BANK: "bank", ENROLMENT: "enrolment", UTILITY: "utility"}
OFFSET = dt.timedelta(minutes=480)
NOON = dt.datetime(2026, 11, 2, 4, 0, 0, tzinfo=dt.UTC)
"""Noon in the ledger's local time."""

_numbers = itertools.count(1)


class Clock:
    """A clock that stands still until it is moved; give it to `Bureau.open(..., now=clock)`."""

    def __init__(self, moment: dt.datetime = NOON) -> None:
        self.moment = moment

    def __call__(self) -> dt.datetime:
        return self.moment

    def move(self, *, days: int = 0, hours: int = 0, seconds: int = 0) -> None:
        """Forward, or back with negative numbers."""
        self.moment += dt.timedelta(days=days, hours=hours, seconds=seconds)

    def day(self, ago: int = 0) -> str:
        """The ledger's local day, so many days ago (negative: ahead)."""
        return ((self.moment + OFFSET).date() - dt.timedelta(days=ago)).isoformat()


def gathered(gathering: Gathering, asked: list, serve: Callable) -> list:
    """What threads that ask at the same time get, errors as values, in step: somebody is served until all of them wait."""
    is_led, all_wait = threading.Event(), threading.Event()

    def ask(each: object) -> object:
        try:
            return gathering.ask(each, serve)
        except Exception as error:  # noqa: BLE001 - what a thread gets is what is looked at
            return error

    def hold(held: list) -> list:
        is_led.set()
        all_wait.wait(30)
        return held

    with ThreadPoolExecutor(len(asked) + 1) as pool:
        pool.submit(gathering.ask, "the one before", hold)
        assert is_led.wait(30), "nobody else leads"
        futures = []
        for number, each in enumerate(asked, 1):
            futures.append(pool.submit(ask, each))
            while len(gathering._waiting) < number:
                time.sleep(0.001)
        all_wait.set()
        return [future.result() for future in futures]


class Desk:
    """Where one furnisher writes its events and signs its batches."""

    def __init__(self, signer: Signer, origin: str, clock: Clock) -> None:
        self.signer, self.origin, self.clock = signer, origin, clock

    def event(self, kind: str, citizen: str, *, ago: int = 0, **fields: object) -> bytes:
        """The canonical line of an event; id and nonce come from a counter and are never used twice."""
        random = hashlib.sha512(f"{kind} {next(_numbers)}".encode()).digest()
        unix_ms = int(self.clock().timestamp() * 1000)
        tail = random[:10].hex()
        event_id = f"{unix_ms >> 16:08x}-{unix_ms & 0xFFFF:04x}-7{tail[:3]}-8{tail[4:7]}-{tail[8:20]}"
        common = {
            "v": 1,
            "ledger": self.origin,
            "furnisher": self.signer.name,
            "id": event_id,
            "type": kind,
            "citizen": citizen,
            "nonce": urlsafe_b64encode(random[32:])[:43].decode(),
            "day": self.clock.day(ago),
        }
        return canon.encode(common | fields)

    def opened(self, citizen: str, *, ago: int = 0, account: str = "card-1", **fields: object) -> bytes:
        return self.event(
            "account_opened", citizen, ago=ago, account=account, currency="CNY", **{"class": "card"} | fields
        )

    def statement(self, citizen: str, *, ago: int = 0, account: str = "card-1", **fields: object) -> bytes:
        money = {"currency": "CNY", "balance_minor": 12_500, "limit_minor": 500_000}
        return self.event("statement", citizen, ago=ago, account=account, **money | fields)

    def payment(
        self, citizen: str, *, ago: int = 0, account: str = "card-1", amount_minor: int = 12_500
    ) -> bytes:
        return self.event(
            "payment", citizen, ago=ago, account=account, currency="CNY", amount_minor=amount_minor
        )

    def status(
        self, citizen: str, *, ago: int = 0, account: str = "card-1", late: bool = False, **fields: object
    ) -> bytes:
        if late:
            bad = {"status": "late_30", "first_delinquent_on": self.clock.day(ago + 35)}
            told = {"notified_on": self.clock.day(ago + 10), "notified_by": "letter"}
            return self.event("status", citizen, ago=ago, account=account, **bad | told | fields)
        return self.event("status", citizen, ago=ago, account=account, **{"status": "on_time"} | fields)

    def utility(
        self, citizen: str, *, ago: int = 0, account: str = "meter", status: str = "on_time"
    ) -> bytes:
        return self.event("utility", citizen, ago=ago, account=account, status=status)

    def consent(
        self, citizen: str, *, grantee: str = BANK, ago: int = 0, days: int = 365, **fields: object
    ) -> bytes:
        usual = {"purposes": ["credit_application"], "until": self.clock.day(ago - days)}
        return self.event("consent_given", citizen, ago=ago, grantee=grantee, **PAPER | usual | fields)

    def freeze(self, citizen: str, *, ago: int = 0) -> bytes:
        return self.event("freeze", citizen, ago=ago, **PAPER)

    def inquiry(self, citizen: str, *, purpose: str = "credit_application", **fields: object) -> bytes:
        time = self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        return self.event("inquiry", citizen, purpose=purpose, time=time, **fields)

    def card_history(self, citizen: str, *, months: int = 12, late_ago: int | None = None) -> list[bytes]:
        """A card opened `months` months ago: statement, payment and status of each; one late month if wanted."""
        lines = [self.opened(citizen, ago=30 * months + 5)]
        for month in range(months, 0, -1):
            ago = 30 * month
            lines += [
                self.statement(citizen, ago=ago),
                self.payment(citizen, ago=ago),
                self.status(citizen, ago=ago, late=month == late_ago),
            ]
        return lines

    def batch(self, lines: list[bytes], batch_id: str | None = None) -> bytes:
        """A signed `.batch` file."""
        return make_batch(self.signer, self.origin, batch_id or f"b-{next(_numbers):06}", lines)


PAPER: dict[str, object] = {"basis": "paper", "basis_ref": "form-17"}


class Ledger:
    """A founded ledger in a database of its own, with its organisations registered and their desks at hand."""

    def __init__(self, folder: Path, url: str, *, clock: Clock | None = None) -> None:
        self.home, self.url, self.clock = Home(folder), url, clock or Clock()
        assert found(self.home, Charter(ORIGIN, "uci", "cn", 480), url, now=self.clock)
        self.bureau = Bureau.open(self.home, url, now=self.clock)
        self.signers = {
            name: Signer.generate_from_seed(name, hashlib.sha256(name.encode()).digest()) for name in ROLES
        }
        for name, role in ROLES.items():
            register_key(self.bureau, self.signers[name], role)
        self.lender, self.bank, self.enrolment, self.utility = (
            Desk(self.signers[name], ORIGIN, self.clock) for name in (LENDER, BANK, ENROLMENT, UTILITY)
        )

    def admit(self, *batches: bytes) -> list[Admission]:
        """Batches go in; their receipts."""
        return [admit(self.bureau, batch) for batch in batches]

    def report(self, citizens: int = 5, *, first: int = 1, months: int = 2) -> Admission:
        """One batch of card histories of `citizens` citizens, from uci:<first> on."""
        people = [f"uci:{number}" for number in range(first, first + citizens)]
        lines = [line for each in people for line in self.lender.card_history(each, months=months)]
        return self.admit(self.lender.batch(lines))[0]

    def publish(
        self, document: bytes, *, ahead: int = 0, role: str = "champion", report: bytes | None = None
    ) -> str:
        """Publish a card from so many days ahead of today; its hash in hex."""
        from_day = dt.date.fromisoformat(self.clock.day(-ahead))
        with self.bureau.transaction() as connection:
            return publish_card(connection, Publication(document, role, from_day, report), self.clock()).hex()

    def sequencer(self, **more: object) -> Sequencer:
        """A sequencer on this ledger; use it as a context manager."""
        return Sequencer(self.bureau, **more)  # type: ignore[arg-type]

    def step(self) -> bool:
        """One block with what was admitted, by a sequencer that starts and ends here; whether one was made."""
        with self.sequencer() as sequencer:
            return sequencer.step(now=True)

    def settle(self) -> int:
        """Blocks until nothing waits; how many that were."""
        made = 0
        with self.sequencer() as sequencer:
            while self.waiting():
                made += sequencer.step(now=True)
        return made

    def waiting(self) -> int:
        """How many admitted batches and notices are in no block."""
        with self.bureau.transaction() as connection:
            return len(admission.pending(connection, 0, 10_000))

    def reopen(self, url: str | None = None) -> Bureau:
        """The ledger as another process would open it, with empty caches."""
        return Bureau.open(self.home, url or self.url, now=self.clock)

    def close(self) -> None:
        self.bureau.close()


def card(name: str, unknown_age: int = 0) -> bytes:
    """The document of a card like the expert's, with another name and points where nobody knows the oldest account's age."""
    document = canon.decode_object(expert_card().document, bytes_max=1 << 20)
    for criterion in document["criteria"]:
        if criterion["measures"][0]["id"] == "oldest_age":
            criterion["points"][-1] = unknown_age
    return canon.encode(document | {"name": name})


def current_files(connection, persons):
    """Citizen number -> folded file, with everything that has been admitted: what an inquiry would be judged by."""
    from app.core.state import account_state, sealing
    from app.db import state
    from app.services.ledger import history

    by_id = {person.id: person for person in persons}
    written = {}
    for loaded in state.load_accounts(connection, list(by_id)):
        opened = None
        if loaded.sealed is not None:
            opened = account_state.decode(sealing.unseal(by_id[loaded.citizen].data_key, loaded.sealed))
        written[loaded.citizen] = (-1 if loaded.block is None else loaded.block, opened)
    current = history.brought_up_to_date(connection, by_id, written)
    return {citizen: each.file for citizen, each in current.items()}
