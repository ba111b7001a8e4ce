"""Tables of a service that answers requests: its requests, its replicas, its rules.

Clock: whole picoseconds, so that a run of equal steps sums to the same bits in one go or step by
step. An int64 of them lasts 106 days.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.state.handle import Handed

TICKS_PER_S = 10**12
NEVER = np.int64(2**62)
IDLE, DECODE, PREFILL = 0, 1, 2
# what a Rules row holds
DECODE_0, DECODE_D, DECODE_C, MIXED_0, MIXED_P, MIXED_S, MIXED_D, MIXED_C = range(8)
BATCH, CHUNK, PROMPT_CAP, KV_CAP, CHUNKED, GROW, ROUTE, MOST_OPEN, JOINS = range(8, 17)
DOOR, DOOR_SEATS, DOOR_KV, DISPLACES, PADDED, KV_SPARE = range(17, 23)
ROUND_ROBIN, LEAST_REQUESTS, LEAST_TOKENS, TWO_CHOICES, AFFINITY, LEAST_WAITING = range(6)
WEIGHED = 1 << LEAST_REQUESTS | 1 << LEAST_TOKENS | 1 << LEAST_WAITING
"""Routes that hold a tournament, as bits."""
# what the Clock row holds
(
    NEXT, TURN, ACTIVE, EVENTS, STEPS, LEAVES, SINCE, FIRSTS, FIRST_NS, ENDS, LATER_NS,
    LATER_TOKENS, SHED, BACK, MARK, ADMITS, ADMIT_NS, GONE, GONE_NS, AWAY, AWAY_NS,
    DOOR_HEAD, DOOR_TAIL, DOOR_ENDS, CALLED, TURN_AT, TURN_OF,
) = range(27)  # fmt: skip
NUMBER_BITS = 20
"""Of a number in a tournament those that are the replica's."""
TURNED_AWAY = -2
"""Replica of a request that was shed."""


# columns of a request: whole rows, and the halves of those that hold two numbers
Q_ARRIVAL, Q_FIRST, Q_END, Q_DRAW = 0, 1, 2, 5
H_PROMPT, H_OUTPUT, H_REPLICA, H_PREEMPTED = 6, 7, 8, 9
Q_COLUMNS = 5
"""One more where requests are routed by what they draw."""
# columns of a replica
(
    R_HEAD, R_TAIL, R_SEATS, R_VIRTUAL, R_KIND, R_STEPS, R_START, R_DUE, R_CONTEXT, R_KV, R_PARTLY,
    R_FILLED, R_OPEN, R_TOKENS, R_ACCEPTS, R_WAITS,
) = range(16)  # fmt: skip
# columns of a line, the requests of one rank that wait on a replica
L_HEAD, L_TAIL, L_PARTLY, L_MANY = range(4)
MOST_RANKS = 32


class Service(Handed):
    """All tables of one service, handed to kernels as one pointer.

    As a tuple of arrays three quarters of a kernel's time went into counting references to them.

    q, requests in order of arrival: ticks of arrival, of the first token (-1 is not yet), of the
    end; before that the last holds -2 - x, x the next in its queue or, in a batch, when it joined,
    as a counter (-1: none). Where routes draw: two draws in one, or a hash of the prefix.
    h, the same memory in halves: tokens of prompt (grows by what a preemption throws away) and
    output still to come, replica, preemptions. 40 bytes a request, so that 10^8 have room.
    t, replicas: queue's head and tail, sequences that decode, decode steps done so far, kind of
    the run under way with its steps, start and end, context tokens over the decoding sequences,
    KV tokens held, computed tokens of the head's prompt, prompts that end with this step, requests
    and tokens outstanding, whether it accepts, requests that wait.
    clock: the next request to come, turns of round robin, replicas that accept, events, steps,
    where the tournaments' leaves begin, the instant up to which all is done; then sums so far:
    first tokens and ns to them, ends, ns and tokens after the first, requests shed; and the
    first of those that lost their replica and wait for another, -1 for none; then, since the
    instant `MARK`, how many left a queue for a batch (less those that came back), how many were
    answered or shed, how many more are on replicas that drain, and the sums of these instants, in
    ns. What waits on a replica that drains has left the queue.

    decode_more, mixed_more: what a step that decodes, or has prompts too, takes longer beside its
    line in `rules`, by the tokens it computes, from 0 on; whatever has more takes the last.

    Where requests have ranks, 0 before 1, there are three columns more. rank: that of each. lines:
    of each replica and rank its list's head and tail, computed tokens of the head's prompt, and how
    many are let in: seated, or their prompt under way; the replica's own list stands empty then.
    The rank `rules[DOOR]`, if it is one, waits at the door, in a list whose head and tail the clock
    has, -1 for none; these count in none of its sums, nor in what a replica has outstanding or
    waiting, but as `DOOR_ENDS`, how many were answered. The clock has the replica that was called
    to the door, -1 for none, and when replicas had their turn last, with the highest of them. soon:
    when each could look at the door, as last looked up in its run (0: not in this one, `NEVER`: not
    as long as it lasts), how many steps of the run that is, what the next takes, and each more.
    """

    q: NDArray[np.int64]  # (requests, Q_COLUMNS or one more)
    h: NDArray[np.int32]  # (requests, twice as many), of q's memory
    t: NDArray[np.int64]  # (replicas, 16)
    seats: NDArray[np.int64]  # (replicas, batch, 2): virtual step at which it ends, request; a heap
    ready: NDArray[np.int64]  # (replicas, batch): prompts that end with this step
    queue: NDArray[np.int64]  # (2, 2 x leaves): due, replica; a tournament, the next is its 1
    active: NDArray[np.int64]  # those that accept, the first clock[ACTIVE]
    tree: NDArray[np.int64]  # tournament of those for the least loaded, where the route has one
    rules: NDArray[np.int64]
    clock: NDArray[np.int64]
    decode_more: NDArray[np.int64]  # ticks, one at least
    mixed_more: NDArray[np.int64]
    rank: NDArray[np.int8]  # (requests,), where there are ranks
    lines: NDArray[np.int64]  # (replicas, ranks, 4), where there are ranks
    soon: NDArray[np.int64]  # (replicas, 4), where there are ranks


def with_rows(
    s: Service, requests: NDArray[np.int64], rank: NDArray[np.int8] | None = None
) -> Service:
    """Return the service with other rows of requests, and ranks, all else the same arrays."""
    more: dict[str, Any] = {} if rank is None else {"rank": rank}
    return Service(**(s.columns | {"q": requests, "h": requests.view(np.int32)} | more))


def service_of(
    requests: NDArray[np.int64],
    count: int,
    batch: int,
    rules: NDArray[np.int64],
    more: tuple[NDArray[np.int64], NDArray[np.int64]],
    rank: NDArray[np.int8] | None = None,
    ranks: int = 1,
) -> Service:
    """Return a service of idle replicas, none of which accepts yet; each `rank` below `ranks`.

    `more` is `decode_more` and `mixed_more`.
    """
    t = np.zeros((count, 16), np.int64)
    t[:, [R_HEAD, R_TAIL]] = -1
    t[:, R_DUE] = NEVER
    leaves = 1
    while leaves < count:
        leaves *= 2
    clock = np.zeros(27, np.int64)
    clock[LEAVES], clock[[BACK, DOOR_HEAD, DOOR_TAIL, CALLED, TURN_AT]] = leaves, -1
    seats, ready = np.zeros((count, batch, 2), np.int64), np.zeros((count, batch), np.int64)
    queue = np.stack([np.full(2 * leaves, NEVER), np.zeros(2 * leaves, np.int64)])
    queue[1, leaves:] = np.arange(leaves)
    for c in range(leaves - 1, 0, -1):
        queue[1, c] = queue[1, 2 * c]
    ranked: dict[str, NDArray[Any]] = {}
    if rank is not None:
        lines = np.zeros((count, ranks, 4), np.int64)
        lines[..., [L_HEAD, L_TAIL]] = -1
        ranked = {"rank": rank, "lines": lines, "soon": np.zeros((count, 4), np.int64)}
    return Service(
        q=requests, h=requests.view(np.int32), t=t, seats=seats, ready=ready, queue=queue,
        active=np.zeros(count, np.int64), tree=np.full(2 * leaves, NEVER), rules=rules, clock=clock,
        decode_more=more[0], mixed_more=more[1], **ranked,
    )  # fmt: skip
