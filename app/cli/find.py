"""`credence find`: is a batch in the ledger, whole, in time, and are its events in the files of the right citizens?

    reports.batch             as it was sent
    reports.batch.receipt     the ledger's signed promise, as `credence furnish` saves it
    reports.batch.overdue     written when the promise is broken: what to show to others (`credence verify`)

The log is read from its first entry and held against a signed head, so for the first question the bureau's word is not
needed. For the second, each event is asked for with the furnisher's key, and its proof verified.

Exit codes: 0 everything is there, 1 something is missing or wrong, 2 the command was used wrongly, 3 not in a block yet, and
the promise is not over.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

import click

from app.cli.files import write_whole
from app.cli.params import FILE, KeyFile, policy_option, read_limited, url_option, utc_now
from app.client.transport import Service
from app.core import canon
from app.core.errors import CredenceError, FormatError, ProofError
from app.core.exchange.request_note import FiledNote
from app.core.fields import format_instant
from app.core.log import tiles
from app.core.log.note import split
from app.core.log.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from app.core.proving.claims.event import verify_event
from app.core.proving.claims.head import Asked
from app.core.proving.log_search import LogSearch
from app.core.reporting import batch as batches
from app.core.reporting.receipt import RECEIPT_MAGIC, Receipt

if TYPE_CHECKING:
    from pathlib import Path

    from app.core.log.note import Signer
    from app.core.reporting.batch import BatchFile

RECEIPT_BYTES_MAX = 4_096
NOT_YET = 3


@click.command()
@click.argument("file", type=FILE)
@policy_option(required=True)
@click.option("--receipt", type=FILE, help="The batch's receipt; FILE.receipt when left out.")
@click.option(
    "--key", type=KeyFile(), help="Your private key: ask also for each event's place in its citizen's file."
)
@url_option
def find(file: Path, policy: bytes, receipt: Path | None, key: Signer | None, url: str) -> None:
    """Look for the batch in FILE in the public log, and say whether the ledger kept its promise. FILE may also be a receipt
    alone, as a bank has one of each inquiry and one of each answer.

    \b
        credence find reports.batch --policy policy --url https://bureau.example
        credence find reports.batch --policy policy --key bank.key
        credence find answer.receipt --policy policy

    When the promise is broken, FILE.overdue is a proof of it, and the exit code is 1.
    """
    service, trusted = Service(url), Policy.parse(policy)
    data = read_limited(file, batches.BATCH_BYTES_MAX)
    batch = None if data.startswith(RECEIPT_MAGIC.encode()) else batches.parse_batch(data)
    receipt_note = data if batch is None else _receipt_of(file, receipt)
    promise = Receipt.parse(split(receipt_note)[0])
    if batch is not None and (promise.batch_hash, promise.count) != (batch.batch_hash, batch.header.count):
        raise click.UsageError("this is the receipt of another batch")
    note = service.checkpoint()
    head = verify_checkpoint(trusted, note)
    if head.checkpoint.origin != promise.origin:
        raise click.UsageError(f"the receipt is {promise.origin}'s, and {url} is {head.checkpoint.origin}")
    search = _read(service, promise, batch, head)
    search.receipt(receipt_note)
    if search.index is None:
        _missing(file, search, receipt_note, note, promise.block_by > utc_now())
    assert search.block is not None, "a head ends with a block"
    told = (
        f"block {search.block.number:,} of {format_instant(search.block.time)}, at log index {search.index:,}"
    )
    what = "batch is" if batch is None else f"batch and its {promise.count:,} events are"
    click.echo(f"{file}: the {what} in {told}.")
    if search.block.time > promise.block_by:
        click.echo(f"LATE  it was promised by {format_instant(promise.block_by)}.")
        sys.exit(1)
    if key is not None:
        _check_own(service, batch, search, trusted, key)


def _receipt_of(file: Path, receipt: Path | None) -> bytes:
    path = receipt or file.with_name(f"{file.name}.receipt")
    if not path.exists():
        raise click.UsageError(f"{path} is not there: give the receipt with --receipt")
    return read_limited(path, RECEIPT_BYTES_MAX)


def _check_own(
    service: Service, batch: BatchFile | None, search: LogSearch, policy: Policy, key: Signer
) -> None:
    """What the furnisher's key is for: who else signs in its name, and where its events are."""
    if batch is None:
        raise click.UsageError("--key goes with a .batch file")
    if key.name != batch.header.furnisher:
        raise click.UsageError(f"the batch is {batch.header.furnisher}'s, and the key is {key.name}'s")
    others = search.keys_beside(key.name, key.verifier)
    for other in others:
        click.echo(
            f"KEY  since log index {other.from_index:,} another key signs as {key.name} ({other.role}): {other.vkey}"
        )
    _check_files(service, batch, search, policy, key)
    if others:
        sys.exit(1)


def _read(service: Service, promise: Receipt, batch: BatchFile | None, head: VerifiedCheckpoint) -> LogSearch:
    """The whole log, held against the head. ProofError when it is another one."""
    lines = [] if batch is None else batch.lines
    search = LogSearch(promise.batch_hash, [sha256(line).digest() for line in lines])
    for tile in tiles.tiles_of(tiles.ENTRIES, head.checkpoint.size):
        search.take(tiles.decode_bundle(service.tile(tile.path), tile.width))
    if (search.size, search.root) != (head.checkpoint.size, head.checkpoint.root):
        raise ProofError("the entries that the service shows are not those of its signed head")
    return search


def _missing(file: Path, search: LogSearch, receipt: bytes, note: bytes, is_time: bool) -> NoReturn:
    promise, _ = search.receipt(receipt)
    by = format_instant(promise.block_by)
    proof = search.overdue(receipt, note)
    if proof is None and is_time:
        click.echo(f"{file} is in no block yet; it was promised by {by}.")
        sys.exit(NOT_YET)
    click.echo(
        f"MISSING  {file} was promised in a block by {by}, and is not among the {search.size:,} entries."
    )
    if proof is None:
        newest = "of no block" if search.newest is None else f"of {format_instant(search.newest.time)}"
        click.echo(f"The newest head is {newest}: there is none later than the promise, to prove it with.")
    else:
        path = file.with_name(f"{file.name}.overdue")
        write_whole(path, proof)
        click.echo(f"{path} proves the promise and a later head. Show it to the regulator and to witnesses.")
    sys.exit(1)


def _check_files(service: Service, batch: BatchFile, search: LogSearch, policy: Policy, key: Signer) -> None:
    """Each event is in the file of the citizen whom it names, or a notice says that its plaintext was destroyed."""
    assert search.index is not None, "the batch was found"
    shown = destroyed = wrong = 0
    while shown + destroyed + wrong < len(batch.lines):
        done = shown + destroyed + wrong
        asked = FiledNote(batch.header.origin, key.name, batch.header.batch_id, done, utc_now())
        answers = service.filed(asked.sign(key))
        if not answers or done + len(answers) > len(batch.lines):
            raise FormatError("the service shows another number of events than the batch has")
        for position, answer in enumerate(answers, done):
            try:
                if _is_destroyed(answer, search.index + 1 + position, search):
                    destroyed += 1
                else:
                    _check_event(answer, batch.lines[position], search.index + 1 + position, policy)
                    shown += 1
            except CredenceError as error:
                click.echo(f"WRONG  event {position + 1:,} of the batch: {error.detail}")
                wrong += 1
    gone = f"; of {destroyed:,} the plaintext was destroyed" if destroyed else ""
    named = "1 event is in the file of the citizen whom it names"
    if shown != 1:
        named = f"{shown:,} events are in the files of the citizens whom they name"
    click.echo(f"{named}{gone}.")
    if wrong:
        sys.exit(1)


def _is_destroyed(answer: bytes, index: int, search: LogSearch) -> bool:
    said = canon.decode_object(answer)
    if said.keys() != {"destroyed", "v"}:
        return False
    if said["destroyed"] != index or index not in search.destroyed:
        raise ProofError("it is said to be destroyed, and no notice in the log says so")
    return True


def _check_event(answer: bytes, line: bytes, index: int, policy: Policy) -> None:
    facts = verify_event(answer, Asked(policy, utc_now())).facts
    if canon.decode_object(answer)["event"] != line.decode() or facts["index"] != index:
        raise ProofError("the service shows another event in its place")
    if not facts["filed"]:
        raise ProofError("its place in the citizen's file is not shown")
