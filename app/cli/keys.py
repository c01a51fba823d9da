"""`credence keys`: signing keys of furnishers, banks and the bureau's own roles.

A key is two files: NAME.key, private, one line `PRIVATE+KEY+...` that only its owner can read, and
NAME.vkey, public. An organisation makes its key itself (`new`), proves that it holds it without handing it
over (`possession`), and the bureau enters it into the ledger's register (`register`, `list`, `revoke`:
these work on the bureau's own database).
"""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from app.cli import plain
from app.cli.files import PRIVATE, write_new
from app.cli.opening import open_bureau
from app.cli.params import FILE, ROLES, KeyFile, read_limited, url_option, vkey_or_key
from app.client.transport import Service
from app.core.errors import ConflictError, FormatError, RuleError
from app.core.log.note import Signer, Verifier, split
from app.core.log.notices import possession_text

POSSESSION_BYTES_MAX = 1 << 14
APPLIED_FOR = ("bank", "lender", "utility", "public_body")
LOG_INDEX_MAX = 2**52  # above it are the stand-ins for notices that no block has placed yet

role_option = click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="What the key may sign: see docs/formats.md section 5.",
)


@click.group()
def keys() -> None:
    """Make keys, and register or revoke them.

    \b
        credence keys new bank.example/cards
        credence keys register bank.example_cards.key --role lender
    """


@keys.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for the two files.",
)
def new(name: str, out: Path) -> None:
    """Make a signing key called NAME (a-z 0-9 . - /), as NAME.key and NAME.vkey.

    The private file is readable by you alone, and an existing file is never overwritten. A slash in the
    name becomes an underscore in the names of the files.

    \b
        credence keys new bank.example/cards --out keys/
    """
    if not 1 <= len(name) <= 100 or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789.-/"):
        raise click.BadParameter("a key name is 1 to 100 characters of a-z 0-9 . - /", param_hint="NAME")
    signer = Signer.generate_from_seed(name, secrets.token_bytes(32))
    out.mkdir(parents=True, exist_ok=True)
    private, public = (out / (name.replace("/", "_") + suffix) for suffix in (".key", ".vkey"))
    for path in (private, public):
        if path.exists():
            raise ConflictError(f"{path} is there already, and keys are never overwritten")
    write_new(private, f"{signer.encode()}\n".encode(), PRIVATE)
    write_new(public, f"{signer.verifier.encode()}\n".encode())
    click.echo(f"{private}  private: keep it secret, and a copy of it in a safe place")
    click.echo(f"{public}  public: give it to whoever checks your signatures")
    click.echo("\nTo be able to use it, have it registered. Where the bureau runs:\n")
    click.echo(f"    credence keys register {private} --role ROLE\n")
    click.echo("Elsewhere, apply for it; what is sent is a proof that you hold it:\n")
    click.echo(f"    credence keys apply {private} --role ROLE --organisation NAME --contact WHOM")


@keys.command()
@click.argument("key", type=KeyFile())
@click.option(
    "--ledger", required=True, metavar="ORIGIN", help="The ledger's name: the first line of its checkpoint."
)
@role_option
def possession(key: Signer, ledger: str, role: str) -> None:
    """Print a note by which the owner of KEYFILE shows that the key is theirs. Works offline.

    \b
        credence keys possession bank.key --ledger credence.example/xiongan --role bank > possession.note
    """
    click.echo(key.sign(possession_text(ledger, key.name, role, key.verifier.encode())), nl=False)


@keys.command(name="apply")
@click.argument("key", type=KeyFile())
@click.option("--role", type=click.Choice(APPLIED_FOR), required=True, help="What the key is to sign.")
@click.option("--organisation", required=True, help="Its full name, and where it is registered.")
@click.option("--contact", required=True, help="Whom to call: only the bureau's staff sees it.")
@url_option
def apply_(key: Signer, role: str, organisation: str, contact: str, url: str) -> None:
    """Apply for the registration of KEYFILE at a bureau elsewhere. What is sent is a note; the key stays here.

    \b
        credence keys apply bank.key --role bank --organisation "Example Bank" --contact "Z. Li, +86 312 000 0000"
    """
    service = Service(url)
    note = key.sign(possession_text(service.genesis().origin, key.name, role, key.verifier.encode()))
    applied = service.apply(note, organisation, contact)
    click.echo("Two people at the bureau look at it. What becomes of it, at an address that only you have:\n")
    click.echo(f"    {service.url}/bank/apply/{plain(str(applied['reference']))}")


@keys.command()
@click.argument("keyfile", type=FILE)
@role_option
@click.option(
    "--possession", "note_file", type=FILE, help="Its owner's note; needed when KEYFILE is a .vkey."
)
def register(keyfile: Path, role: str, note_file: Path | None) -> None:
    """Enter the key of KEYFILE (.key or .vkey) into the ledger's register, for one role.

    \b
        credence keys register bank.key --role bank
        credence keys register bank.vkey --role bank --possession possession.note
    """
    try:
        key = vkey_or_key(keyfile)
    except FormatError as error:
        raise click.BadParameter(f"{keyfile}: {error.detail}", param_hint="KEYFILE") from None
    proof = key if isinstance(key, Signer) else _possession_of(key, note_file)
    from app.services.ledger.register import register_key  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        record = register_key(bureau, proof, role)
    click.echo(f"{record.name} is registered as {role}. What it signs from now on is taken.")


@keys.command()
@click.argument("name")
@role_option
@click.option("--reason", required=True, help="Why; it is public and stays in the ledger.")
def revoke(name: str, role: str, reason: str) -> None:
    """End the validity of the key of NAME in a role. What was admitted before stays good.

    \b
        credence keys revoke bank.example --role bank --reason "the laptop was lost"
    """
    from app.services.ledger.register import revoke_key  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        revoke_key(bureau, name, role, reason)
    click.echo(f"{name} is revoked as {role}. What it signs from now on is refused.")


@keys.command(name="list")
def list_() -> None:
    """Show every key that was ever registered, and between which log entries it is valid.

    \b
        credence keys list
    """
    from app.core.log.register import STILL_VALID  # noqa: PLC0415
    from app.services.ledger.register import list_keys  # noqa: PLC0415 - loads the database

    with open_bureau() as bureau:
        for record in list_keys(bureau):
            since, until = record.from_index, record.to_index
            began = "waits for its block" if since > LOG_INDEX_MAX else f"since entry {since}"
            ended = "still valid" if until == STILL_VALID else f"ended at entry {until}"
            click.echo(f"{record.role:<12} {record.name}  {began}, {ended}\n{'':<12} {record.vkey}")


def _possession_of(key: Verifier, note_file: Path | None) -> bytes:
    """The possession note that goes with a public key."""
    if note_file is None:
        raise click.UsageError(
            "a .vkey needs --possession, the note of `credence keys possession` by its owner"
        )
    note = read_limited(note_file, POSSESSION_BYTES_MAX)
    if key.encode().encode() not in split(note)[0].split(b"\n"):
        raise RuleError(f"{note_file} is about another key", code="no-possession")
    return note
