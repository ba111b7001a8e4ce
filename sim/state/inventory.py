"""What the datacentre has: pools of nodes alike."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, final

from sim.errors import ScenarioError


@dataclass(frozen=True)
class Pool:
    """`nodes` nodes alike, numbered one after another.

    `cpus` (cores) and `mem_bytes` are per node; None is plenty: a job's wish for them is then
    always met. The nodes stand in racks of `nodes_per_rack`, these in pods of `racks_per_pod`, one
    after another; None: the pool is one rack, one pod. Or all stand in the rack or pod of a name,
    which pools may share; a named rack is a pod of its own unless told. `mig` says how each device
    of a node is cut for good, `3g.40gb,4x1g.10gb`, "" and those not listed not at all; None: on
    demand.
    """

    name: str
    nodes: int
    gpus_per_node: int
    gpu: str = "gpu"
    cpus: float | None = None
    mem_bytes: float | None = None
    nodes_per_rack: int | None = None
    racks_per_pod: int | None = None
    mig: Sequence[str] | None = None
    rack: str | None = None
    pod: str | None = None

    def issues(self, path: str = "cluster") -> list[str]:
        """Return every fault, each as `path: what is; what must be`."""
        found = self.grouped(path)
        for name, least in (("nodes", 1), ("gpus_per_node", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                found.append(f"{path}.{name}: is {value!r}; must be a whole number >= {least}")
        if self.mig is not None and (
            isinstance(self.mig, str) or not all(isinstance(text, str) for text in self.mig)
        ):
            found.append(f"{path}.mig: is {self.mig!r}; must be a list of texts, one a device")
        for name in ("cpus", "mem_bytes"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and 0 <= value < 2**60):
                found.append(f"{path}.{name}: is {value!r}; must be a number >= 0, or null")
        for name in ("name", "gpu"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value or any(c in value for c in "|:,"):
                found.append(f"{path}.{name}: is {value!r}; must be a name without | : ,")
        return found

    def grouped(self, path: str) -> list[str]:
        """Return the faults of how nodes stand in racks, and these in pods: one a knob."""
        found, racks, pods = [], self.nodes_per_rack, self.racks_per_pod
        told = f"{path}.racks_per_pod: is {pods!r}"
        if self.rack is not None and racks is None and pods is not None:
            return [f"{told}, but all nodes are in the rack {self.rack!r}; must be null"]
        if self.rack is not None and racks is not None:
            more = "; must be one of them" if pods is None else (
                " and racks_per_pod; must be null, or else both of these")  # fmt: skip
            found.append(f"{path}.rack: is {self.rack!r} beside nodes_per_rack{more}")
        elif racks is not None and not is_count(racks):
            found.append(f"{path}.nodes_per_rack: is {racks!r}; must be a whole number >= 1, or "
                         "null")  # fmt: skip
        if pods is not None and not is_count(pods):
            beside = " beside nodes_per_rack" if racks is None else ""
            found.append(f"{told}; must be a whole number >= 1{beside}, or null")
        elif pods is not None and self.pod is not None:
            found.append(f"{path}.pod: is {self.pod!r} beside racks_per_pod; must be one of them")
        elif pods is not None and racks is None:
            found.append(f"{told}, but all nodes are in one rack; must be null, or set "
                         "nodes_per_rack")  # fmt: skip
        return found


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class AbstractCluster(abc.ABC):
    """What is bought."""

    @abc.abstractmethod
    def inventory(self) -> Inventory:
        """Return the pools; faults raise ScenarioError, all at once."""


@final
@dataclass(frozen=True)
class Inventory(AbstractCluster):
    """The pools of a cluster, in the order of their node numbers."""

    pools: tuple[Pool, ...]
    listed: bool = False
    """Whether they are told as a list, so that a fault of the only one is of `pools[0]` too."""

    def place(self, i: int, path: str = "cluster") -> str:
        """Return where a pool is told."""
        return f"{path}.pools[{i}]" if self.listed or len(self.pools) > 1 else path

    def inventory(self) -> Inventory:
        """Return itself, checked."""
        if found := self.issues():
            raise ScenarioError(found)
        return self

    def issues(self, path: str = "cluster") -> list[str]:
        """Return every fault at once."""
        if not self.pools:
            return [f"{path}.pools: is empty; must list at least one pool"]
        found = []
        for i, pool in enumerate(self.pools):
            found += pool.issues(self.place(i, path))
        names = [pool.name for pool in self.pools]
        for name in sorted({n for n in names if names.count(n) > 1}):
            found.append(f"{path}.pools: the name {name!r} stands twice; each pool needs its own")
        pods: dict[str, set[str]] = {}
        for pool in self.pools:
            if pool.rack is not None:
                pods.setdefault(pool.rack, set()).add(str(pool.pod))
        found += [
            f"{path}.pools: the rack {rack!r} stands in {' and '.join(sorted(over))}; must be one"
            for rack, over in sorted(pods.items())
            if len(over) > 1
        ]
        return found

    @property
    def gpus(self) -> int:
        """GPUs in all."""
        return sum(pool.nodes * pool.gpus_per_node for pool in self.pools)

    @property
    def nodes(self) -> int:
        """Nodes in all."""
        return sum(pool.nodes for pool in self.pools)

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """(GPU type, GPUs a node), each once, in order of first sight."""
        return tuple(dict.fromkeys((pool.gpu, pool.gpus_per_node) for pool in self.pools))


@final
@dataclass(frozen=True)
class Homogeneous(AbstractCluster):
    """Nodes all alike."""

    nodes: int = 16
    gpus_per_node: int = 8
    gpu: str = "h100"
    cpus: float | None = None
    mem_bytes: float | None = None
    nodes_per_rack: int | None = None
    racks_per_pod: int | None = None
    mig: Sequence[str] | None = None

    def inventory(self) -> Inventory:
        """Return an inventory of one pool, named after its GPU type."""
        pool = Pool(
            self.gpu, self.nodes, self.gpus_per_node, self.gpu, self.cpus, self.mem_bytes,
            self.nodes_per_rack, self.racks_per_pod, self.mig,
        )  # fmt: skip
        return Inventory((pool,)).inventory()


@final
@dataclass(frozen=True)
class Pools(AbstractCluster):
    """Pools of different nodes: `pools` lists mappings with the fields of a Pool."""

    pools: Sequence[Mapping[str, Any]] = ()

    def inventory(self) -> Inventory:
        """Return the inventory; an unknown or missing field is named with the valid ones."""
        known = [f.name for f in fields(Pool)]
        needed = ("name", "nodes", "gpus_per_node")
        found = []
        for i, pool in enumerate(self.pools):
            path = f"cluster.pools[{i}]"
            odd = sorted(set(pool) - set(known))
            found += [f"{path}.{k}: is not known; valid are {', '.join(known)}" for k in odd]
            found += [
                f"{path}.{k}: is missing; every pool needs it" for k in needed if k not in pool
            ]
        if found:
            raise ScenarioError(found)
        return Inventory(tuple(Pool(**pool) for pool in self.pools), listed=True).inventory()
