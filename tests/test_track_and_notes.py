"""Tracks give what their files say, whatever they lie beside; notes are in order."""

import os
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import MINI
from solving import module_in

from musaic_core.data.corpus import read_corpus, read_recordings, read_track
from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes, write_midi
from musaic_core.data.recording import Recording, Track


@pytest.fixture(scope="module")
def song():
    return read_corpus(MINI / "songs" / "test")[0]


def test_stems_sum_to_the_recording(song):
    stems = song.stems()
    assert set(stems) == {"drums", "bass", "other", "vocals"}
    y, sr = song.audio()
    assert y.dtype == np.float32
    assert y.shape == (2, round(song.duration * sr))
    np.testing.assert_allclose(sum(stems.values()), y, atol=1e-6)
    assert all(stem.any() for stem in stems.values())


def test_a_recording_of_unknown_stems_has_none(tmp_path):
    soundfile.write(tmp_path / "song.wav", np.ones((100, 2)) / 2, 8000)
    track = Track("song", {"mixture": tmp_path / "song.wav"})
    assert track.stems() is None
    y, sr = track.audio()
    assert (y.shape, sr) == ((2, 100), 8000)
    for annotation in ("notes", "beats", "downbeats", "sections", "chords"):
        assert getattr(track, annotation) is None


def test_a_track_reads_nothing_before_it_is_asked(tmp_path):
    missing = tmp_path / "song.wav"
    track = Track("song", {"mixture": missing}, tmp_path / "song.mid")
    assert track.audio_files == [missing]
    assert track.name == str(missing)
    with pytest.raises(InputError, match=r"song\.wav: no such file"):
        track.audio()


def test_downbeats_are_some_of_the_beats(song):
    assert set(song.downbeats) < set(song.beats)
    assert (np.diff(song.beats) > 0).all()
    assert song.beats[-1] < song.duration


def test_sections_cover_the_music_without_gaps(song):
    sections = song.sections
    assert list(sections) == ["start", "end", "label"]
    np.testing.assert_array_equal(sections["start"][1:], sections["end"][:-1])
    assert sections["start"].iloc[0] <= song.beats[0]
    assert song.beats[-1] < sections["end"].iloc[-1] <= song.duration
    onsets = song.notes.onsets + 0.1  # played up to some 10 ms early
    assert ((onsets > sections["start"].iloc[0]) & (onsets < song.duration)).all()


def test_chords_follow_each_other(song):
    chords = song.chords
    np.testing.assert_array_equal(chords["start"][1:], chords["end"][:-1])


def test_drums_have_no_notes(song):
    assert set(song.notes.parts) == {"bass", "other", "vocals"}


def test_an_unreadable_table_is_refused_by_name(tmp_path):
    (tmp_path / "beats.csv").write_bytes(b"\xff\xfe\x00")
    stems = {"mixture": partial(noise, 0)}
    track = Track("song", stems, beats_from=tmp_path / "beats.csv")
    with pytest.raises(InputError, match=r"beats\.csv: not a readable table"):
        _ = track.beats


# sources of other kinds


def noise(seed, seconds=1.0, sr=8000):
    """Two channels of noise, and their rate."""
    shape = 2, round(seconds * sr)
    return np.random.default_rng(seed).normal(0, 0.1, shape), sr


def beats_every(seconds):
    times = np.arange(0, 1, seconds)
    return pd.DataFrame({"time": times, "position": 1 + np.arange(len(times)) % 4})


def one_note(pitch):
    return Notes.from_rows([(0.1, 0.4, pitch, 80, "")])


def table(label):
    return pd.DataFrame({"start": [0.0], "end": [1.0], "label": [label]})


def made_of_functions():
    return Track(
        "made",
        {"left": partial(noise, 0), "right": partial(noise, 1, sr=8000)},
        notes_from=partial(one_note, 60),
        beats_from=partial(beats_every, seconds=0.1),
        sections_from=partial(table, "verse"),
        chords_from=partial(table, "C:maj"),
    )


def test_audio_and_annotations_may_come_from_functions():
    track = made_of_functions()
    y, sr = track.audio()
    assert (y.dtype, y.shape, sr) == (np.float32, (2, 8000), 8000)
    assert (track.duration, track.rate) == (1.0, 8000)
    np.testing.assert_allclose(y, noise(0)[0] + noise(1)[0], atol=1e-6)
    assert set(track.stems()) == {"left", "right"}
    assert track.audio_files == []
    assert track.name == "made"
    assert track.notes.pitches.tolist() == [60]
    np.testing.assert_allclose(track.beats, np.arange(0, 1, 0.1))
    np.testing.assert_allclose(track.downbeats, [0, 0.4, 0.8])
    assert track.sections["label"].tolist() == ["verse"]
    assert track.chords["label"].tolist() == ["C:maj"]


@pytest.mark.parametrize("from_file", [True, False])
def test_the_middle_of_a_track_is_what_is_amid_it(tmp_path, from_file):
    y, sr = noise(0, seconds=2)
    source = partial(noise, 0, 2)
    if from_file:
        source = tmp_path / "song.wav"
        soundfile.write(source, y.T, sr, subtype="FLOAT")
    track = Track("song", {"mixture": source})
    middle = track.amid(0.5)
    np.testing.assert_allclose(middle.audio()[0], y[:, 6000:10000], atol=1e-6)
    assert middle.audio()[0].shape == (2, 4000)
    assert (middle.duration, track.duration) == (0.5, 2)
    assert track.amid(60).duration == 2
    assert track.amid(60).audio()[0].shape == (2, 16000)
    stems = replace(track, stem_files={"a": source, "b": source}).amid(0.5).stems()
    np.testing.assert_allclose(stems["a"], y[:, 6000:10000], atol=1e-6)


def read_half(file, gain=0.5):
    y, sr = soundfile.read(file, always_2d=True)
    return gain * y.T, sr


@pytest.fixture
def track(tmp_path):
    """Two stems in files, one of them read by a function, and notes."""
    folder = tmp_path / "track"
    folder.mkdir()
    for seed, name in enumerate(("bass", "lead")):
        y, sr = noise(seed)
        soundfile.write(folder / f"{name}.wav", y.T, sr)
    write_midi(one_note(60), folder / "notes.mid")
    return track_in(folder)


def track_in(folder):
    lead = partial(read_half, folder / "lead.wav")
    return Track(
        "song",
        {"bass": folder / "bass.wav", "lead": lead},
        notes_from=folder / "notes.mid",
        tags={"composer": "Anon"},
    )


OTHERWISE = {
    "id": {"id": "other"},
    "middle": {"middle": 0.5},
    "another middle": {"middle": 0.25},
    "annotations": {"notes_from": None},
    "an annotation of another kind": {"beats_from": partial(beats_every, 0.1)},
    "a function's argument": {"beats_from": partial(beats_every, 0.2)},
    "a function": {"beats_from": partial(table, 0.1)},
    "tags": {"tags": {"composer": "Bach"}},
}


def test_tracks_that_differ_in_anything_have_identities_of_their_own(track):
    same = replace(track)
    assert same.identity == track.identity == track_in_same_place(track).identity
    bass, lead = track.stem_files.items()
    others = [replace(track, **changed) for changed in OTHERWISE.values()]
    others += [
        replace(track, stem_files=dict([lead, bass])),  # in another order
        replace(track, stem_files={"bass": lead[1], "lead": bass[1]}),  # swapped
        replace(track, stem_files={"bass": bass[1], "voice": lead[1]}),
        replace(track, stem_files={"bass": bass[1]}),
        replace(
            track, stem_files={**track.stem_files, "lead": partial(lead[1], gain=1)}
        ),
    ]
    digests = [t.identity for t in (track, *others)]
    assert len(set(digests)) == len(digests)
    contents = [t.content for t in (track, *others)]
    assert len(set(contents)) == len(contents)


def track_in_same_place(track):
    return track_in(track.stem_files["bass"].parent)


@pytest.mark.parametrize("name", ["bass.wav", "lead.wav", "notes.mid"])
def test_a_file_that_changes_changes_its_track(track, name):
    # lead.wav is known only as what a function is bound to
    before = track.identity, track.content
    file = track.stem_files["bass"].parent / name
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, (1, 1))
    assert track.identity != before[0]
    assert track.content != before[1]
    os.utime(file, (2, 2))
    assert track.content == track_in_same_place(track).content


def test_the_content_is_that_of_a_copy_elsewhere(track, tmp_path):
    folder = track.stem_files["bass"].parent
    copy = track_in(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert copy.content == track.content
    assert copy.identity != track.identity
    (tmp_path / "elsewhere" / "notes.mid").unlink()
    assert copy.content != track.content


def test_a_function_without_a_name_is_refused_with_a_way_out():
    track = Track("song", {"mixture": lambda: noise(0)})
    with pytest.raises(TypeError, match=r"song: .* functools\.partial"):
        _ = track.identity


def test_a_function_of_a_plugins_file_tells_a_track(tmp_path):
    # which no other module can import by its name
    file = tmp_path / "plugin.py"
    file.write_text("def read(gain): ...\n\n\ndef other(gain): ...\n", "utf-8")
    module = module_in(file)
    sources = (partial(module.read, 1), partial(module.read, 2), module.read)
    sources += (partial(module.other, 1),)
    tracks = [Track("song", {"mixture": source}) for source in sources]
    assert len({track.identity for track in tracks}) == len(tracks)
    again = Track("song", {"mixture": partial(module_in(file).read, 1)})
    assert again.identity == tracks[0].identity


def test_a_recording_exposes_nothing_but_id_audio_and_duration(track):
    recording = Recording(track)
    public = [name for name in dir(recording) if not name.startswith("_")]
    assert public == ["audio", "duration", "id"]
    assert not hasattr(recording, "__dict__")
    assert recording.duration == track.duration


# folders


def test_what_is_no_track_and_no_stem_is_left_out_of_a_corpus(tmp_path):
    y, sr = noise(0)
    for folder in ("song", ".Trash", "@eaDir", ".Spotlight-V100"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "bass.wav", y.T, sr)
    (tmp_path / ".DS_Store").write_bytes(b"\x00")
    (tmp_path / "README.txt").write_text("my songs", encoding="utf-8")
    for junk in ("cover.jpg", "bass.wav.asd", "bass.asd", "._bass.wav", "notes.txt"):
        (tmp_path / "song" / junk).write_bytes(b"\x00")
    (tmp_path / "song" / "old.wav").mkdir()
    soundfile.write(tmp_path / "song" / "Lead.FLAC", y.T, sr, format="FLAC")
    (track,) = read_corpus(tmp_path)
    assert track.id == "song"
    assert list(track.stem_files) == ["lead", "bass"]
    assert track.audio()[0].shape == (2, 8000)


def test_what_is_no_recording_is_left_out_of_a_folder_of_ones_own(tmp_path):
    y, sr = noise(0)
    for folder in ("stems", ".Trash", "@eaDir", "empty"):
        (tmp_path / folder).mkdir()
        if folder != "empty":
            soundfile.write(tmp_path / folder / "bass.wav", y.T, sr)
    for junk in (".DS_Store", "cover.jpg", "song.wav.asd", "._song.wav"):
        (tmp_path / junk).write_bytes(b"\x00")
    soundfile.write(tmp_path / "song.wav", y.T, sr)
    write_midi(one_note(60), tmp_path / "song.mid")
    recording, alone = read_recordings(tmp_path)
    assert (recording.id, alone.id) == ("song.wav", "stems/bass.wav")
    assert recording.notes.pitches.tolist() == [60]
    assert list(alone.stem_files) == ["mixture"]


def test_a_mixture_beside_its_stems_is_left_and_annotations_are_found(tmp_path):
    y, sr = noise(0)
    for stem in ("bass", "lead", "mixture"):
        soundfile.write(tmp_path / f"{stem}.wav", y.T, sr)
    write_midi(one_note(60), tmp_path / "notes.mid")
    track = read_track(tmp_path)
    assert list(track.stem_files) == ["bass", "lead"]
    assert track.notes.pitches.tolist() == [60]
    assert track.beats is track.sections is track.chords is None


def test_audio_that_no_reader_knows_is_named_and_not_passed_over(tmp_path):
    (tmp_path / "bass.m4a").write_bytes(b"no audio")
    with pytest.raises(InputError, match=r"bass\.m4a: .*convert it"):
        read_track(tmp_path).audio()


def test_notes_are_in_the_order_of_their_onsets():
    notes = Notes.from_rows([(2, 3, 60, 80, "b"), (1, 5, 72, 90, "a")])
    assert notes.onsets.tolist() == [1, 2]
    assert notes.pitches.tolist() == [72, 60]
    assert notes.parts.tolist() == ["a", "b"]
    assert notes.hz[1] == pytest.approx(261.6256, abs=1e-3)
    assert Notes.from_rows([]).intervals.shape == (0, 2)


def test_notes_between_two_times_are_those_that_begin_there():
    notes = Notes.from_rows([(1, 5, 72, 90, "a"), (2, 3, 60, 80, "b")])
    assert notes.between(1.5, 9).pitches.tolist() == [60]
    assert notes.between(1.5, 9).intervals.tolist() == [[0.5, 1.5]]
    assert notes.between(0, 2).pitches.tolist() == [72]
    assert notes.intervals.tolist() == [[1, 5], [2, 3]]
