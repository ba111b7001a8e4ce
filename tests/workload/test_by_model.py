"""What a class's model sends follows from how its jobs are cut."""

import numpy as np
import pyarrow as pa
import pytest

from sim.errors import ScenarioError
from sim.physics.parallelism import duty, step_s
from sim.physics.training import Split, Transformer, profile
from sim.state import Homogeneous
from sim.study import Scenario, simulate
from sim.workload import Given
from sim.workload.by_model import ByModel, largest
from topologies.designs import LeafSpine, RailOptimized

SMALL = {"parameters": 6.7e9, "layers": 32, "hidden": 4096, "sequence_tokens": 4096,
         "tokens_per_gpu": 16384}  # fmt: skip
LARGE = SMALL | {"tensor": 8, "pipeline": 4, "microbatches": 8, "overlap": 0.5}


def jobs(*rows):
    """Return jobs of (gpus, class)."""
    gpus, names = zip(*rows, strict=True)
    return pa.table({"gpus": pa.array(gpus, pa.int32()), "job_class": pa.array(names, pa.string())})


def test_the_share_is_the_duty_of_the_profile_with_data_parallelism_as_the_rest():
    made = ByModel({"small": SMALL, "large": LARGE}, "small")
    got = made.on(8, 50e9).assumed(jobs((64, "large"), (64, "small"), (64, "other"), (64, None)))
    model = Transformer(6.7e9, 32, 4096, 4096, 16384 * 64.0)
    for i, (split, overlap) in enumerate(
        [(Split(2, 8, 1, 4, microbatches=8), 0.5), (Split(64), 0.0), (Split(64), 0.0)]
    ):
        wanted = duty(profile(model, split, 400e12, 8, 450e9, overlap=overlap), 50e9)
        assert got.duty[i] == pytest.approx(float(wanted), rel=1e-12)
        assert got.overlap[i] == overlap
    assert got.duty[3] == got.duty[2]
    assert ((got.duty > 0.0) & (got.duty < 1.0)).all()


def test_one_node_sends_nothing_and_so_does_a_class_without_a_model():
    made = ByModel({"small": SMALL})
    got = made.on(8, 50e9).assumed(jobs((8, "small"), (1, "small"), (64, "other"), (16, "small")))
    assert (got.duty[:3] == 0.0).all()
    assert got.duty[3] > 0.0


def test_a_job_is_cut_as_far_as_its_gpus_divide():
    assert largest(np.array([64, 12, 7, 1]), 8).tolist() == [8, 6, 7, 1]
    made = ByModel({"large": LARGE})
    odd = made.on(8, 50e9).assumed(jobs((24, "large"), (20, "large")))
    model = Transformer(6.7e9, 32, 4096, 4096, 16384 * np.array([24.0, 20.0]))
    split = Split(np.array([1.0, 1.0]), np.array([8.0, 5.0]), 1.0, np.array([3.0, 4.0]), 1.0, 8.0)
    wanted = duty(profile(model, split, 400e12, 8, 450e9, overlap=0.5), 50e9)
    assert odd.duty == pytest.approx(wanted, rel=1e-12)


def test_experts_talk_to_all():
    moe = SMALL | {"experts_a_token": 2, "expert_parameters": 6e9, "expert": 16}
    got = (
        ByModel({"moe": moe})
        .on(8, 50e9)
        .assumed(
            jobs(
                (32, "moe"),
            )
        )
    )
    assert got.all_to_all.tolist() == [True]
    dense = (
        ByModel({"moe": SMALL})
        .on(8, 50e9)
        .assumed(
            jobs(
                (32, "moe"),
            )
        )
    )
    assert got.duty[0] > dense.duty[0]


@pytest.mark.parametrize(("gpus_per_node", "nic_Bps"), [(8, 50e9), (8, 100e9), (4, 25e9)])
def test_a_share_is_of_the_nodes_and_nics_that_there_are_unless_it_says(gpus_per_node, nic_Bps):
    """On two leaf-spine fabrics of one size only what a GPU sends in time can differ."""
    made = Given({"submit_s": [0.0], "work_s": [10.0], "gpus": [64], "job_class": ["small"]})
    fabric = LeafSpine(4, 4, node_Bps=gpus_per_node * nic_Bps)
    cluster = Homogeneous(nodes=64 // gpus_per_node, gpus_per_node=gpus_per_node)
    model = Transformer(6.7e9, 32, 4096, 4096, 16384 * 64.0)
    for comm, each, way_out in ((ByModel({"small": SMALL}), gpus_per_node, nic_Bps),
                                (ByModel({"small": SMALL}, "", 400e12, 2, 450e9, 48.5e9), 2, 48.5e9)):  # fmt: skip
        result = simulate(Scenario(cluster, made, fabric=fabric, comm=comm))
        wanted = duty(profile(model, Split(64), 400e12, each, 450e9), way_out)
        assert result.jobs.column("comm_fraction").to_pylist() == pytest.approx([float(wanted)])


def test_what_nvlink_joins_over_nodes_does_not_cross_the_nics():
    """Tensor parallelism over two trays of 4 of one NVL72, data parallelism over two racks."""
    made = Given({"submit_s": [0.0] * 2, "work_s": [10.0] * 2, "gpus": [144, 72],
                  "job_class": ["wide"] * 2})  # fmt: skip
    comm = ByModel({"wide": SMALL | {"tensor": 8}}, nvlink_Bps=900e9)
    fabric = RailOptimized(rails=4, nvlink_gpus=72)
    result = simulate(Scenario(Homogeneous(nodes=54, gpus_per_node=4), made, fabric=fabric,
                               comm=comm))  # fmt: skip
    model = Transformer(6.7e9, 32, 4096, 4096, 16384 * 144.0)
    wanted = profile(model, Split(18, 8), 400e12, 72, 900e9)
    assert wanted.bytes_per_step == pytest.approx(2 * (1 / 9 - 1 / 18) * 6.7e9 / 8 * 2)
    told = result.jobs.column("comm_fraction").to_pylist()
    assert told == pytest.approx([float(duty(wanted, 50e9)), 0.0])


def test_messages_wait_and_their_job_sends_for_less_of_its_time():
    made = ByModel({"small": SMALL}, alpha_s=1e-3).on(8, 50e9).assumed(jobs((64, "small")))
    model = Transformer(6.7e9, 32, 4096, 4096, 16384 * 64.0)
    wanted = profile(model, Split(64), 400e12, 8, 450e9, alpha_s=1e-3)
    assert made.duty[0] == pytest.approx(float(duty(wanted, 50e9)))
    assert made.step_s[0] == pytest.approx(float(step_s(wanted, 50e9)))


def test_switches_that_reduce_halve_what_data_parallelism_sends():
    ring, sharp = (
        ByModel({"small": SMALL}, reduction=how).on(8, 50e9).assumed(jobs((512, "small")))
        for how in ("ring", "in_network")
    )
    sent = [made.duty[0] * made.step_s[0] for made in (ring, sharp)]
    assert sent[0] / sent[1] == pytest.approx(2 * 63 / 64)


def test_every_fault_is_told():
    wrong = {"a": {"parameters": 1e9, "layers": 0, "width": 3, "overlap": 1.5, "tensor": 2.5}}
    with pytest.raises(ScenarioError) as told:
        ByModel(wrong, "b", gpus_per_node=8, nic_Bps=0.0, alpha_s=-1.0, reduction="star").assumed(
            jobs(
                (8, "a"),
            )
        )
    assert told.value.issues == [
        "comm.models.a.hidden: is missing; the model needs it",
        "comm.models.a.sequence_tokens: is missing; the model needs it",
        "comm.models.a.tokens_per_gpu: is missing; the model needs it",
        "comm.models.a.layers: is 0; must be a number from 1 to 1e+18",
        "comm.models.a.width: is not known; valid are parameters, layers, hidden, "
        "sequence_tokens, tokens_per_gpu, tensor, context, pipeline, expert, microbatches, active, "
        "kv, expert_parameters, experts_a_token, overlap",
        "comm.models.a.overlap: is 1.5; must be a number from 0 to 1",
        "comm.models.a.tensor: is 2.5; must be a whole number from 1 to 1e+18",
        "comm.others: is 'b'; must be one of models, a, or empty",
        "comm.nic_Bps: is 0.0; must be a number above 0",
        "comm.alpha_s: is -1.0; must be a time >= 0",
        "comm.reduction: is 'star'; must be one of ring, double_tree, in_network",
    ]
