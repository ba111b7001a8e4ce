"""Jobs, an inventory and the policies' answers become a State."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sim.state.answers import Answers, Taste
from sim.state.arrays import F8
from sim.state.calendar import calendar_of
from sim.state.columns import (
    APART,
    BLOCK,
    HEAD,
    LAST,
    LEFT,
    PLAN,
    PLANNED,
    PLENTY,
    RELEASE,
    SHADOW,
    SHADOW_KIND,
    SPARE,
    TURN,
    WHOLE,
    Agenda,
    Elastic,
    Events,
    Face,
    Jobs,
    Kinds,
    Ledger,
    Nodes,
    Order,
    Paces,
    Scratch,
)
from sim.state.devices import cache_of, devices_of
from sim.state.due import due_of, held
from sim.state.elastic import at_least, elastic_of
from sim.state.fabric import no_fabric
from sim.state.fair_share import no_shares
from sim.state.fits import fits_never
from sim.state.handle import State
from sim.state.inventory import Inventory
from sim.state.memory import notes_of, usage_of
from sim.state.mig import cuts, no_slices
from sim.state.quota import no_caps, no_quota
from sim.state.sizes import no_sizes
from sim.state.slices import Moving, Qos, Sharing, Slices, Spans, Topology
from sim.state.spans import anywhere
from sim.state.topology import no_topology
from sim.state.waits import Waits, waits_of
from sim.state.words import Cause, JobState


def order_of(rows: int) -> Order:
    """Return an empty order with room for so many jobs, even in half-empty blocks."""
    blocks = 2 * (rows // BLOCK + 1) + 8
    return Order(
        np.empty((blocks, BLOCK), np.int64),
        np.empty((blocks, BLOCK)),
        np.zeros(blocks, np.int64),
        np.zeros(blocks, np.int64),
        np.arange(blocks, dtype=np.int64),
        np.array([0, blocks, 0], np.int64),
    )


def ledger_of(rows: int, devices: bool = False, most: int = 0) -> Ledger:
    """Return an empty ledger with room for so many rows, with or without the devices of each.

    `most` devices a node have slices.
    """

    def empty(dtype: type) -> np.ndarray:
        return np.empty(rows, dtype)

    return Ledger(
        job=empty(np.int32), node=empty(np.int32), gpus=empty(np.int32), start_s=empty(np.float64),
        end_s=empty(np.float64), why=empty(np.int8), older=empty(np.int64), newer=empty(np.int64),
        devices=np.empty(rows if devices else 0, np.int64),
        slices=np.zeros((rows if most else 0, most), np.int16), n=np.zeros(1, np.int64),
    )  # fmt: skip


def longer(ledger: Ledger, rows: int) -> Ledger:
    """Return the ledger with room for at least so many rows more, half as many again at least."""
    used = int(ledger.n[0])
    most = ledger.slices.shape[1]
    new = ledger_of(max(used + rows, used * 3 // 2), ledger.devices.size > 0, most)
    for name in Ledger._fields[:-1]:
        getattr(new, name)[:used] = getattr(ledger, name)[:used]
    new.n[0] = used
    return new


def nodes_of(inventory: Inventory) -> tuple[Nodes, np.ndarray]:
    """Return the nodes, all up and empty, and the pool of each."""
    kinds = inventory.kinds
    counts = [pool.nodes for pool in inventory.pools]

    def column(values: Sequence[float], dtype: Any) -> np.ndarray:
        return np.repeat(np.array(values, dtype), counts)

    pools = inventory.pools
    kind = column([kinds.index((p.gpu, p.gpus_per_node)) for p in pools], np.int64)
    gpus = column([p.gpus_per_node for p in pools], np.int64)
    free = gpus - np.repeat(cuts(inventory), counts)
    cpu = [PLENTY if p.cpus is None else round(1000 * p.cpus) for p in pools]
    mem = [PLENTY if p.mem_bytes is None else int(p.mem_bytes) for p in pools]
    mcpu, mem_bytes = column(cpu, np.int64), column(mem, np.int64)
    m = len(kind)
    rank = np.arange(m, dtype=np.int64)
    nodes = Nodes(
        kind, gpus, free, mcpu, mcpu.copy(), mem_bytes, mem_bytes.copy(),
        np.ones(m, np.bool_), rank, rank.copy(), np.full(m, -1, np.int64),
        np.full(m, -1, np.int64), np.zeros(m, np.bool_), np.full((m, 3), PLENTY, np.int64),
    )  # fmt: skip
    return nodes, column(range(len(pools)), np.int64)


def ranked(nodes: Nodes, node_key: F8) -> Nodes:
    """Return the nodes in placement's own order: least key first, ties to the lower number."""
    by_rank = np.argsort(node_key, kind="stable").astype(np.int64)
    rank = np.empty_like(by_rank)
    rank[by_rank] = np.arange(len(by_rank), dtype=np.int64)
    return nodes._replace(rank=rank, by_rank=by_rank)


def taste_of(level_key: F8, scatter: bool, runs: bool, first_alone: bool = False) -> Taste:
    """Return the levels in order of their keys, and where each group of equal keys begins."""
    level = np.argsort(level_key, kind="stable").astype(np.int64)
    begins = np.flatnonzero(np.diff(level_key[level])) + 1
    group = np.concatenate([[0], begins, [len(level)]]).astype(np.int64)
    return Taste(level, group, bool(scatter), bool(runs), bool(first_alone))


def whole(rule: Any) -> Any:
    """Return a Rule or Yield with its numbers in the types that the kernels expect."""
    plain = rule._field_defaults
    return type(rule)(*(type(plain[name])(getattr(rule, name)) for name in rule._fields))


def events_of(jobs: Jobs, waits: Waits) -> Events:
    """Return what jobs will do by themselves, in order; jobs that can never fit do nothing.

    Those that wait for others, or for a place in their array, are let in by `kernel.release`.
    """
    alive = np.flatnonzero(jobs.state == JobState.UNBORN)
    comes = alive[~held(waits)[alive]] if waits.need.size else alive
    arrive = comes[np.argsort(jobs.enter_s[comes], kind="stable")]
    quits = alive[np.isfinite(jobs.cancel_s[alive])]
    cancel = quits[np.argsort(jobs.cancel_s[quits], kind="stable")]
    return Events(arrive.astype(np.int64), cancel.astype(np.int64))


def shared(jobs: Jobs, slices: Slices) -> np.ndarray:
    """Return (n,) whether a job takes less than devices of its own: shares, or instances."""
    less: np.ndarray = jobs.milli < WHOLE
    return less | slices.sliced[jobs.klass] if slices.on else less


def pass_rows(state: State) -> int:
    """Return how many rows one pass can add to the ledger.

    One a GPU, and the jobs that take none or only shares, of which any number may start.
    """
    jobs = state.jobs
    zero, shares = jobs.gpus == 0, shared(jobs, state.slices)
    return int(state.nodes.gpus.sum() + jobs.chunks[zero].sum() + jobs.gpus[shares].sum()) + 1


def scratch_of(rows: int) -> Scratch:
    """Return room for what a search finds: a gang's nodes, or all of them."""
    return Scratch(np.empty(rows, np.int64), np.zeros(rows, np.int64), np.zeros(1, np.int64))


def no_qos() -> Qos:
    """Return that nobody gives way by quality of service."""
    return Qos(np.zeros((0, 0), np.int64), np.zeros(0), np.zeros(0, np.bool_), np.zeros(0))


class Asks(NamedTuple):
    """What jobs ask beside their columns; None where nobody does."""

    elastic: Elastic | None = None  # between which sizes each may be, where somebody sizes them
    slices: Slices | None = None  # of MIG instances
    spans: Spans | None = None  # within what the nodes of each must lie
    topology: Topology | None = None  # how a gang lies on leaves or blocks
    qos: Qos | None = None  # who gives way to whom by it


def assemble(jobs: Jobs, nodes: Nodes, kinds: Kinds, answers: Answers, asks: Asks) -> State:
    """Return a State at time 0: nodes empty, jobs unborn, those that can never fit set aside."""
    rule, taste, gives, score, half_life_s, slows, notes, quota, share = answers[:9]
    elastic = elastic_of(jobs) if asks.elastic is None else asks.elastic
    slices, spans = asks.slices or no_slices(), asks.spans or anywhere()
    least = at_least(jobs, elastic)
    jobs.state[fits_never(least, kinds, nodes, taste.scatter, slices, spans)] = JobState.UNFIT
    less = shared(jobs, slices)
    devices = devices_of(less, nodes, rule, gives, score, slices)
    sharing = Sharing(bool(less.any() and (share.factor[1:] != 1.0).any()), share.factor)
    fabric = answers.fabric or no_fabric()
    slows = slows or sharing.on or fabric.on or answers.hobbles
    n, m = len(jobs.gpus), len(nodes.kind)
    zero = jobs.gpus == 0
    shares = jobs.gpus[less]
    slots = int(nodes.gpus.sum() + jobs.chunks[zero].sum() + shares.sum()) + 1
    size = np.maximum(kinds.size.max(), 1)
    rows = np.where(jobs.chunk_gpus < 0, -(-jobs.gpus // size), jobs.chunks)
    numbers = np.zeros(32, np.int64)
    numbers[LEFT] = int((jobs.state == JobState.UNBORN).sum())
    numbers[SPARE], numbers[SHADOW_KIND], numbers[HEAD], numbers[LAST] = PLENTY, -1, -1, -1
    numbers[APART] = (
        rule.reserves > 1
        or gives.tail
        or gives.rebuild
        or gives.most_moved > 0
        or elastic.told.size > 0
        or quota is not None
        or answers.windows > 0
    )
    waits = waits_of(answers.waits, n, min(n, slots) if gives.suspends else 0)
    due = due_of(jobs, waits, gives.requeue_s > 0.0)
    calendar = calendar_of(answers.windows, m, int(jobs.tenant.max(initial=0)) + 1)
    times = np.zeros(8)
    times[PLANNED] = -np.inf
    times[[SHADOW, PLAN, TURN, RELEASE]] = np.inf
    if waits.need.size:
        times[RELEASE] = 0.0
    heap = min(n, slots) * 2 + 64
    agenda = Agenda(
        np.empty(heap), np.empty(heap, np.int64), np.empty(heap, np.int64), np.zeros(1, np.int64)
    )
    width = m + int(kinds.size.max()) + 1
    ledger = ledger_of(int(rows.sum()) + 2 * slots + 2 * m, devices.on, slices.taken.shape[1])
    return State(
        jobs, nodes, kinds, order_of(n), order_of(min(n, slots)), order_of(min(n, slots)), agenda,
        ledger, events_of(jobs, waits), whole(rule), whole(gives), taste, devices, score,
        cache_of(jobs, nodes, score, devices), usage_of(jobs, half_life_s),
        Paces(np.ones((len(Cause) if slows else 0, n)), np.ones(m if answers.hobbles else 0)),
        elastic,
        notes_of(n, len(kinds.size), notes, gives.deals),
        *(quota or (no_quota(), no_caps(), no_shares(), no_sizes())),
        slices, sharing, spans, Moving(gives.most_moved > 0, int(gives.most_moved)),
        asks.topology or no_topology(), asks.qos or no_qos(),
        whole(answers.limits), waits, due, calendar, fabric,
        scratch_of(width), scratch_of(width), scratch_of(width), Face(times, numbers),
    )  # fmt: skip
