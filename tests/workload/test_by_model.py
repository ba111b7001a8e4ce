"""What a class's model sends follows from how its jobs are cut."""

import numpy as np
import pyarrow as pa
import pytest

from sim.errors import ScenarioError
from sim.physics.parallelism import duty
from sim.physics.training import Split, Transformer, profile
from sim.workload.by_model import ByModel, largest

SMALL = {"parameters": 6.7e9, "layers": 32, "hidden": 4096, "sequence_tokens": 4096,
         "tokens_per_gpu": 16384}  # fmt: skip
LARGE = SMALL | {"tensor": 8, "pipeline": 4, "microbatches": 8, "overlap": 0.5}


def jobs(*rows):
    """Return jobs of (gpus, class)."""
    gpus, names = zip(*rows, strict=True)
    return pa.table({"gpus": pa.array(gpus, pa.int32()), "job_class": pa.array(names, pa.string())})


def test_the_share_is_the_duty_of_the_profile_with_data_parallelism_as_the_rest():
    made = ByModel({"small": SMALL, "large": LARGE}, "small")
    got = made.assumed(jobs((64, "large"), (64, "small"), (64, "other"), (64, None)))
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
    got = made.assumed(jobs((8, "small"), (1, "small"), (64, "other"), (16, "small")))
    assert (got.duty[:3] == 0.0).all()
    assert got.duty[3] > 0.0


def test_a_job_is_cut_as_far_as_its_gpus_divide():
    assert largest(np.array([64, 12, 7, 1]), 8).tolist() == [8, 6, 7, 1]
    made = ByModel({"large": LARGE})
    odd = made.assumed(jobs((24, "large"), (20, "large")))
    model = Transformer(6.7e9, 32, 4096, 4096, 16384 * np.array([24.0, 20.0]))
    split = Split(np.array([1.0, 1.0]), np.array([8.0, 5.0]), 1.0, np.array([3.0, 4.0]), 1.0, 8.0)
    wanted = duty(profile(model, split, 400e12, 8, 450e9, overlap=0.5), 50e9)
    assert odd.duty == pytest.approx(wanted, rel=1e-12)


def test_experts_talk_to_all():
    moe = SMALL | {"experts_a_token": 2, "expert_parameters": 6e9, "expert": 16}
    got = ByModel({"moe": moe}).assumed(
        jobs(
            (32, "moe"),
        )
    )
    assert got.all_to_all.tolist() == [True]
    dense = ByModel({"moe": SMALL}).assumed(
        jobs(
            (32, "moe"),
        )
    )
    assert got.duty[0] > dense.duty[0]


def test_every_fault_is_told():
    wrong = {"a": {"parameters": 1e9, "layers": 0, "width": 3, "overlap": 1.5}}
    with pytest.raises(ScenarioError) as told:
        ByModel(wrong, "b", nic_Bps=0.0).assumed(
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
        "comm.others: is 'b'; must be one of models, a, or empty",
        "comm.nic_Bps: is 0.0; must be a number above 0",
    ]
