"""A training step's arithmetic and traffic, from a model's shape and how it is split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.physics.collective import double_tree_load
from sim.physics.parallelism import Profile

F8 = NDArray[np.float64]
Number = F8 | float


class Transformer(NamedTuple):
    """A transformer and a step of it, (jobs,) each or plain numbers."""

    parameters: Number  # all of them
    layers: Number
    hidden: Number  # width of an activation
    sequence_tokens: Number
    batch_tokens: Number  # of a step, over all GPUs
    expert_parameters: Number = 0.0  # those of them that are experts'; 0: dense
    active: Number = 0.0  # parameters that a token meets; 0: all
    experts_a_token: Number = 0.0  # how many copies of a token are sent to experts
    kv: Number = 0.0  # width of keys and values together; 0: 2 hidden
    gradient_bytes: Number = 2.0  # of one parameter, as it is reduced
    activation_bytes: Number = 2.0  # of one number of an activation


class Split(NamedTuple):
    """In how many parts a job is split each way, (jobs,) each.

    GPUs are the product of the first four. Ranks count tensor first, then context, data, pipeline;
    a group of experts is so many ranks of data and context.
    """

    data: Number = 1
    tensor: Number = 1
    context: Number = 1
    pipeline: Number = 1
    expert: Number = 1
    microbatches: Number = 1


REDUCTIONS = ("ring", "double_tree", "in_network")
"""How gradients are reduced between nodes."""


def _float(value: Number) -> F8:
    return np.asarray(value, np.float64)


class Traffic(NamedTuple):
    """Bytes that a GPU sends in a step for each kind of group, (jobs,) each."""

    data: F8
    tensor: F8
    context: F8
    pipeline: F8
    expert: F8


class Part(NamedTuple):
    """Of each kind of group: bytes between nodes, bytes inside, messages in a row between nodes."""

    out_bytes: Traffic
    in_bytes: Traffic
    messages: Traffic


def step_flops(model: Transformer) -> F8:
    """Return the floating-point operations of a step, (jobs,), all GPUs together.

        (6 N + 6 L h s) tokens

    N active parameters, L layers of width h, s tokens a sequence.

    Source: Kaplan et al., arXiv 2001.08361 (6 N a token); Chowdhery et al., PaLM, arXiv 2204.02311,
        appendix B (attention: 12 L h s, here halved: causal masks skip half).
    Neglects: recomputation of activations, embeddings, routers of experts.
    """
    m = Transformer(*map(_float, model))
    each = np.where(m.active > 0.0, m.active, m.parameters)
    return np.asarray((6.0 * each + 6.0 * m.layers * m.hidden * m.sequence_tokens) * m.batch_tokens)


def traffic(model: Transformer, split: Split) -> Traffic:
    """Return what a GPU sends in a step, by kind of group.

    data      2 (r - 1) / r gradients, r = data context ranks hold the same weights, of experts
              r / e
    tensor    4 all-reduces a layer and microbatch of the activations: 8 (t - 1) / t each
    context   keys and values round the ring: forward, backward, and their gradients
    pipeline  activations on, gradients back; whoever stands in the middle sends both
    expert    tokens out and home, forward and backward: 4 (e - 1) / e copies a layer

    Source: Narayanan et al., SC 2021 (tensor, pipeline); Rajbhandari et al., ZeRO, SC 2020 (a
        reduce-scatter and an all-gather cost the same); Liu et al., Ring Attention, 2023; Lepikhin
        et al., GShard, 2021.
    Neglects: ZeRO-3's third gathering, sequence parallelism's other order of the same bytes,
        capacity factors of experts, embeddings shared by the first and the last stage.
    """
    m = Transformer(*map(_float, model))
    d, t, c, p, e, _ = map(_float, split)
    same = d * c
    dense = 2.0 * (1.0 - 1.0 / same) * (m.parameters - m.expert_parameters)
    experts = 2.0 * (1.0 - e / same) * m.expert_parameters / e
    activations = m.batch_tokens / same * m.hidden * m.activation_bytes  # of one layer
    layers = m.layers / p
    kv = np.where(m.kv > 0.0, m.kv, 2.0 * m.hidden)
    ends = np.where(p > 2.0, 2.0, 1.0) * (p > 1.0)
    return Traffic(
        data=np.asarray((dense + experts) * m.gradient_bytes / (t * p)),
        tensor=np.asarray(8.0 * layers * (1.0 - 1.0 / t) * activations),
        context=np.asarray(3.0 * layers * (c - 1.0) * activations * kv / m.hidden / t),
        pipeline=np.asarray(ends * activations / t),
        expert=np.asarray(4.0 * layers * (1.0 - 1.0 / e) * activations * m.experts_a_token / t),
    )


def between(model: Transformer, split: Split, gpus_per_node: ArrayLike) -> Part:
    """Return the part of `traffic` that leaves a node and the part that stays.

    A group of z ranks, w apart, has k = min(z, max(1, g / w)) of them on a node of g GPUs. A
    reduction goes in stages: of 2 (1 - 1/z) buffers 2 (1/k - 1/z) cross; of an all-to-all
    (z - k) / (z - 1); a ring of keys passes all on at a node's edge, and so does a stage whose next
    one is elsewhere.

    Source: `collective.hierarchical_all_reduce_s`, `collective.all_to_all_s`.
    Neglects: groups that begin in the middle of a node; gradients of experts cross in the part that
        the other gradients do.
    """
    sent = traffic(model, split)
    d, t, c, p, e, micro = map(_float, split)
    g, layers = np.asarray(gpus_per_node, np.float64), _float(model.layers) / p

    def near(size: F8, apart: F8) -> F8:
        return np.minimum(size, np.maximum(1.0, np.floor(g / apart)))

    def part(size: F8, k: F8, whole: F8) -> F8:
        return np.where(size > k, whole, 0.0)

    def reduced(size: F8, apart: F8) -> F8:
        k = near(size, apart)
        rest = np.where(size > 1.0, 1.0 - 1.0 / size, 1.0)
        return part(size, k, (1.0 / k - 1.0 / size) / rest)

    group = near(e, t)
    out = Traffic(
        data=reduced(d * c, t),
        tensor=reduced(t, np.ones_like(t)),
        context=part(c, near(c, t), np.ones_like(c)),
        pipeline=part(p, np.maximum(1.0, g / (t * c * d)), np.ones_like(p)),
        expert=part(e, group, (e - group) / np.maximum(e - 1.0, 1.0)),
    )
    rounds = Traffic(
        data=2.0 * (np.ceil(d * c / near(d * c, t)) - 1.0),
        tensor=8.0 * layers * micro * (np.ceil(t / near(t, np.ones_like(t))) - 1.0),
        context=3.0 * layers * micro * (c - 1.0),
        pipeline=2.0 * (micro + p - 2.0),
        expert=4.0 * layers * micro,
    )
    pairs = list(zip(sent, out, strict=True))
    return Part(
        Traffic(*(np.asarray(s * o) for s, o in pairs)),
        Traffic(*(np.asarray(s * (1.0 - o)) for s, o in pairs)),
        Traffic(*(np.asarray(r * (o > 0.0)) for r, o in zip(rounds, out, strict=True))),
    )


def gradients(part: Part, split: Split, gpus_per_node: ArrayLike, reduction: str) -> Part:
    """Return the parts where gradients are reduced between nodes in another way than in rings.

    Of S, what a node's rank holds after the stage inside, a rank on one of N nodes sends

        ring         2 (N - 1) / N S, in 2 (N - 1) messages
        double_tree  `collective.double_tree_load` S, in 2 ceil(log2 N)
        in_network   S: once up, once down, in 2; switches reduce

    Raises ValueError for another.

    Source: `collective.ring_all_reduce_s`, `double_tree_all_reduce_s`, `in_network_all_reduce_s`.
    Neglects: that ZeRO's halves, a reduce-scatter and an all-gather, have no such trees.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}; must be one of {', '.join(REDUCTIONS)}")
    d, t, c, *_ = map(_float, split)
    near = np.minimum(d * c, np.maximum(1.0, np.floor(np.asarray(gpus_per_node, np.float64) / t)))
    nodes = np.maximum(d * c / near, 1.0)
    if reduction == "ring":
        return part
    over = nodes > 1.0
    load = double_tree_load(nodes) if reduction == "double_tree" else np.ones_like(nodes)
    ring = np.where(over, 2.0 * (nodes - 1.0) / nodes, 1.0)
    depth = np.ceil(np.log2(nodes)) if reduction == "double_tree" else np.ones_like(nodes)
    return part._replace(
        out_bytes=part.out_bytes._replace(
            data=part.out_bytes.data * np.where(over, load / ring, 1.0)
        ),
        messages=part.messages._replace(data=np.where(part.messages.data > 0.0, 2.0 * depth, 0.0)),
    )


def profile(
    model: Transformer,
    split: Split,
    flops_per_s: ArrayLike,
    gpus_per_node: ArrayLike,
    inside_Bps: ArrayLike,
    alpha_s: ArrayLike = 0.0,
    overlap: ArrayLike = 0.0,
    reduction: str = "ring",
) -> Profile:
    """Return the profile of each job, (jobs,): what its step computes and sends.

        compute = flops / (gpus flops_per_s) (1 + (p - 1) / microbatches) + bytes inside / B_inside

    Parameters
    ----------
    flops_per_s : (jobs,) that a GPU reaches, not its peak: peak times the utilisation measured.
    inside_Bps : (jobs,) of NVLink, a GPU's way out.
    alpha_s : (jobs,) of one message between nodes.
    overlap : (jobs,) part of the sending between nodes that may run beside compute.
    reduction : of gradients between nodes: one of `REDUCTIONS`; see `gradients`.

    Source: the bubble: Narayanan et al., SC 2021, (p - 1) / m; the rest as `traffic`, `between`.
    Neglects: interleaved stages, overlap inside a node, memory.
    """
    d, t, c, p, _, micro = map(_float, split)
    part = gradients(between(model, split, gpus_per_node), split, gpus_per_node, reduction)
    out, inside, waits = (np.asarray(sum(x, np.zeros(()))) for x in part)
    work = step_flops(model) / (d * t * c * p * np.asarray(flops_per_s, np.float64))
    compute = work * (1.0 + (p - 1.0) / micro) + inside / np.asarray(inside_Bps, np.float64)
    made = (compute, out, waits * np.asarray(alpha_s, np.float64), np.asarray(overlap, np.float64))
    return Profile(*(np.array(x) for x in np.broadcast_arrays(*made)))


def split_faults(split: Split, gpus: NDArray[np.integer]) -> list[str]:
    """Return every split that does not fit its job's GPUs, (jobs,), with what would be right."""
    d, t, c, p, e, _ = (np.broadcast_to(x, gpus.shape).astype(int) for x in map(_float, split))
    found = [
        f"jobs[{i}]: data {d[i]} x tensor {t[i]} x context {c[i]} x pipeline {p[i]} are "
        f"{d[i] * t[i] * c[i] * p[i]} GPUs; must be its {gpus[i]}"
        for i in np.flatnonzero(d * t * c * p != gpus).tolist()
    ]
    return found + [
        f"jobs[{i}]: expert is {e[i]}; must divide data x context, {d[i] * c[i]}"
        for i in np.flatnonzero((e < 1) | (d * c % np.maximum(e, 1) != 0)).tolist()
    ]
