"""`credence migrate`: the database's tables, brought up to date; and the ledger founded in them if there is none."""

from __future__ import annotations

import click

from app.db import engine
from app.db import migrate as migrations
from app.services.citizens.tagging import tag_all
from app.services.home import Home
from app.services.ledger.founding import Charter, found


@click.command()
def migrate() -> None:
    """Bring the database's tables up to date, and found a ledger in it if it holds none.

    DATABASE_URL names the database; without it the embedded one in CREDENCE_HOME is used. Its user must be allowed to
    create roles at the first migration. A new ledger takes CREDENCE_ORIGIN, CREDENCE_SCHEME, CREDENCE_PROFILE and
    CREDENCE_UTC_OFFSET_MINUTES for good.

    \b
        DATABASE_URL=postgresql://owner@localhost/credence credence migrate
    """
    home = Home.from_environment()
    url = engine.database_url(home.path)
    before = migrations.current(url)
    migrations.upgrade(url)
    click.echo(f"Tables: {before or 'none'} -> {migrations.current(url)}")
    if found(home, Charter.from_environment(), url):
        click.echo(
            f"Founded the ledger {Charter.from_environment().origin}; its keys are in {home.keys}: back them up."
        )
    tagged = tag_all(home, url)
    if tagged:
        click.echo(f"Citizens who got their tags: {tagged:,}")
