"""One run, whole: its tables, what made it, and the numbers that follow."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from sim.results import store
from sim.results.answers import Answers, OfTable
from sim.results.metrics import fleet, services, summary
from sim.units import human_s

LEFT = {"running": "still running", "waiting": "still waiting", "unborn": "not yet eligible"}
OF_JOBS = (
    "jobs completed",
    "the others",
    "wait, mean",
    "wait, median / p95",
    "waiting in all, mean",
    "completion time, mean",
    "queue, mean / most",
)
ENDED = {
    "unfit": "can never fit",
    "timeout": "ended at their walltime",
    "never": "waiting for what can no more come",
}


@dataclass(frozen=True)
class Result:
    """What happened in one run.

    Parameters
    ----------
    jobs, ledger, nodes, timeline : tables whose columns, units and meanings `sim.table` declares;
        `result.jobs.to_pandas()` gives a data frame.
    rejected : rows of the trace that were set aside, and why; None if there were none.
    answers : what became of the requests of services, block by block; None without one.
        `result.requests` is the table of them, declared in `sim.table_served`, made when asked for.
    replicas, services : tables of services, declared there too; None without one.
    node_states : how each node stood, where some came or went, declared there too; else None.
    stopped : who was stopped because its node was to go, there too; None where nobody was.
    links : what the fullest links of the fabric carried, by bins of time, there too; else None.
    fabric : what each link that jobs share carried in the mean, there too; else None.
    manifest : what made the run: configuration, seed, inputs, status, end_s, warmup_s.
    """

    jobs: pa.Table
    ledger: pa.Table
    nodes: pa.Table
    timeline: pa.Table
    rejected: pa.Table | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    answers: Answers | None = None
    replicas: pa.Table | None = None
    services: pa.Table | None = None
    node_states: pa.Table | None = None
    stopped: pa.Table | None = None
    links: pa.Table | None = None
    fabric: pa.Table | None = None

    @cached_property
    def requests(self) -> pa.Table | None:
        """The table of requests; None without a service."""
        return None if self.answers is None else self.answers.table()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The numbers of the run, as in metrics.json."""
        return summary(self)

    def write(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the run's files and return the folder.

        A folder that holds a run already raises RackplanError, unless `overwrite`.
        """
        return store.write(self, Path(folder), overwrite)

    @classmethod
    def read(cls, folder: str | Path) -> Result:
        """Return a run that was written."""
        parts = store.read(Path(folder))
        asked = parts.pop("requests", None)
        return cls(**parts, answers=None if asked is None else OfTable(asked))

    def to_csv(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the tables as CSV, safe to open in a spreadsheet, and return the folder.

        A folder that holds such files already raises RackplanError, unless `overwrite`.
        """
        return store.write_csv(self, Path(folder), overwrite)

    def headline(self) -> dict[str, str]:
        """Return the few numbers one looks at first, as text."""
        found = self.metrics
        wait, jct = found["wait_s"], found["jct_s"]
        states = found["jobs"]

        def time_of(value: float | None) -> str:
            return "–" if value is None else human_s(value)

        def share(value: float | None) -> str:
            return "–" if value is None else f"{100 * value:.1f} %"

        told = {
            "status": self.status(),
            "jobs completed": f"{states.get('completed', 0):,} of {states['submitted']:,}",
            "the others": self.others(),
            "simulated time": human_s(found["span_s"]),
            "GPUs": f"{found['gpus']:,} on {found['nodes']:,} nodes",
            "occupancy": share(found["occupancy"]),
            "wait, mean": time_of(wait.get("mean")),
            "wait, median / p95": f"{time_of(wait.get('p50'))} / {time_of(wait.get('p95'))}",
            "waiting in all, mean": time_of(found["waiting_s"].get("mean"))
            if found["evictions"]["count"]
            else "",
            "completion time, mean": time_of(jct.get("mean")),
            "queue, mean / most": f"{found['queue_jobs']['mean']:,.1f} / "
            f"{found['queue_jobs']['max']:,} jobs",
        }
        if resized := found.get("elastic"):
            many = resized["gpus"]["mean"]
            told["elastic jobs"] = f"{resized['jobs']:,}, resized {resized['resizes']:,} times" + (
                "" if many is None else f"; {many:,.1f} GPUs each in the mean"
            )
        if written := found.get("writes"):
            told["waited for storage"] = f"{share(written['wait_frac'])} of the jobs' GPU time"
        if (sent := found.get("network")) and sent["jobs"]:
            far = sent["by_reach"].get("several leaves") or sent["by_reach"].get("several pods")
            told["network slow-down, mean"] = (
                f"{sent['slowdown']['mean']:.3g} of jobs on several "
                + (f"nodes, {far['slowdown']['mean']:.3g} on several leaves" if far else "nodes")
            )
        told |= services.headline(found)
        told |= fleet.headline(found)
        if took := found.get("borrowed"):
            told["taken by services"] = (
                f"{took['borrowed_gpu_hours']:,.1f} GPU-hours, {took['evictions']:,} times from a "
                f"job; {took['lost_gpu_hours']:,.1f} of work lost"
            )
        if "serving" in found and not states["submitted"]:
            told = {name: text for name, text in told.items() if name not in OF_JOBS}
        if self.rejected is not None and self.rejected.num_rows:
            told["rows set aside"] = f"{self.rejected.num_rows:,}; rejected.parquet says why"
        return {name: text for name, text in told.items() if text}

    def status(self) -> str:
        """Return how the run ended; one that stopped with jobs left did so at its horizon."""
        status, states = str(self.manifest.get("status", "")), self.metrics["jobs"]
        left = status == "complete" and any(states.get(name) for name in LEFT)
        return "complete, up to the horizon" if left else status

    def others(self) -> str:
        """Return how the jobs stand that did not complete; "" if all did."""
        states = self.metrics["jobs"]
        rest = [name for name in states if name not in ("submitted", "completed")]
        return ", ".join(
            f"{states[name]:,} {LEFT.get(name) or ENDED.get(name) or name.replace('_', ' ')}"
            for name in sorted(rest, key=lambda name: (name in LEFT, name))
            if states[name]
        )

    def __repr__(self) -> str:
        """Return one line: what run it is, and its key numbers."""
        told = self.headline()
        name, seed = self.manifest.get("name"), self.manifest.get("seed", "")
        words = [
            f"Result{f' {name!r}' if name else ''}, seed {seed}: {told.get('status', 'no status')}",
            f"{told.get('jobs completed', '0 of 0')} jobs completed in {told['simulated time']}",
            f"{told['GPUs'].replace(' on', ' GPUs on')}, {told['occupancy']} occupied",
            f"mean wait {told.get('wait, mean', '–')}",
        ]
        return f"<{'; '.join(words)}>"

    def _repr_html_(self) -> str:
        """Return a small table of the headline, for Jupyter."""
        cell = "<td style='text-align:left;padding:2px 14px 2px 0'>"
        rows = "".join(
            f"<tr>{cell}{html.escape(name)}</td>{cell}<b>{html.escape(value)}</b></td></tr>"
            for name, value in self.headline().items()
        )
        title = html.escape(str(self.manifest.get("name") or "rackplan run"))
        seed = html.escape(str(self.manifest.get("seed", "")))
        return f"<table><caption><b>{title}</b>, seed {seed}</caption>{rows}</table>"
