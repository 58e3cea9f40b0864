"""MIDI of every kind is read: its times, its pedals, and every note that is struck."""

import struct

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.data.annotations import annotates, read_notes
from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes, read_midi, write_midi


def midi_of(folder, tracks, type=1, division=480):
    """A MIDI file of tracks, each of (tick, message); its notes as rows."""
    file = mido.MidiFile(type=type, ticks_per_beat=division)
    for events in tracks:
        track = file.add_track()
        now = 0
        for tick, message in events:
            track.append(message.copy(time=tick - now))
            now = tick
    file.save(folder / "a.mid")
    return read_midi(folder / "a.mid")


def on(note=60, channel=0, velocity=80):
    return mido.Message("note_on", note=note, channel=channel, velocity=velocity)


def off(note=60, channel=0):
    return mido.Message("note_off", note=note, channel=channel)


def control(number, value, channel=0):
    return mido.Message("control_change", control=number, value=value, channel=channel)


def bpm(tempo):
    return mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))


PLAYED = [(480, on()), (960, off())]  # the second of two quarters


@pytest.mark.parametrize(
    ("tracks", "type", "times"),
    [
        ([PLAYED], 0, [(0.5, 1)]),
        ([[(0, bpm(60)), *PLAYED]], 0, [(1, 2)]),
        ([PLAYED, [(0, bpm(60))]], 1, [(1, 2)]),  # the tempo in another track
        ([PLAYED, [(0, bpm(60)), (720, bpm(120))]], 1, [(1, 1.75)]),
        ([[(720, bpm(30))], PLAYED, [(0, bpm(60))]], 1, [(1, 2.5)]),
        ([[(0, bpm(60)), *PLAYED], PLAYED], 2, [(0.5, 1), (1, 2)]),
    ],
)
def test_midi_of_every_type_has_the_times_of_its_tempi(tracks, type, times, tmp_path):
    notes = midi_of(tmp_path, tracks, type)
    np.testing.assert_allclose(notes.intervals, times)


@pytest.mark.parametrize(
    ("frames", "ticks", "seconds"), [(25, 40, 1), (24, 10, 100 / 24), (29, 100, 0.3337)]
)
def test_midi_in_smpte_frames_has_their_times(frames, ticks, seconds, tmp_path):
    midi_of(tmp_path, [[(0, bpm(60)), (1000, on()), (3000, off())]])
    data = (tmp_path / "a.mid").read_bytes()
    division = struct.pack(">bB", -frames, ticks)
    (tmp_path / "a.mid").write_bytes(data[:12] + division + data[14:])
    notes = read_midi(tmp_path / "a.mid")
    np.testing.assert_allclose(notes.intervals, [[seconds, 3 * seconds]], rtol=1e-3)


def test_midi_in_a_riff_file_is_read(tmp_path):
    midi_of(tmp_path, [PLAYED])
    data = (tmp_path / "a.mid").read_bytes()
    (tmp_path / "a.mid").write_bytes(b"RIFF\x99\0\0\0RMIDdata\x85\0\0\0" + data)
    assert len(read_midi(tmp_path / "a.mid")) == 1


@pytest.mark.parametrize("n_tracks", [0, 1, 2, 9])
def test_chunks_that_are_no_tracks_are_passed_over_and_tracks_counted(
    n_tracks, tmp_path
):
    midi_of(tmp_path, [[], PLAYED])
    data = (tmp_path / "a.mid").read_bytes()
    header = data[:10] + n_tracks.to_bytes(2) + data[12:14]
    alien = b"XFIH\0\0\0\5MTrk\0"
    tracks = data[14:].replace(b"MTrk", alien + b"MTrk") + alien
    (tmp_path / "a.mid").write_bytes(header + tracks)
    assert len(read_midi(tmp_path / "a.mid")) == 1


def raw_midi(folder, events):
    track = b"".join(events)
    chunk = b"MTrk" + len(track).to_bytes(4) + track
    (folder / "a.mid").write_bytes(b"MThd\0\0\0\6\0\0\0\1\1\xe0" + chunk)
    return read_midi(folder / "a.mid")


HALF_A_SECOND = b"\x83\x60"
ON, OFF = HALF_A_SECOND + b"\x90\x3c\x50", HALF_A_SECOND + b"\x3c\0"


@pytest.mark.parametrize(
    "event",
    [
        b"\xff\x59\2\xf8\0",  # a key signature of eight flats
        b"\xff\x59\0",  # of nothing
        b"\xff\x51\1\7",  # a tempo, a frame rate and a meter cut short
        b"\xff\x54\1\xff",
        b"\xff\x58\2\4\2",
        b"\xff\x08\5Piano",  # kinds that mido doesn't know
        b"\xff\x7e\0",
        b"\xf4",
        b"\xf3\1",
        b"\xf0\2\x7e\xf7",
        b"\xf0\x80\x80\x80\2\x7e\xf7",
    ],
)
def test_events_that_no_note_needs_change_none(event, tmp_path):
    notes = raw_midi(tmp_path, [HALF_A_SECOND + event, ON, OFF])
    np.testing.assert_allclose(notes.table(), [(1, 1.5, 60)])
    notes = raw_midi(tmp_path, [ON, HALF_A_SECOND + event, OFF, HALF_A_SECOND + event])
    np.testing.assert_allclose(notes.table(), [(0.5, 1.5, 60)])


def test_what_comes_after_the_end_of_a_track_is_left(tmp_path):
    notes = raw_midi(tmp_path, [ON, OFF, b"\0\xff\x2f\0", bytes(3), ON, OFF])
    np.testing.assert_allclose(notes.table(), [(0.5, 1, 60)])


def test_a_midi_file_that_is_cut_anywhere_is_told(tmp_path):
    notes = Notes.from_rows([(1, 2, 60, 80, "a"), (2, 3, 62, 80, "a")])
    write_midi(notes, tmp_path / "a.mid")
    data = (tmp_path / "a.mid").read_bytes()
    begin = data.index(b"MTrk", data.index(b"MTrk") + 1)
    for size in range(begin + 8, len(data)):
        (tmp_path / "a.mid").write_bytes(data[:size])
        with pytest.raises(ValueError, match="its end is missing"):
            read_midi(tmp_path / "a.mid")


def test_a_track_that_begins_amid_a_message_is_told(tmp_path):
    with pytest.raises(ValueError, match="amid a message"):
        raw_midi(tmp_path, [OFF])


def test_midi_of_many_ticks_is_read_and_written_to_its_end(tmp_path):
    # three minutes at 32767 ticks a quarter, as MAPS has them
    tick = 32767 * 360
    notes = midi_of(tmp_path, [[(tick, on()), (tick + 32767, off())]], division=32767)
    np.testing.assert_allclose(notes.intervals, [[180, 180.5]])
    two_hours = Notes.from_rows([(7200.1, 7200.25, 60, 80, "π"), (1, 2, 60, 9, "a")])
    write_midi(two_hours, tmp_path / "long.mid")
    again = read_midi(tmp_path / "long.mid")
    np.testing.assert_allclose(again.intervals, two_hours.intervals, atol=1e-3)
    other = (
        pretty_midi.PrettyMIDI(str(tmp_path / "long.mid"), charset="utf-8")
        if (pretty_midi.pretty_midi.MAX_TICK > 2e7)
        else None
    )
    assert other is None or len(other.instruments) == 2


@pytest.mark.parametrize(
    ("events", "intervals"),
    [
        ([(0, on()), (960, on()), (960, off()), (1920, off())], [(0, 1), (1, 2)]),
        # struck again without a release
        ([(0, on()), (960, on()), (1920, off())], [(0, 1), (1, 2)]),
        # one note within another of the same key
        ([(0, on()), (480, on()), (960, off()), (1920, off())], [(0, 0.5), (0.5, 2)]),
        # of no length
        ([(960, on()), (960, off())], [(1, 1.01)]),
        # never released
        ([(960, on()), (1920, control(7, 0))], [(1, 2)]),
        ([(960, on())], [(1, 1.01)]),
        # released by the controllers that end all notes
        ([(0, on()), (960, control(123, 0)), (1920, control(7, 0))], [(0, 1)]),
        ([(0, on()), (960, control(120, 0)), (1920, control(7, 0))], [(0, 1)]),
        # a velocity of 0 releases
        ([(0, on()), (960, on(velocity=0)), (1920, control(7, 0))], [(0, 1)]),
        # one key struck twice at once
        ([(0, on()), (0, on()), (960, off()), (960, off())], [(0, 1)]),
        # the pedal holds what all-notes-off releases, until all sound ends
        (
            [
                *((0, on()), (0, control(64, 127)), (480, control(123, 0))),
                *((960, control(120, 0)), (1920, control(64, 0))),
            ],
            [(0, 1)],
        ),
    ],
)
def test_every_note_that_is_struck_is_there_and_ends(events, intervals, tmp_path):
    notes = midi_of(tmp_path, [events])
    np.testing.assert_allclose(notes.intervals, intervals)


def test_notes_that_are_never_released_are_told(tmp_path, capsys):
    midi_of(tmp_path, [[(0, on()), (960, on(64)), (1920, off(64))]])
    assert "a.mid: 1 notes are never released" in capsys.readouterr().out


def test_a_pedal_is_that_of_its_channel_in_whatever_track(tmp_path):
    played = [(0, on(channel=2)), (480, off(channel=2))]
    other = [(0, on(64)), (480, off(64))]
    pedal = [(240, control(64, 127, channel=2)), (1920, control(64, 0, channel=2))]
    notes = midi_of(tmp_path, [played, other, pedal])
    np.testing.assert_allclose(notes.table(), [(0, 2, 60), (0, 0.5, 64)])


@pytest.mark.parametrize("suffix", [".MID", ".midi", ".kar", ".Mid"])
def test_midi_is_known_by_its_suffix_in_any_case(suffix, tmp_path):
    midi_of(tmp_path, [PLAYED])
    file = (tmp_path / "a.mid").rename(tmp_path / f"b{suffix}")
    assert annotates(file, "notes")
    assert len(read_notes(file, 9.0)) == 1


def test_midi_that_ends_too_early_is_told_with_a_reason(tmp_path):
    file = tmp_path / "a.mid"
    file.write_bytes(b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\x10\0\x90")
    with pytest.raises(InputError, match=r"not a readable MIDI file \(its end .+\);"):
        read_notes(file, 5.0)


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


@pytest.mark.parametrize(
    "content",
    [
        b"MThd, but no more of it",
        b"MThd\0\0\0\6\0\0\0\1\1\0",
        b"MThd\0\0\0\6\0\0\0\1\1\0XFIH\0\0\0\1a",
    ],
)
def test_a_midi_file_that_is_cut_off_before_its_tracks_is_not_silence(
    tmp_path, content
):
    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mid: .*export it again, or remove it"):
        read_notes(tmp_path / "a.mid", 1.0)


def test_drums_of_a_midi_file_are_left_out(tmp_path):
    midi = pretty_midi.PrettyMIDI()
    for is_drum in (True, False):
        part = pretty_midi.Instrument(0, is_drum=is_drum)
        part.notes.append(pretty_midi.Note(80, 60 + is_drum, 0.0, 1.0))
        midi.instruments.append(part)
    midi.write(str(tmp_path / "a.mid"))
    assert read_midi(tmp_path / "a.mid").pitches.tolist() == [60]
