"""Where compiled kernels are kept, so that none outlives its sources.

numba alone keeps a caller compiled with the old body of a function that was edited in another
file. So the folder is named after the sources of the two rooms that are compiled.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

ROOMS = ("kernel", "state")


def digest(home: Path) -> str:
    """Return a short hash of every source file of the compiled rooms under `home`."""
    found = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((home / room).rglob("*.py")):
            name = file.relative_to(home).as_posix()
            found.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def folder() -> Path:
    """Return a folder of compiled kernels that belongs to exactly these sources.

    It lies in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache). Where that cannot be
    written it is private and lasts as long as the system keeps it: a cache is code.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = base / "rackplan" / f"numba-{digest(Path(__file__).parent.parent)}"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="rackplan-numba-"))
    return place
