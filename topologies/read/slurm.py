"""Slurm's topology.conf: trees of switches, or blocks."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import networkx as nx

from topologies.read.common import FabricFileError, finished, text_of

MOST_NAMES = 200_000
SAID = {"switchname", "nodes", "switches", "linkspeed", "blockname", "blocksizes"}


def slurm(
    path: Path, node_Bps: float = 50e9, link_Bps: float = 400e9, latency_s: float = 1e-6
) -> nx.Graph:
    """Return the fabric of a topology.conf, topology/tree or topology/block.

    A switch with nodes is a leaf of tier 1 and a rack; one over switches is a spine, one tier above
    the highest of its own. Nodes are numbered in the file's order, `label` their names. Blocks are
    vertices of kind "block" under one "root"; BlockSizes are the graph's `block_sizes`. The file
    tells no capacity: node_Bps and link_Bps are given, each way.

    Raises FabricFileError with all faults: an unknown word, a name twice, a switch that is not
    there, a node on two leaves.

    Source: slurm.schedmd.com/topology.conf.html.
    Neglects: LinkSpeed, which Slurm ignores as well; topology.yaml.
    """
    graph: nx.Graph = nx.Graph(name=path.stem)
    found: list[str] = []
    above: list[tuple[str, str, str]] = []  # where, switch, what is below it
    edge = {"latency_s": latency_s}
    for number, line in enumerate(text_of(path, 2**26).splitlines(), 1):
        at = f"line {number}"
        said = {k.lower(): v for k, _, v in (w.partition("=") for w in line.split("#")[0].split())}
        found += [
            f"{at}: {word!r} is not known; must be one of {sorted(SAID)}"
            for word in sorted(set(said) - SAID)
        ]
        sizes = said.get("blocksizes", "").split(",")
        if "blocksizes" in said:
            graph.graph["block_sizes"] = tuple(int(s) for s in sizes if s.isdecimal())
        name = said.get("switchname") or said.get("blockname")
        if name and name in graph:
            found.append(f"{at}: {name!r} stands twice")
        elif name:
            kind = "block" if "blockname" in said else "leaf" if "nodes" in said else "spine"
            found += switch_of(graph, name, kind, said.get("nodes", ""), at, node_Bps, latency_s)
            above.append((at, name, said.get("switches", "")))
    for at, name, below in above:
        for switch in listed(below, at, found):
            if switch not in graph or graph.nodes[switch]["kind"] == "node":
                found.append(f"{at}: switch {switch!r} is not there; add its line")
            else:
                graph.add_edge(name, switch, capacity_Bps=link_Bps, **edge)
                tiers = graph.nodes[name]["tier"], graph.nodes[switch]["tier"] + 1
                graph.nodes[name]["tier"] = max(tiers)
    blocks = [v for v, kind in graph.nodes(data="kind") if kind == "block"]
    if len(blocks) > 1:
        graph.add_node("root", kind="spine", tier=2)
        graph.add_edges_from((v, "root", {"capacity_Bps": link_Bps, **edge}) for v in blocks)
    if not graph:
        raise FabricFileError(path, [*found, "has no SwitchName or BlockName"])
    return finished(path, graph, found)


def switch_of(
    graph: nx.Graph, name: str, kind: str, nodes: str, at: str, node_Bps: float, latency_s: float
) -> list[str]:
    """Add a switch with its nodes to the graph and return what is wrong with it."""
    found: list[str] = []
    rack = sum(1 for k in graph.nodes(data="kind") if k[1] in ("leaf", "block"))
    graph.add_node(name, kind=kind, tier=1, **({} if kind == "spine" else {"rack": rack}))
    for end in listed(nodes, at, found):
        if end in graph:
            found.append(f"{at}: {end!r} stands on two switches")
        else:
            graph.add_node(end, kind="node", tier=0, rack=rack)
            graph.add_edge(end, name, capacity_Bps=node_Bps, latency_s=latency_s)
    return found


def listed(text: str, at: str, found: list[str]) -> list[str]:
    """Return the names of a list; none, and one more fault, if it is wrong."""
    try:
        return expanded(text)
    except ValueError as error:
        found.append(f"{at}: {error}")
        return []


def expanded(text: str) -> list[str]:
    """Return the names of a list such as `n[01-04,7],s2`; ValueError if wrong or beyond 200,000.

    >>> expanded("n[08-10],r[1-2]x[0,1]")
    ['n08', 'n09', 'n10', 'r1x0', 'r1x1', 'r2x0', 'r2x1']
    """
    names: list[str] = []
    for item in re.findall(r"(?:[^,\[\]]|\[[^\]]*\])+", text):
        parts: list[list[str]] = []
        size = 1
        for plain, ranges in re.findall(r"([^\[\]]+)|\[([^\]]*)\]", item):
            parts.append([plain] if plain else ranged(ranges))
            size *= len(parts[-1])
            if size + len(names) > MOST_NAMES:
                raise ValueError(f"{item[:40]!r} names more than {MOST_NAMES}")
        names += ["".join(chosen) for chosen in product(*parts)]
    return names


def ranged(text: str) -> list[str]:
    """Return the numbers of `01-04,7` as texts, zeros kept."""
    numbers: list[str] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not match or last < first or last - first >= MOST_NAMES:
            raise ValueError(f"[{text[:40]}] is no list of numbers and ranges such as [01-04,7]")
        numbers += [str(n).zfill(len(match[1])) for n in range(first, last + 1)]
    return numbers
