"""`python -m experiments.how_many_nodes`: mean wait against cluster size, with intervals.

Philly's four weeks are resampled by whole days, sixteen times; each sample runs on every size, so
sizes are compared on the same days.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim import Scenario, simulate
from sim.files import write
from sim.report.figures import BLUE, INK, canvas, svg
from sim.state import Homogeneous
from sim.workload import BlockResample, Trace

SIZES = (60, 64, 68, 72, 76, 80)
SEEDS = range(1, 17)


def main() -> None:
    """Run, draw, and print the table."""
    from matplotlib.ticker import MaxNLocator
    from scipy.stats import t

    days = Trace(path="philly_2017-10-23_4_weeks.csv.gz", transforms=(BlockResample(),))
    figure, (axis,) = canvas(8.0, 3.2)
    highest = 0.0
    for nodes in SIZES:
        waits = []
        for seed in SEEDS:
            scenario = Scenario(cluster=Homogeneous(nodes=nodes, gpu="gpu"), workload=days)
            waits.append(simulate(scenario, seed).metrics["wait_s"]["mean"] / 3600)
        mean, error = np.mean(waits), np.std(waits, ddof=1) / np.sqrt(len(waits))
        half = t.ppf(0.95, len(waits) - 1) * error
        axis.plot([nodes] * len(waits), waits, "o", color=BLUE, alpha=0.45, markersize=4)
        highest = max(highest, *waits)
        axis.errorbar(nodes, mean, half, fmt="o", color=INK, capsize=4, markersize=5)
        axis.annotate(f"{mean:.1f} h", (nodes, mean), (8, 4), textcoords="offset points")
        print(f"{nodes} nodes: mean wait {mean:.2f} h, 90 % interval ± {half:.2f} h")
    axis.set_xlabel("nodes of 8 GPUs")
    axis.set_ylabel("mean wait, hours")
    axis.set_xticks(SIZES)
    axis.set_xlim(SIZES[0] - 1.5, SIZES[-1] + 2.5)  # room for the last label
    axis.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_ylim(0.0, axis.yaxis.get_major_locator().tick_values(0.0, highest * 1.02)[-1])
    text = svg(figure, "Mean wait against cluster size")
    text = text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    write(Path("docs") / "how_many_nodes.svg", text)


if __name__ == "__main__":
    main()
