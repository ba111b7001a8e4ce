"""What jobs send between their nodes, where the trace does not say."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
import pyarrow as pa

from sim import table
from sim.errors import ScenarioError
from sim.state.arrays import F8
from sim.state.fabric import Talk

PATTERNS = ("ring", "all_to_all")
Pattern = Literal["ring", "all_to_all"]


class AbstractComm(abc.ABC):
    """An assumption about jobs that do not say what they send."""

    def on(self, gpus_per_node: int, nic_Bps: float) -> AbstractComm:
        """Return the same where NVLink joins so many GPUs, each with a NIC of so much."""
        del gpus_per_node, nic_Bps
        return self

    def issues(self) -> list[str]:
        """Return what is wrong with its knobs, each as `path: what is; what must be`."""
        return []

    @abc.abstractmethod
    def assumed(self, jobs: pa.Table) -> Talk:
        """Return what each job of the table would send; wrong knobs raise ScenarioError."""


def _faults(fractions: Mapping[str, float], pattern: str) -> list[str]:
    found = [
        f"comm.{name}: is {value!r}; must be a number from 0 to 1"
        for name, value in fractions.items()
        if not (type(value) in (int, float) and 0.0 <= value <= 1.0)
    ]
    if pattern not in PATTERNS:
        found.append(f"comm.comm_pattern: is {pattern!r}; must be one of {', '.join(PATTERNS)}")
    return found


def refused(comm: AbstractComm) -> None:
    """Raise ScenarioError for wrong knobs."""
    if found := comm.issues():
        raise ScenarioError(found)


@final
@dataclass(frozen=True)
class SameForAll(AbstractComm):
    """An assumption, not a measurement: every job on several nodes communicates alike.

    Parameters
    ----------
    comm_fraction : share of its time, alone on a fabric without others, in which it sends between
        its nodes with all its NICs.
    comm_overlap : part of that which may run beside compute.
    comm_pattern : ring, each leaf and pod crossed once; or all_to_all, each GPU with each other.

    Neglects: that wide jobs communicate more than narrow ones, and models differ.
    """

    comm_fraction: float = 0.25
    comm_overlap: float = 0.0
    comm_pattern: Pattern = "ring"

    def issues(self) -> list[str]:
        """Return what is wrong with its knobs, each as `path: what is; what must be`."""
        parts = {"comm_fraction": self.comm_fraction, "comm_overlap": self.comm_overlap}
        return _faults(parts, self.comm_pattern)

    def assumed(self, jobs: pa.Table) -> Talk:
        """Return what each job of the table would send; wrong knobs raise ScenarioError."""
        refused(self)
        n, all_to_all = jobs.num_rows, self.comm_pattern == "all_to_all"
        return Talk(
            np.full(n, float(self.comm_fraction)), np.full(n, float(self.comm_overlap)),
            np.full(n, all_to_all),
        )  # fmt: skip


@final
@dataclass(frozen=True)
class ByClass(AbstractComm):
    """An assumption, not a measurement: jobs of one `job_class` communicate alike.

    Parameters
    ----------
    comm_fractions : of each class, as `SameForAll` has it for all.
    others : of jobs of other classes, and of none.
    comm_overlap, comm_pattern : of all.

    Neglects: as `SameForAll`, but for the class.
    """

    comm_fractions: Mapping[str, float] = field(default_factory=dict)
    others: float = 0.0
    comm_overlap: float = 0.0
    comm_pattern: Pattern = "ring"

    def issues(self) -> list[str]:
        """Return what is wrong with its knobs, each as `path: what is; what must be`."""
        by = {f"comm_fractions.{name}": value for name, value in self.comm_fractions.items()}
        parts = by | {"others": self.others, "comm_overlap": self.comm_overlap}
        return _faults(parts, self.comm_pattern)

    def assumed(self, jobs: pa.Table) -> Talk:
        """Return what each job of the table would send; wrong knobs raise ScenarioError."""
        refused(self)
        code, names = table.codes(jobs, "job_class")
        one = np.array([float(self.comm_fractions.get(name, self.others)) for name in names])
        n, all_to_all = jobs.num_rows, self.comm_pattern == "all_to_all"
        return Talk(one[code], np.full(n, float(self.comm_overlap)), np.full(n, all_to_all))


def _told(jobs: pa.Table, gpu_Bps: float, step_s: F8) -> F8:
    """Return the share of time in which each job says it sends, (n,); nan where it does not."""
    sent = table.to_numpy(jobs, "comm_bytes")
    with np.errstate(divide="ignore", invalid="ignore"):
        duty = np.where(sent > 0.0, sent / gpu_Bps / step_s, 0.0 * sent * step_s)
    late = np.flatnonzero(duty > 1.0)
    if late.size:
        job = int(late[0])
        raise ScenarioError(
            [f"comm_bytes: is {sent[job]:g} in steps of {step_s[job]:g} s for job "
             f"{jobs.column('job_id')[job].as_py()!r} ({late.size} such jobs); a GPU's "
             f"{gpu_Bps:g} Bps of the fabric send at most {gpu_Bps * step_s[job]:g} in that time: "
             "lower comm_bytes, or raise step_s or the fabric's node_Bps"]
        )  # fmt: skip
    given: F8 = table.to_numpy(jobs, "comm_fraction")
    return np.where(np.isnan(given), duty, given)


def talk_of(jobs: pa.Table, comm: AbstractComm, gpus_per_node: int, gpu_Bps: float) -> Talk:
    """Return what each job sends: as it says, else as is assumed.

    A job says it by `comm_fraction`, or by `comm_bytes` in `step_s` with NICs of `gpu_Bps` a GPU:
    duty = comm_bytes / (gpu_Bps step_s). More than that has time for raises ScenarioError.
    """
    comm = comm.on(gpus_per_node, gpu_Bps)
    assumed, step_s = comm.assumed(jobs), table.to_numpy(jobs, "step_s")
    told = _told(jobs, gpu_Bps, step_s)
    overlap = table.to_numpy(jobs, "comm_overlap")
    code, words = table.codes(jobs, "comm_pattern")
    pattern = np.array(words)[code]
    return Talk(
        np.where(np.isnan(told), assumed.duty, told),
        np.where(np.isnan(overlap), assumed.overlap, overlap),
        np.where(pattern == "", assumed.all_to_all, pattern == PATTERNS[1]),
        step_s if assumed.step_s is None else np.where(np.isnan(step_s), assumed.step_s, step_s),
    )
