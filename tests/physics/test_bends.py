"""Steps that bend: the slower of two lines; reads and arithmetic that hide in part."""

import numpy as np
import pytest

from sim.physics.bends import TILE_TOKENS, overlapped, slower
from sim.physics.calibration import FITS, TABLE, lines_of
from sim.physics.roofs import ROOFS, TRTLLM, roof_of
from sim.physics.step_time import GPUS, MODELS
from sim.workload.services import ModelReplica

MANY = 2048


def steps(made, n):
    """Return what a step of n sequences, and of n prompt tokens, takes without context."""
    at = -(-n // TILE_TOKENS) - 1
    decode = made.line.decode_s[0] + made.line.decode_s[1] * n + made.decode_more_s[at]
    line, more = made.line.mixed_s, made.mixed_more_s[at]
    return decode, line[0] + line[1] * n + more, line[0] + line[3] * n + more


def cross(key):
    """Return the tokens of a step at which the lines meet, inf where prompts' is slower always."""
    (fixed, each, _), (begin, per, _) = lines_of(key)
    return (fixed - begin) / (per - each) if begin < fixed else np.inf


@pytest.mark.parametrize("key", FITS, ids=str)
def test_a_bent_step_is_the_slower_of_its_lines(key):
    """At every number of tokens, to half a tile of the difference of slopes."""
    (fixed, each, _), (begin, per, _) = lines_of(key)
    made = slower(*lines_of(key), MANY)
    for n in range(1, MANY + 1, 7):
        few, many = fixed + each * n, begin + per * n
        decode = max(few, many) if cross(key) < np.inf else few
        for got, want in zip(steps(made, n), (decode, max(few, many), max(few, many)), strict=True):
            assert got == pytest.approx(want, abs=TILE_TOKENS / 2 * abs(per - each) + 1e-12)


@pytest.mark.parametrize("key", FITS, ids=str)
def test_where_the_lines_were_fitted_a_bent_step_is_the_table(key):
    """Up to 64 sequences, and prompts of 2,048 tokens but for what the table raises p0 by."""
    made, line = slower(*lines_of(key), MANY), TABLE[key]
    for n in range(1, 65):
        want = line.decode_s[0] + n * line.decode_s[1]
        assert steps(made, n)[0] == pytest.approx(want, rel=1e-12)
    assert steps(made, MANY)[1] <= line.mixed_s[0] + MANY * line.mixed_s[1] + 1e-12


def test_the_lines_cross_where_the_docstring_says():
    def ends(model):
        places = [cross(key) for key in FITS if key[1] == model and key[0] != "b200"]
        return round(min(places)), round(max(places))

    assert ends("llama-3.1-70b") == (116, 212)
    assert ends("llama-3.1-8b") == (155, 354)
    assert [key[0] for key in FITS if cross(key) == np.inf] == ["b200", "b200"]


def test_constants_are_physics():
    """No part of a data sheet above 1."""
    for roof in ROOFS.values():
        fractions = (roof.bandwidth_frac, roof.context_frac, roof.flops_frac, roof.link_frac)
        assert min(fractions) > 0.0
        assert max(fractions) <= 1.0
        assert min(roof.layer_s, roof.sequence_s, roof.meet_s) > 0.0


@pytest.mark.parametrize(
    ("wanted", "of"),
    [
        (("b200", "llama-3.1-70b", 8), ("h100", "llama-3.1-70b", 8)),
        (("h200", "llama-3.1-70b", 16), ("a100", "llama-3.1-70b", 16)),
        (("a100", "llama-3.1-8b", 8), ("a100", "llama-3.1-8b", 16)),  # it computes in 16
        (("h200", "llama-3.1-8b", 16), ("a100", "llama-3.1-8b", 16)),
        (("h100", "llama-2-70b", 16), ("h100", "llama-3.1-70b", 16)),
    ],
    ids=str,
)
def test_what_is_not_fitted_has_the_constants_of_the_nearest(wanted, of):
    assert roof_of(*wanted) == ROOFS[of]


@pytest.mark.parametrize("model", ["llama-3.1-8b", "llama-3.1-70b", "llama-2-70b"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("gpus", [1, 4, 8])
def test_more_bandwidth_at_the_same_arithmetic_is_never_slower(model, bits, gpus):
    """H100 and H200 differ in memory alone: no step of sequences that decode takes longer."""
    h100, h200 = (
        overlapped(MODELS[model], GPUS[gpu], gpus, bits, MANY, roof_of(gpu, model, bits))
        for gpu in ("h100", "h200")
    )
    for n in (1, 16, 64, 256):
        for context in (128, 1024, 8192):
            one, other = (
                steps(of, n)[0] + of.line.decode_s[2] * n * context for of in (h100, h200)
            )
            assert other <= one * 1.02  # of FLOPs each has its own part, 0.62 and 0.63


@pytest.mark.parametrize("gpus", [1, 8])
def test_reads_and_arithmetic_hide_in_part(gpus):
    """Between the larger of them and their sum; few tokens are reads, many arithmetic."""
    model, gpu = MODELS["llama-3.1-70b"], GPUS["h200"]
    made = overlapped(model, gpu, gpus, 8, 65536)
    reads = 70.55e9 / (gpus * 4.8e12 * TRTLLM.bandwidth_frac)
    each = 2 * 70.55e9 / (gpus * 1979e12 * TRTLLM.fp8_frac)
    n = TILE_TOKENS * np.arange(len(made.decode_more_s)) + (TILE_TOKENS + 1) / 2
    found = reads + np.array(made.decode_more_s)
    assert (found >= np.maximum(reads, each * n) * (1 - 1e-12)).all()
    assert (found <= reads + each * n).all()
    assert found[0] == pytest.approx(reads, rel=0.01)
    assert found[-1] == pytest.approx(each * n[-1], rel=0.01)
    own_s = 80 * (TRTLLM.layer_s + (TRTLLM.meet_s if gpus > 1 else 0.0))
    assert made.line.decode_s[0] == pytest.approx(reads + own_s, rel=1e-12)
    assert made.mixed_more_s == made.decode_more_s


def test_what_a_replica_is_given_has_no_bend():
    bent = ModelReplica(step_time="bent").plain()
    assert max(bent.decode_more_s) > 0.0
    assert max(bent.mixed_more_s) > 0.0
    own = ModelReplica(step_time="bent", decode_s=(0.02, 0.0, 0.0)).plain()
    assert own.decode_more_s == ()
    assert own.mixed_more_s == bent.mixed_more_s
    assert ModelReplica().plain().decode_more_s == ()


def test_kv_memory_as_a_share_of_what_the_weights_leave():
    made = ModelReplica(kv_frac=0.5, gpus=2, step_time="roofline", software="trtllm")
    assert made.issues("x") == []
    assert made.holds() == int(
        (2 * (81559 * 1024**2 - 4.7e9) - 141.1e9) * 0.5 // (2 * 80 * 8 * 128 * 2)
    )
    (told,) = ModelReplica(kv_frac=1.5).issues("x")
    assert told == "x.kv_frac: is 1.5; must be above 0, up to 1, or null"
    (told,) = ModelReplica(step_time="bent", gpus=2).issues("x")
    assert "step_time=roofline" in told
    with_bend = ModelReplica(step_time="bent").fill()["notes"]
    assert "bent" in with_bend[0]
    assert "TensorRT-LLM 0.17; at 72 others" in made.fill()["notes"][0]
    other = ModelReplica(gpu="b200", step_time="roofline", software="trtllm")
    assert "not fitted here" in other.fill()["notes"][0]
