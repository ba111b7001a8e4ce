"""MIG: the profiles of each GPU type, where their instances may lie, and fixed geometries.

A device is a mask: a bit a memory slice, and one more for the media engines, which one instance
has. Instances may be on one device if their masks do not meet: no such set of legal places needs
more compute slices than there are.

Source: NVIDIA, Multi-Instance GPU User Guide, Supported MIG Profiles (names, fractions of memory,
most instances), and what `nvidia-smi mig -lgipp` says on A100 and H100 (starts and sizes).
Neglects: compute instances within an instance, the profiles without media engines or with graphics,
the seconds that making and taking down an instance takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from sim.state.arrays import B1, I8
from sim.state.inventory import Inventory
from sim.state.slices import Slices

MEDIA = 1 << 8
"""The bit of the media engines: the profiles with `+me` have them, and the one of all slices."""


class Profile(NamedTuple):
    """An instance: compute and memory slices, and the masks it may take, in order."""

    compute: int
    memory: int
    places: tuple[int, ...]


# compute slices: (memory slices, first slices that are legal)
SEVENTHS = ((1, 1, range(7)), (1, 2, (0, 2, 4, 6)), (2, 2, (0, 2, 4)), (3, 4, (0, 4)),
            (4, 4, (0,)), (7, 8, (0,)))  # fmt: skip
QUARTERS = ((1, 1, range(4)), (2, 2, (0, 2)), (4, 4, (0,)))
# GB in the names of the profiles, in the order above; slices of the device
SIZES: dict[str, tuple[tuple[int, ...], int]] = {
    "a30": ((6, 12, 24), 4),
    "a100-40gb": ((5, 10, 10, 20, 20, 40), 8),
    "a100-80gb": ((10, 20, 20, 40, 40, 80), 8),
    "h100": ((10, 20, 20, 40, 40, 80), 8),
    "h100-94gb": ((12, 24, 24, 47, 47, 94), 8),
    "gh200": ((12, 24, 24, 48, 48, 96), 8),
    "h200": ((18, 35, 35, 71, 71, 141), 8),
    "b200": ((23, 45, 45, 90, 90, 180), 8),
    "gb200": ((23, 47, 47, 93, 93, 186), 8),
}
ALIAS = {"a100": "a100-80gb", "h100-80gb": "h100"}


def profiles_of(gpu: str) -> dict[str, Profile]:
    """Return the profiles of a GPU type by name, `1g.10gb`; none where it knows no MIG."""
    sizes, slices = SIZES.get(ALIAS.get(gpu, gpu), ((), 0))
    made: dict[str, Profile] = {}
    rule = SEVENTHS if slices == 8 else QUARTERS
    for size, (compute, memory, starts) in zip(sizes, rule if sizes else (), strict=True):
        masks = tuple(((1 << memory) - 1) << start for start in starts)
        everything = memory == slices
        name = f"{compute}g.{size}gb"
        made[name] = Profile(compute, memory, tuple(mask | MEDIA * everything for mask in masks))
        if memory == 1 or (slices == 4 and memory == 2):
            made[f"{name}+me"] = Profile(compute, memory, tuple(mask | MEDIA for mask in masks))
    return made


def geometry(gpu: str, text: str) -> list[tuple[str, int]] | None:
    """Return the instances (profile, mask) of a device cut like `2x3g.40gb`, first fit in turn.

    None if they do not fit together, or are none that the GPU type has. Empty: not cut.
    """
    profiles, wanted = profiles_of(gpu), list[str]()
    for part in filter(None, (p.strip() for p in text.split(","))):
        times, _, name = part.rpartition("x")
        if not re.fullmatch(r"[1-9]?", times) or name not in profiles:
            return None
        wanted += [name] * int(times or 1)

    def laid(rest: Sequence[str], taken: int) -> list[tuple[str, int]] | None:
        """Return the others laid out, trying every place."""
        if not rest:
            return []
        for mask in profiles[rest[0]].places:
            if not mask & taken and (others := laid(rest[1:], taken | mask)) is not None:
                return [(rest[0], mask), *others]
        return None

    return laid(wanted, 0)


def faults_of(inventory: Inventory) -> list[str]:
    """Return the fixed geometries that are none, each as `path: what is; what must be`."""
    found = []
    for i, pool in enumerate(inventory.pools):
        path = f"{inventory.place(i)}.mig"
        if len(pool.mig or ()) > pool.gpus_per_node:
            found.append(f"{path}: lists {len(pool.mig or ())} devices; the node has only "
                         f"{pool.gpus_per_node}")  # fmt: skip
        for d, text in enumerate(pool.mig or ()):
            if geometry(pool.gpu, text) is None:
                has = ", ".join(profiles_of(pool.gpu)) or "no profiles at all"
                found.append(
                    f"{path}[{d}]: is {text!r}; must be instances that fit on one {pool.gpu} "
                    f"together, such as '2x3g.40gb'; it has {has}"
                )
    return found


def cuts(inventory: Inventory) -> I8:
    """Return (pools,) how many devices of each node are cut for good."""
    return np.array([sum(map(bool, pool.mig or ())) for pool in inventory.pools], np.int64)


def has_profile(gpu_and_cut: tuple[str, tuple[str, ...] | None], profile: str) -> bool:
    """Return whether a layout has a place for a profile."""
    gpu, cut = gpu_and_cut
    if cut is None:
        return profile in profiles_of(gpu)
    return any(profile == name for text in cut for name, _ in geometry(gpu, text) or ())


def names_in(layout: tuple[str, tuple[str, ...] | None]) -> list[str]:
    """Return the profiles for which a layout has a place."""
    return [name for name in profiles_of(layout[0]) if has_profile(layout, name)]


def layouts_of(inventory: Inventory) -> list[tuple[str, tuple[str, ...] | None]]:
    """Return (pools,) the GPU type of each pool and its geometry, None if cut on demand."""
    return [(p.gpu, None if p.mig is None else tuple(p.mig)) for p in inventory.pools]


def had(inventory: Inventory) -> set[str]:
    """Return the profiles for which some node has a place."""
    return {name for layout in layouts_of(inventory) for name in names_in(layout)}


def offered(inventory: Inventory) -> str:
    """Return in words which profiles each GPU type of the cluster has."""
    layouts = dict.fromkeys(layouts_of(inventory))
    return "; ".join(f"{layout[0]} has {', '.join(names_in(layout)) or 'none'}"
                     for layout in layouts)  # fmt: skip


def padded(rows: Iterable[Sequence[int]], shape: tuple[int, ...]) -> I8:
    """Return lists of different lengths as an array, zeros behind them."""
    out = np.zeros((int(np.prod(shape[:-1])), shape[-1]), np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out.reshape(shape)


def no_slices() -> Slices:
    """Return the table of a run in which nobody asks for an instance."""
    empty = np.zeros((0, 0), np.int64)
    return Slices(
        False, False, empty, np.zeros(0, np.int64), np.zeros((0, 0), np.bool_),
        np.zeros((0, 0, 0, 0), np.int64), empty.copy(), np.zeros(0, np.bool_),
        np.zeros(0, np.int64),
    )  # fmt: skip


def slices_of(profiles: Sequence[str], inventory: Inventory, spares: bool) -> Slices:
    """Return the table of slices, nothing held; `profiles` (classes,) is "" for other jobs.

    Each must be one that some GPU of the cluster has (`had`).
    """
    asked = sorted(set(profiles) - {""})
    if not asked:
        return no_slices()
    per_pool = layouts_of(inventory)
    layouts = list(dict.fromkeys(per_pool))
    most = max(1, *(pool.gpus_per_node for pool in inventory.pools))
    places = []
    for profile in profiles:
        for gpu, cut in layouts:
            for d in range(most):
                fixed = geometry(gpu, cut[d]) if cut is not None and d < len(cut) else []
                legal = profiles_of(gpu)[profile].places if profile in profiles_of(gpu) else ()
                if cut is not None:
                    legal = tuple(mask for name, mask in fixed or () if name == profile)
                places.append(legal)
    rivals = [
        [
            mask
            for name, profile in profiles_of(gpu).items()
            for mask in profile.places
            if not name.endswith("+me")
        ]
        for gpu, _ in layouts
    ]
    pool_of = np.repeat(np.arange(len(per_pool)), [pool.nodes for pool in inventory.pools])
    cut_for_good: B1 = np.array(
        [[cut is not None and d < len(cut) and bool(cut[d]) for d in range(most)]
         for _, cut in layouts]
    )  # fmt: skip
    return Slices(
        True, spares, np.zeros((len(pool_of), most), np.int64),
        np.array([layouts.index(pair) for pair in per_pool], np.int64)[pool_of], cut_for_good,
        padded(places, (len(profiles), len(layouts), most, 1 + max(map(len, places)))),
        padded(rivals, (len(layouts), 1 + max(map(len, rivals)))),
        np.array([bool(profile) for profile in profiles]),
        np.array([SIZES.get(ALIAS.get(gpu, gpu), ((), 1))[1] for gpu, _ in layouts], np.int64),
    )  # fmt: skip


def milli_of(profile: str, inventory: Inventory) -> int:
    """Return the thousandths of a device that an instance is, by memory slices.

    Of the first GPU type that has it: a name can stand for other slices on another type. 0 of none.
    """
    for gpu, cut in layouts_of(inventory):
        if has_profile((gpu, cut), profile):
            slices = SIZES[ALIAS.get(gpu, gpu)][1]
            return 1000 * profiles_of(gpu)[profile].memory // slices
    return 0
