"""The command as a user types it: what it prints, where it writes, how it ends."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sim.files import data_dir

ROOT = str(Path(__file__).resolve().parents[2])
FILES = {"jobs.parquet", "ledger.parquet", "nodes.parquet", "timeline.parquet"}
FILES |= {"metrics.json", "manifest.json"}


@pytest.fixture
def rackplan(tmp_path):
    """Give what runs the command in an empty folder."""

    def run(*words, code=0, **env):
        command = [sys.executable, "-m", "sim", *words]
        around = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "160", **env}
        done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


SMALL = ("workload.jobs=200", "report=false")


def test_the_default_experiment_leaves_a_whole_folder(rackplan, tmp_path):
    done = rackplan("workload.jobs=200")
    (folder,) = tmp_path.glob("runs/*/*")
    assert {p.name for p in folder.iterdir()} == FILES | {"report.html"}
    report = str(folder.relative_to(tmp_path) / "report.html")
    assert done.stdout.rstrip().endswith(report)
    assert "200 of 200" in done.stdout
    assert done.stderr == ""  # no progress line where nobody looks on
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["config"]["command"] == "rackplan workload.jobs=200"
    assert manifest["config"]["knobs"]["workload"]["jobs"] == 200


def test_the_call_of_the_manual(rackplan):
    words = ("workload=philly", "cluster.nodes=64", "queue=sjf", "backfill=easy", "seed=3")
    done = rackplan(*words, "report=false", "hydra.run.dir=here")
    assert "512 on 64 nodes" in done.stdout
    assert "seed 3" in done.stdout


def test_a_trace_of_ones_own(rackplan, tmp_path):
    shutil.copy(data_dir("conf") / "traces" / "slurm_sacct.txt", tmp_path / "my_sacct.txt")
    words = ("workload=trace", "workload.path=my_sacct.txt", "workload.format=sacct")
    rackplan(*words, "report=false", "hydra.run.dir=here")
    manifest = json.loads((tmp_path / "here" / "manifest.json").read_text())
    assert list(manifest["inputs"]) == ["my_sacct.txt"]


def test_a_bad_row_stops_the_run_or_is_set_aside(rackplan, tmp_path):
    rows = ["job_id,submit_s,gpus,work_s", "a,0,1,10", "b,1,x,10", "c,2,1,10"]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    words = ("workload=trace", "workload.path=t.csv", "report=false", "hydra.run.dir=here")
    done = rackplan(*words, code=2)
    for said in ("t.csv", "line 3", "gpus", "'x'"):
        assert said in done.stderr
    assert "Traceback" not in done.stderr
    done = rackplan(*words, "workload.on_error=skip")
    assert "1; rejected.parquet says why" in done.stdout
    assert done.stdout.count("set aside") == 1
    aside = pq.read_table(tmp_path / "here" / "rejected.parquet").to_pylist()
    assert [(row["line"], row["column"], row["value"]) for row in aside] == [(3, "gpus", "x")]


def test_the_same_seed_gives_the_same_bytes_another_seed_does_not(rackplan, tmp_path):
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        rackplan(*SMALL, f"seed={seed}", f"hydra.run.dir={folder}")

    def tables(folder):
        return [
            (tmp_path / folder / name).read_bytes() for name in sorted(FILES - {"manifest.json"})
        ]

    assert tables("a") == tables("b")
    assert tables("a") != tables("c")


def test_a_run_is_never_overwritten_silently(rackplan, tmp_path):
    rackplan(*SMALL, "hydra.run.dir=here")
    before = (tmp_path / "here" / "manifest.json").read_bytes()
    done = rackplan(*SMALL, "hydra.run.dir=here", "seed=9", code=2)
    assert "holds a run already" in done.stderr
    assert "overwrite=true" in done.stderr
    assert (tmp_path / "here" / "manifest.json").read_bytes() == before
    rackplan(*SMALL, "hydra.run.dir=here", "seed=9", "overwrite=true")
    assert json.loads((tmp_path / "here" / "manifest.json").read_text())["seed"] == 9


def test_what_an_earlier_run_left_goes(rackplan, tmp_path):
    rackplan("workload.jobs=200", "hydra.run.dir=here")
    done = rackplan(*SMALL, "hydra.run.dir=here", "overwrite=true")
    assert "results: here" in done.stdout
    assert not (tmp_path / "here" / "report.html").exists()


@pytest.mark.parametrize("name", ["report.html", "jobs.parquet"])
def test_a_file_of_the_users_own_is_never_overwritten_silently(rackplan, tmp_path, name):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text("mine")
    done = rackplan("workload.jobs=200", "hydra.run.dir=own", code=2)
    assert f"own holds {name}, which no run wrote" in done.stderr
    assert [p.name for p in (tmp_path / "own").iterdir()] == [name]
    assert (tmp_path / "own" / name).read_text() == "mine"


def test_a_run_that_failed_leaves_no_empty_folder(rackplan, tmp_path):
    rackplan("cluster.nodes=0", code=2)
    assert not list(tmp_path.glob("runs/*/*"))


def test_all_faults_are_told_beside_a_word_that_cannot_be_read(rackplan):
    done = rackplan("name=<b>", "queue=nope", "horizon_s=8m", code=2)
    assert "name=<b>: cannot be read" in done.stderr
    assert "queue: 'nope' is no choice" in done.stderr
    assert "units are s, min, h, d, w" in done.stderr
    assert "++" not in done.stderr


def test_a_run_that_stops_at_its_horizon_says_what_was_left(rackplan):
    done = rackplan("report=false", "horizon_s=1h")
    assert "complete, up to the horizon" in done.stdout
    assert re.search(r"the others +\d+ still running, 9,\d+ not yet eligible", done.stdout)


def test_a_policy_that_errs_is_named_by_its_class(rackplan, tmp_path):
    (tmp_path / "bad.py").write_text(
        "from sim.policies.queue import AbstractQueuePolicy\n"
        "class Bad(AbstractQueuePolicy):\n"
        "    def key(self, jobs, now_s): return jobs.gpus + float('nan')\n"
    )
    done = rackplan(*SMALL, "queue._target_=bad.Bad", code=2)
    assert "Bad gave nan" in done.stderr
    assert "0x" not in done.stderr


def test_runs_begun_at_the_same_second_keep_apart(rackplan, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(rackplan, *SMALL, f"seed={seed}") for seed in (1, 2, 3)]:
            done.result()
    manifests = [json.loads(p.read_text()) for p in tmp_path.glob("runs/*/*/manifest.json")]
    assert sorted(m["seed"] for m in manifests) == [1, 2, 3]


def test_all_faults_are_told_at_once_with_path_value_and_remedy(rackplan):
    done = rackplan(
        "cluster.nodes=-3",
        "cluster.gpus_per_nod=4",
        "workload.jobs=many",
        "backfill.reservation=some",
        "backfill.depth=2.5",
        "horizon_s=3 parsec",
        "seed=null",
        "quee=sjf",
        "placement=packk",
        code=2,
    )
    faults = done.stderr.splitlines()
    for path, said in (
        ("cluster.nodes", "-3"),
        ("cluster.gpus_per_nod", "gpus_per_node"),
        ("workload.jobs", "many"),
        ("backfill.reservation", "nodes, counts"),
        ("backfill.depth", "2.5"),
        ("horizon_s", "3 parsec"),
        ("seed", "None"),
        ("quee", "queue"),
        ("placement", "pack"),
    ):
        assert any(f"{path}: " in line and said in line for line in faults), (path, faults)
    assert "Traceback" not in done.stderr
    assert "Hydra" not in done.stderr


def test_a_choice_that_is_none_lists_the_choices(rackplan):
    done = rackplan("queue=nope", code=2)
    for name in ("edf", "fifo", "ljf", "priority", "sjf", "smallest", "unicef", "wfp3"):
        assert name in done.stderr
    assert len(done.stderr.splitlines()) <= 12


POLICY = '''
from dataclasses import dataclass
from sim.policies.queue import AbstractQueuePolicy

@dataclass(frozen=True)
class SmallFirst(AbstractQueuePolicy):
    """Least GPU-seconds first; an hour of waiting is worth `gpu_s_per_hour`."""
    gpu_s_per_hour: float = 1e5

    def key(self, jobs, now_s):
        return jobs.gpus * jobs.walltime_s + jobs.submit_s / 3600 * self.gpu_s_per_hour
'''


def test_of_a_choice_whose_class_was_replaced_only_what_one_said_counts(rackplan, tmp_path):
    """Tiresias has knobs that SmallFirst knows nothing of: they were not asked for."""
    (tmp_path / "my_policy.py").write_text(POLICY)
    own = (
        *SMALL,
        "queue=tiresias",
        "queue._target_=my_policy.SmallFirst",
        "queue.gpu_s_per_hour=1",
    )
    rackplan(*own)
    done = rackplan(*own, "queue.by_gpus=true", code=2)
    assert "queue.by_gpus: is not known" in done.stderr
    assert "limits_s" not in done.stderr


def test_a_policy_of_ones_own_by_its_class(rackplan, tmp_path):
    (tmp_path / "my_policy.py").write_text(POLICY)
    own = ("queue._target_=my_policy.SmallFirst", "queue.gpu_s_per_hour=1")
    tight = (*SMALL, "cluster.nodes=4", "backfill=none")
    rackplan(*tight, *own, "hydra.run.dir=own")
    rackplan(*tight, "hydra.run.dir=fifo")
    own, fifo = (json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("own", "fifo"))
    assert own["wait_s"]["mean"] != fifo["wait_s"]["mean"]


def test_a_policy_of_ones_own_as_a_choice_of_a_folder_of_ones_own(rackplan, tmp_path):
    mine = tmp_path / "elsewhere" / "mine"
    (mine / "queue").mkdir(parents=True)
    (tmp_path / "elsewhere" / "my_policy.py").write_text(POLICY)
    choice = "_target_: my_policy.SmallFirst\ngpu_s_per_hour: 1e5\n"
    (mine / "queue" / "small_first.yaml").write_text(choice)
    rackplan("--config-dir", str(mine), "queue=small_first", *SMALL, "hydra.run.dir=one")
    asked = json.loads((tmp_path / "one" / "manifest.json").read_text())["config"]["command"]
    assert asked == f"rackplan --config-dir elsewhere/mine queue=small_first {' '.join(SMALL)}"
    rackplan(*shlex.split(asked)[1:], "hydra.run.dir=two")
    assert (tmp_path / "one" / "jobs.parquet").read_bytes() == (
        tmp_path / "two" / "jobs.parquet"
    ).read_bytes()
    done = rackplan("--config-dir", str(mine), "--help")
    assert "small_first" in done.stdout


def test_a_fault_in_a_policy_of_ones_own_names_file_and_line(rackplan, tmp_path):
    (tmp_path / "my_policy.py").write_text("import math\n\nnothing_here()\n")
    done = rackplan(*SMALL, "queue._target_=my_policy.SmallFirst", code=2)
    assert "my_policy.py" in done.stderr
    assert "line 3" in done.stderr


@pytest.mark.parametrize(
    "target", ["os.system", "subprocess.Popen", "pathlib.Path", "builtins.eval", "sim.files.write"]
)
def test_what_is_no_choice_is_refused_before_it_runs(rackplan, tmp_path, target):
    mine = tmp_path / "mine" / "queue"
    mine.mkdir(parents=True)
    (mine / "bad.yaml").write_text(f"_target_: {target}\n_args_: [touch pwned]\n")
    done = rackplan("--config-dir", str(mine.parent), "queue=bad", *SMALL, code=2)
    assert target.rpartition(".")[0] in done.stderr
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "bad",
    [
        "{callbacks: {bad: {_target_: pathlib.Path.touch, self: pwned}}}",
        "{launcher: {_target_: os.system}}",
        '{job_logging: {version: 1, handlers: {x: {"()": os.system, command: touch pwned}}}}',
        '{hydra_logging: {version: 1, handlers: {x: {"()": os.system, command: touch pwned}}}}',
        "{job_logging: {version: 1, handlers: {x: {class: subprocess.Popen}}}}",
        "{job_logging: {version: 1, handlers: {x: {stream: 'ext://antigravity.x'}}}}",
    ],
)
def test_a_strangers_folder_has_hydra_call_nothing(rackplan, tmp_path, bad):
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    (mine / "bad.yaml").write_text(f"# @package _global_\nhydra: {bad}\n")
    for mode in ((), ("-m", "seed=1,2")):
        folder = ("--config-dir", str(mine.parent))
        done = rackplan(*folder, *mode, "experiment=bad", *SMALL, code=2)
        assert "may not be named" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "pwned").exists()


def test_a_swept_experiment_of_a_stranger_is_refused_too(rackplan, tmp_path):
    mine = tmp_path / "mine" / "experiment"
    mine.mkdir(parents=True)
    bad = "{callbacks: {bad: {_target_: pathlib.Path.touch, self: pwned}}}"
    (mine / "bad.yaml").write_text(f"# @package _global_\nhydra: {bad}\n")
    words = ("--config-dir", str(mine.parent), "-m", "experiment=demo,bad")
    assert "may not be named" in rackplan(*words, "report=false", code=2).stderr
    assert not (tmp_path / "pwned").exists()


def test_a_strangers_file_reads_no_environment(rackplan, tmp_path):
    mine = tmp_path / "mine" / "queue"
    mine.mkdir(parents=True)
    (mine / "bad.yaml").write_text("_target_: sim.policies.queue.Wfp3\nrefresh_s: ${oc.env:KEY}\n")
    done = rackplan("--config-dir", str(mine.parent), "queue=bad", *SMALL, code=2, KEY="secret1")
    assert "queue.refresh_s" in done.stderr
    assert "secret1" not in done.stdout + done.stderr


def test_help_says_what_how_and_examples(rackplan):
    done = rackplan("--help")
    for said in ("GPU", "queue: allox, drf, edf, fifo", "backfill:", "rackplan -m queue=fifo,sjf"):
        assert said in done.stdout
    assert len(done.stdout.splitlines()) < 40
    assert rackplan("--info").stdout


SLOW = """
import time
from dataclasses import dataclass
from pathlib import Path
from sim.policies.queue import AbstractQueuePolicy

@dataclass(frozen=True)
class Slow(AbstractQueuePolicy):
    refresh_s: float = 0.0

    def key(self, jobs, now_s):
        if getattr(now_s, "ndim", 0) == 0 and now_s > 3600:
            Path("begun").touch()
            time.sleep(0.1)
        return jobs.submit_s
"""


def test_an_interrupt_leaves_a_partial_result_marked_so(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    words = ("workload.jobs=2000", "queue._target_=slow.Slow", "hydra.run.dir=here")
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, fault = process.communicate(timeout=120)
    assert process.returncode == 130, said + fault
    assert "Traceback" not in fault
    assert "interrupted" in said
    here = tmp_path / "here"
    assert {p.name for p in here.iterdir()} == FILES | {"report.html"}
    assert json.loads((here / "manifest.json").read_text())["status"] == "interrupted"
    jobs = pq.read_table(here / "jobs.parquet").to_pylist()
    assert len(jobs) == 2000
    assert {"completed", "unborn"} <= {job["state"] for job in jobs}
    assert all(job["end_s"] is None for job in jobs if job["state"] in ("unborn", "running"))


WRITING = """
import os, signal, sys
from sim.app import main
from sim.results import store

times, write = int(sys.argv.pop()), store.write
def pressed(*args):
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)
    return write(*args)
store.write = pressed
main.main()
"""


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_while_results_are_written_waits_for_them(tmp_path, times):
    (tmp_path / "press.py").write_text(WRITING)
    words = ("workload.jobs=200", "hydra.run.dir=here", str(times))
    done = subprocess.run(
        [sys.executable, "press.py", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130, done.stdout + done.stderr
    assert "Ctrl-C again gives it up" in done.stderr
    assert "Traceback" not in done.stderr
    if times == 1:
        assert {p.name for p in (tmp_path / "here").iterdir()} == FILES | {"report.html"}
        assert "200 of 200" in done.stdout
    else:
        assert "interrupted while writing; here holds no whole run" in done.stderr
