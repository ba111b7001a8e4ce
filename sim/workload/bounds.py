"""Between what each number of a `job_request` must lie."""

from __future__ import annotations

LATEST_S = 1e11  # some 3,000 years after 1970; above, it is milliseconds taken for seconds
LONGEST_S = 1e10  # some 300 years
MOST = 1e7
MOST_JOBS = 200_000_000
# column: least, most, whole
BOUNDS: dict[str, tuple[float, float, bool]] = {
    "submit_s": (0.0, LATEST_S, False),
    "gpus": (0, MOST, True),
    "work_s": (0.0, LONGEST_S, False),
    "walltime_s": (0.0, LONGEST_S, False),
    "nodes": (1, MOST, True),
    "gpus_per_node": (0, MOST, True),
    "gpu_milli": (1, 1000, True),
    "switches": (1, MOST, True),
    "switches_wait_s": (0.0, LONGEST_S, False),
    "segment": (1, MOST, True),
    "cpus": (0.0, 1e9, False),
    "mem_bytes": (0.0, 2.0**60, False),
    "priority": (-1e300, 1e300, False),
    "nice": (-1e300, 1e300, False),
    "array_most": (1, MOST, True),
    "eligible_s": (0.0, LATEST_S, False),
    "deadline_s": (0.0, LATEST_S, False),
    "min_gpus": (0, MOST, True),
    "max_gpus": (0, MOST, True),
    "parallel_share": (0.0, 1.0, False),
    "cancel_s": (0.0, LATEST_S, False),
    "comm_fraction": (0.0, 1.0, False),
    "comm_bytes": (0.0, 2.0**60, False),
    "checkpoint_bytes": (0.0, 2.0**60, False),
    "step_s": (0.0, LONGEST_S, False),
    "comm_overlap": (0.0, 1.0, False),
    "recorded_start_s": (-LATEST_S, LATEST_S, False),
    "recorded_end_s": (-LATEST_S, LATEST_S, False),
}
