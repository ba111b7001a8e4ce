"""A step's arithmetic and traffic are what counting its ranks gives."""

import itertools

import numpy as np
import pytest

from sim.physics.collective import (
    double_tree_all_reduce_s,
    in_network_all_reduce_s,
    ring_all_reduce_s,
)
from sim.physics.parallelism import Profile, duty, step_s
from sim.physics.training import (
    REDUCTIONS,
    Split,
    Transformer,
    between,
    gradients,
    profile,
    split_faults,
    step_flops,
    traffic,
)

GPT = Transformer(parameters=12 * 96 * 12288**2, layers=96, hidden=12288, sequence_tokens=2048,
            batch_tokens=1536 * 2048)  # fmt: skip


def groups(split, axis):
    """Return the ranks of each group along one axis: tensor first, then context, data, pipeline."""
    sizes = {
        "pipeline": split.pipeline,
        "data": split.data,
        "context": split.context,
        "tensor": split.tensor,
    }
    grid = np.arange(np.prod(list(sizes.values()))).reshape(list(sizes.values()))
    axes = [list(sizes).index(name) for name in axis]
    rest = [i for i in range(4) if i not in axes]
    return grid.transpose(*rest, *axes).reshape(-1, int(np.prod([grid.shape[i] for i in axes])))


def reduced(group, g, size):
    """Return (bytes out, bytes in) of the rank that sends most: stages inside and between nodes."""
    nodes = [list(v) for _, v in itertools.groupby(group, key=lambda r: r // g)]
    k, n = len(nodes[0]), len(nodes)
    inside = 2 * (k - 1) * (size / k)  # k - 1 parts away to reduce, as many to gather
    return 2 * (n - 1) * (size / k / n), inside


SPLITS = [
    Split(4, 4, 1, 2),
    Split(2, 2, 2, 4),
    Split(16, 1, 1, 1),
    Split(1, 16, 1, 2),
    Split(2, 8, 1, 4),
]


@pytest.mark.parametrize("split", SPLITS)
def test_gradients_and_activations_are_reduced_in_stages(split):
    part = between(GPT, split, 8)
    shard = GPT.parameters / (split.tensor * split.pipeline) * GPT.gradient_bytes
    out, inside = reduced(groups(split, ["data", "context"])[0], 8, shard)
    assert part.out_bytes.data == pytest.approx(out)
    assert part.in_bytes.data == pytest.approx(inside)
    tokens = GPT.batch_tokens / (split.data * split.context)
    each = tokens * GPT.hidden * GPT.activation_bytes
    out, inside = reduced(groups(split, ["tensor"])[0], 8, each)
    count = 4 * GPT.layers / split.pipeline  # twice a layer forward, twice backward
    assert part.out_bytes.tensor == pytest.approx(count * out)
    assert part.in_bytes.tensor == pytest.approx(count * inside)


@pytest.mark.parametrize("nodes", [1, 2, 3, 16])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradients_cross_nodes_as_their_collective_has_it(nodes, reduction):
    """What is left to reduce after the stage inside a node is an eighth, or a half beside tensor 4."""
    formula = {"ring": ring_all_reduce_s, "double_tree": double_tree_all_reduce_s,
               "in_network": in_network_all_reduce_s}[reduction]  # fmt: skip
    for tensor, held in ((1, 8), (4, 2)):
        split = Split(data=nodes * held, tensor=tensor)
        part = gradients(between(GPT, split, 8), split, 8, reduction)
        size = GPT.parameters / tensor * GPT.gradient_bytes / held
        took = part.out_bytes.data / 50e9 + part.messages.data * 1e-5
        assert took == pytest.approx(float(formula(size, nodes, 50e9, 1e-5)))
        assert part.in_bytes == between(GPT, split, 8).in_bytes
        assert part.out_bytes.tensor == between(GPT, split, 8).out_bytes.tensor
    with pytest.raises(ValueError, match="must be one of ring, double_tree, in_network"):
        gradients(part, split, 8, "star")


@pytest.mark.parametrize(
    "split", [Split(pipeline=4, tensor=8), Split(pipeline=2, tensor=8), Split(pipeline=2, tensor=2)]
)
def test_stages_pass_activations_on_and_gradients_back(split):
    sends = np.zeros(split.pipeline)
    each = GPT.batch_tokens * GPT.hidden * GPT.activation_bytes / split.tensor
    for stage in range(split.pipeline - 1):
        sends[stage] += each
        sends[stage + 1] += each
    assert traffic(GPT, split).pipeline == pytest.approx(sends.max())
    crosses = any(len({*(g // 8)}) > 1 for g in groups(split, ["pipeline"]))
    assert between(GPT, split, 8).out_bytes.pipeline == pytest.approx(sends.max() * crosses)


def test_experts_send_tokens_out_and_home_twice():
    moe = GPT._replace(experts_a_token=2, expert_parameters=GPT.parameters * 0.9)
    split = Split(data=32, expert=16)
    tokens = moe.batch_tokens / 32
    away = np.array([r // 8 for r in range(16)]) != 0  # seen from rank 0
    copies = 2 * tokens * moe.hidden * moe.activation_bytes / 16  # to each rank of the group
    part = between(moe, split, 8)
    assert part.out_bytes.expert == pytest.approx(4 * moe.layers * copies * away.sum())
    assert part.in_bytes.expert == pytest.approx(4 * moe.layers * copies * (~away)[1:].sum())
    # one rank in 16 holds an expert, so 2 of 32 reduce its gradients
    dense, expert = 0.1 * moe.parameters, 0.9 * moe.parameters / 16
    assert traffic(moe, split).data == pytest.approx(2 * (31 / 32 * dense + 1 / 2 * expert) * 2)


def test_keys_and_values_go_round_the_ring_of_a_context():
    split = Split(context=4, tensor=8)
    block = GPT.batch_tokens / 4 * 2 * GPT.hidden * GPT.activation_bytes / 8  # keys, values
    passes = 3 * (4 - 1)  # forward; keys and values again, and their gradients, backward
    assert traffic(GPT, split).context == pytest.approx(GPT.layers * passes * block)
    grouped = GPT._replace(kv=2 * GPT.hidden / 8)
    assert traffic(grouped, split).context == pytest.approx(GPT.layers * passes * block / 8)


def test_nothing_is_sent_by_one_gpu_and_nothing_out_of_one_node():
    assert sum(traffic(GPT, Split())) == 0.0
    assert sum(between(GPT, Split(data=2, tensor=4), 8).out_bytes) == 0.0


def test_the_arithmetic_is_megatrons_without_recomputation():
    """72 tokens l h² (1 + s / 6 h), its attention halved for causal masks."""
    h, s = GPT.hidden, GPT.sequence_tokens
    theirs = 72 * GPT.batch_tokens * GPT.layers * h**2 * (1 + s / (6 * h) / 2)
    assert step_flops(GPT) == pytest.approx(theirs, rel=1e-12)


def test_a_profile_has_bubbles_and_waits():
    split = Split(data=6, tensor=8, pipeline=8, microbatches=32)
    made = profile(GPT, split, 140e12, 8, 450e9, alpha_s=20e-6, overlap=0.3)
    part = between(GPT, split, 8)
    work = step_flops(GPT) / (384 * 140e12) * (1 + 7 / 32)
    assert made.compute_s == pytest.approx(work + sum(part.in_bytes) / 450e9)
    assert made.bytes_per_step == pytest.approx(sum(part.out_bytes))
    # a ring of 6 for gradients, 32 + 8 - 2 messages through the stages each way
    assert made.latency_s == pytest.approx((2 * 5 + 2 * 38) * 20e-6)
    many = profile(GPT, Split(data=np.array([6, 12]), tensor=8, pipeline=8), 140e12, 8, 450e9)
    assert {len(x) for x in many} == {2}


def test_a_cut_that_does_not_fit_is_told():
    assert split_faults(Split(data=np.array([4, 3]), tensor=8), np.array([32, 32])) == [
        "jobs[1]: data 3 x tensor 8 x context 1 x pipeline 1 are 24 GPUs; must be its 32"
    ]
    assert split_faults(Split(data=6, expert=4), np.array([6])) == [
        "jobs[0]: expert is 4; must divide data x context, 6"
    ]
    assert split_faults(Split(data=8, expert=4), np.array([8])) == []


def test_a_step_is_its_slowest_rank_and_hides_what_may_overlap():
    made = Profile(*(np.array([x]) for x in (2.0, 50e9, 0.1, 0.5)))
    assert step_s(made, 50e9) == pytest.approx(0.1 + 0.5 + 2.0)  # half a second is hidden
    assert step_s(made, 50e9, slowness=1.5) == pytest.approx(0.1 + 0.5 + 3.0)
    assert step_s(made, 5e9) == pytest.approx(0.1 + 5.0 + 5.0)  # nothing left to hide behind
    assert duty(made, 5e9) == pytest.approx(10.0 / 10.1)
    assert duty(made, 0.0) == 1.0  # for ever
    quiet = made._replace(bytes_per_step=np.zeros(1))
    assert step_s(quiet, 0.0) == pytest.approx(2.1)
    assert duty(quiet, 0.0) == 0.0
