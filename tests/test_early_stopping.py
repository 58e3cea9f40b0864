"""Training that is checked on recordings which are held out of it."""

import numpy as np
import pytest
import torch

from musaic_core.learned.early_stopping import (
    LOSSES,
    PATIENCE,
    held_out,
    restore,
    train_checked,
)


def line(slope, n=16):
    x = np.linspace(-1, 1, n, dtype=np.float32)[:, None]
    return x, slope * x


def train(check=(), steps=100, seed=0, rate=0.2):
    def build():
        return torch.nn.Linear(1, 1, bias=False)

    def draw(rng):
        return line(3 + 0.01 * rng.normal())

    loss = torch.nn.functional.mse_loss
    return train_checked(build, draw, loss, check, steps=steps, seed=seed, rate=rate)


def test_a_fifth_of_the_recordings_is_held_out_and_timbres_stay_together():
    ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
    apart = held_out(ids + ids)
    assert len(apart) == 2
    assert apart < set(ids)
    assert apart == held_out(reversed(ids))
    assert {*held_out(ids, 1), *held_out(ids, 2), *held_out(ids, 3)} > apart
    assert len(held_out("ab")) == 1
    assert held_out("aa") == set()


def test_the_weights_are_those_that_suit_what_is_held_out():
    state = train([line(1.5)])
    steps, _, checked = state[LOSSES].T
    best = checked.argmin()
    assert state["weight"].item() == pytest.approx(1.5, abs=0.4)
    assert len(checked) == best + 1 + PATIENCE
    assert steps[-1] < 100
    error = np.mean((line(state["weight"].item())[1] - line(1.5)[1]) ** 2)
    # kernels are kept in half precision
    assert error == pytest.approx(checked[best], rel=0.02)


def test_all_is_learned_where_nothing_is_held_out():
    state = train()
    assert state["weight"].item() == pytest.approx(3, abs=0.05)
    steps, in_training, checked = state[LOSSES].T
    assert steps[-1] == 100
    assert in_training[-1] < in_training[0] / 100
    assert np.isnan(checked).all()


def test_same_seed_gives_same_state_and_it_can_be_restored():
    first, again, other = (train(steps=5, seed=seed) for seed in (0, 0, 1))
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array)
    assert other["weight"] != first["weight"]
    network = restore(torch.nn.Linear(1, 1, bias=False), first)
    assert network.weight.item() == first["weight"].item()
