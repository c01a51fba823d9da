"""Where a page may send people: only to a path of ours, never elsewhere."""

from __future__ import annotations


def own_path(text: str, default: str = "/") -> str:
    """The text if it is a path of this service, else `default`."""
    elsewhere = (
        not text.startswith("/") or text.startswith(("//", "/\\")) or any(ord(each) < 33 for each in text)
    )
    return default if elsewhere else text
