"""How nodes stood that came and went, as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from sim import table
from sim.state import State
from sim.state.fleet import Fled, Stage
from sim.table_served import NODE_STATES, STOPPED


def node_states(fled: Fled, state: State, names: list[str]) -> pa.Table:
    """Return the NODE_STATES table, in order of node and time."""
    node = np.array([span.node for span in fled.spans], np.int64)
    pool = np.searchsorted([t.first for t in fled.terms], node, "right") - 1
    values: dict[str, Any] = {
        "node": [names[i] for i in node],
        "pool": [fled.terms[p].pool for p in pool],
        "gpus": state.nodes.gpus[node],
        "state": [Stage(span.stage).name.lower() for span in fled.spans],
        "begin_s": np.array([span.begin_s for span in fled.spans]),
        "end_s": np.array([span.end_s for span in fled.spans]),
        "why": [span.why for span in fled.spans],
    }
    due_s = np.array([span.due_s for span in fled.spans])
    if not np.isnan(due_s).all():
        values["due_s"] = due_s
    return table.from_numpy(NODE_STATES, values)


def stopped(fled: Fled, request: pa.Table, names: list[str]) -> pa.Table | None:
    """Return the STOPPED table, in order of time; None where nobody was stopped."""
    if not fled.stopped:
        return None
    rows = [one.job for one in fled.stopped]
    values: dict[str, Any] = {
        "job_id": request.column("job_id").cast(pa.string()).take(pa.array(rows)),
        "node": [names[one.node] for one in fled.stopped],
        "at_s": np.array([one.at_s for one in fled.stopped]),
        "why": [one.why for one in fled.stopped],
        "lost_s": np.array([one.lost_s for one in fled.stopped]),
    }
    return table.from_numpy(STOPPED, values)


def about(fled: Fled) -> list[dict[str, Any]]:
    """Return what the manifest keeps of each pool: its name and its price."""
    return [{"pool": t.pool, "node_h_usd": t.node_h_usd} for t in fled.terms]
