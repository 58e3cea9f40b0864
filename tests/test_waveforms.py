"""The networks that separate waveforms, and recordings at its rate."""

import numpy as np
import pytest
import soundfile
import torch
from solving import plugin, solve

from musaic_core.benchmark import solver as base
from musaic_core.data.recording import Track
from musaic_core.learned import mixing, waveforms
from musaic_core.learned.conv_tasnet import ConvTasNet
from musaic_core.learned.unet import ComplexUNet
from musaic_core.learned.wave_unet import WaveUNet
from musaic_core.learned.waveforms import RATE
from musaic_core.tasks.separation import waveforms as at_rates
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.separation.waveforms import resampled, separate_into

LABELS = ["high", "low"]


@pytest.fixture(scope="module", autouse=True)
def short_examples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waveforms, "SECONDS", 1)
        patch.setattr(mixing, "CHECKED", 4)
        yield


def tones(frequencies, seconds, sr, seed=0):
    """Tones of one second each, at random frequencies, in two channels."""
    rng = np.random.default_rng(seed)
    t = np.arange(sr) / sr
    y = [np.sin(2 * np.pi * rng.uniform(*frequencies) * t) for _ in range(seconds)]
    return np.stack([np.concatenate(y)] * 2).astype(np.float32)


def song(seed, seconds=3):
    return {
        "high": tones((1500, 3000), seconds, RATE, seed),
        "low": tones((100, 400), seconds, RATE, seed + 100),
    }


each = pytest.mark.parametrize("network", [ConvTasNet, WaveUNet, ComplexUNet])
SONGS = [(f"song {k}", song(k)) for k in range(3)]


def fit(network, steps=1, seed=0):
    return waveforms.fit(network, SONGS, labels=LABELS, steps=steps, seed=seed)


@each
def test_stems_of_any_length_sum_to_the_mixture(network):
    torch.manual_seed(0)
    built = network(3).eval()
    assert sum(p.numel() for p in built.parameters()) < 700_000
    for length in (1000, 1001, 63, 1):
        x = torch.randn(2, length)
        with torch.no_grad():
            stems = built(x)
            together = waveforms.consistent(stems, x)
        assert stems.shape == together.shape == (2, 3, length)
        torch.testing.assert_close(together.sum(1), x)


def test_weights_of_the_learned_basis_are_not_negative_and_masks_share_them():
    torch.manual_seed(0)
    network, x = ConvTasNet(3).eval(), torch.randn(1, 2000)
    seen = []
    network.decode.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.encode.register_forward_hook(lambda _, __, made: seen.append(made))
    with torch.no_grad():
        network(x)
    encoded, masked = seen
    assert masked.min() == 0
    torch.testing.assert_close(masked.sum(0), torch.relu(encoded)[0])


@pytest.mark.parametrize("network", [WaveUNet, ComplexUNet])
def test_a_sample_of_u_nets_depends_on_less_than_the_context_that_it_is_given(network):
    torch.manual_seed(0)
    y = torch.randn(1, 8 * RATE, requires_grad=True)
    network(2).eval()(y)[0, 0, 4 * RATE].backward()
    reached = np.flatnonzero(y.grad[0].numpy()) / RATE - 4
    assert -at_rates.CONTEXT < reached.min() < -0.5
    assert 0.5 < reached.max() < at_rates.CONTEXT


def test_complex_masks_give_stems_phases_of_their_own_and_are_bounded():
    torch.manual_seed(0)
    network = ComplexUNet(1).eval()
    torch.nn.init.zeros_(network.head.weight)
    t = torch.arange(RATE) / RATE
    cosine, sine = (f(2 * torch.pi * 500 * t)[None] for f in (torch.cos, torch.sin))
    for bias, expected in (((9, 0), cosine), ((0, 9), -sine), ((-9, 0), -cosine)):
        network.head.bias.data = torch.tensor(bias, dtype=torch.float32)
        with torch.no_grad():
            (stem,) = network(cosine)
        inner = slice(2000, -2000)
        torch.testing.assert_close(
            stem[:, inner], expected[:, inner], atol=1e-3, rtol=0
        )


@each
def test_same_seed_gives_same_weights(network):
    state, again, other = (fit(network, seed=seed) for seed in (0, 0, 1))
    for name, array in state.items():
        np.testing.assert_array_equal(again[name], array)
    assert any(not np.array_equal(other[name], a) for name, a in state.items())
    y = song(5)["low"]
    stems = waveforms.separate(network, y, state, 2)
    assert stems.shape == (2, *y.shape)
    np.testing.assert_allclose(stems.sum(0), y, atol=1e-4)


@pytest.mark.slow
@each
def test_stems_that_differ_are_told_apart(network):
    state = fit(network, steps=30)
    stems = song(9)
    y = sum(stems.values())
    made = waveforms.separate(network, y, state, 2)
    for name, found in zip(LABELS, made, strict=True):
        error = ((found - stems[name]) ** 2).sum()
        # a Wave-U-Net takes more steps than a test has to do better than equal parts
        least = 0.5 if network is ConvTasNet else 1.0
        assert error < least * ((y / 2 - stems[name]) ** 2).sum()
    assert state["losses"][-1, 2] < state["losses"][0, 2]


def test_examples_are_disturbed_without_moving_what_is_heard():
    y = tones((300, 600), 1, RATE)[0][: 160 * 90]
    rng = np.random.default_rng(0)
    faster = waveforms._disturbed(y, RATE // 2, rng)
    assert faster.shape == (RATE // 2,)
    assert faster.dtype == np.float32

    def pitch(y):
        return np.abs(np.fft.rfft(y * np.hanning(len(y)))).argmax() / len(y)

    assert pitch(faster) == pytest.approx(pitch(y) * len(y) / len(faster), rel=0.02)


# recordings at other rates


def by_halves(low):
    """A separator that gives a fifth of all to the first stem."""
    return np.stack([0.2 * low, 0.8 * low])


@pytest.mark.parametrize("sr", [8000, 22050, 48000])
def test_stems_are_at_the_rate_of_the_recording_and_sum_to_it(sr, monkeypatch):
    monkeypatch.setattr(at_rates, "SECONDS", 1)
    monkeypatch.setattr(at_rates, "CONTEXT", 1)
    y = np.random.default_rng(0).normal(0, 0.1, (2, 2 * sr + 7)).astype(np.float32)
    stems = np.empty((2, *y.shape), np.float32)
    separate_into(stems, y, sr, RATE, by_halves)
    np.testing.assert_allclose(stems.sum(0), y, atol=1e-5)
    heard = resampled(stems[0], sr, 4000)[:, 400:-400]
    true = resampled(0.2 * y, sr, 4000)[:, 400:-400]
    np.testing.assert_allclose(heard, true, atol=2e-3)


def test_what_the_model_does_not_hear_goes_where_the_last_khz_goes():
    sr = 44100
    t = np.arange(sr) / sr
    rng = np.random.default_rng(0)
    bright = resampled(rng.normal(0, 0.1, (1, RATE)), RATE, sr, sr)
    low = np.sin(2 * np.pi * 200 * t)[None].astype(np.float32)
    above = 0.1 * np.sin(2 * np.pi * 12_000 * t)[None].astype(np.float32)

    def separate(mixture):
        spectrum = np.fft.rfft(mixture)
        spectrum[:, :400] = 0  # below 400 Hz
        high = np.fft.irfft(spectrum, mixture.shape[1])
        return np.stack([high, mixture - high]).astype(np.float32)

    stems = np.empty((2, 1, sr), np.float32)
    separate_into(stems, bright + low + above, sr, RATE, separate)
    there = [np.vdot(stem, above) / np.vdot(above, above) for stem in stems]
    assert there[0] > 0.95
    assert abs(there[1]) < 0.05


@pytest.mark.parametrize(
    ("name", "options"),
    [("conv_tasnet", {}), ("wave_unet", {}), ("unet", {"masks": "complex"})],
)
def test_the_solver_gives_stems_that_sum_to_the_recording(
    name, options, tmp_path, monkeypatch
):
    sr = 22050
    for part, stems in (("train", (300, 3000)), ("test", (320, 2800))):
        for label, hz in zip(LABELS, stems[::-1], strict=True):
            y = tones((hz, hz + 50), 2, sr)
            (tmp_path / part).mkdir(exist_ok=True)
            soundfile.write(tmp_path / part / f"{label}.wav", 0.3 * y.T, sr)
    train, test = (
        Track(part, {n: tmp_path / part / f"{n}.wav" for n in LABELS})
        for part in ("train", "test")
    )
    monkeypatch.setattr(base, "_cache_folder", lambda: tmp_path)
    solver = plugin(f"solvers/{name}.py", steps=1, **options)
    solver.fitted_in = lambda _: (solver.fit([train], solver.given_of(None)), 1.0)
    estimate = solve(Separation([train], [test], LABELS), solver)["test"]
    assert list(estimate.answer) == LABELS
    np.testing.assert_allclose(
        sum(estimate.answer.values()), test.audio()[0], atol=1e-4
    )
    assert estimate.n_parameters == sum(a.size for a in solver._state[0].values())
