"""Transcription by tensor models: bars from the audio, and back to frames."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from conftest import MINI, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from musaic_core.data.track import read_corpus
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.ntd import ntd
from musaic_core.tasks.transcription.task import (
    FRAME,
    Transcription,
    _fold,
    _unfold,
    find_bars,
    transcription_scores,
)


def clicks(seconds, per_minute, n_bands=20):
    """A spectrogram of decaying noise, struck anew on each beat."""
    times = np.arange(int(seconds / FRAME)) * FRAME
    since = times % (60 / per_minute)
    noise = np.random.default_rng(0).random((n_bands, len(times)))
    return (np.exp(-since / 0.1) * (1 + 0.1 * noise)).astype(np.float32)


def solver(name, **parameters):
    """A solver of `solvers/` with these parameters, outside benchopt."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"solvers/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = object.__new__(module.Solver)
    vars(made).update({"seed": 0, "beta": 1, "n_iter": 5, "rank": 4} | parameters)
    return made


@pytest.fixture(scope="module")
def piano():
    """One piano recording of the corpus, two to learn from, and the dictionary."""
    folder = MINI / "piano"
    return Transcription(
        read_corpus(folder / "train-seen")[:2],
        read_corpus(folder / "test")[-1:],
        read_corpus(folder / "notes-seen"),
    )


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


def test_folding_into_bars_and_back_keeps_every_frame():
    V = clicks(seconds=20, per_minute=100)
    smooth = np.apply_along_axis(np.convolve, 1, V, np.hanning(9) / 4, "same")
    bars = find_bars(V)
    folded = _fold(smooth, bars)
    model = NMF(np.eye(len(V)), folded.reshape(len(V), -1))
    again = _unfold(model, bars, V.shape[1]).activations
    inside = slice(2, -2)
    error = np.abs(again - smooth)[:, inside].max()
    assert error < 0.06 * smooth.max()


def test_a_frame_in_a_bar_lasts_as_long_as_one_of_the_recording():
    V = clicks(seconds=20, per_minute=120)
    bars = find_bars(V)
    n_frames = _fold(V, bars).shape[1]
    assert n_frames * FRAME == pytest.approx(np.median(np.diff(bars)), abs=FRAME)


def test_annotated_downbeats_play_no_part(piano):
    (track,) = piano.test
    seen = []

    def model(V, templates):
        seen.append(V)
        return ntd(V, (2, 2, 2), max_iter=1, seed=0)

    for test in (track, replace(track, beats_file=None)):
        task = Transcription(piano.train[:1], [test])
        task.factorize(model, supervised=False, modes=3)
    assert seen[-1].ndim == 3
    np.testing.assert_array_equal(seen[-1], seen[len(seen) // 2 - 1])


def test_a_dictionary_held_in_an_ntd_finds_four_of_five_piano_notes(piano):
    model = solver("ntd", dictionary="fixed", spectra=0, rhythms=64, bars=32, n_iter=80)
    model.task = piano
    (track,) = piano.test
    estimate = model.solve(piano)[track.id]
    scores = transcription_scores(track.notes, estimate.answer, track.duration)
    assert scores["onset_f1"] >= 0.8
    templates, activations = (
        estimate.factorization.templates,
        estimate.factorization.activations,
    )
    assert templates.shape == piano.dictionary.templates.shape
    # in the order of time, not of the tensor
    assert activations.shape[1] == piano.represent(track).shape[1]
    assert estimate.n_parameters < templates.size + activations.size


@pytest.mark.parametrize("name", ["ntd", "ncp"])
@pytest.mark.parametrize("shape", [(30, 5, 2), (30, 200, 2), (3, 1, 40)])
def test_tensor_solvers_take_any_shape_and_each_use_of_a_dictionary(name, shape):
    rng = np.random.default_rng(0)
    V, templates = rng.random(shape), rng.random((shape[0], 7))
    for dictionary in ("fixed", "adapted", "blind"):
        ranks = {"spectra": 9, "rhythms": 6, "bars": 4}
        model = solver(name, dictionary=dictionary, **ranks)
        given = None if dictionary == "blind" else templates
        found = model.factorize(V, given)
        assert found.reconstruct().shape == shape
        if dictionary == "fixed":
            np.testing.assert_array_equal(found.factors[0], templates)
        if dictionary != "blind":
            assert found.templates.shape == templates.shape
            assert (found.templates == templates).all() == (dictionary == "fixed")
