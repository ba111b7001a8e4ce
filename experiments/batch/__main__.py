"""`python -m experiments.batch`: write docs/batch.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim import Scenario, simulate
from sim.files import write
from sim.policies.autoscaler import StaticPeak
from sim.state import Homogeneous
from sim.workload import Gamma, NoJobs, Poisson, Profile
from sim.workload.requests import DrawnRequests, MixedRequests
from sim.workload.services import AbstractOrder, ByPriority, FirstCome, LlmService, ModelReplica

DAILY = (0.5, 0.43, 0.4, 0.4, 0.45, 0.55, 0.7, 0.9, 1.15, 1.35, 1.45, 1.5,
         1.5, 1.55, 1.6, 1.6, 1.55, 1.45, 1.3, 1.2, 1.1, 0.95, 0.8, 0.62)  # fmt: skip
DAY_S = 86400.0
PEOPLE = DrawnRequests(20.0, DAY_S, Profile(Gamma(2.0), DAILY))
NIGHTLY = DrawnRequests(8.0, DAY_S, Poisson())
SEATS = (24, 32, 40, 64, None)
HEAD = """# Batch inference beside people

Made by `python -m experiments.batch`. Llama-3.1-70B on 4 H100 a replica, as in
`experiment=serving_batch`.

## A day on six replicas

They are bought for the peak of 20 requests a second by the hour of day; 8 a second of the same
length, for which nobody waits, come all day. A replica takes of these below so many sequences in
its batch, people's counted. The same people ask in each row. Where the batch is not done by the end
of the day the replicas stay until it is.

| below | within 2 s and 50 ms | TTFT, 99 % | TPOT, 99 % | batch, tokens/s | GPU-h | /million |
|---|---:|---:|---:|---:|---:|---:|
"""
SECOND = """
## Who is first where seats are short

Two classes, half of the requests each, an hour at {rate:g} a second on one replica of {seats}
sequences, just less than it can answer. Time to first token, median and 99 %. Who is sent back to
make room is computed anew: what that takes of the replica is more than it could spare.

| order | first class | second class | sent back |
|---|---:|---:|---:|
"""
RATE_PER_S, BATCH = 4.0, 24


def on(service: LlmService, nodes: int) -> dict[str, Any]:
    """Return the numbers of a service whose replicas stand from the first instant on."""
    made = simulate(
        Scenario(Homogeneous(nodes=nodes), NoJobs(), services=service, autoscaler=StaticPeak())
    )
    found: dict[str, Any] = made.metrics["services"]["llm"]
    return found


def days() -> Iterator[str]:
    """Give a row a limit."""
    for seats in (0, *SEATS):
        order = ByPriority(offline_classes=("nightly",), offline_seats=seats or None)
        asks = MixedRequests({"chat": PEOPLE, "nightly": NIGHTLY if seats != 0 else None})
        found = on(LlmService(requests=asks, replica=ModelReplica(), order=order, max_replicas=6,
                              min_replicas=6), 4)  # fmt: skip
        apart = found["offline"]["output_tokens_per_s"] or 0.0
        name = "none" if seats == 0 else f"all, {ModelReplica().batch}" if seats is None else seats
        ttft_ms, tpot_ms = (1e3 * found[n]["p99"] for n in ("ttft_s", "tpot_s"))
        yield (
            f"| {name} | {100 * found['slo_attainment']:.2f} % | {ttft_ms:.0f} ms | {tpot_ms:.1f} "
            f"ms | {apart:,.0f} | {found['gpu_hours']:.0f} | "
            f"{found['gpu_hours_per_million_tokens']:.2f} |"
        )


def orders() -> Iterator[str]:
    """Give a row an order."""
    asks = DrawnRequests(RATE_PER_S, 3600.0, Poisson(), classes={"first": 1.0, "second": 1.0})
    ways: dict[str, AbstractOrder] = {
        "as they come": FirstCome(),
        "by priority, running ones stay (vLLM V1)": ByPriority({"second": 1}),
        "by priority, room is made (vLLM V0)": ByPriority({"second": 1}, displaces=True),
    }
    for name, order in ways.items():
        replica = ModelReplica(batch=BATCH)
        found = on(LlmService(requests=asks, replica=replica, order=order, max_replicas=1), 1)
        each = [found["by_class"][klass]["ttft_s"] for klass in ("first", "second")]
        told = [f"{one['p50']:.2f} s, {one['p99']:.2f} s" for one in each]
        yield f"| {name} | {told[0]} | {told[1]} | {found['preemptions']:,} |"


def main() -> None:
    """Run all and write the page."""
    rows = HEAD + "\n".join(days()) + "\n"
    second = SECOND.format(rate=RATE_PER_S, seats=BATCH)
    write(Path("docs") / "batch.md", rows + second + "\n".join(orders()) + "\n")


if __name__ == "__main__":
    main()
