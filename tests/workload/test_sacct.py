"""sacct: the recorded fixtures, read a second time here in the plainest way."""

from __future__ import annotations

import datetime as dt

import pytest

from sim.errors import TraceError
from sim.rng import Streams
from sim.workload import Trace

FX = ("groundtruth", "slurm", "fx")
HEAD = "JobID|JobName|Submit|Start|End|ElapsedRaw|TimelimitRaw|State|ReqTRES|AllocTRES"


def jobs_of(path, **knobs):
    return Trace(str(path), **knobs).request(Streams(1), 64)


ROW = {
    "id": "1",
    "name": "x",
    "submit": 100,
    "start": 110,
    "end": 170,
    "ran": 60,
    "limit": "2",
    "state": "COMPLETED",
    "req": "cpu=8,gres/gpu=2,mem=4G,node=1",
}


def row(id="1", **fields):
    told = ROW | {"id": id} | fields
    return "|".join(
        str(word) for word in {**told, "alloc": told.get("alloc", told["req"])}.values()
    )


def table(*rows):
    return "\n".join([HEAD, *rows]) + "\n"


def seconds(word):
    return dt.datetime.fromisoformat(word + "+00:00").timestamp() if word[:1] == "2" else None


def plain(path):
    """Return the allocations: the name is all from the third field up to the cluster's name."""
    head, *lines = path.read_text().splitlines()
    names = head.split("|")
    found = []
    for text in lines:
        before, after = text.split("|fx22|", 1)
        fields = [*before.split("|", 2), "fx22", *after.split("|")]
        if "." not in fields[0]:
            found.append(dict(zip(names, fields, strict=False)))
    return found


def test_every_run_of_the_recorded_fixture_is_as_its_row_says(truth):
    path = truth("groundtruth", "slurm", "sacct_parsable2.txt")
    rows = plain(path)
    got = {
        (j["job_id"].split("#")[0], j["submit_s"]): j
        for j in jobs_of(path, shift=False).jobs.to_pylist()
    }
    assert len(got) == len(rows) > 20
    for fields in rows:
        job = got[fields["JobID"], seconds(fields["Submit"])]
        started = seconds(fields["Start"])
        assert job["recorded_start_s"] == started
        assert job["eligible_s"] == seconds(fields["Eligible"])
        assert job["walltime_s"] == 60 * float(fields["TimelimitRaw"])
        assert job["work_s"] == (float(fields["ElapsedRaw"]) if started else job["walltime_s"])
        assert job["job_name"] == fields["JobName"]
        assert (job["tenant"], job["user"]) == (fields["Account"], fields["User"])
        assert job["cancel_s"] == (None if started else seconds(fields["End"]))
        assert job["state"] == (fields["State"].split()[0].lower() if started else None)
        tres = dict(item.split("=") for item in fields["ReqTRES"].split(","))
        assert job["gpus"] == int(tres["gres/gpu"])
        assert job["nodes"] == int(fields["NNodes"])
        assert job["cpus"] == float(fields["NCPUS"])


def test_the_same_jobs_in_every_form_of_the_same_output(truth):
    one = jobs_of(truth(*FX, "sacct_parsable2_all_steps_dup.txt"))
    for name in ("noconvert", "ALL", "X_dup"):
        assert jobs_of(truth(*FX, f"sacct_parsable2_{name}.txt")).jobs.equals(one.jobs), name


def test_without_duplicates_only_the_last_run_is_known(truth):
    dup = {j["job_id"] for j in jobs_of(truth(*FX, "sacct_parsable2_X_dup.txt")).jobs.to_pylist()}
    got = {j["job_id"] for j in jobs_of(truth(*FX, "sacct_parsable2_X_nodup.txt")).jobs.to_pylist()}
    assert got == {name for name in dup if "#" not in name}
    assert dup - got == {"5#2", "20#2"}


@pytest.mark.parametrize(
    ("name", "field"),
    [("sacct_long_p_trailing_delim.txt", "Submit"), ("sacct_parsable2_epoch.txt", "ReqTRES")],
)
def test_a_file_without_an_essential_field_says_which(truth, name, field):
    with pytest.raises(TraceError, match=f"lacks the essential fields {field}"):
        jobs_of(truth(*FX, name))


def test_both_forms_of_time_and_a_trailing_delimiter(trace):
    iso = [
        row(submit="1970-01-01T00:01:40", start="1970-01-01T00:01:50", end="1970-01-01T00:02:50")
    ]
    one, other = trace(table(*iso), shift=False), trace(table(row()), shift=False)
    assert one.jobs.equals(other.jobs)
    trailing = table(row()).replace("\n", "|\n")
    assert trace(trailing, shift=False).jobs.equals(one.jobs)
    assert trace(table(row()).replace("|", "\x1f"), shift=False).jobs.equals(one.jobs)


def test_delimiters_and_line_ends_in_names_go_back_to_them(trace):
    head = "JobID|JobName|State|Submit|Start|End|ElapsedRaw|ReqTRES|SubmitLine|WorkDir"
    rest = "|COMPLETED|1|2|5|3|gres/gpu=1"
    text = f"{head}\n1|a|b||c{rest}|sbatch one\n--wrap 'x | y'|/d\n2|plain{rest}|sbatch|/d\n"
    jobs = trace(text).jobs.to_pylist()
    assert [(j["job_id"], j["job_name"], j["work_s"]) for j in jobs] == [
        ("1", "a|b||c", 3),
        ("2", "plain", 3),
    ]


def test_a_line_of_a_command_that_begins_like_an_id_is_no_record(trace):
    head = "JobID|JobName|State|Submit|Start|End|ElapsedRaw|ReqTRES|SubmitLine|WorkDir"
    rest = "|COMPLETED|1|2|5|3|gres/gpu=1"
    text = f"{head}\n1|a{rest}|sbatch one\n12|34 x|/d\n2|b{rest}|sbatch|/d\n"
    got = trace(text)
    assert got.jobs.column("job_id").to_pylist() == ["1", "2"]
    assert got.rejected is None


def test_a_record_cut_short_takes_none_with_it_that_begins_after(trace):
    head = "JobID|JobName|State|Submit|Start|End|ElapsedRaw|ReqTRES|SubmitLine|WorkDir"
    rest = "|COMPLETED|1|2|5|3|gres/gpu=1"
    text = f"{head}\n1|a|COMPL\n2|b{rest}|sbatch\n-n1|/d\n3|c|FAILED\n"
    got = trace(text, on_error="skip")
    assert got.jobs.column("job_id").to_pylist() == ["2"]
    assert [row["line"] for row in got.rejected.to_pylist()] == [2, 5]


def test_requeued_runs_are_jobs_each_or_one_job(trace):
    text = table(
        row("5", submit=100, start=110, end=150, ran=40, state="PREEMPTED"),
        row("7", submit=120),
        row("5", submit=151, start=300, end=380, ran=80),
    )
    runs = trace(text, shift=False).jobs.to_pylist()
    assert [(j["job_id"], j["submit_s"], j["work_s"]) for j in runs] == [
        ("5", 100, 40),
        ("7", 120, 60),
        ("5#2", 151, 80),
    ]
    last = trace(text, shift=False, requeues="last")
    assert [
        (j["job_id"], j["submit_s"], j["work_s"], j["state"]) for j in last.jobs.to_pylist()
    ] == [
        ("5", 100, 80, "completed"),
        ("7", 120, 60, "completed"),
    ]
    assert any("requeued: 1" in note for note in last.notes)


BARE = "JobID|State|Submit|ElapsedRaw|TimelimitRaw|ReqTRES|End"


@pytest.mark.parametrize(
    ("state", "ran", "end", "work", "outcome", "cancel"),
    [
        ("COMPLETED", "60", "", 60, "completed", None),
        ("COMPLETED", "60", "170", 60, "completed", None),
        ("FAILED", "0", "170", 0, "failed", None),
        ("CANCELLED by 7", "30", "170", 30, "cancelled", None),
        ("CANCELLED by 7", "0", "170", 86400, None, 170),
        ("RUNNING", "60", "Unknown", 86400, None, None),
        ("PENDING", "0", "Unknown", 86400, None, None),
    ],
)
def test_without_a_start_the_time_that_passed_tells_a_run(
    trace, state, ran, end, work, outcome, cancel
):
    text = f"{BARE}\n1|{state}|100|{ran}|1440|gres/gpu=1|{end}\n"
    got = trace(text, shift=False)
    job = got.jobs.to_pylist()[0]
    assert (job["work_s"], job["state"], job["cancel_s"]) == (work, outcome, cancel)
    assert any("no Start" in note for note in got.notes)


def test_the_limit_never_stands_in_for_a_run_that_ended(trace):
    text = table(row("1", ran=""), row("2", ran="", end="Unknown"), row("3"))
    got = trace(text, shift=False)
    assert {j["job_id"]: j["work_s"] for j in got.jobs.to_pylist()} == {"1": 170 - 110, "3": 60}
    assert [(r["line"], r["column"]) for r in got.rejected.to_pylist()] == [(3, "State")]
    assert "elapsed" in got.rejected.to_pylist()[0]["reason"]
    bare = trace(f"{BARE}\n1|COMPLETED|1|3|9|gres/gpu=1|\n2|CANCELLED|1||9|gres/gpu=1|5\n")
    assert bare.jobs.column("job_id").to_pylist() == ["1"]


def test_jobs_cancelled_before_they_ran_wait_and_are_told_of(trace, truth):
    got = jobs_of(truth(*FX, "sacct_parsable2_X_dup.txt"), shift=False)
    for fields in plain(truth(*FX, "sacct_parsable2_X_dup.txt")):
        if fields["JobID"] in ("8", "9"):
            job = next(j for j in got.jobs.to_pylist() if j["job_id"] == fields["JobID"])
            assert (job["cancel_s"], job["work_s"]) == (seconds(fields["End"]), 120)
    assert any("cancelled before they ran: 2; each gives up" in note for note in got.notes)
    text = table(row(), row("2", start="None", end="None", ran=0, state="CANCELLED"))
    assert any("never giving up: 1" in note for note in trace(text).notes)
    assert not any("cancelled" in note for note in trace(table(row())).notes)


def test_notes_count_jobs_not_rows_set_aside(trace):
    live = {"end": "Unknown", "ran": 0, "start": "Unknown", "state": "PENDING"}
    typed = "cpu=8,gres/gpu:x=2,node=1"
    text = table(row(), row("2", state="WEIRD", req=typed), row("3", **live), row("3", **live))
    notes = trace(text, on_error="skip").notes
    assert "jobs that had not ended when the trace was taken: 1" in notes
    assert not any("gpu_types" in note for note in notes)


def test_one_run_told_twice_counts_once_as_it_ended(trace):
    text = table(
        row("5", end="Unknown", ran=20, state="RUNNING"), row("5"), row("5", start="Unknown")
    )
    got = trace(text)
    assert [(j["job_id"], j["work_s"], j["state"]) for j in got.jobs.to_pylist()] == [
        ("5", 60, "completed")
    ]
    assert "rows that tell of a run told elsewhere in the file: 2" in got.notes


def test_pending_arrays_are_taken_apart(trace):
    waiting = {"start": "Unknown", "end": "Unknown", "ran": 0, "state": "PENDING", "alloc": ""}
    got = trace(table(row("3"), row("4_[1-3,9%2]", **waiting), row("8_[0-6:3]", **waiting)))
    ids = {j["job_id"]: j["work_s"] for j in got.jobs.to_pylist()}
    assert ids == {"3": 60} | {f"4_{i}": 120 for i in (1, 2, 3, 9)} | {
        f"8_{i}": 120 for i in (0, 3, 6)
    }
    assert trace(table(row("3"), row("4_[1-3]", **waiting)), unfinished="drop").jobs.num_rows == 1
    cut = table(row("3"), row("4_[1-3,...]", **waiting))
    with pytest.raises(TraceError, match="tasks of the array"):
        trace(cut)


def test_more_tasks_than_fit_are_refused_before_they_are_made(trace, monkeypatch):
    monkeypatch.setattr("sim.workload.traces.slurm_words.MOST_TASKS", 10)
    waiting = {"start": "Unknown", "end": "Unknown", "ran": 0, "state": "PENDING", "alloc": ""}
    rows = [row(f"{i}_[1-9]", **waiting) for i in range(1, 5)]
    assert trace(table(*rows[:3])).jobs.num_rows == 27
    with pytest.raises(TraceError, match="not too many"):
        trace(table(*rows))


@pytest.mark.parametrize("limit", ["UNLIMITED", "Partition_Limit", ""])
def test_without_a_limit_a_job_that_never_ran_is_left_out(trace, limit):
    got = trace(
        table(
            row("1", limit=limit),
            row("2", start="None", ran=0, state="CANCELLED by 7", limit=limit),
        )
    )
    assert got.jobs.column("walltime_s").to_pylist() == [None]
    assert [(r["line"], r["column"]) for r in got.rejected.to_pylist()] == [(3, "State")]


@pytest.mark.parametrize(
    ("req", "alloc", "gpus", "kind"),
    [
        ("gres/gpu:h100=16,node=2,gres/gpu=16", "gres/gpu=16,node=2", 16, "h100"),
        ("gres/gpu:a100=4,gres/gpu:h100=4,node=1", "node=1", 8, None),
        ("cpu=1,node=1", "cpu=1,node=1", 0, None),
        ("cpu=1,node=1", "cpu=1,gres/gpu=3,node=1", 3, None),
        ("", "gres/gpu=2,node=1,mem=62.50G", 2, None),
    ],
)
def test_gpus_are_told_with_or_without_their_type(trace, req, alloc, gpus, kind):
    text = table(row(req=req, alloc=alloc), row("2", req="gres/gpu:x=1", alloc="gres/gpu:x=1"))
    jobs = trace(text, gpu_types="asked").jobs.to_pylist()
    assert (jobs[0]["gpus"], jobs[0]["gpu_types"]) == (gpus, kind)
    free = trace(text, gpu_types="any").jobs.to_pylist()
    assert "gpu_types" not in free[0]
    assert free[0]["recorded_gpu_type"] == kind


def test_an_exclusive_job_holds_what_it_was_given(trace):
    small, whole = "cpu=2,gres/gpu=1,mem=2000M,node=1", "cpu=64,gres/gpu=1,mem=62.50G,node=1"
    jobs = trace(
        table(row("1", req=small, alloc=whole), row("2", req=small, alloc=small))
    ).jobs.to_pylist()
    assert [(j["cpus"], j["mem_bytes"]) for j in jobs] == [(64, 62.5 * 2**30), (2, 2000 * 2**20)]


def test_a_command_may_say_that_a_job_is_exclusive(trace):
    small, whole = "cpu=2,gres/gpu=1,node=1", "cpu=3,gres/gpu=1,node=1"
    text = table(row("1", req=small, alloc=whole), row("2", req=small, alloc=whole))
    lines = text.splitlines()
    lines[0] += "|SubmitLine"
    lines[1] += "|sbatch --exclusive -N1"
    lines[2] += "|sbatch --exclusively-mine"
    assert [j["cpus"] for j in trace("\n".join(lines)).jobs.to_pylist()] == [3, 2]


def test_older_files_name_gpus_and_memory_otherwise(trace):
    head = "JobID|Submit|Start|End|Elapsed|Timelimit|State|NNodes|NCPUS|ReqMem|ReqGRES|JobName"
    rows = [
        "1|10|20|90|00:01:10|1-00:00:00|COMPLETED|2|8|4000Mn|gpu:V100:2(IDX:0-1),hbm:0|a",
        "2|11|20|90|01:10.500|UNLIMITED|OUT_OF_ME+|1|8|1000Mc|gpu:0(IDX:N/A)|b|c|d",
    ]
    jobs = trace("\n".join([head, *rows])).jobs.to_pylist()
    assert [(j["gpus"], j["work_s"], j["walltime_s"], j["mem_bytes"]) for j in jobs] == [
        (2, 70, 86400, 2 * 4000 * 2**20),
        (0, 70.5, None, 8 * 1000 * 2**20),
    ]
    assert [j["state"] for j in jobs] == ["completed", "out_of_memory"]


@pytest.mark.parametrize(
    ("bad", "column"),
    [
        (row("2", submit="yesterday"), "Submit"),
        (row("2", ran="-4"), "ElapsedRaw"),
        (row("2", limit="soon"), "TimelimitRaw"),
        (row("2", state="MELTED"), "State"),
        (row("2", req="cpu=x"), "ReqTRES"),
        (row("2", req="gres/gpu=-2"), "ReqTRES"),
        ("2|too|few", ""),
    ],
)
def test_a_bad_row_is_named(trace, bad, column):
    text = table(row("1"), bad, row("3"))
    with pytest.raises(TraceError) as stop:
        trace(text)
    assert (stop.value.line, stop.value.column) == (3, column)
    kept = trace(text, on_error="skip")
    assert kept.jobs.column("job_id").to_pylist() == ["1", "3"]
    assert [(r["line"], r["column"]) for r in kept.rejected.to_pylist()] == [(3, column)]


def test_the_order_of_rows_does_not_matter(truth, trace):
    text = truth("groundtruth", "slurm", "sacct_parsable2.txt").read_text()
    head, *lines = text.splitlines()
    assert trace("\n".join([head, *lines[::-1]])).jobs.equals(trace(text).jobs)


def test_wishes_of_switches_and_segments_are_read(trace):
    lines = table(*(row(str(i), req="cpu=8,gres/gpu=32,node=4") for i in range(6))).splitlines()
    lines[0] += "|SubmitLine"
    told = ["sbatch --switches=1@00:00:20 -N4", "srun -N 4 --switches 2@5 x", "sbatch --segment=2",
            "sbatch --segment=3", "sbatch --switches=none", "sbatch -N4 run.sh"]  # fmt: skip
    lines[1:] = [f"{line}|{word}" for line, word in zip(lines[1:], told, strict=True)]
    jobs = trace("\n".join(lines) + "\n").jobs
    assert jobs["switches"].to_pylist() == [1, 2, None, None, None, None]
    assert jobs["switches_wait_s"].to_pylist() == [20.0, 300.0, None, None, None, None]
    assert jobs["segment"].to_pylist() == [None, None, 2, None, None, None]  # 3 does not divide 4
    lines[0] += "|SegmentSize"
    lines[1:] = [f"{line}|{n}" for line, n in zip(lines[1:], (0, 4, 1, 2, 0, 0), strict=True)]
    jobs = trace("\n".join(lines) + "\n").jobs
    assert jobs["segment"].to_pylist() == [None, 4, 1, 2, None, None]
