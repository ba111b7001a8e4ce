"""The report of one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim import files
from sim.report import figures
from sim.results.metrics.jobs import SIZES
from sim.units import human_s

if TYPE_CHECKING:
    from sim.results import Result

HERE = Path(__file__).parent
SHOWN_TENANTS = 12


def time_of(value: float | None) -> str:
    """Return a time as one says it; a dash where there is none."""
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


def answer(result: Result) -> str:
    """Return the run in one sentence."""
    found = result.metrics
    wait, jobs = found["wait_s"], found["jobs"]
    what = f"{found['gpus']:,} GPUs on {found['nodes']:,} nodes"
    if wait["mean"] is None:
        return f"On {what} no job started."
    ended = sum(n for name, n in jobs.items() if name not in ("submitted", "waiting", "running",
                                                               "unborn", "unfit"))  # fmt: skip
    done = "all" if ended == jobs["submitted"] else f"{ended:,} of"
    text = f"{what} ended {done} {jobs['submitted']:,} jobs in {time_of(found['span_s'])}"
    if wait["p95"] == 0.0:
        return f"{text}; at least 95 % of them started at once."
    half = "at once" if wait["p50"] < 1.0 else f"within {time_of(wait['p50'])}"
    return f"{text}; half of them started {half}, 95 % within {time_of(wait['p95'])}."


def warnings(result: Result) -> list[str]:
    """Return what a reader must know before the numbers."""
    jobs, told = result.metrics["jobs"], []
    if result.manifest.get("status") == "interrupted":
        told.append("The run was interrupted: these numbers are of the part that was simulated.")
    if jobs.get("unfit"):
        told.append(f"{jobs['unfit']:,} jobs can never fit this cluster and were left out.")
    left = sum(jobs.get(name, 0) for name in ("waiting", "running", "unborn"))
    if left:
        told.append(f"{left:,} jobs had not ended when the run stopped.")
    if result.rejected is not None and result.rejected.num_rows:
        told.append(f"{result.rejected.num_rows:,} rows of the trace were set aside "
                    "(rejected.parquet says why).")  # fmt: skip
    return told


def cards(result: Result) -> list[tuple[str, str, str]]:
    """Return the key numbers: name, value, what it means."""
    found = result.metrics
    queue = found["queue_jobs"]
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


def rows(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a table of classes, each with its share of the longest mean wait."""
    longest = max((row["wait_s"]["mean"] or 0.0 for row in part.values()), default=0.0)
    made = []
    for name, row in part.items():
        mean = row["wait_s"]["mean"] or 0.0
        bar = round(100.0 * mean / longest, 1) if longest > 0.0 else 0.0
        made.append({"name": name, "bar": bar} | row)
    return made


def knobs(config: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return the configuration as flat lines, path and value."""
    if not isinstance(config, dict):
        return [(prefix, str(config))] if prefix else [("scenario", str(config))]
    lines: list[tuple[str, str]] = []
    for key, value in config.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, dict) and value:
            lines += knobs(value, path)
        elif value not in (None, "", {}, []):
            lines.append((path, str(value)))
    return lines


def page(result: Result) -> str:
    """Return the report as one self-contained page of HTML."""
    from sim.results.store import versions

    manifest = dict(result.manifest)
    config = manifest.get("config")
    said = config if isinstance(config, dict) else {"scenario": config}
    tenants = result.metrics["by_tenant"]
    few = dict(list(tenants.items())[:SHOWN_TENANTS])
    template = environment().get_template("report.html.j2")
    text: str = template.render(
        title=manifest.get("name") or "rackplan report",
        question=manifest.get("question") or "How does this cluster carry this workload?",
        answer=answer(result),
        warnings=warnings(result),
        cards=cards(result),
        over_time=figures.over_time(result),
        waits=figures.waits(result, SIZES),
        sizes=rows(result.metrics["by_size"]),
        tenants=rows(few) if set(tenants) != {"(none)"} else [],
        hidden=len(tenants) - len(few),
        found=result.metrics,
        knobs=knobs(said.get("knobs", said)),
        command=said.get("command", ""),
        seed=manifest.get("seed", ""),
        inputs=manifest.get("inputs", {}),
        notes=manifest.get("notes", []),
        versions=manifest.get("versions") or versions(),
    )
    return text


def write_report(result: Result, path: str | Path) -> Path:
    """Write the report and return where it lies."""
    files.write(path, page(result))
    return Path(path)
