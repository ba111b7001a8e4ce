"""What became of services, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sim import table
from sim.state.services import Served
from sim.state.serving import Q_END, Q_FIRST, Q_PREEMPTED, Q_REPLICA, TICKS_PER_S, TURNED_AWAY
from sim.table_served import REPLICAS, REQUESTS, SERVICES

FATES = ["answered", "shed", "open"]


def words(codes: np.ndarray, texts: Sequence[str | None]) -> pa.Array:
    """Return the text that each code stands for, (n,)."""
    index = pa.array(np.asarray(codes, np.int32))
    return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string())).cast(pa.string())


def joined(parts: Sequence[pa.Table]) -> pa.Table | None:
    """Return the tables one after the other; None if there are none."""
    return pa.concat_tables(parts).combine_chunks() if parts else None


def requests_of(one: Served, end_s: float) -> pa.Table:
    """Return the REQUESTS of a service that came before the run's end, in order of arrival."""
    n = int(np.searchsorted(one.arrival_s, end_s, "left"))
    q, arrival_s, output = one.q[:n], one.arrival_s[:n], one.output[:n]
    came = np.rint(arrival_s * TICKS_PER_S).astype(np.int64)

    def since(column: int) -> np.ndarray:
        return np.where(q[:, column] < 0, np.nan, (q[:, column] - came) / TICKS_PER_S)

    first_s, end = since(Q_FIRST), since(Q_END)
    fate = np.where(q[:, Q_END] >= 0, 0, np.where(q[:, Q_REPLICA] == TURNED_AWAY, 1, 2))
    names = [name or None for name in one.classes]
    values: dict[str, Any] = {
        "service": words(np.zeros(n), [one.of.name]),
        "arrival_s": arrival_s,
        "prompt_tokens": one.prompt[:n],
        "output_tokens": output,
        "class": words(one.klass[:n], names),
        "fate": words(fate, FATES),
        "ttft_s": first_s,
        "tpot_s": (end - first_s) / np.maximum(output - 1, 1),
        "e2e_s": end,
        "place": np.where(q[:, Q_REPLICA] < 0, np.nan, q[:, Q_REPLICA]),
        "preemptions": q[:, Q_PREEMPTED],
    }
    return table.from_numpy(REQUESTS, values)


def replicas_of(one: Served) -> pa.Table:
    """Return the REPLICAS of a service, in order of asking."""
    names = ("place", "asked_s", "start_s", "ready_s", "told_s", "end_s")
    columns = [np.array([row[i] for row in one.replicas], np.float64) for i in range(len(names))]
    values: dict[str, Any] = dict(zip(names, columns, strict=True))
    values |= {
        "service": [one.of.name] * len(one.replicas),
        "gpus": np.full(len(one.replicas), one.of.gpus, np.int64),
        "why": pa.array([row[-1] or None for row in one.replicas], pa.string()),
    }
    return table.from_numpy(REPLICAS, values)


def services_of(one: Served) -> pa.Table:
    """Return the SERVICES rows of a service."""
    names = [column.name for column in SERVICES[1:]]
    values: dict[str, Any] = dict(zip(names, one.log, strict=True))
    values["service"] = [one.of.name] * one.log.shape[1]
    return table.from_numpy(SERVICES, values)


def tables_of(found: Sequence[Served], end_s: float) -> dict[str, pa.Table | None]:
    """Return the tables of all services by their names; None where there is no service."""
    return {
        "requests": joined([requests_of(one, end_s) for one in found]),
        "replicas": joined([replicas_of(one) for one in found]),
        "services": joined([services_of(one) for one in found]),
    }
