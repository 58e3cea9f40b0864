"""Tracks give what their files say; notes survive their MIDI files."""

import numpy as np
import pretty_midi
import pytest
import soundfile
from conftest import MINI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.data.notes import Notes, read_midi, write_midi
from musaic_core.data.track import InputError, Track, read_corpus


@pytest.fixture(scope="module")
def song():
    return read_corpus(MINI / "songs" / "test")[0]


def test_stems_sum_to_the_recording(song):
    stems = song.stems()
    assert set(stems) == {"drums", "bass", "chords", "lead"}
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
    assert track.files == [missing, tmp_path / "song.mid"]
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
    assert set(song.notes.parts) == {"bass", "chords", "lead"}


def test_an_unreadable_table_is_refused_by_name(tmp_path):
    (tmp_path / "beats.csv").write_bytes(b"\xff\xfe\x00")
    track = Track("song", {}, beats_file=tmp_path / "beats.csv")
    with pytest.raises(InputError, match=r"beats\.csv: not a readable table"):
        _ = track.beats


struck = st.lists(
    st.tuples(
        st.integers(0, 20),  # which of the key's turns of a second
        st.floats(0, 0.4),
        st.floats(0.01, 0.5),
        st.integers(0, 127),
        st.integers(1, 127),
        st.sampled_from(["piano", "bass"]),
    ),
    max_size=25,
    unique_by=lambda note: (note[0], note[3], note[5]),
)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(struck=struck)
def test_notes_survive_their_midi_file_to_a_millisecond(struck, tmp_path):
    notes = Notes.from_rows(
        (turn + onset, turn + onset + length, pitch, velocity, part)
        for turn, onset, length, pitch, velocity, part in struck
    )
    write_midi(notes, tmp_path / "notes.mid")
    again = read_midi(tmp_path / "notes.mid")
    assert len(again) == len(notes)

    def in_order(notes):
        order = sorted(
            range(len(notes)),
            key=lambda i: (notes.parts[i], notes.pitches[i], notes.onsets[i]),
        )
        return [column[order] for column in vars(notes).values()]

    (before, *rest_before), (after, *rest_after) = in_order(notes), in_order(again)
    np.testing.assert_allclose(after, before, atol=1e-3)
    for column_before, column_after in zip(rest_before, rest_after, strict=True):
        np.testing.assert_array_equal(column_after, column_before)


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


def midi_with_pedal(file, notes, pedal):
    midi = pretty_midi.PrettyMIDI(resolution=960)
    piano = pretty_midi.Instrument(0, name="piano")
    piano.notes = [pretty_midi.Note(80, pitch, on, off) for pitch, on, off in notes]
    piano.control_changes = [
        pretty_midi.ControlChange(64, value, time) for time, value in pedal
    ]
    midi.instruments.append(piano)
    midi.write(str(file))
    return read_midi(file)


@pytest.mark.parametrize(
    ("pedal", "offset"),
    [
        ([], 2.0),
        ([(1.5, 127), (3.0, 0)], 3.0),  # released under the pedal: until it rises
        ([(0.2, 127), (0.9, 0)], 2.0),  # it rose before
        ([(2.5, 127), (3.0, 0)], 2.0),  # pressed too late to hold the note
        ([(1.5, 63), (3.0, 0)], 2.0),  # not pressed far enough
        ([(1.5, 64), (2.2, 100), (3.0, 63)], 3.0),
        ([(1.5, 127)], 2.0),  # it never rises
    ],
)
def test_the_sustain_pedal_holds_a_note_until_it_rises(tmp_path, pedal, offset):
    notes = midi_with_pedal(tmp_path / "a.mid", [(60, 1.0, 2.0)], pedal)
    np.testing.assert_allclose(notes.intervals, [[1.0, offset]], atol=1e-3)


def test_a_held_note_ends_where_its_key_is_struck_again(tmp_path):
    struck = [(60, 1.0, 1.5), (64, 1.0, 1.5), (60, 2.0, 2.5)]
    notes = midi_with_pedal(tmp_path / "a.mid", struck, [(1.2, 127), (4.0, 0)])
    assert notes.pitches.tolist() == [60, 64, 60]
    np.testing.assert_allclose(
        notes.intervals, [[1.0, 2.0], [1.0, 4.0], [2.0, 4.0]], atol=1e-3
    )


def test_drums_of_a_midi_file_are_left_out(tmp_path):
    midi = pretty_midi.PrettyMIDI()
    for is_drum in (True, False):
        part = pretty_midi.Instrument(0, is_drum=is_drum)
        part.notes.append(pretty_midi.Note(80, 60 + is_drum, 0.0, 1.0))
        midi.instruments.append(part)
    midi.write(str(tmp_path / "a.mid"))
    assert read_midi(tmp_path / "a.mid").pitches.tolist() == [60]
