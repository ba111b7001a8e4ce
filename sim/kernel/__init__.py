"""Verbs over columns: the only writers of a State.

Enters: a State and an instant.   Leaves: the same State, changed.
May import: state.   Must not know: SimPy, policies, files, which policy answered.
To add one: a verb in the file of its noun, a plain slow version in tests/plain, the same bytes.
Begin with: job.py (what can happen to a job), then dispatch.py (one pass), then advance.py.
"""

from __future__ import annotations

from sim.kernel.advance import Why, advance, rekey, standing
from sim.kernel.apart import pass_apart
from sim.kernel.calendar import close_window, open_window
from sim.kernel.deal import deal
from sim.kernel.fair_pass import pass_shares
from sim.kernel.hobble import hobble
from sim.kernel.job import give_up, set_rate
from sim.kernel.links import lay, set_link
from sim.kernel.node import come, fail, go, offer, on_node, repair, turn_out, withdraw
from sim.kernel.paths import route
from sim.kernel.phases import play_steps, turn_steps
from sim.kernel.quota_lane import advance_apart, advance_limits, advance_quota
from sim.kernel.quota_plan import cycle_limits
from sim.kernel.replicas import end, submit, withhold
from sim.kernel.resize import (
    as_told,
    front,
    grow,
    hold_back,
    let_go,
    pass_sized,
    present,
    repace,
    set_aside,
)
from sim.kernel.switches import misplaced, relent
from sim.kernel.transfers import transfer
from sim.kernel.waits import release

__all__ = [
    "Why",
    "advance",
    "advance_apart",
    "advance_limits",
    "advance_quota",
    "as_told",
    "close_window",
    "come",
    "cycle_limits",
    "deal",
    "end",
    "fail",
    "front",
    "give_up",
    "go",
    "grow",
    "hobble",
    "hold_back",
    "lay",
    "let_go",
    "misplaced",
    "offer",
    "on_node",
    "open_window",
    "pass_apart",
    "pass_shares",
    "pass_sized",
    "play_steps",
    "present",
    "rekey",
    "release",
    "relent",
    "repace",
    "repair",
    "route",
    "set_aside",
    "set_link",
    "set_rate",
    "standing",
    "submit",
    "transfer",
    "turn_out",
    "turn_steps",
    "withdraw",
    "withhold",
]
