"""A broken recording costs its own row, with the reason, and nothing else."""

import shutil

import numpy as np
import pretty_midi
import pytest
import soundfile
from conftest import MINI, MUSIC_TASKS, PIANO

from musaic_core.data.audio import read_audio
from musaic_core.data.corpus import read_track
from musaic_core.data.notes import Notes, write_midi
from musaic_core.data.recording import Track

SR = 22050


@pytest.fixture(scope="module", params=MUSIC_TASKS, ids=lambda task: task.benchmark)
def task(request):
    """A music task, its corpus and its solvers."""
    return request.param


def first_recording(suite, part):
    """Samples (n, channels), sampling rate and folder of a recording."""
    folder = min((suite.root / "datasets/mini" / part / "test").iterdir())
    y, sr = read_track(folder).audio()
    return y.T, sr, folder


@pytest.fixture(scope="module")
def good(original):
    """A piano recording and its notes."""
    y, sr, folder = first_recording(original, "piano")
    return y, sr, folder / "notes.mid"


def empty_file(folder, y, sr):
    (folder / "bad.wav").touch()


def no_samples(folder, y, sr):
    soundfile.write(folder / "bad.wav", np.zeros(0), SR)


def truncated(suffix):
    def make(folder, y, sr):
        file = folder / f"bad.{suffix}"
        soundfile.write(file, y, sr)
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])

    make.__name__ = f"truncated_{suffix}"
    return make


def silent(folder, y, sr):
    soundfile.write(folder / "bad.flac", np.zeros(3 * SR), SR)


def with_samples(value):
    def make(folder, y, sr):
        y = y.copy()
        y[1000] = value
        soundfile.write(folder / "bad.wav", y, sr, subtype="FLOAT")

    make.__name__ = f"with_{value}"
    return make


def text_named_wav(folder, y, sr):
    (folder / "bad.wav").write_text(
        "These are words, not a recording.\n" * 99, encoding="utf-8"
    )


def no_sound(folder, y, sr):
    (folder / "bad.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(5000))


def too_short(folder, y, sr):
    soundfile.write(folder / "bad.wav", y[2 * sr :][: sr // 50], sr)


def beside_a_recording(suffix):
    """A breakage of the annotation of that suffix."""

    def decorate(write):
        def make(folder, y, sr):
            soundfile.write(folder / "bad.wav", y, sr)
            write(folder / f"bad.{suffix}")

        make.__name__ = write.__name__
        return make

    return decorate


@beside_a_recording("mid")
def unreadable_midi(file):
    file.write_bytes(b"MThd, but no more of it")


@beside_a_recording("mid")
def empty_midi_file(file):
    file.touch()


@beside_a_recording("mid")
def truncated_midi(file):
    midi = next(MINI.glob("piano/test/*/notes.mid"))
    data = midi.read_bytes()
    file.write_bytes(data[: len(data) // 2])


@beside_a_recording("mid")
def midi_of_a_longer_recording(file):
    write_midi(Notes.from_rows([(1, 2, 60, 80, ""), (99, 100, 62, 80, "")]), file)


@beside_a_recording("lab")
def unreadable_sections(file):
    file.write_bytes(bytes(range(256)))


@beside_a_recording("lab")
def sections_without_times(file):
    file.write_text("intro\tverse\tchorus\n", encoding="utf-8")


# what is broken, the file to blame, and what to do about it
BROKEN_AUDIO = [
    (empty_file, "bad.wav", "no sound can be read from it; copy it"),
    (no_samples, "bad.wav", "empty; export it again"),
    (silent, "bad.flac", "silent"),
    (with_samples(np.nan), "bad.wav", "NaN or infinite samples; export it again"),
    (with_samples(np.inf), "bad.wav", "NaN or infinite samples; export it again"),
    (text_named_wav, "bad.wav", "no sound can be read from it; copy it"),
    (no_sound, "bad.m4a", "no sound can be read from it; copy it"),
    (too_short, "bad.wav", "too short"),
]
CUT = [truncated(suffix) for suffix in ("wav", "flac", "ogg", "mp3")]
BROKEN_ANNOTATIONS = {
    "amt": [
        (unreadable_midi, "bad.mid", "export it again, or remove it"),
        (empty_midi_file, "bad.mid", "export it again, or remove it"),
        (truncated_midi, "bad.mid", "export it again, or remove it"),
        (midi_of_a_longer_recording, "bad.mid", "1 of 2 notes start after"),
    ],
    "mss": [],
    "msa": [
        (unreadable_sections, "bad.lab", "start, end and label"),
        (sections_without_times, "bad.lab", "start, end and label"),
    ],
}
SAVED = {"amt": "estimate.mid", "mss": "drums.ogg", "msa": "estimate.lab"}


@pytest.fixture(scope="module")
def broken(task):
    """What is broken in the run of a task."""
    return BROKEN_AUDIO + BROKEN_ANNOTATIONS[task.benchmark]


@pytest.fixture(scope="module")
def analysed(original, task, broken, tmp_path_factory):
    """One run over two good recordings and each broken one; the files that are bad."""
    suite = original.copy(tmp_path_factory.mktemp("bad") / "musaic")
    recordings = suite.root / "recordings"
    part = "piano" if task.corpus == PIANO else "songs"
    y, sr, folder = first_recording(suite, part)
    shutil.copytree(folder, recordings / "good")
    soundfile.write(recordings / "unknown.flac", y, sr)
    for make in [make for make, *_ in broken] + CUT:
        folder = suite.root / make.__name__
        folder.mkdir()
        make(folder, y, sr)
        for file in folder.iterdir():
            file.rename(recordings / file.name.replace("bad", make.__name__))
    printed, results = suite.run(
        benchmark=task.benchmark,
        datasets=[f"folder[path={recordings}]"],
        solvers=[task.solvers[0], task.solvers[-1]],
    )
    return suite, recordings, printed, results


def row_of(results, solver, track):
    """The one row of a track whose name starts so."""
    rows = results[results["solver_name"].str.startswith(solver.split("[")[0])]
    return rows[rows["objective_track"].str.startswith(track)].squeeze()


def test_a_broken_file_costs_one_clear_line_and_its_own_row(task, broken, analysed):
    _, recordings, printed, results = analysed
    for make, culprit, advice in broken:
        file = culprit.replace("bad", make.__name__)
        if make is not too_short:  # that is told by a task, which knows no paths
            file = str(recordings / file)
        lines = [line for line in printed.splitlines() if file in line]
        assert len(lines) == 1, (make.__name__, lines)
        assert lines[0].startswith(f"! {file}: ")
        assert advice in lines[0]
        row = row_of(results, task.solvers[0], f"{make.__name__}.")
        assert row["objective_error"] == lines[0].removeprefix("! ")
        assert np.isnan(row["objective_value"])


def test_of_a_file_that_is_cut_what_is_there_is_analysed(task, analysed):
    suite, recordings, printed, results = analysed
    for make in CUT:
        (file,) = recordings.glob(f"{make.__name__}.*")
        lines = [line for line in printed.splitlines() if str(file) in line]
        assert len(lines) == 1, lines
        assert lines[0].endswith("what is there is used; copy it again")
        row = row_of(results, task.solvers[0], f"{make.__name__}.")
        assert row["objective_error"] == ""
        saved = suite.outputs(task.benchmark) / row["objective_files"]
        assert (saved / SAVED[task.benchmark]).stat().st_size


def test_good_recordings_beside_broken_ones_are_scored(task, analysed):
    *_, printed, results = analysed
    assert "Traceback" not in printed
    model = row_of(results, task.solvers[0], "good")
    floor = row_of(results, task.solvers[-1], "good")
    assert model["objective_value"] > 0
    assert np.isfinite(floor["objective_value"])
    assert model["objective_error"] == floor["objective_error"] == ""


def test_every_recording_has_a_row_for_every_solver(broken, analysed):
    *_, results = analysed
    rows = results.groupby("solver_name")["objective_track"].nunique()
    assert rows.tolist() == [len(broken) + len(CUT) + 2] * 2


def test_a_recording_without_reference_is_analysed_and_has_no_score(task, analysed):
    suite, *_, results = analysed
    row = row_of(results, task.solvers[0], "unknown.")
    assert np.isnan(row["objective_value"])
    assert row["objective_error"] == ""
    saved = suite.outputs(task.benchmark) / row["objective_files"]
    assert (saved / SAVED[task.benchmark]).stat().st_size


def test_a_recording_whose_reference_is_broken_is_analysed_all_the_same(task, analysed):
    suite, *_, results = analysed
    for make, *_ in BROKEN_ANNOTATIONS[task.benchmark]:
        row = row_of(results, task.solvers[0], f"{make.__name__}.")
        saved = suite.outputs(task.benchmark) / row["objective_files"]
        assert (saved / SAVED[task.benchmark]).stat().st_size


def test_beats_that_models_are_to_be_told_and_that_are_broken_cost_their_row(
    original, tmp_path
):
    suite = original.copy(tmp_path / "musaic")
    y, sr, _ = first_recording(suite, "songs")
    (suite.root / "songs").mkdir()
    for name in ("good", "bad"):
        soundfile.write(suite.root / f"songs/{name}.wav", y, sr)
    (suite.root / "songs/bad.csv").write_text(
        "no,times\nhere,at all\n", encoding="utf-8"
    )
    _, results = suite.run(
        *("-o", "*[bars=annotated]"),
        benchmark="msa",
        datasets=[f"folder[path={suite.root / 'songs'}]"],
        solvers=["equal_sections"],
    )
    errors = results.set_index("objective_track")["objective_error"]
    assert "time and position" in errors["bad.wav"]
    assert errors["good.wav"] == ""


def test_a_folder_of_broken_recordings_gives_rows_and_no_traceback(suite):
    recordings = suite.root / "recordings"
    recordings.mkdir()
    (recordings / "bad.wav").touch()
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
    y = y[:, 0]
    soundfile.write(tmp_path / "song.mp3", np.stack([y, y], axis=1), sr)
    read, read_sr = read_audio(tmp_path / "song.mp3")
    assert read.dtype == np.float32
    assert read.shape[0] == 2
    assert read_sr == sr
    assert np.corrcoef(read[0, : len(y)], y[: read.shape[1]])[0, 1] > 0.9


def test_a_release_after_the_end_of_the_recording_is_cut(good, tmp_path):
    y, sr, _ = good
    soundfile.write(tmp_path / "song.wav", y, sr)
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes.append(pretty_midi.Note(80, 60, 1.0, 99.0))
    midi.write(str(tmp_path / "song.mid"))
    files = {"mixture": tmp_path / "song.wav"}
    track = Track("song", files, notes_from=tmp_path / "song.mid")
    np.testing.assert_allclose(track.notes.intervals, [[1, len(y) / sr]], atol=1e-3)
