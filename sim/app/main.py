"""The command `rackplan`."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from sim.app import sweep
from sim.app.asked import asked, taken
from sim.app.designs import faults_of, folders_of
from sim.app.guard import guard_hydra
from sim.app.patience import unhurried
from sim.app.sweep import CLAIM, FAULT
from sim.app.terminal import fault, though_closed, unless_closed
from sim.errors import RackplanError, ScenarioError
from sim.files import data_dir, write

if TYPE_CHECKING:
    from sim.results import Result

REPORT, MANIFEST = "report.html", "manifest.json"
ASIDE = "rows set aside:"
BRIEF = {"wait": "wait, mean", "occupancy": "occupancy", "within the SLO": "within the SLO"}
USAGE, INTERRUPTED = 2, 130
UNMERGED = re.compile(r"^Error merging override ([\w.\[\]@]+)=(.*)$")
"""How Hydra says that a list or a number was given where a mapping stands."""
PLACES = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.ENOENT,
          errno.EEXIST, errno.ENAMETOOLONG)  # fmt: skip
"""Faults of a folder that cannot be written to."""


def folders() -> list[Path]:
    """Return where a user's own .py files may lie: here, and beside the user's configuration."""
    return folders_of(HydraConfig.get().runtime.config_sources)


def claimed(folder: Path, chosen: bool, overwrite: bool) -> Path:
    """Return a folder for this run alone.

    One that the user chose must hold no file of a run's name yet, or be overwritten on purpose; the
    default one gets a suffix where another run was a moment faster.
    """
    if chosen:
        there = present(folder)
        if there and not overwrite:
            what = (
                "a run already" if MANIFEST in there else f"{', '.join(there)}, which no run wrote"
            )
            raise RackplanError(
                f"{folder} holds {what}; choose another hydra.run.dir or say overwrite=true"
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


def present(folder: Path) -> list[str]:
    """Return what a run would overwrite there, the user's own files of such names too."""
    from sim.results.store import outputs

    return [name for name in (*outputs(), REPORT) if (folder / name).exists()]


def command(overrides: list[str]) -> str:
    """Return the command that asks this question again."""
    here = HydraConfig.get()
    words = ["rackplan"]
    for source in here.runtime.config_sources:
        if source.provider == "command-line":
            words += ["--config-dir", str(nearby(Path(source.path)))]
    if here.job.config_name not in (None, "config"):
        words += ["--config-name", str(here.job.config_name)]
    return shlex.join([*words, *overrides])


def nearby(path: Path) -> Path:
    """Return a path as seen from the current directory, where it lies within."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def answer(config: DictConfig) -> bool:
    """Run what was asked, write it and tell of it; return whether Ctrl-C came on the way.

    Faults of the user are raised as RackplanError.
    """
    from sim.app.build import question
    from sim.app.terminal import progress
    from sim.study import simulate

    here = HydraConfig.get()
    asks, plain = question(config, folders(), here.overrides.task)
    words = [o.lstrip("+") for o in here.overrides.task if not o.startswith("~")]
    said_after = {o.split("=", 1)[0]: i for i, o in enumerate(words)}
    overrides = [o for i, o in enumerate(words) if said_after[o.split("=", 1)[0]] == i]
    many = here.mode == RunMode.MULTIRUN
    folder = claimed(Path(here.runtime.output_dir), many or chosen(), bool(plain["overwrite"]))
    said = {"command": command(overrides), "overrides": overrides, "knobs": plain}
    try:
        with progress(asks.name or "rackplan") as show:
            result = simulate(asks, int(plain["seed"]), show, said)
        with unhurried(partial(given_up, folder)) as pressed:
            kept(result, folder, plain)
            shown(result, folder, many)
    except MemoryError as error:
        raise RackplanError(
            f"there is not enough memory ({error}); ask for fewer nodes, GPUs or jobs"
        ) from error
    finally:
        (folder / CLAIM).unlink(missing_ok=True)
        if not many and not chosen():
            discarded(folder)
    return bool(pressed) or result.manifest["status"] == "interrupted"


def kept(result: Result, folder: Path, plain: Mapping[str, Any]) -> None:
    """Write a run's files; what an earlier run left there and this one does not write goes."""
    overwrite = bool(plain["overwrite"])
    if overwrite:
        (folder / REPORT).unlink(missing_ok=True)
    result.write(folder, overwrite=overwrite)
    (folder / FAULT).unlink(missing_ok=True)
    if plain["report"]:
        from sim.report import write_report

        write_report(result, folder / REPORT)
    if plain["beside"]:
        from sim.report import write_allocation

        write_allocation(result, plain["beside"], folder / "allocation.svg")


def given_up(folder: Path) -> str:
    """Return what a folder holds whose writing was given up."""
    whole = (folder / MANIFEST).exists()
    held = "a whole run, perhaps without its report" if whole else "no whole run"
    return f"interrupted while writing; {nearby(folder)} holds {held}"


def chosen() -> bool:
    """Return whether the user said where the run is to be written."""
    return any(o.startswith("hydra.run.dir=") for o in HydraConfig.get().overrides.hydra)


def discarded(folder: Path) -> None:
    """Remove a folder that nothing was put in."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def shown(result: Result, folder: Path, many: bool) -> None:
    """Tell how a run ended."""
    from sim.app.terminal import table

    place = nearby(folder)
    if many:
        told = result.headline()
        cut = "interrupted; so far " if result.manifest["status"] == "interrupted" else ""
        if every := told.get("waiting in all, mean"):
            told["wait, mean"] = every
        brief = ", ".join(f"{word} {told[name]}" for word, name in BRIEF.items() if name in told)
        with though_closed():
            print(f"  {place}: {cut}{brief}")
        return
    title = str(result.manifest.get("name") or "rackplan")
    table(f"{title}, seed {result.manifest['seed']}", result.headline())
    for note in result.manifest.get("notes", []):
        if not note.startswith(ASIDE):  # the table says it
            print(f"note: {note}")
    figure = place / "allocation.svg"
    if figure.exists():
        print(f"figure: {figure}")
    report = place / REPORT
    print(f"report: {report}" if report.exists() else f"results: {place}")


@unless_closed()
def run(config: DictConfig, left_out: Sequence[str] = ()) -> None:
    """Run one job; in a sweep a fault is kept beside the run, so that the others go on.

    `left_out` are faults of the command line that Hydra was not given; told with all others.
    """
    many = HydraConfig.get().mode == RunMode.MULTIRUN
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        if left_out:
            said = HydraConfig.get().overrides.task
            raise ScenarioError([*left_out, *faults_of(config, folders(), said)])
        interrupted = answer(config)
    except (RackplanError, OmegaConfBaseException) as error:
        if many:
            write(folder / FAULT, str(error) + "\n")
            with though_closed():
                fault(error)
            return
        fault(error)
        if not chosen():
            discarded(folder)
        sys.exit(USAGE)
    except BrokenPipeError:
        raise  # nobody reads on; the run is whole
    except Exception:
        if not many:
            raise
        write(folder / FAULT, traceback.format_exc())
        with though_closed():
            traceback.print_exc()
        return
    if interrupted and many:
        raise KeyboardInterrupt  # no other run begins
    if interrupted:
        sys.exit(INTERRUPTED)


def without_a_run() -> None:
    """Answer `rackplan fabric` and `rackplan services`, and leave."""
    if sys.argv[1:2] == ["fabric"]:
        from sim.app.fabric import main as fabric

        sys.exit(fabric(sys.argv[2:]))
    if sys.argv[1:2] == ["services"]:
        from sim.app.services import main as services

        sys.exit(services(sys.argv[2:]))


@unless_closed()
def main() -> None:
    """Run the command.

    0, or 2 for a fault of the user's, 130 after Ctrl-C, 141 where nobody reads on, 1 for the rest.
    """
    without_a_run()
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # faults come to us, whole
    guard_hydra()
    words, left_out = asked(sys.argv[1:])
    many = any(word in ("-m", "--multirun") for word in words)
    try:
        if left_out and many:
            raise ScenarioError(left_out)
        for text in taken(sys.argv[1:], words):
            print(text)
        sys.argv[1:] = words
        job = partial(run, left_out=tuple(left_out)) if left_out else run
        entry = hydra.main(version_base="1.3", config_path=str(data_dir("conf")),
                           config_name="config")(job)  # fmt: skip
        entry()
    except KeyboardInterrupt as error:
        fault(sweep.cut_short() or str(error) or "interrupted before there was anything to keep")
        sys.exit(INTERRUPTED)
    except (HydraException, OmegaConfBaseException) as error:
        for text in left_out:
            fault(text)
        text = re.sub(r"(^|[\s'])\+\+", r"\1", str(error))  # `asked` put it there
        fault(UNMERGED.sub(r"\1: is \2; must be of the kind that stands there in conf/, such as a "
                           "mapping of names", text))  # fmt: skip
        sys.exit(USAGE)
    except RackplanError as error:
        fault(error)
        sys.exit(USAGE)
    except OSError as error:
        if error.errno not in PLACES:
            raise
        fault(f"{error.filename or 'writing'}: {error.strerror}; choose another hydra.run.dir")
        sys.exit(USAGE)
    finally:
        sweep.let_go()
    if code := sweep.code():
        sys.exit(code)


if __name__ == "__main__":
    main()
