"""The bureau of this machine, for the time of a command. Its libraries are loaded when it is opened, and not before."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.services.bureau import Bureau
    from app.services.home import Home


@contextmanager
def open_bureau(home: Home | None = None, database_url: str | None = None) -> Iterator[Bureau]:
    """The bureau of a home, or of CREDENCE_HOME; of a database, or of the one that the home or DATABASE_URL says."""
    from app.services.bureau import Bureau  # noqa: PLC0415 - loads the database
    from app.services.home import Home  # noqa: PLC0415

    bureau = Bureau.open(home or Home.from_environment(), database_url)
    try:
        yield bureau
    finally:
        bureau.close()
