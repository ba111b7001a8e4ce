"""The ranks of requests by their classes, and who of them autoscalers see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.engine.apart import Link
from sim.engine.pools import Prompts, PromptsByRank
from sim.engine.ranked import Ranked
from sim.engine.serving import Run, ServiceSpec
from sim.engine.window import ROWS
from sim.state.arrays import B1
from sim.state.services import Precedence, Serving
from sim.workload.requests import Requests


def ranking(order: Precedence, requests: Requests) -> tuple[np.ndarray, int | None]:
    """Return the rank of each request, (n,) from 0, and that of those at the door, None if none is.

    Priorities become ranks without gaps, so that there are no more lists than needed; who waits at
    the door is of the rank behind all.
    """
    outside = np.array([name in order.door for name in requests.classes])
    value = np.array([order.ranks.get(name, 0) for name in requests.classes], np.int64)
    inside = np.unique(value[~outside])
    door = max(len(inside), 1)
    by_class = np.where(outside, door, np.searchsorted(inside, value)).astype(np.int8)
    rank = by_class[requests.klass]
    return rank, door if (rank == door).any() else None


def ranks_of(of: Serving, requests: Requests) -> np.ndarray | None:
    """Return the rank of each request, (n,), None where they go as they come; of none at a door."""
    if of.order is None:
        return None
    rank = ranking(of.order, requests)[0]
    return rank if rank.any() else None


def plain_run(
    of: Serving, spec: ServiceSpec, given: tuple[np.ndarray, np.ndarray, np.ndarray],
    draw: np.ndarray, rank: np.ndarray | None,
) -> Run:  # fmt: skip
    """Return a run without a window of arrivals, prompts and outputs, by rank if given."""
    if of.order is None or rank is None:
        return Run(spec, *given, draw)
    return Ranked(replace(spec, displaces=of.order.displaces), *given, draw, rank)


def run_of(of: Serving, spec: ServiceSpec, requests: Requests, draw: np.ndarray) -> Run:
    """Return the run of a service's requests; where all are of one rank they go as they come."""
    given = requests.arrival_s, requests.prompt, requests.output
    if (order := of.order) is None:
        return Run(spec, *given, draw, rows=ROWS)
    rank, door = ranking(order, requests)
    if door is None and not rank.any():
        return Run(spec, *given, draw, rows=ROWS)
    spec = replace(
        spec, displaces=order.displaces, door=door, door_kv_tokens=door_kv_tokens(of),
        door_seats=min(order.door_seats or of.batch, of.batch),
    )  # fmt: skip
    return Ranked(spec, *given, draw, rank, ROWS)


def pools_of(
    of: Serving, specs: Sequence[ServiceSpec], link: Link, requests: Requests,
    draws: tuple[np.ndarray, np.ndarray],
) -> Prompts:  # fmt: skip
    """Return the run of two pools' requests, the first pool's; likewise."""
    given, rank = (requests.arrival_s, requests.prompt, requests.output), ranks_of(of, requests)
    if of.order is None or rank is None:
        return Prompts(specs[0], specs[1], link, *given, draws)
    first, second = (replace(spec, displaces=of.order.displaces) for spec in specs)
    return PromptsByRank(first, second, link, *given, draws, rank)


def door_kv_tokens(of: Serving) -> int:
    """Return up to how many tokens of KV memory a replica takes from the door."""
    return of.kv_tokens if of.order is None else int(of.order.door_kv_frac * of.kv_tokens)


def is_online(of: Serving, requests: Requests) -> B1:
    """Return for whom of the requests somebody waits, (n,)."""
    outside = () if of.order is None else of.order.door
    return np.array([name not in outside for name in requests.classes])[requests.klass]


def online(of: Serving, requests: Requests) -> Requests:
    """Return the requests for whom somebody waits."""
    if of.order is None or not of.order.door:
        return requests
    mine = is_online(of, requests)
    return replace(
        requests, arrival_s=requests.arrival_s[mine], prompt=requests.prompt[mine],
        output=requests.output[mine], klass=requests.klass[mine],
        prefix=None if requests.prefix is None else requests.prefix[mine],
    )  # fmt: skip


def misplaced(of: Serving, requests: Requests) -> list[str]:
    """Return which classes of the order are none, and what at the door no replica would take."""
    if of.order is None:
        return []
    here = "services.order"
    named = [("priority_by_class", name) for name in of.order.ranks]
    named += [("offline_classes", name) for name in of.order.door]
    known = ", ".join(filter(None, requests.classes)) or "of services.requests.classes, now null"
    found = [
        f"{here}.{knob}: names {name!r}, no class of the requests of {of.name}; must be {known}"
        for knob, name in named
        if name not in requests.classes
    ]
    outside = ~is_online(of, requests)
    most = int(np.add(requests.prompt, requests.output, dtype=np.int64)[outside].max(initial=0))
    if most > door_kv_tokens(of) - of.kv_spare_tokens:
        found.append(
            f"{here}.offline_kv_frac: is {of.order.door_kv_frac:g}, {door_kv_tokens(of)} tokens of "
            f"a replica; must hold {most}, the longest offline request of {of.name}: raise it"
        )
    return found
