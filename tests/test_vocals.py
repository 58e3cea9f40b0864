"""Solvers that tell a voice from what accompanies it."""

from types import SimpleNamespace

import numpy as np
import pytest
from solving import plugin

from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.separation.wiener import bin_frequencies, magnitudes

SR = 8000


def song(seconds=12):
    """A voice that glides, over two chords that take turns every second."""
    t = np.arange(seconds * SR) / SR
    pitch = 300 + 40 * np.sin(2 * np.pi * t / 7)
    phase = 2 * np.pi * np.cumsum(pitch) / SR
    voice = sum(np.sin(n * phase) / n for n in range(1, 8))
    chords = [
        sum(np.sin(2 * np.pi * f * t) * np.exp(-3 * (t % 1)) for f in notes)
        for notes in ((110, 165, 440), (98, 247, 392))
    ]
    rest = np.where(t % 2 < 1, *chords)
    return np.float32(0.1 * voice)[None], np.float32(0.1 * rest)[None]


def given_of(y, exponent, dictionary=None):
    V = magnitudes(y, SR) ** exponent
    return SimpleNamespace(
        V=V,
        exponent=exponent,
        frequencies=bin_frequencies()[: len(V)],
        frame=0.04,
        labels=["other", "vocals"],
        dictionary=dictionary,
        seed=0,
    )


def share_of(signal, found):
    """How much of a signal has been found."""
    return (signal * found).sum() / (signal**2).sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["repet", "rpca"])
def test_what_repeats_is_not_the_voice(name):
    voice, rest = song(20)
    y = voice + 3 * rest
    solver = plugin(f"solvers/{name}.py")
    recording = SimpleNamespace(audio=lambda: (y, SR))
    stems = solver.predict(recording, given_of(y, 1))
    np.testing.assert_allclose(stems["vocals"] + stems["other"], y, atol=1e-5)
    found = stems["vocals"]
    assert share_of(voice, found) > 0.03 + share_of(3 * rest, found)


def test_a_melody_is_found_without_a_singers_templates():
    voice, rest = song()
    W = magnitudes(rest, SR)[:, [10, 35]] ** 0.7
    dictionary = Dictionary(W / W.sum(0), np.array(["other", "other"]))
    solver = plugin("solvers/source_filter_nmf.py")
    given = given_of(voice + rest, 0.7, dictionary)
    model = solver.factorize(given.V, given)
    sung = np.asarray(model.labels) == "vocals"
    found = model.reconstruct(sung.astype(np.float32)) ** (1 / 0.7)
    true, other = magnitudes(voice, SR), magnitudes(rest, SR)
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.9
    assert np.corrcoef(found.ravel(), other.ravel())[0, 1] < 0.3
    pitch = 300 + 40 * np.sin(2 * np.pi * np.arange(len(found[0])) * 0.04 / 7)
    heard = model.loudness()[sung][:-1].argmax(0) / 4 + 40
    expected = 69 + 12 * np.log2(pitch / 440)
    assert np.mean(abs(heard - expected) < 0.5) > 0.9


@pytest.mark.parametrize("name", ["repet", "rpca", "source_filter_nmf"])
def test_without_vocals_there_is_nothing_to_tell(name):
    solver = plugin(f"solvers/{name}.py")
    for labels in (["bass", "drums"], ["vocals"]):
        assert "vocals" in solver.misfit(SimpleNamespace(labels=labels))
    labels = ["vocals", "other"]
    assert solver.misfit(SimpleNamespace(labels=labels, train=[1])) is None


@pytest.mark.parametrize("name", ["repet", "rpca"])
def test_silence_and_short_recordings_are_separated(name):
    solver = plugin(f"solvers/{name}.py")
    for y in (np.zeros((1, SR), np.float32), song(1)[0][:, : SR // 2]):
        recording = SimpleNamespace(audio=lambda y=y: (y, SR))
        stems = solver.predict(recording, given_of(y, 1))
        assert np.isfinite(stems["vocals"]).all()
