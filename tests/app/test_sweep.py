"""A sweep ends in one comparison; a run that fails takes no other with it."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.app.sweep import CompareRuns, design_of, together
from sim.app.terminal import fitted

ROOT = str(Path(__file__).resolve().parents[2])
SMALL = ("workload.jobs=200", "report=false", "hydra.sweep.dir=here")


def sweep(folder, *words, code=0):
    command = [sys.executable, "-m", "sim", "-m", *words]
    around = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def numbers(folder):
    """Return the metrics of each run of a sweep by its overrides."""
    found = {}
    for place in sorted((folder / "here").glob("*/manifest.json")):
        said = tuple(json.loads(place.read_text())["config"]["overrides"])
        found[said] = (place.parent / "jobs.parquet").read_bytes()
    return found


def test_designs_and_seeds_end_in_one_table_and_one_page(tmp_path):
    done = sweep(tmp_path, *SMALL, "queue=fifo,sjf", "backfill=none,easy", "seed=1,2")
    assert len(numbers(tmp_path)) == 8
    table = done.stdout[done.stdout.index("comparison") :]
    for design in ("queue=fifo", "queue=sjf", "backfill=none", "backfill=easy"):
        assert design in table
    assert "workload.jobs" not in table  # the same in all: no part of a design
    page = (tmp_path / "here" / "compare.html").read_text()
    assert "queue=sjf" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_run_of_a_sweep_is_the_run_alone_and_the_same_side_by_side(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = (*SMALL, "queue=fifo,sjf", "seed=1,2")
    for name, more in (("one", ()), ("many", ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"))):
        (tmp_path / name).mkdir()
        sweep(tmp_path / name, *words, *more)
        assert (tmp_path / name / "here" / "compare.html").exists()
    assert numbers(tmp_path / "one") == numbers(tmp_path / "many")
    assert len(numbers(tmp_path / "one")) == 4


def test_one_run_that_fails_is_named_and_the_others_are_kept(tmp_path):
    done = sweep(tmp_path, *SMALL, "cluster.nodes=8,-1", "seed=1,2", code=1)
    assert len(numbers(tmp_path)) == 2
    assert (tmp_path / "here" / "compare.html").exists()
    assert "cluster.nodes: is -1" in (tmp_path / "here" / "2" / "fault.txt").read_text()
    for run in ("2", "3"):
        assert any(run in line and "cluster.nodes" in line for line in done.stderr.splitlines())


def test_a_sweep_never_overwrites_a_sweep(tmp_path):
    sweep(tmp_path, *SMALL, "seed=1,2")
    before = numbers(tmp_path)
    done = sweep(tmp_path, *SMALL, "seed=3,4", code=2)
    assert "here holds a sweep already" in done.stderr
    assert numbers(tmp_path) == before
    sweep(tmp_path, *SMALL, "seed=3,4", "overwrite=true")
    assert numbers(tmp_path).keys().isdisjoint(before)


def test_a_smaller_sweep_over_a_larger_one_compares_its_own_runs(tmp_path):
    sweep(tmp_path, *SMALL, "cluster.nodes=8,9", "overwrite=true")
    done = sweep(tmp_path, *SMALL, "cluster.nodes=14", "overwrite=true")
    page = (tmp_path / "here" / "compare.html").read_text()
    assert "How does this design serve?" in page
    for word in ("nodes=9", "overwrite"):
        assert word not in page
        assert word not in done.stdout
    assert "of an earlier sweep in here: run 1" in done.stdout
    done = sweep(tmp_path, *SMALL, "cluster.nodes=-1", "overwrite=true", code=1)
    assert not (tmp_path / "here" / "compare.html").exists()  # the old one told of other runs


def test_what_is_written_where_is_no_part_of_a_design():
    words = ["++queue=sjf", "seed=1", "overwrite=true", "report=false", "hydra.job.chdir=false"]
    assert design_of(words) == {"queue": "sjf"}


SLOW = """
import os, signal, time
from dataclasses import dataclass
from sim.policies.queue import AbstractQueuePolicy

@dataclass(frozen=True)
class Slow(AbstractQueuePolicy):
    slow: bool = False
    refresh_s: float = 0.0

    def key(self, jobs, now_s):
        if self.slow and getattr(now_s, "ndim", 0) == 0 and now_s > 3600:
            open("begun", "w").close()
            time.sleep(0.1)
        return jobs.submit_s
"""


def test_an_interrupt_compares_the_runs_that_are_whole(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    words = (*SMALL, "queue._target_=slow.Slow", "+queue.slow=false,true", "seed=1,2")
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "-m", *words],
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
    assert "here/2: interrupted; so far wait" in said
    assert "run 2: was interrupted; it is left out of the comparison" in fault
    assert "the comparison is of the 2 runs that are whole" in fault
    assert "Traceback" not in fault
    here = tmp_path / "here"
    assert (here / "compare.html").exists()
    assert {p.name for p in here.iterdir()} >= {"0", "1", "2"}
    assert not (here / "3").exists()
    assert not (here / ".running").exists()


def test_a_table_leaves_no_cell_broken():
    columns = [["design", "queue=fifo placement=pack"], ["mean wait", "2 h"], ["seeds", "2"]]
    assert fitted(columns, 80) == [25, 9, 5]
    assert fitted(columns, 45) == [25, 5, 5]  # heads break between their words
    assert fitted(columns, 43) is None
    assert fitted(columns, 43, fold=True) == [24, 4, 5]


def test_a_narrow_terminal_keeps_names_and_numbers_whole(tmp_path):
    command = [sys.executable, "-m", "sim", "-m", *SMALL, "queue=fifo,sjf", "seed=1,2"]
    around = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    for name in ("queue=fifo", "queue=sjf"):
        (line,) = (line for line in lines if name in line)
        assert "…" not in line
    assert "(±" in line
    assert line.rstrip().endswith(")")
    assert max(map(len, lines)) <= 80
    assert "no room here for: makespan" in done.stdout


def test_a_choice_that_is_none_is_told_before_anything_runs(tmp_path):
    done = sweep(tmp_path, *SMALL, "queue=fifo,nope", code=2)
    assert "nope" in done.stderr
    assert "wfp3" in done.stderr
    assert not list(tmp_path.glob("here/*/manifest.json"))


def test_the_callback_can_go_to_another_process():
    assert pickle.loads(pickle.dumps(CompareRuns())).__class__ is CompareRuns


def test_what_is_wrong_with_every_design_is_told_once_and_nothing_runs(tmp_path):
    done = sweep(tmp_path, *SMALL, "queue=fifo,sjf", "output=x", code=1)
    assert done.stderr.count("output: is not known") == 1
    assert "will be left out: every run: output: is not known" in done.stderr
    assert not list((tmp_path / "here").iterdir())


def test_what_is_wrong_with_several_runs_is_told_in_one_line_at_the_end():
    told = together(["0: x: is 1; must be 2", "2: was interrupted", "3: x: is 1; must be 2"])
    assert told == ["0, 3: x: is 1; must be 2", "2: was interrupted"]
