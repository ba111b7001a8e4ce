"""The GPUs of a node one by one, and a placement that scores nodes: their first values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.errors import ScenarioError
from sim.state.answers import Rule, Score, Yield
from sim.state.columns import PLENTY, WHOLE, Cache, Devices, Jobs, Nodes
from sim.state.slices import Slices
from sim.state.words import Term

MOST_GPUS = 62
"""GPUs a node whose devices are told apart: a bit each in the ledger."""
CACHED = 1 << 22
"""Scores that are remembered at most; beyond, forms of jobs take turns."""


@dataclass(frozen=True)
class Typical:
    """Jobs like which are often asked for: the share of all, and what each wants."""

    often: float
    mcpu: int
    gpus: int
    milli: int
    gpu_types: frozenset[str] = frozenset()  # empty: any


@dataclass(frozen=True)
class Scoring:
    """A placement's answer if it scores nodes: what each term weighs, and the numbers it needs.

    A node's score is the sum of weight times term, whole numbers; the greatest wins, ties go to
    the first in the placement's order of nodes, or, with a `draw`, to any of them.

    Parameters
    ----------
    resources : weights of cores, memory and GPUs in MOST, LEAST, SHAPE and BALANCE.
    shape : points (percent full, worth 0 to 10) of SHAPE, rising in the first.
    whole : thousandths that count as one of cores and of GPUs; None: the largest node's.
    tries : a share takes the device on which FRAGMENT is best, else the tightest that suffices.
    draw : (jobs,) a number in [0, 1) each; nodes and devices alike are taken by it.
    """

    weights: Mapping[Term, int]
    resources: tuple[int, int, int] = (1, 1, 1)
    shape: Sequence[tuple[int, int]] = ((0, 0), (100, 10))
    whole: tuple[float | None, float | None] = (None, None)
    tries: bool = False
    typical: Sequence[Typical] = field(default_factory=tuple)
    draw: np.ndarray | None = None


NO_SCORE = Score(
    False, False, np.zeros(len(Term), np.int64), np.zeros(3, np.int64), 1.0, 1.0,
    np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(0), np.zeros(0, np.int64),
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64),
    np.zeros((0, 1), np.bool_), np.zeros(0, np.int64),
)  # fmt: skip


def forms_of(jobs: Jobs, rows: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct wishes of some jobs, (forms, 7), and which of them is whose."""
    columns = (jobs.klass, jobs.gpus, jobs.chunks, jobs.chunk_gpus, jobs.mcpu, jobs.mem_bytes,
               jobs.milli)  # fmt: skip
    wishes = np.stack([column[rows] for column in columns], axis=1)
    distinct, which = np.unique(wishes, axis=0, return_inverse=True)
    return distinct, which.reshape(-1)


def score_of(made: Scoring, nodes: Nodes, kinds: Sequence[tuple[str, int]]) -> Score:
    """Return the placement's numbers as the kernels read them."""
    weight = np.zeros(len(Term), np.int64)
    for term, value in made.weights.items():
        weight[term] = value
    cores = nodes.mcpu[nodes.mcpu < PLENTY]
    mcpu = made.whole[0] or (float(cores.max()) if cores.size else 1.0)
    milli = made.whole[1] or float(WHOLE * max(int(nodes.gpus.max()), 1))
    sizes = sorted({one.milli for one in made.typical if one.gpus > 0})

    def column(name: str) -> np.ndarray:
        return np.array([getattr(one, name) for one in made.typical], np.int64)

    allowed = [
        [not one.gpu_types or gpu in one.gpu_types for gpu, _ in kinds] for one in made.typical
    ]
    size = [sizes.index(one.milli) if one.gpus > 0 else -1 for one in made.typical]
    points = np.array(made.shape, np.int64).reshape(-1, 2)
    return Score(
        True, bool(made.tries), weight, np.array(made.resources, np.int64), float(max(mcpu, 1.0)),
        milli, points[:, 0].copy(), points[:, 1].copy(),
        np.array([one.often for one in made.typical], np.float64), column("mcpu"), column("gpus"),
        column("milli"), np.array(size, np.int64),
        np.array(allowed, np.bool_).reshape(len(made.typical), len(kinds)),
        np.array(sizes, np.int64),
    )  # fmt: skip


def devices_of(
    less: np.ndarray, nodes: Nodes, rule: Rule, gives: Yield, score: Score, slices: Slices
) -> Devices:
    """Return every device free; nothing at all where nobody asks about single devices.

    `less` (jobs,) says who takes less than devices of its own.
    """
    shared = bool(less.any())
    if not shared and not score.on:
        empty = np.zeros((0, 0), np.int64)
        return Devices(False, False, empty, empty.copy(), np.zeros(0, np.int64))
    faults = []
    if nodes.gpus.max() > MOST_GPUS:
        faults.append(
            f"cluster.gpus_per_node: is {nodes.gpus.max()}; must be <= {MOST_GPUS} where jobs "
            "share GPUs or the placement scores nodes"
        )
    if shared and rule.reserves > 0 and rule.interval_s == 0.0 and not rule.by_nodes:
        faults.append(
            f"backfill: counts whole GPUs, but {less.sum()} jobs ask for shares "
            "(gpu_milli, mig_profile); must be none, skip, slurm, or easy with reservation=nodes"
        )
    if shared and gives.deals:
        faults.append(
            f"queue: deals kinds of node by whole GPUs, but {less.sum()} jobs ask for shares "
            "(gpu_milli, mig_profile); must be one that only orders jobs"
        )
    elif shared and gives.rebuild:
        faults.append(
            f"preemption: rebuild counts whole GPUs, but {less.sum()} jobs ask for "
            "shares (gpu_milli, mig_profile); must be none or tail"
        )
    if faults:
        raise ScenarioError(faults)
    most = max(int(nodes.gpus.max()), 1)
    own = np.arange(most) < nodes.gpus[:, None]
    if slices.on:
        own &= ~slices.cut[slices.layout]
    held = np.zeros((len(nodes.kind), most + 1), np.int64)
    free = np.where(own, WHOLE, 0).astype(np.int64)
    return Devices(True, shared, free, held, np.zeros(len(nodes.kind), np.int64))


def cache_of(jobs: Jobs, nodes: Nodes, score: Score, devices: Devices) -> Cache:
    """Return room for scores, and number the forms of jobs."""
    m = len(nodes.kind) if score.on else 0
    rows = 0
    if score.on:
        distinct, which = forms_of(jobs, slice(None))
        jobs.form[:] = which
        rows = min(max(len(distinct), 1), max(CACHED // max(m, 1), 1))
    many = len(score.sizes)
    return Cache(
        np.full(rows, -1, np.int64), np.full((rows, m), -1, np.int64),
        np.full((rows, m), -1, np.int64), np.zeros(m), np.full(m, -1, np.int64),
        np.zeros(devices.free_milli.shape[1], np.int64), np.zeros(many, np.int64),
        np.zeros(many, np.int64),
    )  # fmt: skip
