"""Jobs of one class may run on the same kinds of node at the same speeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sim import table
from sim.errors import ScenarioError
from sim.state import Inventory
from sim.state.arrays import B1, F8, I8
from sim.state.columns import Jobs, Kinds, Nodes
from sim.state.fits import too_wide
from sim.state.kinds import speeds
from sim.state.mig import had, has_profile, layouts_of, milli_of, offered, slices_of
from sim.state.slices import Slices, Spans
from sim.state.spans import spans_of


class Classes(NamedTuple):
    """The class of each job (n,), and what each class may do."""

    klass: I8
    texts: list[str]  # its `gpu_types`
    speed: F8  # (classes, kinds)
    order: I8
    slices: Slices
    milli: I8  # (classes,) thousandths of a device that its MIG instance is; 0 has none
    faults: list[str]  # of jobs whose profile no GPU of the cluster has; they count as without


def pairs_of(jobs: pa.Table) -> tuple[I8, list[str], list[str]]:
    """Return the class of each job, and of each class its `gpu_types` and its `mig_profile`."""
    types, texts = table.codes(jobs, "gpu_types")
    profile, names = table.codes(jobs, "mig_profile")
    if names == [""]:
        return types, texts, [""] * len(texts)
    pair, klass = np.unique(types * len(names) + profile, return_inverse=True)
    return (
        klass.reshape(-1).astype(np.int64),
        [texts[p // len(names)] for p in pair],
        [names[p % len(names)] for p in pair],
    )


def allowed_of(profiles: list[str], inventory: Inventory) -> B1:
    """Return (classes, kinds) whether some node of a kind has places for the class's profile."""
    out = np.zeros((len(profiles), len(inventory.kinds)), np.bool_)
    for layout, pool in zip(layouts_of(inventory), inventory.pools, strict=True):
        kind = inventory.kinds.index((pool.gpu, pool.gpus_per_node))
        for i, profile in enumerate(profiles):
            out[i, kind] |= not profile or has_profile(layout, profile)
    return out


def lacking(
    klass: I8, profiles: Sequence[str], inventory: Inventory, name: Callable[[int], str]
) -> dict[str, str]:
    """Return the profiles that no GPU of the cluster has, and of each what is wrong."""
    have, found = had(inventory), {}
    for profile in sorted(set(profiles) - set(have) - {""}):
        rows = np.flatnonzero(np.array(profiles)[klass] == profile)
        more = f" and of {rows.size - 1} more" if rows.size > 1 else ""
        found[profile] = (
            f"mig_profile: is {profile!r} of job {name(int(rows[0]))}{more}; must be a profile of "
            f"the cluster's GPUs: {offered(inventory)}"
        )
    return found


def classes_of(
    jobs: pa.Table, inventory: Inventory, spares: bool, name: Callable[[int], str]
) -> Classes:
    """Return the classes of some jobs, and what is wrong with profiles; else ScenarioError."""
    klass, texts, profiles = pairs_of(jobs)
    faults = lacking(klass, profiles, inventory, name)
    profiles = ["" if profile in faults else profile for profile in profiles]
    slices = slices_of(profiles, inventory, spares)
    try:
        speed, order = speeds(texts, inventory, allowed_of(profiles, inventory))
    except ScenarioError as error:
        raise ScenarioError([*faults.values(), *error.issues]) from None
    milli = np.array([milli_of(profile, inventory) for profile in profiles], np.int64)
    return Classes(klass, texts, speed, order, slices, milli, list(faults.values()))


def narrowed(
    jobs: pa.Table, columns: Jobs, kinds: Kinds, nodes: Nodes, inventory: Inventory, scatter: bool,
    classes: Classes, name: Callable[[int], str],
) -> Spans:  # fmt: skip
    """Return within what each job must stay, its columns made to follow from instance and span.

    A span too narrow for a job raises ScenarioError, with what is wrong with profiles.
    """
    milli = classes.milli[classes.klass]
    columns.milli[:] = np.where(milli > 0, milli, columns.milli)
    code, words = table.codes(jobs, "span")
    span, slices = np.array(words)[code], classes.slices
    spans = spans_of(span, columns, inventory)
    wide = too_wide(name, span, columns, kinds, nodes, scatter, slices, spans)
    if found := [*classes.faults, *wide]:
        raise ScenarioError(found)
    return spans
