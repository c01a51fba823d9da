"""`credence credential`: range credentials, "my score is at least 650" and nothing more.

    issue     the bureau gives one, on its own database, and waits for the block that holds it
    fetch     the same file again, when the block took longer
    present   the holder says so much of it to its audience, offline

The file of `issue` tells the score and is for the citizen alone; the file of `present` goes to the audience, who checks it
with `credence verify`. Docs: docs/formats.md section 16.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.files import PRIVATE, write_new
from app.cli.opening import open_bureau
from app.cli.params import FILE, NEW_FILE, Duration, KeyFile, read_limited, vkey_or_key
from app.core.errors import ConflictError, FormatError
from app.core.log.note import Signer
from app.core.proving.claims.head import CLAIM_BYTES_MAX
from app.core.proving.holder import ED25519_PREFIX, ES256_PREFIX, Holder

if TYPE_CHECKING:
    from app.services.bureau import Bureau

POLL_S = 0.5

_CITIZEN = click.option("--citizen", metavar="ID", required=True, help="Whose score, for example uci:17.")
_OUT = click.option("--out", type=NEW_FILE, required=True, help="The new file.")
_AT_LEAST = click.option("--at-least", type=int, metavar="SCORE", help="The score is so much or more.")
_AT_MOST = click.option("--at-most", type=int, metavar="SCORE", help="The score is so much or less.")
_WAIT = click.option(
    "--wait",
    "wait_s",
    type=Duration(),
    default="60s",
    show_default=True,
    help="How long to wait for the block.",
)


@click.group()
def credential() -> None:
    """Show that a score is at least so much, and nothing more.

    \b
        credence credential issue --citizen uci:17 --audience bank.demo --holder phone.vkey --out my.credential
        credence credential present my.credential --at-least 650 --holder phone.key --nonce visit-7 --out share.proof
        credence verify share.proof --policy policy --audience bank.demo --nonce visit-7
    """


@credential.command()
@_CITIZEN
@_AT_LEAST
@_AT_MOST
@click.option(
    "--audience", metavar="NAME", required=True, help="To whom alone it may be shown, for example bank.demo."
)
@click.option(
    "--holder",
    metavar="KEY",
    required=True,
    help="The key that will show it: a .vkey or .key file, or ed25519:... or es256:... (a passkey).",
)
@click.option(
    "--lifetime", "lifetime_s", type=Duration(), default="24h", show_default=True, help="At most 30 days."
)
@_WAIT
@_OUT
def issue(
    *,
    citizen: str,
    at_least: int | None,
    at_most: int | None,
    audience: str,
    holder: str,
    lifetime_s: int,
    wait_s: int,
    out: Path,
) -> None:
    """Give a citizen a credential. The ledger remembers it; the file is for the citizen alone, and tells the score.

    With --at-least or --at-most nothing is recorded unless it is so. What is shown is chosen with `present`.

    \b
        credence credential issue --citizen uci:17 --at-least 650 --audience bank.demo --holder phone.vkey --out my.credential
    """
    from app.services.proving import range_credentials  # noqa: PLC0415 - loads the database

    _must_be_new(out)
    wish = range_credentials.Wish(
        audience=audience, holder=_holder(holder), lifetime_s=lifetime_s, at_least=at_least, at_most=at_most
    )
    with open_bureau() as bureau:
        issued = range_credentials.issue(bureau, citizen, wish)
        click.echo(f"recorded as {issued.credential}, until {issued.expires:%Y-%m-%d %H:%M:%S} UTC")
        _release(bureau, citizen, issued.credential, wait_s, out)


@credential.command()
@_CITIZEN
@click.option("--id", "credential_id", metavar="ID", required=True, help="As `issue` has printed it.")
@_WAIT
@_OUT
def fetch(*, citizen: str, credential_id: str, wait_s: int, out: Path) -> None:
    """Write the file of a credential that is recorded already, as of the newest block.

    \b
        credence credential fetch --citizen uci:17 --id ID --out my.credential
    """
    _must_be_new(out)
    with open_bureau() as bureau:
        _release(bureau, citizen, credential_id, wait_s, out)


@credential.command()
@click.argument("file", type=FILE)
@_AT_LEAST
@_AT_MOST
@click.option("--holder", "key", type=KeyFile(), required=True, help="The holder's key file.")
@click.option("--nonce", default="", metavar="TEXT", help="What the audience gave for this occasion.")
@_OUT
def present(
    *, file: Path, at_least: int | None, at_most: int | None, key: Signer, nonce: str, out: Path
) -> None:
    """Say so much of the credential FILE, and nothing more. Works offline.

    \b
        credence credential present my.credential --at-least 650 --holder phone.key --nonce visit-7 --out share.proof
        credence credential present my.credential --at-least 600 --at-most 700 --holder phone.key --out share.proof
    """
    from app.core.proving.claims import range_proof  # noqa: PLC0415

    data = read_limited(file, CLAIM_BYTES_MAX)
    text, draft = range_proof.present(data, at_least=at_least, at_most=at_most, nonce=nonce)
    if draft["holder"] != Holder.of(key.verifier).text:
        raise ConflictError("the credential was given to another key", code="other-holder")
    _write(out, range_proof.signed(draft, key.sign_text(text).signature))
    click.echo(f"{out}: for {draft['audience']}, who checks it with `credence verify`")


def _holder(text: str) -> str:
    """A holder key as it is, or that of a key file."""
    if text.startswith((ED25519_PREFIX, ES256_PREFIX)):
        return text
    try:
        key = vkey_or_key(Path(text))
        return Holder.of(key.verifier if isinstance(key, Signer) else key).text
    except OSError as error:
        raise click.BadParameter(f"{text}: {error.strerror}", param_hint="--holder") from None
    except FormatError as error:
        raise click.BadParameter(f"{text}: {error.detail}", param_hint="--holder") from None


def _release(bureau: Bureau, citizen: str, credential_id: str, wait_s: int, out: Path) -> None:
    from app.services.banks.inquiries import NotYetError  # noqa: PLC0415
    from app.services.proving import range_credentials  # noqa: PLC0415 - loads the database

    end_s = time.monotonic() + wait_s
    while True:
        try:
            data = range_credentials.fetch(bureau, citizen, credential_id)
        except NotYetError:
            if time.monotonic() > end_s:
                click.echo("No block holds it yet. Later:\n", err=True)
                click.echo(
                    f"    credence credential fetch --citizen {citizen} --id {credential_id} --out {out}",
                    err=True,
                )
                raise
            time.sleep(POLL_S)
        else:
            _write(out, data)
            click.echo(f"{out}: {len(data):,} bytes, for the citizen alone: it tells the score")
            return


def _must_be_new(out: Path) -> None:
    if out.exists():
        raise ConflictError(f"{out} is there already: choose another --out")


def _write(out: Path, data: bytes) -> None:
    """A file that its owner alone can read, and that is never overwritten."""
    _must_be_new(out)
    write_new(out, data, PRIVATE)
