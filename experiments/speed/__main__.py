"""`make speed`: run every case in a process of its own and write the table docs/speed.md.

Figures are CPU time (user and system), the median of three runs; each is also given as a ratio to
a bare heapq loop measured in the same session, for machines differ and days do too.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from experiments.speed.cases import CALM, crossing
from experiments.speed.serving import BESIDE, SCALED, SEARCH, SERVING, WRITTEN
from sim.files import write

LANES = [
    "1000 nodes, load 0.9",
    "100 nodes, load 0.9",
    "12500 nodes, load 0.9",
    BESIDE,
    "1000 nodes, load 1.1",
    "100 nodes, load 1.1",
    "12500 nodes, load 1.1",
    "1000 nodes, load 0.9, no backfill",
    "1000 nodes, load 0.9, EASY by counts",
    "1000 nodes that fail and are repaired",
    "Tiresias with preemption, asked each minute",
    "Tiresias with preemption, load 1.05",
    "starved jobs rise in Tiresias, asked each minute",
    "least attained service with preemption, asked each minute",
    "least attained service with preemption, load 1.05",
    "Slurm's multifactor with fair tree, load 0.9",
    "Slurm's multifactor with fair tree, load 1.05",
    "elastic jobs in equal shares, each minute",
    "elastic jobs by marginal gain, each minute",
    "elastic jobs by fair goodput, each minute",
    "20 queues in 4 cohorts, load 0.9",
    "20 queues in 4 cohorts, load 1.05",
    "20 queues that take back, load 1.05",
    "20 queues that share fairly and take back, load 1.05",
    "20 associations with limits, load 1.05",
    "a Python policy asked at every pass",
    "OpenB on 1213 nodes, FGD",
    "2048 nodes, load 0.9",
    "2048 nodes on a fabric, 1 to 1",
    "2048 nodes on a fabric, rings, 4 to 1",
    "2048 nodes on a fabric, all to all, 4 to 1",
    "2048 nodes on a torus, rings",
    "2048 nodes on rails, 1 queue pair hashed, rings",
    *crossing(),
]
FEW = ("elastic", "preemption, load 1.05", "all to all", "torus", "rails", "load 0.7")
"""Cases of which a tenth of the jobs tells enough: their names say it."""
NOTES = Path(__file__).with_name("notes.md")
"""What `make speed` does not measure: other simulators, what figures mean, links alone."""


def model() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def measured(name: str, jobs: int) -> dict[str, Any]:
    """Return what a case gave."""
    command = [sys.executable, "-m", "experiments.speed.cases", name, str(jobs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {name}: {found['per_cpu_s']:,.0f} a CPU-second", file=sys.stderr, flush=True)
    return found


def cpu_s(command: list[str], **extra: str) -> float:
    """Return the CPU time of a whole command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=os.environ | extra)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def begin() -> dict[str, float]:
    """Return the CPU time of help, of a run of one job from the cache, and of the first compile."""
    rackplan = [sys.executable, "-m", "sim"]
    with tempfile.TemporaryDirectory() as folder:
        one = [*rackplan, "workload.jobs=1", "report=false", f"hydra.run.dir={folder}/a",
               "overwrite=true"]  # fmt: skip
        cold = cpu_s(one, XDG_CACHE_HOME=f"{folder}/cache")
        warm = sorted(cpu_s(one, XDG_CACHE_HOME=f"{folder}/cache") for _ in range(3))[1]
    helped = sorted(cpu_s([*rackplan, "--help"]) for _ in range(3))[1]
    return {"help": helped, "ready": warm, "compile": cold - warm}


def links(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return what each fabric costs a whole run, as lines of a table."""
    calm, told_s = found[CALM]["per_cpu_s"], found[CALM]["told_s"]
    lines = ["", f"What a fabric costs a whole run of 16,384 GPUs, as times the same run without "
             f"one: {found[CALM]['jobs']:,} jobs, load 0.7, 6 % of them over several nodes, all in "
             "rings a quarter of their time.", "",
             "| fabric and paths | the simulation itself | from jobs to written results "
             "| their time on links lost |", "|---|---|---|---|"]  # fmt: skip
    for name, one in found.items():
        if name != CALM:
            told = name.removeprefix("2048 nodes on ").removesuffix(", rings, load 0.7")
            lines.append(f"| {told} | {calm / one['per_cpu_s']:.1f} | "
                         f"{one['told_s'] / told_s:.1f} | {one['lost_frac']:.0%} |")  # fmt: skip
    return lines


def table(jobs: int) -> str:
    """Return the whole table as Markdown."""
    heap = measured("heapq", jobs)["per_cpu_s"]
    lines = [
        "# Speed",
        "",
        f"{model()}, {os.cpu_count()} cores, Python {platform.python_version()}, {jobs:,} jobs of "
        "8-GPU nodes (60 % of one GPU, 1 % of 64), EASY by nodes, depth 100, unless said "
        "otherwise. Made by `make speed`; CPU time, median of three.",
        "",
        "| the simulation itself | jobs per CPU-second | times a bare heapq loop |",
        "|---|---|---|",
        f"| a bare heapq loop over the same events, nothing placed | {heap:,.0f} | 1 |",
    ]
    shared: dict[str, dict[str, Any]] = {}
    for name in LANES:
        few = any(word in name for word in FEW)
        one = measured(name, jobs // 10 if few else jobs)
        rate = one["per_cpu_s"]
        if name in crossing():
            shared[name] = one
        told = f"{name} ({jobs // 10:,} jobs)" if few else name
        lines.append(f"| {told} | {rate:,.0f} | {heap / rate:.2f} |")
    lines += links(shared)
    lines += ["", "| services: the batching alone, and scaled | requests per CPU-second |",
              "|---|---|"]  # fmt: skip
    every = (*SERVING, *SCALED)
    lines += [f"| {name} | {measured(name, jobs)['per_cpu_s']:,.0f} |" for name in every]
    lines += ["", "| services under HPA, from their laws to written results | requests "
              "| CPU-seconds | peak memory |", "|---|---|---|---|"]  # fmt: skip
    for name in WRITTEN:
        found = measured(name, 0)
        lines.append(f"| {name} | {found['requests']:,} | {found['cpu_s']:,.0f} | "
                     f"{found['peak_MB']:,.0f} MB |")  # fmt: skip
    found = measured(SEARCH, 0)
    lines += ["", f"{SEARCH[0].upper()}{SEARCH[1:]}, {found['choices']}: {found['cpu_s']:.1f} "
              "CPU-seconds."]  # fmt: skip
    lines += ["", "| from a Parquet trace to written results | jobs per CPU-second | peak memory |",
              "|---|---|---|"]  # fmt: skip
    for many in (jobs, 10 * jobs):
        found = measured("whole", many)
        lines.append(f"| {many:,} jobs | {found['per_cpu_s']:,.0f} | {found['peak_MB']:,.0f} MB |")
    start = begin()
    lines += [
        "",
        "| the command | CPU-seconds |",
        "|---|---|",
        f"| `rackplan --help` | {start['help']:.2f} |",
        f"| a run of one job, compiled before | {start['ready']:.2f} |",
        f"| the first compile, once a version | {start['compile']:.1f} |",
        "",
        NOTES.read_text(encoding="utf-8"),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and write the table."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    made = table(jobs)
    write(Path("docs") / "speed.md", made)
    print(made)


if __name__ == "__main__":
    main()
