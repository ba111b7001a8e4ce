"""Fields of sacct to the columns of a `job_request`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.workload.raw import I8, Bool, Fault
from sim.workload.traces import slurm_words
from sim.workload.traces.base import Reading, never_ran
from sim.workload.traces.slurm_demand import Demand
from sim.workload.traces.slurm_fields import Text, topology
from sim.workload.traces.text import F8, by_word, nullable, number_of

KEPT = {"job_name": "jobname", "partition": "partition", "qos": "qos", "node_list": "nodelist"}


class Told:
    """What the file says of each row, (n,) each."""

    def __init__(
        self,
        ids: pa.ChunkedArray,
        state: NDArray[np.str_],
        clock: dict[str, F8],
        begun: Bool,
        ran: F8,
        asked: F8,
        wants: Demand,
    ) -> None:
        self.ids, self.state, self.clock = ids, state, clock
        self.ran, self.asked, self.wants = ran, asked, wants
        self.begun = begun
        self.ended = np.isin(state, tuple(slurm_words.ENDED))
        self.gave_up = self.ended & ~begun
        self.done = self.ended & begun & ~np.isnan(ran)

    def progress(self) -> F8:
        """Return a number that grows with what a row tells of one and the same run."""
        told = 4e12 * self.ended + 2e12 * self.begun + 1e12 * ~np.isnan(self.clock["Start"])
        return told + np.nan_to_num(self.ran)

    def without_work(self, reading: Reading) -> list[tuple[Bool, str]]:
        """Return masks of rows whose work nobody knows, and why; a row may be in several.

        The time limit stands in for a run that has not ended, never for one that has.
        """
        why = "left out: it ended, and neither its elapsed time nor its End is told"
        found = [(self.ended & self.begun & np.isnan(self.ran), why)]
        if reading.unfinished == "drop":
            return [*found, (~self.done, "left out: no run ended, and workload.unfinished is drop")]
        why = "left out: no run ended, and no time limit is told"
        return [*found, (~self.done & np.isnan(self.asked), why)]

    def table(self, text: Text, at: I8, reading: Reading) -> pa.Table:
        """Return all rows as jobs with the line of each."""
        words = [
            slurm_words.ENDED[state] if ok else None
            for state, ok in zip(self.state.tolist(), self.done.tolist(), strict=True)
        ]
        wants = self.wants
        columns = {
            "line": at,
            "job_id": self.ids,
            "submit_s": self.clock["Submit"],
            "gpus": wants.gpus,
            "work_s": np.where(self.done, self.ran, self.asked),
            "walltime_s": nullable(self.asked),
            "nodes": nullable(wants.nodes),
            "gpus_per_node": nullable(wants.each),
            "cpus": nullable(wants.cpus),
            "mem_bytes": nullable(wants.mem_bytes),
            "state": pa.array(words, pa.string()),
            "eligible_s": nullable(self.clock["Eligible"]),
            "cancel_s": nullable(np.where(self.gave_up, self.clock["End"], np.nan)),
            "recorded_start_s": nullable(self.clock["Start"]),
            "recorded_end_s": nullable(np.where(self.ended, self.clock["End"], np.nan)),
        }
        for ours, theirs in (("tenant", "account"), ("user", "user"), *KEPT.items()):
            if theirs in text:
                columns[ours] = text[theirs]
        for name, values in topology(text, self.wants.nodes).items():
            columns[name] = nullable(values)
        if "priority" in text:
            columns["priority"] = nullable(by_word(text["priority"], number_of)[0])
        if any(wants.types.to_pylist()):
            asked = reading.gpu_types == "asked"
            columns["gpu_types" if asked else "recorded_gpu_type"] = wants.types
        return pa.table(columns)

    def notes(self, rows: I8, reading: Reading) -> list[str]:
        """Return what a reader should know of those rows, which become jobs."""
        notes = []
        kinds = sorted({k for k in self.wants.types.take(pa.array(rows)).to_pylist() if k})
        if kinds and reading.gpu_types != "asked":
            shown = ", ".join(kinds)
            notes.append(f"jobs may run on any GPU; the trace names {shown} (gpu_types=asked)")
        if live := int(np.count_nonzero(~self.ended[rows])):
            notes.append(f"jobs that had not ended when the trace was taken: {live}")
        waited = rows[self.gave_up[rows]]
        return notes + never_ran(len(waited), int(np.isnan(self.clock["End"][waited]).sum()))


def arrays(table: pa.Table, faults: list[Fault]) -> tuple[pa.Table, list[str]]:
    """Return the table with each pending array as its tasks, and a note if there was one."""
    ids = table.column("job_id")
    pending = np.flatnonzero(
        np.asarray(pc.match_substring(ids, "[").combine_chunks().to_numpy(zero_copy_only=False))
    )
    if not len(pending):
        return table, []
    names, repeat = ids.to_pylist(), np.ones(len(ids), np.int64)
    out: list[list[str]] = [[name] for name in names]
    left = 3 * slurm_words.MOST_TASKS
    for row in pending.tolist():
        try:
            out[row] = slurm_words.tasks(names[row], left) or [names[row]]
            left -= len(out[row])
        except ValueError:
            out[row] = []
            line = int(table.column("line")[row].as_py())
            must = (
                "must list the tasks of the array, not too many, as 7_[1-3,9%2]; ask sacct --array"
            )
            faults.append(Fault(line, "JobID", names[row], must))
        repeat[row] = len(out[row])
    table = table.take(pa.array(np.repeat(np.arange(len(ids)), repeat)))
    flat = pa.array([name for names in out for name in names], pa.string())
    at = table.column_names.index("job_id")
    told = (
        f"pending arrays taken apart into tasks: {len(pending)} into {int(repeat[pending].sum())}"
    )
    return table.set_column(at, "job_id", flat), [told]
