"""`credence scorecard labels`, `fit` and `validate`: making a card, offline, with the optional extra `fit`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.files import write_whole
from app.cli.opening import open_bureau
from app.cli.params import FILE, NEW_FILE, read_limited
from app.core.errors import RefusedError
from app.core.fields import format_day
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import CARD_BYTES_MAX, parse_card

if TYPE_CHECKING:
    from app.services.scoring.modelling.sample import Sample

NEEDED = ("numpy", "scipy", "sklearn", "optbinning")
RESEARCH_DATA = "Default of Credit Card Clients, UCI 350, as folded by the ledger"
RESEARCH_LABEL = "default on the payment due in the month after the last report"


def check_extra() -> None:
    """Raises RefusedError when the libraries are not there."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        message = f"fitting needs the optional extra `fit` ({', '.join(missing)} missing): pip install 'credence[fit]'"
        raise RefusedError(message, code="no-fit-extra")


def ledger_sample(path: Path) -> Sample:
    """The ledger's folded files with the labels of a table, on the day of the newest block."""
    check_extra()
    from app.services.ledger import figures  # noqa: PLC0415 - loads the database
    from app.services.scoring import statistics  # noqa: PLC0415 - loads the database
    from app.services.scoring.labels import read_labels  # noqa: PLC0415
    from app.services.scoring.modelling import sample  # noqa: PLC0415 - loads the fitting libraries

    labels = read_labels(path)
    with open_bureau() as bureau:
        newest = figures.figures(bureau).as_of
        if newest is None:
            raise RefusedError("the ledger has no block yet", code="no-block")
        day = format_day(newest)
        click.echo(f"reading the folded files as of {day}", err=True)
        return sample.make_sample(statistics.files(bureau), labels, day, PROFILES[bureau.genesis.profile])


@click.command()
@click.option("--out", type=NEW_FILE, required=True, help="Where to write the table (CSV).")
def labels(out: Path) -> None:
    """Write the research data's table of labels.

    Who defaulted, the groups for fairness, and the raw columns. Nothing of it is in the ledger. A table of your own has the
    columns account and bad, and may have test, group:NAME and raw:NAME.

    \b
        credence scorecard labels --out labels.csv
    """
    check_extra()
    from app.services.scoring.modelling import research_labels  # noqa: PLC0415 - loads the fitting libraries

    text = research_labels.table()
    write_whole(out, text.encode())
    click.echo(f"{out}: {text.count(chr(10)) - 1:,} accounts")


@click.command()
@click.option("--labels", "labels_path", type=FILE, required=True, help="The table of labels (CSV).")
@click.option("--out", type=NEW_FILE, required=True, help="Where to write the card.")
@click.option("--name", default="Credence fitted card", show_default=True, help="What people will call it.")
@click.option(
    "--data",
    default=RESEARCH_DATA,
    show_default=True,
    help="What the files are of, for the card's provenance.",
)
@click.option("--label", default=RESEARCH_LABEL, show_default=True, help="What bad means.")
@click.option(
    "--horizon-months", type=click.IntRange(1, 120), default=1, show_default=True, help="Within which time."
)
def fit(labels_path: Path, out: Path, name: str, data: str, label: str, horizon_months: int) -> None:  # noqa: PLR0917 - options
    """Fit a scorecard to the ledger's own folded files.

    The labels stay outside the ledger. The same files and labels give the same card, byte for byte. It is not in use until
    `credence scorecard publish` has published it; look at it with `credence scorecard validate` before.

    \b
        credence scorecard labels --out labels.csv
        credence scorecard fit --labels labels.csv --out card.json
    """
    found = ledger_sample(labels_path)
    from app.services.scoring.modelling import fitting  # noqa: PLC0415 - loads the fitting libraries

    told = fitting.Told(name, data, label, horizon_months)
    card = fitting.fit(found, told, lambda text: click.echo(text, err=True))
    write_whole(out, card.document)
    click.echo(f"{out}: {card.name}, {len(card.criteria)} criteria, SHA-256 {card.hash.hex()}")


@click.command()
@click.argument("card_path", metavar="CARD", type=FILE)
@click.option("--labels", "labels_path", type=FILE, required=True, help="The table of labels (CSV).")
@click.option("--baseline", type=FILE, help="An earlier report.json: how far have scores shifted since?")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for both files."
)
def validate(card_path: Path, labels_path: Path, baseline: Path | None, out: Path) -> None:
    """Validate a scorecard on rows that its fit has not seen.

    Writes report.json and index.html, prints a line for each bar, and exits with 1 when one is not met. The same card,
    files and labels give the same report.json, byte for byte; publish it with the card. With --baseline this is the
    quarterly report.

    \b
        credence scorecard validate card.json --labels labels.csv --out report/
        credence scorecard publish card.json --report report/report.json
    """
    card = parse_card(read_limited(card_path, CARD_BYTES_MAX))
    check_extra()
    from app.services.scoring.modelling import report, validation  # noqa: PLC0415 - loads the fitting libraries

    earlier = None
    if baseline is not None:
        earlier = report.from_json(read_limited(baseline, report.BYTES_MAX))
    found = ledger_sample(labels_path)
    made = validation.validate(card, found, earlier)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "report.json", report.to_json(made))
    write_whole(out / "index.html", report.to_page(made).encode())
    _tell(made["bars"])
    click.echo(f"{len(made['weak_spots'])} weak spots are listed in {out / 'index.html'}")
    if not all(bar["met"] for bar in made["bars"]):
        raise click.exceptions.Exit(1)


def _tell(bars: list[dict[str, Any]]) -> None:
    for bar in bars:
        said = "met    " if bar["met"] else "NOT met"
        click.echo(f"{said}  {bar['what']}: {bar['figure']} (must be {bar['must_be']} {bar['limit']})")
