"""A bank's signed requests about watches: notes of five lines, like those of `app.core.exchange.request_note`.

    credence/watch@v1             {"answer":"019ab6a4-...","lines":[600,650],"url":"https://bank.example/hooks"}
    credence/watches@v1           the last number known: the next ones are wanted
    credence/watch-end@v1         the number of the watch that is to end

Beside each magic stands its subject, the fourth line.

Source: formats.md section 20; C2SP signed-note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError
from app.core.exchange.request_note import (
    REQUEST_BYTES_MAX,
    NumberNote,
    check_answer,
    parse_request,
    sign_request,
)
from app.core.exchange.webhook import check_url
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN

if TYPE_CHECKING:
    import datetime as dt

    from app.core.log.note import Signer

WATCH_MAGIC: Final = "credence/watch@v1"
WATCHES_MAGIC: Final = "credence/watches@v1"
WATCH_END_MAGIC: Final = "credence/watch-end@v1"
LINES_MAX: Final = 10
SCORES: Final = range(SCORE_MIN + 1, SCORE_MAX + 1)


@dataclass(frozen=True, slots=True)
class WatchNote:
    """What a bank signs to be told when the score of whom an answer was about crosses one of its lines.

    A line `t` lies between the scores t - 1 and t. The subject is canonical JSON, `{"answer":id,"lines":[t, ...],"url":...}`.
    """

    origin: str
    bank: str
    answer: str
    lines: tuple[int, ...]
    url: str
    time: dt.datetime

    def sign(self, signer: Signer) -> bytes:
        """The request as a signed note."""
        wanted = {
            "answer": check_answer(self.answer),
            "lines": list(_check_lines(list(self.lines))),
            "url": check_url(self.url),
        }
        subject = canon.encode(wanted).decode()
        return sign_request(signer, WATCH_MAGIC, self.origin, self.bank, subject, self.time)

    @classmethod
    def parse(cls, note: bytes) -> WatchNote:
        """The fields of a note; FormatError for any other bytes. Its signature is not checked."""
        origin, bank, subject, time = parse_request(note, WATCH_MAGIC, "the note for a watch")
        wanted = canon.decode_object(subject.encode(), bytes_max=REQUEST_BYTES_MAX)
        answer, lines, url = (wanted.get(name) for name in ("answer", "lines", "url"))
        if len(wanted) != 3 or not isinstance(answer, str) or not isinstance(url, str):
            raise FormatError("a watch has exactly `answer`, `lines` and `url`")
        return cls(origin, bank, check_answer(answer), _check_lines(lines), check_url(url), time)


def _check_lines(lines: object) -> tuple[int, ...]:
    scores = (
        [line for line in lines if type(line) is int and line in SCORES] if isinstance(lines, list) else []
    )
    if not 1 <= len(scores) <= LINES_MAX or scores != lines or scores != sorted(set(scores)):
        raise FormatError(
            f"a watch has 1 to {LINES_MAX} lines, ascending scores from {SCORES[0]} to {SCORES[-1]}"
        )
    return tuple(scores)


class WatchesNote(NumberNote):
    """What a bank signs to be told of its watches with numbers above this one."""

    magic = WATCHES_MAGIC
    what = "the note about watches"


class WatchEndNote(NumberNote):
    """What a bank signs to end the watch of this number."""

    magic = WATCH_END_MAGIC
    what = "the note about watches"
