"""A replica by model and GPU: what follows from them, what is refused, where it runs, what it costs."""

from dataclasses import replace

import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.physics import calibration
from sim.physics.calibration import FITS, TABLE
from sim.physics.step_time import GPUS, MODELS, held_bytes, kv_bytes, kv_tokens, roofline
from sim.state import Homogeneous, Pools
from sim.table import to_numpy
from sim.workload import NoJobs, Poisson
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmReplica, LlmService, ModelReplica, Several

CALLED = {"llama-3.1-70b": "llama_70b", "llama-3.1-8b": "llama_8b"}
ASKED = DrawnRequests(2.0, 60.0, Poisson(), FixedTokens(100, 20))


def replica_of(key, **more):
    gpu, model, gpus, bits, software = key
    return ModelReplica(CALLED[model], gpu, gpus, bits, software, **more)


@pytest.mark.parametrize("key", FITS, ids=str)
def test_each_row_of_the_table_is_a_choice(key):
    gpu, model, gpus, bits, _ = key
    one = replica_of(key)
    assert one.issues("services.replica") == []
    made = one.fill()
    assert (made["decode_s"], made["mixed_s"]) == TABLE[key]
    kept_bytes = 3.7e9 if gpus == 1 else 5.6e9
    left = (GPUS[gpu].memory_bytes * 0.9 - kept_bytes) * gpus - held_bytes(MODELS[model], bits)
    assert made["kv_tokens"] == left // kv_bytes(MODELS[model], bits)
    assert f"{FITS[key][6]:g} % of decode" in made["notes"][0]


def test_the_default_is_the_step_time_of_the_plain_replica():
    assert ModelReplica().fill()["decode_s"] == pytest.approx(LlmReplica().decode_s, rel=1e-12)
    assert ModelReplica().fill()["mixed_s"] == pytest.approx(LlmReplica().mixed_s, rel=1e-12)
    assert ModelReplica().fill()["gpus"] == LlmReplica().gpus


def test_other_gpus_have_another_step_time_or_none():
    two = ModelReplica(gpus=2)
    (told,) = two.issues("services.replica")
    assert told.startswith("services.replica.gpus: is 2")
    assert "step_time=roofline" in told
    made = ModelReplica(gpus=2, step_time="roofline")
    step = roofline(MODELS["llama-3.1-70b"], GPUS["h100"], 2)
    assert made.issues("services.replica") == []
    assert made.fill()["decode_s"] == step.decode_s
    assert "19 %" in made.fill()["notes"][0]
    own = ModelReplica(gpus=2, decode_s=(0.02, 0, 0), mixed_s=(0.03, 0, 0, 0, 0))
    assert own.issues("services.replica") == []
    assert own.fill()["decode_s"] == (0.02, 0.0, 0.0)
    assert own.fill()["kv_tokens"] == kv_tokens(MODELS["llama-3.1-70b"], GPUS["h100"], 2)


def test_no_error_of_steps_is_told_that_are_given():
    def told(**given):
        return ModelReplica(**given).fill()["notes"][0]

    fitted = "1.5 % of decode steps, 3.9 % of prompts"
    decode_s, mixed_s = (0.02, 0.0, 0.0), (0.03, 0.0, 0.0, 0.0, 0.0)
    start = "step times of llama-3.1-70b on 4 h100, 16 bit: "
    assert fitted in told()
    assert "given" not in told()
    assert told(decode_s=decode_s, mixed_s=mixed_s).startswith(start + "as given; KV memory for")
    for step_time in ("table", "bent", "roofline"):
        both = {"decode_s": decode_s, "mixed_s": mixed_s, "step_time": step_time}
        assert "%" not in told(**both).replace(start, "")
    assert f"{fitted}, but decode_s as given; KV" in told(decode_s=decode_s)
    assert f"{fitted}, but mixed_s as given; KV" in told(mixed_s=mixed_s)
    assert told(kv_tokens=5000).endswith("KV memory for 5,000 tokens, as given")


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"model": "llama_9"}, "services.replica.model: is 'llama_9'; did you mean 'llama_8b'? "),
        ({"model": "x"}, "services.replica.model: is 'x'; valid are codellama_34b, llama_2_70b, "),
        ({"gpu": "h900"}, "services.replica.gpu: is 'h900'; must be one of a100"),
        ({"gpus": 1}, "services.replica.gpus: is 1; must be at least 2: the weights"),
        ({"gpus": 0}, "services.replica.gpus: is 0; must be a whole number >= 1"),
        ({"weight_bits": 4}, "services.replica.weight_bits: is 4; must be one of 8, 16"),
        ({"step_time": "guess"}, "services.replica.step_time: is 'guess'; must be one of table"),
        ({"software": "sglang"}, "must be one of: 4 GPUs, 16 bit, vllm"),
        ({"used_frac": 1.2}, "services.replica.used_frac: is 1.2; must be above 0, up to 1"),
        ({"batch": 0}, "services.replica.batch: is 0"),
    ],
)
def test_what_cannot_be_is_told_with_the_remedy(knobs, told):
    found = LlmService(replica=ModelReplica(**knobs)).issues("services")
    assert len(found) == 1
    assert told in found[0]


def test_all_faults_of_a_replica_come_at_once():
    found = ModelReplica(used_frac=1.5, prefix_hit_frac=1.5, kv_tokens=0, batch=0)
    told = [text.split(":")[0] for text in found.issues("replica")]
    names = ("used_frac", "batch", "kv_tokens", "prefix_hit_frac")
    assert sorted(told) == sorted(f"replica.{name}" for name in names)
    told = [text.split(":")[0] for text in ModelReplica("x", batch=0).issues("replica")]
    assert told == ["replica.model", "replica.batch"]


@pytest.mark.parametrize("gpus", [1, 3, 64])
def test_the_first_fault_of_a_number_of_gpus_names_numbers_that_are_right(gpus):
    (told,) = ModelReplica(gpus=gpus).issues("replica")
    right = {int(text.split()[-1]) for text in told.split(" GPUs, ")[:-1]}
    assert right == {key[2] for key in FITS if key[:2] == ("h100", "llama-3.1-70b")}
    assert all(ModelReplica(gpus=n).issues("replica") == [] for n in right)


@pytest.mark.parametrize("gpus", [1, 2, 4, 8])
@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("model", calibration.ALIASES)
def test_a_model_is_said_not_to_fit_where_it_has_no_kv_memory(model, gpu, gpus):
    """By the same buffers, vLLM's or TensorRT-LLM's; and on the GPUs that are advised it has."""
    for bits in (8, 16):
        for how in ({"used_frac": 0.9}, {"used_frac": 0.3}, {"kv_frac": 0.9}, {"kv_frac": 0.01}):
            one = ModelReplica(model, gpu, gpus, bits, step_time="roofline", **how)
            found = [text for text in one.issues("services.replica") if "weights" in text]
            assert bool(found) == (one.holds() < 1)
            for text in found:
                least = int(text.split("at least ")[1].split(":")[0])
                assert replace(one, gpus=least).holds() >= 1
                assert replace(one, gpus=least // 2).holds() < 1


def test_a_share_of_what_is_left_that_holds_no_token_is_told():
    (told,) = ModelReplica(kv_frac=1e-12).issues("services.replica")
    least = float(
        told.removeprefix("services.replica.kv_frac: is 1e-12; must be above ").split(",")[0]
    )
    assert ModelReplica(kv_frac=1.1 * least).holds() == 1
    assert ModelReplica(kv_frac=0.9 * least).holds() == 0
    (told,) = ModelReplica(gpus=1, kv_frac=1e-12).issues("services.replica")
    assert told.startswith("services.replica.gpus: is 1; must be at least 2")


def test_a_near_name_of_a_model_is_one_that_may_be_said():
    for name, of in calibration.ALIASES.items():
        for slip in (name[:-1] + "x", name.replace("_", "."), of[:-1]):
            (told,) = ModelReplica(slip).issues("services.replica")
            assert f"is {slip!r}; did you mean " in told
            near = told.split("did you mean ")[1].split("?")[0].strip("'")
            assert ModelReplica(near, step_time="roofline", gpus=8).issues("services.replica") == []
            assert slip == of[:-1] or near == name


def test_an_slo_below_one_iteration_is_told_for_the_gpu_asked():
    fits = LlmService(replica=ModelReplica(gpu="h200"), slo_tpot_s=0.0125)
    assert fits.issues("services") == []  # 12.2 ms
    (told,) = LlmService(replica=ModelReplica(gpu="a100"), slo_tpot_s=0.0125).issues("services")
    assert told.startswith("services.slo_tpot_s: is 0.0125 s; must be at least")


def test_replicas_go_to_the_gpus_that_their_step_time_is_of():
    pools = [{"name": f"of_{gpu}", "nodes": 2, "gpus_per_node": 8, "gpu": gpu}
             for gpu in ("a100", "h100")]  # fmt: skip
    service = LlmService(requests=ASKED, replica=ModelReplica(gpu="h100"), max_replicas=2,
                         start_replicas=2)  # fmt: skip
    made = simulate(Scenario(Pools(pools), NoJobs(), services=service))
    nodes = to_numpy(made.ledger, "node")
    assert set(nodes) <= {"of_h100-0", "of_h100-1"}
    assert not any("what-if" in note for note in made.manifest["notes"])
    beside = simulate(Scenario(Homogeneous(nodes=1, gpu="a100"), NoJobs(), services=service))
    assert any("the cluster has a100" in note for note in beside.manifest["notes"])


@pytest.mark.parametrize("types", ["b200", "b200:0.5|a100:1"])
def test_replicas_for_gpus_that_no_node_has_are_told_so(types):
    service = LlmService(requests=ASKED, replica=ModelReplica(gpu_types=types))
    with pytest.raises(ScenarioError, match=r"gpu_types: is b200.*no node has.*must be of h100"):
        simulate(Scenario(Homogeneous(nodes=1, gpu="h100"), NoJobs(), services=service))


def test_a_price_makes_a_cost_and_none_makes_none():
    def one(name, prices):
        given = {"max_replicas": 1, "gpu_h_usd": prices, "replica": ModelReplica()}
        return LlmService(name=name, requests=ASKED, **given)

    def metrics(*services):
        several = Several(services)
        return simulate(Scenario(Homogeneous(nodes=1), NoJobs(), services=several)).metrics

    priced = metrics(one("a", {"h100": 2.0, "a100": 1.0}), one("b", {"h100": 3.0}))
    hours = {name: found["gpu_hours"] for name, found in priced["services"].items()}
    cost = 2.0 * hours["a"] + 3.0 * hours["b"]
    tokens = sum(found["output_tokens"] for found in priced["services"].values())
    assert priced["serving"]["cost_usd"] == pytest.approx(cost, rel=1e-12)
    assert priced["serving"]["usd_per_million_tokens"] == pytest.approx(cost / tokens * 1e6)
    plain = metrics(one("a", {"h100": 2.0}), one("b", {"a100": 3.0}))
    assert "cost_usd" in plain["services"]["a"]
    assert "cost_usd" not in plain["services"]["b"]
    assert "cost_usd" not in plain["serving"]  # what b costs is not known
