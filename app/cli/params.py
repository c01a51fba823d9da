"""Kinds of command-line values: key files, moments, durations, policies; and the options that commands share.

    moment     2026-11-22T15:24:00Z
    day        2026-11-22
    duration   90s, 30m, 48h, 7d
    key file   one line: PRIVATE+KEY+<name>+<key id>+<base64>     (`credence keys new` writes it)
    vkey file  one line: <name>+<key id>+<base64>

A value that is not of its kind is a usage error (exit code 2), and its message never repeats a private key.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import click

from app.core.errors import FormatError
from app.core.fields import parse_day, parse_instant
from app.core.log.note import ED25519, Signer, Verifier
from app.core.reporting.event_base import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

URL_DEFAULT = "http://127.0.0.1:8080"
ROLES = ("lender", "utility", "public_body", "bank", "enrolment", "regulator")
PURPOSES = get_args(Purpose)
SMALL_FILE_BYTES_MAX = 1 << 16

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def utc_now() -> dt.datetime:
    """The clock, in whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def read_limited(path: Path, bytes_max: int) -> bytes:
    """At most `bytes_max` + 1 bytes of a file: enough for a parser to see that there are too many."""
    with path.open("rb") as file:
        return file.read(bytes_max + 1)


def read_line(path: Path) -> str:
    """The single line of a small text file, with or without its newline."""
    data = read_limited(path, SMALL_FILE_BYTES_MAX)
    try:
        line = data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        line = "\n"
    if "\n" in line or len(data) > SMALL_FILE_BYTES_MAX:
        raise FormatError("the file is not one line of text")
    return line


class Moment(click.ParamType[dt.datetime]):
    """An instant, in UTC and whole seconds."""

    name = "INSTANT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        try:
            return parse_instant(value)
        except FormatError:
            self.fail(f"{value!r} is not an instant like 2026-11-22T15:24:00Z", param, ctx)


class Day(click.ParamType[dt.date]):
    """A day."""

    name = "DAY"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        if isinstance(value, dt.date):
            return value
        try:
            return parse_day(value)
        except FormatError:
            self.fail(f"{value!r} is not a day like 2026-11-22", param, ctx)


class Duration(click.ParamType[int]):
    """A number of seconds, written with a unit; at most ten years."""

    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", str(value), re.ASCII)
        seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
        if not 0 < seconds <= 3660 * 86400:
            self.fail(f"{value!r} is not a duration like 90s, 30m, 48h or 7d", param, ctx)
        return seconds


class KeyFile(click.ParamType[Signer]):
    """A file with a private Ed25519 key, as `credence keys new` writes it."""

    name = "KEYFILE"
    algorithms = frozenset({ED25519})
    otherwise = "the key is for cosignatures, not for notes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Signer:
        if isinstance(value, Signer):
            return value
        try:
            signer = Signer.parse(read_line(Path(str(value))))
        except OSError as error:
            self.fail(f"{value}: {error.strerror}", param, ctx)
        except FormatError as error:
            self.fail(f"{value}: {error.detail}", param, ctx)
        if signer.algorithm not in self.algorithms:
            self.fail(f"{value}: {self.otherwise}", param, ctx)
        return signer


def vkey_or_key(path: Path) -> Verifier | Signer:
    """The key in a file, public or private; FormatError when it is neither."""
    line = read_line(path)
    return Signer.parse(line) if line.startswith("PRIVATE+KEY+") else Verifier.parse(line)


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)

_Command = TypeVar("_Command", bound="Callable[..., object]")


def url_option(command: _Command) -> _Command:
    """`--url`, or the environment's CREDENCE_URL."""
    return click.option(
        "--url",
        envvar="CREDENCE_URL",
        default=URL_DEFAULT,
        show_default=True,
        help="Where the bureau answers (or set CREDENCE_URL).",
    )(command)


def policy_option(*, required: bool = False) -> Callable[[_Command], _Command]:
    """`--policy`, a C2SP tlog-policy file; the command gets its bytes."""
    return click.option(
        "--policy",
        type=FILE,
        required=required,
        callback=_read_policy,
        help="Whom you trust: a C2SP tlog-policy file with the ledger's key and the witnesses.",
    )


def _read_policy(ctx: click.Context, param: click.Parameter, path: Path | None) -> bytes | None:
    from app.core.log.policy import POLICY_BYTES_MAX, Policy  # noqa: PLC0415 - only commands with a policy need it

    if path is None:
        return None
    data = read_limited(path, POLICY_BYTES_MAX)
    try:
        Policy.parse(data)
    except FormatError as error:
        raise click.BadParameter(f"{path}: {error.detail}", ctx=ctx, param=param) from None
    return data
