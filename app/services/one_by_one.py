"""Work for many, one by one: what fails for one of them does not hold up the others, and is not passed over either.

    many = OneByOne()
    for citizen in citizens:
        with many.one():
            done += step(citizen)
    many.raise_failed(done)          # PartlyDoneError(done, {"SignatureError bad-signature": 1})

Of an error its kind and code are kept, never its text, which may name a citizen. A database that is away is away for all of
them: that ends the work at once.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.core.errors import CredenceError
from app.db.session import DATABASE_AWAY

if TYPE_CHECKING:
    from collections.abc import Iterator


class PartlyDoneError(CredenceError):
    """So much was `done`; `failed` counts by kind of error for how many it was not."""

    code = "partly-done"

    def __init__(self, done: int, failed: Counter[str]) -> None:
        super().__init__(f"{done:,} done, and {failed.total():,} could not be: {', '.join(sorted(failed))}")
        self.done = done
        self.failed = failed


def kind_of(error: Exception) -> str:
    """All that is kept of an error: `SignatureError bad-signature`."""
    code = f" {error.code}" if isinstance(error, CredenceError) else ""
    return type(error).__name__ + code


class OneByOne:
    """Counts what failed by kind of error."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()

    @contextmanager
    def one(self) -> Iterator[None]:
        """The work for one: its error is counted, and the next one's turn comes."""
        try:
            yield
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one is nothing to the others
            self.failed[kind_of(error)] += 1

    def raise_failed(self, done: int) -> None:
        """PartlyDoneError when anything failed."""
        if self.failed:
            raise PartlyDoneError(done, self.failed)
