"""Transcription by tensor models: bars from the audio, and back to frames."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solving import factorizer, piano, plugin, solve

from musaic_core.lowrank import NMF, ntd
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.given import Given
from musaic_core.tasks.transcription.scores import transcription_scores
from musaic_core.tasks.transcription.spectrogram import FRAME
from musaic_core.tasks.transcription.task import Transcription, find_bars


def clicks(seconds, per_minute, n_bands=20):
    """A spectrogram of decaying noise, struck anew on each beat."""
    times = np.arange(int(seconds / FRAME)) * FRAME
    since = times % (60 / per_minute)
    noise = np.random.default_rng(0).random((n_bands, len(times)))
    return (np.exp(-since / 0.1) * (1 + 0.1 * noise)).astype(np.float32)


@settings(deadline=None, max_examples=30, database=None)
@given(n_frames=st.integers(1, 900), seed=st.integers(0, 99), silent=st.booleans())
def test_bars_cover_every_recording_and_never_go_back(n_frames, seed, silent):
    V = np.random.default_rng(seed).random((6, n_frames)).astype(np.float32)
    bars = find_bars(0 * V if silent else V)
    assert bars[0] <= 0
    assert bars[-1] >= (n_frames - 1) * FRAME
    assert (np.diff(bars) > 0).all()


def test_a_bar_is_four_beats_of_a_steady_pulse():
    lengths = np.diff(find_bars(clicks(seconds=20, per_minute=120)))
    np.testing.assert_allclose(lengths, 4 * 0.5, atol=0.1)


class Seen:
    """In the place of a recording, of which the spectrogram is known."""

    id = "seen"

    def __init__(self, V):
        self.V = V


@pytest.fixture
def task(monkeypatch):
    """A task that sees recordings of the class `Seen`."""
    task = Transcription([], [])
    monkeypatch.setattr(task, "_spectrogram", lambda recording: recording.V)
    return task


def test_folding_into_bars_and_back_keeps_every_frame(task, monkeypatch):
    V = clicks(seconds=20, per_minute=100)
    smooth = np.apply_along_axis(np.convolve, 1, V, np.hanning(9) / 4, "same")
    bars = find_bars(V)
    monkeypatch.setattr(task, "bars", lambda recording: bars)
    monkeypatch.setattr(task, "compression", 1)
    recording, axes = Seen(smooth.astype(np.float32)), task.axes[1]
    folded = task.represent(recording, axes)
    # a spectrum each, whose activations are to be the spectrogram's rows
    pitches = np.arange(60, 60 + len(V))
    model = NMF(np.eye(len(V)), folded.reshape(len(V), -1), labels=pitches)
    heard = task.describe(model, Given(task, axes, recording))
    again = heard.factors.activations
    inside = slice(2, -2)
    error = np.abs(again - smooth)[:, inside].max()
    assert error < 0.06 * smooth.max()
    np.testing.assert_array_equal(heard.level[60 - 21 :][: len(V)], again)


def test_a_frame_in_a_bar_lasts_as_long_as_one_of_the_recording(task):
    recording = Seen(clicks(seconds=20, per_minute=120))
    bars = task.bars(recording)
    n_frames = task.represent(recording, task.axes[1]).shape[1]
    assert n_frames * FRAME == pytest.approx(np.median(np.diff(bars)), abs=FRAME)


def not_to_be_read():
    raise AssertionError("the downbeats were read")


def test_annotated_downbeats_play_no_part():
    (train, _), (_, track) = piano()[0].train, piano()
    seen = []

    def model(V, given):
        seen.append(V)
        return ntd(V, (2, 2, 2), max_iter=1, seed=0)

    for beats in (track.beats_from, None, not_to_be_read):
        task = Transcription([train], [replace(track, beats_from=beats)])
        (estimate,) = solve(task, factorizer(model, n_axes=3)).values()
        assert estimate.error == ""
    assert seen[-1].ndim == 3
    third = len(seen) // 3
    np.testing.assert_array_equal(seen[-1], seen[third - 1])
    np.testing.assert_array_equal(seen[-1], seen[2 * third - 1])


@pytest.mark.slow
def test_a_dictionary_held_in_an_ntd_finds_four_of_five_piano_notes():
    ranks = {"spectra": 0, "rhythms": 64, "bars": 32}
    model = plugin("solvers/ntd.py", dictionary="fixed", beta=1, n_iter=60, **ranks)
    task, track = piano()
    estimate = solve(task, model)[track.id]
    scores = transcription_scores(track.notes, estimate.answer, track.duration)
    assert scores["onset_f1"] >= 0.8
    templates, activations = estimate.evidence.templates, estimate.evidence.activations
    assert templates.shape == task.dictionary.templates.shape
    # in the order of time, not of the tensor
    assert activations.shape[1] == task.represent(track).shape[1]
    assert estimate.n_parameters == estimate.model.n_parameters
    assert estimate.n_parameters < templates.size + activations.size


@pytest.mark.parametrize("name", ["ntd", "ncp"])
@pytest.mark.parametrize("shape", [(30, 5, 2), (30, 200, 2), (3, 1, 40)])
def test_tensor_solvers_take_any_shape_and_each_use_of_a_dictionary(name, shape):
    rng = np.random.default_rng(0)
    V, templates = rng.random(shape), rng.random((shape[0], 7))
    ranks = {"ntd": {"spectra": 9, "rhythms": 6, "bars": 4}, "ncp": {"rank": 4}}
    for dictionary in ("fixed", "adapted", "blind"):
        options = {"dictionary": dictionary, "beta": 1, "n_iter": 5, **ranks[name]}
        known = Dictionary(templates, np.arange(7))
        told = SimpleNamespace(
            seed=0,
            dictionary=None if dictionary == "blind" else known,
            mask=lambda labels: None,
        )
        found = plugin(f"solvers/{name}.py", **options).factorize(V, told)
        assert found.reconstruct().shape == shape
        assert (found.labels is None) == (dictionary == "blind")
        if dictionary == "fixed":
            np.testing.assert_array_equal(found.factors[0], templates)
        if dictionary != "blind":
            assert found.templates.shape == templates.shape
            assert (found.templates == templates).all() == (dictionary == "fixed")
