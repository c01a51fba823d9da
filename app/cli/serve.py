"""`credence serve`: the web server alone. `credence up` starts it; so can any supervisor."""

from __future__ import annotations

import os

import click

from app.cli.server import become
from app.services.address import VARIABLE


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port to listen on."
)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@click.option(
    "--threads", type=click.IntRange(1, 64), default=16, show_default=True, help="Threads a process."
)
def serve(host: str, port: int, workers: int, threads: int) -> None:
    """Serve the API, the public log and the pages with granian, until it is told to stop (SIGTERM).

    Put a TLS terminating proxy in front of it for anything but this machine (docs/operations.md).

    \b
        CREDENCE_HOME=/srv/credence DATABASE_URL=postgresql:///credence credence serve --port 8080
    """
    os.environ.setdefault(VARIABLE, f"http://localhost:{port}")
    become("wsgi:app", host=host, port=port, workers=workers, threads=threads, kill_timeout_s=5)
