"""`credence audit`: replay a whole ledger and compare, from its database or over the network."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli import plain
from app.cli.follow import CosignerFile, Follower, Sender, follow
from app.cli.params import FILE, NEW_FILE, SMALL_FILE_BYTES_MAX, KeyFile, policy_option, read_limited, utc_now
from app.core.log.note import Verifier
from app.core.log.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

    from app.core.log.note import Signer
    from app.services.home import Home
    from app.services.ledger.audit import Report
    from app.services.ledger.audit.remote import RemoteSource
    from app.services.ledger.audit.source import DatabaseSource, Source

FINDINGS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """Opens the database in whatever process needs it."""

    home: Home
    url: str

    def __call__(self) -> DatabaseSource:
        from app.services.ledger.audit.source import DatabaseSource  # noqa: PLC0415 - loads the database

        return DatabaseSource.open(self.home, self.url)


@dataclass(frozen=True, slots=True)
class OpenService:
    """Opens the running service in whatever process needs it."""

    url: str
    token: str

    def __call__(self) -> RemoteSource:
        from app.services.ledger.audit.remote import RemoteSource  # noqa: PLC0415

        return RemoteSource(self.url, self.token)


@click.command()
@click.option("--url", help="Audit the running service at this address, not the database.")
@click.option("--follow", "follow_url", help="Follow the running service at this address block by block.")
@click.option("--key", type=KeyFile(), help="With --url, --follow: the regulator's private key.")
@click.option(
    "--case", help="With --url, --follow: the case number; the ledger announces the audit under it."
)
@click.option(
    "--state", type=NEW_FILE, help="With --follow: what is checked so far; made when it is not there."
)
@click.option(
    "--cosign",
    type=CosignerFile(),
    help="With --follow: cosign each checkpoint that is right, beside --state, and send it to the ledger.",
)
@click.option("--once", is_flag=True, help="With --follow: stop when there is no new block.")
@click.option(
    "--head",
    "head_file",
    type=FILE,
    help="A signed head that was kept elsewhere: the ledger must still have it.",
)
@policy_option()
@click.option(
    "--processes",
    type=click.IntRange(0, 64),
    default=2,
    show_default=True,
    help="Processes that replay citizens, or check blocks; 0: none but this one.",
)
def audit(  # noqa: PLR0917 - one command's options
    url: str | None,
    follow_url: str | None,
    key: Signer | None,
    case: str | None,
    state: Path | None,
    cosign: Signer | None,
    once: bool,
    head_file: Path | None,
    policy: bytes | None,
    processes: int,
) -> None:
    """Replay everything that the ledger holds, and compare: signatures, roots, tiles, blocks, folds, scores, state.

    Reads the database of CREDENCE_HOME (or DATABASE_URL) with the keys of its home; or, with --url, asks a running
    service, for which a key of the role `regulator` is needed. The ledger may be at work meanwhile. With a policy the
    ledger's and the witnesses' keys are the policy's; without one a service is taken at its word for them.

    Prints every finding with its exact place. Exit code 0 only when nothing was found, 1 when something was.

    \b
        credence audit
        credence audit --url https://bureau.example --key regulator.key --case 2026-17 --policy ledger.policy
        credence audit --follow https://bureau.example --key regulator.key --case 2026-18 --policy ledger.policy \\
            --state seen --cosign auditor.key

    With --head a checkpoint that a witness, a bank or an auditor kept is looked for in the ledger; when there is another
    root in its place, both heads are kept beside it as a file that proves it.

    Following keeps a few kilobytes: each block is checked against the one before, by its transition proof, and then kept in
    --state, from where a restart goes on. It refuses the first block that is not right, and says why (exit code 1).
    """
    if follow_url is not None:
        if url is not None or head_file is not None or key is None or case is None or state is None:
            raise click.UsageError(
                "--follow needs --key, --case and --state, and goes without --url and --head"
            )
        _follow(follow_url, key, case, policy, state, cosign, processes, once=once)
        return
    if state or cosign or once:
        raise click.UsageError("--state, --cosign and --once go with --follow")
    if url is None and (key or case):
        raise click.UsageError("--key and --case go with --url")
    opened: OpenDatabase | OpenService
    if url is None:
        opened, origin = _database()
    elif key is None or case is None:
        raise click.UsageError("--url needs --key, a regulator's private key, and --case")
    else:
        opened, origin = _service(url, key, case)
    ledger_key, witnesses = _trusted(policy, origin)
    if ledger_key is None and isinstance(opened, OpenDatabase):
        ledger_key = opened.home.signer("ledger").verifier
    report = replay(opened, ledger_key, witnesses, processes)
    say(report)
    is_another = head_file is not None and _is_another(opened, ledger_key, head_file)
    sys.exit(1 if report.findings or is_another else 0)


def _follow(  # noqa: PLR0917 - the options that go with --follow
    url: str,
    key: Signer,
    case: str,
    policy: bytes | None,
    state: Path,
    cosign: Signer | None,
    processes: int,
    *,
    once: bool,
) -> None:
    from app.client.transport import Service  # noqa: PLC0415 - only where a service is asked
    from app.core.proving.transition import Checker  # noqa: PLC0415
    from app.services.ledger.audit.crew import crew_of  # noqa: PLC0415
    from app.services.ledger.audit.following import Memory  # noqa: PLC0415

    genesis = Service(url).genesis()
    ledger = _trusted(policy, genesis.origin)[0] or Verifier.parse(genesis.vkey)
    memory = Memory(state, cosign, lambda: int(utc_now().timestamp()))
    with crew_of(processes) as in_order:
        follower = Follower(url, key, case, genesis.origin, Checker(in_order))
        follow(follower, memory, Sender(url), ledger, once=once)


def _is_another(opened: OpenDatabase | OpenService, ledger_key: Verifier | None, file: Path) -> bool:
    """Whether the ledger has not got the head in a file; what proves it is kept beside that."""
    from app.services.ledger.audit.heads import compare_head  # noqa: PLC0415 - loads the database
    from app.services.ledger.witnessing import keep_contradiction  # noqa: PLC0415

    if ledger_key is None:
        raise click.UsageError("--head needs --policy, which says whose signature is the ledger's")
    found = compare_head(opened(), ledger_key, read_limited(file, SMALL_FILE_BYTES_MAX))
    if found is None:
        click.echo(f"The ledger still has the head in {file}.")
        return False
    click.echo(f"FOUND  head: {found.said}")
    if found.proof:
        path = file.with_name(f"{file.name}.contradiction.proof")
        keep_contradiction(path, found.proof)
        click.echo(f"{path} proves it.")
    return True


def _database() -> tuple[OpenDatabase, str]:
    from app.db import engine  # noqa: PLC0415
    from app.services.home import Home  # noqa: PLC0415

    home = Home.from_environment()
    origin = home.signer("ledger").name
    return OpenDatabase(home, engine.database_url(home.path)), origin


def _service(url: str, key: Signer, case: str) -> tuple[OpenService, str]:
    from app.client.transport import Service  # noqa: PLC0415
    from app.services.ledger.audit.remote import open_remote  # noqa: PLC0415

    origin = Service(url).genesis().origin
    return OpenService(url, open_remote(url, key, origin, case, utc_now())), origin


def _trusted(policy: bytes | None, origin: str) -> tuple[Verifier | None, list[Verifier]]:
    """(the ledger's key, the witnesses' keys) of a policy."""
    if policy is None:
        return None, []
    parsed = Policy.parse(policy)
    for log in parsed.logs:
        if log.verifier.name == origin:
            return log.verifier, [witness.verifier for witness in parsed.witnesses]
    raise click.UsageError(f"the policy trusts no key of the ledger {plain(origin)}")


def replay(
    opened: OpenDatabase | OpenService, ledger_key: Verifier | None, witnesses: list[Verifier], processes: int
) -> Report:
    """The audit, with bars on a terminal and silent elsewhere."""
    from app.services.ledger.audit import audit as run  # noqa: PLC0415 - loads the database

    source: Source = opened()
    totals = source.totals()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = {
            "log": progress.add_task("Events in the log", total=totals.events),
            "citizens": progress.add_task("Citizens' files  ", total=totals.citizens),
        }
        return run(
            opened,
            lambda stage, n: progress.advance(bars[stage], n),
            ledger_key=ledger_key,
            witnesses=witnesses,
            processes=processes,
        )


def say(report: Report) -> None:
    """What was replayed, and every finding."""
    click.echo(
        f"Replayed {report.events:,} events in {report.batches:,} batches and {report.blocks:,} blocks,"
        f" {report.versions:,} account versions of {report.citizens:,} citizens."
    )
    if report.blocks:
        click.echo(f"The tree has {report.size:,} entries and the root {report.root.hex()}.")
    if report.waiting:
        click.echo(f"Batches that are checked and in no block yet: {report.waiting:,}.")
    if report.opaque:
        gone = report.opaque
        click.echo(
            f"The plaintext of {gone.events:,} events of {gone.citizens:,} citizens was destroyed, as notices say, since"
            f" block {gone.since_block:,} of {gone.since_day}; for {gone.versions:,} account versions from before, the"
            " stored hashes stand in."
        )
    for finding in report.findings[:FINDINGS_SHOWN]:
        click.echo(f"FOUND  {plain(str(finding))}")
    if len(report.findings) > FINDINGS_SHOWN:
        click.echo(f"... and {len(report.findings) - FINDINGS_SHOWN:,} more")
    click.echo(f"{len(report.findings):,} findings." if report.findings else "Nothing was found.")
