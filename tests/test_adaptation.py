"""A network that hears notes adapts to what was said of a recording."""

import numpy as np
import pytest

from musaic_core.data.hints import Hint
from musaic_core.tasks.transcription.spectrogram import FRAME, band_frequencies

torch = pytest.importorskip("torch")

from musaic_core.learned import adaptation, notes  # noqa: E402
from musaic_core.learned.adaptation import adapt  # noqa: E402
from musaic_core.learned.note_cnn import NoteCNN  # noqa: E402


@pytest.fixture(scope="module")
def state():
    """Weights as they start: of a network that has learned nothing."""
    torch.manual_seed(0)
    weights = NoteCNN(band_frequencies()).state_dict()
    arrays = {name: array.numpy().copy() for name, array in weights.items()}
    return arrays | {"frequencies": band_frequencies()}


@pytest.fixture(scope="module")
def V():  # noqa: N802
    """Two seconds of harmonic notes: 60 in the first and last third, 67 amid."""
    hz, n = band_frequencies(), round(6 / FRAME)
    V = np.full((len(hz), n), 1e-4, np.float32)
    for pitch, third in ((60, 0), (67, 1), (60, 2)):
        partials = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, 9)
        near = np.abs(np.log2(hz[:, None] / partials)).min(1) < 0.02
        V[near, third * n // 3 : (third + 1) * n // 3] = 1
    return V


def heard(V, state):
    return np.stack(notes.describe(NoteCNN, V, state))


SOUNDS = Hint(60, 0.1, 1.9, True)
SILENT = Hint(60, 2.1, 3.9)


def test_what_was_said_is_heard_more_and_less_and_so_is_what_is_like_it(state, V):
    before = heard(V, state)[0]
    after = heard(V, adapt(NoteCNN, V, state, [SOUNDS, SILENT] * 20, FRAME))[0]
    key, frames = 60 - 21, round(1 / FRAME)
    # nothing is said of the last
    for there, more in ((1, True), (3, False), (5, True)):
        amid = slice(there * frames - 9, there * frames + 9)
        gained = after[key, amid].mean() - before[key, amid].mean()
        assert (gained > 0.02) == more


def test_the_last_layer_alone_is_adapted_and_twice_the_same(state, V):
    adapted = adapt(NoteCNN, V, state, [SOUNDS, SILENT], FRAME)
    again = adapt(NoteCNN, V, state, [SOUNDS, SILENT], FRAME)
    for name, array in state.items():
        changed = not np.array_equal(array, adapted[name])
        assert changed == name.startswith("heads.")
        np.testing.assert_array_equal(adapted[name], again[name])


def test_more_that_is_said_moves_it_farther(state, V):
    moved = [
        np.abs(
            adapt(NoteCNN, V, state, [SOUNDS] * n, FRAME)["heads.weight"]
            - state["heads.weight"]
        ).sum()
        for n in (1, 4, 16)
    ]
    assert 0 < moved[0] < moved[1] < moved[2]


def test_a_recording_in_several_blocks_adapts_as_in_one(state, V, monkeypatch):
    block = V.shape[1] // 3
    edges = np.array([1, 2]) * block * FRAME
    at_edges = [Hint(60, edge - 0.05, edge + 0.05) for edge in edges]
    hints = [SOUNDS, SILENT, Hint(67, 3.9, 4.4, True), *at_edges]
    whole = adapt(NoteCNN, V, state, hints, FRAME)
    monkeypatch.setattr(adaptation, "BLOCK", block)
    in_blocks = adapt(NoteCNN, V, state, hints, FRAME)
    for name in ("heads.weight", "heads.bias"):
        moved = whole[name] - state[name]
        np.testing.assert_allclose(
            in_blocks[name] - state[name], moved, atol=1e-3 * np.abs(moved).max()
        )


def test_the_information_is_of_every_cell_that_nothing_was_said_of(state, V):
    """Against all features at once, by the formula."""
    weights = {k: a for k, a in state.items() if k != "frequencies"}
    built = adaptation.load(NoteCNN(state["frequencies"]), weights)
    keys, times = torch.tensor([39, 39, 46]), torch.tensor([10, 11, 200])
    x, information = adaptation._heard(built, V, keys, times)
    features = []
    built.heads.register_forward_pre_hook(lambda _, told: features.append(told[0]))
    with torch.no_grad():
        p = torch.sigmoid(built(torch.tensor(notes.normalise(V))[None])[0]).double()
        cells = torch.nn.functional.unfold(features[0], (1, 3), padding=(0, 1))[0]
    cells = cells.unflatten(1, p.shape[1:]).double()  # (features, 88, T)
    cells = torch.cat([cells, torch.ones_like(cells[:1])])
    torch.testing.assert_close(x, cells[:, keys, times].mT, atol=1e-5, rtol=1e-4)
    weight = p * (1 - p)
    weight[:, keys, times] = 0
    for found, w in zip(information, weight, strict=True):
        flat = cells.flatten(1)
        wanted = flat * (w / w.sum()).flatten() @ flat.mT
        torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize(
    "hint",
    [
        Hint(60, 0.0, 0.001, True),
        Hint(21, 0.0, 1.0),
        Hint(108, 5.9, 60.0, True),
        Hint(60, 5.99, 6.0),
        Hint(5, 0.0, 1.0, True),
        Hint(60, 90.0, 91.0, True),
    ],
)
def test_hints_at_the_edges_are_taken_and_those_beyond_are_left(state, V, hint):
    adapted = adapt(NoteCNN, V, state, [hint], FRAME)
    is_heard = hint.label != 5 and hint.start < 6
    changed = not np.array_equal(adapted["heads.bias"], state["heads.bias"])
    assert changed == is_heard
    assert all(np.isfinite(array).all() for array in adapted.values())


@pytest.mark.parametrize("sounds", [False, True])
def test_hints_of_one_kind_leave_what_was_not_spoken_of(sounds):
    torch.manual_seed(0)
    rest = torch.cat([torch.randn(2000, 96), torch.ones(2000, 1)], 1).double()
    start = torch.randn(2, 97).double() / 5
    p = torch.sigmoid(rest @ start.mT)
    weights = (p * (1 - p) / (p * (1 - p)).sum(0)).mT
    information = torch.stack([(rest * w[:, None]).mT @ rest for w in weights])
    targets = torch.full((1, 2), float(sounds)).double()
    balance = torch.ones(1, 2).double()
    change = adaptation._change(start, rest[:1], information, targets, balance)
    moved = torch.sigmoid(rest @ (start + change).mT)
    assert (((moved[0] - p[0]) > 0) == sounds).all()
    assert ((moved > 0.5) != (p > 0.5))[1:].double().mean() < 0.01


@pytest.mark.parametrize("hints", [[], [Hint(5, 0.0, 1.0)]])
def test_where_nothing_is_said_that_is_heard_the_state_stays(state, V, hints):
    assert adapt(NoteCNN, V, state, hints, FRAME) is state
