"""What is computed of a recording once, and kept while it is there."""

import gc

import numpy as np

from musaic_core.tasks.kept import Kept


class Thing:
    """Stands for a recording."""


def test_what_is_kept_is_made_once_each_thing_by_its_name():
    kept, first, second, made = Kept(), Thing(), Thing(), []

    def make(value):
        return lambda: made.append(value) or np.full(3, value)

    for thing, what, value in ((first, None, 1), (first, "b", 2), (second, "b", 3)):
        assert kept.get(thing, make(value), what)[0] == value
        assert kept.get(thing, make(9), what)[0] == value
    assert made == [1, 2, 3]


def test_only_so_much_is_kept_of_arrays_in_tuples_and_dicts_too():
    kept, thing, made = Kept(n_bytes=8 * 10), Thing(), []

    def make(value):
        return lambda: made.append(1) or value

    for _ in range(2):
        kept.get(thing, make({"stem": np.zeros(4)}), "stems")
        kept.get(thing, make((np.zeros(6), {"sdr": 1.0})), "shared")
    assert len(made) == 2
    kept.get(thing, make(np.zeros(1)), "more")
    kept.get(thing, make(np.zeros(1)), "more")
    assert len(made) == 4


def test_what_is_kept_goes_with_its_recording():
    kept, thing = Kept(n_bytes=80), Thing()
    kept.get(thing, lambda: np.zeros(10))
    del thing
    gc.collect()
    other, made = Thing(), []
    for _ in range(2):
        kept.get(other, lambda: made.append(1) or np.zeros(10))
    assert len(made) == 1
