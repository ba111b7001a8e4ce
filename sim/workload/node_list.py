"""The nodes of a cluster from a file, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sim.errors import RackplanError, ScenarioError
from sim.files import find
from sim.state import AbstractCluster, Inventory, Pool

NEEDED = ("node", "gpus", "gpu")
NUMBERS = ("gpus", "cpus", "mem_bytes")


def name_of(told: Any) -> str | None:
    """Return a name or number as text; None for null."""
    return None if told is None else str(told)


@final
@dataclass(frozen=True)
class NodeList(AbstractCluster):
    """A row a node, CSV or Parquet: node, gpus, gpu (its type), and cpus, mem_bytes where counted,
    rack and pod where spans or placement want them (a fabric that `topologies.read` has read says).

    Each node is a pool of its own. The order of the rows decides where a placement finds nodes
    alike. `path` is looked for as that of a trace.
    """

    path: str

    def inventory(self) -> Inventory:
        """Return the nodes; faults raise ScenarioError, all at once."""
        table = self._table()
        have = table.column_names
        faults = [f"{n}: is missing; must be a column of {self.path}" for n in NEEDED
                  if n not in have]  # fmt: skip
        for name in NUMBERS:
            kind = table.schema.field(name).type if name in have else pa.int64()
            counted = pa.types.is_integer(kind) or pa.types.is_floating(kind)
            if not (counted or pa.types.is_null(kind)):
                faults.append(f"{name}: is {kind} in {self.path}; must be a column of numbers")
        if faults:
            raise ScenarioError([f"cluster.{fault}" for fault in faults])
        pools = []
        for row in table.to_pylist():
            gpus = row["gpus"]
            whole = isinstance(gpus, float) and gpus.is_integer()
            pools.append(Pool(
                str(row["node"]), 1, int(gpus) if whole else gpus, str(row["gpu"]),
                row.get("cpus"), row.get("mem_bytes"),
                rack=name_of(row.get("rack")), pod=name_of(row.get("pod")),
            ))  # fmt: skip
        return Inventory(tuple(pools)).inventory()

    def _table(self) -> pa.Table:
        try:
            path = find(self.path)
            if path.read_bytes()[:4] == b"PAR1":
                return pa.parquet.read_table(path)
            return pa.csv.read_csv(path)
        except (RackplanError, OSError, pa.ArrowException) as fault:
            raise ScenarioError([f"cluster.path: {fault}"]) from fault
