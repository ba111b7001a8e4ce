"""Fields of sacct as numbers, each from whichever form the file has."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.workload.traces import slurm_words
from sim.workload.traces.text import F8, Bool, by_word, instants, number_of

Text = dict[str, pa.ChunkedArray]
_UNLIMITED = ("", "UNLIMITED", "PARTITION_LIMIT", "INVALID", "NONE", "UNKNOWN")


def states(column: pa.ChunkedArray) -> NDArray[np.str_]:
    """Return each state in capitals, (n,)."""
    coded = column.combine_chunks().dictionary_encode()
    words = [slurm_words.state(word) for word in coded.dictionary.to_pylist()]
    found: NDArray[np.str_] = np.array(words or [""])[np.asarray(coded.indices)]
    return found


def ids(text: Text) -> pa.ChunkedArray:
    """Return JobID, else JobIDRaw; `cluster:id` where the file tells of several clusters."""
    found = text["jobid"] if "jobid" in text else text["jobidraw"]
    if "cluster" in text and len(pc.unique(text["cluster"])) > 1:
        return pc.binary_join_element_wise(text["cluster"], found, ":")
    return found


def clock(text: Text, name: str, n: int) -> tuple[F8, Bool]:
    """Return the seconds since 1970 of a field, and which words do not read."""
    if name not in text:
        return np.full(n, np.nan), np.zeros(n, np.bool_)
    return instants(text[name])


def elapsed(text: Text, times: dict[str, F8], n: int) -> tuple[F8, Bool]:
    """Return the seconds each ran, from End - Start where no other field tells; unread words."""
    ran, unread = np.full(n, np.nan), np.zeros(n, np.bool_)
    if "elapsedraw" in text:
        ran, unread = by_word(_unlimited(text["elapsedraw"]), number_of)
    elif "elapsed" in text:
        ran, unread = by_word(_unlimited(text["elapsed"]), slurm_words.duration_s)
    return np.where(np.isnan(ran), times["End"] - times["Start"], ran), unread


def topology(text: Text, nodes: F8) -> dict[str, F8]:
    """Return `switches`, `switches_wait_s` and `segment` of each row, (n,), where any is told.

    A segment that does not divide the nodes is left out, as one of 0 is.
    """
    found: dict[str, F8] = {}
    if "submitline" in text:
        asked = pc.extract_regex(text["submitline"], r" --switches=(?P<wish>\S+)")
        wish = pc.struct_field(asked, "wish")
        found["switches"] = by_word(wish, lambda word: slurm_words.switches(word)[0])[0]
        found["switches_wait_s"] = by_word(wish, lambda word: slurm_words.switches(word)[1])[0]
        asked = pc.extract_regex(text["submitline"], r" --segment=(?P<wish>\S+)")
        found["segment"] = by_word(pc.struct_field(asked, "wish"), number_of)[0]
    if "segmentsize" in text:
        found["segment"] = by_word(text["segmentsize"], number_of)[0]
    if "segment" in found:
        part = found["segment"]
        with np.errstate(invalid="ignore", divide="ignore"):
            good = (part >= 1) & ((part > nodes) | (nodes % part == 0))
        found["segment"] = np.where(good, part, np.nan)
    return {name: values for name, values in found.items() if not np.isnan(values).all()}


def begun(text: Text, times: dict[str, F8], state: NDArray[np.str_], ran: F8) -> Bool:
    """Return which rows tell of a run: by their Start, or by time that passed in one.

    Without a Start column, a state that only a run ends in tells as much, even after no time; and
    a row that ended, but says nothing of its time, is taken for a run of unknown length.
    """
    found = ~np.isnan(times["Start"]) | (np.nan_to_num(ran) > 0)
    if "start" not in text:
        ended = np.isin(state, tuple(slurm_words.ENDED))
        found |= ended & (np.isnan(ran) | ~np.isin(state, slurm_words.BEFORE_A_RUN))
    return found


def limit(text: Text, n: int) -> tuple[F8, Bool]:
    """Return the time limit in seconds, nan if there is none, and which words do not read."""
    if "timelimitraw" in text:
        minutes, unread = by_word(_unlimited(text["timelimitraw"]), number_of)
        return 60.0 * minutes, unread
    if "timelimit" in text:
        return by_word(_unlimited(text["timelimit"]), slurm_words.duration_s)
    return np.full(n, np.nan), np.zeros(n, np.bool_)


def _unlimited(column: pa.ChunkedArray) -> pa.ChunkedArray:
    plain = pc.utf8_upper(pc.utf8_trim_whitespace(column))
    none = pc.is_in(plain, pa.array(_UNLIMITED, pa.string()))
    return pc.if_else(none, pa.scalar(None, pa.string()), column)
