"""Tables of a service that answers requests: its requests, its replicas, its rules.

Clock: whole picoseconds, so that a run of equal steps sums to the same bits in one go or step by
step. An int64 of them lasts 106 days.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TICKS_PER_S = 10**12
NEVER = np.int64(2**62)
IDLE, DECODE, PREFILL = 0, 1, 2
# what a Rules row holds
DECODE_0, DECODE_D, DECODE_C, MIXED_0, MIXED_P, MIXED_S, MIXED_D, MIXED_C = range(8)
BATCH, CHUNK, PROMPT_CAP, KV_CAP, CHUNKED, GROW, ROUTE = range(8, 15)
ROUND_ROBIN, LEAST_REQUESTS, LEAST_TOKENS, TWO_CHOICES, AFFINITY = range(5)
# what the Clock row holds
NEXT, TURN, ACTIVE, EVENTS, STEPS, LEAVES = range(6)


class Requests(NamedTuple):
    """Columns by request, in order of arrival; ticks are picoseconds, -1 is not yet."""

    arrival: NDArray[np.int64]
    prompt: NDArray[np.int64]  # tokens to compute; grows by what a preemption throws away
    output: NDArray[np.int64]  # tokens still to come
    draw: NDArray[np.int64]  # two draws in one for routing, or a hash of the prefix
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    replica: NDArray[np.int64]
    preempted: NDArray[np.int64]
    after: NDArray[np.int64]  # next in the queue of its replica


class Replicas(NamedTuple):
    """Columns by replica; heap_* and ready have one row a replica and one column a seat."""

    head: NDArray[np.int64]
    tail: NDArray[np.int64]
    seats: NDArray[np.int64]  # sequences that decode
    virtual: NDArray[np.int64]  # decode steps done so far
    kind: NDArray[np.int64]
    steps: NDArray[np.int64]  # of the run under way
    start: NDArray[np.int64]
    due: NDArray[np.int64]
    context: NDArray[np.int64]  # tokens of context over the decoding sequences
    kv: NDArray[np.int64]  # tokens of KV memory held
    partly: NDArray[np.int64]  # tokens of the head's prompt that are computed
    filled: NDArray[np.int64]  # prompts that end with this step
    open: NDArray[np.int64]  # requests outstanding
    tokens: NDArray[np.int64]  # tokens outstanding
    heap_key: NDArray[np.int64]  # (replicas, batch): virtual step at which it ends
    heap_id: NDArray[np.int64]
    heap_size: NDArray[np.int64]  # (replicas, batch): when it joined, as a counter
    ready: NDArray[np.int64]  # (replicas, batch)
    queue: NDArray[np.int64]  # replicas as a heap by due
    place: NDArray[np.int64]
    active: NDArray[np.int64]  # those that take requests, the first clock[ACTIVE]
    tree: NDArray[np.int64]  # tournament of active ones for the least loaded
    accepts: NDArray[np.int64]


class Service(NamedTuple):
    """All tables of one service; `rules` and `clock` are rows named above."""

    requests: Requests
    replicas: Replicas
    rules: NDArray[np.int64]
    clock: NDArray[np.int64]


def replicas_of(count: int, batch: int) -> Replicas:
    """Return idle replicas, none of which takes requests yet."""

    def zeros() -> NDArray[np.int64]:
        return np.zeros(count, np.int64)

    def wide() -> NDArray[np.int64]:
        return np.zeros((count, batch), np.int64)

    leaves = 1
    while leaves < count:
        leaves *= 2
    tree = np.full(2 * leaves, -1, np.int64)
    return Replicas(
        head=zeros() - 1, tail=zeros() - 1, seats=zeros(), virtual=zeros(), kind=zeros(),
        steps=zeros(), start=zeros(), due=zeros() + NEVER, context=zeros(), kv=zeros(),
        partly=zeros(), filled=zeros(), open=zeros(), tokens=zeros(), heap_key=wide(),
        heap_id=wide(), heap_size=wide(), ready=wide(), queue=np.arange(count), place=np.arange(count),
        active=zeros(), tree=tree, accepts=zeros(),
    )  # fmt: skip
