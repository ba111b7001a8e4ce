"""`rackplan fabric describe`: what it prints, what it draws, what it refuses."""

import re

import pytest

from sim.app.asked import asked
from sim.app.fabric import main

SUPERPOD = {  # NVIDIA DGX SuperPOD, B200: GPUs: leaves, spines, cores, cables of each tier
    512: (16, 8, 0, 1024),
    1024: (32, 16, 0, 2048),
    2048: (64, 32, 0, 4096),
    4096: (128, 128, 64, 12288),
    8192: (256, 256, 128, 24576),
    16384: (512, 512, 256, 49152),
}


def said(capsys, *words):
    """Return the exit code and what was printed, spaces as one."""
    code = main(["describe", *words])
    shown = capsys.readouterr()
    return code, re.sub(r" +", " ", shown.out), shown.err


@pytest.mark.parametrize("gpus", SUPERPOD)
def test_the_published_counts_are_printed(capsys, gpus):
    code, out, _ = said(capsys, "fabric=rail_h100", f"gpus={gpus}")
    leaves, spines, cores, cables = SUPERPOD[gpus]
    top = f", {cores:,} core" if cores else ""
    assert code == 0
    assert f"{gpus:,} in {gpus // 8:,} nodes" in out
    assert f"{leaves + spines + cores:,}: {leaves:,} leaf, {spines:,} spine{top}" in out
    assert f"cables {cables:,}: {cables:,} fibre" in out
    assert f"{2 * cables:,} 400G" in out
    assert f"bisection {gpus * 50e9 / 2 / 1e12:,.4g} TB/s" in out
    assert "1 to 1 at the bisection" in out
    assert "set switch_W, switch_usd, optic_usd, fibre_usd" in out


def test_prices_that_are_given_are_summed(capsys):
    prices = "switch_usd=36000", "fibre_usd=100", "optic_usd=500", "switch_W=1 kW"
    _, out, _ = said(capsys, "gpus=512", *prices)
    total = 24 * 36_000 + 1024 * 100 + 2048 * 500
    assert f"{total:,} usd, {total / 512:,.0f} a GPU" in out
    assert f"{(24 * 1000 + 2048 * 9) / 1e3:,.1f} kW" in out  # 9 W a transceiver
    assert "not summed" not in out
    _, out, _ = said(capsys, "nodes=64", "fabric=multi_plane")
    assert "set switch_W, optic_W, switch_usd" in out  # 100G: nobody told its watts
    _, out, _ = said(capsys, "nodes=64", "fabric=multi_plane", "switch_W=0", "optic_W=4")
    assert f"{2 * 2 * 64 * 8 * 8 * 4 / 1e3:,.1f} kW" in out  # 2 ends, 2 tiers, 8 GPUs and planes
    _, out, _ = said(capsys, "nodes=64", "gpus_per_node=1", "fabric=torus", "fabric.cube=4")
    assert "grid 4 x 4 x 4" in out
    assert f"circuit ports {6 * 16}, of optical" in out  # 6 faces of 16


def test_a_price_is_a_number_of_at_least_0(capsys):
    code, _, err = said(capsys, "gpus=512", "switch_usd=-5", "optic_W=inf", "fibre_usd=1")
    assert code == 2
    assert err.count("must be a number >= 0") == 2


def test_knobs_change_the_fabric_and_a_tray_has_its_own_gpus(capsys):
    _, out, _ = said(capsys, "gpus=1536", "fabric.oversubscription=3", "fabric.link_Bps=800 Gbps")
    assert "3 to 1" in out
    assert "800G" in out
    _, out, _ = said(capsys, "fabric=rail_gb200", "gpus=576")
    assert "576 in 144 nodes" in out


def test_a_fabric_of_one_s_own_is_described(capsys, tmp_path, monkeypatch):
    (tmp_path / "conf" / "fabric").mkdir(parents=True)
    text = "_target_: topologies.designs.FatTree\nk: 8\nlink_Bps: 100 Gbps\nlatency_s: 1 us\n"
    (tmp_path / "conf" / "fabric" / "ours.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(capsys, "--config-dir", "conf", "fabric=ours", "nodes=128")
    assert code == 0
    assert "80: 32 leaf, 32 spine, 16 core" in out


def test_a_file_is_described_as_it_is_and_its_faults_are_told(capsys, tmp_path):
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("".join(f"{i} leaf{i // 4} 400Gbps\n" for i in range(8))
                    + "leaf0 spine0 800Gbps\nleaf1 spine0 800Gbps\n")  # fmt: skip
    code, out, _ = said(capsys, "fabric=file", f"fabric.path={good}", f"draw={tmp_path}/a.svg",
                        "routing=ecmp", "pattern=all_to_all")  # fmt: skip
    assert code == 0
    assert "64 in 8 nodes" in out
    assert "3: 2 leaf, 1 spine" in out
    assert "bisection 100 GB/s" in out  # 4 nodes of 50 GB/s behind one link of 100
    bad.write_text("0 leaf0 400Gbps\n1 leaf0 0Gbps\n2 leaf1 400Gbps\n")
    code, _, err = said(capsys, "fabric=file", f"fabric.path={bad}")
    assert code == 2
    assert "capacity_Bps is 0.0; must be above 0" in err
    assert "2 vertices cannot reach the others" in err
    assert "add a link" in err
    code, _, err = said(capsys, "fabric=file", f"fabric.path={good}", "nodes=9")
    assert "set nodes to 8" in err
    code, _, err = said(capsys, "fabric=file", "fabric.path=nowhere.graphml")
    assert (code, "fabric.path: is 'nowhere.graphml': No such file" in err) == (2, True)
    code, _, err = said(capsys, "fabric=file")
    assert "fabric.path: is null; must be a file" in err


def test_every_fault_is_told_at_once(capsys):
    code, _, err = said(capsys, "fabric=rail_h10", "gpus=12", "nodez=3", "switch_usd=cheap", "what")
    assert code == 2
    lines = err.splitlines()
    assert len(lines) == 5
    assert "what: is not understood; must be knob=value" in err
    assert "nodez: is not known; did you mean 'nodes'?" in err
    assert "fabric: 'rail_h10' is no fabric; did you mean 'rail_h100'?" in err
    assert "gpus: is 12; must be a multiple of the 8 of a node: 8 or 16" in err
    assert "switch_usd: is 'cheap'; must be" in err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "gpus: is missing; must say how large"),
        (("gpus=0",), "gpus: is '0'; must be a whole number >= 1"),
        (("gpus=800", "fabric=dragonfly_plus"), "such as 64 or 128"),
        (("gpus=512", "fabric.link_Bps=0"), "fabric.link_Bps: is 0; must be above 0"),
        (("gpus=512", "fabric.radix=seven"), "fabric.radix: is 'seven'; must be a whole number"),
        (("gpus=512", "fabric.knob=1"), "fabric.knob: is not known"),
        (("gpus=512", "nodes=65"), "nodes: is 65, of 8 GPUs each, but gpus is 512; must be 64"),
        (("gpus=512", "fabric.tiers=4"), "fabric.tiers: is 4; must be 1, 2 or 3"),
        (("gpus=512", "fabric.routing=luck"), "fabric.routing: is 'luck'; must be one of"),
        (("gpus=512", "fabric.nvlink_gpus=12"), "fabric.nvlink_gpus: is 12; must be a multiple"),
        (("nodes=64", "fabric=torus", "fabric.dimensions=4"), "fabric.dimensions: is 4; must"),
        (("nodes=64", "fabric=hyperx", "fabric.nodes_per_switch=0"),
         "fabric.nodes_per_switch: is 0; must be at least 1"),
        (("nodes=2000000000", "fabric=torus"), "nodes is 2000000000; must be at most 2000000"),
        (("gpus=512", "fabric._target_=os.system"), "may not be named"),
        (("gpus=512", "fabric.radix=${oc.env:HOME}"), "only references such as"),
        (("gpus=512", "fabric=none"), "'none' is no fabric"),
        (("gpus=512", "draw=x.svg", "routing=luck"), "'luck' is no routing; valid are adaptive"),
        (("gpus=512", "draw=x.svg", "routing=ecmp", "routing.pairs=4"), "routing.pairs: is not known"),
        (("gpus=512", "draw=x.svg", "routing=ecmp", "routing.queue_pairs=0"), "must be at least 1"),
        (("gpus=512", "draw=x.svg", "pattern=incast"), "must be one of ring, permutation"),
        (("gpus=64", "draw=x.svg", "routing=spraying", "fabric=torus"), "choose hashed ECMP"),
        (("gpus=512", "draw=x.png"), "draw: is 'x.png'; must be a file that ends in .svg"),
        (("gpus=512", "draw=folder.svg"), "choose another file"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_remedy(capsys, tmp_path, monkeypatch, words, fault):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.svg").mkdir()
    code, _, err = said(capsys, *words)
    assert code == 2
    assert fault in err
    assert "Traceback" not in err
    assert not (tmp_path / "x.svg").exists()


def test_help_shows_how(capsys):
    assert main(["describe", "--help"]) == 0
    assert "rackplan fabric describe fabric=rail_h100 gpus=16384" in capsys.readouterr().out
    assert main(["draw", "fabric=torus"]) == main([]) == 2


@pytest.mark.parametrize("fabric", ["rail_h100", "rail_gb200", "torus", "hyperx", "dragonfly_plus"])
def test_a_drawing_is_the_same_again_and_says_how_flows_fare(capsys, tmp_path, fabric):
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for file in files:
        code, out, _ = said(capsys, f"fabric={fabric}", "nodes=128", f"draw={file}")
        assert code == 0
        found = re.search(r"flows (\S+) times slower than alone on average, (\S+) at most", out)
        assert 1.0 <= float(found[1]) <= float(found[2])
    one, two = (file.read_text() for file in files)
    assert one == two
    assert one.startswith("<svg")
    assert "128 nodes" in one
    assert "Traceback" not in out


def test_a_knob_of_a_fabric_that_nobody_chose_is_that_of_the_plain_one():
    """As in `rackplan -m fabric.oversubscription=1,2,4,8`."""
    words, faults = asked(["-m", "fabric.oversubscription=1,2", "++fabric.spines=2"])
    assert faults == []
    assert words[:2] == ["fabric=leaf_spine", "++fabric.oversubscription=1,2"]
    assert words[-1] == "-m"  # flags behind all knobs
    for words in (
        ["fabric.radix=8"],  # which it has not
        ["fabric=clos", "fabric.oversubscription=2"],
        ["experiment=demo", "fabric.oversubscription=2"],  # which may choose one
        ["--config-name", "ours", "fabric.oversubscription=2"],
        ["queue=sjf"],
    ):
        assert "fabric=leaf_spine" not in asked(words)[0]
