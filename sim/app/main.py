"""The command `rackplan`."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sim.app.asked import asked
from sim.app.guard import guard_hydra
from sim.app.terminal import fault
from sim.errors import RackplanError, ScenarioError
from sim.files import data_dir, write

if TYPE_CHECKING:
    from sim.results import Result

FAULT = "fault.txt"
CLAIM = ".running"
USAGE, INTERRUPTED = 2, 130
PLACES = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.ENOENT,
          errno.EEXIST, errno.ENAMETOOLONG)  # fmt: skip
"""Faults of a folder that cannot be written to."""


def folders() -> list[Path]:
    """Return where a user's own .py files may lie: here, and beside the user's configuration."""
    found = [Path.cwd()]
    for source in HydraConfig.get().runtime.config_sources:
        if source.provider == "command-line":
            found += [Path(source.path), Path(source.path).parent]
    return list(dict.fromkeys(path.resolve() for path in found))


def claimed(folder: Path, chosen: bool, overwrite: bool) -> Path:
    """Return a folder for this run alone.

    One that the user chose must hold no run yet, or be overwritten on purpose; the default one gets
    a suffix where another run was a moment faster.
    """
    if chosen:
        if (folder / "manifest.json").exists() and not overwrite:
            raise RackplanError(
                f"{folder} holds a run already; choose another hydra.run.dir or say overwrite=true"
            )
        return folder
    for suffix in range(1, 1000):
        place = folder if suffix == 1 else folder.with_name(f"{folder.name}-{suffix}")
        place.mkdir(parents=True, exist_ok=True)
        if (place / "manifest.json").exists():
            continue
        try:
            os.close(os.open(place / CLAIM, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return place
    raise RackplanError(f"{folder} and its neighbours are taken; choose a hydra.run.dir")


def command(overrides: list[str]) -> str:
    """Return the command that asks this question again."""
    return " ".join(["rackplan", *(f"'{o}'" if " " in o or "[" in o else o for o in overrides)])


def answer(config: DictConfig) -> tuple[Result, Path]:
    """Run what was asked and write it; faults of the user are raised as RackplanError."""
    from sim.app.build import references, scenario
    from sim.app.terminal import progress
    from sim.study import simulate

    here = HydraConfig.get()
    references(cast("Any", OmegaConf.to_container(config, resolve=False)))
    plain = cast("Any", OmegaConf.to_container(config, resolve=True))
    question = scenario(plain, folders())
    overrides = [o.lstrip("+") for o in here.overrides.task if not o.startswith("~")]
    many = here.mode == RunMode.MULTIRUN
    chosen = many or any(o.startswith("hydra.run.dir=") for o in here.overrides.hydra)
    folder = claimed(Path(here.runtime.output_dir), chosen, bool(plain["overwrite"]))
    try:
        said = {"command": command(overrides), "overrides": overrides, "knobs": plain}
        with progress(question.name or "rackplan") as show:
            result = simulate(question, int(plain["seed"]), show, said)
        result.write(folder, overwrite=bool(plain["overwrite"]))
        (folder / FAULT).unlink(missing_ok=True)
        if plain["report"]:
            from sim.report import write_report

            write_report(result, folder / "report.html")
        if plain["beside"]:
            from sim.report import write_allocation

            write_allocation(result, plain["beside"], folder / "allocation.svg")
    finally:
        (folder / CLAIM).unlink(missing_ok=True)
    return result, folder


def shown(result: Result, folder: Path, many: bool) -> None:
    """Tell how a run ended."""
    from sim.app.terminal import table

    place = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    if many:
        told = result.headline()
        brief = f"wait {told['wait, mean']}, occupancy {told['occupancy']}"
        print(f"  {place}: {brief}", flush=True)
        return
    title = str(result.manifest.get("name") or "rackplan")
    table(f"{title}, seed {result.manifest['seed']}", result.headline())
    for note in result.manifest.get("notes", []):
        print(f"note: {note}")
    if result.rejected is not None and result.rejected.num_rows:
        print(f"{result.rejected.num_rows:,} rows of the trace were set aside: "
              f"{place / 'rejected.parquet'} says why")  # fmt: skip
    figure = place / "allocation.svg"
    if figure.exists():
        print(f"figure: {figure}")
    report = place / "report.html"
    print(f"report: {report}" if report.exists() else f"results: {place}")


def run(config: DictConfig, left_out: Sequence[str] = ()) -> None:
    """Run one job; in a sweep a fault is kept beside the run, so that the others go on.

    `left_out` are faults of the command line that Hydra was not given; told with all others.
    """
    many = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        if left_out:
            raise ScenarioError([*left_out, *faults_of(config)])
        result, folder = answer(config)
    except (RackplanError, OmegaConfBaseException) as error:
        fault(error)
        if not many:
            sys.exit(USAGE)
        write(Path(HydraConfig.get().runtime.output_dir) / FAULT, str(error) + "\n")
        return
    except Exception:
        if not many:
            raise
        write(Path(HydraConfig.get().runtime.output_dir) / FAULT, traceback.format_exc())
        traceback.print_exc()
        return
    shown(result, folder, many)
    if result.manifest["status"] == "interrupted":
        sys.exit(INTERRUPTED)


def faults_of(config: DictConfig) -> list[str]:
    """Return the faults of a configuration, without running it."""
    from sim.app.build import references, scenario

    try:
        references(cast("Any", OmegaConf.to_container(config, resolve=False)))
        scenario(cast("Any", OmegaConf.to_container(config, resolve=True)), folders())
    except ScenarioError as error:
        return error.issues
    except (RackplanError, OmegaConfBaseException) as error:
        return [str(error)]
    return []


def main() -> None:
    """Run the command: 0, or 2 for a fault of the user's, 130 after Ctrl-C, 1 for the rest."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # faults come to us, whole
    guard_hydra()
    words, left_out = asked(sys.argv[1:])
    many = any(word in ("-m", "--multirun") for word in words)
    try:
        if left_out and many:
            raise ScenarioError(left_out)
        sys.argv[1:] = words
        job = partial(run, left_out=tuple(left_out)) if left_out else run
        entry = hydra.main(version_base="1.3", config_path=str(data_dir("conf")),
                           config_name="config")(job)  # fmt: skip
        entry()
    except KeyboardInterrupt:
        print("rackplan: interrupted before there was anything to keep", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (HydraException, OmegaConfBaseException) as error:
        fault(str(error).replace("'++", "'"))  # `asked` put it there
        sys.exit(USAGE)
    except RackplanError as error:
        fault(error)
        sys.exit(USAGE)
    except OSError as error:
        if error.errno not in PLACES:
            raise
        fault(f"{error.filename or 'writing'}: {error.strerror}; choose another hydra.run.dir")
        sys.exit(USAGE)
    from sim.app import sweep

    if sweep.FAILED:
        sys.exit(1)


if __name__ == "__main__":
    main()
