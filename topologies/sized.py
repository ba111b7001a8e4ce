"""Sizes that follow from a number of nodes."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod

import numpy as np

from topologies.fabric import Fabric


def grid(count: int, dimensions: int, step: int = 1) -> tuple[int, ...]:
    """Return the edges of the most even grid of `count` points, each a multiple of `step`.

    The greatest edge is as small as it can be, greatest edges last. Raises ValueError if `count` is
    no multiple of step^dimensions.

    >>> grid(4096, 3, 4), grid(48, 2)
    ((16, 16, 16), (6, 8))
    """
    cube = step**dimensions
    if count % cube or count < 1:
        less, more = count // cube * cube, ceil(count / cube) * cube
        near = f"{less} or {more}" if less else f"{max(more, cube)}"
        raise ValueError(
            f"nodes is {count}; must be a multiple of {cube}, such as {near}: "
            "change the number of nodes or the size of a cube"
        )

    def split(rest: int, left: int) -> tuple[int, ...]:
        if left == 1:
            return (rest,)
        found = [
            tuple(sorted((k, *split(rest // k, left - 1))))
            for k in range(1, round(rest ** (1 / left)) + 1)
            if rest % k == 0
        ]
        return min(found, key=lambda edges: edges[::-1])

    edges = tuple(step * k for k in split(count // cube, dimensions))
    assert prod(edges) == count
    return edges


def groups_of(nodes: int, size: int, what: str, remedy: str) -> int:
    """Return how many groups of `size` nodes there are; ValueError if they do not divide."""
    if nodes < 1 or nodes % size:
        less = nodes // size * size
        near = f"{less} or {less + size}" if less else f"{size}"
        raise ValueError(
            f"nodes is {nodes}; must be a multiple of the {size} of a {what}, such as {near}: "
            f"change the number of nodes or {remedy}"
        )
    return nodes // size


def least_arity(nodes: int) -> int:
    """Return the least even k whose fat tree, k³/4, has so many nodes.

    >>> least_arity(128), least_arity(129)
    (8, 10)
    """
    k = 2 * max(1, int((nodes / 2) ** (1 / 3)) - 1)  # a little low, whatever rounding did
    while k**3 // 4 < nodes:
        k += 2
    return k


def holding(fabric: Fabric, gpus_per_node: int) -> Fabric:
    """Return the fabric with so many GPUs on every node."""
    gpus = np.where(fabric.kind == "node", gpus_per_node, -1)
    return replace(fabric, places={**fabric.places, "gpus": gpus})
