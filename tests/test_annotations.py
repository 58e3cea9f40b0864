"""Annotations are read in the forms that corpora and tools write."""

import json

import numpy as np
import pytest

from musaic_core.data.annotations import (
    annotates,
    read_beats,
    read_intervals,
    read_notes,
    read_sections,
)
from musaic_core.data.errors import InputError
from musaic_core.data.recording import Track

SONG = [(0.0, 10.0, "intro"), (10.0, 25.5, "verse one"), (25.5, 40.0, "chorus")]


def written(folder, name, content):
    file = folder / name
    if isinstance(content, str):
        content = content.encode()
    file.write_bytes(content)
    return file


def jam(namespace, rows):
    keys = "time", "duration", "value", "confidence"
    data = [dict(zip(keys, (*row, None), strict=True)) for row in rows]
    beside = {"namespace": "tag_open", "data": []}
    return json.dumps({"annotations": [beside, {"namespace": namespace, "data": data}]})


def layer(points, units="", subtype=""):
    """A layer of Sonic Visualiser at 1000 frames a second."""
    attributes = (" ".join(f'{k}="{v}"' for k, v in point.items()) for point in points)
    text = "".join(f"<point {each} />" for each in attributes)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n<sv>'
        f'<data><model type="sparse" sampleRate="1000" units="{units}" '
        f'subtype="{subtype}" />'
        f'<dataset id="1" dimensions="3">{text}</dataset></data></sv>'
    )


# sections


def lines(separator, ending="\n"):
    return "".join(f"{separator.join(map(str, row))}{ending}" for row in SONG)


SECTIONS = {
    "tabs.lab": lines("\t"),
    "blanks.lab": lines("  "),
    "windows.lab": lines("\t", "\r\n"),
    "mac.LAB": lines(" ", "\r"),
    "no-last-line-end.lab": lines("\t").rstrip(),
    "bom.lab": lines("\t").encode("utf-8-sig"),
    "utf16.lab": lines("\t").encode("utf-16"),
    "utf16-be-without-mark.lab": lines("\t").encode("utf-16-be"),
    "commas.csv": lines(","),
    "quotes.csv": '0,10,"intro"\n10,25.5,"verse one"\n25.5,40,"chorus"\n',
    "semicolons.CSV": "0,0;10,0;intro\n10,0;25,5;verse one\n25,5;40,0;chorus\n",
    "clock.txt": "0:00\t0:10\tintro\n0:10\t0:25.5\tverse one\n0:25.5\t0:40\tchorus\n",
    "clock.csv": "start,end,label\n0:00,0:10,intro\n0:10,0:25.5,verse one\n"
    "0:25.5,0:00:40,chorus\n",
    "header.csv": f"start,end,label\n{lines(',')}",
    "other-names.tsv": f"Onset (s)\tOffset (s)\tSegment\n{lines(chr(9))}",
    "label-first.csv": "label,start,end\n"
    + "".join(f"{label},{start},{end}\n" for start, end, label in SONG),
    "durations.csv": "TIME,VALUE,DURATION,LABEL\n"
    "0,1,10,intro\n10,2,15.5,verse one\n25.5,3,14.5,chorus\n",
    "sonic-visualiser.csv": "0.0,0,10.0,intro\n10.0,3,15.5,verse one\n"
    "25.5,5,14.5,chorus\n",
    "values.csv": "0.0,1,intro\n10.0,2,verse one\n25.5,3,chorus\n",
    "audacity.txt": "0.000000\t10.000000\tintro\n\\\t100.0\t200.0\n"
    "10.000000\t25.500000\tverse one\n25.500000\t40.000000\tchorus\n",
    "audacity-points.txt": "0\t0\tintro\n10\t10\tverse one\n25.5\t25.5\tchorus\n",
    "starts.txt": "0\tintro\n10\tverse one\n25.5\tchorus\n40\tEnd\n",
    "comments.lab": f"# by hand\n\n{lines(chr(9))}\n\n",
    "song.jams": jam("segment_open", [(s, e - s, label) for s, e, label in SONG]),
    "song.svl": layer(
        {"frame": int(1000 * s), "duration": int(1000 * (e - s)), "label": label}
        for s, e, label in SONG
    ),
    "rounded.lab": "0.01 10.02 intro\n10.0 25.5 verse one\n25.46 40.03 chorus\n",
}


@pytest.mark.parametrize("name", SECTIONS)
def test_sections_are_read_in_every_form(name, tmp_path):
    file = written(tmp_path, name, SECTIONS[name])
    sections = read_sections(file, 40.0)
    times = sections[["start", "end"]].to_numpy()
    np.testing.assert_allclose(times, [row[:2] for row in SONG], atol=0.041)
    np.testing.assert_array_equal(times[1:, 0], times[:-1, 1])
    assert times[0, 0] == 0
    assert times[-1, 1] == 40
    assert [label.split("1 ")[-1] for label in sections["label"]] == [
        "intro",
        "verse one",
        "chorus",
    ]
    assert annotates(file, "sections")


def test_letters_beyond_ascii_are_those_of_the_file_in_each_encoding(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"):
        file = written(tmp_path, "a.lab", "0\t9\tStrophe für zwei".encode(encoding))
        assert read_sections(file, 9)["label"].tolist() == ["Strophe für zwei"]


def test_numbers_may_be_labels(tmp_path):
    for text in ("0 10 1\n10 20 2\n20 30 1\n", "0 1\n10 2\n20 1\n"):
        sections = read_sections(written(tmp_path, "a.lab", text), 30.0)
        assert sections.to_numpy().tolist() == [
            [0, 10, "1"],
            [10, 20, "2"],
            [20, 30, "1"],
        ]


@pytest.mark.parametrize("end", ["", "30 End\n"])
@pytest.mark.parametrize("first", ["a", "Silence"])
def test_sections_that_only_have_small_letters_are_read(first, end, tmp_path):
    text = f"0 {first}\n10 b\n20 a\n{end}"
    sections = read_sections(written(tmp_path, "a.lab", text), 30.0)
    assert sections.to_numpy().tolist() == [
        [0, 10, first],
        [10, 20, "b"],
        [20, 30, "a"],
    ]


def test_large_sections_of_salami_are_read(tmp_path):
    text = (
        "0.0\tSilence\n0.5\tA, a, Intro, (guitar\n8.1\tb\n16.0\tB, b, Verse, guitar)\n"
        "24\tb'\n32.0\tA', a, Outro\n40.2\tSilence\n41.0\tEnd\n"
    )
    sections = read_sections(written(tmp_path, "textfile1.txt", text), 41.0)
    assert sections["label"].tolist() == ["Silence", "A", "B", "A'", "Silence"]
    assert sections["start"].tolist() == [0, 0.5, 16, 32, 40.2]
    assert sections["end"].iloc[-1] == 41


def test_rounding_is_told_once_a_file_and_what_ends_late_is_cut(tmp_path, capsys):
    text = "0 10.001 a\n10 20 b\n20.001 30 c\n30 29.99 d\n30 45 e\n"
    file = written(tmp_path, "a.lab", text)
    for _ in range(2):
        sections = read_sections(file, 40.0)
    assert sections["end"].tolist() == [10, 20.001, 30, 40]
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "below 50 ms are closed" in line] == [
        f"! {file}: 3 overlaps or gaps below 50 ms are closed"
    ]
    assert sum("ends at 45 s, and the recording at 40.00 s" in p for p in printed) == 1


BAD_SECTIONS = {
    "0 10 a\n9 20 b\n": "line 2: starts at 9 s, before what is above it ends at 10 s",
    "10 0 a\n20 10 b\n40 20 c\n": "line 1: ends at 0 s, before its start at 10 s",
    "0 10 a\n20 19.9 b\n": "line 2: ends at 19.9 s, before its start at 20 s",
    "# c\n\n0 10 a\n1x 20 b\n20 30 c\n": "line 4: '1x' is no number",
    "0 10 a\n10 b\n20 30 c\n": "line 2: 'b' is no number",
    "-3 10 a\n": "line 1: -3 s is before the recording",
    "0 10 a\n10 20 b\n50 60 c\n": "line 3: 50 s is after the recording's end",
    "intro verse chorus\n": "line 1: 'intro' is no number; sections are start, end",
    "": "not a readable table of sections (it has no sections)",
}


@pytest.mark.parametrize("text", BAD_SECTIONS)
def test_an_error_says_the_line_and_what_is_wrong_with_it(text, tmp_path):
    file = written(tmp_path, "a.lab", text)
    with pytest.raises(InputError) as raised:
        read_sections(file, 40.0)
    assert str(raised.value).startswith(f"{file}: {BAD_SECTIONS[text]}")
    assert "\n" not in str(raised.value)


def test_chords_are_stretches_like_sections(tmp_path):
    file = written(tmp_path, "a.lab", "0.0 2.612 N\n2.612 11.459 E:min/5\n")
    assert read_intervals(file, 20.0)["label"].tolist() == ["N", "E:min/5"]
    file = written(tmp_path, "a.jams", jam("chord", [(0.0, 2.0, "N"), (2, 1, "C")]))
    assert read_intervals(file, 20.0).to_numpy().tolist() == [[0, 2, "N"], [2, 3, "C"]]


# beats

BEATS = {
    "beats.csv": "time,position\n0.5,1\n1.0,2\n1.5,1\n",
    "song.beats": "0.5\t1\n1.0\t2\n1.5\t1\n",
    "song.txt": "0.5 1\n1.0 2\n1.5 1\n",
    "audacity.txt": "0.5\t0.5\t1\n1.0\t1.0\t2\n1.5\t1.5\t1\n",
    "bar-and-beat.csv": "0.5,1.1\n1.0,1.2\n1.5,2.1\n",
    "song.svl": layer(
        {"frame": frame, "label": label}
        for frame, label in ((500, "1.1"), (1000, "1.2"), (1500, "2.1"))
    ),
    "song.jams": jam("beat", [(0.5, 0.0, 1), (1.0, 0.0, 2), (1.5, 0.0, 1.0)]),
    "positions.jams": jam(
        "beat_position",
        [(t, 0.0, {"position": p, "measure": 1}) for t, p in [(0.5, 1), (1, 2)]]
        + [(1.5, 0.0, {"position": 1, "measure": 2})],
    ),
    "twice.beats": "0.5 1\n0.5 1\n1.0 2\n1.5 1\n",
}


@pytest.mark.parametrize("name", BEATS)
def test_beats_are_read_in_every_form(name, tmp_path):
    file = written(tmp_path, name, BEATS[name])
    beats = read_beats(file, 2.0)
    assert beats["time"].tolist() == [0.5, 1.0, 1.5]
    assert beats["position"].tolist() == [1, 2, 1]
    assert annotates(file, "beats")
    assert not annotates(file, "notes")


@pytest.mark.parametrize("text", ["0.5\n1.0\n1.5\n", "0.5,New Point\n1.0,New Point\n"])
def test_beats_without_positions_have_no_downbeats(text, tmp_path):
    file = written(tmp_path, "a.csv", text)
    track = Track("a", {"mixture": one_second}, beats_from=file)
    assert track.beats.tolist() == [0.5, 1.0, 1.5][: len(text.split("\n")) - 1]
    assert track.downbeats is None


@pytest.mark.parametrize("label", ["", "New Point"])
def test_points_that_sonic_visualiser_names_itself_are_beats(label, tmp_path):
    points = [{"frame": frame, "label": label} for frame in (500, 1000, 1500)]
    for name, text in (
        ("a.svl", layer(points)),
        ("a.csv", f"0.5,{label}\n1.0,{label}\n1.5,{label}\n"),
    ):
        file = written(tmp_path, name, text)
        assert annotates(file, "beats")
        assert not annotates(file, "sections")


def test_a_text_that_begins_with_times_is_what_its_name_says(tmp_path):
    for text, kinds in (
        ("0 1 1\n0.5 2 1\n", ["notes", "beats", "sections"]),
        ("0 1\n0.5 2\n", ["notes", "beats", "sections"]),
        ("0 1 verse\n1 2 chorus\n", ["beats", "sections"]),
        ("La la la\n", []),
    ):
        file = written(tmp_path, "a.txt", text)
        named = [
            kind
            for kind in ("notes", "beats", "sections")
            if annotates(file, kind, named=True)
        ]
        assert named == kinds


def one_second():
    return np.ones((1, 16000)), 8000


def test_too_few_downbeats_are_blamed_on_their_file(tmp_path):
    file = written(tmp_path, "a.csv", "time,position\n0.5,2\n1.0,1\n")
    track = Track("a", {"mixture": one_second}, beats_from=file)
    with pytest.raises(InputError, match=r"a\.csv: 1 of its beats begin a bar"):
        _ = track.downbeats


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0.5 1\n0.2 2\n", "line 2: the beat at 0.2 s comes after one at 0.5 s"),
        ("0.5 1\n7.5 2\n8 1", "line 2: 7.5 s is after the recording's end at 2.00 s"),
        ("0.5 1\n1 2\n1.5 1\n2.6 2", "line 4: 2.6 s is after the recording's end"),
        ("0.5 1\n2.5 1", "line 2: 2.5 s is after the recording's end"),
        ("0.5 1\n1 two\n", "line 2: 'two' is no number; beats are time and position"),
    ],
)
def test_beats_that_are_wrong_are_told_by_line(text, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        read_beats(written(tmp_path, "a.beats", text), 2.0)


def test_the_last_beat_may_end_the_last_bar_after_the_recording(tmp_path):
    file = written(tmp_path, "a.beats", "0.5 1\n1 2\n1.5 1\n2.5 1\n")
    assert read_beats(file, 2.0)["time"].tolist() == [0.5, 1, 1.5, 2.5]


# notes

NOTES = {
    "maps.txt": "OnsetTime\tOffsetTime\tMidiPitch\r\n0.5\t1\t60\r\n1\t2.5\t43\r\n\r\n",
    "musicnet.csv": "start_time,end_time,instrument,note,start_beat,end_beat,"
    "note_value\n22050,44100,43,60,4.0,1.5,Dotted Quarter\n"
    "44100,110250,42,43,5.0,1.5,Quarter\n",
    "no-names.txt": "0.5 1.0 60\n1.0 2.5 43\n",
    "layer.csv": "0.5,60,0.5,0.8,New Note\n1.0,43,1.5,0.8,New Note\n",
    "layer-with-names.csv": "TIME,VALUE,DURATION,LEVEL,LABEL\n"
    "0.5,60,0.5,0.8,New Note\n1.0,43,1.5,0.8,New Note\n",
    "melody.csv": "0.5,261.63,0.5\n1.0,98.0,1.5\n",
    "urmp.txt": "0.5\t\t261.63\t\t0.5\n1.0\t\t98.0\t\t1.5\n",
    "named.tsv": "onset\tfrequency (Hz)\tduration\n0.5\t261.63\t0.5\n1.0\t98\t1.5\n",
    "backwards.csv": "onset,duration,midi_pitch\n1.0,1.5,43.2\n0.5,0.5,59.9\n",
    "song.jams": jam("note_midi", [(0.5, 0.5, 60.1), (1.0, 1.5, 42.9)]),
    "hz.jams": jam("note_hz", [(0.5, 0.5, 261.63), (1.0, 1.5, 98.0)]),
    "song.svl": layer(
        [
            {"frame": 500, "value": 60, "duration": 500, "level": 0.8, "label": ""},
            {"frame": 1000, "value": 43, "duration": 1500, "level": 1, "label": ""},
        ],
        units="MIDI Pitch",
    ),
    "without-units.svl": layer(
        [
            {"frame": 500, "value": 60, "duration": 500, "label": ""},
            {"frame": 1000, "value": 43, "duration": 1500, "label": ""},
        ],
        subtype="note",
    ),
    "bass.svl": layer(
        [
            {"frame": 500, "value": 261.6, "duration": 500, "label": "C"},
            {"frame": 1000, "value": 98, "duration": 1500, "label": "G"},
        ],
        units="Hz",
    ),
}


@pytest.mark.parametrize("name", NOTES)
def test_lists_of_notes_are_read_in_every_form(name, tmp_path):
    file = written(tmp_path, name, NOTES[name])
    notes = read_notes(file, 2.0)  # the last release rings on
    np.testing.assert_allclose(notes.table(), [(0.5, 1, 60), (1, 2, 43)])
    assert annotates(file, "notes")
    assert not annotates(file, "beats")


def test_strings_of_a_guitar_are_read_together(tmp_path):
    strings = [jam("note_midi", [(time, 1.0, 40 + time)]) for time in (3, 1, 2)]
    annotations = [json.loads(text)["annotations"][1] for text in strings]
    file = written(tmp_path, "a.jams", json.dumps({"annotations": annotations}))
    assert read_notes(file, 9.0).pitches.tolist() == [41, 42, 43]
    with pytest.raises(InputError, match=r"a\.jams: .*it has no beats: none of beat"):
        read_beats(file, 9.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("onset,offset,pitch\n1,2,60\n5,3,60\n", "line 3: the note ends before it"),
        ("1 2 60\n2 3 H\n3 4 60\n", "line 2: 'H' is no number; notes are MIDI, or"),
        ("onset,offset\n1,2\n", "its columns name no pitch"),
        ("1 verse\n", "line 1: 'verse' is no number; notes are MIDI, or"),
        ("1 2 60\nnan 3 61\n", "line 2: 'nan' is no number"),
        ("1 2 60\n2 3 61\n3 4 611\n", "line 3: the note has a pitch outside of MIDI's"),
        ("onset,offset,pitch\n1,2,60\n2,3,600\n", "line 3: the note has a pitch out"),
        ("1 inf 60\n", "line 1: 'inf' is no number"),
        ("1 2\n2 3\n", "its lines have 2 columns; notes are MIDI, or onset"),
        ("1 2 60\n9 10 60\n", "1 of 2 notes start after the recording's end"),
    ],
)
def test_notes_that_are_wrong_are_told_by_line(text, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        read_notes(written(tmp_path, "a.csv", text), 5.0)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.jams", '{"annotations": ['), ("b.jams", "[]"), ("a.svl", "<sv>")],
)
def test_a_broken_file_of_a_tool_is_told_once(name, text, tmp_path, capsys):
    file = written(tmp_path, name, text)
    assert not any(annotates(file, kind) for kind in ("notes", "beats", "sections"))
    printed = capsys.readouterr().out
    assert printed.startswith(f"! {file}: left, as it can't be read (")
    assert printed.count("\n") == 1


def test_a_file_of_something_else_annotates_nothing(tmp_path, capsys):
    files = [
        written(tmp_path, "a.txt", "Lyrics: la la la\n1 2 3 4, la la la\n"),
        written(tmp_path, "a.jams", jam("tag_open", [])),
        written(tmp_path, "a.wav.asd", b"\0\1"),
        written(tmp_path, "empty.txt", ""),
    ]
    for file in files:
        for kind in ("notes", "beats", "sections", "chords"):
            assert not annotates(file, kind)
    assert capsys.readouterr().out == ""
