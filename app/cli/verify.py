"""`credence verify`: a proof of any kind, checked on this machine alone.

Exit codes: 0 it holds, 1 it does not, 2 the command was used wrongly (no such file, a policy that cannot be
read). Nothing is fetched and nothing is sent; the clock of this machine is read unless `--at` is given.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from app.cli import plain
from app.cli.params import FILE, Duration, Moment, policy_option, read_limited, utc_now
from app.core.errors import CredenceError, FormatError
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.verify import SCORE, kind_of, verify_claim
from app.core.proving.export import EXPORT_BYTES_MAX, MAGIC, verify_export
from app.core.proving.proof import verify_score_proof
from app.core.reporting.identifiers import check_identifier
from app.core.scoring.card_texts import LANGUAGES
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import CARD_BYTES_MAX, parse_card

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from app.core.proving.claims.words import Claimed
    from app.core.proving.export import Checked
    from app.core.proving.proof import Verified

WIDTH = 100


@click.command()
@click.argument("file", type=FILE)
@policy_option()
@click.option(
    "--citizen",
    metavar="ID",
    help="Whose score it should be, for example uci:17. Without it, nobody's is checked.",
)
@click.option(
    "--at", type=Moment(), help="Judge as of this moment instead of now, for example 2026-11-22T15:24:00Z."
)
@click.option(
    "--max-age",
    "max_age_s",
    type=Duration(),
    default="48h",
    show_default=True,
    help="How old the block and the cosignatures may be: 90s, 30m, 48h, 7d.",
)
@click.option(
    "--language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the sentences."
)
@click.option("--audience", metavar="NAME", help="For a range credential: who you are, to whom it was shown.")
@click.option("--nonce", metavar="TEXT", help="For a range credential: the nonce that you gave for it.")
@click.option("--card", type=FILE, help="For a history: the scorecard, to work the score out again.")
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="cn",
    show_default=True,
    help="For a history: the jurisdiction of the ledger.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of sentences.")
def verify(
    *,
    file: Path,
    policy: bytes | None,
    citizen: str | None,
    at: dt.datetime | None,
    max_age_s: int,
    language: str,
    audience: str | None,
    nonce: str | None,
    card: Path | None,
    profile: str,
    as_json: bool,
) -> None:
    """Check the proof FILE against a policy, offline.

    A score, a citizen's whole history, one event with its furnisher's signature, the absence of a file, the
    growth of the ledger, a destruction, a contradiction, or that a score is at least so much: the file says which.
    Says in sentences what has been proved and what has not. Exits with 0 when the proof holds and with 1 when it
    does not. An export (.zip) brings its own policy, for whoever has no other.

    \b
        credence verify export.zip
        credence verify score.proof --policy policy
        credence verify score.proof --policy policy --citizen uci:17 --max-age 7d --json
        credence verify history.proof --policy policy --card card.json
        credence verify share.proof --policy policy --audience bank.demo --nonce visit-7
    """
    data = read_limited(file, EXPORT_BYTES_MAX)
    if citizen is not None:
        try:
            check_identifier(citizen.partition(":")[0], citizen)
        except FormatError as error:
            raise click.BadParameter(f"{error.detail}, for example uci:17", param_hint="--citizen") from None
    moment = at or utc_now()
    if data.startswith(MAGIC):
        try:
            found = verify_export(data, policy, at=moment, max_age_s=max_age_s, identifier=citizen)
        except CredenceError as error:
            _say_failed(error, as_json=as_json)
            raise click.exceptions.Exit(1) from None
        _say_export(found, language, as_json=as_json)
        return
    if policy is None:
        raise click.MissingParameter(param_hint="'--policy'", param_type="option")
    try:
        verified: Verified | Claimed
        if kind_of(data) == SCORE:
            verified = verify_score_proof(data, policy, at=moment, max_age_s=max_age_s, identifier=citizen)
        else:
            asked = Asked(Policy.parse(policy), moment, max_age_s, citizen, audience, nonce)
            own = None if card is None else parse_card(read_limited(card, CARD_BYTES_MAX))
            verified = verify_claim(data, asked, card=own, profile=PROFILES[profile])
    except CredenceError as error:
        _say_failed(error, as_json=as_json)
        raise click.exceptions.Exit(1) from None
    say_verified(verified, language, as_json=as_json)


def say_verified(verified: Verified | Claimed, language: str, *, as_json: bool) -> None:
    """Print what a proof has shown."""
    if as_json:
        _print_json(verified.as_json())
        return
    _say(verified.sentences(language), language)


def _say_export(found: Checked, language: str, *, as_json: bool) -> None:
    """Print what each part of an export has shown."""
    if as_json:
        _print_json(found.as_json())
        return
    for number, (name, sentences) in enumerate(found.sentences(language)):
        click.echo(f"\n{name}" if number else name)
        _say(sentences, language)


def _say(sentences: Iterable[str], language: str) -> None:
    for sentence in sentences:
        line = plain(sentence)
        if language == "en":  # Chinese has no spaces to break at, and terminals do that by themselves
            line = textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False)
        click.echo(line)


def _say_failed(error: CredenceError, *, as_json: bool) -> None:
    if as_json:
        _print_json({"proved": False, "code": error.code, "detail": error.detail})
        return
    click.echo(f"NOT PROVED: {plain(error.detail)}")


def _print_json(value: Mapping[str, object]) -> None:
    import orjson  # noqa: PLC0415 - the core has it loaded; here it is only for printing

    click.echo(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
