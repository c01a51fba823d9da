"""`credence inquire`: a bank asks for a citizen's score, or for many, and gets them with their proofs.

The inquiry is a signed event: who asks, about whom, for what purpose, under which consent. It goes into the
ledger together with the answer, and the citizen sees both. Three files are left:

    score.proof           the score and its proof (give it to `credence verify`)
    score.proof.batch     the inquiry as it was signed and sent
    score.proof.answer    the whole answer: the bureau's event, the two receipts, the advice
    score.proof.refusal   instead of the first and third: the receipt of the refusal, an event as well

An inquiry that was not answered (no network, no block yet) is sent again, as it was signed, by the same
command. With --bulk the citizens come from a file: see `app.cli.inquire_bulk`.

Exit codes: 0 the proof is saved (and holds, when a policy was given), 1 refused, not answered or not
proved, 2 wrong use.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

import click
import orjson

from app.cli import plain
from app.cli.files import write_once, write_whole
from app.cli.params import FILE, PURPOSES, KeyFile, policy_option, read_limited, url_option, utc_now
from app.client.bank import inquiries_of
from app.client.drafts import Inquiry, inquiry_batch
from app.client.transport import RefusalError, Service
from app.core import canon
from app.core.errors import ConflictError, FormatError
from app.core.proving.proof import verify_score_proof
from app.core.reporting.batch import parse_batch
from app.core.reporting.event_base import AccountClass
from app.core.reporting.identifiers import check_identifier

if TYPE_CHECKING:
    from app.core.log.note import Signer

INQUIRY_BYTES_MAX = 1 << 16


class Defaults(NamedTuple):
    """What a file of citizens need not say on each line."""

    purpose: str | None
    class_: str | None


@click.command()
@click.option(
    "--key", type=KeyFile(), required=True, help="The bank's private key, registered with the role bank."
)
@click.option("--citizen", metavar="ID", help="About whom, for example uci:17.")
@click.option("--bulk", type=FILE, help="About many: a CSV file, or one identifier a line.")
@click.option("--purpose", type=click.Choice(PURPOSES), help="For what: the consent must cover it.")
@click.option("--consent", metavar="UUID", help="The consent's id, when there is one.")
@click.option(
    "--class", "class_", type=click.Choice(get_args(AccountClass)), help="Of the credit that is applied for."
)
@click.option("--case", metavar="REF", help="Your case number, if it should be in the ledger.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="Where to save the proof; with --bulk a folder, or a .csv file.  [default: score.proof]",
)
@policy_option()
@url_option
def inquire(
    *,
    key: Signer,
    citizen: str | None,
    bulk: Path | None,
    purpose: str | None,
    consent: str | None,
    class_: str | None,
    case: str | None,
    out: Path | None,
    policy: bytes | None,
    url: str,
) -> None:
    """Ask for a citizen's score, as a bank. The inquiry and the answer become part of the ledger.

    With --policy the proof is verified at once, and the score is shown only as far as it is proved.

    \b
        credence inquire --key bank.key --citizen uci:17 --purpose credit_application \\
            --consent 019ab6a4-... --out 17.proof --policy policy
        credence inquire --key bank.key --bulk customers.csv --purpose account_review \\
            -o october/ --policy policy
    """
    if (citizen is None) == (bulk is None):
        raise click.UsageError("give --citizen, or --bulk with a file")
    if bulk is not None:
        from app.cli.inquire_bulk import inquire_file  # noqa: PLC0415
        from app.client import Bank  # noqa: PLC0415

        if policy is None or out is None:
            raise click.UsageError("--bulk needs --policy, by which each answer is verified, and --out")
        inquire_file(Bank(url, key, policy), bulk, Defaults(purpose, class_), out)
        return
    if purpose is None:
        raise click.UsageError("give --purpose")
    assert citizen is not None
    out = out or Path("score.proof")
    if out.is_dir():
        raise click.BadParameter(f"{out} is a folder", param_hint="--out")
    asked, answered, refused = (out.with_name(out.name + end) for end in (".batch", ".answer", ".refusal"))
    for path in (out, refused):
        if path.exists():
            raise ConflictError(f"{path} is there already: an inquiry is evidence, so choose another --out")
    inquiry = Inquiry(citizen, purpose, consent, class_, case)
    service = Service(url)
    if not asked.exists():
        _sign(service, key, inquiry, asked)
    batch = _same_inquiry(asked, key, inquiry)
    proof = _ask(service, batch, out, answered, refused)
    if policy is None:
        click.echo("Not verified: give --policy, or run `credence verify`.")
        return
    from app.cli.verify import say_verified  # noqa: PLC0415 - only with a policy

    verified = verify_score_proof(proof, policy, at=utc_now(), identifier=citizen)
    say_verified(verified, "en", as_json=False)


def _sign(service: Service, key: Signer, inquiry: Inquiry, asked: Path) -> None:
    """Put the signed inquiry on file, before anything is sent."""
    genesis = service.genesis()
    try:
        check_identifier(genesis.scheme, inquiry.citizen)
    except FormatError as error:
        raise click.BadParameter(error.detail, param_hint="--citizen") from None
    write_once(asked, inquiry_batch(key, genesis, [inquiry], utc_now(), secrets.token_bytes))


def _ask(service: Service, batch: bytes, out: Path, answered: Path, refused: Path) -> bytes:
    """Send the inquiry, keep what comes back, and give the proof."""
    try:
        answer = service.inquire(batch)
    except RefusalError as error:
        write_whole(refused, error.receipt)
        click.echo(f"The receipt of the refusal is in {refused}.")
        raise
    if not isinstance(answer.get("proof"), dict):
        raise FormatError(f"{service.url} answered without a proof")
    proof = canon.encode(answer["proof"])
    write_whole(answered, orjson.dumps(answer))
    write_whole(out, proof)
    click.echo(f"The proof is in {out}, the answer with its receipts in {answered}.")
    advice = answer.get("advice")
    if isinstance(advice, str):
        click.echo(plain(advice))
    return proof


def _same_inquiry(asked: Path, key: Signer, inquiry: Inquiry) -> bytes:
    """The signed inquiry on file, of this run or of one that was not answered."""
    batch = read_limited(asked, INQUIRY_BYTES_MAX)
    if parse_batch(batch).header.furnisher != key.name or inquiries_of(batch) != [inquiry]:
        raise ConflictError(f"{asked} is there already, and it asks something else: choose another --out")
    return batch
