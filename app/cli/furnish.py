"""`credence furnish`: batches of events go to the ledger, receipts come back.

It may be stopped at any moment and run again: a batch file is on disk before it is sent, the same bytes are
sent again, and the ledger answers the same batch with the same receipt.

    reports.ndjson                    plain events (with --key)
    reports.ndjson.001.batch          signed, as it was sent
    reports.ndjson.001.batch.receipt  the ledger's signed promise

Exit codes: 0 every batch is admitted, 1 something was refused or could not be sent, 2 the command was used
wrongly.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from app.cli import preparing, sentence
from app.cli.files import write_once, write_whole
from app.cli.params import FILE, KeyFile, read_limited, url_option, utc_now
from app.client.transport import Service
from app.core.errors import ConflictError, CredenceError, FormatError, LineProblem, RuleError
from app.core.fields import format_instant
from app.core.log.note import split
from app.core.reporting import batch as batches
from app.core.reporting.receipt import Receipt

if TYPE_CHECKING:
    from pathlib import Path

    from app.core.log.note import Signer

BATCH_ID_TAKEN = "batch-id-taken"


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--key", type=KeyFile(), help="Your private key; needed for .ndjson files, which it signs.")
@url_option
def furnish(files: tuple[Path, ...], key: Signer | None, url: str) -> None:
    """Send FILES to the ledger: signed batches (.batch), or with --key plain events (.ndjson).

    A batch is taken whole or refused whole. Each receipt is saved next to its batch. When something goes
    wrong, run the same command again: nothing is entered twice.

    \b
        credence furnish reports.batch
        credence furnish reports.ndjson --key bank.key --url https://bureau.example
    """
    for file in files:
        if file.suffix not in (".batch", ".ndjson"):
            raise click.BadParameter(f"{file} is neither a .batch nor an .ndjson file", param_hint="FILES")
        if file.suffix == ".ndjson" and key is None:
            raise click.UsageError(f"{file} has plain events: give the key that signs them with --key")
    service = Service(url)
    failures = 0
    for file in files:
        try:
            _furnish_one(service, file, key)
        except CredenceError as error:
            click.echo(f"{file}: {sentence(error)}", err=True)
            failures += 1
    if failures:
        raise click.exceptions.Exit(1)


def _furnish_one(service: Service, file: Path, key: Signer | None) -> None:
    if file.suffix == ".batch":
        _send(service, file, read_limited(file, batches.BATCH_BYTES_MAX))
        return
    assert key is not None, "checked for all files before the first is sent"
    for path, draft in _prepare(service, file, key):
        try:
            _send(service, path, read_limited(path, batches.BATCH_BYTES_MAX))
        except RuleError as error:  # say it in terms of the file that the furnisher knows
            path.unlink()  # refused whole: what is corrected is signed anew
            shift = draft.first_line - 2
            lines = tuple(LineProblem(max(p.line + shift, 0), p.rule, p.detail) for p in error.problems)
            raise RuleError(error.detail, code=error.code, problems=lines) from None
        except CredenceError as error:
            if error.code != BATCH_ID_TAKEN:
                raise
            message = (
                "the ledger has these events already, in a batch that was signed elsewhere: that one counts,"
                f" and {path} can be removed"
            )
            raise ConflictError(message, code=BATCH_ID_TAKEN) from None


def _prepare(service: Service, file: Path, key: Signer) -> list[tuple[Path, preparing.Draft]]:
    """Sign what is not signed yet. All lines are checked before the first batch is written."""
    drafts = preparing.drafts(file.read_bytes())
    paths = [file.with_name(f"{file.name}.{number:03}.batch") for number in range(1, len(drafts) + 1)]
    missing = [
        (path, draft)
        for path, draft in zip(paths, drafts, strict=True)
        if not _signed(path, draft, key, file)
    ]
    if missing:
        genesis, now = service.genesis(), utc_now()
        lines = [
            preparing.complete(draft, genesis, key.name, now, secrets.token_bytes) for _, draft in missing
        ]
        for (path, draft), completed in zip(missing, lines, strict=True):
            if not write_once(path, preparing.sign(draft, completed, genesis, key)):
                _signed(
                    path, draft, key, file
                )  # another process was quicker: its batch is the one that counts
    return list(zip(paths, drafts, strict=True))


def _signed(path: Path, draft: preparing.Draft, key: Signer, file: Path) -> bool:
    """Whether an earlier run has signed this draft; ConflictError when the file is of something else."""
    if not path.exists():
        return False
    header = batches.parse_batch(read_limited(path, batches.BATCH_BYTES_MAX)).header
    if (header.furnisher, header.batch_id) != (key.name, draft.batch_id):
        message = (
            f"{path} was signed for another key or another content of {file.name}: if it was sent, put the"
            f" new events into a file of another name; if not, remove it"
        )
        raise ConflictError(message)
    return True


def _send(service: Service, path: Path, body: bytes) -> None:
    """Send one batch and keep its receipt."""
    batch = batches.parse_batch(body)
    submitted = service.submit(body)
    receipt = Receipt.parse(split(submitted.receipt)[0])
    if (receipt.origin, receipt.batch_hash, receipt.count) != (
        batch.header.origin,
        batch.batch_hash,
        batch.header.count,
    ):
        raise FormatError(f"{service.url} answered with the receipt of something else")
    saved = path.with_name(f"{path.name}.receipt")
    write_whole(saved, submitted.receipt)
    events = "1 event" if receipt.count == 1 else f"{receipt.count:,} events"
    how = "admitted" if submitted.fresh else f"{'was' if receipt.count == 1 else 'were'} admitted before"
    block_by = format_instant(receipt.block_by)
    click.echo(f"{path}: {events} {how}, in a block by {block_by}; the receipt is in {saved}")
