"""Planes that never meet: one fast NIC as several slow ports, packets sprayed over all."""

from __future__ import annotations

from topologies.clos import clos
from topologies.fabric import Fabric, family
from topologies.sound import sound


@family
def multi_plane(
    nodes: int,
    planes: int = 8,
    radix: int = 512,
    tiers: int = 0,
    oversubscription: float = 1.0,
    gpus_per_node: int = 8,
    nodes_per_rack: int = 4,
    nic_Bps: float = 100e9,
    latency_s: float = 1e-6,
) -> Fabric:
    """Return a Clos a plane; each GPU's NIC has one port of nic_Bps / planes on each.

    The default is 800 Gbit/s as eight 100 Gbit/s planes on switches of 512 ports: two tiers hold
    radix² / 2 = 131,072 GPUs. Plane p of node i, one edge of gpus_per_node cables, hangs on leaf
    i // d planes + p, d = radix / 2 / gpus_per_node nodes. Spines carry their plane.

    Raises
    ------
    ValueError : as `clos`.

    Source: Alibaba HPN, SIGCOMM 2024 (dual plane), carried to eight.
    Neglects: reordering at the NIC; the GPUs of a node share its cables to a plane.
    """
    sound(one={"planes": planes}, above={"nic_Bps": nic_Bps})
    return clos.arrays(
        nodes,
        radix,
        tiers or 2,
        oversubscription,
        planes=planes,
        cables_per_lane=gpus_per_node,
        gpus_per_node=gpus_per_node,
        nodes_per_rack=nodes_per_rack,
        link_Bps=nic_Bps / planes,
        latency_s=latency_s,
        name="multi_plane",
    )
