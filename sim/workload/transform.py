"""One trace into another: each a frozen class with one method on a table of jobs."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.errors import ScenarioError
from sim.table import to_numpy
from sim.workload import rules
from sim.workload.after import copied
from sim.workload.bounds import MOST_JOBS
from sim.workload.order import INSTANTS, shifted

F8 = NDArray[np.float64]
MOST_BLOCKS = 10_000_000


class AbstractTransform(abc.ABC):
    """A table of jobs sorted by submit_s in, a table of jobs out; the order is mended after."""

    @abc.abstractmethod
    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the jobs; `gpus` are those of the cluster."""

    @abc.abstractmethod
    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""


def offered_load(jobs: pa.Table, gpus: int) -> float:
    """Return the load the jobs offer: sum of gpus x work_s over GPUs x the span of submissions.

    The span reaches from the first submission to the last and one mean gap further, so that n
    jobs fill n gaps. nan where there is no span.
    """
    submit, size = to_numpy(jobs, "submit_s"), to_numpy(jobs, "gpus")
    if len(submit) < 2 or submit.max() == submit.min() or gpus <= 0:
        return math.nan
    span_s = (submit.max() - submit.min()) * len(submit) / (len(submit) - 1)
    return float((size * to_numpy(jobs, "work_s")).sum() / (gpus * span_s))


@final
@dataclass(frozen=True)
class Cut(AbstractTransform):
    """The jobs submitted in [start_s, end_s), the first `jobs` of them, with start_s as instant 0.

    Neglects: what was running at start_s, so the cluster begins empty; leave a warm-up.
    """

    start_s: float = 0.0
    end_s: float | None = None
    jobs: int | None = None

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the window."""
        del rng, gpus
        submit = jobs.column("submit_s")
        kept = pc.greater_equal(submit, self.start_s)
        if self.end_s is not None:
            kept = pc.and_(kept, pc.less(submit, self.end_s))
        jobs = jobs.filter(kept)
        if self.jobs is not None:
            jobs = jobs.slice(0, self.jobs)
        return shifted(jobs, -self.start_s)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = [] if self.start_s == 0 else rules.above(f"{path}.start_s", self.start_s, 0)
        if self.end_s is not None:
            found += rules.above(f"{path}.end_s", self.end_s, self.start_s)
        if self.jobs is not None:
            found += rules.whole(f"{path}.jobs", self.jobs, 1)
        return found


@final
@dataclass(frozen=True)
class ScaleLoad(AbstractTransform):
    """The same jobs closer together or further apart: every submission at 1 / factor its time.

    Give `factor`, or `load`: the load to offer to the cluster (see `offered_load`). Waits until
    eligible, deadline and giving up stay as long as they were; daily rhythms shrink with time.
    """

    factor: float | None = None
    load: float | None = None

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the jobs at their new instants."""
        del rng
        factor = self.factor
        if factor is None:
            now = offered_load(jobs, gpus)
            factor = (self.load or 1.0) / now if now > 0 else 1.0
        submit = to_numpy(jobs, "submit_s")
        origin = submit.min(initial=math.inf)
        moved = (submit - origin) / factor + origin if len(submit) else submit
        for name in INSTANTS:
            if name in jobs.column_names:
                later = pc.add(jobs.column(name).cast(pa.float64()), pa.array(moved - submit))
                jobs = jobs.set_column(jobs.column_names.index(name), name, later)
        at = jobs.column_names.index("submit_s")
        return jobs.set_column(at, "submit_s", pa.array(moved))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        if (self.factor is None) == (self.load is None):
            return [f"{path}: has factor {self.factor} and load {self.load}; must have one of them"]
        name = "load" if self.factor is None else "factor"
        return rules.above(f"{path}.{name}", getattr(self, name), 0)


@final
@dataclass(frozen=True)
class ScaleSize(AbstractTransform):
    """The same jobs on more or fewer GPUs: gpus x factor, rounded, at least 1.

    cpus and mem_bytes follow the GPUs. An explicit shape (nodes, gpus_per_node) is dropped where
    the size changed; min_gpus and max_gpus are scaled alike. Work stays: the load scales too.
    """

    factor: float = 1.0

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the jobs at their new sizes."""
        del rng, gpus
        old = to_numpy(jobs, "gpus")
        new = self._scaled(old)
        ratio = np.where(old > 0, new / np.maximum(old, 1), 1.0)
        columns = {name: jobs.column(name) for name in jobs.column_names}
        for name in ("cpus", "mem_bytes"):
            if name in columns:
                columns[name] = _nullable(to_numpy(jobs, name) * ratio)
        for name in ("min_gpus", "max_gpus"):
            if name in columns:
                columns[name] = _whole(self._scaled(to_numpy(jobs, name)))
        for name in ("nodes", "gpus_per_node"):
            if name in columns:
                columns[name] = _whole(np.where(new == old, to_numpy(jobs, name), np.nan))
        columns["gpus"] = _whole(new)
        return pa.table(columns)

    def _scaled(self, values: F8) -> F8:
        """Return whole sizes, halves up, at least 1; 0 stays 0."""
        return np.where(values > 0, np.maximum(np.floor(values * self.factor + 0.5), 1), values)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return rules.above(f"{path}.factor", self.factor, 0, 1000)


@final
@dataclass(frozen=True)
class Thin(AbstractTransform):
    """Each job kept with probability `keep`, on its own: the rhythm stays, the load falls."""

    keep: float = 1.0

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the jobs kept."""
        del gpus
        return jobs.filter(pa.array(rng.random(jobs.num_rows) < self.keep))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return rules.above(f"{path}.keep", self.keep, 0, 1)


@final
@dataclass(frozen=True)
class BlockResample(AbstractTransform):
    """A new trace of whole blocks of the old one, drawn with replacement and laid end to end.

    Blocks of a day or a week keep the rhythm within them and the bursts; a repeated job is called
    `7~2` in the block that is third. `blocks` is how many to draw; None: as many as there are.

    Source: H. R. Kuensch, The Jackknife and the Bootstrap for General Stationary Observations,
    Annals of Statistics 17 (1989); D. Zakay and D. Feitelson, Workload Resampling, 2013.
    Neglects: what lasts longer than a block, such as a slow rise of the load.
    """

    block_s: float = 86400.0
    blocks: int | None = None

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the new trace."""
        del gpus
        submit = to_numpy(jobs, "submit_s")
        if not len(submit):
            return jobs
        with np.errstate(over="ignore", invalid="ignore"):
            ends = np.floor(np.array([submit.min(), submit.max()]) / self.block_s)
            most = max(ends[1] - ends[0] + 1, self.blocks or 0)
        if not most <= MOST_BLOCKS:
            told = f"makes {most:.3g} blocks of {self.block_s:g} s; at most {MOST_BLOCKS:,} fit"
            told += "; raise block_s, or lower blocks"
            raise ScenarioError([f"workload.transforms: BlockResample {told}"])
        block = np.floor(submit / self.block_s).astype(np.int64)
        first, count = int(block.min()), int(block.max() - block.min()) + 1
        drawn = rng.integers(0, count, self.blocks or count) + first
        begin, end = np.searchsorted(block, drawn), np.searchsorted(block, drawn, "right")
        held = end - begin
        if held.sum() > MOST_JOBS:
            told = f"makes {held.sum():.3g} jobs; at most {MOST_JOBS:,} fit; lower blocks"
            raise ScenarioError([f"workload.transforms: BlockResample {told}"])
        place = np.repeat(np.arange(len(drawn)), held)
        rows = np.arange(len(place)) + np.repeat(begin - (np.cumsum(held) - held), held)
        table = jobs.take(pa.array(rows))
        moved = pa.array((place + first - np.repeat(drawn, held)) * self.block_s)
        for name in INSTANTS:
            if name in table.column_names:
                later = pc.add(table.column(name).cast(pa.float64()), moved)
                table = table.set_column(table.column_names.index(name), name, later)
        suffix = pa.array(place).cast(pa.string())
        ids = pc.binary_join_element_wise(table.column("job_id"), suffix, "~")
        table = copied(table, place)
        return table.set_column(table.column_names.index("job_id"), "job_id", ids)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = rules.above(f"{path}.block_s", self.block_s, 0)
        return found + (
            [] if self.blocks is None else rules.whole(f"{path}.blocks", self.blocks, 1)
        )


@final
@dataclass(frozen=True)
class Shift(AbstractTransform):
    """Every instant later by `by_s`: to begin the trace at another hour of the week."""

    by_s: float = 0.0

    def apply(self, jobs: pa.Table, rng: np.random.Generator, gpus: int) -> pa.Table:
        """Return the jobs at their new instants."""
        del rng, gpus
        return shifted(jobs, self.by_s)

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return [] if self.by_s == 0 else rules.above(f"{path}.by_s", self.by_s, 0)


def _nullable(values: F8) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _whole(values: F8) -> pa.Array:
    gone = np.isnan(values)
    return pa.array(np.where(gone, 0, values).astype(np.int32), mask=gone)
