"""`credence simulate`: what would help, and what if, from a citizen's own proof file, on this machine alone.

A proof that a citizen downloads shows their folded file; the card is the published one that the score was made with. From
both the score is worked out anew, so a file that does not give the score that stands beside it is refused. Exit codes: 0
said, 1 the proof or the card cannot be used, 2 the command was used wrongly or asks for what the file does not allow.
"""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click
import msgspec
import orjson

from app.cli import plain
from app.cli.params import FILE, Moment, policy_option, read_limited, utc_now
from app.core import canon
from app.core.errors import FormatError, ProofError, RuleError
from app.core.fields import format_day
from app.core.money import money_text, parse_money
from app.core.proving.proof import PROOF_BYTES_MAX, parse_score_proof, verify_score_proof
from app.core.scoring import advice, advice_words, card_texts, what_if
from app.core.scoring.folded import decode_file
from app.core.scoring.profiles import PROFILES, fold_version
from app.core.scoring.scenario import MONTHS_MAX, Step
from app.core.scoring.scorecard import CARD_BYTES_MAX, parse_card
from app.core.scoring.what_if import Standing

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from app.core.proving.proof_form import ScoreProof
    from app.core.scoring.score import Scored
    from app.core.scoring.what_if import Tried

WIDTH = 100
AGE_S_MAX = 10 * 366 * 86_400  # an old file of one's own is worth a look too: the day is printed

_WORDS = {
    "en": {
        "source": "Worked out for {day} from the file in block {block}, with the card “{card}”.",
        "checked": "The proof was checked: it holds under the given policy.",
        "unchecked": "The proof was not checked: give --policy to know that the ledger has signed it.",
        "score": "The score is {score}.",
        "none": "There is no score. What is missing:",
        "help": "What costs points, and what would help:",
        "full": "No criterion costs points.",
        "change": "{name}: {now} → {then}, {points_now} → {points_then} points.",
    },
    card_texts.CHINESE: {
        "source": "依据第 {block} 号区块中的档案，按评分卡“{card}”计算，日期为 {day}。",
        "checked": "已核验证明：在给定的信任策略下成立。",
        "unchecked": "未核验证明：请用 --policy 指定信任策略，以确认账本签署了它。",
        "score": "信用分为 {score} 分。",
        "none": "暂无信用分。尚缺：",
        "help": "失分原因，以及有帮助的做法：",
        "full": "没有失分的指标。",
        "change": "{name}：{now} → {then}，{points_now} → {points_then} 分。",
    },
}


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--card",
    "card_file",
    type=FILE,
    required=True,
    help="The published scorecard that the score was made with.",
)
@click.option(
    "--pay", metavar="ACCOUNT=AMOUNT", multiple=True, help="Pay this on an account: bank.example:c-1=500.00"
)
@click.option("--settle", metavar="RECORD", multiple=True, help="Settle one: bank.example:collection:k-1")
@click.option("--miss", metavar="ACCOUNT", multiple=True, help="Be 30 days late with an account.")
@click.option("--open-card", metavar="LIMIT CURRENCY", nargs=2, help="Get a new card: 20000 CNY")
@click.option(
    "--on-time",
    metavar="MONTHS",
    type=click.IntRange(1, MONTHS_MAX),
    help="Be on time with everything so long.",
)
@policy_option()
@click.option(
    "--at", type=Moment(), help="Check the proof as of this moment instead of now: 2026-11-22T15:24:00Z"
)
@click.option(
    "--language",
    type=click.Choice(card_texts.LANGUAGES),
    default="en",
    show_default=True,
    help="Of the sentences.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of sentences.")
def simulate(
    *,
    file: Path,
    card_file: Path,
    pay: tuple[str, ...],
    settle: tuple[str, ...],
    miss: tuple[str, ...],
    open_card: tuple[str, str] | None,
    on_time: int | None,
    policy: bytes | None,
    at: dt.datetime | None,
    language: str,
    as_json: bool,
) -> None:
    """Try what would change the score in the proof FILE, offline.

    FILE is the score.proof that a citizen downloads from their record; it holds their accounts, so keep it to yourself.
    The card is the published one: the bureau serves it under /v1/scorecards/HASH, and the proof names its hash.

    Without an option that supposes something, this says for each reason what would help. With several of them, they
    happen one on top of the other, in the order of the list below. Nothing is sent and nothing is stored.

    \b
        credence simulate score.proof --card card.json
        credence simulate score.proof --card card.json --pay bank.example:c-1=500.00
        credence simulate score.proof --card card.json --open-card 20000 CNY --on-time 12
    """
    data = read_limited(file, PROOF_BYTES_MAX)
    proof = parse_score_proof(data)
    if policy is not None:
        verify_score_proof(data, policy, at=at or utc_now(), max_age_s=AGE_S_MAX)
    standing = standing_of(proof, read_limited(card_file, CARD_BYTES_MAX))
    try:
        steps = [
            *[_payment(each, standing) for each in pay],
            *[Step("settle", each) for each in settle],
            *[Step("miss", each) for each in miss],
            *([_card(*open_card)] if open_card else []),
            *([Step("on_time", months=on_time)] if on_time else []),
        ]
        tried = what_if.try_out(standing, steps)
    except (FormatError, RuleError) as error:
        raise click.UsageError(f"{plain(error.detail)}\n{_allowed(standing)}") from None
    if as_json:
        click.echo(_json(tried, standing, checked=policy is not None))
        return
    words = _WORDS[language]
    source = {"day": standing.day, "block": proof.block.number, "card": standing.card.name}
    _say(language, words["source"].format(**source), words["checked" if policy is not None else "unchecked"])
    if steps:
        _say_tried(tried, standing, language)
    else:
        _say_advice(tried.now, standing, language)


# ---- what goes in


def standing_of(proof: ScoreProof, document: bytes) -> Standing:
    """The file that a proof shows, on its block's day, with its card. Raises FormatError, ProofError if they do not fit."""
    if "file" not in proof.shown.values:
        message = "this proof does not show the file: one that you download from your own record does, up to 40 KiB of file"
        raise ProofError(message, code="no-file")
    card = parse_card(document)
    if card.hash != proof.score.scorecard:
        message = f"the card is {card.hash.hex()}, the score was made with {proof.score.scorecard.hex()}"
        raise ProofError(message, code="other-card")
    profile = next((each for each in PROFILES.values() if fold_version(proof.block.rules, each)), None)
    if profile is None:
        raise ProofError("the block was made by rules that this program does not know", code="other-rules")
    standing = Standing(
        decode_file(canon.encode(proof.shown.values["file"])), format_day(proof.block.as_of), card, profile
    )
    again = standing.scored()
    if (again.score, again.insufficient) != (proof.score.score, proof.score.insufficient):
        raise ProofError("the file does not give the score that the proof shows", code="other-score")
    return standing


def _payment(text: str, standing: Standing) -> Step:
    account, _, amount = text.rpartition("=")
    known = standing.file.accounts.get(account)
    if known is None:
        raise RuleError(f"there is no account {account or text!r} in this file")
    currency = known.currency or "XXX"
    return Step("pay", account, currency, parse_money(amount, currency))


def _card(limit: str, currency: str) -> Step:
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        raise FormatError(f"{currency!r} is not a currency like CNY")
    return Step("open_card", currency=currency, amount_minor=parse_money(limit, currency))


def _allowed(standing: Standing) -> str:
    """What can be supposed with this file, for somebody who named something else."""
    offered = what_if.choices(standing)
    debts = [
        f"{debt.account}={money_text(debt.owed_minor, debt.currency).partition(' ')[2].replace(',', '')}"
        for debt in offered.debts
    ]
    lines = [
        f"  {option} {plain(', '.join(names) or '(nothing)')}"
        for option, names in (("--pay", debts), ("--settle", offered.records), ("--miss", offered.accounts))
    ]
    return "\n".join(["This file allows:", *lines])


# ---- what comes out


def _say_tried(tried: Tried, standing: Standing, language: str) -> None:
    words, voice = _WORDS[language], advice_words.plain_voice(language)
    _say(language, *(advice_words.supposition(step, voice) for step in tried.steps))
    _say(language, advice_words.result_sentence(tried.now.score, tried.then.score, tried.day, voice))
    _say(
        language, *(f"- {card_texts.insufficient_sentence(why, language)}" for why in tried.then.insufficient)
    )
    for change in what_if.changes(tried, standing.card, language):
        said = {"now": change.where_now, "then": change.where_then}
        _say(language, "- " + words["change"].format(**change._asdict(), **said))
    _say(language, advice_words.caution(language))


def _say_advice(now: Scored, standing: Standing, language: str) -> None:
    words, voice = _WORDS[language], advice_words.plain_voice(language)
    if now.score is None:
        _say(language, words["none"])
        _say(language, *(f"- {card_texts.insufficient_sentence(why, language)}" for why in now.insufficient))
        _say(language, advice_words.number_sentence(advice.first_score(*standing), voice))
        return
    _say(language, words["score"].format(score=now.score), words["help" if now.reasons else "full"])
    given = {each.criterion: each for each in advice.advice_for(*standing)}
    criteria = {criterion.id: criterion for criterion in standing.card.contents.criteria}
    places = {name: place for name, place, _, _ in now.criteria}
    for reason in now.reasons:
        _say(language, f"- {card_texts.reason_sentence(criteria[reason], places[reason], language)}")
        if reason in given:
            _say(language, f"  {advice_words.advice_sentence(given[reason], voice)}")
    if given:
        _say(language, advice_words.caution(language))


def _say(language: str, *sentences: str) -> None:
    for sentence in sentences:
        line = plain(sentence)
        if language == "en":  # Chinese has no spaces to break at, and terminals do that by themselves
            line = textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False)
        click.echo(line)


def _json(tried: Tried, standing: Standing, *, checked: bool) -> bytes:
    """Everything for machines; without steps, the advice."""
    answer = {
        "checked": checked,
        "day": standing.day,
        "now": _scored(tried.now),
        "scorecard": standing.card.hash.hex(),
    }
    if tried.steps:
        answer |= {
            "steps": msgspec.to_builtins(tried.steps),
            "then": _scored(tried.then) | {"day": tried.day},
        }
    else:
        answer["advice"] = msgspec.to_builtins(advice.advice_for(*standing))
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS)


def _scored(scored: Scored) -> dict[str, object]:
    """The criteria are rows of a receipt: name, bin, points, maximum."""
    what = {"insufficient": scored.insufficient} if scored.score is None else {"score": scored.score}
    return {**what, "criteria": scored.criteria, "reasons": scored.reasons}
