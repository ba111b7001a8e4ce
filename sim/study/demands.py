"""What services are asked that they cannot do: of requests, of GPUs, of their first replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.engine.services import replica_of
from sim.physics.batching import Batching, most_per_s, requests_of
from sim.state.services import Serving
from sim.study.ranks import online

if TYPE_CHECKING:
    from sim.state import State
    from sim.study.services import Asked


def nowhere(of: Serving, kinds: Sequence[str]) -> list[str]:
    """Return the fault of a service whose replicas may run on none of the cluster's GPUs."""
    named = [part.partition(":")[0].strip() for part in (of.gpu_types or "").split("|")]
    if of.gpu_types is None or not set(named).isdisjoint(kinds):
        return []
    return [
        f"services.{of.dotted}replica.gpu_types: is {of.gpu_types}, but no node has such a GPU; "
        f"must be of {', '.join(sorted(set(kinds)))}, or null: change it, or the cluster"
    ]


def too_long(asked: Sequence[Asked]) -> list[str]:
    """Return which services are asked what no replica can hold."""
    found = []
    for of, requests, _ in asked:
        longest = requests.longest()
        if longest > of.kv_tokens - of.kv_spare_tokens:
            found.append(f"services.{of.dotted}replica.kv_tokens: is {of.kv_tokens}; must be at "
                         f"least {longest}, the longest request of {of.name}: raise it, or cut the "
                         "requests (services.requests.tokens.most_tokens)")  # fmt: skip
    return found


def strangers(asked: Sequence[Asked]) -> list[str]:
    """Return which classes have targets of their own, but no requests."""
    return [
        f"services.slo_by_class: names {name!r}, no class of the requests of {of.name}; must be "
        f"{', '.join(filter(None, requests.classes)) or 'of services.requests.classes, now null'}"
        for of, requests, _ in asked
        for name in of.slo_by_class
        if name not in requests.classes and not of.link
    ]


def slow_start(asked: Asked, replicas: int, every_s: float) -> tuple[str, ...]:
    """Return a note if the first replicas cannot keep up until others could be ready.

    Demand: what comes in a cold start and one asking. Against it stands what they can answer at
    all, by the closed form.
    """
    of, requests = asked.of, online(asked.of, asked.requests)
    span_s = sum(of.stages_s) + every_s
    early = slice(int(np.searchsorted(requests.arrival_s, span_s)))
    rows = requests.output[early] > (1 if of.link else 0)
    many = int(rows.sum())
    if not many:
        return ()
    prompt = requests.prompt[early][rows] * (1 - of.prefix_hit_frac)
    like = requests_of(prompt, requests.output[early][rows])
    one = replica_of(of)
    replica = Batching(one.decode_s, one.mixed_s, of.batch, of.kv_tokens)
    can_per_s, come_per_s = replicas * float(most_per_s(replica, like, np.inf)), many / span_s
    if come_per_s <= can_per_s:
        return ()
    return (
        f"{of.title}: replicas at the start, {replicas}, can answer {can_per_s:,.3g} requests a "
        f"second at most, and {come_per_s:,.3g} a second come in the first {span_s:,.0f} s: they "
        f"queue until more are ready; services.{of.dotted}start_replicas says how many are there",
    )


def beyond(asked: Sequence[Asked], state: State) -> list[str]:
    """Return a note for each service that may have more replicas than could ever be there.

    Nodes that may come later count; that other services and jobs hold some does not.
    """
    found = []
    kinds, many = state.kinds.size, np.bincount(state.nodes.kind, minlength=len(state.kinds.size))
    for of, _, places in asked:
        here = state.kinds.speed[state.jobs.klass[places.start]] > 0.0
        each = np.where(of.gpus <= kinds, many * (kinds // of.gpus), many * kinds // of.gpus)
        room = int(each[here].sum())
        if of.most > room:
            found.append(
                f"services.{of.dotted}max_replicas: is {of.most}, but at most {room} of {of.title} "
                f"with {of.gpus} GPUs each can ever be on this cluster: others wait in vain; lower "
                "it, or raise cluster.nodes"
            )
    return found
