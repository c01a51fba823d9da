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
from app.core import batch as batches
from app.core import canon, tiles
from app.core.claims.event import verify_event
from app.core.claims.head import Asked
from app.core.errors import CredenceError, FormatError, ProofError
from app.core.fields import format_instant
from app.core.log_search import LogSearch
from app.core.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from app.core.request_note import FiledNote

if TYPE_CHECKING:
    from pathlib import Path

    from app.core.batch import BatchFile
    from app.core.note import Signer

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
    """Look for the batch in FILE in the public log, and say whether the ledger kept its promise.

    \b
        credence find reports.batch --policy policy --url https://bureau.example
        credence find reports.batch --policy policy --key bank.key

    When the promise is broken, FILE.overdue is a proof of it, and the exit code is 1.
    """
    batch = batches.parse_batch(read_limited(file, batches.BATCH_BYTES_MAX))
    receipt = receipt or file.with_name(f"{file.name}.receipt")
    if not receipt.exists():
        raise click.UsageError(f"{receipt} is not there: give the receipt with --receipt")
    service, trusted = Service(url), Policy.parse(policy)
    note = service.checkpoint()
    head = verify_checkpoint(trusted, note)
    if head.checkpoint.origin != batch.header.origin:
        raise click.UsageError(
            f"the batch is for {batch.header.origin}, and {url} is {head.checkpoint.origin}"
        )
    search = _read(service, batch, head)
    promise, _ = search.receipt(receipt_note := read_limited(receipt, RECEIPT_BYTES_MAX))
    if (promise.batch_hash, promise.count) != (batch.batch_hash, batch.header.count):
        raise click.UsageError(f"{receipt} is the receipt of another batch")
    if search.index is None:
        _missing(file, search, receipt_note, note, promise.block_by > utc_now())
    assert search.block is not None, "a head ends with a block"
    told = (
        f"block {search.block.number:,} of {format_instant(search.block.time)}, at log index {search.index:,}"
    )
    click.echo(f"{file}: the batch and its {batch.header.count:,} events are in {told}.")
    if search.block.time > promise.block_by:
        click.echo(f"LATE  it was promised by {format_instant(promise.block_by)}.")
        sys.exit(1)
    if key is not None:
        _check_files(service, batch, search, trusted, key)


def _read(service: Service, batch: BatchFile, head: VerifiedCheckpoint) -> LogSearch:
    """The whole log, held against the head. ProofError when it is another one."""
    search = LogSearch(batch.batch_hash, [sha256(line).digest() for line in batch.lines])
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
    if key.name != batch.header.furnisher:
        raise click.UsageError(f"the batch is {batch.header.furnisher}'s, and the key is {key.name}'s")
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
    click.echo(
        f"{shown:,} events are in the files of the citizens whom they name; of {destroyed:,} the plaintext was destroyed."
    )
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
