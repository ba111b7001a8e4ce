"""The report of one run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import files, table
from sim.report import evicted, figures, fleet, links, quotas, serving, why
from sim.results.metrics.jobs import SIZES
from sim.units import human_s

if TYPE_CHECKING:
    from sim.results import Result

HERE = Path(__file__).parent
SHOWN_TENANTS = 12
WIDTHS = (figures.WIDE, figures.NARROW)
LONG = 600
LEFT = {"waiting": "waiting", "running": "running", "unborn": "not yet eligible"}
OPEN = {"submitted", "unfit", *LEFT}
FINE = {"completed", *OPEN}


def time_of(value: float | None) -> str:
    """Return a time as one says it, from two years on in years; a dash where there is none."""
    if value is not None and 2.0 * figures.YEAR_S <= value < float("inf"):
        return f"{value / figures.YEAR_S:,.1f} years"
    return "–" if value is None else human_s(float(value))


def share_of(value: float | None) -> str:
    """Return a share in per cent; a dash where there is none."""
    return "–" if value is None else f"{100.0 * float(value):.1f} %"


def environment() -> Any:
    """Return jinja's environment of this room: everything is escaped unless said otherwise."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(time=time_of, share=share_of)
    return made


def count(number: int, thing: str) -> str:
    """Return a number of things: 1 job, 2,000 jobs."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def held(text: str) -> str:
    """Return a text that breaks no line within a quantity, such as `2 h 3 min`."""
    return re.sub(
        r"(?<=\d) (?=\S)|(?<=\d [dh]) (?=\d)|(?<=\d min) (?=\d)", "\N{NO-BREAK SPACE}", text
    )


def ended_of(result: Result) -> int:
    """Return how many jobs started and came to an end; one given up while it waited did not."""
    started, end = (~np.isnan(table.to_numpy(result.jobs, n)) for n in ("start_s", "end_s"))
    return int((started & end).sum())


def answer(result: Result) -> str:
    """Return the run in one sentence."""
    found = result.metrics
    wait, jobs = found["wait_s"], found["jobs"]
    if not jobs["submitted"] and "serving" in found:
        return serving.sentence(result)
    what = f"{count(found['gpus'], 'GPU')} on {count(found['nodes'], 'node')}"
    ended = ended_of(result)
    if not ended:
        return held(f"{what} ended none of {count(jobs['submitted'], 'job')}.")
    done = "all" if ended == jobs["submitted"] else f"{ended:,} of"
    text = f"{what} ended {done} {count(jobs['submitted'], 'job')} in {time_of(found['span_s'])}"
    if ended == jobs["submitted"] == 1:
        text = text.replace("ended all 1 job", "ended the one job")
    if found["occupancy"] is not None:
        text += f", {share_of(found['occupancy'])} occupied"
    if wait["p95"] is None:
        return held(f"{text}.")
    if wait["mean"] == 0.0:
        return held(f"{text}; no job waited.")
    if wait["p99"] <= figures.AT_ONCE_S:
        return held(f"{text}; hardly a job waited.")
    half, most = ("at once" if v <= figures.AT_ONCE_S else f"within {time_of(v)}"
                  for v in (wait["p50"], wait["p95"]))  # fmt: skip
    if half == most:
        return held(f"{text}; 95 % of those that started did so {most}.")
    return held(f"{text}; half of the jobs started {half}, 95 % {most}.")


def fates(jobs: Mapping[str, int]) -> str:
    """Return how the jobs of a run stand at its end."""
    told = [f"{jobs[n]:,} {LEFT.get(n, n.replace('_', ' '))}" for n in jobs if n != "submitted"]
    return f"{jobs['submitted']:,}: {', '.join(told)}" if told else "none"


def warnings(result: Result) -> list[str]:
    """Return what a reader must know before the numbers."""
    jobs, told = result.metrics["jobs"], []
    if result.manifest.get("status") == "interrupted":
        told.append("The run was interrupted: these numbers are of the part that was simulated.")
    if jobs.get("unfit"):
        told.append(f"{count(jobs['unfit'], 'job')} can never fit this cluster: reported here, "
                    "not waited for, in no wait below.")  # fmt: skip
    left = [f"{jobs[n]:,} {word}" for n, word in LEFT.items() if jobs.get(n)]
    if left:
        told.append(f"When the run stopped, jobs were left: {', '.join(left)}. Waits are of those "
                    "that started, so they flatter.")  # fmt: skip
    other = [f"{jobs[n]:,} {n.replace('_', ' ')}" for n in jobs if n not in FINE and jobs[n]]
    if other:
        told.append(f"Not all jobs completed: {', '.join(other)}.")
    if result.rejected is not None and result.rejected.num_rows:
        told.append(f"{count(result.rejected.num_rows, 'row')} of the trace set aside "
                    "(rejected.parquet says why).")  # fmt: skip
    return told


def cards(result: Result) -> list[tuple[str, str, str]]:
    """Return the key numbers: name, value, what it means."""
    found = result.metrics
    queue = found["queue_jobs"]
    if not found["jobs"]["submitted"] and "serving" in found:
        return []
    return [
        ("Occupancy", share_of(found["occupancy"]), "of GPU time was held by jobs"),
        (
            "Mean wait",
            time_of(found["wait_s"]["mean"]),
            f"median {time_of(found['wait_s']['p50'])}",
        ),
        ("Wait, 95 %", time_of(found["wait_s"]["p95"]), f"99 % {time_of(found['wait_s']['p99'])}"),
        ("Completion", time_of(found["jct_s"]["mean"]), "mean, from submission to end"),
        ("Queue", f"{queue['mean']:,.1f}", f"jobs on average, {queue['max']:,} at most"),
    ]


def rows(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a table of classes; bars are shares of the greatest, in per cent."""
    waits = {name: row["wait_s"]["mean"] or 0.0 for name, row in part.items()}
    longest = max(waits.values(), default=0.0) or 1.0
    gpu_s = sum(row.get("gpu_s", 0.0) for row in part.values()) or 1.0
    return [
        {"name": name, "bar": round(100.0 * waits[name] / longest, 1)}
        | {"gpu_share": row.get("gpu_s", 0.0) / gpu_s}
        | dict(row)
        for name, row in part.items()
    ]


def knobs(config: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return the configuration as flat lines, path and value; long values are cut."""
    if isinstance(config, Mapping) and config:
        parts = [(f"{prefix}.{key}" if prefix else str(key), v) for key, v in config.items()]
    elif isinstance(config, list | tuple) and any(isinstance(v, Mapping) for v in config):
        parts = [(f"{prefix}[{i}]", value) for i, value in enumerate(config[:LONG])]
    elif config in (None, "", {}, []):
        return []
    else:
        text = str(config)
        return [(prefix, text if len(text) <= LONG else text[: LONG - 1] + "…")]
    return [line for path, value in parts for line in knobs(value, path)]


def chosen(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the lines with classes said by their own name: `queue`, `Fifo`."""
    return [
        (path.removesuffix("._target_"), text.rsplit(".", 1)[-1])
        if path.endswith("._target_") and text.startswith("sim.")
        else (path, text)
        for path, text in lines
        if path not in ("name", "question")  # they stand on top
    ]


def page(result: Result) -> str:
    """Return the report as one self-contained page of HTML."""
    from sim.results.store import versions

    manifest = dict(result.manifest)
    config = manifest.get("config")
    said = config if isinstance(config, Mapping) else {"scenario": config}
    tenants = rows(result.metrics["by_tenant"])
    few = tenants[:SHOWN_TENANTS]
    template = environment().get_template("report.html.j2")
    text: str = template.render(
        title=manifest.get("name") or "rackplan report",
        question=manifest.get("question") or "How does this cluster carry this workload?",
        answer=answer(result),
        jobs=result.metrics["jobs"]["submitted"] > 0 or "serving" not in result.metrics,
        served=serving.sections(result, WIDTHS),
        warnings=[held(text) for text in warnings(result)],
        cards=[*serving.cards(result), *cards(result)],
        ended=fates(result.metrics["jobs"]),
        over_time=[figures.over_time(result, width) for width in WIDTHS],
        nodes=[fleet.over_time(result, width) for width in WIDTHS],
        came_and_went=[held(text) for text in fleet.told(result.metrics)],
        links=[links.over_time(result, width) for width in WIDTHS],
        fabric=[links.drawn(result, width) for width in WIDTHS],
        waits=[figures.waits(result, SIZES, width) for width in WIDTHS],
        why=held(why.told(result)),
        causes=[why.by_cause(result, width) for width in WIDTHS],
        fared=[why.by_tenant(result, width) for width in WIDTHS],
        queued=bool(table.to_numpy(result.timeline, "waiting_jobs").any()),
        started=result.metrics["wait_s"]["mean"] is not None,
        sizes=rows(result.metrics["by_size"]),
        tenants=few if [row["name"] for row in few] != ["(none)"] else [],
        hidden=len(tenants) - len(few),
        gave_way=held(evicted.told(result.metrics)),
        borrowed=held(evicted.borrowed(result.metrics)),
        sent_back=[
            (what, evicted.lines(result.metrics[of]))
            for what, of in (("GPUs", "by_size"), ("tenant", "by_tenant"))
            if result.metrics["restarts"] and (what == "GPUs" or len(result.metrics[of]) > 1)
        ],
        queues=quotas.lines(result.metrics),
        against=evicted.matrix(result.metrics),
        found=result.metrics,
        knobs=chosen(knobs(said.get("knobs", said))),
        command=said.get("command", ""),
        seed=manifest.get("seed", ""),
        warmup_s=float(manifest.get("warmup_s") or 0.0),
        inputs=manifest.get("inputs", {}),
        notes=manifest.get("notes", []),
        versions=manifest.get("versions") or versions(),
    )
    return text


def write_report(result: Result, path: str | Path) -> Path:
    """Write the report and return where it lies."""
    files.write(path, page(result))
    return Path(path)
