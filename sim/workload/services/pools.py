"""A language model whose prompts are computed on some replicas and decoded on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from sim.state.services import Serving
from sim.workload import rules
from sim.workload.requests import AbstractRequests, DrawnRequests
from sim.workload.services.base import (
    AbstractColdStart,
    AbstractOrder,
    AbstractPool,
    AbstractReplica,
    AbstractServices,
)
from sim.workload.services.llm import LlmService, Stages, unreachable
from sim.workload.services.model import ModelReplica
from sim.workload.services.order import FirstCome

PARTS = ("prefill", "decode")
BY_POOL = ("replica", "cold_start", "route", "min_replicas", "max_replicas", "start_replicas")


@final
@dataclass(frozen=True)
class Pool(AbstractPool):
    """Replicas alike, as many as the autoscaler says of this pool alone.

    The parameters are those of LlmService.
    """

    replica: AbstractReplica = field(default_factory=ModelReplica)
    cold_start: AbstractColdStart = field(default_factory=Stages)
    route: str = "least_requests"
    min_replicas: int = 1
    max_replicas: int = 16
    start_replicas: int | None = None

    def fill(self) -> dict[str, Any]:
        """Return its knobs."""
        return {name: getattr(self, name) for name in BY_POOL}

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        return LlmService(**self.fill()).pool_issues(path)


@final
@dataclass(frozen=True)
class LlmPools(AbstractServices):
    """One model behind one address: one pool computes prompts, another decodes.

    A request has its first token when its prompt is computed; then its KV memory is sent, and it
    joins a batch of the other pool between two steps. A replica of the second pool that is lost
    takes the KV memory with it: what it had starts anew in the first, answer so far as prompt.

    Parameters
    ----------
    prefill, decode : the pools. Each is scaled by itself, by what is measured of it: the first has
        answers of one token, the second is asked when KV memory has come.
    link_Bps, link_latency_s : a transfer takes latency + prompt tokens x kv_token_bytes / link_Bps.
    link_shared : over the fabric's links, beside what jobs send: then a transfer takes as much
        longer as these have it (`engine.transfers`). It needs a fabric.
    kv_token_bytes : KV memory of a token; None: as the model of the decoding replica has.
    order : who is let in first in both pools: FirstCome, or ByPriority without offline_classes. One
        whose prompt is computed is behind a lower number that comes later, also where it decodes.
    most_open : requests outstanding on a replica of the first pool from which on more are shed.

    The others are those of LlmService.

    Source: DistServe (OSDI 2024), Splitwise (ISCA 2024), NVIDIA Dynamo; the default link is one NIC
    of 400 Gb/s.
    Neglects: that transfers share a link of their own, or send layer by layer; that a transfer
    under way needs the replica it comes from; that a full second pool holds back the first; an
    order of transfers.
    """

    name: str = "llm"
    requests: AbstractRequests = field(default_factory=DrawnRequests)
    prefill: AbstractPool = field(default_factory=Pool)
    decode: AbstractPool = field(default_factory=Pool)
    link_Bps: float = 50e9
    link_latency_s: float = 0.0
    link_shared: bool = False
    kv_token_bytes: float | None = None
    order: AbstractOrder = field(default_factory=FirstCome)
    most_open: int | None = None
    scrape_s: float | None = None
    lag_s: float = 0.0
    slo_ttft_s: float = 2.0
    slo_tpot_s: float = 0.05
    slo_by_class: Mapping[str, Mapping[str, float]] | None = None
    gpu_h_usd: Mapping[str, float] | None = None

    def whole(self, **pool: Any) -> LlmService:
        """Return a service of one pool that is asked the same; `pool` are knobs of its replicas."""
        names = set(LlmService.__dataclass_fields__) - set(BY_POOL)
        return LlmService(**{n: getattr(self, n) for n in names}, **pool)

    def listed(self) -> tuple[tuple[Serving, AbstractRequests], ...]:
        """Return both pools, in numbers, and what is asked of the first."""
        pools = (self.whole(**getattr(self, part).fill()) for part in PARTS)
        first, second = (pool.listed()[0][0] for pool in pools)
        each = second.kv_token_bytes if self.kv_token_bytes is None else self.kv_token_bytes
        link = ((each or 0.0) / self.link_Bps, self.link_latency_s)
        first, second = (
            one._replace(notes=tuple(f"{part}: {note}" for note in one.notes))
            for part, one in zip(PARTS, (first, second), strict=True)
        )
        second = second._replace(
            pool=PARTS[1], link=link, link_Bps=self.link_Bps if self.link_shared else 0.0,
            prefix_hit_frac=0.0, most_open=None,
        )  # fmt: skip
        return (first._replace(pool=PARTS[0]), self.requests), (second, self.requests)

    def issues(self, path: str = "services") -> list[str]:
        """Return every fault of the parameters."""
        found = self.whole().own_issues(path)
        for part in PARTS:
            found += rules.one_of(f"{path}.{part}", getattr(self, part), AbstractPool, "a Pool")
        found += rules.above(f"{path}.link_Bps", self.link_Bps, 0)
        found += rules.at_least(f"{path}.link_latency_s", self.link_latency_s, 0)
        if self.kv_token_bytes is not None:
            found += rules.at_least(f"{path}.kv_token_bytes", self.kv_token_bytes, 0)
        if not found and self.kv_token_bytes is None and self.listed()[1][0].kv_token_bytes is None:
            found.append(
                f"{path}.kv_token_bytes: is null; must be given, such as 328 kB for Llama-3.1-70B, "
                f"where {path}.decode.replica does not say its model"
            )
        if not found:
            found += self.unlike(path) + self.at_door(path)
        return found + unreachable(path, self, "prefill ", "decode ")

    def at_door(self, path: str) -> list[str]:
        """Return why requests cannot wait at a door for replicas that do half of the work."""
        order = self.order.fill().get("order")
        if order is None or not order.door:
            return []
        last = 1 + max(order.ranks.values(), default=0)
        classes = ", ".join(f"{name}: {last}" for name in order.door)
        return [
            f"{path}.order.offline_classes: is {list(order.door)}; pools apart have no door: give "
            f"them a higher number, order.priority_by_class={{{classes}}}, or take services=llm"
        ]

    def unlike(self, path: str) -> list[str]:
        """Return why one pool can do nothing with the KV memory of the other."""
        (first, _), (second, _) = self.listed()
        here = f"{path}.decode.replica"
        if None not in (first.model, second.model) and first.model != second.model:
            told = f"must be {first.model}, whose prompts {path}.prefill computes"
            return [f"{here}.model: is {second.model}; {told}"]
        held = first.kv_token_bytes, second.kv_token_bytes
        if None not in held and held[0] != held[1]:
            return [
                f"{here}.weight_bits: gives KV memory other than {path}.prefill's; must be alike"
            ]
        return []
