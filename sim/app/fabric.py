"""`rackplan fabric describe`: a fabric in numbers, and drawn, without a run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sim.app.asked import FOLDER_FLAGS, OVERRIDE, config_folders, groups_of
from sim.app.build import Builder, references
from sim.app.check import quantity
from sim.app.terminal import table
from sim.app.verbs import answered
from sim.errors import ScenarioError, choices
from sim.state import AbstractFabric

USAGE = """rackplan fabric describe fabric=rail_h100 gpus=16384
  gpus=N or nodes=N     how large; gpus_per_node=8
  fabric=NAME           one of conf/fabric; fabric.knob=value its knobs
  fabric=file fabric.path=my.graphml    your own, as large as it is
  switch_usd switch_W copper_usd fibre_usd optic_usd optic_W circuit_port_usd circuit_port_W
                        prices and power of one item, for the sums
  draw=fabric.svg       draw it, the load of its links as colour:
  pattern=permutation   who sends to whom: ring, permutation, all_to_all; seed=1
  routing=ecmp          who chooses paths: ecmp, adaptive, spraying; routing.queue_pairs=4;
                        without it as fabric.routing and fabric.queue_pairs say
  --config-dir FOLDER   a folder with a fabric/ of your own"""
WHOLE = {"gpus": 1, "nodes": 1, "gpus_per_node": 1, "seed": 0}
"""Knobs that are whole numbers, and the least of each."""
PRICES = ("switch_usd", "switch_W", "copper_usd", "fibre_usd", "optic_usd", "optic_W",
          "circuit_port_usd", "circuit_port_W")  # fmt: skip
PLAIN = (*WHOLE, *PRICES, "draw", "pattern", "fabric", "routing")


def words(given: Sequence[str], faults: list[str]) -> dict[str, Any]:
    """Return the knobs by name; what is not known or cannot be read is noted."""
    found: dict[str, Any] = {}
    after_flag = False
    for word in given:
        flag = word.partition("=")[0] in FOLDER_FLAGS
        if flag or after_flag:
            after_flag = flag and "=" not in word
            continue
        match = OVERRIDE.fullmatch(word)
        if not match:
            faults.append(f"{word}: is not understood; must be knob=value")
        elif match[1] not in PLAIN and match[1].split(".")[0] not in ("fabric", "routing"):
            faults.append(f"{match[1]}: is not known; {choices(match[1], PLAIN)}")
        elif match[1] in WHOLE:
            least = WHOLE[match[1]]
            if match[2].isdecimal() and least <= int(match[2]) < 2**31:
                found[match[1]] = int(match[2])
            else:
                faults.append(f"{match[1]}: is {match[2]!r}; must be a whole number >= {least}")
        elif match[1] == "draw" and not match[2].endswith(".svg"):
            faults.append(f"draw: is {match[2]!r}; must be a file that ends in .svg")
        elif match[1] in PRICES:
            found[match[1]] = each = quantity(match[1], match[2], faults)
            if each is not None and not 0.0 <= each < math.inf:
                faults.append(f"{match[1]}: is {match[2]!r}; must be a number >= 0")
        else:
            found[match[1]] = match[2]
    return found


def described(given: Mapping[str, Any], folders: Sequence[Path], faults: list[str]) -> Any:
    """Return the fabric's description as an object with knobs; faults are noted, then None."""
    name = given.get("fabric", "rail_h100")
    valid = groups_of(folders).get("fabric", set()) - {"none"}
    if name not in valid:
        faults.append(f"fabric: {name!r} is no fabric; {choices(name, valid)}")
        return None
    file = next(f for f in (x / "fabric" / f"{name}.yaml" for x in reversed(folders)) if f.exists())
    try:
        said = [f"{k.partition('.')[2]}={v}" for k, v in given.items() if k.startswith("fabric.")]
        config = OmegaConf.merge(OmegaConf.load(file), OmegaConf.from_dotlist(said))
        references({"fabric": OmegaConf.to_container(config, resolve=False)})
        plain = OmegaConf.to_container(config, resolve=True)
    except (OmegaConfBaseException, ScenarioError) as error:
        faults.append(f"fabric: {str(error).splitlines()[0]}")
        return None
    builder = Builder([Path.cwd(), *folders[1:]])
    made = builder.build(plain, "fabric", [AbstractFabric])
    faults += builder.faults
    return made


def routing_of(given: Mapping[str, Any], builder: Builder, faults: list[str]) -> Any:
    """Return who chooses paths; None for the fabric's own, or after faults, which are noted."""
    text = given.get("routing")
    if text is None:
        faults += [f"{k}: needs routing=ecmp or adaptive beside it" for k in given
                   if k.startswith("routing.")]  # fmt: skip
        return None
    room = builder.allowed.module("topologies.routes")
    kinds = [room.AbstractRouting]
    valid = {
        name.lower(): one
        for name, one in vars(room).items()
        if inspect.isclass(one) and issubclass(one, kinds[0]) and not inspect.isabstract(one)
    }
    if text not in valid:
        faults.append(f"routing: {text!r} is no routing; {choices(text, valid)}")
        return None
    said = [f"{k.partition('.')[2]}={v}" for k, v in given.items() if k.startswith("routing.")]
    path = f"topologies.routes.{valid[text].__name__}"
    knobs = OmegaConf.from_dotlist([f"_target_={path}", *said])
    made = builder.build(OmegaConf.to_container(knobs), "routing", kinds)
    faults += builder.faults
    return made


def spoken(rate: float) -> str:
    """Return a rate as one says it, in powers of 1000."""
    power = min(5, max(0, math.floor(math.log10(rate) / 3))) if rate > 0.0 else 0
    return f"{rate / 1000.0**power:,.4g} {['', 'k', 'M', 'G', 'T', 'P'][power]}B/s"


def rows_of(found: Any) -> dict[str, str]:
    """Return a description as one would read it."""
    bill = found.bill

    def counts(items: Mapping[str, int]) -> str:
        return ", ".join(f"{n:,} {kind}" for kind, n in items.items()) or "none"

    rows = {
        "GPUs": f"{found.gpus:,} in {found.nodes:,} nodes",
        **({"grid": " x ".join(map(str, found.dims))} if found.dims else {}),
        "switches": f"{sum(bill.switches.values()):,}: {counts(bill.switches)}",
        "ports in use": f"{bill.ports:,}",
        **(
            {"circuit ports": f"{bill.circuit_ports:,}, of optical circuit switches"}
            if bill.circuit_ports
            else {}
        ),
        "cables": f"{sum(bill.cables.values()):,}: {counts(bill.cables)}",
        "transceivers": counts(bill.optics),
        "nodes can send": f"{spoken(found.injection_Bps)} in all",
    }
    if found.bisection_Bps is not None:
        rows["bisection"] = f"{spoken(found.bisection_Bps)} one way"
    if found.oversubscription is not None:
        rows["oversubscription"] = f"{found.oversubscription:.4g} to 1 at the bisection"
    if bill.watts_W is not None:
        rows["power"] = f"{bill.watts_W / 1e3:,.1f} kW"
    if bill.price_usd is not None:
        rows["price"] = f"{bill.price_usd:,.0f} usd, {bill.usd_per_gpu:,.0f} a GPU"
    if bill.missing:
        knobs = dict.fromkeys(name.partition("[")[0] for name in bill.missing)  # not by kind
        rows["not summed"] = f"set {', '.join(knobs)}"
    return rows


def describe(given: Sequence[str]) -> None:
    """Print a fabric's counts, bisection and bill; draw it if asked. RackplanError if faulty."""
    faults: list[str] = []
    said = words(given, faults)
    folders = list(config_folders(given))
    design = described(said, folders, faults)
    routing = routing_of(said, Builder([]), faults) if "draw" in said else None
    each = said.get("gpus_per_node") or getattr(design, "rails", 0) or 8
    knows = hasattr(design, "size")  # a file does
    if not knows and not any(word.startswith(("gpus=", "nodes=")) for word in given):
        faults.append("gpus: is missing; must say how large: gpus=1024 or nodes=128")
    elif said.get("gpus", each) % each:
        less = said["gpus"] // each * each
        near = f"{less} or {less + each}" if less else f"{each}"
        faults.append(
            f"gpus: is {said['gpus']}; must be a multiple of the {each} of a node: {near}"
        )
    elif "gpus" in said and said.get("nodes", said["gpus"] // each) * each != said["gpus"]:
        faults.append(
            f"nodes: is {said['nodes']}, of {each} GPUs each, but gpus is {said['gpus']}; must be "
            f"{said['gpus'] // each}: leave one of them out"
        )
    if faults:
        raise ScenarioError(faults)
    try:
        nodes = said.get("nodes") or said.get("gpus", 0) // each or design.size()
        found = design.described(nodes, each, **{k: v for k, v in said.items() if k in PRICES})
        laid = None
        if "draw" in said:
            pattern = said.get("pattern", "permutation")
            laid = design.loaded(nodes, each, pattern, routing, said.get("seed", 1))
    except ValueError as error:
        raise ScenarioError(design.told(error)) from error
    table(f"{said.get('fabric', 'rail_h100')}: {found.name}", rows_of(found))
    if laid is not None:
        drawn(laid, Path(said["draw"]), {"routing": design.routing, **said})


def drawn(laid: Any, out: Path, said: Mapping[str, Any]) -> None:
    """Draw a fabric under a pattern of traffic and say how its flows fare."""
    from sim.kernel.flows import max_min
    from sim.report import write_fabric

    fabric, routes = laid.fabric, laid.routes
    alone = laid.port_Bps.copy()  # or what the narrowest link of its way lets through
    flow = np.repeat(np.arange(len(alone)), np.diff(routes.start))
    np.minimum.at(alone, flow, fabric.link_Bps[routes.link] / routes.weight)
    rate = max_min(fabric.link_Bps, routes.start, routes.link, routes.weight, bound_Bps=alone)
    load = np.bincount(routes.link, routes.weight * rate[flow], len(fabric.link_Bps))
    slow = alone / rate
    what = f"{said.get('pattern', 'permutation')}, {said.get('routing', 'spraying')}"
    text = (
        f"{what}: flows {slow.mean():.2f} times slower than alone on average, "
        f"{slow.max():.2f} at most"
    )
    write_fabric(fabric, load / fabric.link_Bps, text, out)
    print(f"{text}\nfigure: {out}")


def main(given: Sequence[str]) -> int:
    """Run `rackplan fabric …`: 0, or 2 for a fault of the user's."""
    return answered(given, USAGE, {"describe": describe})
