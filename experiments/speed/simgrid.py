"""SimGrid's own solver beside ours, where its library and a C++ compiler are installed.

Debian and Ubuntu: `apt install g++ libsimgrid-dev`. Nothing of it is needed to use rackplan.
"""

from __future__ import annotations

import atexit
import ctypes.util
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

SOURCE = Path(__file__).with_name("simgrid.cpp")
WAIT_s = 600.0


@cache
def program() -> Path | None:
    """Return the compiled program, in a folder that goes at exit; None where it cannot be made."""
    compiler = shutil.which("g++")
    if compiler is None or ctypes.util.find_library("simgrid") is None:
        return None
    folder = tempfile.mkdtemp(prefix="rackplan_simgrid_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Path(folder) / "peer"
    told = [compiler, "-O2", "-std=c++17", str(SOURCE), "-o", str(made), "-lsimgrid"]
    done = subprocess.run(told, check=False, capture_output=True)
    return made if done.returncode == 0 else None


def simgrid(
    capacity_Bps: ArrayLike,
    first: ArrayLike,
    link: ArrayLike,
    weight: ArrayLike | None = None,
    penalty: ArrayLike = 1.0,
    bound_Bps: ArrayLike = np.inf,
    fatpipe: ArrayLike | None = None,
) -> tuple[float, np.ndarray]:
    """Return the CPU seconds of one solve by SimGrid, its set-up left out, and the rates, (flows,).

    The arguments are those of `sim.kernel.flows.max_min`.

    Raises
    ------
    RuntimeError : it is not installed, or has failed.
    """
    made = program()
    if made is None:
        raise RuntimeError("SimGrid's library, its headers or g++ are not installed")
    capacity, first, link = np.asarray(capacity_Bps, float), np.asarray(first), np.asarray(link)
    flows = len(first) - 1
    weight = np.ones(len(link)) if weight is None else np.asarray(weight, float)
    penalty, bound = (np.broadcast_to(x, flows).astype(float) for x in (penalty, bound_Bps))
    fat = np.zeros(len(capacity), int) if fatpipe is None else np.asarray(fatpipe, int)
    user = np.repeat(np.arange(flows), np.diff(first))
    bound = np.where(np.isfinite(bound), bound, -1.0)
    lines = [f"{len(capacity)} {flows} {len(link)}"]
    lines += [f"{a!r} {b}" for a, b in zip(capacity.tolist(), fat.tolist(), strict=True)]
    lines += [f"{a!r} {b!r}" for a, b in zip(penalty.tolist(), bound.tolist(), strict=True)]
    entries = zip(link.tolist(), user.tolist(), weight.tolist(), strict=True)
    lines += [f"{a} {b} {c!r}" for a, b, c in entries]
    done = subprocess.run(
        [made], input="\n".join(lines), check=False, capture_output=True, text=True, timeout=WAIT_s
    )
    if done.returncode:
        raise RuntimeError(f"SimGrid has failed: {done.stderr[:500]}")
    took_s, *rates = (float(x) for x in done.stdout.split())
    return took_s, np.array(rates)
