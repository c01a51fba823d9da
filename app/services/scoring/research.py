"""The research data as signed events: 30,000 real card holders, 533,103 reports and 30,000 consents.

`app/data/README.md` says what the data is and which column becomes which event. Everything random in an event (its id,
its nonce) is an HMAC under a secret seed in CREDENCE_HOME, and the month that September 2005 becomes is fixed there at
the first start. So an import that was interrupted makes the very same batches again, and the ledger answers those it
has with the receipts that it gave before.

Lines are put together in canonical form directly (a test compares them with `core.canon`); batches hold the events of
1,000 citizens and then their consents.
"""

from __future__ import annotations

import csv
import datetime as dt
import hmac
import io
import json
import lzma
from base64 import urlsafe_b64encode
from calendar import monthrange
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from app.core.reporting import batch as batches
from app.services.ledger.register import register_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.log.note import Signer
    from app.services.bureau import Bureau
    from app.services.home import Home

CITIZENS_PER_BATCH = 1_000
CITIZENS = 30_000
EVENTS = 563_103
MONTHS = 6
CURRENCY = "TWD"
LENDER, ENROLMENT, BANK = "cards.research", "enrolment.research", "bank.demo"
_FILE = "default-of-credit-card-clients.csv.xz"
_LATE = ("late_30", "late_60", "late_90", "late_120")
_PAID = {-2: "nothing_due", -1: "full", 0: "minimum"}


@dataclass(frozen=True, slots=True)
class Client:
    """One row. The lists run from September back to April; amounts are minor units."""

    row: int
    limit_minor: int
    status: Sequence[int]
    bills_minor: Sequence[int]
    paid_minor: Sequence[int]
    defaulted: bool

    @property
    def account(self) -> str:
        """The one account, as the lender names it."""
        return f"card-{self.row}"

    @property
    def identifier(self) -> str:
        """The citizen in scheme `uci`."""
        return f"uci:{self.row}"


def clients() -> Iterator[Client]:
    """All rows of the data set, in order."""
    packed = resources.files("app").joinpath("data", _FILE).read_bytes()
    for row in csv.DictReader(io.StringIO(lzma.decompress(packed).decode())):
        yield Client(
            row=int(row["ID"]),
            limit_minor=round(float(row["LIMIT_BAL"]) * 100),
            status=[int(row[f"PAY_{k}"]) for k in (0, 2, 3, 4, 5, 6)],
            bills_minor=[round(float(row[f"BILL_AMT{k}"]) * 100) for k in range(1, MONTHS + 1)],
            paid_minor=[round(float(row[f"PAY_AMT{k}"]) * 100) for k in range(1, MONTHS + 1)],
            defaulted=row["default-payment-next-month"] == "1",
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which things happen, month by month back from the one that September 2005 became."""

    statement: Sequence[str]
    payment: Sequence[str]
    status: Sequence[str]
    opened: str
    consent: str
    consent_until: str

    @classmethod
    def ending(cls, september: str) -> Calendar:
        """From a month as YYYY-MM."""
        last = _month(september)
        back = [_year_month(last - k) for k in range(MONTHS + 9)]
        following = _year_month(last + 1)
        return cls(
            statement=[f"{y:04}-{m:02}-10" for y, m in back],
            payment=[f"{y:04}-{m:02}-25" for y, m in back],
            status=[f"{y:04}-{m:02}-{monthrange(y, m)[1]}" for y, m in back],
            opened=_first(*back[MONTHS - 1]),
            consent=_first(*following),
            consent_until=_first(following[0] + 1, following[1]),
        )


def _first(year: int, month: int) -> str:
    return f"{year:04}-{month:02}-01"


def _month(text: str) -> int:
    return 12 * int(text[:4]) + int(text[5:7]) - 1


def _year_month(number: int) -> tuple[int, int]:
    return number // 12, number % 12 + 1


class Research:
    """Makes the batches. The same home gives the same bytes on every day and every machine."""

    def __init__(self, home: Home, origin: str, today: dt.date) -> None:
        self.origin = origin
        self.seed = home.create_secret("research.seed")
        self.lender = home.create_signer(LENDER, LENDER)
        self.enrolment = home.create_signer(ENROLMENT, ENROLMENT)
        self.bank = home.create_signer(BANK, BANK)
        self.calendar = Calendar.ending(_fixed_month(home, today))

    def register_keys(self, bureau: Bureau) -> None:
        """Enter the three keys into the ledger's register, if they are not there."""
        for signer, role in ((self.lender, "lender"), (self.enrolment, "enrolment"), (self.bank, "bank")):
            register_key(bureau, signer, role)

    def batches(self) -> Iterator[tuple[Signer, str, list[Client]]]:
        """(signer, batch id, the citizens in it) of all batches, in order; `body` makes the bytes of one."""
        group: list[Client] = []
        number = 0
        for client in clients():
            group.append(client)
            if len(group) == CITIZENS_PER_BATCH:
                number += 1
                yield self.lender, f"taiwan-reports-{number:03}", group
                yield self.enrolment, f"taiwan-consents-{number:03}", group
                group = []
        assert not group, "30,000 is a multiple of 1,000"

    def body(self, signer: Signer, batch_id: str, group: Sequence[Client]) -> tuple[bytes, int]:
        """(a `.batch` file, how many events it has)."""
        make = self._reports if signer is self.lender else self._consent
        lines = [line for client in group for line in make(client)]
        return batches.make_batch(signer, self.origin, batch_id, lines), len(lines)

    def consent_id(self, client: Client) -> str:
        """The id of a citizen's consent, by which the demo's bank names it."""
        return self._random(f"consent:{client.row}", self.calendar.consent)[0]

    def _consent(self, client: Client) -> list[bytes]:
        c = self.calendar
        event_id, nonce = self._random(f"consent:{client.row}", c.consent)
        return [
            (
                f'{{"basis":"research","basis_ref":"research-enrolment","citizen":"{client.identifier}","day":"{c.consent}",'
                f'"furnisher":"{ENROLMENT}","grantee":"{BANK}","id":"{event_id}","ledger":"{self.origin}","nonce":"{nonce}",'
                f'"purposes":["account_review","credit_application"],"type":"consent_given","until":"{c.consent_until}","v":1}}'
            ).encode()
        ]

    def _reports(self, client: Client) -> list[bytes]:
        """One `account_opened`, then month by month statement, payment and status, April first."""
        c = self.calendar
        currency = f'"currency":"{CURRENCY}",'
        limit = f'"limit_minor":{client.limit_minor},'
        events = [(c.opened, '"class":"card",' + currency, "", limit, "", "account_opened")]
        delinquent_on = ""
        for k in reversed(range(MONTHS)):
            balance, paid = (
                f'"balance_minor":{client.bills_minor[k]},',
                f'"amount_minor":{client.paid_minor[k]},',
            )
            events.append((c.statement[k], currency, balance, "", "", "statement"))
            if client.paid_minor[k] > 0:
                events.append((c.payment[k], currency, paid, "", "", "payment"))
            months_late = client.status[k]
            if months_late <= 0:
                delinquent_on = ""
                events.append(
                    (c.status[k], "", "", "", f'"paid":"{_PAID[months_late]}","status":"on_time",', "status")
                )
                continue
            delinquent_on = delinquent_on or c.statement[k + months_late]
            since = f'"first_delinquent_on":"{delinquent_on}",'
            status = _LATE[min(months_late, len(_LATE)) - 1]
            told = f'"notified_by":"synthetic","notified_on":"{c.statement[k]}","status":"{status}",'
            events.append((c.status[k], "", "", since, told, "status"))
        return [self._line(client, number, *event) for number, event in enumerate(events)]

    def _line(  # noqa: PLR0917 - the pieces of a line, in order
        self,
        client: Client,
        number: int,
        day: str,
        kind: str,
        amount: str,
        late: str,
        status: str,
        type_: str,
    ) -> bytes:
        """An event in canonical form: each optional piece stands where the alphabet wants it."""
        event_id, nonce = self._random(f"{client.row}:{number}", day)
        delinquent, limit = (late, "") if type_ == "status" else ("", late)
        return (
            f'{{"account":"{client.account}",{amount}"citizen":"{client.identifier}",{kind}"day":"{day}",{delinquent}'
            f'"furnisher":"{LENDER}","id":"{event_id}","ledger":"{self.origin}",{limit}"nonce":"{nonce}",{status}"type":"{type_}","v":1}}'
        ).encode()

    def _random(self, name: str, day: str) -> tuple[str, str]:
        """(UUIDv7 of the day, nonce) of one event: HMAC-SHA-512 under the seed, of its name."""
        random = hmac.digest(self.seed, name.encode(), "sha512")
        tail = random[32:42].hex()
        variant = "89ab"[random[42] & 3]
        event_id = (
            f"{_milliseconds(day)[:8]}-{_milliseconds(day)[8:]}-7{tail[:3]}-{variant}{tail[3:6]}-{tail[6:18]}"
        )
        return event_id, urlsafe_b64encode(random[:32])[:43].decode()


_DAYS: dict[str, str] = {}


def _milliseconds(day: str) -> str:
    """The 12 hex digits of a day's first millisecond."""
    text = _DAYS.get(day)
    if text is None:
        moment = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
        text = _DAYS[day] = f"{int(moment.timestamp() * 1000):012x}"
    return text


def _fixed_month(home: Home, today: dt.date) -> str:
    """The month that September 2005 became, YYYY-MM: the one before the first import from this home."""
    path = home.path / "research.json"
    if not path.exists():
        year, month = _year_month(12 * today.year + today.month - 2)
        home.write(path, json.dumps({"september_2005": f"{year:04}-{month:02}"}) + "\n")
    return str(json.loads(path.read_text())["september_2005"])
