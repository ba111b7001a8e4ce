"""rackplan: how many GPUs, of which kind, laid out how, for these jobs and services?

`from sim import Scenario, simulate` is all that a notebook needs; names are loaded when asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Progress": "sim.study",
    "Result": "sim.results",
    "Scenario": "sim.study",
    "simulate": "sim.study",
}
__all__ = ["Progress", "Result", "Scenario", "__version__", "simulate"]


def __getattr__(name: str) -> Any:
    """Return a public name from its room, loading the room on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
