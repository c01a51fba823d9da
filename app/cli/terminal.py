"""Rich's console, for the commands that print with colours."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """Leaves a closed pipe to the command line (`app.cli.pipes`), where rich would end the process with code 1."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - rich calls this while it handles BrokenPipeError
