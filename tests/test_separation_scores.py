"""Scores of separation are those of museval, and of the definition."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from separating import SR, noise
from solving import module_in

from musaic_core.tasks.separation.scores import (
    bss_eval,
    correlations_of,
    mean_sdr,
    separation_scores,
    si_sdr,
)

RATIOS = ("sdr", "isr", "sir", "sar")


def estimates_of(references):
    """With distortion of each kind: filtered, leaking, and noisy."""
    filtered = references + 0.3 * np.roll(references, 5, axis=-1)
    leaking = 0.2 * references[::-1]
    return filtered + leaking + 0.1 * noise(*references.shape, seed=1)


def museval_metrics():
    """The module of museval; to import the package itself takes ffmpeg's programs."""
    package = importlib.util.find_spec("museval")
    if package is None:
        pytest.skip("museval is not installed")
    return module_in(Path(package.origin).parent / "metrics.py")


def museval_scores(references, estimates, window):
    metrics = museval_metrics()
    return metrics.bss_eval(
        references.transpose(0, 2, 1),
        estimates.transpose(0, 2, 1),
        window=window,
        hop=window,
    )[:4]


@pytest.mark.parametrize(("n_stems", "n_channels"), [(3, 1), (2, 2)])
def test_bss_eval_gives_what_museval_gives(n_stems, n_channels):
    references = noise(n_stems, n_channels, 11000)
    estimates = estimates_of(references)
    references[0, :, 3000:6000] = 0  # a window in which one of them is silent
    ours = bss_eval(references, estimates, 3000)
    theirs = museval_scores(references, estimates, 3000)
    for name, values in zip(RATIOS, theirs, strict=True):
        tolerance = 1e-9 if name == "sdr" else 1e-3
        np.testing.assert_allclose(ours[name], values, atol=tolerance, equal_nan=True)
    assert np.isnan(ours["sdr"]).sum() == n_stems


def test_known_correlations_of_the_references_change_no_score():
    references = noise(3, 2, 9000)
    estimates = estimates_of(references)
    known = bss_eval(references, estimates, 3000, correlations_of(references))
    for metric, ratios in bss_eval(references, estimates, 3000).items():
        np.testing.assert_array_equal(known[metric], ratios)


def test_bss_eval_of_one_short_window_is_that_of_museval():
    references = noise(2, 1, 2000)
    estimates = estimates_of(references)
    ours = bss_eval(references, estimates, 44100)
    theirs = museval_scores(references, estimates, 44100)
    for name, values in zip(RATIOS, theirs, strict=True):
        np.testing.assert_allclose(ours[name], values, atol=1e-3)


def test_bss_eval_does_not_invent_interference_where_references_have_no_energy():
    # as after lossy coding: nothing above 2 kHz. White noise 50 dB below is enough to
    # determine museval's filters; without it, its SIR is lower by some 10 dB or more
    spectrum = np.fft.rfft(noise(2, 1, 2 * SR))
    spectrum[..., 4000:] = 0
    references = np.fft.irfft(spectrum).astype(np.float32)
    estimates = references + 0.1 * references[::-1]
    floor = 10 ** (-50 / 20) * references.std() * noise(*references.shape, seed=2)
    ours = bss_eval(references, estimates, SR)["sir"]
    determined = museval_scores(references + floor, estimates, SR)[2]
    np.testing.assert_allclose(ours, determined, atol=1)


def test_mean_sdr_is_that_of_the_scores():
    references = {"a": noise(2, 30000), "b": noise(2, 30000, seed=3)}
    references["a"][:, 8000:16000] = 0
    estimates = estimates_of(np.stack(list(references.values())))
    scores = separation_scores(
        references, dict(zip(references, estimates, strict=True)), 8000
    )
    sdr = mean_sdr(np.stack(list(references.values())), estimates, 8000)
    assert scores["sdr"] == pytest.approx(sdr)
    assert scores["sdr"] == pytest.approx((scores["sdr_a"] + scores["sdr_b"]) / 2)


def test_si_sdr_is_the_ratio_of_energies_whatever_the_scale():
    reference, distortion = np.eye(2, 1000)[:, None]
    assert si_sdr(reference, reference + 0.1 * distortion) == pytest.approx(20)
    assert si_sdr(reference, 7 * (reference + 0.1 * distortion)) == pytest.approx(20)
