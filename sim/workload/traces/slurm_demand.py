"""What each Slurm job asked for and got: GPUs, cores, memory, nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.workload.check import null_mask
from sim.workload.traces import slurm_words
from sim.workload.traces.slurm_words import Tres
from sim.workload.traces.text import by_word, number_of

F8 = NDArray[np.float64]
Bool = NDArray[np.bool_]
_FIELDS = ("gpus", "cpus", "mem_bytes", "nodes")


@dataclass
class Demand:
    """What each row asks for, (n,) each; nan or null where nothing is told.

    `unread` says, for each field of the file, which rows do not read.
    """

    gpus: F8
    cpus: F8
    mem_bytes: F8
    nodes: F8
    each: F8
    types: pa.Array
    unread: dict[str, Bool] = field(default_factory=dict)


def demand(text: Mapping[str, pa.ChunkedArray], begun: Bool) -> Demand:
    """Return the request, or the allocation of exclusive jobs and where no request is told.

    A job is exclusive if the file says so, or if it was given more than twice the cores it asked
    for. Its nodes are those it was given, once it started: the number asked for is a least one.
    """
    n = len(begun)
    asked, asked_type, unread = _lists(text, "ReqTRES", "ReqGRES", n)
    given, given_type, more = _lists(text, "AllocTRES", "AllocGRES", n)
    unread |= more
    with np.errstate(invalid="ignore"):
        whole = _exclusive(text, n) | (given["cpus"] > 2 * asked["cpus"])
    whole &= begun
    got = {name: _first(given[name], asked[name]) for name in _FIELDS}
    want = {name: _first(asked[name], given[name]) for name in _FIELDS}
    no_gpu_asked = np.nan_to_num(asked["gpus"]) == 0
    gpus = np.where(whole | no_gpu_asked, got["gpus"], want["gpus"])
    counted, bad = _plain(text, "NNodes", n)
    unread |= bad
    nodes = np.where(begun, _first(_first(given["nodes"], counted), asked["nodes"]), np.nan)
    nodes = _first(_first(nodes, asked["nodes"]), counted)
    nodes = np.where(nodes >= 1, nodes, np.nan)
    cpus = np.where(whole, got["cpus"], want["cpus"])
    cpus = _first(cpus, _plain(text, "NCPUS", n)[0])
    memory = np.where(whole, got["mem_bytes"], want["mem_bytes"])
    memory = _first(memory, _memory(text, nodes, cpus, unread, n))
    gpus = np.nan_to_num(gpus)
    with np.errstate(invalid="ignore"):
        even = (gpus > 0) & (np.mod(gpus, nodes) == 0)
    each = np.where(even, gpus / nodes, np.nan)
    types = pc.if_else(pc.is_valid(asked_type), asked_type, pa.scalar(None, pa.string()))
    del given_type
    return Demand(gpus, cpus, memory, nodes, each, types, unread)


def _first(values: F8, other: F8) -> F8:
    return np.where(np.isnan(values), other, values)


def _lists(
    text: Mapping[str, pa.ChunkedArray], new: str, old: str, n: int
) -> tuple[dict[str, F8], pa.Array, dict[str, Bool]]:
    """Return the numbers in a TRES field, the type of GPU, and which rows do not read."""
    name = new if new.lower() in text else old
    if name.lower() not in text:
        nothing = {field_: np.full(n, np.nan) for field_ in _FIELDS}
        return nothing, pa.nulls(n, pa.string()), {}
    coded = text[name.lower()].combine_chunks().dictionary_encode()
    reads: Callable[[str], Tres] = slurm_words.tres if name == new else slurm_words.gres
    read, bad = [], []
    for word in coded.dictionary.to_pylist():
        try:
            read.append(reads(word) if word.strip() else Tres())
            bad.append(False)
        except ValueError:
            read.append(Tres())
            bad.append(True)
    at = np.asarray(coded.indices)
    values = {}
    for field_ in _FIELDS:
        told = [getattr(t, field_) for t in read]
        values[field_] = np.array([np.nan if v is None else v for v in told], np.float64)[at]
    types = pa.array([t.gpu_type for t in read], pa.string()).take(coded.indices)
    return values, types, {name: np.array(bad, np.bool_)[at]}


def _plain(text: Mapping[str, pa.ChunkedArray], name: str, n: int) -> tuple[F8, dict[str, Bool]]:
    if name.lower() not in text:
        return np.full(n, np.nan), {}
    words = text[name.lower()]
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
    values, unread = by_word(words, number_of)
    return values, {name: unread}


def _memory(
    text: Mapping[str, pa.ChunkedArray], nodes: F8, cpus: F8, unread: dict[str, Bool], n: int
) -> F8:
    """Return ReqMem for the whole job: `16G`; older `4000Mn` a node, `1000Mc` a core."""
    if "reqmem" not in text:
        return np.full(n, np.nan)
    words = text["reqmem"]
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
    size, bad = by_word(words, lambda word: slurm_words.memory_bytes(word)[0])
    per_node = pc.ends_with(words, "n").combine_chunks().fill_null(False)
    per_core = pc.ends_with(words, "c").combine_chunks().fill_null(False)
    unread["ReqMem"] = bad & ~null_mask(words)
    size = np.where(np.asarray(per_node.to_numpy(zero_copy_only=False)), size * nodes, size)
    return np.where(np.asarray(per_core.to_numpy(zero_copy_only=False)), size * cpus, size)


def _exclusive(text: Mapping[str, pa.ChunkedArray], n: int) -> Bool:
    """Return which rows say that they are: the field Exclusive, or --exclusive in SubmitLine."""
    said = np.zeros(n, np.bool_)
    if "exclusive" in text:
        no = pa.array(["", "no", "none", "ok", "(null)", "0"], pa.string())
        word = pc.is_in(pc.utf8_lower(text["exclusive"]), no).combine_chunks()
        said |= ~np.asarray(word.to_numpy(zero_copy_only=False))
    if "submitline" in text:
        line = pc.match_substring_regex(text["submitline"], r"\s--exclusive(\s|$)")
        said |= np.asarray(line.combine_chunks().to_numpy(zero_copy_only=False))
    return said
