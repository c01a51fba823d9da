"""`credence inquire --bulk`: many citizens from a file, in one signed batch, each answer verified as it comes.

The file is CSV with a header, `citizen` and any of `purpose`, `consent`, `class`, `case`; or one identifier a line. What a
line leaves out comes from the options.

    citizen,consent,case
    uci:17,019ab6a4-0000-7000-8000-000000000001,loan-9
    uci:18,,loan-10

A folder gets

    inquiries.batch     the inquiries as they were signed: the same command sends the same file again, and goes on
    results.csv         line, citizen, outcome, score or why there is none, reasons, block
    answers.ndjson      every answer as the bureau wrote it, with receipts and proof; every refusal with its receipt
    proofs/2.proof      the proof of line 2 of inquiries.batch (give it to `credence verify`)

and a file that ends in .csv the results alone, beside it the batch. Nothing is written about an answer that does not hold:
the command ends there.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import click
import orjson

from app.cli import plain
from app.cli.files import write_once, write_whole
from app.cli.params import PURPOSES, read_limited
from app.client import Inquiry, RefusalError, Refused, inquiries_of
from app.core.errors import ConflictError, FormatError
from app.core.reporting.identifiers import check_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.cli.inquire import Defaults
    from app.client import Answer, Bank

LIST_BYTES_MAX = 1 << 23
BATCH_BYTES_MAX = 1 << 24
COLUMNS = ("citizen", "purpose", "consent", "class", "case")
RESULT = ("line", "citizen", "outcome", "score", "insufficient", "reasons", "block", "detail")


def inquire_file(bank: Bank, source: Path, defaults: Defaults, out: Path) -> None:
    """Ask about everybody in `source`, and leave what came in `out`."""
    inquiries = _read(source, defaults, bank)
    is_file = out.suffix == ".csv"
    folder = out.parent if is_file else out
    batch_path = out.with_name(f"{out.name}.batch") if is_file else out / "inquiries.batch"
    folder.mkdir(parents=True, exist_ok=True)
    if not batch_path.exists():
        write_once(batch_path, bank.sign(*inquiries))
    batch = read_limited(batch_path, BATCH_BYTES_MAX)
    if inquiries_of(batch) != inquiries:
        raise ConflictError(
            f"{batch_path} is there already, and it asks something else: choose another --out"
        )
    results, answers, counts = io.StringIO(), [], {"answered": 0, "refused": 0, "other": 0}
    table = csv.writer(results, lineterminator="\n")
    table.writerow(RESULT)
    for outcome in bank.send_all(batch):
        table.writerow(_row(outcome))
        counts[_kind(outcome)] += 1
        answers.append(orjson.dumps(_as_json(outcome)))
        if not is_file and not isinstance(outcome, Refused):
            (out / "proofs").mkdir(exist_ok=True)
            write_whole(out / "proofs" / f"{outcome.line}.proof", outcome.proof)
    write_whole(out if is_file else out / "results.csv", results.getvalue().encode())
    if not is_file:
        write_whole(out / "answers.ndjson", b"\n".join([*answers, b""]))
    click.echo(
        f"{counts['answered']} answered and verified, {counts['refused']} refused, {counts['other']} not answered:"
        f" {out if is_file else out / 'results.csv'}"
    )
    if counts["other"]:
        click.echo("The same command again asks for what was not answered.")


def _read(source: Path, defaults: Defaults, bank: Bank) -> list[Inquiry]:
    """The inquiries of a file; a usage error names its line."""
    data = read_limited(source, LIST_BYTES_MAX)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or len(data) > LIST_BYTES_MAX:
        raise click.BadParameter(f"{source} is no text file of citizens, at most 8 MiB", param_hint="--bulk")
    found = []
    for number, row in _rows(text):
        values = {"purpose": defaults.purpose, "class": defaults.class_} | {k: v for k, v in row.items() if v}
        try:
            check_identifier(bank.genesis.scheme, values.get("citizen") or "")
        except FormatError as error:
            raise click.BadParameter(
                f"{source}, line {number}: {error.detail}", param_hint="--bulk"
            ) from None
        if values["purpose"] not in PURPOSES:
            message = f"{source}, line {number}: no purpose, in the file or with --purpose"
            raise click.BadParameter(message, param_hint="--bulk")
        found.append(
            Inquiry(
                str(values["citizen"]),
                str(values["purpose"]),
                values.get("consent"),
                values["class"],
                values.get("case"),
            )
        )
    return found


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line of the file, values by column)."""
    reader = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(reader)]
    if "citizen" not in header:
        yield 1, {"citizen": header[0]}
        header = ["citizen"]
    elif not set(header) <= set(COLUMNS):
        raise click.BadParameter(f"the columns are {', '.join(COLUMNS)}", param_hint="--bulk")
    for row in reader:
        if row:
            yield reader.line_num, dict(zip(header, (value.strip() for value in row), strict=False))


def _kind(outcome: Answer | Refused) -> str:
    if not isinstance(outcome, Refused):
        return "answered"
    return "refused" if isinstance(outcome.error, RefusalError) else "other"


def _row(outcome: Answer | Refused) -> list[object]:
    if isinstance(outcome, Refused):
        error = outcome.error
        return [outcome.line, outcome.inquiry.citizen, error.code, "", "", "", "", plain(error.detail)]
    verified = outcome.verified
    score = "" if verified.score is None else verified.score
    reasons = "" if verified.receipt is None else " ".join(verified.receipt.reasons)
    why = " ".join(verified.insufficient)
    place = verified.block_number
    return [outcome.line, outcome.inquiry.citizen, "answered", score, why, reasons, place, ""]


def _as_json(outcome: Answer | Refused) -> dict[str, Any]:
    if not isinstance(outcome, Refused):
        return {"line": outcome.line, **outcome.as_json()}
    error = outcome.error
    receipt = {"receipt": error.receipt.decode()} if isinstance(error, RefusalError) else {}
    return {"line": outcome.line, "code": error.code, "detail": error.detail, **receipt}
