"""Corpora of sections and beats are read in the layouts they are distributed in."""

import json

import numpy as np
import pytest
from small_corpora import data_of, ids, sound, text

pytest_plugins = ["small_corpora"]


def check_sections(track, labels, starts):
    assert track.sections["label"].tolist() == labels
    np.testing.assert_allclose(track.sections["start"], starts, atol=1e-6)
    assert track.sections["end"].max() == pytest.approx(2.0)


def test_salami_takes_the_first_annotation_that_there_is(tmp_path, index):
    root = "salami-data-public-hierarchy-corrections/annotations"
    tracks = {}
    for name, annotators in (("2", "12"), ("1015", "2"), ("192", "1")):
        tracks[name] = {"audio": f"audio/{name}.mp3"}
        for annotator in "12":
            for level in ("uppercase", "lowercase"):
                file = f"{root}/{name}/parsed/textfile{annotator}_{level}.txt"
                is_there = annotator in annotators
                tracks[name][f"annotator_{annotator}_{level}"] = (
                    file if is_there else None
                )
                if is_there:
                    first = "Test" if annotator == "1" else "A"
                    lines = f"0.0\t{first}", "0.0\tSilence", f"0.5\t{'A' * 1}", "1.2\tB"
                    text(tmp_path / file, *lines, f"2.0\t{'End'}")
        if name != "192":
            sound(tmp_path / "audio" / f"{name}.mp3")
    index("2.0-corrected", tracks=tracks)
    data = data_of("salami", tmp_path)
    assert ids(data["test"]) == ["2", "1015"]
    sections = data["test"][0].sections
    assert sections["label"].tolist() == ["Silence", "A", "B"]
    np.testing.assert_allclose(sections["start"], [0, 0.5, 1.2])
    first, second = (track.sections_from.name for track in data["test"])
    assert (first, second) == ("textfile1_uppercase.txt", "textfile2_uppercase.txt")
    assert data["train"][0].sections is not None


@pytest.mark.parametrize("audio", ["audio/rwc-p-m01/1.wav", "RWC-P/RWC_P001.wav"])
def test_rwc_popular_has_aists_sections_and_beats(tmp_path, index, audio):
    kinds = "annotations/AIST.RWC-MDB-P-2001"
    tracks = {
        f"RM-P00{i}": {
            "audio": f"audio/rwc-p-m01/{i}.wav",
            "sections": f"{kinds}.CHORUS/RM-P00{i}.CHORUS.TXT",
            "beats": f"{kinds}.BEAT/RM-P00{i}.BEAT.TXT",
            "chords": f"{kinds}.CHORD/RWC_Pop_Chords/N00{i}-M01-T0{i}.lab",
            "voca_inst": f"{kinds}.VOCA_INST/RM-P00{i}.VOCA_INST.TXT",
        }
        for i in (1, 2)
    }
    first = tracks["RM-P001"]
    sound(tmp_path / audio)  # of the CDs, or of the later edition
    text(tmp_path / first["sections"], '10\t100\t"intro"', '100\t200\t"chorus A"')
    beats = [(4, 384), (49, 48), (93, 96), (137, 144), (182, 384), (199, 48)]
    text(tmp_path / first["beats"], *(f"{t}\t{t}\t{place}" for t, place in beats))
    index(tracks=tracks)
    (track,) = data_of("rwc_popular", tmp_path)["test"]
    assert track.id == "RM-P001"
    check_sections(track, ["intro", "chorus A"], [0.1, 1.0])
    np.testing.assert_allclose(track.beats, [0.04, 0.49, 0.93, 1.37, 1.82, 1.99])
    np.testing.assert_allclose(track.downbeats, [0.04, 1.82])


def test_beatles_have_isophonics_sections_and_beats(tmp_path, index):
    name = "01_-_Please_Please_Me/11_-_Do_You_Want_To_Know_A_Secret"
    other = "10CD2_-_The_Beatles/CD2_-_12_-_Revolution_9"
    tracks = {
        number: {
            "audio": f"audio/{song}.wav",
            "beat": beats and f"annotations/beat/The Beatles/{song}.txt",
            "chords": f"annotations/chordlab/The Beatles/{song}.lab",
            "keys": None,
            "sections": f"annotations/seglab/The Beatles/{song}.lab",
        }
        for number, song, beats in (("0111", name, True), ("10212", other, None))
    }
    for files in tracks.values():
        sound(tmp_path / files["audio"])
        lines = "0.000\t0.465\t\tsilence", "0.465\t2.000\t\tverse_(repeat)"
        text(tmp_path / files["sections"], *lines)
    beats = "0.249  4", "0.659  1", "0.965  2", "1.216  3", "1.553  4", "1.929  1"
    text(tmp_path / tracks["0111"]["beat"], *beats)
    index("1.2", tracks=tracks)
    first, second = data_of("beatles", tmp_path)["test"]
    check_sections(first, ["silence", "verse_(repeat)"], [0, 0.465])
    np.testing.assert_allclose(first.downbeats, [0.659, 1.929])
    assert second.beats is None


def test_harmonix_finds_recordings_by_their_annotations_names(tmp_path):
    for name in ("0001_12step", "0003_6foot7foot"):
        dataset = tmp_path / "dataset"
        text(dataset / "segments" / f"{name}.txt", "0.0 intro", "1.0 verse", "2.0 end")
        beats = (f"{i / 4}\t{i % 4 + 1}\t{i // 4 + 1}" for i in range(8))
        text(dataset / "beats_and_downbeats" / f"{name}.txt", *beats)
    sound(tmp_path / "audio" / "0001_12step.mp3", seconds=2.0)
    sound(tmp_path / "audio" / "something_else.mp3")
    (track,) = data_of("harmonix", tmp_path)["test"]
    assert track.id == "0001_12step"
    assert track.sections["label"].tolist() == ["intro", "verse"]
    np.testing.assert_allclose(track.downbeats, [0, 1])


def test_jaah_has_parts_and_beats(tmp_path):
    parts = [
        {"name": "Intro", "beats": [0.1, 0.5], "chords": ["|Eb:7 |"]},
        {
            "name": "Head",
            "parts": [
                {"name": "A", "beats": [0.9, 1.3]},
                {"name": "B", "beats": [1.7]},
            ],
        },
    ]
    annotation = {"title": "Airegin", "metre": "4/4", "duration": 2.0, "parts": parts}
    text(tmp_path / "annotations" / "airegin.json", json.dumps(annotation))
    text(tmp_path / "annotations" / "django.json", json.dumps(annotation))
    sound(tmp_path / "audio" / "airegin.flac")
    (track,) = data_of("jaah", tmp_path)["test"]
    check_sections(track, ["Intro", "Head"], [0.1, 0.9])
    np.testing.assert_allclose(track.beats, [0.1, 0.5, 0.9, 1.3, 1.7])
    assert track.downbeats is None
