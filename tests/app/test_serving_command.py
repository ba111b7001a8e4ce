"""Services from the command line: one run, a sweep that is compared, faults with their remedy."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim.app.asked import TAKEN, asked, flags_last
from sim.app.services import unseen
from sim.workload.services import ByPriority, LlmService, ModelReplica

ROOT = str(Path(__file__).resolve().parents[2])
SMALL = ("experiment=serving", "services.requests.duration_s=20 min", "cluster.nodes=4",
         "services.max_replicas=4")  # fmt: skip


def rackplan(folder, *words, code=0):
    command = [sys.executable, "-m", "sim", *words]
    around = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_policies_are_compared_by_cost_and_slo(tmp_path):
    law = "services.requests.arrivals={_target_: sim.workload.Poisson}"  # in place of a profile
    words = (*SMALL, law, "autoscaler=static_peak,hpa", "hydra.sweep.dir=here")
    done = rackplan(tmp_path, "-m", *words)
    table = done.stdout[done.stdout.index("comparison") :]
    for word in ("autoscaler=static_peak", "autoscaler=hpa", "GPU-hours", "within the SLO"):
        assert word in table
    assert "mean wait" not in table  # there is no job
    page = (tmp_path / "here" / "compare.html").read_text()
    assert "What the SLO costs" in page
    found = [json.loads((tmp_path / f"here/{i}/metrics.json").read_text()) for i in (0, 1)]
    peak, hpa = (one["serving"] for one in found)
    assert peak["gpu_hours"] > hpa["gpu_hours"]
    assert peak["requests"] == hpa["requests"]  # the same seed asks the same


def test_an_autoscaler_that_nobody_gave_a_service_has_one_beside_training(tmp_path):
    """As in `rackplan -m autoscaler=hpa,kpa,predictive,static_peak`."""
    words = ("autoscaler=hpa,static_peak", "services.requests.duration_s=20 min",
             "workload.duration_s=20 min", "hydra.sweep.dir=here")  # fmt: skip
    done = rackplan(tmp_path, "-m", *words)
    assert "note: experiment=mixed is taken: an autoscaler is chosen, and no serv" in done.stdout
    assert "makes no difference" not in done.stdout
    found = [json.loads((tmp_path / f"here/{i}/metrics.json").read_text()) for i in (0, 1)]
    assert found[0]["serving"]["gpu_hours"] != found[1]["serving"]["gpu_hours"]
    assert found[0]["jobs"]["submitted"] > 0
    assert "What the SLO costs" in (tmp_path / "here" / "compare.html").read_text()
    report = (tmp_path / "here" / "0" / "report.html").read_text()
    assert "How llm answered" in report
    assert "services below (orange), jobs above (blue)" in report


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (("autoscaler=none,hpa",), ["experiment=mixed"]),
        (("autoscaler._target_=mine.Mine", "seed=2"), ["experiment=mixed"]),
        (("workload=philly", "autoscaler=hpa"), ["services=llm"]),
        (("autoscaler=hpa", "fabric.spines=2"), ["experiment=mixed", "fabric=leaf_spine"]),
        (("autoscaler=none",), []),
        (("autoscaler=hpa", "services=llm_pools"), []),
        (("autoscaler=hpa", "experiment=serving"), []),
        (("autoscaler=hpa", "--config-dir", "."), []),  # which may have a service of its own
        (("queue=sjf",), []),
        (("~autoscaler", "workload.jobs=50"), []),  # what takes away chooses nothing
        (("autoscaler=hpa", "~services"), []),
        (("~fabric.spines",), []),
        (("fabric.spines=2", "~fabric"), []),
    ],
)
def test_what_is_taken_with_an_autoscaler(words, taken):
    made, faults = asked(words)
    assert faults == []
    assert sorted({*made} & {*TAKEN}) == taken
    assert sorted({*made} - {*TAKEN}) == sorted({*asked(["services=llm", *words])[0]} - {*TAKEN})


def test_what_is_taken_is_told_without_a_run_too(tmp_path):
    done = rackplan(tmp_path, "services", "screen", "autoscaler=hpa", "model=llama_8b")
    assert done.stdout.startswith("note: experiment=mixed is taken: an autoscaler is chosen, and")
    done = rackplan(tmp_path, "services", "screen", "experiment=mixed", "autoscaler=hpa")
    assert "is taken" not in done.stdout


def test_flags_may_stand_anywhere(tmp_path):
    words = ("services=llm", "autoscaler=hpa,kpa", "-m", "services.requests.duration_s=5 min",
             "services.max_replicas=4", "report=false", "hydra.sweep.dir=here")  # fmt: skip
    done = rackplan(tmp_path, "experiment=serving", *words)
    assert "autoscaler=kpa" in done.stdout
    said = ["--config-dir", "a=b", "queue=sjf", "-m", "--config-name", "mine", "~growth", "--info",
            "seed=1", "foo", "--cfg=job"]  # fmt: skip
    assert flags_last(said) == ["queue=sjf", "~growth", "seed=1", "foo", "--config-dir", "a=b",
                                "-m", "--config-name", "mine", "--info", "--cfg=job"]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("services", "screen", "experiment=serving"),
        ("fabric", "describe", "gpus=512"),
        (*SMALL, "services.requests.duration_s=2 min", "report=false"),
        ("-m", *SMALL, "services.requests.duration_s=2 min", "autoscaler=hpa,kpa"),
    ],
)
def test_where_nobody_reads_on_it_is_silent(tmp_path, words):
    """As behind `| head`, which has left before a line is written."""
    command = [sys.executable, "-m", "sim", *words]
    around = {**os.environ, "PYTHONPATH": ROOT}
    left, right = os.pipe()
    os.close(left)
    try:
        done = subprocess.run(command, cwd=tmp_path, env=around, stdout=right,
                              stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    finally:
        os.close(right)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_sweep_that_nobody_reads_on_is_whole_with_its_page(tmp_path, unbuffered):
    """As behind `| head -1`: the pipe is closed after the first run's line; one run is at fault."""
    words = ("-m", *SMALL, "services.requests.duration_s=2 min", "report=false",
             "autoscaler=hpa,kpa", "seed=1,2,-1", "hydra.sweep.dir=here")  # fmt: skip
    command = [sys.executable, "-m", "sim", *words]
    around = {**os.environ, "PYTHONPATH": ROOT, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, cwd=tmp_path, env=around, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as begun:  # fmt: skip
        begun.stdout.readline()
        begun.stdout.close()
        told = begun.stderr.read()
    assert begun.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in told
    assert "seed: is -1" in told
    assert len([*(tmp_path / "here").glob("*/metrics.json")]) == 4
    assert (tmp_path / "here" / "compare.html").exists()
    assert not (tmp_path / "here" / ".running").exists()


@pytest.mark.parametrize(
    ("words", "closed"),
    [
        ("workload=none services=none report=false", ">&-"),
        ("services screen experiment=serving", ">&-"),
        ("-m workload=none services=none report=false seed=1,2", ">&- 2>&-"),
        ("queue=no_such", "2>&-"),
    ],
)
def test_a_stream_closed_from_the_first_is_no_fault(tmp_path, words, closed):
    command = f"exec {sys.executable} -m sim {words} {closed}"
    around = {**os.environ, "PYTHONPATH": ROOT}
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=around, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == (2 if "no_such" in words else 0), done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_autoscaler_without_a_service_is_told_that_it_does_nothing(tmp_path):
    words = ("experiment=demo", "autoscaler=hpa,kpa", "report=false", "hydra.sweep.dir=here")
    done = rackplan(tmp_path, "-m", *words)
    told = "autoscaler makes no difference here, every number is the same: there is no service"
    assert told in done.stdout
    assert told in (tmp_path / "here" / "compare.html").read_text()


def test_another_law_takes_the_place_of_a_nested_one(tmp_path):
    law = "services.requests.arrivals={_target_: sim.workload.Poisson}"
    done = rackplan(tmp_path, *SMALL, law, "report=false", "hydra.run.dir=run")
    assert "within the SLO" in done.stdout


def test_a_trace_of_ones_own_and_a_fault_in_it(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("arrival_s,prompt_tokens,output_tokens\n0,100,20\n1,200,30\n")
    words = ("experiment=serving", "services=llm_trace", "services.requests.path=mine.csv")
    done = rackplan(tmp_path, *words, "hydra.run.dir=run")
    assert "2 of 2" in done.stdout
    assert "How llm answered" in (tmp_path / "run" / "report.html").read_text()
    mine.write_text("arrival_s,prompt_tokens,output_tokens\n0,100,20\n1,two,30\n")
    done = rackplan(tmp_path, *words, "hydra.run.dir=again", code=2)
    assert "mine.csv, line 3: prompt_tokens is 'two'" in done.stderr


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("services.min_replicas=9", "services.min_replicas: is 9; must not be above"),
        ("services.slo_tpot_s=1 ms", "services.slo_tpot_s: is 0.001 s; must be at least the step"),
        (
            "services.replica={_target_: sim.workload.services.LlmReplica, gpus: 99}",
            "services.replica.gpus: is 99; a replica of llm can never fit",
        ),
        ("services.replica.kv_tokens=100", "services.replica.kv_tokens: is 100; must be at least"),
        (
            "services.replica.model=llama_9b",
            "services.replica.model: is 'llama_9b'; did you mean 'llama_8b'? valid are codellama",
        ),
        ("services.replica.gpu=h900", "services.replica.gpu: is 'h900'; must be one of a100"),
        ("services.replica.gpus=1", "services.replica.gpus: is 1; must be at least 2: the weights"),
        ("services.replica.gpus=2", "must be one of: 4 GPUs, 16 bit, vllm or 8 GPUs, 16 bit, vllm"),
        (
            "services.gpu_h_usd={h100: -1}",
            "services.gpu_h_usd.h100: is -1; must be a number above 0",
        ),
        ("elastic=equal_shares", "elastic: sizes jobs beside services"),
        ("preemption=rebuild", "preemption: is Rebuild beside services; must be none, or tail"),
    ],
)
def test_faults_name_the_remedy(tmp_path, word, told):
    done = rackplan(tmp_path, *SMALL, word, code=2)
    assert told in done.stderr


def test_prompts_and_decoding_on_pools_apart(tmp_path):
    """A run whose report shows both pools, hours of both; a search over both."""
    words = ("services=llm_pools", "workload=none", "services.requests.duration_s=20 min",
             "services.slo_by_class={code: {slo_ttft_s: 5 s}}", "services.requests.classes={code: 1}",
             "autoscaler=static_peak", "services.prefill.max_replicas=2",
             "services.decode.max_replicas=3", "cluster.nodes=4", "hydra.run.dir=here")  # fmt: skip
    rackplan(tmp_path, *words)
    found = json.loads((tmp_path / "here/metrics.json").read_text())["services"]["llm"]
    assert found["answered"] == found["requests"] > 1000
    assert found["by_class"]["code"]["slo_ttft_s"] == 5.0
    hours = {name: one["replica_hours"] for name, one in found["pools"].items()}
    assert hours["llm/prefill"] * 3 == pytest.approx(hours["llm/decode"] * 2, rel=1e-2)
    page = (tmp_path / "here/report.html").read_text()
    assert "Replicas, prefill: ready" in page
    assert "Time a token after it" in page
    words = ("services=llm_pools", "services.requests.duration_s=5 min", "model=llama_8b")
    done = rackplan(tmp_path, "services", "search", *words)
    assert "llama-3.1-8b, 1 h100" in done.stdout


def test_the_screening_says_what_closed_forms_leave_out():
    plain = LlmService().listed()[0][0]
    assert list(unseen([plain])) == []
    ranked = LlmService(order=ByPriority({"code": 1})).listed()[0][0]
    (told,) = unseen([ranked._replace(slo_by_class={"code": (1.0, 0.05)})])
    assert "priorities" in told
    assert "the SLO of a class" in told
    bent = LlmService(replica=ModelReplica(step_time="bent")).listed()[0][0]
    (told,) = unseen([bent])
    assert told.startswith("closed forms leave out what tiles of tokens add")
    (told,) = unseen([plain, bent])
    assert told.startswith("closed forms leave out what tiles of tokens add")


def test_it_is_printed_below_the_table(tmp_path):
    words = ("experiment=serving", "services.requests.duration_s=5 min", "model=llama_8b")
    done = rackplan(tmp_path, "services", "screen", *words)
    assert "leave out" not in done.stdout
    order = "{_target_: sim.workload.services.ByPriority, priority_by_class: {code: 1}}"
    more = ("services.requests.classes={code: 1}", f"services.order={order}")
    done = rackplan(tmp_path, "services", "screen", *words, *more)
    assert "closed forms leave out priorities" in done.stdout


def test_a_fault_of_one_pools_policy_is_told_at_its_path(tmp_path):
    words = ("experiment=serving_pools", "autoscaler.policies.prefill.target=0")
    done = rackplan(tmp_path, *words, code=2)
    assert "autoscaler.policies.prefill.target: is 0; must be a number > 0" in done.stderr
