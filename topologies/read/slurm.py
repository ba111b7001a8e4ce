"""Slurm's topology.conf: trees of switches, or blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count, product
from pathlib import Path
from typing import NamedTuple

import networkx as nx

from topologies.read.common import LATENCY_S, FabricFileError, finished, text_of

MOST_NAMES = 200_000
MOST_TIERS = 20
"""Slurm's own bound; a tree that has more goes in a ring."""
SAID = ("SwitchName", "Nodes", "Switches", "LinkSpeed", "BlockName", "BlockSizes")
WORD = re.compile(r"([\w.]+)\s*=\s*(?:\"([^\"]*)\"|(\S+))|(\S+)", re.ASCII)


class Switch(NamedTuple):
    """A line of a switch or block."""

    at: str
    name: str
    kind: str
    below: list[str]  # switches


def slurm(
    path: Path, node_Bps: float = 50e9, link_Bps: float = 400e9, latency_s: float = LATENCY_S
) -> nx.Graph:
    """Return the fabric of a topology.conf, topology/tree or topology/block.

    A switch with nodes is a leaf of tier 1 and a rack; one over switches is a spine, one tier above
    the highest of its own, in whatever order the lines stand. The switch over a leaf is the pod of
    its nodes. Nodes are numbered in the file's order, `label` their names. Blocks are vertices of
    kind "block" under one "root"; BlockSizes are the graph's `block_sizes`. The file tells no
    capacity: node_Bps and link_Bps are given, each way; they are assumptions.

    Raises FabricFileError with all faults: an unknown word, a name twice, a switch that is not
    there, or stands over itself, or has both nodes and switches, a node on two leaves.

    Source: slurm.schedmd.com/topology.conf.html; lines, comments and quotes: parse_config.c.
    Neglects: LinkSpeed, which Slurm ignores as well; Include; topology.yaml.
    """
    graph: nx.Graph = nx.Graph(name=path.stem)
    found: list[str] = []
    switches: list[Switch] = []
    rack = 0
    for number, line in lines_of(text_of(path, 2**26)):
        at = f"line {number}"
        said = words_of(line, at, found)
        if "BlockSizes" in said:
            graph.graph["block_sizes"] = sizes_of(said["BlockSizes"], at, found)
        name = said.get("SwitchName") or said.get("BlockName")
        if name and name in graph:
            found.append(f"{at}: {name!r} stands twice")
        elif name:
            below = listed(said.get("Switches", ""), at, found)
            if below and "Nodes" in said:
                found.append(f"{at}: {name!r} has both nodes and switches; must have one of them")
            kind = "block" if "BlockName" in said else "spine" if below else "leaf"
            switches.append(Switch(at, name, kind, below))
            graph.add_node(name, kind=kind, tier=1, **({} if below else {"rack": rack}))
            for end in listed(said.get("Nodes", ""), at, found):
                if end in graph:
                    found.append(f"{at}: {end!r} stands on two switches")
                    continue
                graph.add_node(end, kind="node", tier=0, rack=rack)
                graph.add_edge(end, name, capacity_Bps=node_Bps, latency_s=latency_s)
            rack += not below
    if not graph:
        raise FabricFileError(path, [*found, "has no SwitchName or BlockName"])
    blocks = [s.name for s in switches if s.kind == "block"]
    if len(blocks) > 1:
        root = next(name for k in count() if (name := f"root{k or ''}") not in graph)
        switches.append(Switch("BlockName", root, "spine", blocks))
        graph.add_node(root, kind="spine", tier=1)
    joined(graph, switches, {"capacity_Bps": link_Bps, "latency_s": latency_s}, found)
    return finished(path, graph, found)


def sizes_of(text: str, at: str, found: list[str]) -> tuple[int, ...]:
    """Return the sizes of blocks; none, and one more fault, if they are no whole numbers."""
    sizes = [size.strip() for size in text.split(",")]
    if not all(size.isdecimal() for size in sizes):
        found.append(f"{at}: BlockSizes is {text!r}; must be such as 4,8,16")
        return ()
    return tuple(int(size) for size in sizes)


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line without its comment, with its number; after a backslash it goes on."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        line, first = line.partition("#")[0].rstrip(), first or number
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        yield first, begun + line
        begun, first = "", 0
    if begun:
        yield first, begun


def words_of(line: str, at: str, found: list[str]) -> dict[str, str]:
    """Return what a line says by Slurm's names, in whatever case; what is unknown is noted."""
    said, names = {}, {name.lower(): name for name in SAID}
    for match in WORD.finditer(line):
        name = names.get((match[1] or "").lower())
        if name is None:
            word = match[1] or match[4]
            found.append(f"{at}: {word!r} is not known; must be one of {', '.join(SAID)}")
        else:
            said[name] = match[2] or match[3] or ""
    return said


def joined(
    graph: nx.Graph, switches: list[Switch], edge: Mapping[str, float], found: list[str]
) -> None:
    """Wire switches to those below them; number tiers and pods; what is wrong is noted."""
    below = {s.name: s for s in switches}
    for number, switch in enumerate(switches):
        for name in switch.below:
            if name not in below:
                found.append(f"{switch.at}: switch {name!r} is not there; add its line")
                continue
            graph.add_edge(switch.name, name, **edge)
            if below[name].kind != "spine":
                graph.nodes[name]["pod"] = number
                for end in graph[name]:
                    if graph.nodes[end]["kind"] == "node":
                        graph.nodes[end]["pod"] = number
    tier = {s.name: 1 for s in switches}
    for _ in range(MOST_TIERS):  # one more a turn
        higher = {
            s.name: max([tier[s.name], *(1 + tier[x] for x in s.below if x in tier)])
            for s in switches
        }
        if higher == tier:
            break
        tier = higher
    else:
        found.append("the switches are no tree: one stands over itself")
    nx.set_node_attributes(graph, tier, "tier")


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
