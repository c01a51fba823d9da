"""A command whose output nobody reads any more ends quietly, as every Unix tool does.

    credence keys list | head -1         head has its line and is gone; the command ends without a word

SIGPIPE ends a Unix tool then, which a shell shows as 128 + 13 = 141. Python ignores that signal, for the sake of sockets, and
raises BrokenPipeError instead. Commands end by that error, so that every `with` is left in order, and with that number, never
with 1, which says of `credence verify` that a proof does not hold.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from click import ClickException

if TYPE_CHECKING:
    from collections.abc import Iterator

UNREAD: Final = 128 + signal.SIGPIPE


class UnreadError(ClickException):
    """The reader of what a command writes is gone: no error to speak of, and nobody to speak to."""

    exit_code = UNREAD

    def show(self, file: IO[str] | None = None) -> None:  # noqa: ARG002 - click's signature
        """Nothing; and what is in the buffers still goes nowhere, or Python would complain of it at its end."""
        for stream in filter(_has_no_reader, (sys.stdout, sys.stderr)):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def quiet_when_unread() -> Iterator[None]:
    """UnreadError in place of a broken pipe, if that is the one to standard output or standard error."""
    try:
        yield
    except BrokenPipeError:
        if _has_no_reader(sys.stdout) or _has_no_reader(sys.stderr):
            raise UnreadError("nobody reads this") from None
        raise


def _has_no_reader(stream: IO[str]) -> bool:
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # a stand-in, or closed from the start
        return False
    poll = select.poll()
    poll.register(number, 0)
    return any(happened & select.POLLERR for _, happened in poll.poll(0))
