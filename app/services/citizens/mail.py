"""Mail goes out: by SMTP with STARTTLS, or, where none is set up, as .eml files into a folder for whoever tries things out.

    CREDENCE_SMTP="mail.example:587"        the relay; without it mail becomes files in CREDENCE_HOME/mail
    CREDENCE_SMTP_USER, CREDENCE_SMTP_PASSWORD      when the relay wants them
    CREDENCE_MAIL_FROM="Credence <record@credence.example>"

The connection is encrypted before anything is said, with the certificate checked; a relay that cannot is refused. Our own
letters say nothing about anybody, but to whom they go is nobody's business either. Source: RFC 5321, RFC 3207, RFC 8314.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Protocol

from app.core.errors import CredenceError, FormatError, RefusedError

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

TIMEOUT_S = 10
ADDRESS_MAX = 254
FROM_DEFAULT = "Credence <credence@localhost>"
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
)


class MailError(CredenceError):
    """It did not go out; it may later. The text names no address."""

    code = "mail-failed"


@dataclass(frozen=True, slots=True)
class Letter:
    """`id` is the same for the same letter, so that a mailbox that gets it twice shows it once."""

    to: str
    subject: str
    text: str
    id: str
    at: dt.datetime


class Mailer(Protocol):
    """A way out."""

    def send(self, letter: Letter) -> None:
        """Raises MailError."""


def check_address(text: str) -> str:
    """An address as it is written to. FormatError; nothing that could become a header of its own gets through."""
    address = text.strip()
    if len(address) > ADDRESS_MAX or _ADDRESS.fullmatch(address) is None or ".." in address:
        raise FormatError("This is no e-mail address.")
    return address


def from_environment(home: Path) -> Mailer:
    """As the environment says. RefusedError when it cannot be read."""
    sender = os.environ.get("CREDENCE_MAIL_FROM", FROM_DEFAULT)
    relay = os.environ.get("CREDENCE_SMTP", "")
    if not relay:
        return Folder(home / "mail", sender)
    host, _, port = relay.rpartition(":")
    if not host or not port.isdecimal() or not parseaddr(sender)[1]:
        message = 'CREDENCE_SMTP is "host:port", and CREDENCE_MAIL_FROM an address'
        raise RefusedError(message, code="bad-mail-settings")
    user, password = (os.environ.get(f"CREDENCE_SMTP_{name}", "") for name in ("USER", "PASSWORD"))
    return Relay(host, int(port), sender, user, password)


def composed(letter: Letter, sender: str) -> EmailMessage:
    """The message with its headers; a machine wrote it, so no machine should answer (RFC 3834)."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<{letter.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message


@dataclass(frozen=True, slots=True)
class Folder:
    """A file a letter, named by its id: the same letter is one file."""

    path: Path
    sender: str

    def send(self, letter: Letter) -> None:
        """Written next to it and renamed, so that nobody reads half of it."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = self.path / f".{letter.id}"
            unfinished.write_bytes(composed(letter, self.sender).as_bytes())
            unfinished.rename(self.path / f"{letter.id}.eml")
        except OSError as error:
            raise MailError(f"the folder for mail cannot be written: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class Relay:
    """A mail server that takes mail for others."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    context: ssl.SSLContext | None = None

    def send(self, letter: Letter) -> None:
        """In one connection."""
        try:
            with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S) as connection:
                connection.starttls(context=self.context or ssl.create_default_context())
                if self.user:
                    connection.login(self.user, self.password)
                connection.send_message(composed(letter, self.sender))
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(f"the mail server did not take it: {type(error).__name__}") from None
