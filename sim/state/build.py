"""Jobs, an inventory and the policies' answers become a State."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.errors import ScenarioError
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
    WORD,
    Agenda,
    Elastic,
    Events,
    Face,
    Jobs,
    Kinds,
    Ledger,
    Nodes,
    Notes,
    Order,
    Paces,
    Scratch,
    Usage,
)
from sim.state.devices import cache_of, devices_of
from sim.state.due import due_of, held
from sim.state.elastic import at_least, elastic_of
from sim.state.fits import fits_never
from sim.state.handle import State
from sim.state.inventory import Inventory
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


def ledger_of(rows: int, devices: bool = False) -> Ledger:
    """Return an empty ledger with room for so many rows, with or without the devices of each."""

    def empty(dtype: type) -> np.ndarray:
        return np.empty(rows, dtype)

    return Ledger(
        job=empty(np.int32), node=empty(np.int32), gpus=empty(np.int32), start_s=empty(np.float64),
        end_s=empty(np.float64), why=empty(np.int8), older=empty(np.int64), newer=empty(np.int64),
        devices=np.empty(rows if devices else 0, np.int64), n=np.zeros(1, np.int64),
    )  # fmt: skip


def longer(ledger: Ledger, rows: int) -> Ledger:
    """Return the ledger with room for at least so many rows more, half as many again at least."""
    used = int(ledger.n[0])
    new = ledger_of(max(used + rows, used * 3 // 2), ledger.devices.size > 0)
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
    cpu = [PLENTY if p.cpus is None else round(1000 * p.cpus) for p in pools]
    mem = [PLENTY if p.mem_bytes is None else int(p.mem_bytes) for p in pools]
    mcpu, mem_bytes = column(cpu, np.int64), column(mem, np.int64)
    m = len(kind)
    rank = np.arange(m, dtype=np.int64)
    nodes = Nodes(
        kind, gpus, gpus.copy(), mcpu, mcpu.copy(), mem_bytes, mem_bytes.copy(),
        np.ones(m, np.bool_), rank, rank.copy(), np.full(m, -1, np.int64),
        np.full(m, -1, np.int64), np.zeros(m, np.bool_), np.full((m, 3), PLENTY, np.int64),
    )  # fmt: skip
    return nodes, column(range(len(pools)), np.int64)


def speeds(texts: Sequence[str], inventory: Inventory) -> tuple[F8, np.ndarray]:
    """Return (classes, kinds) speeds and the kinds fastest first, for each distinct `gpu_types`.

    "" is any type at speed 1; "a|b:0.5" is a at 1 or b at 0.5. Ties go to the kind listed first.
    """
    kinds = inventory.kinds
    speed = np.zeros((len(texts), len(kinds)))
    faults = []
    for i, text in enumerate(texts):
        if not text.strip():
            speed[i] = 1.0
            continue
        for part in text.split("|"):
            name, _, number = part.partition(":")
            try:
                factor = float(number) if number else 1.0
            except ValueError:
                factor = -1.0
            if not (0.0 < factor < np.inf) or not name.strip():
                faults.append(f"gpu_types: is {text!r}; must read like 'h100' or 'h100:1|a100:0.5'")
            for k, (gpu, _) in enumerate(kinds):
                if gpu == name.strip():
                    speed[i, k] = factor
    if faults:
        raise ScenarioError(sorted(set(faults)))
    return speed, fastest_first(speed)


def fastest_first(speed: F8) -> np.ndarray:
    """Return the kinds of each class, fastest first, (classes, kinds)."""
    return np.argsort(-speed, axis=1, kind="stable").astype(np.int64)


def kinds_of(inventory: Inventory, nodes: Nodes, speed: F8, order: np.ndarray) -> Kinds:
    """Return the kinds with every node in the level of its free GPUs."""
    size = np.array([gpus for _, gpus in inventory.kinds], np.int64)
    words = (len(nodes.kind) + WORD - 1) // WORD
    count = np.zeros((len(size), int(size.max()) + 1), np.int64)
    level = np.zeros((*count.shape, words), np.int64)
    np.add.at(count, (nodes.kind, nodes.free), 1)
    word, bit = nodes.rank // WORD, np.int64(1) << (nodes.rank % WORD).astype(np.int64)
    np.bitwise_or.at(level, (nodes.kind, nodes.free, word), bit)
    some = np.zeros((*count.shape, (words + WORD - 1) // WORD), np.int64)
    bit = np.int64(1) << (word % WORD).astype(np.int64)
    np.bitwise_or.at(some, (nodes.kind, nodes.free, word // WORD), bit)
    free = np.bincount(nodes.kind, nodes.free, len(size)).astype(np.int64)
    return Kinds(
        size, free, count, level, some, speed, order,
        np.full(len(size), PLENTY, np.int64), np.zeros(len(size), np.int64),
    )  # fmt: skip


def dealt(kinds: Kinds) -> Kinds:
    """Return the kinds with the speeds of each class on any kind, on each alone, and on none.

    Rows of class c are c x (kinds + 2) and those that follow.
    """
    classes, many = kinds.speed.shape
    masks = np.vstack([np.ones(many), np.eye(many), np.zeros(many)])
    speed = (kinds.speed[:, None, :] * masks).reshape(classes * (many + 2), many)
    return kinds._replace(speed=speed, order=fastest_first(speed))


def ranked(nodes: Nodes, node_key: F8) -> Nodes:
    """Return the nodes in placement's own order: least key first, ties to the lower number."""
    by_rank = np.argsort(node_key, kind="stable").astype(np.int64)
    rank = np.empty_like(by_rank)
    rank[by_rank] = np.arange(len(by_rank), dtype=np.int64)
    return nodes._replace(rank=rank, by_rank=by_rank)


def taste_of(level_key: F8, scatter: bool, runs: bool) -> Taste:
    """Return the levels in order of their keys, and where each group of equal keys begins."""
    level = np.argsort(level_key, kind="stable").astype(np.int64)
    begins = np.flatnonzero(np.diff(level_key[level])) + 1
    group = np.concatenate([[0], begins, [len(level)]]).astype(np.int64)
    return Taste(level, group, bool(scatter), bool(runs))


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


def pass_rows(state: State) -> int:
    """Return how many rows one pass can add to the ledger.

    One a GPU, and the jobs that take none or only shares, of which any number may start.
    """
    jobs = state.jobs
    zero, shares = jobs.gpus == 0, jobs.milli < WHOLE
    return int(state.nodes.gpus.sum() + jobs.chunks[zero].sum() + jobs.gpus[shares].sum()) + 1


def scratch_of(rows: int) -> Scratch:
    """Return room for what a search finds: a gang's nodes, or all of them."""
    return Scratch(np.empty(rows, np.int64), np.zeros(rows, np.int64), np.zeros(1, np.int64))


def usage_of(jobs: Jobs, half_life_s: float | None) -> Usage:
    """Return that nobody has used anything yet; no rows where no half-life is given."""
    many = 0 if half_life_s is None else int(jobs.tenant.max(initial=0)) + 1
    half = np.inf if half_life_s is None else float(half_life_s)
    return Usage(half, np.zeros(many), np.zeros(many), np.zeros(many))


def notes_of(jobs: int, kinds: int, numbers: int) -> Notes:
    """Return that the queue policy knows nothing yet; no rows where it remembers nothing."""
    if numbers == 0:
        return Notes(1, np.empty((0, 0)))
    return Notes(kinds + 2, np.full((jobs, numbers), np.nan))


def assemble(
    jobs: Jobs, nodes: Nodes, kinds: Kinds, answers: Answers, elastic: Elastic | None = None
) -> State:
    """Return a State at time 0: nodes empty, jobs unborn, those that can never fit set aside.

    `elastic`: between which sizes each job may be, where somebody sizes them.
    """
    rule, taste, gives, score, half_life_s, slows, notes = answers[:7]
    elastic = elastic_of(jobs) if elastic is None else elastic
    least = at_least(jobs, elastic)
    jobs.state[fits_never(least, kinds, nodes, taste.scatter)] = JobState.UNFIT
    devices = devices_of(jobs, nodes, rule, gives, score)
    n, m = len(jobs.gpus), len(nodes.kind)
    zero = jobs.gpus == 0
    shares = jobs.gpus[jobs.milli < WHOLE]
    slots = int(nodes.gpus.sum() + jobs.chunks[zero].sum() + shares.sum()) + 1
    size = np.maximum(kinds.size.max(), 1)
    rows = np.where(jobs.chunk_gpus < 0, -(-jobs.gpus // size), jobs.chunks)
    numbers = np.zeros(32, np.int64)
    numbers[LEFT] = int((jobs.state == JobState.UNBORN).sum())
    numbers[SPARE], numbers[SHADOW_KIND], numbers[HEAD], numbers[LAST] = PLENTY, -1, -1, -1
    numbers[APART] = rule.reserves > 1 or gives.tail or gives.rebuild or elastic.told.size > 0
    numbers[APART] |= answers.windows > 0
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
    return State(
        jobs, nodes, kinds, order_of(n), order_of(min(n, slots)), order_of(min(n, slots)), agenda,
        ledger_of(int(rows.sum()) + 2 * slots + 2 * m, devices.on), events_of(jobs, waits),
        whole(rule), whole(gives), taste, devices, score, cache_of(jobs, nodes, score, devices),
        usage_of(jobs, half_life_s), Paces(np.ones((len(Cause) if slows else 0, n))),
        elastic, notes_of(n, len(kinds.size), notes), whole(answers.limits), waits, due, calendar,
        scratch_of(width), scratch_of(width), scratch_of(width), Face(times, numbers),
    )  # fmt: skip
