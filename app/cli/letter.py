"""`credence letter`: a bank that decided against somebody says so, and gets the letter that it has to send (R38).

The letter is about one answer, known by its id: the field `id` of the answer event in `score.proof.answer`. It comes as text,
or as a PDF when --out ends in `.pdf`; asking again gives the same letter. With --note the signed note is printed instead, for
the bank's pages.

Exit codes: 0 the letter is there, 1 refused, 2 wrong use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli import plain
from app.cli.files import write_whole
from app.cli.params import NEW_FILE, KeyFile, url_option, utc_now
from app.client.transport import Service
from app.core.exchange.request_note import LetterNote
from app.core.scoring.card_texts import LANGUAGES

if TYPE_CHECKING:
    from pathlib import Path

    from app.core.log.note import Signer


@click.command()
@click.option("--key", type=KeyFile(), required=True, help="The bank's private key, registered as bank.")
@click.option("--answer", metavar="UUID", required=True, help="The answer's id.")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True)
@click.option("--out", type=NEW_FILE, help="Where to save the letter; a name in .pdf gives a PDF.")
@click.option("--note", is_flag=True, help="Print the signed note and ask for nothing.")
@url_option
def letter(*, key: Signer, answer: str, language: str, out: Path | None, note: bool, url: str) -> None:
    """Get the letter that a decision against somebody calls for. The citizen sees that there is one.

    \b
        credence letter --key bank.key --answer 019ab6a4-... --out letter.pdf
    """
    service = Service(url)
    signed = LetterNote(service.genesis().origin, key.name, answer, utc_now()).sign(key)
    if note:
        click.echo(signed, nl=False)
        return
    as_pdf = out is not None and out.suffix.lower() == ".pdf"
    paper = service.letter(signed, language=language, as_pdf=as_pdf)
    if out is None:
        for line in paper.decode(errors="replace").splitlines():
            click.echo(plain(line))
        return
    write_whole(out, paper)
    click.echo(f"The letter is in {out}.")
