"""A folder of one's own is read as it is, and learned from where that is asked for."""

import os
import sys
import unicodedata
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import MINI
from solving import module_in, plugin

from musaic_core.data import corpus
from musaic_core.data.corpus import read_recordings, read_track
from musaic_core.data.errors import InputError, reason_of
from musaic_core.data.notes import Notes, write_midi
from musaic_core.tasks.base import Estimate

SR = 8000


def sound(file, seconds=1.0, seed=0):
    file.parent.mkdir(parents=True, exist_ok=True)
    y = np.random.default_rng(seed).normal(0, 0.1, round(seconds * SR))
    soundfile.write(file, y, SR)


def stems(folder, names, seed=0):
    for i, name in enumerate(names):
        sound(folder / f"{name}.wav", seed=seed + i)


def ids(folder):
    return [track.id for track in read_recordings(folder)]


# what lies in a folder


def test_folders_in_folders_are_read(tmp_path):
    sound(tmp_path / "song.wav")
    sound(tmp_path / "Artist" / "Album" / "01.wav")
    sound(tmp_path / "Artist" / "Album" / "02.wav", seconds=2)
    sound(tmp_path / "Artist" / "Single" / "a.wav")
    stems(tmp_path / "Artist" / "Stems", ("bass", "lead", "mixture"))
    assert ids(tmp_path) == [
        *("song.wav", "Artist/Album/01.wav", "Artist/Album/02.wav"),
        *("Artist/Single/a.wav", "Artist/Stems"),
    ]
    *others, stemmed = read_recordings(tmp_path)
    assert list(stemmed.stem_files) == ["bass", "lead"]
    assert all(list(track.stem_files) == ["mixture"] for track in others)


def test_stems_that_are_a_little_longer_or_broken_stay_those_of_one_track(tmp_path):
    stems(tmp_path / "song", ("bass", "lead"))
    sound(tmp_path / "song" / "voice.wav", seconds=1.05)
    (tmp_path / "song" / "keys.wav").write_bytes(b"no audio")
    (track,) = read_recordings(tmp_path)
    assert list(track.stem_files) == ["bass", "keys", "lead", "voice"]
    with pytest.raises(InputError, match=r"keys\.wav: no sound can be read"):
        track.audio()


def test_a_recording_beside_a_broken_one_is_not_a_stem(tmp_path):
    sound(tmp_path / "album" / "good.wav")
    (tmp_path / "album" / "bad.wav").write_bytes(b"no audio")
    (tmp_path / "broken").mkdir()
    for name in ("a.wav", "b.wav"):
        (tmp_path / "broken" / name).write_bytes(b"")
    names = ["album/bad.wav", "album/good.wav", "broken/a.wav", "broken/b.wav"]
    assert ids(tmp_path) == names
    assert read_recordings(tmp_path)[1].audio()[0].any()


def test_stems_have_one_name_however_it_is_written_and_each_its_own(tmp_path):
    stems(tmp_path / "song", ("Bass", "VOCALS", "Mixture"))
    sound(tmp_path / "song" / "Mixture.flac")
    stems(tmp_path / "other", ("keys", "lead"))
    sound(tmp_path / "other" / "lead.flac")
    mixed = tmp_path / "twice"
    stems(mixed, ("mixture",))
    sound(mixed / "mixture.flac")
    other, song, twice = read_recordings(tmp_path)
    assert list(song.stem_files) == ["bass", "vocals"]
    assert list(other.stem_files) == ["keys", "lead.flac", "lead.wav"]
    assert list(twice.stem_files) == ["mixture"]


def test_hidden_folders_and_side_files_are_left(tmp_path):
    stems(tmp_path / "song", ("bass", "lead"))
    for name in ("cover.jpg", "bass.wav.asd", ".bass.wav", "Thumbs.db"):
        (tmp_path / "song" / name).write_bytes(b"\0")
    for folder in (".@__thumb", "@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN"):
        stems(tmp_path / folder, ("bass", "lead"))
        stems(tmp_path / "song" / folder, ("bass", "lead"))
    (track,) = read_recordings(tmp_path)
    assert track.id == "song"
    assert list(track.stem_files) == ["bass", "lead"]


def test_links_to_nothing_are_told(tmp_path, capsys):
    stems(tmp_path / "stems", ("bass", "lead"))
    (tmp_path / "stems" / "voice.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "song.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "album").symlink_to(tmp_path / "gone")
    song, stemmed = read_recordings(tmp_path)
    assert f"! {tmp_path / 'album'}: a link to nothing" in capsys.readouterr().out
    for track, name in ((song, "song.wav"), (stemmed, "voice.wav")):
        with pytest.raises(InputError, match=f"{name}: no such file"):
            track.audio()


def test_links_are_followed_and_those_upwards_are_not(tmp_path):
    sound(tmp_path / "elsewhere" / "song.wav")
    (tmp_path / "here" / "album").mkdir(parents=True)
    (tmp_path / "here" / "album" / "up").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "album" / "higher").symlink_to(tmp_path)
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    assert ids(tmp_path / "here") == ["link/song.wav"]


def test_links_that_lead_round_and_round_are_followed_once(tmp_path):
    for folder, other in ("ab", "ba"):
        sound(tmp_path / folder / "song.wav")
        (tmp_path / folder / "other").symlink_to(tmp_path / other)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert ids(tmp_path) == [
        *("a/song.wav", "a/other/song.wav", "b/song.wav", "b/other/song.wav")
    ]


def test_a_folder_that_can_not_be_read_costs_nothing_else(
    tmp_path, data, monkeypatch, capsys
):
    for name in ("shut", "open"):
        sound(tmp_path / name / "song.wav")
    listed = corpus.audio_files

    def refuse(folder):
        if folder.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(corpus, "audio_files", refuse)
    assert ids(tmp_path) == ["open/song.wav"]
    told = f"! {tmp_path / 'shut'}: left out: it can't be read (Permission denied)"
    assert told in capsys.readouterr().out
    assert "shut: PermissionError" in data(path=str(tmp_path / "shut"))["missing"]


def test_annotations_are_found_however_their_accents_are_written(tmp_path):
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        folder = tmp_path / form
        sound(folder / unicodedata.normalize(form, "Élan.wav"))
        annotate(folder / unicodedata.normalize(other, "élan.mid"), None)
        (track,) = read_recordings(folder)
        assert track.notes.pitches.tolist() == [60]


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
def test_a_name_that_is_no_unicode_costs_its_own_recording(tmp_path):
    sound(tmp_path / "song.wav")
    (tmp_path / "song.wav").rename(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.wav"))
    (track,) = read_recordings(tmp_path)
    assert track.id == r"caf\udce9.wav"
    with pytest.raises(InputError) as raised:
        track.audio()
    told = reason_of(raised.value, track.id)
    assert told.endswith(r"caf\udce9.wav: its name is not in UTF-8; rename it")


ANNOTATIONS = {
    "notes": {
        "song.MID": None,
        "song.Midi": None,
        "song.txt": "OnsetTime\tOffsetTime\tMidiPitch\n0.1\t0.4\t60\n",
        "song.notes.csv": "0.1,0.4,60\n",
        "SONG_notes.tsv": "onset\toffset\tpitch\n0.1\t0.4\t60\n",
    },
    "beats": {
        "song.csv": "time,position\n0.1,1\n0.4,1\n",
        "song.beats": "0.1 1\n0.4 1\n",
        "song.txt": "0.1\t0.1\t1\n0.4\t0.4\t1\n",
        "song-beats.txt": "0.1\n0.4\n",
    },
    "sections": {
        "song.LAB": "0 1 verse\n",
        "song.txt": "0.0\t1.0\tverse\n",
        "song.sections.csv": "0,1,verse\n",
        "song.tsv": "0\t0.5\tA\n0.5\t1\tB\n",
    },
    "chords": {
        "song.chords.lab": "0 1 C:maj\n",
        "song_chords.txt": "0 1 C:maj\n",
        "song.lab": "0 0.5 N\n0.5 1 Bb:min7/b3\n",
        "song.tsv": "0\t0.5\tF#\n0.5\t1\tA:(3,5)/5\n",
    },
}
CASES = [(kind, name) for kind, files in ANNOTATIONS.items() for name in files]


def annotate(file, content):
    if content is None:
        write_midi(Notes.from_rows([(0.1, 0.4, 60, 80, "")]), file)
    else:
        file.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_annotations_beside_a_recording_are_found_by_name_and_content(
    kind, name, tmp_path
):
    sound(tmp_path / "Song.wav")
    annotate(tmp_path / name, ANNOTATIONS[kind][name])
    (track,) = read_recordings(tmp_path)
    for other in ANNOTATIONS:
        assert (getattr(track, other) is not None) == (other == kind)


def test_a_suffix_that_says_what_a_file_holds_is_believed_first(tmp_path):
    sound(tmp_path / "song.wav")
    for name in ("song.txt", "song.mid"):
        file = tmp_path / name
        annotate(file, None if name == "song.mid" else "0.2 0.4 72\n0.6 0.8 72\n")
    (track,) = read_recordings(tmp_path)
    assert track.notes.pitches.tolist() == [60]


def test_among_stems_annotations_are_named_by_kind_or_for_the_mixture(tmp_path):
    folder = tmp_path / "song"
    stems(folder, ("bass", "drums"))
    annotate(folder / "Notes.mid", None)
    annotate(folder / "mixture.beats", "0.1 1\n0.4 1\n")
    annotate(folder / "drums.txt", "0.1 KD\n0.3 SD\n")  # of a stem
    annotate(folder / "song.lab", "0 1 verse\n")
    track = read_track(folder)
    assert track.notes.pitches.tolist() == [60]
    assert track.beats.tolist() == [0.1, 0.4]
    assert track.sections["label"].tolist() == ["verse"]
    assert track.chords is None


def test_text_that_is_no_annotation_is_left(tmp_path):
    sound(tmp_path / "song.wav")
    sound(tmp_path / "one" / "song.wav")
    (tmp_path / "song.txt").write_text("la la la, 1 2 3\n", encoding="utf-8")
    (tmp_path / "one" / "notes.txt").write_text("taken in 1999\n", encoding="utf-8")
    for track in read_recordings(tmp_path):
        assert track.notes is track.beats is track.sections is track.chords is None


# what is learned from


@pytest.fixture
def data(monkeypatch):
    """What the dataset gives for parameters, where the task learns from songs."""
    module = module_in(MINI.parent / "folder.py")
    task = SimpleNamespace(learns_from="songs")
    benchmark = SimpleNamespace(get_benchmark_objective=lambda: task)
    monkeypatch.setattr(module, "get_running_benchmark", lambda: benchmark)

    def get_data(**parameters):
        names = ("path", "learn_from", "train", "isolated", "hints")
        defaults = dict.fromkeys(names)
        return module.Dataset.get_instance(**defaults | parameters).get_data()

    return get_data


def test_models_learn_from_mini_or_from_another_folder(data, tmp_path):
    for name in ("here", "there"):
        sound(tmp_path / name / "song.wav", seed=len(name))
    sound(tmp_path / "notes" / "piano.wav")
    here, there = tmp_path / "here", str(tmp_path / "there")
    plain = data(path=str(here))
    assert {t.audio_files[0].parent.parent.name for t in plain["train"]} == {
        *("train-seen", "train-unseen")
    }
    assert data(path=str(here), learn_from="Piano")["train"]
    own = data(path=str(here), train=there, isolated=str(tmp_path / "notes"))
    assert [t.audio_files[0].parent.name for t in own["train"]] == ["there"]
    assert [t.id for t in own["isolated"]] == ["piano.wav"]


def test_what_can_not_be_learned_from_is_said(data, tmp_path):
    sound(tmp_path / "song.wav")
    here = str(tmp_path)
    assert "set train=leave_one_out" in data(path=here, train=here)["missing"]
    alone = data(path=here, train="leave_one_out")["missing"]
    assert f"{next(tmp_path.rglob('*.wav'))}: it is the only recording" in alone
    assert "choose piano, quartets" in data(path=here, learn_from="jazz")["missing"]
    assert "no recordings in 123;" in data(path=123)["missing"]
    assert "name the folder" in data(path=f"{here}/song.wav")["missing"]
    assert "no recordings" in data(path=here, train=f"{here}/none")["missing"]
    for name in ("above/part/other.wav", "copy/renamed.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes((tmp_path / "song.wav").read_bytes())
    above, part = str(tmp_path / "above"), str(tmp_path / "above" / "part")
    copy = str(tmp_path / "copy")
    for path, train in ((above, part), (part, above), (here, copy), (copy, part)):
        assert "leave_one_out" in data(path=path, train=train)["missing"]


def test_recordings_are_not_read_to_be_told_from_others_of_another_size(
    data, tmp_path, monkeypatch
):
    def digest(file, name):
        raise AssertionError(f"{file} is read")

    sound(tmp_path / "here" / "song.wav")
    sound(tmp_path / "there" / "song.wav", seconds=2)
    for folder in ("here", "there"):
        (tmp_path / folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    monkeypatch.setattr("hashlib.file_digest", digest)
    assert "missing" not in data(path=str(tmp_path / "here"))
    there = str(tmp_path / "there")
    assert "missing" not in data(path=str(tmp_path / "here"), train=there)


def test_songs_of_mini_that_are_learned_from_are_not_scored_on(data):
    songs = str(MINI / "songs" / "train-seen")
    assert "recordings in common" in data(path=songs)["missing"]


@pytest.mark.parametrize("name", ["mss", "amt", "msa"])
def test_with_leave_one_out_each_recording_is_left_out_of_what_is_learned(
    name, data, tmp_path
):
    for number in range(3):
        stems(tmp_path / str(number), ("bass", "lead"), seed=number)
    given = data(path=str(tmp_path), train="leave_one_out")
    parameters = {
        "amt": {},
        "mss": {"phase": "mixture"},
        "msa": {"feature": "nn_log_mel", "segmentation": "cbm", "bars": "heard"},
    }
    objective = plugin(f"objectives/{name}.py", **parameters[name])
    objective.set_data(**given)
    folds = [make() for make in objective.task.folds]
    assert [[t.id for t in fold.test] for fold in folds] == [["0"], ["1"], ["2"]]
    assert [[t.id for t in fold.train] for fold in folds] == [
        ["1", "2"],
        ["0", "2"],
        ["0", "1"],
    ]


def test_a_solver_learns_anew_for_each_recording_that_is_left_out(
    data, tmp_path, monkeypatch
):
    monkeypatch.setattr("musaic_core.benchmark.solver._cache_folder", lambda: tmp_path)
    for number in range(3):
        stems(tmp_path / str(number), ("bass", "lead"), seed=number)
    objective = plugin("objectives/mss.py", phase="mixture")
    objective.set_data(**data(path=str(tmp_path), train="leave_one_out"))
    solver = plugin("solvers/mixture.py")
    learned = []
    solver.fit = lambda train, given: learned.append([t.id for t in train]) or {}
    solver.fitted_in = lambda folders: (solver.fit(solver.task.train, None), 2.0)
    solver.predict = lambda recording, state, given: {"bass": recording.audio()[0]}
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    assert learned == [["1", "2"], ["0", "2"], ["0", "1"]]
    result = solver.get_result()
    assert list(result["estimates"]) == ["0", "1", "2"]
    assert all(
        type(e) is Estimate and not e.error for e in result["estimates"].values()
    )
    assert result["time_fit"] >= 6
