"""Jobs from laws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import pyarrow as pa

from sim.errors import ScenarioError
from sim.files import find, sha256
from sim.rng import Streams
from sim.table import JOB_REQUEST, from_numpy
from sim.workload import rules, throughput
from sim.workload.arrivals import AbstractArrivals, Poisson
from sim.workload.base import AbstractWorkload, Request
from sim.workload.bounds import LONGEST_S, MOST_JOBS
from sim.workload.durations import AbstractDuration, Empirical, LogNormal
from sim.workload.factors import AbstractFactor, Uniform
from sim.workload.order import finished
from sim.workload.sizes import AbstractSizes, Mix
from sim.workload.throughput import Throughput
from sim.workload.transform import AbstractTransform


@final
@dataclass(frozen=True)
class Synthetic(AbstractWorkload):
    """Jobs drawn from laws, each cause of chance from a stream of its own.

    Parameters
    ----------
    jobs, duration_s : how many, or for how long they come; with both, whichever is reached first.
    rate_per_s, load : jobs a second, or the share of the cluster's GPUs they keep busy:
        rate = load x GPUs / (E[work] x E[gpus x factor]). Exactly one of them.
    arrivals, work, sizes : the laws of instants, seconds and GPUs; independent of each other.
    estimate : the user's walltime as a factor on the work.
    deadline : submit_s + factor x work_s; None: no deadlines.
    tenants : names with weights; None: no tenants.
    priorities : numbers with weights, greater goes first; None: no priorities.
    cpus_per_gpu, mem_per_gpu_bytes : held with each GPU; None: not counted.
    elastic : which sizes jobs may have besides their own, such as MakeElastic; None: no other.
    job_classes : names with weights; None: all as fast on every GPU type.
    throughput : how fast each class runs on each GPU type: see `workload.throughput`.

    Instant 0 is where the laws begin, so the first job comes later.
    Neglects: users who come back, and that long jobs are also wide (but for sizes.work_factors).
    """

    jobs: int | None = 10_000
    duration_s: float | None = None
    rate_per_s: float | None = None
    load: float | None = 0.8
    arrivals: AbstractArrivals = field(default_factory=Poisson)
    work: AbstractDuration = field(default_factory=LogNormal)
    sizes: AbstractSizes = field(default_factory=Mix)
    estimate: AbstractFactor = field(default_factory=Uniform)
    deadline: AbstractFactor | None = None
    tenants: Mapping[str, float] | None = None
    priorities: Mapping[float, float] | None = None
    cpus_per_gpu: float | None = None
    mem_per_gpu_bytes: float | None = None
    elastic: AbstractTransform | None = None
    job_classes: Mapping[str, float] | None = None
    throughput: Throughput = None

    def rate(self, gpus: int) -> float:
        """Return the jobs a second for a cluster of so many GPUs."""
        if self.rate_per_s is not None:
            return self.rate_per_s
        area = self.work.mean() * self.sizes.mean_area()
        if not (0 < area < math.inf and gpus > 0) or self.load is None:
            told = "needs jobs with a finite mean of work and GPUs: cut the laws"
            if gpus <= 0:
                told = "is a share of GPUs, and the cluster has none: raise cluster.gpus_per_node"
            raise ScenarioError([f"workload.load: is {self.load}; it {told}, or give rate_per_s"])
        return self.load * gpus / area

    def request(self, streams: Streams, gpus: int) -> Request:
        """Return the jobs."""
        if found := self.issues():
            raise ScenarioError(found)
        rate, until = self.rate(gpus), math.inf if self.duration_s is None else self.duration_s
        expected = min(rate * until, math.inf if self.jobs is None else self.jobs)
        if expected > MOST_JOBS:
            least = "jobs" if self.duration_s is None or expected == self.jobs else "duration_s"
            told = f"is {getattr(self, least)!r}, which makes some {expected:.3g} jobs"
            raise ScenarioError([f"workload.{least}: {told}; at most {MOST_JOBS:,} fit; lower it"])
        submit = self.arrivals.times(streams.stream("arrivals"), rate, self.jobs, until)
        n = len(submit)
        size, factor = self.sizes.draw(streams.stream("sizes"), n)
        work = factor * self.work.draw(streams.stream("work"), n)
        if work.max(initial=0.0) > LONGEST_S:
            told = f"drew {work.max():.3g} s; at most {LONGEST_S:g} can be simulated"
            raise ScenarioError([f"workload.work: {told}; cut the law, as Pareto by most_s"])
        columns: dict[str, Any] = {
            "job_id": pa.array(np.arange(n)).cast(pa.string()),
            "submit_s": submit,
            "gpus": size,
            "work_s": work,
            "walltime_s": work * self.estimate.draw(streams.stream("estimates"), n),
        }
        self._more(columns, streams, n)
        inputs = throughput.read_from(self.throughput)
        if isinstance(self.work, Empirical) and self.work.path is not None:
            inputs[self.work.path] = sha256(find(self.work.path))
        note = f"drawn at {rate:.6g} jobs a second"
        jobs = from_numpy(JOB_REQUEST, columns)
        if self.elastic is not None:
            jobs = self.elastic.apply(jobs, streams.stream("elastic"), gpus)
        jobs = throughput.resolved(jobs, self.throughput)
        return Request(finished(jobs), None, (note,), inputs)

    def _more(self, columns: dict[str, Any], streams: Streams, n: int) -> None:
        size, work, submit = columns["gpus"], columns["work_s"], columns["submit_s"]
        if self.deadline is not None:
            draw = self.deadline.draw(streams.stream("deadlines"), n)
            columns["deadline_s"] = submit + draw * work
        mixes = ("tenant", self.tenants), ("priority", self.priorities)
        for name, mix in (*mixes, ("job_class", self.job_classes)):
            if mix:
                edges = np.cumsum(np.array(list(mix.values()), np.float64))
                drawn = streams.stream(name).random(n) * edges[-1]
                code = np.searchsorted(edges, drawn, "right").astype(np.int32)
                words: list[Any] = [float(k) if name == "priority" else str(k) for k in mix]
                columns[name] = pa.array(words).take(pa.array(code))
        if self.cpus_per_gpu is not None:
            columns["cpus"] = self.cpus_per_gpu * size
        if self.mem_per_gpu_bytes is not None:
            columns["mem_bytes"] = self.mem_per_gpu_bytes * size

    def late(self, path: str, until_s: float) -> list[str]:
        """Return the campaigns that begin so late."""
        return self.arrivals.late(f"{path}.arrivals", until_s)

    def issues(self, path: str = "workload") -> list[str]:
        """Return every fault of the parameters."""
        found = []
        if self.jobs is None and self.duration_s is None:
            found.append(f"{path}: has neither jobs nor duration_s; must have one of them")
        if (self.rate_per_s is None) == (self.load is None):
            told = f"has rate_per_s {self.rate_per_s} and load {self.load}"
            found.append(f"{path}: {told}; must have one of them, the other null")
        if self.jobs is not None:
            found += rules.whole(f"{path}.jobs", self.jobs, 1)
        for name in ("duration_s", "rate_per_s", "load"):
            if (value := getattr(self, name)) is not None:
                found += rules.above(f"{path}.{name}", value, 0)
        for name in ("cpus_per_gpu", "mem_per_gpu_bytes"):
            if (value := getattr(self, name)) is not None:
                found += rules.at_least(f"{path}.{name}", value, 0)
        return found + self._law_issues(path)

    def _law_issues(self, path: str) -> list[str]:
        laws: tuple[tuple[str, Any, type, str], ...] = (
            ("arrivals", self.arrivals, AbstractArrivals, "a law of arrivals, such as Poisson"),
            ("work", self.work, AbstractDuration, "a law of durations, such as LogNormal"),
            ("sizes", self.sizes, AbstractSizes, "a law of sizes, such as Mix"),
            ("estimate", self.estimate, AbstractFactor, "a law of factors, such as Uniform"),
        )
        found = [f for name, *rest in laws for f in rules.one_of(f"{path}.{name}", *rest)]
        if self.deadline is not None:
            example = "null, or a law of factors, such as Constant"
            found += rules.one_of(f"{path}.deadline", self.deadline, AbstractFactor, example)
        if self.elastic is not None:
            example = "null, or a transform, such as MakeElastic"
            found += rules.one_of(f"{path}.elastic", self.elastic, AbstractTransform, example)
        found += throughput.issues(self.throughput, f"{path}.throughput")
        for name in ("tenants", "priorities", "job_classes"):
            if (mix := getattr(self, name)) is not None:
                found += rules.shares(f"{path}.{name}", mix)
        if isinstance(self.priorities, Mapping) and not all(map(_is_float, self.priorities)):
            found.append(f"{path}.priorities: has keys {list(self.priorities)}; must be numbers")
        return found


def _is_float(key: Any) -> bool:
    try:
        return math.isfinite(float(key))
    except (TypeError, ValueError):
        return False
