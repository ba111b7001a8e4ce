"""What became of services, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sim import table
from sim.results.answers import OfRun
from sim.state.services import Served
from sim.table_served import REPLICAS, SERVICES


def joined(parts: Sequence[pa.Table]) -> pa.Table | None:
    """Return the tables one after the other; None if there are none."""
    return pa.concat_tables(parts) if parts else None


def replicas_of(one: Served) -> pa.Table:
    """Return the REPLICAS of a service, in order of asking."""
    names = ("place", "asked_s", "start_s", "ready_s", "told_s", "end_s")
    columns = [np.array([row[i] for row in one.replicas], np.float64) for i in range(len(names))]
    values: dict[str, Any] = dict(zip(names, columns, strict=True))
    values |= {
        "service": [one.of.title] * len(one.replicas),
        "gpus": np.full(len(one.replicas), one.of.gpus, np.int64),
        "why": pa.array([row[-1] or None for row in one.replicas], pa.string()),
    }
    return table.from_numpy(REPLICAS, values)


def services_of(one: Served) -> pa.Table:
    """Return the SERVICES rows of a service."""
    names = [column.name for column in SERVICES[1:]]
    values: dict[str, Any] = dict(zip(names, one.log, strict=True))
    values["service"] = [one.of.title] * one.log.shape[1]
    return table.from_numpy(SERVICES, values)


def tables_of(found: Sequence[Served]) -> dict[str, Any]:
    """Return what a Result has of all services, by name; None where there is no service."""
    return {
        "answers": OfRun(found) if found else None,
        "replicas": joined([replicas_of(one) for one in found]),
        "services": joined([services_of(one) for one in found]),
    }
