import numpy as np

from sim.rng import Streams


def test_a_stream_belongs_to_its_name_and_seed():
    draw = Streams(1).stream("arrivals").random(5)
    assert np.array_equal(draw, Streams(1).stream("arrivals").random(5))
    assert not np.array_equal(draw, Streams(2).stream("arrivals").random(5))
    assert not np.array_equal(draw, Streams(1).stream("sizes").random(5))


def test_asking_for_one_stream_shifts_no_other():
    streams = Streams(3)
    streams.stream("failures", 7).random(1000)
    again = streams.stream("arrivals").random(5)
    assert np.array_equal(again, Streams(3).stream("arrivals").random(5))


def test_a_number_is_the_same_however_it_is_typed_and_no_text():
    one = Streams(1).stream("failures", 7).random()
    assert one == Streams(1).stream("failures", np.int64(7)).random()
    assert one != Streams(1).stream("failures", "7").random()
    assert one != Streams(1).stream("failures7").random()


def test_streams_do_not_go_together():
    draws = np.array([Streams(1).stream("node", i).random(2000) for i in range(20)])
    off = np.corrcoef(draws)[np.triu_indices(20, 1)]
    assert np.abs(off).max() < 5 / np.sqrt(2000)  # five sigma of a correlation of nothing
