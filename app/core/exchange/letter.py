"""The adverse-action letter: a bank decided against somebody, or on worse terms, after it had asked for their score (R38).

It names the bank, the bureau, the score with its range and day, the reasons in the order of the receipt, and what the citizen
may do about it; it says that the bureau did not decide. The same content as plain text and as a page for `services.pdf`:

    text(letter, "en")        str, lines of at most 78 characters
    html(letter, "zh-Hans")   a whole document

What the bureau no longer holds, because its time was over, is said and never filled in.

Languages are `en` and `zh-Hans`; any other gets English.

Source: rules R30, R38; FCRA 615(a); ECOA Reg B 1002.9; Decree 631 art. 17, 25; docs/formats.md section 18.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.exchange.letter_words import EN, ZH, Words
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.core.scoring.card_texts import CHINESE, insufficient_sentence, reason_sentence

if TYPE_CHECKING:
    from app.core.scoring.scorecard import CardCriterion

COLUMNS: Final = 78
_UNBROKEN: Final = re.compile(r"[\u4e00-\u9fff](?:[，。；：、（）]| )*|[^\u4e00-\u9fff\s]+\s*|\s+")  # noqa: RUF001
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """What a letter is made of.

    `reference` is the id of the answer event; `day` when the bank said so, `answered_on` when it was answered, `scored_on`
    the day for which the score stood. `reasons`: (criterion, bin), most points lost first; None when the receipt is no longer
    held. `contact` is how the bureau is reached, empty when it has not said.
    """

    bank: str
    bureau: str
    contact: str
    purpose: str
    reference: str
    day: str
    answered_on: str
    scored_on: str
    score: int | None
    insufficient: tuple[str, ...]
    reasons: tuple[tuple[CardCriterion, int], ...] | None
    dispute_days: int


class Part(NamedTuple):
    """A heading with paragraphs, and a list under them."""

    heading: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()


def title(letter: Letter, language: str) -> str:
    """What the letter is called."""
    return _words(language).title.format(bank=letter.bank)


def parts(letter: Letter, language: str) -> tuple[Part, ...]:
    """The letter behind its title."""
    words = _words(language)

    def say(sentence: str) -> str:
        return sentence.format(
            about=words.about[letter.purpose],
            answered_on=long_day(letter.answered_on, language),
            bank=letter.bank,
            bureau=letter.bureau,
            day=long_day(letter.day, language),
            dispute_days=letter.dispute_days,
            high=SCORE_MAX,
            low=SCORE_MIN,
            reference=letter.reference,
            score=letter.score,
            scored_on=long_day(letter.scored_on, language),
        )

    contact = (say(words.bureau), letter.contact, say(words.reference))
    return (
        Part("", (say(words.opening),)),
        *(
            Part(part.heading, tuple(map(say, part.paragraphs)), part.items)
            for part in _about(letter, language)
        ),
        Part(words.decided_heading, (say(words.decided),)),
        Part(words.rights_heading, (words.rights,), tuple(map(say, words.each_right))),
        Part(words.contact_heading, tuple(filter(None, contact))),
    )


def _about(letter: Letter, language: str) -> tuple[Part, ...]:
    """The score and its reasons, or why there was none; paragraphs with places to fill in."""
    words = _words(language)
    if letter.score is None:
        missing = tuple(insufficient_sentence(why, language) for why in letter.insufficient)
        return (Part(words.no_score_heading, (words.no_score,), missing),)
    lost = tuple(reason_sentence(criterion, place, language) for criterion, place in letter.reasons or ())
    why = words.gone if letter.reasons is None else words.reasons if lost else words.no_reasons
    return (Part(words.score_heading, (words.score,)), Part(words.reasons_heading, (why,), lost))


def long_day(day: str, language: str) -> str:
    """2 November 2026, 2026年11月2日."""
    date = dt.date.fromisoformat(day)
    if language == CHINESE:
        return f"{date.year}年{date.month}月{date.day}日"
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def _words(language: str) -> Words:
    return ZH if language == CHINESE else EN


# ---- as text, as a page
# --------------------------------------------------------------------------------------------------


def text(letter: Letter, language: str) -> str:
    """The letter as plain text."""
    lines = [*_wrapped(title(letter, language)), long_day(letter.day, language)]
    for part in parts(letter, language):
        lines.append("")
        if part.heading:
            lines += [part.heading, "-" * _width(part.heading)]
        for paragraph in part.paragraphs:
            lines += _wrapped(paragraph)
        for number, item in enumerate(part.items, 1):
            head = f"{number}. "
            first, *more = _wrapped(item, COLUMNS - len(head))
            lines += [head + first, *(" " * len(head) + line for line in more)]
    return "\n".join(lines) + "\n"


def html(letter: Letter, language: str) -> str:
    """The letter as a document that stands alone."""
    body = [f"<h1>{escape(title(letter, language))}</h1>", f"<p>{escape(long_day(letter.day, language))}</p>"]
    for part in parts(letter, language):
        if part.heading:
            body.append(f"<h2>{escape(part.heading)}</h2>")
        body += [f"<p>{escape(paragraph)}</p>" for paragraph in part.paragraphs]
        if part.items:
            body.append("<ol>" + "".join(f"<li>{escape(item)}</li>" for item in part.items) + "</ol>")
    head = f'<meta charset="utf-8"><title>{escape(title(letter, language))}</title>'
    return f'<!doctype html><html lang="{_lang(language)}"><head>{head}</head><body>{"".join(body)}</body></html>'


def _lang(language: str) -> str:
    return CHINESE if language == CHINESE else "en"


def _width(line: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


def _wrapped(paragraph: str, columns: int = COLUMNS) -> list[str]:
    """Lines of at most so many columns. Chinese breaks behind any of its letters, where no punctuation follows."""
    lines, line = [], ""
    for piece in _UNBROKEN.findall(paragraph):
        if line and _width(line + piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = piece
        else:
            line += piece
    return [*lines, line.rstrip()]
