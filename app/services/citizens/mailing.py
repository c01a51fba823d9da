"""Mail that says there is news, and nothing else: an address that the citizen gave and confirmed, one letter for what is new.

    mailing.ask(bureau, mailer, citizen_id, "me@example.org", "zh-Hans")     a code goes there
    mailing.confirm(bureau, citizen_id, "204518")                            from here on letters do
    mailing.send_due(bureau, mailer)                                         the scheduler's job

A letter has no name, no link and no word of what happened: whoever reads the mailbox learns that somebody has a record, and
nobody is taught to follow links to a sign-in. The address is sealed under the citizen's data key. A letter that the relay
does not take is tried again after a minute, two, four ... six hours; news is told once, however often that takes, and its
Message-ID is the same every time.
"""

from __future__ import annotations

import datetime as dt
import hmac
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from app.core import canon
from app.core.errors import ConflictError, RuleError
from app.core.fields import format_instant, parse_instant
from app.core.state import sealing
from app.db import alerting
from app.db import cosignatures as heads
from app.services.citizens import alerts, mail
from app.services.citizens.links import hold
from app.services.one_by_one import OneByOne

if TYPE_CHECKING:
    from app.db.alerting import MailRow
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

CODE_S: Final = 900
CODE_TRIES: Final = 5
CODE_AGAIN_S: Final = 60
RETRY_S, RETRY_S_MAX = 60, 6 * 3600
LETTERS_A_RUN: Final = 200
LABEL: Final = b"credence/mail@v1\0"

# Two languages, as the citizen had chosen when the address was given. Nothing in them is about anybody.
NEWS: Final = {
    "en": (
        "There is news in your credit record",
        """There is news in your credit record. Sign in as you always do to see it.

This mail has no links, and we never ask for codes or passkeys by mail.
You asked for it in your record, under News; there you can end it too.
""",
    ),
    "zh-Hans": (
        "您的信用记录有新消息",
        """您的信用记录有新消息。请照常登录查看。

本邮件不含任何链接，我们也绝不会通过邮件索要验证码或通行密钥。
这是您在记录的“消息”页面中订阅的，也可以在那里停止。
""",
    ),
}
CODE: Final = {
    "en": (
        "Your code for Credence",
        """Your code is {code}. Type it into the page where you gave this address; it is good for 15 minutes.

If you gave this address nowhere, ignore this mail: nothing further will come.
""",
    ),
    "zh-Hans": (
        "您的 Credence 验证码",
        """您的验证码是 {code}。请在您填写此邮箱的页面中输入，15 分钟内有效。

如果您没有在任何地方填写过此邮箱，请忽略本邮件，之后不会再收到邮件。
""",
    ),
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where mail goes, as the citizen sees it."""

    address: str
    is_confirmed: bool
    is_failing: bool


def subscription(bureau: Bureau, citizen_id: int) -> Subscription | None:
    """A citizen's address, if one was given."""
    with bureau.transaction() as connection:
        person, row = _found(bureau, connection, citizen_id)
        if row is None:
            return None
        return Subscription(_opened(person, row)["address"], row.is_confirmed, row.failures > 0)


def ask(bureau: Bureau, mailer: mail.Mailer, citizen_id: int, address: str, language: str) -> None:
    """Send a code to an address that is to get mail. FormatError for no address, RuleError for a code too soon after the
    last, MailError when it does not go out; then nothing is kept.
    """
    address, now = mail.check_address(address), bureau.now()
    code = f"{secrets.randbelow(1_000_000):06d}"
    asked = {
        "address": address,
        "code": code,
        "language": language,
        "tries": 0,
        "until": format_instant(now + dt.timedelta(seconds=CODE_S)),
    }
    with bureau.transaction() as connection:
        person, row = _found(bureau, connection, citizen_id)
        if row is not None and not row.is_confirmed:
            asked_at = parse_instant(_opened(person, row)["until"]) - dt.timedelta(seconds=CODE_S)
            if (now - asked_at).total_seconds() < CODE_AGAIN_S:
                raise RuleError("a code was sent less than a minute ago", code="too-soon")
        sealed = _sealed(person, asked)
        alerting.keep_address(connection, alerting.MailRow(citizen_id, sealed, False, -1, 0))
    subject, text = CODE[language]
    letter = mail.Letter(address, subject, text.format(code=code), secrets.token_hex(16), now)
    try:
        mailer.send(letter)
    except mail.MailError:
        forget(bureau, citizen_id)
        raise


def confirm(bureau: Bureau, citizen_id: int, code: str) -> bool:
    """Whether it is the code; then mail goes there from now on. After five wrong ones, or too late, the address is gone:
    ConflictError, which it is too when no code was asked for.
    """
    with bureau.transaction() as connection:
        person, row = _found(bureau, connection, citizen_id)
        asked = {} if row is None or row.is_confirmed else _opened(person, row)
        if asked and (parse_instant(asked["until"]) <= bureau.now() or asked["tries"] >= CODE_TRIES):
            alerting.forget_address(connection, citizen_id)
            asked = {}
        if asked:
            is_right = hmac.compare_digest(asked["code"].encode(), code.strip().encode())
            kept = {"address": asked["address"], "language": asked["language"]}
            told = alerts.newest_index(connection)
            if not is_right:
                kept, told = asked | {"tries": asked["tries"] + 1}, -1
            new = alerting.MailRow(citizen_id, _sealed(person, kept), is_right, told, 0)
            alerting.keep_address(connection, new)
            return is_right
    raise ConflictError("no code is waiting for this address: ask for a new one", code="no-code")


def forget(bureau: Bureau, citizen_id: int) -> None:
    """No mail any more; the address is deleted."""
    with bureau.transaction() as connection:
        alerting.forget_address(connection, citizen_id)


def send_due(bureau: Bureau, mailer: mail.Mailer) -> int:
    """Write to everybody who has news that they were not written to about; how many letters went out. PartlyDoneError behind
    them when somebody's cannot be made.
    """
    with bureau.transaction() as connection:
        alerting.find_due(connection, heads.newest_shown(connection))
        waiting = alerting.due(connection, bureau.now(), LETTERS_A_RUN)
    sent, many = 0, OneByOne()
    for row in waiting:
        with many.one():
            sent += _send(bureau, mailer, row)
    many.raise_failed(sent)
    return sent


def _send(bureau: Bureau, mailer: mail.Mailer, row: MailRow) -> bool:
    """Whether a letter went out. One that did not is tried again later, whatever the reason: it must not take the place of
    others in the next run.
    """
    try:
        return _write(bureau, mailer, row)
    except Exception as error:
        wait_s = min(RETRY_S << min(row.failures, 20), RETRY_S_MAX)
        with bureau.transaction() as connection:
            alerting.failed(connection, row.citizen, bureau.now() + dt.timedelta(seconds=wait_s))
        if not isinstance(error, mail.MailError):
            raise
        log.warning("mail", failed=error.detail)
        return False


def _write(bureau: Bureau, mailer: mail.Mailer, row: MailRow) -> bool:
    """One letter, outside of any transaction: a slow relay must not keep a block from destroying."""
    with bureau.transaction() as connection:
        person, now_row = _found(bureau, connection, row.citizen)
        if now_row is None or not now_row.is_confirmed or not person.data_key:
            return False
        news = alerts.behind(bureau, connection, person, now_row.told_index)
        upto = news[-1].log_index if news else now_row.told_index
        to = _opened(person, now_row)
        if not news:
            alerting.told(connection, row.citizen, now_row.told_index, upto)
            return False
    subject, text = NEWS[to["language"]]
    name = hmac.digest(person.salt_key, LABEL + upto.to_bytes(8, "big"), sha256).hex()[:40]
    mailer.send(mail.Letter(to["address"], subject, text, name, bureau.now()))
    with bureau.transaction() as connection:
        alerting.told(connection, row.citizen, now_row.told_index, upto)
    return True


def _found(bureau: Bureau, connection: Connection, citizen_id: int) -> tuple[Person, MailRow | None]:
    """Whoever it is, with the keys held until the transaction ends."""
    return hold(bureau, connection, citizen_id), alerting.address(connection, citizen_id)


def _opened(person: Person, row: MailRow) -> dict[str, Any]:
    opened: dict[str, Any] = orjson.loads(sealing.unseal(person.data_key, row.sealed))
    return opened


def _sealed(person: Person, value: dict[str, Any]) -> bytes:
    return sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), canon.encode(value))
