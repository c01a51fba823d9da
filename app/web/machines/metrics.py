"""Figures for Prometheus, added up over all worker processes.

Each worker writes its counters into memory-mapped files in one directory (prometheus-client's multiprocess
mode); whichever worker is asked for /metrics adds them up. The directory belongs to one run of the server:
its name carries the process id of the workers' common parent, so a restart begins at zero and no worker
sweeps away what another one writes. Labels are route patterns, methods and statuses: never a path, an
address, a name of a citizen or a token.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from app.db.scheduling import LastRun
    from app.services.ledger.figures import Figures

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one worker, in `folder/metrics-<parent's pid>`."""

    def __init__(self, folder: Path) -> None:
        for old in folder.glob("metrics-*"):
            parent = old.name.removeprefix("metrics-")
            if not (parent.isdigit() and psutil.pid_exists(int(parent))):
                shutil.rmtree(old, ignore_errors=True)
        self.directory = folder / f"metrics-{os.getppid()}"
        self.directory.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.directory)
        self._storage = values.get_value_class()  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        self.requests = Counter(
            "credence_http_requests_total", "Answers given.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "credence_http_seconds", "Time to an answer.", ["route"], buckets=SECONDS, registry=registry
        )
        self.bytes_in = Counter(
            "credence_http_received_bytes_total", "Bytes of bodies.", ["route"], registry=registry
        )
        self.bytes_out = Counter(
            "credence_http_sent_bytes_total", "Bytes of answers.", ["route"], registry=registry
        )

        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter, Counter]] = {}

    def observe(
        self, method: str, route: str, status: int, *, seconds: float, received: int, sent: int
    ) -> None:
        children = self._children.get((method, route, status))
        if children is None:
            # The library chose its storage when it was imported, and keeps it for all; ours is known since we are made.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.directory)
            values.ValueClass = self._storage
            children = self._children[method, route, status] = (
                self.requests.labels(method, route, str(status)),
                self.seconds.labels(route),
                self.bytes_in.labels(route),
                self.bytes_out.labels(route),
            )
        requests, histogram, bytes_in, bytes_out = children
        requests.inc()
        histogram.observe(seconds)
        if received:
            bytes_in.inc(received)
        bytes_out.inc(sent)

    def render(self, ledger: Figures | None, jobs: Collection[LastRun] = ()) -> bytes:
        """Prometheus' text format: all workers' counters, the ledger's figures when they can be had, the scheduler's jobs."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self.directory))  # type: ignore[no-untyped-call]
        if ledger is not None:
            registry.register(LedgerCollector(ledger))
        registry.register(JobCollector(jobs))
        text: bytes = generate_latest(registry)
        return text


class LedgerCollector:
    """The public figures of the ledger as gauges."""

    def __init__(self, ledger: Figures) -> None:
        self.ledger = ledger

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ledger = self.ledger
        for name, value in (
            ("events", ledger.events),
            ("citizens", ledger.citizens),
            ("batches", ledger.batches),
            ("blocks", ledger.blocks),
            ("tree_size", ledger.tree_size),
        ):
            yield GaugeMetricFamily(
                f"credence_ledger_{name}", f"The ledger's {name.replace('_', ' ')}.", value=value
            )
        if ledger.last_block_time is not None:
            yield GaugeMetricFamily(
                "credence_ledger_last_block_timestamp_seconds",
                "When the newest block was made.",
                value=ledger.last_block_time.timestamp(),
            )


class JobCollector:
    """What the scheduler did last: a label a job, which come from a short list."""

    def __init__(self, jobs: Collection[LastRun]) -> None:
        self.jobs = jobs

    def collect(self) -> Iterator[Metric]:
        started = GaugeMetricFamily(
            "credence_job_started_timestamp_seconds", "When a job last began.", labels=["job"]
        )
        succeeded = GaugeMetricFamily(
            "credence_job_succeeded_timestamp_seconds", "When a job last succeeded.", labels=["job"]
        )
        failures = GaugeMetricFamily(
            "credence_job_failures", "Runs in a row without success.", labels=["job"]
        )
        failed_for = GaugeMetricFamily(
            "credence_job_failed_for",
            "For how many the last run failed while the others got theirs.",
            labels=["job"],
        )
        done = CounterMetricFamily("credence_job_done", "What a job has done in all.", labels=["job"])
        for last in self.jobs:
            started.add_metric([last.job], last.started_at.timestamp())
            if last.succeeded_at is not None:
                succeeded.add_metric([last.job], last.succeeded_at.timestamp())
            failures.add_metric([last.job], last.failures)
            failed_for.add_metric([last.job], last.failed_for)
            done.add_metric([last.job], last.done)
        yield from (started, succeeded, failures, failed_for, done)
