"""What links carry in bins of time: bins that widen keep all bytes, each in its half."""

from types import SimpleNamespace

import numpy as np
import pytest

from sim.kernel import carried


def plain(function):
    return getattr(function, "py_func", function)


def links(bins, many=3, seed=0):
    """Return a fabric of links that carry nothing yet, its bins as full as chance has it."""
    sent = np.random.default_rng(seed).random((bins, many))
    zero = np.zeros(many)
    return SimpleNamespace(fabric=SimpleNamespace(
        sent_bytes=sent, bin_s=np.array([60.0]), asof_s=zero.copy(), carried_Bps=zero.copy(),
        load_Bps=zero.copy(),
    ))  # fmt: skip


@pytest.mark.parametrize("bins", [1, 2, 7, 64])
def test_a_wider_bin_holds_what_its_two_halves_held(bins):
    s = links(bins)
    before = np.concatenate([s.fabric.sent_bytes, np.zeros((3 * bins, 3))])
    plain(carried.widen)(s)
    assert s.fabric.bin_s[0] == 120.0
    assert np.array_equal(s.fabric.sent_bytes, (before[0::2] + before[1::2])[:bins])


def test_what_goes_on_as_before_is_booked_later_and_all_at_once():
    s = links(8)
    s.fabric.sent_bytes[:] = 0.0
    s.fabric.load_Bps[:] = [5.0, 5.0, 0.0]
    for at_s, second in ((0.0, 5.0), (100.0, 5.0), (130.0, 2.0), (200.0, 0.0), (300.0, 9.0)):
        s.fabric.load_Bps[1] = second
        for link in range(3):
            plain(carried.carry)(s, link, at_s)
    f = s.fabric
    assert f.asof_s.tolist() == [0.0, 300.0, 0.0]
    assert f.sent_bytes.sum(0).tolist() == [0.0, 5.0 * 130.0 + 2.0 * 70.0, 0.0]
    assert f.sent_bytes[:, 1].tolist()[:4] == [300.0, 300.0, 50.0 + 2.0 * 50.0, 2.0 * 20.0]
    assert f.carried_Bps.tolist() == [5.0, 9.0, 0.0]
