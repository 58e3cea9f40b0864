"""Stems whose complex spectra a model knows, and the solvers that have such."""

from types import SimpleNamespace

import numpy as np
import pytest
from solving import plugin

from musaic_core.lowrank import nmf
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.separation.images import stems_of_images
from musaic_core.tasks.separation.wiener import magnitudes, synthesize, transform

SR = 24_000  # its spectra go on above what models see
N_ROWS = 800


def stems(n_channels, seconds=6):
    """Two noises of overlapping bands, each from its side, that come and go."""
    rng = np.random.default_rng(0)
    n = seconds * SR
    times = np.arange(n) / SR
    frequencies = np.fft.rfftfreq(n, 1 / SR)
    made = []
    for centre, rate, sides in ((800, 1.0, (1, 0.4)), (1400, 1.7, (0.3, -1))):
        noise = np.fft.rfft(rng.normal(size=n))
        noise *= 1 / (1 + ((frequencies - centre) / 600) ** 2)
        signal = np.fft.irfft(noise, n) * (1.1 + np.sin(2 * np.pi * rate * times))
        made.append(np.outer(sides[:n_channels], signal))
    return np.float32(made)


def sdr(true, found):
    return 10 * np.log10((true**2).sum() / ((true - found) ** 2).sum())


def told(y, true, exponent):
    """What a solver is given, with a dictionary of the stems themselves."""
    V = magnitudes(y, SR)[:N_ROWS] ** exponent
    templates = [
        nmf(magnitudes(stem, SR)[:N_ROWS] ** exponent, 2, seed=0).templates
        for stem in true
    ]
    templates = np.concatenate([W / W.sum(0) for W in templates], 1)
    return SimpleNamespace(
        V=V,
        exponent=exponent,
        spectrum=transform(y, SR),
        dictionary=Dictionary(templates, np.array(["left", "left", "right", "right"])),
        labels=["left", "right"],
        frequencies=np.arange(N_ROWS) * 12.5,
        frame=0.04,
        mask=lambda labels: None,
        seed=0,
    )


def test_true_spectra_give_the_true_stems():
    true = stems(2)
    spectra = transform(true, SR)
    whole = spectra.sum(0)
    found = stems_of_images(true.sum(0), SR, whole, spectra[:, :, :N_ROWS])
    np.testing.assert_allclose(found.sum(0), true.sum(0), atol=1e-4)
    assert min(map(sdr, true, found)) > 20  # there is little above those rows


@pytest.mark.parametrize("spatial", ["joint", "full_rank"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_multichannel_nmf_hears_where_stems_are(n_channels, spatial):
    true = stems(n_channels)
    y = true.sum(0)
    given = told(y, true, 0.7)
    solver = plugin("solvers/multichannel_nmf.py", spatial=spatial)
    recording = SimpleNamespace(audio=lambda: (y, SR))
    found = solver.predict(recording, given)
    assert [*found] == ["left", "right"]
    found = np.stack([*found.values()])
    np.testing.assert_allclose(found.sum(0), y, atol=1e-4)
    # beside masks of the same NMF
    W = given.dictionary.templates
    H = np.full((4, given.V.shape[1]), given.V.mean())
    H = nmf(given.V, 4, init=(W, H), fixed=("templates",), max_iter=30).activations
    parts = [(W[:, n] @ H[n]) ** (1 / 0.7) for n in ([0, 1], [2, 3])]
    masked = synthesize(y, SR, np.stack(parts), power=0.7)
    gain = np.mean([*map(sdr, true, found)]) - np.mean([*map(sdr, true, masked)])
    assert gain > (3 if n_channels == 2 else -1)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(
    ("name", "parameters", "exponent", "gain"),
    [
        ("complex_isnmf", {}, 2, 2),
        ("complex_nmf", {"phases": "followed"}, 0.7, 0),  # noises have none to follow
        ("complex_nmf", {"phases": "mixture"}, 0.7, 2),
    ],
)
def test_models_of_phases_separate_each_channel(
    name, parameters, exponent, gain, n_channels
):
    true = stems(n_channels)
    y = true.sum(0)
    solver = plugin(f"solvers/{name}.py", **parameters)
    recording = SimpleNamespace(audio=lambda: (y, SR))
    found = solver.predict(recording, told(y, true, exponent))
    found = np.stack([*found.values()])
    np.testing.assert_allclose(found.sum(0), y, atol=1e-4)
    equal = np.mean([sdr(stem, y / 2) for stem in true])
    assert np.mean([*map(sdr, true, found)]) > equal + gain
    assert solver.n_parameters > 0
