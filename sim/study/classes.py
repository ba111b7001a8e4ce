"""Jobs of one class may run on the same kinds of node at the same speeds."""

from __future__ import annotations

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
from sim.state.mig import has_profile, layouts_of, milli_of, slices_of
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


def classes_of(jobs: pa.Table, inventory: Inventory, spares: bool) -> Classes:
    """Return the classes of some jobs; what is wrong with any raises one ScenarioError."""
    klass, texts, profiles = pairs_of(jobs)
    faults: list[str] = []
    try:
        slices = slices_of(profiles, inventory, spares)
    except ScenarioError as error:
        faults += error.issues
    try:
        speed, order = speeds(texts, inventory, allowed_of(profiles, inventory))
    except ScenarioError as error:
        faults += error.issues
    if faults:
        raise ScenarioError(faults)
    milli = np.array([milli_of(profile, inventory) for profile in profiles], np.int64)
    return Classes(klass, texts, speed, order, slices, milli)


def narrowed(
    jobs: pa.Table, columns: Jobs, kinds: Kinds, nodes: Nodes, inventory: Inventory, scatter: bool,
    classes: Classes,
) -> Spans:  # fmt: skip
    """Return within what each job must stay, its columns made to follow from instance and span.

    A span too narrow for a job raises ScenarioError.
    """
    milli = classes.milli[classes.klass]
    columns.milli[:] = np.where(milli > 0, milli, columns.milli)
    code, words = table.codes(jobs, "span")
    span, slices = np.array(words)[code], classes.slices
    spans = spans_of(span, columns, inventory)
    names = jobs.column("job_id")
    if found := too_wide(names, span, columns, kinds, nodes, scatter, slices, spans):
        raise ScenarioError(found)
    return spans
