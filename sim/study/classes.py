"""Jobs of one class may run on the same kinds of node at the same speeds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sim import table
from sim.errors import ScenarioError
from sim.state import Inventory, build
from sim.state.arrays import B1, F8, I8
from sim.state.mig import has_profile, layouts_of, slices_of
from sim.state.slices import Slices


def classes_of(jobs: pa.Table) -> tuple[I8, list[str], list[str]]:
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


def speeds_and_slices(
    texts: list[str], profiles: list[str], inventory: Inventory, spares: bool
) -> tuple[F8, I8, Slices]:
    """Return the speeds (classes, kinds), kinds fastest first, and the table of MIG slices.

    What is wrong with either raises one ScenarioError.
    """
    faults: list[str] = []
    allowed = allowed_of(profiles, inventory)
    try:
        slices = slices_of(profiles, inventory, spares)
    except ScenarioError as error:
        faults += error.issues
    try:
        speed, order = build.speeds(texts, inventory, allowed)
    except ScenarioError as error:
        faults += error.issues
    if faults:
        raise ScenarioError(faults)
    return speed, order, slices
