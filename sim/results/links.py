"""What links of the fabric have carried."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sim import table
from sim.results.answers import words
from sim.state.arrays import F8, I8
from sim.state.fabric import FIRST, STORE
from sim.state.handle import State
from sim.table_served import FABRIC, LINKS

MOST = 64
"""Links that are told over time: those that carried most of what they could."""


def sent(state: State, end_s: float) -> F8:
    """Return the bytes that each link has carried in each bin up to the end, (bins, links).

    What senders have not put there yet is added: nothing is written.
    """
    f = state.fabric
    made, width = f.sent_bytes.copy(), float(f.bin_s[0])
    edges = np.minimum(width * np.arange(1, len(made) + 1), end_s)
    edges[-1] = end_s
    for sender in np.flatnonzero(f.first >= 0).tolist():
        at_s, e = float(f.counted_s[sender]), int(f.first[sender])
        for_s = f.sends[sender] * np.diff(np.maximum(edges, at_s), prepend=at_s)
        for_s[min(int(at_s / width), len(made) - 1)] += f.unput_s[sender]
        while e >= 0:
            made[:, f.link[e]] += f.use_Bps[e] * for_s
            e = int(f.next[e])
    return made


def name_of(state: State, link: int) -> str:
    """Return a link's name: `leaf 3 up`, or the two ends that it leads between."""
    f, first = state.fabric, int(state.fabric.n[FIRST])
    if state.ways is not None and link >= first:
        return state.ways.name(link - first)
    if link == int(f.n[STORE]):
        return "storage"
    level = int(f.level[link])
    kind = ("node", "leaf", "pod")[min(level, 2)]
    return f"{kind} {link - int(np.argmax(f.level == level))} up"


def fullness(state: State, sent_bytes: F8, end_s: float) -> F8:
    """Return what each link carried over what it could have, (links,)."""
    built_Bps = state.fabric.built_Bps
    made: F8 = sent_bytes.sum(0) / np.where(built_Bps > 0.0, built_Bps * end_s, np.inf)
    return made


def tables_of_links(state: State, end_s: float) -> dict[str, pa.Table]:
    """Return the tables `links` and `fabric`; {} without a fabric."""
    if not state.fabric.on or end_s <= 0.0:
        return {}
    bytes_ = sent(state, end_s)
    full = fullness(state, bytes_, end_s)
    return {"links": links_table(state, end_s, bytes_, full), "fabric": fabric_table(state, full)}


def links_table(state: State, end_s: float, bytes_: F8, full: F8) -> pa.Table:
    """Return the LINKS table, the fullest link first.

    Source: the integral of what jobs send in the mean over each link, kept by `kernel.carried`.
    Neglects: bursts: a job that sends part of the time counts for its mean.
    """
    f, width = state.fabric, float(state.fabric.bin_s[0])
    order = np.argsort(-full, kind="stable")[:MOST]
    order = order[full[order] > 0.0]
    bins = min(len(bytes_), int(np.ceil(end_s / width)) or 1)
    begin_s = width * np.arange(bins)
    stop_s = np.minimum(begin_s + width, end_s)
    stop_s[-1] = end_s
    mine = bytes_[:bins, order].T
    could = f.built_Bps[order][:, None] * (stop_s - begin_s)
    values = {
        "link": words(np.repeat(np.arange(len(order)), bins), [name_of(state, x) for x in order]),
        "begin_s": np.tile(begin_s, len(order)),
        "end_s": np.tile(stop_s, len(order)),
        "sent_bytes": mine.ravel(),
        "load_frac": (mine / could).ravel(),
    }
    return table.from_numpy(LINKS, values)


def fabric_table(state: State, load: F8) -> pa.Table:
    """Return the FABRIC table, a row each pair of links that jobs share.

    A tree of domains is told as it is reckoned: all that lies above its last domains is one `top`.
    """
    kinds, one, other, load = between(state, load) if state.ways is None else along(state, load)
    names = list(dict.fromkeys(kinds.tolist()))
    kind = np.array([names.index(k) for k in kinds.tolist()], np.int64)
    number = np.zeros(len(kinds), np.int64)
    for k in range(len(names)):
        number[kind == k] = np.arange((kind == k).sum())
    values = {
        "one_kind": words(kind[one], names),
        "one": number[one],
        "other_kind": words(kind[other], names),
        "other": number[other],
        "load_frac": load,
    }
    return table.from_numpy(FABRIC, values)


def between(state: State, load: F8) -> tuple[np.ndarray, I8, I8, F8]:
    """Return the kinds of a tree's domains, and its links: from, to, how full."""
    f = state.fabric
    top, above = len(f.parent), np.where(f.parent < 0, len(f.parent), f.parent)
    links = np.flatnonzero((f.built_Bps < np.inf) & (f.level > 0))  # a node's own are not shared
    kinds = np.array(["node", "leaf", "pod"])[np.minimum(f.level, 2)]
    return np.append(kinds, "top"), links, above[links].clip(max=top), load[links]


def along(state: State, load: F8) -> tuple[np.ndarray, I8, I8, F8]:
    """Return the kinds of a fabric's vertices, and its shared links: from, to, how full."""
    assert state.ways is not None
    kind, a, b = state.ways.ends
    shared = np.flatnonzero(state.ways.own < 0)
    both = load[int(state.fabric.n[FIRST]) :].reshape(-1, 2).max(axis=1)
    return np.array(kind), a[shared], b[shared], both[shared]
