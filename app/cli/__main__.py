"""`python -m app.cli` is `credence`."""

from app.cli import main

main(prog_name="credence")
