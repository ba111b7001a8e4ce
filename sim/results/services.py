"""What became of services, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sim import table
from sim.kernel.serving.rows import outcome
from sim.state.services import Served
from sim.state.serving import NEVER, TICKS_PER_S, TURNED_AWAY
from sim.table_served import REPLICAS, REQUESTS, SERVICES

FATES = ["answered", "shed", "open"]


def words(codes: np.ndarray, texts: Sequence[str | None]) -> pa.Array:
    """Return the text that each code stands for, (n,); at once where all are alike."""
    if len(codes) and codes.min() == codes.max():
        one = pa.scalar(texts[int(codes[0])], pa.string())
        return pa.repeat(one, len(codes))
    index = pa.array(np.asarray(codes, np.int32))
    return pa.DictionaryArray.from_arrays(index, pa.array(texts, pa.string())).cast(pa.string())


def joined(parts: Sequence[pa.Table]) -> pa.Table | None:
    """Return the tables one after the other; None if there are none."""
    return pa.concat_tables(parts) if parts else None


def requests_of(one: Served, end_s: float) -> pa.Table:
    """Return the REQUESTS of a service that came before the run's end, in order of arrival."""
    many = len(one.arrival_s)
    times, counts = np.empty((3, many)), np.empty((2, many), np.int32)
    n = outcome(
        one.q,
        np.asarray(one.output, np.int32),
        min(round(end_s * TICKS_PER_S), int(NEVER)),
        times,
        counts,
    )
    place, open_still = counts[0, :n], np.isnan(times[2, :n])
    fate = open_still * (np.int8(2) - (place == TURNED_AWAY)).astype(np.int8)
    values: dict[str, Any] = {
        "service": words(np.zeros(n, np.int8), [one.of.name]),
        "arrival_s": one.arrival_s[:n],
        "prompt_tokens": one.prompt[:n],
        "output_tokens": one.output[:n],
        "class": words(one.klass[:n], [name or None for name in one.classes]),
        "fate": words(fate, FATES),
        "ttft_s": times[0, :n],
        "tpot_s": times[1, :n],
        "e2e_s": times[2, :n],
        "place": np.where(place < 0, np.nan, place) if open_still.any() else place,
        "preemptions": counts[1, :n],
    }
    return table.from_numpy(REQUESTS, values)


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


def tables_of(found: Sequence[Served], end_s: float) -> dict[str, pa.Table | None]:
    """Return the tables of all services by their names; None where there is no service."""
    return {
        "requests": joined([requests_of(one, end_s) for one in found]),
        "replicas": joined([replicas_of(one) for one in found]),
        "services": joined([services_of(one) for one in found]),
    }
