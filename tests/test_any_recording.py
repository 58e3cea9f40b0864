"""Any rate, any number of channels, a second or more: right, or one clear line."""

import numpy as np
import pytest
import soundfile

from musaic_core.data.errors import InputError
from musaic_core.data.recording import Recording, Track
from musaic_core.tasks.separation.task import Separation, StemSpectrograms
from musaic_core.tasks.structure.task import Structure
from musaic_core.tasks.transcription.spectrogram import band_frequencies
from musaic_core.tasks.transcription.task import Transcription


def written(folder, y, sr):
    """A recording of samples (channels, n)."""
    soundfile.write(folder / "song.wav", np.asarray(y).T, sr, subtype="FLOAT")
    return Recording(Track("song", {"mixture": folder / "song.wav"}))


def tone(hertz, seconds, sr):
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * sr)) / sr)


KINDS = [(8000, 1), (11_025, 2), (48_000, 6), (192_000, 2), (384_000, 1)]
of_any_kind = pytest.mark.parametrize(("sr", "n_channels"), KINDS)


@of_any_kind
def test_a_pitch_is_heard_where_it_is(tmp_path, sr, n_channels):
    recording = written(tmp_path, [tone(440, 1, sr)] * n_channels, sr)
    V = Transcription([], [recording]).represent(recording)
    heard = band_frequencies()[V.sum(1).argmax()]
    assert heard == pytest.approx(440, rel=0.03)
    middle = V.sum(0)[10:-10]
    assert middle.min() > 0.9 * middle.max()


@of_any_kind
def test_stems_are_filtered_out(tmp_path, sr, n_channels):
    low, high = (np.stack([tone(f, 1, sr)] * n_channels) for f in (300, 2000))
    recording = written(tmp_path, low + high, sr)
    task = Separation([], [recording], ["low", "high"])
    V = task.represent(recording)
    rows = np.arange(len(V)) < 80  # 1 kHz
    parts = np.stack([V * rows[:, None], V * ~rows[:, None]])
    stems, _ = task.tune(None)(StemSpectrograms(parts), recording)
    middle = slice(sr // 4, 3 * sr // 4)
    np.testing.assert_allclose(stems["low"][:, middle], low[:, middle], atol=0.01)
    np.testing.assert_allclose(stems["high"][:, middle], high[:, middle], atol=0.01)


@of_any_kind
def test_bars_are_those_of_the_beat(tmp_path, sr, n_channels):
    click = tone(880, 0.05, sr) * np.linspace(1, 0, int(0.05 * sr))
    y = np.zeros(8 * sr)
    for beat in np.arange(0.25, 7.5, 0.5):
        y[int(beat * sr) :][: len(click)] = click
    recording = written(tmp_path, [y] * n_channels, sr)
    task = Structure([], [recording])
    assert np.diff(task.bars(recording))[1:-1] == pytest.approx(2, abs=0.1)
    assert task.represent(recording).shape[1] == len(task.bars(recording)) - 1


def test_opposite_phase_is_heard_as_each_channel_alone(tmp_path):
    sr, rng = 22_050, np.random.default_rng(0)
    y = tone(440, 4, sr) + 0.01 * rng.normal(size=4 * sr)
    (tmp_path / "stereo").mkdir()
    alone = written(tmp_path, [y], sr)
    stereo = written(tmp_path / "stereo", [y, -y], sr)
    for task in (Transcription([], []), Separation([], [], ["a", "b"])):
        seen = [task.represent(recording) for recording in (alone, stereo)]
        np.testing.assert_allclose(seen[1], seen[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("task", "seconds"),
    [
        (Transcription([], []), 0.1),
        (Separation([], [], ["a", "b"]), 0.05),
        (Structure([], []), 1.0),
    ],
    ids=["amt", "mss", "msa"],
)
def test_what_is_too_short_is_told_with_what_would_do(tmp_path, task, seconds):
    recording = written(tmp_path, [tone(440, seconds, 22_050)], 22_050)
    with pytest.raises(InputError, match="too short to") as told:
        task.represent(recording)
    assert "least" in str(told.value)
    assert "\n" not in str(told.value)
