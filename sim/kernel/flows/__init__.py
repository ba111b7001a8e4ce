"""Max-min fair shares of links: of flows at once, of flows that come and go, of whole jobs.

Enters: links, and who uses which how much.   Leaves: rates, finish times, what changed.
May import: state.   Must not know: graphs, routing, jobs' columns; no default run
imports it.
To add a verb: a kernel here, an `entry` for Python, a slow plain version in tests/plain.
Begin with: face.py, then share.py (one solve), repair.py (what an event touches), jobs.py.
"""

from __future__ import annotations

from sim.kernel.flows.face import Changed, Sharing, finish_times, max_min

__all__ = ["Changed", "Sharing", "finish_times", "max_min"]
