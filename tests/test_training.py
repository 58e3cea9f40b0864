"""Training: what is held out of it, when it ends, and that it can be gone on with."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors
import torch
from solving import plugin
from torch import nn

from musaic_core.learned import masks, training, waveforms
from musaic_core.learned.training import (
    LOSSES,
    PATIENCE,
    halved,
    held_out,
    load,
    train,
)


def line(slope, n=16):
    x = np.linspace(-1, 1, n, dtype=np.float32)[:, None]
    return x, slope * x


def train_line(check=(), steps=100, seed=0, rate=0.2, **options):
    def draw(rng):
        return line(3 + 0.01 * rng.normal())

    return train(
        lambda: nn.Linear(1, 1, bias=False),
        draw,
        nn.functional.mse_loss,
        check=check,
        steps=steps,
        seed=seed,
        rate=rate,
        **options,
    )


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
    state = train_line([line(1.5)])
    steps, _, checked = state[LOSSES].T
    best = checked.argmin()
    assert state["weight"].item() == pytest.approx(1.5, abs=0.4)
    assert len(checked) == best + 1 + PATIENCE
    assert steps[-1] < 100
    error = np.mean((line(state["weight"].item())[1] - line(1.5)[1]) ** 2)
    assert error == pytest.approx(checked[best], rel=1e-5)


def test_all_is_learned_where_nothing_is_held_out():
    state = train_line()
    assert state["weight"].item() == pytest.approx(3, abs=0.05)
    steps, in_training, checked = state[LOSSES].T
    assert steps[-1] == 100
    assert in_training[-1] < in_training[0] / 100
    assert np.isnan(checked).all()


def test_same_seed_gives_same_state_and_it_can_be_restored():
    first, again, other = (train_line(steps=5, seed=seed) for seed in (0, 0, 1))
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array)
    assert other["weight"] != first["weight"]
    network = load(nn.Linear(1, 1, bias=False), first)
    assert network.weight.item() == first["weight"].item()


def test_training_fits_any_network():
    state = train(
        lambda: nn.Linear(1, 1),
        lambda rng: (x := rng.normal(size=(16, 1)).astype(np.float32), 3 * x + 1),
        nn.functional.mse_loss,
        steps=300,
        rate=0.1,
    )
    assert state["weight"].item() == pytest.approx(3, abs=0.05)
    assert state["bias"].item() == pytest.approx(1, abs=0.05)


def test_kernels_are_small_in_half_precision_and_all_else_is_as_it_was():
    state = {"kernel": np.float32([[1 / 3]]), "bias": np.float32([1 / 3])}
    state[LOSSES] = np.float32([[1, 1 / 3, 1 / 3]])
    small = halved(state)
    assert small["kernel"] == np.float16(1 / 3)
    for name in ("bias", LOSSES):
        np.testing.assert_array_equal(small[name], state[name], strict=True)


class Clock:
    """A second goes by whenever the time is asked for."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=self.tick))

    def tick(self):
        self.now += 1
        return self.now


class Rates(nn.Module):
    """A network whose gradient is 1, and so whose steps are the learning rates."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.weight * x


def test_a_training_ends_when_its_time_is_up_and_its_rate_has_decayed(monkeypatch):
    Clock(monkeypatch)
    weights = []

    def draw(rng):
        weights.append(network.weight.item())
        return [np.ones(1, np.float32)]

    network = Rates()
    options = {"steps": 1000, "minutes": 1, "rate": 0.01}
    state = train(lambda: network, draw, lambda out: -out.sum(), **options)
    steps = state[LOSSES][:, 0]
    assert steps[-1] == len(weights) == 60  # seconds
    assert len(steps) == training.CHECKS
    rates = np.diff(weights)
    assert rates.argmax() == pytest.approx(19, abs=3)
    assert rates[-1] < 0.02 * rates.max()


class Fragile(nn.Module):
    """A network with all that a state can have: chance, means, moments, any order."""

    def __init__(self):
        super().__init__()
        between = nn.Linear(8, 4)
        between.weight = nn.Parameter(torch.randn(8, 4).mT)  # columns in memory
        self.layers = nn.Sequential(
            *(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)),
            *(between, nn.Linear(4, 1)),
        )

    def forward(self, x):
        return self.layers(x)


class Interruption:
    """Draws batches, and is interrupted at the so-manieth, if at all."""

    def __init__(self, at=None):
        self.at, self.n = at, 0

    def __call__(self, rng):
        self.n += 1
        if self.n == self.at:
            raise KeyboardInterrupt
        return line(rng.normal())


def train_fragile(draw, folder=None, seed=3):
    loss = nn.functional.mse_loss
    check = [line(0.0), line(1.0)]
    options = {"steps": 40, "check": check, "seed": seed, "checkpoints": folder}
    return train(Fragile, draw, loss, **options)


@pytest.mark.parametrize("save_every", [0, 7])
def test_a_training_that_is_interrupted_goes_on_to_the_same_weights(
    tmp_path, monkeypatch, save_every
):
    Clock(monkeypatch)
    monkeypatch.setattr(training, "SAVE_EVERY", save_every)
    monkeypatch.setattr(training, "PATIENCE", 100)  # each processor rounds as it does
    all_of_it, rest = Interruption(), Interruption()
    whole = train_fragile(all_of_it)
    for at in (14, 12):  # the second one amid what the first one has left to do
        with pytest.raises(KeyboardInterrupt):
            train_fragile(Interruption(at), tmp_path)
    state = train_fragile(rest, tmp_path)
    assert state.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(state[name], array, strict=True)
    done_before = all_of_it.n - rest.n
    assert done_before == 24 if save_every == 0 else 0 < done_before < 24


def test_a_training_that_has_ended_is_not_done_again_but_another_one_is(tmp_path):
    first = train_fragile(Interruption(), tmp_path)
    again = train_fragile(Interruption(1), tmp_path)
    for name, array in first.items():
        np.testing.assert_array_equal(again[name], array, strict=True)
    with pytest.raises(KeyboardInterrupt):
        train_fragile(Interruption(1), tmp_path, seed=4)


def test_the_chance_of_others_is_as_it_was(tmp_path):
    train_fragile(Interruption(), tmp_path)
    before = torch.get_rng_state()
    train_fragile(Interruption(), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_broken_checkpoint_is_told_and_training_begins_anew(tmp_path, capsys):
    first, second = Interruption(), Interruption()
    whole = train_fragile(first, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    state = train_fragile(second, tmp_path)
    assert second.n == first.n
    np.testing.assert_array_equal(state[LOSSES], whole[LOSSES])
    assert f"! {file}: not a usable checkpoint" in capsys.readouterr().out


def test_a_training_goes_on_where_a_checkpoint_cannot_be_written(tmp_path, capsys):
    whole = train_fragile(Interruption())
    folder = tmp_path / "file"
    folder.touch()
    state = train_fragile(Interruption(), folder)
    np.testing.assert_array_equal(state[LOSSES], whole[LOSSES])
    assert f"! {folder / '3.safetensors'}: not written" in capsys.readouterr().out


def test_a_training_that_began_without_a_gpu_goes_on_with_one(tmp_path):
    train_fragile(Interruption(), tmp_path)
    going_on = training._Training(Fragile(), None, 3, "cpu")
    going_on.device = "cuda"
    going_on.go_on_from(tmp_path / "3.safetensors")
    assert going_on.has_ended


@pytest.mark.parametrize("amount", [{"steps": 0}, {"minutes": 0}, {"minutes": -1}])
def test_a_training_without_steps_or_time_is_refused(amount):
    with pytest.raises(ValueError, match="give one step or more"):
        train_line(**amount)


def test_a_checkpoint_says_how_long_its_training_took(tmp_path, monkeypatch):
    Clock(monkeypatch)
    draw = Interruption()
    train_fragile(draw, tmp_path)
    with safetensors.safe_open(tmp_path / "3.safetensors", "numpy") as stored:
        assert float(stored.metadata()["seconds"]) == draw.n
        assert json.loads(stored.metadata()["numbers"])["step"] == draw.n


TRANSCRIBERS = "note_cnn", "deep_salience", "onsets_and_frames", "hft"
STRUCTURE = "boundary_cnn", "bar_embedding"
SEPARATORS = "unet", "open_unmix", "deep_clustering", "conv_tasnet", "wave_unet"


LEARNED = [(name, {}) for name in (*TRANSCRIBERS, *SEPARATORS, *STRUCTURE)]


@pytest.mark.parametrize(("name", "more"), [*LEARNED, ("unet", {"masks": "complex"})])
def test_solvers_hand_on_what_their_training_is_told(name, more, tmp_path, monkeypatch):
    solver = plugin(f"solvers/{name}.py", steps=7, minutes=5, **more)
    told = []

    def fit(*_, **options):
        told.append(options)
        return {}

    solver.task = SimpleNamespace(learned=lambda tracks, read: [])
    solver.module = solver.notes = solver.network = SimpleNamespace(fit=fit)
    solver.halved = dict
    for module in (masks, waveforms):
        monkeypatch.setattr(module, "fit", fit)
    names = ("frequencies", "frame", "labels", "isolated")
    given = SimpleNamespace(**dict.fromkeys(names, ()), read=lambda tracks: ())
    given.seed, given.device, given.checkpoints = 11, "cpu", tmp_path
    solver.fit([], given)
    options = {"steps": 7, "minutes": 5, "seed": 11, "device": "cpu"}
    assert told[0].items() >= (options | {"checkpoints": tmp_path}).items()
