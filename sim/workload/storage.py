"""What jobs write to storage over the fabric, and how much storage takes."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa

from sim import table
from sim.errors import ScenarioError
from sim.state.columns import WHOLE
from sim.state.fabric import Writes


class AbstractStorage(abc.ABC):
    """What is written to storage, and where that hangs."""

    @abc.abstractmethod
    def writes(self, jobs: pa.Table) -> Writes | None:
        """Return what each job of the table writes; None where nobody writes over the fabric."""


@final
@dataclass(frozen=True)
class NoStorage(AbstractStorage):
    """Nothing is written over the fabric. Neglects: checkpoints, and storage."""

    def writes(self, jobs: pa.Table) -> None:
        """Return that nobody writes."""
        del jobs


@final
@dataclass(frozen=True)
class Checkpoints(AbstractStorage):
    """An assumption, not a measurement: every job writes a checkpoint now and then.

    All its GPUs send their part at once, out of their leaves and pods to storage, which hangs above
    them (on a leaf that is alone). A job that would take S of time for 1 of work without them takes

        S + q / x   if it waits for each;   max(S, q / x)   if it goes on beside,

    q being what a checkpoint takes at the full speed of the job's NICs, a second of the work
    between two, and x the share of that speed that it gets while it writes. Others on its links are
    counted for the part of the time in which they send or write, as jobs are that share a fabric.
    A job whose node fails loses what it has done since its last checkpoint.

    Parameters
    ----------
    gpu_bytes : of a checkpoint, each GPU's part of it, of jobs that do not say `checkpoint_bytes`.
    every_s : seconds of work from one to the next.
    waits : jobs stand still while they write; else they go on beside, as long as it takes no longer
        than till the next one.
    storage_Bps : what storage takes, of all jobs together.

    Source: as the mean field over duty cycles (`kernel.shares`), a job's writes a sender of their
    own. 14 bytes a parameter of a mixed-precision Adam: ZeRO (SC 2020), 3.1, without gradients.
    Neglects: that jobs may write at the same instant, beyond how often they write; reads at a
    start; a job's own sending beside what it writes in its NICs; that one written beside is not
    there yet if a failure comes before its end; jobs that share a GPU. What preemption costs is
    its own to say.
    """

    gpu_bytes: float = 4 * 2.0**30
    every_s: float = 1800.0
    waits: bool = True
    storage_Bps: float = 100e9

    def __post_init__(self) -> None:
        """Refuse numbers that are none."""
        found = [
            f"storage.{name}: is {value!r}; must be a number > 0"
            for name, value in (("every_s", self.every_s), ("storage_Bps", self.storage_Bps))
            if not 0.0 < value < np.inf
        ]
        if not 0.0 <= self.gpu_bytes < np.inf:
            found.append(f"storage.gpu_bytes: is {self.gpu_bytes!r}; must be a size >= 0")
        if found:
            raise ScenarioError(found)

    def writes(self, jobs: pa.Table) -> Writes:
        """Return what each job of the table writes."""
        told = table.to_numpy(jobs, "checkpoint_bytes")
        shares = table.to_numpy(jobs, "gpu_milli") < WHOLE
        whole = np.where(np.isnan(told), table.to_numpy(jobs, "gpus") * self.gpu_bytes, told)
        whole[shares] = 0.0
        return Writes(whole / self.every_s, self.every_s, self.waits, self.storage_Bps)
