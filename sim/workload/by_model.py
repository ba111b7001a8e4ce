"""What jobs send between their nodes, from the model that they train and how it is cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, final

import numpy as np
import pyarrow as pa

from sim import table
from sim.errors import ScenarioError
from sim.physics.parallelism import duty, step_s
from sim.physics.training import REDUCTIONS, Split, Transformer, profile
from sim.state.arrays import F8, I8
from sim.state.fabric import Talk
from sim.workload.comm import AbstractComm, refused

NEEDED = ("parameters", "layers", "hidden", "sequence_tokens", "tokens_per_gpu")
COUNTS = ("tensor", "context", "pipeline", "expert", "microbatches")
PARTS = ("active", "kv", "expert_parameters", "experts_a_token", "overlap")
KNOWN = (*NEEDED, *COUNTS, *PARTS)


def largest(gpus: I8, most: float) -> I8:
    """Return the greatest divisor of each number that is at most `most`, (n,)."""
    made = np.ones_like(gpus)
    for part in range(2, int(most) + 1):
        made = np.where(gpus % part == 0, part, made)
    return made


def fault_of(key: str, value: float) -> str:
    """Return what is wrong with one number of a model; "" if nothing is."""
    if key not in KNOWN:
        return f"is not known; valid are {', '.join(KNOWN)}"
    least, most = 0.0 if key in PARTS else 1.0, 1.0 if key == "overlap" else 1e18
    whole = key in COUNTS
    if type(value) in (int, float) and least <= value <= most and (not whole or value % 1 == 0):
        return ""
    return f"is {value!r}; must be a {'whole ' if whole else ''}number from {least:g} to {most:g}"


def faults_of(models: Mapping[str, Mapping[str, float]], others: str) -> Iterator[str]:
    """Give a fault for each number that is missing, unknown or out of range."""
    for name, has in models.items():
        path = f"comm.models.{name}"
        yield from (f"{path}.{k}: is missing; the model needs it" for k in NEEDED if k not in has)
        told = ((key, fault_of(key, value)) for key, value in has.items())
        yield from (f"{path}.{key}: {text}" for key, text in told if text)
    if others and others not in models:
        yield f"comm.others: is {others!r}; must be one of models, {', '.join(models)}, or empty"


@final
@dataclass(frozen=True)
class ByModel(AbstractComm):
    """An assumption: jobs of one `job_class` train one transformer, cut in one way.

    A job of n GPUs is cut by tensor, context and pipeline, each as far as it divides the job; data
    parallelism has the rest. Its share of time and its step come of `physics.training.profile`.

    Parameters
    ----------
    models : of each class, by name: parameters, layers, hidden, sequence_tokens, tokens_per_gpu of
        a step; and maybe tensor, context, pipeline, expert, microbatches (1 each), active, kv,
        expert_parameters, experts_a_token (0 each: dense), overlap (0).
    others : the model of jobs of other classes, and of none; empty: they send nothing.
    flops_per_s : that a GPU reaches, not its peak.
    gpus_per_node : that NVLink joins; None: those of a domain, where the fabric has NVLink over
        several nodes, else of the cluster's largest nodes.
    nvlink_Bps, nic_Bps : a GPU's way out, inside its node and into the fabric; nic_Bps None: the
        slowest of the fabric's. Another number than the fabric's is what a NIC reaches, not its
        line rate.
    alpha_s : of one message between nodes.
    reduction : of gradients between nodes: ring, double_tree, in_network (SHARP: half the bytes).

    Source: as `physics.training`.
    Neglects: as there; jobs on parts of nodes, which send more: all are reckoned on whole ones; who
        sends to whom by kind of group: all goes round one ring of nodes, or from all to all where
        there are experts, however few ranks a group of them has.
    """

    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    others: str = ""
    flops_per_s: float = 400e12
    gpus_per_node: int | None = None
    nvlink_Bps: float = 450e9
    nic_Bps: float | None = None
    alpha_s: float = 0.0
    reduction: Literal["ring", "double_tree", "in_network"] = "ring"

    def on(self, gpus_per_node: int, nic_Bps: float) -> ByModel:
        """Return the same where NVLink joins so many GPUs with such NICs, unless it says."""
        each = gpus_per_node if self.gpus_per_node is None else self.gpus_per_node
        return replace(
            self, gpus_per_node=each, nic_Bps=nic_Bps if self.nic_Bps is None else self.nic_Bps
        )

    def issues(self) -> list[str]:
        """Return what is wrong with its knobs, each as `path: what is; what must be`."""
        found = list(faults_of(self.models, self.others))
        for name in ("flops_per_s", "gpus_per_node", "nvlink_Bps", "nic_Bps"):
            value = getattr(self, name)
            if value is None and name in ("gpus_per_node", "nic_Bps"):
                continue  # told by `on`
            if not (type(value) in (int, float) and 0 < value < np.inf):
                found.append(f"comm.{name}: is {value!r}; must be a number above 0")
        if not (type(self.alpha_s) in (int, float) and 0 <= self.alpha_s < np.inf):
            found.append(f"comm.alpha_s: is {self.alpha_s!r}; must be a time >= 0")
        if self.reduction not in REDUCTIONS:
            found.append(
                f"comm.reduction: is {self.reduction!r}; must be one of {', '.join(REDUCTIONS)}"
            )
        return found

    def assumed(self, jobs: pa.Table) -> Talk:
        """Return what each job of the table would send; wrong knobs raise ScenarioError."""
        refused(self)
        if self.gpus_per_node is None or self.nic_Bps is None:
            raise ScenarioError(["comm: gpus_per_node or nic_Bps is None; say them, or ask `on`"])
        gpus = np.asarray(table.to_numpy(jobs, "gpus")).astype(np.int64)
        code, names = table.codes(jobs, "job_class")
        n = jobs.num_rows
        share, overlap, all_to_all = np.zeros(n), np.zeros(n), np.zeros(n, np.bool_)
        step = np.full(n, np.nan)
        for i, name in enumerate(names):
            model = self.models.get(name, self.models.get(self.others, {}))
            mine = np.flatnonzero((code == i) & (gpus > 0))
            if model and mine.size:
                share[mine], step[mine] = self.share(model, gpus[mine])
                overlap[mine] = model.get("overlap", 0.0)
                all_to_all[mine] = model.get("experts_a_token", 0.0) > 0.0
        return Talk(share, overlap, all_to_all, step)

    def share(self, has: Mapping[str, float], gpus: I8) -> tuple[F8, F8]:
        """Return in what part of its step each job of a model uses the fabric, alone, and the step.

        (n,) each, the step in seconds.
        """
        kinds, which = np.unique(gpus, return_inverse=True)
        tensor = largest(kinds, has.get("tensor", 1))
        context = largest(kinds // tensor, has.get("context", 1))
        pipeline = largest(kinds // tensor // context, has.get("pipeline", 1))
        data = kinds // tensor // context // pipeline
        expert = largest(data * context, has.get("expert", 1))
        sizes = [x.astype(np.float64) for x in (data, tensor, context, pipeline, expert)]
        split = Split(*sizes)._replace(microbatches=has.get("microbatches", 1.0))
        model = Transformer(
            has["parameters"], has["layers"], has["hidden"], has["sequence_tokens"],
            np.asarray(has["tokens_per_gpu"] * kinds, np.float64),
            **{key: has[key] for key in PARTS if key in has and key != "overlap"},
        )  # fmt: skip
        each, nic_Bps = self.gpus_per_node or 1, self.nic_Bps or np.inf  # told by now: see `on`
        made = profile(model, split, self.flops_per_s, each, self.nvlink_Bps, self.alpha_s,
                       has.get("overlap", 0.0), self.reduction)  # fmt: skip
        return duty(made, nic_Bps)[which], step_s(made, nic_Bps)[which]
