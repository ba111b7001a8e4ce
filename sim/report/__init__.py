"""Pages that a planning meeting decides from: figures and HTML, offline and self-contained.

Enters: a Result, or the rows of a sweep.   Leaves: a page, a comparison.
May import: results and below, matplotlib, jinja2, pyarrow.   Must not know: Hydra, the engine.
To add one: a function in figures.py, its place in report.html.j2.
Begin with: html.py, then compare.py; allocation.py for a figure that stands alone.
"""

from __future__ import annotations

from sim.report.allocation import write_allocation
from sim.report.capacity import write_capacity
from sim.report.compare import Comparison, comparison, write_comparison
from sim.report.fabric import write_fabric
from sim.report.html import write_report

__all__ = [
    "Comparison",
    "comparison",
    "write_allocation",
    "write_capacity",
    "write_comparison",
    "write_fabric",
    "write_report",
]
