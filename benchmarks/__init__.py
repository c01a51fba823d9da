"""Measurements, as ratios of floors that are taken in the same run: `python -m benchmarks`, which is `make bench`.

    __main__     options, order, time limit, table, docs/performance.md
    report       rows: what, measured, floor, ratio, target, met or not
    places       folders and databases that a run makes and takes away again
    floors       Ed25519 verifications, SHA-256, bare COPY
    importing    the research data over HTTP into a running bureau
    serving      proofs and inquiries over HTTP against a hello-world; load, hello: its parts
    proving      proofs built and verified in one process
    intake       batches by two processes against COPY of the same rows; then the sequencer on them
    synthetic    ledgers of any number of citizens, written as intake would
    sequencing   blocks at 30,000 and at 1,000,000 citizens

A floor is the least that the work can cost with the tools at hand, so a ratio says what is left to gain. Seconds differ
from machine to machine, ratios much less. All of it talks to this machine only.
"""
