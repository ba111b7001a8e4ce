"""Verbs over columns: the only writers of a State.

Enters: a State and an instant.   Leaves: the same State, changed.
May import: state.   Must not know: SimPy, policies, files, which policy answered.
To add one: a verb in the file of its noun, a plain slow version in tests/plain, the same bytes.
Begin with: job.py (what can happen to a job), then dispatch.py (one pass), then advance.py.

The compile cache is keyed by the sources of this room and of the state's: numba alone would keep a
caller compiled with the old body of a function edited in another file.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def _cache_dir() -> Path:
    """Return a folder of compiled kernels that belongs to exactly these sources."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted([*here.glob("*.py"), *(here.parent / "state").glob("*.py")]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    place = Path(base) / "rackplan" / f"numba-{digest.hexdigest()[:16]}"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:  # no home to write to: a private folder, for a cache is code
        return Path(tempfile.mkdtemp(prefix="rackplan-numba-"))
    return place


def _key_cache() -> None:
    """Point numba's cache there, unless the user chose a place."""
    try:
        from numba import config
    except ImportError:
        return
    if not os.environ.get("NUMBA_CACHE_DIR"):
        config.CACHE_DIR = str(_cache_dir())


_key_cache()

from sim.kernel.advance import Why, advance, rekey, waiting  # noqa: E402
from sim.kernel.job import give_up, requeue, set_rate  # noqa: E402
from sim.kernel.node import fail, offer, on_node, repair, withdraw  # noqa: E402

__all__ = [
    "Why",
    "advance",
    "fail",
    "give_up",
    "offer",
    "on_node",
    "rekey",
    "repair",
    "requeue",
    "set_rate",
    "waiting",
    "withdraw",
]
