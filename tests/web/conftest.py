"""A small ledger with real parts, made once a session: a lender, a utility, a bank, two citizens, blocks, and the web around it."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CITIZEN, THIN, FROZEN, DEBTOR = "uci:1", "uci:22", "uci:333", "uci:60606"
LENDER, UTILITY, BANK, ENROLMENT = "lender.example", "power.example/grid", "bank.example", "enrolment.example"


class World:
    """The ledger, its organisations' keys, and what a test needs to speak for them."""

    def __init__(self, home: Path, url: str) -> None:
        from app.core.log.note import Signer
        from app.services.bureau import Bureau
        from app.services.home import Home
        from app.services.ledger.founding import Charter, found
        from app.services.ledger.register import register_key

        self.home, self.url = Home(home), url
        assert found(self.home, Charter("ledger.example/test", "uci", "cn", 480), url)
        self.bureau = Bureau.open(self.home, url)
        roles = {LENDER: "lender", UTILITY: "utility", BANK: "bank", ENROLMENT: "enrolment"}
        self.signers = {name: Signer.generate_from_seed(name, secrets.token_bytes(32)) for name in roles}
        for name, role in roles.items():
            register_key(self.bureau, self.signers[name], role)
        self._numbers = itertools.count(1)

    def day(self, ago: int = 0) -> str:
        return (dt.date.fromisoformat(self.bureau.today()) - dt.timedelta(days=ago)).isoformat()

    def line(self, furnisher: str, kind: str, citizen: str, **fields) -> bytes:
        from app.core import canon
        from app.core.fields import uuid7

        common = {
            "v": 1,
            "ledger": self.bureau.origin,
            "furnisher": furnisher,
            "id": uuid7(int(dt.datetime.now(dt.UTC).timestamp() * 1000), secrets.token_bytes(10)),
            "type": kind,
            "citizen": citizen,
            "nonce": secrets.token_urlsafe(32),
            "day": self.day(),
        }
        return canon.encode(common | fields)

    def batch(self, furnisher: str, lines: list[bytes], batch_id: str | None = None) -> bytes:
        from app.core.reporting.batch import make_batch

        name = batch_id or f"b-{next(self._numbers):06}"
        return make_batch(self.signers[furnisher], self.bureau.origin, name, lines)

    def inquiry(self, citizen: str, **fields) -> bytes:
        from app.core.fields import format_instant

        more = {"purpose": "credit_application", "time": format_instant(self.bureau.now())} | fields
        return self.batch(BANK, [self.line(BANK, "inquiry", citizen, **more)])

    def step(self) -> None:
        """One block with everything admitted so far."""
        from app.services.ledger.sequencer import Sequencer

        with Sequencer(self.bureau) as sequencer:
            sequencer.step(now=True)

    def fill(self) -> None:
        """Two years of a card with one late spell for one citizen, a month of power for another, consents, a freeze."""
        from app.services.ledger.intake import admit

        lines = [
            self.line(
                LENDER,
                "account_opened",
                CITIZEN,
                account="card-1",
                currency="TWD",
                opened_on=self.day(700),
                limit_minor=2_000_000,
                day=self.day(700),
                **{"class": "card"},
            )
        ]
        for month in range(22, -1, -1):
            day = self.day(30 * month + 1)
            lines += [
                self.line(
                    LENDER,
                    "statement",
                    CITIZEN,
                    day=day,
                    account="card-1",
                    currency="TWD",
                    balance_minor=391_300,
                    limit_minor=2_000_000,
                    minimum_minor=20_000,
                ),
                self.line(
                    LENDER,
                    "payment",
                    CITIZEN,
                    day=day,
                    account="card-1",
                    currency="TWD",
                    amount_minor=391_300,
                ),
            ]
            if month == 5:
                late = {
                    "first_delinquent_on": self.day(30 * month + 40),
                    "notified_on": day,
                    "notified_by": "letter",
                }
                lines.append(
                    self.line(LENDER, "status", CITIZEN, day=day, account="card-1", status="late_30", **late)
                )
            else:
                lines.append(
                    self.line(
                        LENDER, "status", CITIZEN, day=day, account="card-1", status="on_time", paid="full"
                    )
                )
        admit(self.bureau, self.batch(LENDER, lines))
        admit(
            self.bureau,
            self.batch(
                UTILITY,
                [
                    self.line(UTILITY, "utility", each, account="meter", status="on_time")
                    for each in (THIN, FROZEN)
                ],
            ),
        )
        consents = [
            self.line(
                ENROLMENT,
                "consent_given",
                each,
                grantee=BANK,
                purposes=["credit_application"],
                until=self.day(-365),
                basis="research",
                basis_ref="p-1",
            )
            for each in (CITIZEN, FROZEN)
        ]
        frozen = self.line(ENROLMENT, "freeze", FROZEN, basis="research", basis_ref="p-2")
        admit(self.bureau, self.batch(ENROLMENT, [*consents, frozen]))
        self.step()


@pytest.fixture(scope="session")
def world(template_database, administer, server_url, tmp_path_factory):
    from tests.conftest import url_of

    name = f"credence_web_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = World(tmp_path_factory.mktemp("home"), url_of(server_url, name))
    made.fill()
    yield made
    made.bureau.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def debtor(world):
    """Somebody with a nearly full card and an open collection."""
    from app.services.ledger.intake import admit

    card = {"account": "card-1", "currency": "TWD"}
    told = {"notified_on": world.day(40), "notified_by": "letter"}
    lines = [
        world.line(
            LENDER,
            "account_opened",
            DEBTOR,
            day=world.day(700),
            opened_on=world.day(700),
            limit_minor=400_000,
            **card,
            **{"class": "card"},
        ),
        *(
            world.line(LENDER, "statement", DEBTOR, day=world.day(ago), balance_minor=391_300, **card)
            for ago in (65, 35, 5)
        ),
        world.line(LENDER, "payment", DEBTOR, day=world.day(50), amount_minor=20_000, **card),
        world.line(LENDER, "collection_placed", DEBTOR, day=world.day(30), case="k-9", **told),
    ]
    admit(world.bureau, world.batch(LENDER, lines))
    world.step()
    return DEBTOR


@pytest.fixture(scope="session")
def app(world, tmp_path_factory):
    from app.web import create_app

    return create_app(world.bureau, log=tmp_path_factory.mktemp("log") / "web.jsonl")


@pytest.fixture
def client(app):
    from app.web.limits import limiter

    with app.app_context():
        limiter.reset()
    return app.test_client()


@pytest.fixture
def link(world):
    """A fresh one-time link's token for the citizen with a long record."""
    from app.services.citizens.links import create_link

    return create_link(world.bureau, CITIZEN)
