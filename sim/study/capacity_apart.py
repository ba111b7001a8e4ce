"""How many replicas of two pools a service needs, prompts on one, decoding on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sim.engine.apart import Link, first_of, rest_of
from sim.engine.serving import ServiceSpec, columns
from sim.physics.apart import decode_replicas, prompt_replicas, prompt_s, step_allowed_s
from sim.physics.batching import Batching, requests_of
from sim.physics.calibration import Key
from sim.state.services import Serving
from sim.study.capacity import EDGE_FRAC, MOST, TOO_MANY, chosen, least, short, targets, window
from sim.study.ranks import ranks_of
from sim.study.services import spec_of
from sim.workload.requests import Requests

Pair = tuple[int, int]
"""Of the pool that computes prompts, and of the one that decodes."""
BARE = np.zeros(0, np.int64)


class FoundApart(NamedTuple):
    """One choice of hardware: what the closed forms say of both pools, what the kernel found."""

    key: Key | None  # of both pools; None: each as it is configured
    each: Pair  # GPUs of a replica
    screened: tuple[float, float]  # replicas by the closed forms; inf: the SLO is below one step
    replicas: Pair | None  # fewest GPUs that meet the SLO, exact; None: as many as MOST do not
    attained: float  # share of requests within the SLO, at those
    why: str = ""  # no numbers of replicas meet the SLO

    def total(self, of: tuple[float, float]) -> float:
        """Return the GPUs of so many replicas."""
        return self.each[0] * of[0] + self.each[1] * of[1]

    @property
    def gpus(self) -> int | None:
        """Return the GPUs of all replicas; None where no number of them meets the SLO."""
        return None if self.replicas is None else int(self.total(self.replicas))


class Ask:
    """The busiest requests, asked of numbers of replicas of two pools.

    What the first pool does is the same however many replicas the second has, so that it is
    computed once for each number of its own and kept until another is asked.
    """

    def __init__(
        self, pools: tuple[Serving, Serving], given: Requests, window_s: float, seed: int
    ) -> None:
        """Take the requests of the `window_s` in which most come."""
        self.first, self.second = pools
        self.link = Link(*(self.second.link or ()))
        rows = window(given, window_s)
        self.at_s = given.arrival_s[rows] - given.arrival_s[rows][0]
        self.prompt = np.asarray(given.prompt[rows], np.int64)
        self.output = np.asarray(given.output[rows], np.int64)
        self.slo = targets(self.first, given, rows)
        self.rate_per_s = len(self.at_s) / max(float(self.at_s[-1]), 1e-9)
        rank = ranks_of(self.first, given)
        self._rank = None if rank is None else rank[rows]
        self._draw = np.random.default_rng(seed).integers(0, 2**62, len(self.at_s))
        self._kept: tuple[int, Any, Any] = (0, BARE, BARE)
        edge = int(EDGE_FRAC * len(self.at_s))
        self._judged = slice(edge, len(self.at_s) - edge)

    def prompts(self, replicas: int) -> tuple[Any, Any]:
        """Return the rows of the requests after the first pool, and who is in time there."""
        if self._kept[0] != replicas:
            spec, asked = self._spec(self.first, replicas), (self.at_s, self.prompt, self.output)
            rows = first_of(spec, *asked, self._draw, self._rank)
            early = columns(rows, np.ones_like(self.output))["ttft_s"] <= self.slo[0]
            self._kept = replicas, rows, early
        return self._kept[1:]

    def early(self, replicas: int) -> float:
        """Return the share with the first token in time, from so many of the first pool."""
        return float(self.prompts(replicas)[1][self._judged].mean())

    def attained(self, replicas: Pair) -> float:
        """Return the share of requests within both targets of the SLO, the edges left out."""
        rows, early = self.prompts(replicas[0])
        spec, asked = self._spec(self.second, replicas[1]), (self.prompt, self.output)
        found = rest_of(rows, spec, self.link, *asked, self._draw, self._rank)
        good = early & (found["tpot_s"] <= self.slo[1])
        return float(good[self._judged].mean())

    def _spec(self, of: Serving, replicas: int) -> ServiceSpec:
        """Return what the core wants to know of so many replicas of a pool."""
        made = spec_of(of, replicas)
        return made if of.order is None else replace(made, displaces=of.order.displaces)

    @property
    def each(self) -> Pair:
        """Return the GPUs of a replica."""
        return self.first.gpus, self.second.gpus

    def lacks(self) -> str:
        """Return which pool's KV memory does not hold the longest request, or nothing."""
        first, second = (of.kv_tokens - of.kv_spare_tokens for of in (self.first, self.second))
        ahead = short(first, int(self.prompt.max()) + 1)
        behind = short(second, int((self.prompt + self.output).max()))
        return (ahead and f"where prompts are, {ahead}") or (behind and f"decoding, {behind}")

    def screened(self, share: float) -> tuple[float, float]:
        """Return the replicas of both pools by the closed forms; inf where none do.

        Half of those who may miss are left to each pool; all of them, where that is too few for it.
        """
        gaps = np.diff(self.at_s)
        cv = float(gaps.std() / gaps.mean()) if len(gaps) and gaps.mean() > 0.0 else 1.0
        each = (0.5 + 0.5 * share, share)
        ahead, behind = (
            next((n for n in map(partial(pool, cv), each) if n < np.inf), np.inf)
            for pool in (self._ahead, self._behind)
        )
        return ahead, behind

    def _ahead(self, cv: float, share: float) -> float:
        """Return the replicas of the first pool for `share`, arrivals' gaps having a `cv`."""
        of = self.first
        chunk = of.chunk_tokens if of.chunked else None
        takes_s = prompt_s(of.mixed_s, self.prompt * (1.0 - of.prefix_hit_frac), chunk)
        return prompt_replicas(self.rate_per_s, cv, takes_s, self.slo[0], share)

    def _behind(self, cv: float, share: float) -> float:
        """Return the replicas of the second pool, likewise."""
        of, more = self.second, self.output > 1
        if not more.any():
            return 1.0
        sent_s = self.link.times_s(self.prompt)
        step_s = step_allowed_s(self.slo[1], self.output, sent_s, share)
        replica = Batching(of.decode_s, of.mixed_s, of.batch, of.kv_tokens)
        like = requests_of(self.prompt[more], self.output[more])
        rate = self.rate_per_s * float(more.mean())
        return decode_replicas(replica, like, rate, cv, step_s, share)

    def fewest(self, share: float) -> Pair | None:
        """Return the replicas with the fewest GPUs at which `share` have the SLO; None if none."""
        if self.lacks():
            return None
        most, guess = self.early(MOST), self.screened(share)

        def early(n: int) -> bool:
            return self.early(n) >= share

        def meets(both: Pair) -> bool:
            return self.attained(both) >= share

        def enough(n: int) -> bool:
            return self.early(n) >= most

        start = tuple(int(n) if n < MOST else 1 for n in guess)
        return fewest(early, meets, self.each, (start[0], start[1]), enough)


def fewest(
    early: Callable[[int], bool], meets: Callable[[Pair], bool], each: Pair, guess: Pair,
    enough: Callable[[int], bool] = lambda _: False, most: int = MOST,
) -> Pair | None:  # fmt: skip
    """Return the numbers of two kinds that meet at the least cost; None if none up to `most` do.

    The first must be `early` at least, which is asked before both together. From the least of it
    upwards each number is tried with as many of the second as still cost less, and where these meet
    the least of them is found; up to one that is `enough`: more cannot better what it does. Of
    equal cost the pair with fewest of the first. Neglects: as `least`, of the second.
    """
    start = least(early, guess[0], most)
    if start is None:
        return None
    if not meets((start, most)):  # some more must have the first token in time, if any number does
        start = least(lambda n: meets((n, most)), start, most)
        if start is None:
            return None
    best = start, least(partial(with_first, meets, start), guess[1], most) or most
    for n in range(start + 1, most + 1):
        left = each[0] * best[0] + each[1] * best[1] - each[0] * n
        room = min((left - 1) // each[1], most)
        if room < 1 or enough(n - 1):
            break
        if meets((n, room)):
            best = n, least(partial(with_first, meets, n), room, room) or room
    return best


def with_first(meets: Callable[[Pair], bool], n: int, k: int) -> bool:
    """Return whether n of the first and k of the second meet."""
    return meets((n, k))


def paired(pools: tuple[Serving, Serving], key: Key) -> tuple[Serving, Serving]:
    """Return both pools on another choice of hardware; what a token's KV memory takes follows."""
    first, second = (chosen(of, key) for of in pools)
    was, link = pools[1].kv_token_bytes, second.link
    if was and link is not None and second.kv_token_bytes is not None:
        second = second._replace(link=(link[0] * second.kv_token_bytes / was, link[1]))
    return first, second


def search_apart(
    pools: tuple[Serving, Serving], given: Requests, keys: Sequence[Key | None],
    share: float = 0.99, window_s: float = 3600.0, seed: int = 1, exact: bool = True,
) -> Iterator[FoundApart]:  # fmt: skip
    """Give each choice with the fewest GPUs of both pools for `share` of requests within the SLO.

    The busiest `window_s` of the requests is asked of pairs of numbers, the same requests and the
    same draws each time; of a key None the pools are as they are configured. Without `exact` the
    closed forms of `physics.apart` alone.

    Source: as `capacity.search`; that both pools are sized by their own target: DistServe (OSDI
    2024), which matches goodput; the numbers here are of whole replicas, by both targets at once.
    Neglects: cold starts, failures, scaling; transfers that share the fabric's links; that GPUs of
    different kinds cost differently; of the closed forms, priorities.
    """
    for key in keys:
        ask = Ask(pools if key is None else paired(pools, key), given, window_s, seed)
        made = ask.fewest(share) if exact else None
        reached = np.nan if made is None else ask.attained(made)
        why = ask.lacks() or (TOO_MANY if exact and made is None else "")
        yield FoundApart(key, ask.each, ask.screened(share), made, reached, why)
