"""Markers, regions and notes are read as workstations and other tools export them."""

import json

import numpy as np
import pytest

from musaic_core.data.annotations import annotates, read_notes, read_sections

REAPER = "#,Name,Start,End,Length\n"
AUDITION = "Name\tStart\tDuration\tTime Format\tType\tDescription\n"
EXPORTS = {
    "regions.csv": f"{REAPER}R1,verse,0:00.0,0:04.0,0:04.0\n"
    "R2,chorus,0:04.0,0:10.0,0:06.0\n",
    "markers.csv": f"{REAPER}M1,verse,0:00.000,,\nM2,chorus,0:04.000,,\n",
    "ranges.csv": f"{AUDITION}verse\t0:00.000\t0:04.000\tdecimal\tCue\t\n"
    "chorus\t0:04.000\t0:06.000\tdecimal\tCue\t\n",
    "points.csv": f"{AUDITION}verse\t0:00.000\t0:00.000\tdecimal\tCue\t\n"
    "chorus\t0:04.000\t0:00.000\tdecimal\tCue\t\n",
    "commented.txt": "# by hand\n# start end label\n0 4 verse\n4 10 chorus\n",
    "blanks.csv": "Start time [s],End time [s],Section\n0,4,verse\n4,10,chorus\n",
    "last.csv": "Label;End (s);Start (s)\nverse;4,0;0,0\nchorus;10,0;4,0\n",
    "seconds.csv": "start_sec,end_sec,label\n0,4,verse\n4,10,chorus\n",
}


@pytest.mark.parametrize("name", EXPORTS)
def test_what_a_tool_exports_is_read_by_its_columns_names(name, tmp_path):
    (tmp_path / name).write_text(EXPORTS[name], encoding="utf-8")
    sections = read_sections(tmp_path / name, 10.0)
    assert sections.to_numpy().tolist() == [[0, 4, "verse"], [4, 10, "chorus"]]
    assert annotates(tmp_path / name, "sections")


def test_labels_before_times_may_have_blanks(tmp_path):
    text = "label,start,end\nfirst verse,0,4\nlast chorus,4,10\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    sections = read_sections(tmp_path / "a.csv", 10.0)
    assert sections["label"].tolist() == ["first verse", "last chorus"]


def test_a_comment_that_only_looks_like_names_names_nothing(tmp_path):
    text = "# start of the song\n0 4 verse\n4 10 chorus\n"
    (tmp_path / "a.lab").write_text(text, encoding="utf-8")
    sections = read_sections(tmp_path / "a.lab", 10.0)
    assert sections.to_numpy().tolist() == [[0, 4, "verse"], [4, 10, "chorus"]]


def test_notes_with_bends_of_any_number_are_read(tmp_path):
    text = "start_time_s,end_time_s,pitch_midi,velocity,pitch_bend\n"
    text += "0.5,1.0,60,80,0,0,1\n1.0,2.0,43,81\n"  # as Basic Pitch writes them
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    notes = read_notes(tmp_path / "a.csv", 2.0)
    np.testing.assert_allclose(notes.table(), [(0.5, 1, 60), (1, 2, 43)])
    assert notes.velocities.tolist() == [80, 81]
    assert annotates(tmp_path / "a.csv", "notes")


@pytest.mark.parametrize("namespace", ["segment_salami_lower", "multi_segment"])
def test_the_large_sections_of_the_first_who_annotated_are_those_of_jams(
    namespace, tmp_path
):
    rows = [(0, 4, "verse", 0), (0, 2, "a", 1), (4, 6, "chorus", 0)]
    values = [dict(zip(("label", "level"), row[2:], strict=True)) for row in rows]
    if namespace != "multi_segment":  # which has no levels
        del rows[1], values[1]
        values = [value["label"] for value in values]
    data = [
        {"time": time, "duration": duration, "value": value}
        for (time, duration, *_), value in zip(rows, values, strict=True)
    ]
    jam = [{"namespace": namespace, "data": data} for data in ([], data, data[:1])]
    text = json.dumps({"annotations": jam})
    (tmp_path / "a.jams").write_text(text, encoding="utf-8")
    sections = read_sections(tmp_path / "a.jams", 10.0)
    assert sections.to_numpy().tolist() == [[0, 4, "verse"], [4, 10, "chorus"]]
