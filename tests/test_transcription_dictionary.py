"""Dictionaries of isolated notes: an attack and a sustain of every key and timbre."""

import numpy as np
import soundfile
from conftest import MINI
from solving import factorizer, piano, solve
from transcribing import kullback_leibler, no_audio, tone

from musaic_core.data.corpus import read_corpus
from musaic_core.data.notes import Notes, write_midi
from musaic_core.data.recording import Track
from musaic_core.tasks.transcription.spectrogram import (
    FRAME,
    PITCHES,
    SAMPLE_RATE,
    band_frequencies,
)
from musaic_core.tasks.transcription.task import Transcription


def test_the_dictionary_has_an_attack_and_a_sustain_of_every_key():
    dictionary = piano()[0].dictionary
    assert np.array_equal(dictionary.labels, np.repeat(PITCHES, 2))
    np.testing.assert_allclose(dictionary.templates.sum(0), 1, rtol=1e-5)
    assert Transcription([], []).dictionary is None


def test_the_dictionary_has_the_first_frames_of_every_key():
    task, _ = piano()
    dictionary, (track,) = task.dictionary, task.isolated
    patches, labels = dictionary.patches(5)
    assert patches.shape == (len(dictionary.templates), len(PITCHES), 5)
    np.testing.assert_array_equal(labels, PITCHES)
    np.testing.assert_allclose(patches.sum((0, 2)), 1, rtol=1e-5)
    first = int(track.notes.onsets[-1] / FRAME)
    last_key = task.represent(track)[:, first : first + 5]
    np.testing.assert_allclose(patches[:, -1], last_key / last_key.sum(), rtol=1e-4)


def isolated(folder, sounds):
    """Notes a second apart, each of half a second or as long as it sounds; a track."""
    folder.mkdir()
    y = np.zeros(SAMPLE_RATE * (len(sounds) + 1), np.float32)
    rows = []
    for i, (pitch, seconds) in enumerate(sounds.items()):
        heard, _ = tone(pitch, seconds)
        y[i * SAMPLE_RATE :][: heard.shape[1]] = 0.1 * heard[0]
        rows.append((i, i + 0.5, pitch, 80, ""))
    soundfile.write(folder / "notes.wav", y, SAMPLE_RATE)
    write_midi(Notes.from_rows(rows), folder / "notes.mid")
    files = {"mixture": folder / "notes.wav"}
    return Track(folder.name, files, notes_from=folder / "notes.mid")


def test_an_isolated_note_that_is_silent_leaves_no_template(tmp_path):
    # the windows of its neighbours do not reach the note that is silent
    track = isolated(tmp_path / "a", {50: 0.5, 55: 0.01, 60: 0.0, 70: 0.5})
    dictionary = Transcription([], [], [track]).dictionary
    assert np.isfinite(dictionary.templates).all()
    assert dictionary.labels.tolist() == [50, 50, 55, 70, 70]
    patches, labels = dictionary.patches(4)
    assert np.isfinite(patches).all()
    assert labels.tolist() == [50, 55, 70]


def test_each_timbre_of_a_pitch_has_its_own_entries(tmp_path):
    tracks = [isolated(tmp_path / name, {50: 0.5, 60: 0.5}) for name in "ab"]
    y, sr = tracks[1].audio()
    soundfile.write(tracks[1].stem_files["mixture"], np.diff(y[0]), sr)  # brighter
    dictionary = Transcription([], [], tracks).dictionary
    assert dictionary.labels.tolist() == 2 * [50, 50, 60, 60]
    dull, bright = np.split(dictionary.templates, 2, axis=1)
    centre = [bands @ band_frequencies() for bands in (dull.T, bright.T)]
    assert (centre[1] > 1.1 * centre[0]).all()
    patches, labels = dictionary.patches(3)
    assert labels.tolist() == [50, 60, 50, 60]
    assert not np.allclose(patches[:, :2], patches[:, 2:], atol=1e-3)


def test_isolated_notes_that_cannot_be_read_cost_their_own_entries(tmp_path, capsys):
    good = isolated(tmp_path / "good", {50: 0.5})
    broken = isolated(tmp_path / "broken", {60: 0.5})
    broken.stem_files["mixture"].write_bytes(b"no audio")
    unknown = isolated(tmp_path / "unknown", {61: 0.5})
    unknown.notes_from = None
    odd = Track("odd", {"mixture": no_audio}, notes_from=good.notes_from)
    task = Transcription([], [], [broken, unknown, odd, good])
    assert task.dictionary.labels.tolist() == [50, 50]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line, reason in zip(
        lines,
        ("no sound can be read from it", "which notes are played", "no such entry"),
        strict=True,
    ):
        assert reason in line


def test_where_no_isolated_note_can_be_read_each_row_says_so(tmp_path):
    (good, *_), (_, track) = piano()[0].train, piano()
    task = Transcription(
        [good], [track], [Track("odd", {"mixture": no_audio}, good.notes_from)]
    )
    estimate = solve(task, factorizer(kullback_leibler, "fixed"))[track.id]
    assert "nothing could be read that a dictionary is learned from" in estimate.error


def test_tracks_of_one_name_are_all_learned_from():
    folder = MINI / "piano"
    timbres = [read_corpus(folder / f"train-{t}")[0] for t in ("seen", "unseen")]
    assert timbres[0].id == timbres[1].id
    task = Transcription(timbres, [], timbres)
    seen, unseen = (versions for versions, _ in task.excerpts.values())
    assert seen[0].duration == unseen[0].duration
    n_notes = len(timbres[0].notes)
    assert len(task.dictionary.patches(4)[1]) == 2 * n_notes
