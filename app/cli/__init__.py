"""The command line: `credence COMMAND`. A command is a module of this package that is imported when it is
asked for.

So `credence verify` starts in the time that the verifier needs, and loads neither Flask nor SQLAlchemy,
though `credence up` has both. The price is the table below: the one-line descriptions stand here, not in
the modules.

    app/cli/verify.py   holds the click command `verify`; likewise every other name of the table

Whatever a command raises from the error tree becomes one sentence and exit code 1, a bad option exit code 2. A closed pipe
ends it quietly (`app.cli.pipes`).
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import click

from app.cli.pipes import quiet_when_unread
from app.core.errors import CredenceError, RuleError

COMMANDS = {
    "up": "Start everything: database, web server, sequencer.",
    "demo": "Load the research data, make blocks, prove and verify a score.",
    "serve": "Run the web server alone.",
    "sequencer": "Run the one writer that makes blocks, alone.",
    "scheduler": "Do what is due by the clock, alone.",
    "migrate": "Bring the database's tables up to date.",
    "keys": "Make keys, and register or revoke them.",
    "furnish": "Send signed batches of events to the ledger.",
    "find": "Look for a batch in the public log, and in its citizens' files.",
    "inquire": "Ask for the scores of citizens, as a bank.",
    "corrections": "List whose data was corrected after a bank was told a score.",
    "letter": "Get the letter that a decision against somebody calls for, as a bank.",
    "watch": "Hear when a score that you may review crosses a line, as a bank.",
    "simulate": "Try what would change your own score, offline.",
    "verify": "Check a proof, offline.",
    "prove": "Make proofs beside the score's: a history, an event, an absence, growth.",
    "credential": "Show that a score is at least so much, and nothing more.",
    "audit": "Replay everything and compare.",
    "regulator": "Figures and audits for regulators.",
    "witness": "Cosign the heads of transparency logs.",
    "scorecard": "Publish scorecards, and run one beside the one in use.",
    "retention": "Destroy the plaintext of what is past its retention.",
    "enrol": "Print a one-time code for a citizen: opens the record, registers a passkey.",
    "link": "Print a one-time link to a citizen's record.",
    "seat": "Seats for people at organisations: banks, furnishers, regulators, staff.",
    "checkpoint": "Show the newest signed head of the ledger.",
}


_DATABASE_LIBRARIES = ("sqlalchemy", "psycopg")


class LazyGroup(click.Group):
    """A group whose commands are found by name in this package; see the module's text."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name in COMMANDS if importlib.util.find_spec(f"{__name__}.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command), cmd_name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, without importing what it lists."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the options, and print what `--help` and `--version` print."""
        with quiet_when_unread():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what the error tree and the operating system refuse is said in a sentence."""
        try:
            with quiet_when_unread():
                return super().invoke(ctx)
        except CredenceError as error:
            raise click.ClickException(sentence(error)) from error
        except Exception as error:
            if (
                type(error).__module__.partition(".")[0] in _DATABASE_LIBRARIES
            ):  # not imported here: verify needs none
                first = str(error).strip().partition("\n")[0]
                message = f"the database does not answer as it should: {plain(first)} [database]"
                raise click.ClickException(message) from error
            if not isinstance(error, OSError):
                raise
            if error.filename is None:  # not about a file that was named: a bug, shown as it is
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


def sentence(error: CredenceError) -> str:
    """An error as lines for a terminal: the sentence, its code, and the lines of a batch that are wrong."""
    lines = [f"{plain(error.detail)} [{plain(error.code)}]"]
    if isinstance(error, RuleError):
        lines += [f"  line {p.line}: {plain(p.rule)}: {plain(p.detail)}" for p in error.problems]
    return "\n".join(lines)


def plain(text: str) -> str:
    """`text` without control characters: what came over a network must not steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="credence", message="%(prog)s %(version)s")
def main() -> None:
    """Credence, a credit bureau that proves itself.

    Lenders and public bodies send signed events (`furnish`), the ledger makes blocks of them (`up`), banks
    ask for scores (`inquire`), and anyone checks what they were given (`verify`, `audit`). Each command
    explains itself:

    \b
        credence verify --help
    """
