"""What a run says beside its numbers: names that nobody has, and jobs that can never be done."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sim import table
from sim.errors import ScenarioError
from sim.state import JobState, State
from sim.state.beyond import most_gpus
from sim.state.columns import WHOLE
from sim.state.growth import Change
from sim.state.services import Served
from sim.units import human_s
from sim.workload import AbstractWorkload

if TYPE_CHECKING:
    from sim.study.scenario import Scenario
    from sim.study.services import Asked

SHOWN = 8
"""Names at most that a note lists."""
STOOD_S = 3600.0
"""So long beyond a cold start may a service with open requests stand without a replica, untold."""


def named(jobs: pa.Table, workload: AbstractWorkload) -> Callable[[int], str]:
    """Return what says which job a row is: `'j7' (my_jobs.csv, line 8)`."""

    def name(row: int) -> str:
        job = str(jobs.column("job_id")[row].as_py())
        place = workload.place(job)
        return repr(job) + (f" ({place})" if place else "")

    return name


@contextmanager
def beside(faults: list[str]) -> Iterator[None]:
    """Let a ScenarioError tell these faults too."""
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError([*faults, *error.issues]) from None


def listed(names: Iterable[str]) -> str:
    """Return names as a list that stays short."""
    known = list(names)
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return ", ".join(known[:SHOWN]) + more


def asked_for(scenario: Scenario) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Give each setting that names tenants, partitions or QOS: its path, what they are, them."""
    for names in (scenario.queue.names(), scenario.preemption.names(),
                  *(process.names() for process in scenario.processes)):  # fmt: skip
        for path, (what, some) in names.items():
            yield path, what, some
    tree = scenario.quota.tree()
    if tree is not None:
        for part, way in zip(tree.queues, tree.ways, strict=True):
            yield f"quota.{tree.leaf}.{part.name}.tenants", "tenant", way.tenants
        yield "quota.qoses", "QOS", scenario.quota.by_qos()


def strangers(scenario: Scenario, state: State) -> list[str]:
    """Return a note for each setting that names who has no job: a slip, or a trace without them."""
    there = {
        "tenant": state.tenant_names,
        "partition": state.partition_names,
        "QOS": state.qos_names,
    }
    found = []
    for path, what, names in asked_for(scenario):
        known = [name for name in there[what] if name]
        odd = [name for name in names if name not in known]
        if not odd:
            continue
        close = difflib.get_close_matches(odd[0], known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        have = f"the jobs' are {listed(known)}" if known else f"no job has a {what}"
        found.append(f"{path}: names {listed(odd)}, {what} of no job; {hint}{have}")
    return found


def unfit(scenario: Scenario, state: State, name: Callable[[int], str]) -> list[str]:
    """Return a note on the jobs that can never start: how many, and the widest."""
    rows = np.flatnonzero(state.jobs.state == JobState.UNFIT)
    if not rows.size:
        return []
    widest = int(rows[np.argmax(state.jobs.gpus[rows])])
    gpus, nodes = int(state.nodes.gpus.sum()), len(state.nodes.gpus)
    quota = "" if scenario.quota.tree() is None else ", or more than its quota"
    jobs = "1 job" if rows.size == 1 else f"{rows.size:,} jobs, the widest"
    return [
        f"cannot ever start: {jobs} {name(widest)} with {state.jobs.gpus[widest]} GPUs; it asks "
        f"for more than the cluster ({gpus:,} GPUs on {nodes:,} nodes) holds of the kind, cores, "
        f"memory and shape it wants{quota}"
    ]


def fewest(asked: Sequence[Asked]) -> list[int]:
    """Return the fewest replicas of each; without one of each pool nothing is answered."""
    return [max(one.of.least, int(bool(one.of.pool))) for one in asked]


def cramped(scenario: Scenario, asked: Sequence[Asked], gpus: int, state: State) -> list[str]:
    """Return notes where the fewest replicas need more GPUs than there are, or than a queue gets.

    Neglects: their types, and that a replica's GPUs lie on as few nodes as they fill.
    """
    many, found = fewest(asked), []

    def held(rows: Sequence[int], whose: str, need: float, has: float, way: str) -> None:
        if need > has:
            who = listed(f"{many[i]} of {asked[i].of.title} with {asked[i].of.gpus} each"
                         for i in rows)  # fmt: skip
            there = "can be had" if whose else "there are"
            found.append(f"services: the fewest replicas{whose}, {who}, need {need:,g} GPUs of "
                         f"{has:,g} that {there}: some of them wait to the end; lower "
                         f"min_replicas or replica.gpus, or raise {way}")  # fmt: skip

    all_ = sum(n * one.of.gpus for n, one in zip(many, asked, strict=True))
    held(range(len(asked)), "", all_, gpus, "cluster.nodes")
    tree, quota = scenario.quota.tree(), state.quota
    if tree is None or not asked:
        return found
    form = quota.form[[one.jobs.start for one in asked]]
    most, each = most_gpus(quota, state.caps, state.fair_share), quota.ask[form, 0] / WHOLE
    for queue in np.unique(quota.queue[form]):
        rows = np.flatnonzero(quota.queue[form] == queue)
        where = f"quota.{tree.leaf}.{tree.queues[queue].name}"
        has = float(most[queue, quota.may[form[rows]].any(axis=0)].sum())
        need = float((np.array(many)[rows] * each[rows]).sum())
        held(rows.tolist(), f" within {where}", need, has, f"{where}, or what is over it")
    return found


def spans(scenario: Scenario, jobs: pa.Table, asked: Sequence[Asked]) -> dict[str, float]:
    """Return when the last job and the last request of each service come, by what they are."""
    found = {}
    if jobs.num_rows:
        found["job"] = float(table.to_numpy(jobs, "submit_s").max())
    found |= {f"request of {one.of.name}": float(one.requests.arrival_s[-1])
              for one in asked if not one.of.link and len(one.requests.arrival_s)}  # fmt: skip
    return {what: min(last_s, scenario.horizon_s) for what, last_s in found.items()}


def in_vain(scenario: Scenario, jobs: pa.Table, asked: Sequence[Asked]) -> list[str]:
    """Return notes where nothing is left after the warm-up, and on what begins after the last."""
    last, found = spans(scenario, jobs, asked), []
    found += [
        f"warmup_s: is {human_s(scenario.warmup_s)}, and the last {what} comes at "
        f"{human_s(last_s)}: statistics count none; lower it, or let them come for longer"
        for what, last_s in last.items()
        if last_s < scenario.warmup_s
    ]
    laws = {"job": ("workload", scenario.workload.late)}
    laws |= {f"request of {of.name}": ("services.requests", requests.late)
             for of, requests in scenario.services.listed()}  # fmt: skip
    for what, last_s in last.items():
        path, late = laws[what]
        found += [f"{knob}: begins after the last {what}, at {human_s(last_s)}: it lifts nothing"
                  for knob in late(path, last_s)]  # fmt: skip
    return found


def stranded(ended: Sequence[Served], end_s: float) -> list[str]:
    """Return a note on each service or pool that stood without a replica while requests were open.

    To the end, for longer than a cold start and `STOOD_S`. Its numbers are read until it is over.
    """
    found = []
    for one in ended:
        over_s = float(one.log[0, -1]) if one.log.shape[1] else end_s
        held = [end for _, _, start, _, _, end, _ in one.replicas if not np.isnan(start)]
        last_s = max((over_s if np.isnan(end) else end for end in held), default=0.0)
        if over_s - last_s <= sum(one.of.stages_s) + STOOD_S:
            continue
        both = [other.fates for other in ended if other.of.name == one.of.name]
        left = sum(int(((fates.last < 0) & ~fates.shed()).sum()) for fates in both)
        if not left:
            continue
        waits = any(np.isnan(start) for _, _, start, _, _, end, _ in one.replicas
                    if np.isnan(end) or end >= over_s)  # fmt: skip
        why = "the autoscaler asked for none"
        if waits:
            why = ("those asked for waited for GPUs or quota that others held: raise these, or "
                   "lower max_replicas of the others")  # fmt: skip
        found.append(f"services: {one.of.title} had no replica from {human_s(last_s)} to the end "
                     f"at {human_s(over_s)}, and {left:,} requests of {one.of.name} "
                     f"are open; {why}")  # fmt: skip
    return found


def never_bought(changes: Sequence[Change], end_s: float) -> list[str]:
    """Return a note on nodes that were to come or go only after the end of the run."""
    late = [change for change in changes if change.at_s > end_s]
    if not late:
        return []
    return [
        f"growth: {len(late)} of {len(changes)} entries are for later than the run, which ended "
        f"at {human_s(end_s)}, the first of them for {human_s(late[0].at_s)}: they never were"
    ]
