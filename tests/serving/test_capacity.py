"""Capacity search: the least that meets, the busiest window, the command and its faults."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from experiments.capacity.__main__ import TITLES, cases, cell, found
from sim.app.build import Builder
from sim.app.capacity import SCREENED
from sim.app.services import itself, main
from sim.app.terminal import counted
from sim.engine.ranked import Ranked
from sim.engine.serving import columns
from sim.files import data_dir
from sim.rng import Streams
from sim.study.capacity import (
    MOST,
    attained,
    busiest,
    chosen,
    fitting,
    is_row,
    least,
    search,
    targets,
    window,
)
from sim.study.services import spec_of
from sim.workload.requests.base import Requests
from sim.workload.services import ByPriority, FirstCome, LlmService, ModelReplica


def asked(n=400, rate=2.0):
    draws = np.random.default_rng(3)
    at_s = np.cumsum(draws.exponential(1.0 / rate, n))
    prompt, output = draws.integers(50, 1500, n), draws.integers(2, 200, n)
    return Requests(at_s, prompt, output, np.zeros(n, np.int64))


def serving(**knobs):
    return LlmService(replica=ModelReplica(), **knobs).listed()[0][0]


def test_the_least_is_found_from_any_guess_in_few_looks():
    for answer in (1, 2, 3, 17, 100, MOST):
        for guess in (1, 2, 16, 90, 3000, MOST):
            looked = []

            def meets(n, answer=answer, looked=looked):
                looked.append(n)
                return n >= answer

            assert least(meets, guess) == answer
            assert len(looked) <= 2 * np.log2(MOST) + 4  # doubling there, halving back
            assert 1 <= min(looked) <= max(looked) <= MOST
    assert least(lambda n: False, 5) is None


def test_the_busiest_window_has_most_requests():
    given = asked()
    at_s, prompt, output = busiest(given, 20.0)
    counts = [
        ((given.arrival_s >= t) & (given.arrival_s < t + 20.0)).sum() for t in given.arrival_s
    ]
    assert len(at_s) == max(counts) == len(prompt) == len(output)
    assert at_s[0] == 0.0
    assert at_s[-1] < 20.0
    assert len(busiest(given, 1e9)[0]) == len(given.arrival_s)


def test_what_is_found_meets_and_one_less_does_not():
    of, given = serving(slo_tpot_s=0.04), asked(rate=12.0)
    keys = fitting("llama-3.1-70b")[:3]
    draw = np.random.default_rng(1).integers(0, 2**62, len(given.arrival_s))
    window = busiest(given, 3600.0)
    for one in search(of, given, keys, 0.95):
        there = chosen(of, one.key)
        assert one.gpus == one.replicas * one.key[2]
        assert attained(there, one.replicas, *window, draw) == one.attained >= 0.95
        if one.replicas > 1:
            assert attained(there, one.replicas - 1, *window, draw) < 0.95


def test_a_service_that_is_no_row_of_the_table_is_asked_as_it_is():
    """Steps that bend, KV memory of one's own: exactly what its own kernel attains."""
    of, given = serving(), asked(rate=12.0)
    assert is_row(of)
    slow = (0.05, 1e-4, 1e-7), (0.05, 1e-4, 0.0, 1e-4, 1e-7)
    own = of._replace(gpus=2, decode_s=slow[0], mixed_s=slow[1], slo_tpot_s=0.08,
                      tile_tokens=16, decode_more_s=(0.0, 0.01), mixed_more_s=(0.0, 0.01))  # fmt: skip
    for other in (own, of._replace(kv_tokens=of.kv_tokens - 1), of._replace(decode_more_s=(0.1,))):
        assert not is_row(other)
    (one,) = search(own, given, [None], 0.9)
    draw = np.random.default_rng(1).integers(0, 2**62, len(given.arrival_s))
    found = attained(own, one.replicas, *busiest(given, 3600.0), draw)
    assert (one.key, one.gpus, one.attained) == (None, 2 * one.replicas, found)
    straight = own._replace(decode_more_s=(), mixed_more_s=())
    assert attained(straight, one.replicas, *busiest(given, 3600.0), draw) > found


def test_a_step_above_the_slo_is_no_choice():
    (one,) = search(serving(slo_tpot_s=0.02), asked(), [("a100", "llama-3.1-70b", 4, 16, "vllm")])
    assert one.mean == np.inf
    assert one.replicas is None
    assert one.gpus is None


SMALL = ("experiment=serving", "services.requests.duration_s=5 min", "model=llama_8b")


def test_the_command_prints_a_row_a_choice_and_draws(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    price = "services.gpu_h_usd={h100: 2.5}"
    assert main(["search", *SMALL, "draw=here.svg", price]) == 0
    out = re.sub(r" +", " ", capsys.readouterr().out)
    for gpu in ("a100", "h100", "h200"):
        assert f"llama-3.1-8b, 1 {gpu}, 16 bit, vllm" in out
    assert "70b" not in out
    assert "of the exact kernel's" in out
    text = (tmp_path / "here.svg").read_text()
    assert text.startswith("<svg xmlns=")
    assert "llama-3.1-8b, 1 h100" in text
    assert main(["screen", *SMALL]) == 0
    assert "by the mean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("model=llama_9b", "model: 'llama_9b' has no step times; did you mean 'llama_8b'?"),
        ("share_frac=2", "share_frac: is 2; must be above 0, below 1"),
        ("window_s=0", "window_s: is 0; must be above 0"),
        ("draw=a.png", "draw: is 'a.png'; must be a file that ends in .svg"),
        ("services.min_replicas=99", "services.min_replicas: is 99"),
        ("services=lllm", "services: 'lllm' is no choice"),
        ("modle=llama_8b", "modle: is not known; did you mean 'model'? valid are autoscaler, ba"),
        ("share_fraq=1", "share_fraq: is not known; did you mean 'share_frac'?"),
        ("-m", "-m: is no flag of this command; it has --config-dir alone"),
    ],
)
def test_faults_of_the_command_are_told(capsys, word, told):
    assert main(["screen", "experiment=serving", word]) == 2
    assert told in capsys.readouterr().err


def test_all_its_faults_are_told_at_once(capsys):
    words = ("share_frac=101%", "window_s=-1h", "model=gpt5", "draw=x.bmp", "modle=llama",
             "services.min_replicas=99", "queue=sfj")  # fmt: skip
    assert main(["search", "experiment=serving", *words]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == len(words)
    for name in ("share_frac: is 1.01", "window_s: is -3600", "model: 'gpt5'", "draw: is 'x.bmp'",
                 "modle: is not", "services.min_replicas: is 99", "queue: 'sfj'"):  # fmt: skip
        assert any(line.startswith(f"rackplan: {name}") for line in err), name


def test_a_verb_that_there_is_not_is_told(capsys):
    assert main(["serach"]) == 2
    shown = capsys.readouterr()
    assert "'serach' is no verb of this command; did you mean 'search'?" in shown.err
    assert shown.out == ""
    assert main(["experiment=serving"]) == 2
    assert "valid are screen, search" in capsys.readouterr().err
    assert main([]) == 2
    assert main(["--help"]) == 0


def test_services_of_ones_own_are_found_by_their_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "mine" / "services").mkdir(parents=True)
    shipped = (data_dir("conf") / "services" / "llm.yaml").read_text()
    own = shipped.replace("name: llm\n", "name: chat\n")
    (tmp_path / "mine" / "services" / "chat.yaml").write_text(own)
    words = ("services=chat", "services.requests.duration_s=5 min", "model=llama_8b")
    for flag in (("--config-dir", "mine"), ("--config-dir=mine",), ("-cd", "mine")):
        assert main(["screen", *flag, *words]) == 0
        assert "chat: TTFT 2 s" in capsys.readouterr().out
    assert main(["screen", "--config-dir", "none", *words[1:]]) == 2
    assert "--config-dir: none is no folder" in capsys.readouterr().err


def test_somebody_who_looks_on_sees_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr("sim.app.terminal.lively", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    assert list(counted("llm", iter("abc"), 3, "choices")) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().err


def test_a_replica_of_ones_own_has_a_row(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["screen", *SMALL]) == 0
    assert "as configured" not in capsys.readouterr().out
    bent = (*SMALL, "services.replica.step_time=bent")
    of_it = ("services.replica.model=llama_8b", "services.replica.gpus=1")
    assert main(["screen", *bent, *of_it]) == 0
    out = capsys.readouterr().out
    assert "as configured" in out
    assert "leave out what tiles of tokens add" in out
    assert main(["screen", *bent]) == 0  # it is of another model than the one asked for
    assert "as configured" not in capsys.readouterr().out


def test_who_does_not_say_of_which_model_it_is_is_a_choice_of_any():
    own = serving()._replace(decode_s=(0.05, 1e-4, 1e-7))
    told = [itself((own._replace(model=model),), "llama-3.1-8b")
            for model in (None, "llama-3.1-8b", "llama-3.1-70b")]  # fmt: skip
    assert told == [True, True, False]
    assert itself((own,), None)
    assert not itself((serving(),), None)


def test_without_a_service_there_is_nothing_to_search(capsys):
    assert main(["screen"]) == 2
    assert "services: there is none" in capsys.readouterr().err


def test_what_a_million_tokens_costs_follows_what_an_hour_does(capsys, monkeypatch):
    """By the output tokens of the requests themselves, written down here again."""
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["search", *SMALL, "services.gpu_h_usd={h100: 2.5, a100: 1.5}"]) == 0
    table = [
        re.split(r"  +", line.strip())
        for line in capsys.readouterr().out.splitlines()
        if "bit, vllm" in line or "usd" in line
    ]
    (head, *rows), usd = table, {"h100": 2.5, "a100": 1.5}
    asks = conf_requests()
    tokens_h = 3600.0 * asks.output.sum() / (asks.arrival_s[-1] - asks.arrival_s[0])
    assert len(rows) == 3
    for row in rows:
        got = dict(zip(head, row, strict=True))
        price = next((usd[kind] for kind in usd if kind in got["choice"]), None)
        want = ["–", "–"]
        if price is not None:
            an_hour = int(got["GPUs"]) * price
            want = [f"{an_hour:,.2f}", f"{an_hour / tokens_h * 1e6:,.2f}"]
        assert [got["usd an hour"], got["usd a million tokens"]] == want


def conf_requests():
    """Return what SMALL asks."""
    config = compose_small()
    built = Builder([]).build(config["services"]["requests"], "services.requests", [object])
    return built.requests(Streams(1), "llm")


def compose_small():
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(SMALL[:2])), resolve=True)


PAGE = Path(__file__).resolve().parents[2] / "docs" / "capacity.md"
CELL = re.compile(r"(\d+) \((\d+), (\d+)\)")


def off_by(cells, i):
    """Return the least and the most of how far a closed form is from the exact, in whole %."""
    off = [100 * (int(one[i]) / int(one[0]) - 1) for one in cells]
    return round(min(off)), round(max(off))


def test_the_error_that_the_screening_states_is_that_of_the_page():
    lines = PAGE.read_text().splitlines()
    cells = [CELL.findall(line) for line in lines if line.startswith("| llama")]
    assert len(cells) == 5 * len(fitting())
    day = [one for row in cells[: len(fitting())] for one in row]
    rest = [one for row in cells[len(fitting()) :] for one in row]
    by_mean, by_root = SCREENED
    told = [[int(n) for n in re.findall(r"(\d+) %| (\d+) to", text) for n in n if n]
            for text in SCREENED]  # fmt: skip
    for i, numbers in enumerate(told, 1):
        want = [abs(n) for some in (day, rest) for n in off_by(some, i)]
        assert sorted(numbers) == sorted(want), SCREENED[i - 1]
    assert "fewer" in by_mean
    assert "more" in by_root
    assert f"{len(day) + len(rest)} cells" in search.__doc__


@pytest.mark.parametrize("table", ["cv 4", "SLO"])
def test_the_page_holds_what_is_found_today(table):
    """A choice of hardware of the cheapest column of a table is searched again."""
    of, asks = next((of, asks) for name, _, of, asks in cases() if name == table)
    lines = PAGE.read_text().splitlines()
    at = next(
        i for i, line in enumerate(lines) if line.startswith(f"| {TITLES.get(table, table)} ")
    )
    keys = fitting()
    for i in (3, 6):
        (one,) = found(of, asks, [keys[i]])
        assert lines[at + 2 + i].split("|")[2].strip() == cell(one)


def test_a_class_with_an_slo_of_its_own_is_held_to_it():
    """Half the requests may take their time: where half must have it, one replica is enough."""
    given = asked(800, rate=60.0)
    given = replace(given, klass=np.arange(800) % 2, classes=("batch", "chat"))
    loose = {"batch": {"slo_ttft_s": 1e3, "slo_tpot_s": 10.0}}
    own, plain = serving(slo_by_class=loose, slo_tpot_s=0.02), serving(slo_tpot_s=0.02)
    keys = [("h100", "llama-3.1-70b", 4, 16, "vllm")]
    one, other = (next(iter(search(of, given, keys, 0.49))) for of in (own, plain))
    assert one.replicas == 1 < other.replicas
    rows = window(given, 3600.0)
    assert targets(own, given, rows)[:, :2].tolist() == [[1e3, 2.0], [10.0, 0.02]]


@pytest.mark.rare
def test_a_class_that_goes_first_needs_fewer_replicas():
    """Half the requests may take their time, and do where the others go first."""
    given = asked(800, rate=60.0)
    given = replace(given, klass=np.arange(800) % 2, classes=("batch", "chat"))
    loose = {"batch": {"slo_ttft_s": 60.0, "slo_tpot_s": 9.0}}
    knobs = {"slo_by_class": loose, "slo_ttft_s": 0.3}
    tight = ModelReplica(batch=8)
    as_they_come, ranked = (
        LlmService(replica=tight, order=order, **knobs).listed()[0][0]
        for order in (FirstCome(), ByPriority({"batch": 1}))
    )
    keys = [("h100", "llama-3.1-70b", 4, 16, "vllm")]
    plain, found = (next(iter(search(of, given, keys, 0.95))) for of in (as_they_come, ranked))
    assert 1 < found.replicas < plain.replicas
    run = Ranked(
        spec_of(chosen(ranked, keys[0]), found.replicas), given.arrival_s - given.arrival_s[0],
        given.prompt, given.output, [], 1 - given.klass,
    )  # fmt: skip
    run.accepts[:] = 1
    run.advance()
    got, slo = columns(run.service.q, given.output), targets(ranked, given, slice(None))
    good = ((got["ttft_s"] <= slo[0]) & (got["tpot_s"] <= slo[1]))[80:720]
    assert good.mean() == found.attained >= 0.95
