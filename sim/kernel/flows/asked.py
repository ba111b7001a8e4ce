"""What the user of the solver gave, held against what can be solved; all faults at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import ScenarioError
from sim.state.arrays import B1, F8, I8
from sim.state.flows import Links, Uses


class Asked(NamedTuple):
    """Links, entries, and per flow the penalty and the bound of the level."""

    links: Links
    uses: Uses
    penalty: F8
    bound: F8
    active: B1


def _faulty(values: Any, low: float, what: str) -> list[str]:
    """Return a fault if a number is below `low` or not a number."""
    if len(values) == 0 or values.min() >= low:  # a NaN makes the least a NaN
        return []
    worst = int(np.flatnonzero(~(values >= low))[0])
    return [f"{what}[{worst}]: is {values[worst]}; must be a number >= {low:g}"]


def _spread(value: ArrayLike, many: int, what: str, issues: list[str]) -> F8:
    """Return one number a flow."""
    found = np.asarray(value, np.float64)
    if found.ndim == 0:
        return np.full(many, found)
    if found.shape != (many,):
        issues.append(f"{what}: has shape {found.shape}; must be one number or ({many},)")
        return np.ones(many)
    return found


def links_of(capacity_Bps: ArrayLike, fatpipe: ArrayLike | None) -> Links:
    """Return the links; raise ScenarioError."""
    capacity = np.array(capacity_Bps, np.float64, ndmin=1)
    fat = np.zeros(len(capacity), np.bool_)
    issues = _faulty(capacity, 0.0, "capacity_Bps")
    if len(capacity) and capacity.max() == np.inf:
        issues.append("capacity_Bps: is inf; must be finite: leave out a link that binds nobody")
    if fatpipe is not None:
        given = np.asarray(fatpipe)
        if given.dtype == np.bool_ and given.shape == fat.shape:
            fat = given.copy()
        else:
            issues.append(f"fatpipe: must be ({len(capacity)},) of bool, or None")
    if issues:
        raise ScenarioError(issues)
    return Links(capacity, fat)


def entries_of(
    links: Links, link: ArrayLike, weight: ArrayLike | None, issues: list[str]
) -> tuple[I8, F8 | None]:
    """Return the entries' links and weights, None for 1 each; note faults."""
    to = np.asarray(link)
    if to.size == 0:
        to = to.astype(np.int64)
    if to.ndim != 1 or to.dtype.kind not in "iu":
        issues.append(f"link: is {to.dtype} of {to.ndim} dimensions; must be whole numbers, 1")
        return np.zeros(0, np.int64), None
    last = len(links.capacity_Bps) - 1
    if len(to) and (to.min() < 0 or to.max() > last):
        issues.append(f"link: goes from {to.min()} to {to.max()}; must be of 0 to {last}")
    if weight is None:
        return to, None
    use = np.asarray(weight, np.float64)
    if use.shape != to.shape:
        issues.append(f"weight: has shape {use.shape}; must be {to.shape}, one an entry of link")
        return to, None
    issues += _faulty(use, 0.0, "weight")
    if len(use) and use.max() == np.inf:
        issues.append("weight: is inf; must be finite")
    return to, use


def asked(
    capacity_Bps: ArrayLike,
    first: ArrayLike,
    link: ArrayLike,
    weight: ArrayLike | None,
    penalty: ArrayLike,
    bound_Bps: ArrayLike,
    fatpipe: ArrayLike | None,
) -> Asked:
    """Return what is to be solved: one unknown a flow, its level (rate times penalty).

    An entry of weight 0 is left out, and so is what a flow of penalty 0 would use.
    """
    links = links_of(capacity_Bps, fatpipe)
    issues: list[str] = []
    to, use = entries_of(links, link, weight, issues)
    at = np.asarray(first, np.int64)
    if at.ndim != 1 or len(at) < 1 or at[0] != 0 or at[-1] != len(to) or (at[1:] < at[:-1]).any():
        issues.append(f"first: must be (flows + 1,), rise from 0 and end with {len(to)}")
        raise ScenarioError(issues)
    many = len(at) - 1
    weighed = _spread(penalty, many, "penalty", issues)
    bound = _spread(bound_Bps, many, "bound_Bps", issues)
    issues += _faulty(weighed, 0.0, "penalty") + _faulty(bound, 0.0, "bound_Bps")
    if weighed.max(initial=0.0) == np.inf:
        issues.append("penalty: is inf; must be finite")
    if issues:
        raise ScenarioError(issues)
    active = weighed > 0.0
    if use is not None or links.fatpipe.any() or (weighed != 1.0).any():
        use = np.ones(len(to)) if use is None else use
        flow = np.repeat(np.arange(many), np.diff(at))
        safe = np.where(active, weighed, 1.0)
        keep = (use > 0.0) & active[flow]
        to, use = to[keep], use[keep] / safe[flow[keep]]
        at = np.concatenate([[0], np.cumsum(np.bincount(flow[keep], minlength=many))])
        weighed, bound = safe, bound * safe
        if (use == 1.0).all() and not links.fatpipe.any():
            use = np.zeros(0)
    else:
        use = np.zeros(0)
    uses = Uses(at[:-1], at[1:], np.ascontiguousarray(to, np.int32), use)
    return Asked(links, uses, weighed, bound, active)
