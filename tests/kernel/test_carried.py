"""What links carry in bins of time: bins that widen keep all bytes; links hear of all that is sent."""

from types import SimpleNamespace

import numpy as np
import pytest

from sim.kernel import carried


@pytest.fixture(autouse=True)
def plainly(monkeypatch):
    """Run verbs and whom they call uncompiled, on tables made by hand."""
    for name in ("crossing", "widen", "put", "count", "put_rest"):
        function = getattr(carried, name)
        monkeypatch.setattr(carried, name, getattr(function, "py_func", function))


def links(bins, many=3, seed=0):
    """Return a fabric of links that carry nothing yet, its bins as full as chance has it."""
    sent = np.random.default_rng(seed).random((bins, many))
    return SimpleNamespace(
        fabric=SimpleNamespace(sent_bytes=sent, bin_s=np.array([60.0]), newest=np.full(many, -1))
    )


def senders(s, lines):
    """Let senders use links, so much of each: a list of {link: use_Bps}."""
    f, n = s.fabric, len(lines)
    for name in ("counted_s", "unput_s", "sends", "part", "share"):
        setattr(f, name, np.zeros(n))
    f.first = np.full(n, -1)
    f.job, f.link, f.use_Bps, f.next, f.older = [], [], [], [], []
    for sender, line in enumerate(lines):
        for link, use_Bps in line.items():
            e = len(f.link)
            f.job.append(sender)
            f.link.append(link)
            f.use_Bps.append(use_Bps)
            f.next.append(f.first[sender])
            f.older.append(f.newest[link])
            f.first[sender] = f.newest[link] = e


@pytest.mark.parametrize("bins", [1, 2, 7, 64])
def test_a_wider_bin_holds_what_its_two_halves_held(bins):
    s = links(bins)
    before = np.concatenate([s.fabric.sent_bytes, np.zeros((3 * bins, 3))])
    carried.widen(s)
    assert s.fabric.bin_s[0] == 120.0
    assert np.array_equal(s.fabric.sent_bytes, (before[0::2] + before[1::2])[:bins])


@pytest.mark.parametrize("seed", range(20))
def test_each_link_has_in_each_bin_what_its_senders_sent_then(seed):
    draw = np.random.default_rng(seed)
    s, lines = links(4), [{0: 8.0, 2: 2.0}, {0: 1.0, 1: 4.0}]
    f = s.fabric
    f.sent_bytes[:] = 0.0
    senders(s, lines)
    times = np.sort(draw.choice([draw.uniform(0, 900), 60.0, 120.0, 240.0, 333.0], 30))
    told = [[(0.0, 0.0)], [(0.0, 0.0)]]  # what each sends, of its full speed, and since when
    for at_s in times:
        who = int(draw.integers(2))
        f.part[who], f.share[who] = draw.choice([0.0, 0.25, 1.0]), draw.choice([0.5, 1.0])
        carried.count(s, who, at_s)
        told[who].append((at_s, f.part[who] * f.share[who]))
        assert carried.crossing(s, 0) == 8.0 * f.part[0] * f.share[0] + f.part[1] * f.share[1]
    for who in range(2):
        carried.put_rest(s, who, 950.0)
    width = f.bin_s[0]
    assert width == 60.0 * 2 ** np.ceil(np.log2(950.0 / 240.0))  # four bins, widened as need be
    wanted = np.zeros((4, 3))
    for line, rates in zip(lines, told, strict=True):
        for (from_s, rate), (to_s, _) in zip(rates, [*rates[1:], (950.0, 0.0)], strict=True):
            for k in range(4):
                for_s = max(min(to_s, (k + 1) * width) - max(from_s, k * width), 0.0)
                for link, use_Bps in line.items():
                    wanted[k, link] += use_Bps * rate * for_s
    assert f.sent_bytes == pytest.approx(wanted, rel=1e-12, abs=1e-9)
    assert not f.unput_s.any()
