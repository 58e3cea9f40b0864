"""Long recordings go in blocks: the answer of the whole, in little memory."""

import tempfile
import tracemalloc
from dataclasses import replace
from functools import partial

import librosa
import numpy as np
import pytest
import soundfile
from conftest import ROOT
from solving import module_in, plugin

from musaic_core.data.matching import match_notes
from musaic_core.data.recording import Recording, Track
from musaic_core.results.figures import draw_factors
from musaic_core.results.saved import save_spectrograms
from musaic_core.tasks import blocks
from musaic_core.tasks.base import Estimate
from musaic_core.tasks.separation import stored, wiener
from musaic_core.tasks.separation.saved import save_stems
from musaic_core.tasks.separation.stored import StoredSignal, room_for
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.separation.wiener import magnitudes, synthesize, transform
from musaic_core.tasks.structure.features import FEATURES
from musaic_core.tasks.structure.scores import pairwise_f1
from musaic_core.tasks.transcription.spectrogram import spectrogram

SR = 22050


def noise(n_channels, seconds, sr=SR, seed=0):
    shape = n_channels, int(seconds * sr)
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


def peak(function, *arguments):
    """Megabytes that a call takes at most."""
    tracemalloc.start()
    function(*arguments)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


# the answer of the whole


@pytest.mark.parametrize("n_samples", [4096, 20_000, 51_201])
@pytest.mark.parametrize("n_fft", [2048, 4096])
def test_spectra_in_blocks_are_those_of_the_whole(n_samples, n_fft, monkeypatch):
    monkeypatch.setattr(blocks, "FRAMES", 7)
    y = noise(1, 3)[0, :n_samples]
    whole = np.abs(librosa.stft(y, n_fft=n_fft, hop_length=512))
    made = blocks.spectra_in_blocks(y, n_fft, 512)
    np.testing.assert_allclose(made, whole, atol=1e-5)


def test_what_models_see_does_not_depend_on_the_blocks(monkeypatch):
    y = noise(2, 8)
    seen = {
        "notes": lambda: spectrogram(y, SR),
        **{name: partial(feature, y[0]) for name, feature in FEATURES.items()},
        "stems": lambda: magnitudes(y, SR),
        "stems by channel": lambda: magnitudes(y, SR, 3),
    }
    whole = {name: see() for name, see in seen.items()}
    monkeypatch.setattr(blocks, "FRAMES", 50)
    monkeypatch.setattr(wiener, "FRAMES", 50)
    for name, see in seen.items():
        np.testing.assert_allclose(see(), whole[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("phase", ["mixture", "misi"])
@pytest.mark.parametrize("seconds", [0.1, 5.13])
def test_stems_do_not_depend_on_the_blocks(seconds, phase, monkeypatch):
    y, sr = noise(2, seconds, sr=8000), 8000
    shape = 2, *magnitudes(y, sr).shape
    spectrograms = np.abs(np.random.default_rng(1).normal(size=shape))
    spectrograms = spectrograms.astype(np.float32)
    whole = synthesize(y, sr, spectrograms, phase)
    monkeypatch.setattr(wiener, "FRAMES", 20)
    made = synthesize(y, sr, spectrograms, phase)
    np.testing.assert_allclose(made, whole, atol=1e-5)


def test_drums_do_not_depend_on_the_blocks(tmp_path, monkeypatch):
    y = noise(1, 3)
    soundfile.write(tmp_path / "song.wav", y.T, SR, subtype="FLOAT")
    recording = Recording(Track("song", {"mixture": tmp_path / "song.wav"}))
    given = type("Given", (), {"labels": ["bass", "drums", "lead"]})
    module = module_in(ROOT / "solvers/hpss.py")
    solver = module.Solver.get_instance()
    drums = solver.predict(recording, given)["drums"]
    np.testing.assert_allclose(drums, librosa.effects.percussive(y), atol=1e-6)
    monkeypatch.setattr(module, "FRAMES", 40)
    stems = solver.predict(recording, given)
    np.testing.assert_allclose(stems["drums"], drums, atol=1e-6)
    np.testing.assert_allclose(stems["drums"] + 2 * stems["bass"], y, atol=1e-6)


# stems that are too long for memory


def test_stems_that_are_too_long_for_memory_lie_in_files(monkeypatch):
    assert all(isinstance(y, np.ndarray) for y in room_for(2, (2, SR)))
    monkeypatch.setattr(stored, "LARGEST", 2 * 2 * SR * 4 - 1)
    room = room_for(2, (2, SR))
    assert all(isinstance(y, StoredSignal) for y in room)
    y = noise(2, 1)
    for start in range(0, SR, 5000):
        room[0][:, start : start + 5000] = y[:, start : start + 5000]
    assert room[0].shape == y.shape
    assert len(room[0]) == 2
    np.testing.assert_array_equal(room[0], y)
    np.testing.assert_array_equal(room[0][:, 100:200], y[:, 100:200])


def test_files_of_stems_go_with_the_stems(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    signal = StoredSignal((2, 100))
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == 800
    del signal
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_and_what_to_do(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    signal = StoredSignal((2, 100))
    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(OSError, match=r"no room for stems .* \(No space left .*TMPDIR"):
        signal[:, :50] = 1


def test_stems_of_many_recordings_are_kept_in_files(tmp_path, monkeypatch):
    y = noise(2, 1)
    soundfile.write(tmp_path / "song.wav", y.T, SR, subtype="FLOAT")
    track = Track("song", {"mixture": tmp_path / "song.wav"})
    tracks = [replace(track, id=str(number)) for number in range(4)]
    task = Separation([], tracks, ["bass", "drums", "lead"])

    def estimate(recording):
        part, _ = recording.audio()
        return Estimate({"bass": part, "drums": part, "lead": 0.5 * part})

    monkeypatch.setattr(stored, "LARGEST", 5 * y.nbytes)
    made = task.each(task.test, estimate)
    kinds = [type(e.answer["bass"]) for e in made.values()]
    assert kinds == [np.ndarray, np.ndarray, StoredSignal, StoredSignal]
    for stems in (e.answer for e in made.values()):
        assert stems["bass"] is stems["drums"]  # one array, one file
        np.testing.assert_array_equal(stems["bass"], y)
        np.testing.assert_array_equal(stems["lead"], 0.5 * y)
    del made, stems
    (again,) = task.each(task.test[:1], estimate).values()
    assert type(again.answer["bass"]) is np.ndarray  # there is room again


def test_stems_in_files_are_separated_scored_and_saved_alike(tmp_path, monkeypatch):
    y = noise(2, 3)
    stems = {"bass": y, "lead": noise(2, 3, seed=1)}
    files = {name: tmp_path / f"{name}.wav" for name in stems}
    for name, samples in stems.items():
        soundfile.write(files[name], samples.T, SR, subtype="FLOAT")
    track = Track("song", files)
    saved = {}
    for folder in ("memory", "files"):
        made = plugin("objectives/mss.py", phase="mixture")
        made.set_data(train=[track], test=[track])
        (recording,) = made.task.test
        spectrograms = np.stack([magnitudes(s, SR) for s in stems.values()])
        decode = made.task.tune(None)
        description = type("D", (), {"magnitudes": spectrograms, "factors": None})
        answer, _ = decode(description, recording)
        estimate = type("E", (), {"answer": answer, "evidence": None})
        (tmp_path / folder).mkdir()
        (scored,) = made.references.values()
        made.save(scored, estimate, tmp_path / folder)
        saved[folder] = (
            made.score(scored, answer),
            soundfile.read(tmp_path / folder / "bass.ogg")[0],
            dict(np.load(tmp_path / folder / "spectrograms.npz")),
        )
        monkeypatch.setattr(stored, "LARGEST", 0)
    assert all(isinstance(y, StoredSignal) for y in answer.values())
    for of_memory, of_files in zip(*saved.values(), strict=True):
        np.testing.assert_equal(of_files, of_memory)


def test_pictures_of_stems_are_mel_spectrograms_whatever_their_length(tmp_path):
    for seconds in (0.3, 3.0, 60.0):
        y = noise(1, seconds)
        save_spectrograms(y, None, {"bass": y}, SR, tmp_path / "spectrograms.npz")
        with np.load(tmp_path / "spectrograms.npz") as saved:
            picture = saved["estimate bass"]
        mel = librosa.feature.melspectrogram(
            y=y[0],
            sr=SR,
            n_fft=4096,
            hop_length=-(-y.shape[1] // 500),
            n_mels=80,
            fmax=10_000,
        )
        decibels = -librosa.power_to_db(mel, ref=mel.max(), top_db=None)
        assert picture.shape == mel.shape
        assert np.abs(picture - decibels.clip(0, 255)).max() < 1.01  # it is rounded


# memory


def test_pictures_take_little_memory(tmp_path):
    y = noise(2, 400)
    stems = {"bass": y, "lead": y}
    arguments = y, None, stems, SR, tmp_path / "spectrograms.npz"
    assert peak(save_spectrograms, *arguments) < 0.9 * y.nbytes / 1e6


def test_activations_of_an_hour_are_drawn_in_little_memory(tmp_path):
    H = np.zeros((40, 155_000), np.float16)
    H[:20, :77_500] = 1  # what sounds first is drawn first
    arrays = {"templates": np.ones((30, 40), np.float16), "activations": H}
    file = tmp_path / "factors.npz"
    frequencies = np.linspace(50, 5000, 30)
    np.savez(file, **arrays, labels=np.arange(40), frequencies=frequencies, frame=0.02)
    drawn = []
    taken = peak(lambda: drawn.append(draw_factors(file)))
    assert taken < 60  # as numbers of 8 bytes alone they are 50
    lower = drawn[0][400:680, 100:].sum(2)
    left, right = np.array_split(lower, 2, axis=1)
    assert left.mean() > 1.5 * right.mean()


def test_transcription_sees_a_long_recording_in_little_memory(monkeypatch):
    monkeypatch.setattr(blocks, "FRAMES", 500)
    y = noise(1, 100)
    everything = 8 * 2049 * 100 * SR / 512 / 1e6  # its bins
    assert peak(spectrogram, y, SR) < 0.7 * everything


def test_separation_takes_little_more_than_its_stems(monkeypatch):
    monkeypatch.setattr(wiener, "FRAMES", 50)
    y = noise(2, 30)
    spectrograms = np.ones((4, *magnitudes(y, SR).shape), np.float32)
    stems = 4 * y.nbytes / 1e6
    assert peak(synthesize, y, SR, spectrograms) < 2.5 * stems
    everything = transform(y, SR).nbytes / 1e6
    assert peak(magnitudes, y, SR) < 0.7 * everything


def test_many_notes_are_matched_in_little_memory():
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(0, 1000, 4000))
    notes = np.column_stack([onsets, onsets + 0.2, rng.integers(21, 109, 4000)])
    assert peak(match_notes, notes, notes) < 20  # a matrix of all pairs has 128


def test_pairs_of_an_hour_are_counted_in_little_memory():
    bounds = np.arange(0, 3601, 30.0)
    sections = np.stack([bounds[:-1], bounds[1:]], axis=1)
    labels = [str(k % 5) for k in range(len(sections))]
    assert peak(pairwise_f1, sections, labels, sections, labels) < 50  # 1296: all pairs


# rates that Vorbis does not have


@pytest.mark.parametrize("sr", [8000, 48_000, 96_000, 192_000, 384_000])
@pytest.mark.parametrize("n_channels", [1, 2, 6])
def test_stems_of_any_rate_and_number_of_channels_are_saved(tmp_path, sr, n_channels):
    time = np.arange(int(1.5 * sr)) / sr
    y = np.tile(0.3 * np.sin(2 * np.pi * 440 * time), (n_channels, 1))
    save_stems({"bass": y.astype(np.float32)}, sr, tmp_path)
    saved, rate = soundfile.read(tmp_path / "bass.ogg", always_2d=True)
    assert rate == min(sr, 48_000)
    assert saved.shape == (1.5 * rate, n_channels)
    middle = slice(rate // 4, rate)
    expected = np.interp(np.arange(len(saved)) / rate, time, y[0])
    assert np.corrcoef(saved[middle, 0], expected[middle])[0, 1] > 0.99
