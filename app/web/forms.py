"""What people type into a form. Browsers end lines with CR LF; what is stored or signed has the ledger's line ends."""

from __future__ import annotations

from flask import abort, request

from app.core.exchange.request_note import REQUEST_BYTES_MAX


def typed(name: str) -> str:
    """A field as it was typed, but for its line ends; empty when the form has none of this name."""
    return request.form.get(name, "").replace("\r\n", "\n")


def written(name: str) -> str:
    """The same without the white space around it."""
    return typed(name).strip()


def printable(name: str) -> str:
    """The same as an event can hold it: no control characters but line ends."""
    lines = typed(name).replace("\r", "\n").replace("\t", " ")
    return "".join(char for char in lines if char == "\n" or char.isprintable()).strip()


def signed_note() -> bytes:
    """The field `note` as it was signed; 413 when it is longer than any."""
    note = typed("note").encode()
    if len(note) > REQUEST_BYTES_MAX:
        abort(413)
    return note
