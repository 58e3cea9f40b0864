"""A broken recording costs its own row, with the reason, and nothing else."""

import shutil

import numpy as np
import pretty_midi
import pytest
import soundfile
from conftest import FAST_NMF

from musaic_core.notes import Notes, read_midi, write_midi
from musaic_core.track import InputError, Track, read_audio

SR = 22050


@pytest.fixture(scope="module")
def good(original):
    """A recording and its notes."""
    folder = min((original.root / "datasets/mini/piano/test").iterdir())
    y, sr = soundfile.read(folder / "piano.ogg", dtype="float32")
    return y, sr, folder / "notes.mid"


def empty_file(folder, good):
    (folder / "bad.wav").touch()


def no_samples(folder, good):
    soundfile.write(folder / "bad.wav", np.zeros(0), SR)


def truncated(suffix):
    def make(folder, good):
        y, sr, _ = good
        file = folder / f"bad.{suffix}"
        soundfile.write(file, y, sr)
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])

    make.__name__ = f"truncated_{suffix}"
    return make


def silent(folder, good):
    soundfile.write(folder / "bad.flac", np.zeros(3 * SR), SR)


def with_samples(value):
    def make(folder, good):
        y, sr, _ = good
        y = y.copy()
        y[1000] = value
        soundfile.write(folder / "bad.wav", y, sr, subtype="FLOAT")

    make.__name__ = f"with_{value}"
    return make


def text_named_wav(folder, good):
    (folder / "bad.wav").write_text("These are words, not a recording.\n" * 99)


def other_format(folder, good):
    (folder / "bad.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(5000))


def too_short(folder, good):
    y, sr, _ = good
    soundfile.write(folder / "bad.wav", y[2 * sr :][: sr // 10], sr)


def with_midi(write):
    def make(folder, good):
        y, sr, _ = good
        soundfile.write(folder / "bad.wav", y, sr)
        write(folder / "bad.mid", good)

    make.__name__ = write.__name__
    return make


@with_midi
def unreadable_midi(file, good):
    file.write_bytes(b"MThd, but no more of it")


@with_midi
def empty_midi_file(file, good):
    file.touch()


@with_midi
def truncated_midi(file, good):
    data = good[2].read_bytes()
    file.write_bytes(data[: len(data) // 2])


@with_midi
def midi_of_a_longer_recording(file, good):
    write_midi(Notes.from_rows([(1, 2, 60, 80, ""), (99, 100, 62, 80, "")]), file)


# what is broken, the file to blame, and what to do about it
BROKEN = [
    (empty_file, "bad.wav", "convert it"),
    (no_samples, "bad.wav", "empty; export it again"),
    (truncated("wav"), "bad.wav", "again"),
    (truncated("flac"), "bad.flac", "again"),
    (truncated("ogg"), "bad.ogg", "again"),
    (truncated("mp3"), "bad.mp3", "again"),
    (silent, "bad.flac", "silent"),
    (with_samples(np.nan), "bad.wav", "NaN or infinite samples; export it again"),
    (with_samples(np.inf), "bad.wav", "NaN or infinite samples; export it again"),
    (
        text_named_wav,
        "bad.wav",
        "not a readable WAV, FLAC, Ogg or MP3 file; convert it",
    ),
    (other_format, "bad.m4a", "not a readable WAV, FLAC, Ogg or MP3 file; convert it"),
    (too_short, "bad.wav", "too short"),
    (unreadable_midi, "bad.mid", "export it again, or remove it"),
    (empty_midi_file, "bad.mid", "export it again, or remove it"),
    (truncated_midi, "bad.mid", "export it again, or remove it"),
    (midi_of_a_longer_recording, "bad.mid", "1 of 2 notes start after"),
]


@pytest.fixture(scope="module")
def transcribed(original, good, tmp_path_factory):
    """One run over two good recordings and each broken one; the files that are bad."""
    suite = original.copy(tmp_path_factory.mktemp("bad") / "musaic")
    recordings = suite.root / "recordings"
    recordings.mkdir()
    y, sr, midi = good
    soundfile.write(recordings / "good.wav", y, sr)
    shutil.copy(midi, recordings / "good.mid")
    soundfile.write(recordings / "unknown.flac", y, sr)
    bad = {}
    for make, culprit, _ in BROKEN:
        folder = suite.root / make.__name__
        folder.mkdir()
        make(folder, good)
        for file in folder.iterdir():
            file.rename(recordings / file.name.replace("bad", make.__name__))
        bad[make] = culprit.replace("bad", make.__name__)
    printed, results = suite.run(
        datasets=[f"folder[path={recordings}]"], solvers=[FAST_NMF, "silence"]
    )
    return suite, recordings, bad, printed, results


@pytest.mark.parametrize(
    ("make", "culprit", "advice"), BROKEN, ids=[make.__name__ for make, *_ in BROKEN]
)
def test_a_broken_file_costs_one_clear_line_and_its_own_row(
    transcribed, make, culprit, advice
):
    _, recordings, bad, printed, results = transcribed
    file = str(recordings / bad[make])
    lines = [line for line in printed.splitlines() if file in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"! {file}: ")
    assert advice in lines[0]
    track = results["objective_track"].str.startswith(f"{make.__name__}.")
    nmf = results["solver_name"].str.startswith("nmf")
    row = results[track & nmf].squeeze()
    assert row["objective_error"] == lines[0].removeprefix("! ")
    assert np.isnan(row["objective_value"])


def test_good_recordings_beside_broken_ones_are_scored(transcribed):
    *_, printed, results = transcribed
    assert "Traceback" not in printed
    rows = results[results["objective_track"] == "good.wav"]
    by_solver = rows.set_index(rows["solver_name"].str[:3])
    assert by_solver["objective_value"]["nmf"] > 0.5
    assert by_solver["objective_value"]["sil"] == 0
    assert (by_solver["objective_error"] == "").all()


def test_every_recording_has_a_row_for_every_solver(transcribed):
    *_, results = transcribed
    rows = results.groupby("solver_name")["objective_track"].nunique()
    assert rows.tolist() == [len(BROKEN) + 2] * 2


def test_a_recording_without_reference_is_transcribed_and_has_no_score(transcribed):
    suite, *_, results = transcribed
    rows = results[results["objective_track"] == "unknown.flac"]
    row = rows[rows["solver_name"].str.startswith("nmf")].squeeze()
    assert np.isnan(row["objective_value"])
    assert row["objective_error"] == ""
    assert len(read_midi(suite.outputs() / row["objective_files"] / "estimate.mid"))


def test_a_recording_whose_midi_is_broken_is_transcribed_all_the_same(transcribed):
    suite, *_, results = transcribed
    rows = results[results["objective_track"] == "unreadable_midi.wav"]
    row = rows[rows["solver_name"].str.startswith("nmf")].squeeze()
    assert len(read_midi(suite.outputs() / row["objective_files"] / "estimate.mid"))


def test_a_folder_of_broken_recordings_gives_rows_and_no_traceback(suite, good):
    recordings = suite.root / "recordings"
    recordings.mkdir()
    empty_file(recordings, good)
    printed, results = suite.run(datasets=[f"folder[path={recordings}]"])
    assert "Traceback" not in printed
    assert len(results) == 1
    assert "bad.wav" in results["objective_error"][0]


def test_a_reference_added_later_gives_a_score(suite, good):
    recordings = suite.root / "recordings"
    recordings.mkdir()
    y, sr, midi = good
    soundfile.write(recordings / "song.wav", y, sr)
    _, results = suite.run(datasets=[f"folder[path={recordings}]"])
    assert np.isnan(results["objective_value"][0])
    shutil.copy(midi, recordings / "song.mid")
    _, results = suite.run(datasets=[f"folder[path={recordings}]"])
    assert results["objective_value"][0] > 0.5


def test_mp3_and_stereo_recordings_are_read(good, tmp_path):
    y, sr, _ = good
    soundfile.write(tmp_path / "song.mp3", np.stack([y, y], axis=1), sr)
    read, read_sr = read_audio(tmp_path / "song.mp3")
    assert read.dtype == np.float32
    assert read.shape[0] == 2
    assert read_sr == sr
    assert np.corrcoef(read[0, : len(y)], y[: read.shape[1]])[0, 1] > 0.9


def test_stems_of_different_lengths_are_refused_by_name(good, tmp_path):
    y, sr, _ = good
    files = {name: tmp_path / f"{name}.wav" for name in ("bass", "lead")}
    soundfile.write(files["bass"], y, sr)
    soundfile.write(files["lead"], y[:-1], sr)
    with pytest.raises(
        InputError, match=r"lead\.wav.*export all stems of a track alike"
    ):
        Track("song", files).audio()


def test_a_release_after_the_end_of_the_recording_is_cut(good, tmp_path):
    y, sr, _ = good
    soundfile.write(tmp_path / "song.wav", y, sr)
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes.append(pretty_midi.Note(80, 60, 1.0, 99.0))
    midi.write(str(tmp_path / "song.mid"))
    track = Track("song", {"mixture": tmp_path / "song.wav"}, tmp_path / "song.mid")
    np.testing.assert_allclose(track.notes.intervals, [[1, len(y) / sr]], atol=1e-3)
