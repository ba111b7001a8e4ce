"""`python -m experiments.openb_in_time`: placements on OpenB when pods also leave.

The paper fills the cluster until nothing fits. Here pods come at random instants and leave after
as long as in the trace, so a fragment is not for ever: what it costs is waiting. Pods are drawn
from the trace with replacement; lives are cut at a day, as the longest hundredth would take months
to show. At each instant whatever fits may start, in order of arrival. Each seed draws one stream of
pods for all placements; the first hour is not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim import Scenario, simulate
from sim.files import write
from sim.policies.backfill import Skip
from sim.policies.placement import (
    AbstractPlacement,
    BestFitVector,
    DotProduct,
    Fgd,
    GpuClustering,
    GpuPacking,
    Uniform,
)
from sim.report.figures import GRID, INK, canvas, svg
from sim.workload import Given, NodeList

PODS = Path(__file__).parents[2] / "conf" / "traces" / "openb_pods.parquet"
NODES = "openb_nodes_seed42.parquet"
GPUS, DAY_S = 6212, 86400.0
PLACEMENTS: dict[str, tuple[AbstractPlacement, str]] = {
    "Random": (Uniform(), "#9aa5b1"),
    "DotProd": (DotProduct(), "#4c93d9"),
    "Clustering": (GpuClustering(), "#1f5fd0"),
    "Packing": (GpuPacking(), "#0b2f6b"),
    "BestFit": (BestFitVector(), "#d9a441"),
    "FGD": (Fgd(), "#b4500b"),
}


def stream(load: float, days: float, seed: int) -> pa.Table:
    """Return the pods of one run: Poisson arrivals that ask for `load` of all GPU time.

        rate = load x GPUs / mean of (GPUs x share x life)

    Arrivals begin a longest life before time 0; who would still be there then comes at 0 for the
    rest of its life, so that the run begins as full as it goes on.
    """
    pods = pq.read_table(PODS)
    life_s = np.minimum(pods["work_s"].to_numpy(), DAY_S)
    share = np.nan_to_num(pods["gpu_milli"].to_numpy(zero_copy_only=False), nan=1000.0) / 1000.0
    rate = load * GPUS / (pods["gpus"].to_numpy() * share * life_s).mean()
    draw = np.random.default_rng(seed)
    many = draw.poisson(rate * (1.0 + days) * DAY_S)
    rows = draw.integers(0, pods.num_rows, many)
    at_s = np.sort(draw.uniform(-DAY_S, days * DAY_S, many))
    until_s = at_s + life_s[rows]
    there = until_s > 0.0
    at_s, rows = np.maximum(at_s[there], 0.0), rows[there]
    made = pods.select(["gpus", "gpus_per_node", "gpu_milli", "cpus", "mem_bytes"]).take(rows)
    return made.append_column("submit_s", pa.array(at_s)).append_column(
        "work_s", pa.array(until_s[there] - at_s)
    )


def main() -> None:
    """Run, draw `docs/openb_in_time.svg`, and print the table."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--days", type=float, default=0.5)
    ask.add_argument("--seeds", type=int, default=2)
    ask.add_argument("--loads", type=float, nargs="+", default=[0.9, 0.94, 0.98])
    asked = ask.parse_args()
    loads, seeds = asked.loads, range(1, asked.seeds + 1)
    figure, (axis,) = canvas(8.0, 3.6)
    print(f"{'':<11}" + "".join(f"{f'load {x:.0%}':>24}" for x in loads))
    for name, (placement, shade) in PLACEMENTS.items():
        means, parts = [], []
        for load in loads:
            found = []
            for seed in seeds:
                scenario = Scenario(
                    NodeList(path=NODES), Given(stream(load, asked.days, seed)), backfill=Skip(),
                    placement=placement, warmup_s=3600.0, horizon_s=asked.days * DAY_S,
                )  # fmt: skip
                numbers = simulate(scenario, seed).metrics
                waited = numbers["waited_for"]
                found.append((numbers["wait_s"]["mean"], waited["for_gpus_s"],
                              sum(v for v in waited.values())))  # fmt: skip
            mean, for_gpus, total = np.mean(found, axis=0)
            means.append(mean / 60.0)
            parts.append(1.0 - for_gpus / total if total > 0.0 else 0.0)
        axis.plot(loads, means, "o-", color=shade, linewidth=1.7, markersize=4, label=name)
        print(f"{name:<11}" + "".join(
            f"{f'{m:.2f} min, {p:.0%} of it':>24}" for m, p in zip(means, parts, strict=True)
        ))  # fmt: skip
    print("of it: the share of waiting during which enough GPUs were free, in the wrong places")
    axis.set_xticks(loads, [f"{x:.0%}" for x in loads])
    axis.set_xlabel("GPU time asked for, of all there is")
    axis.set_ylabel("mean wait, minutes")
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    axis.set_ylim(bottom=0.0)
    axis.legend(frameon=False, labelcolor=INK)
    text = svg(figure, "Mean wait against load for six placements on OpenB")
    text = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    write(Path("docs") / "openb_in_time.svg", text)


if __name__ == "__main__":
    main()
