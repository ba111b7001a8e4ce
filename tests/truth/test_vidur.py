"""Vidur's latencies a request, from steps that it did not take for these requests.

Source: shared/groundtruth/serving/vidur (MIT): CodeLlama-34B, A100 TP2, 2 replicas, 4,000 requests.
The bars are those of its README: 1 % Sarathi, 4 % vLLM-V0; both are held to 1 % here.

Three things are told apart. The rule: fed with the step times that Vidur recorded, the plain twin
of the kernel (tests/plain holds the kernel to it, to the last tick) composes each of its batches.
The step time: fitted to the batches of one replica it answers for the requests of the other, as a
user would fit it, `MeasuredReplica`. The load: fitted to the 2,000 s of two replicas it answers for
another trace, for eight replicas, for full batches and for restarts.

What is left is chaos: 0.03 % of a coefficient more moves the median first token of 2,000 requests by
0.7 %, of 4,000 by 0.3 % (one standard deviation of 24 draws), so Vidur's own 4,000 are one draw. The
two halves, each judged by the other's steps, are therefore judged together, and what we say is the
mean over eight draws of the step time, 0.01 % apart.
"""

import csv
import gzip
from dataclasses import replace

import numpy as np
import pytest

from sim.engine.serving import serve
from sim.study.services import spec_of
from sim.workload.services import LlmService, MeasuredReplica
from sim.workload.services.measured import COLUMNS
from tests.conftest import DATA, shared
from tests.plain.serving import slow

FOLDER = ("groundtruth", "serving", "vidur")
MODES = ("sarathi", "vllm")


def batches(mode):
    """Return the rows of all batches; the last column is the replica."""
    return np.load(shared(*FOLDER, f"batches_conv4000_{mode}.npz"))["data"]


def asked(trace):
    """Return arrivals, prompts and outputs."""
    at_s, prompt, output = np.loadtxt(
        shared(*FOLDER, f"input_{trace}_4096.csv"), delimiter=",", skiprows=1
    ).T
    return at_s, prompt.astype(int), output.astype(int)


def truth(mode):
    """Return first tokens and ends, in seconds after arrival."""
    with gzip.open(shared(*FOLDER, f"out_conv4000_{mode}.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    return {n: np.array([float(row[n]) for row in rows]) for n in ("ttft_s", "e2e_s")}


def spec(mode, rows, replicas, tmp_path, tile_tokens=8):
    """Return the service with step times fitted to these batches."""
    path = tmp_path / f"{mode}_{len(rows)}.csv"
    np.savetxt(path, rows[:, [0, 1, 3, 4, 5]], "%.9g", ",", header=",".join(COLUMNS), comments="")
    replica = MeasuredReplica(
        str(path), tile_tokens, gpus=2, batch=128, chunked=mode == "sarathi", chunk_tokens=512,
        prompt_tokens=4096, padded=True, kv_tokens=388_000,
    )  # fmt: skip
    of = LlmService(replica=replica, route="round_robin").listed()[0][0]
    return spec_of(of, replicas)


def numbers(values):
    return np.array([values.mean(), *np.percentile(values, [50, 90, 99])])


@pytest.mark.parametrize("replica", [0, 1])
@pytest.mark.parametrize("mode", MODES)
def test_with_its_step_times_each_batch_is_vidurs(mode, replica, tmp_path):
    """Every batch: prompt tokens, their squares, sequences, context; every latency to its 1e-6 s."""
    rows = batches(mode)
    mine = iter(rows[rows[:, 6] == replica][:, [0, 1, 3, 4, 5]].tolist())

    def taken(P, S, d, context):
        *batch, step_s = next(mine)
        assert batch == [P, S, d, context]
        return round(step_s * 1e12)

    at_s, prompt, output = (column[:4000][replica::2] for column in asked("conv"))
    start = [round(at * 1e12) for at in at_s]
    steps = (lambda d, context: taken(0, 0, d, context)), taken
    first, end, *_ = slow(
        spec(mode, rows, 1, tmp_path), None, start, prompt.tolist(), output.tolist(), start, steps
    )
    assert next(mine, None) is None
    for name, of in (("ttft_s", first), ("e2e_s", end)):
        took = np.array([of[i] - at for i, at in enumerate(start)]) / 1e12
        assert took == pytest.approx(truth(mode)[name][replica::2], abs=1.1e-6)


def nearly(of, draws):
    """Return the service with each coefficient of its step time 0.01 % off, in the mean."""
    decode, mixed = (
        tuple(np.array(each) * (1.0 + 1e-4 * draws.standard_normal(len(each))))
        for each in (of.step.decode_s, of.step.mixed_s)
    )
    return replace(of, step=replace(of.step, decode_s=decode, mixed_s=mixed))


@pytest.mark.parametrize("mode", MODES)
def test_latencies_with_the_step_time_of_the_other_replica(mode, tmp_path):
    """Round robin: even requests went to replica 0, odd ones to 1; no batch is seen twice."""
    rows, want, draws = batches(mode), truth(mode), np.random.default_rng(1)
    made = {name: np.empty((8, 4000)) for name in want}
    for replica in (0, 1):
        seen = spec(mode, rows[rows[:, 6] != replica], 2, tmp_path)
        for k in range(8):
            got = serve(nearly(seen, draws), *(column[:4000] for column in asked("conv")))
            for name, values in made.items():
                values[k, replica::2] = got[name][replica::2]
    for name, values in made.items():
        told = np.mean([numbers(one) for one in values], axis=0)
        assert told == pytest.approx(numbers(want[name]), rel=0.01), name


LOADS = {"sarathi": 0.01, "vllm": 0.02}
RUNS = list(csv.DictReader((DATA / "vidur" / "runs.csv").read_text().splitlines()))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(list(run.values())[:8]))
def test_latencies_of_other_loads(run, tmp_path):
    """All of both traces; 4,000 requests twice as fast (batches full), or with little KV memory.

    Restarts there hang on the watermark, 1 % of memory: without it four times as many, and times a
    fifth too long. Vidur's blocks of 16 tokens are half empty once a sequence: off the memory.
    vLLM is held to 2 %: prompts of more tokens than any in the fit are many in the trace of code.

    Source: tests/data/README.md.
    """
    mode, draws = run["mode"], np.random.default_rng(2)
    at_s, prompt, output = (column[: int(run["requests"])] for column in asked(run["trace"]))
    seen = spec(mode, batches(mode), int(run["replicas"]), tmp_path)
    if blocks := int(run["blocks"]):
        holds = (prompt + output / 2).mean()
        room = int(16 * blocks * holds / (holds + 8))
        seen = replace(seen, kv_tokens=room, kv_spare_tokens=16 * blocks // 100)
    at_s = at_s * float(run["time_factor"])
    told = [
        numbers(serve(nearly(seen, draws), at_s, prompt, output)[run["what"]]) for _ in range(4)
    ]
    want = [float(run[name]) for name in ("mean_s", "p50_s", "p90_s", "p99_s")]
    assert np.mean(told, axis=0) == pytest.approx(want, rel=LOADS[mode])
