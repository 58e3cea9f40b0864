"""Attention over pitches, then over time."""

import numpy as np
import pytest
import torch
from tones import FRAME, FREQUENCIES, tones

from musaic_core.learned import hft, velocities
from musaic_core.learned import notes as learning
from musaic_core.learned.hft import HFT
from musaic_core.learned.notes import piano_rolls


def fit(*examples, **options):
    options = {"frequencies": FREQUENCIES, "frame": FRAME, "rate": 3e-3} | options
    return velocities.fit(HFT, examples, **options)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return HFT(FREQUENCIES).eval()


@pytest.fixture(scope="module")
def recording():
    rng = np.random.default_rng(0)
    onsets = np.arange(0.2, 5, 0.4)
    return tones([(t, t + 0.35, rng.integers(50, 80)) for t in onsets], 230)


@pytest.fixture(autouse=True)
def short_examples(monkeypatch):
    monkeypatch.setattr(learning, "LENGTH", 60)


def test_it_is_small_and_answers_each_pitch_and_frame(network):
    assert sum(p.numel() for p in network.parameters()) == 49_060
    for n_frames in (1, 60, 2 * hft.CHUNK + 7):
        logits = network(torch.zeros(2, len(FREQUENCIES), n_frames))
        assert logits.shape == (2, 2, 88, n_frames)
        assert logits.isfinite().all()


def test_all_of_it_learns_from_onsets_and_from_frames():
    for answer in (0, 1):
        network = HFT(FREQUENCIES)
        network(torch.rand(2, len(FREQUENCIES), 70))[
            :, answer
        ].square().sum().backward()
        assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("frame", [0, 130, 400])
def test_a_key_hears_all_pitches_and_as_many_frames_as_networks_may(network, frame):
    V = torch.rand(1, len(FREQUENCIES), 401, requires_grad=True)
    network(V)[0, 0, 40, frame].backward()
    seen = V.grad[0].abs().numpy() > 0
    assert seen[:, frame].mean() > 0.9
    reach = hft.IN_TIME + hft.MARGIN
    assert reach <= learning.REACH
    reached = np.flatnonzero(seen.any(0))
    assert reached.min() == max(0, frame - reach)
    assert reached.max() == min(400, frame + reach)


def test_what_comes_before_and_after_are_told_apart(network):
    V = torch.rand(1, len(FREQUENCIES), 81)
    before, after = V.clone(), V.clone()
    before[..., :30], after[..., 51:] = 0, 0
    with torch.no_grad():
        of_whole, of_before, of_after = (
            network(v)[..., 40] for v in (V, before, after)
        )
    assert not torch.allclose(of_before, of_after, atol=1e-5)
    assert not torch.allclose(of_whole, of_before, atol=1e-5)


def test_parts_of_a_recording_are_heard_as_all_of_it(recording, monkeypatch):
    V = np.tile(recording[0], 2)
    state = fit(recording, steps=1)
    whole = velocities.describe(HFT, V, state)
    monkeypatch.setattr(learning, "BLOCK", 90)
    monkeypatch.setattr(hft, "CHUNK", 37)
    for one, in_parts in zip(whole, velocities.describe(HFT, V, state), strict=True):
        assert in_parts.shape == (88, 460)
        np.testing.assert_allclose(in_parts, one, atol=1e-5)


def test_it_learns_which_notes_begin_and_sound(recording):
    state = fit(recording, steps=40)
    level, onset = velocities.describe(HFT, recording[0], state)
    begins, sounds = piano_rolls(recording[1], 230, FRAME)
    assert onset[begins == 1].mean() > 5 * onset[begins == 0].mean()
    assert level[sounds == 1].mean() > 2 * level[sounds == 0].mean()


def test_the_same_seed_gives_the_same_weights_and_velocities(recording):
    one, again, other = (fit(recording, steps=2, seed=seed) for seed in (0, 0, 1))
    for name, array in one.items():
        np.testing.assert_array_equal(again[name], array, strict=True)
    assert not np.array_equal(other["queries"], one["queries"])
    assert velocities.VELOCITY in one
