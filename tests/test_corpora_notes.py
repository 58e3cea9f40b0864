"""Corpora of notes and of pitches are read in the layouts they are distributed in."""

import json

import numpy as np
import pytest
import scipy.io
from benchopt.benchmark import Benchmark
from conftest import ROOT
from small_corpora import (
    NOTES,
    SR,
    check_f0,
    check_notes,
    check_stems,
    data_of,
    ids,
    maps_file,
    midi,
    sound,
    text,
)
from solving import plugin

from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes

pytest_plugins = ["small_corpora"]


def test_maps_is_scored_on_the_disklaviers_and_learns_other_pieces(tmp_path):
    for name, piano in (
        *(("bach_846", "AkPnBcht"), ("chpn-p1", "AkPnBcht"), ("deb_clai", "SptkBGCl")),
        *(("bach_846", "ENSTDkCl"), ("mz_331_2", "ENSTDkAm")),
    ):
        maps_file(tmp_path, name, piano)
    for piano in ("AkPnBcht", "ENSTDkAm"):
        for note in ("M_S0_M60", "F_S1_M60"):
            maps_file(tmp_path, note, piano, "ISOL/NO")
    data = data_of("maps", tmp_path)
    assert ids(data["test"]) == [
        "MAPS_MUS-mz_331_2_ENSTDkAm",
        "MAPS_MUS-bach_846_ENSTDkCl",
    ]
    assert ids(data["train"]) == [
        "MAPS_MUS-chpn-p1_AkPnBcht",
        "MAPS_MUS-deb_clai_SptkBGCl",
    ]
    assert ids(data["isolated"]) == ["MAPS_ISOL_NO_M_S0_M60_AkPnBcht"]
    for track in (*data["test"], *data["isolated"]):
        check_notes(track)


def test_maestro_has_the_split_of_its_table(tmp_path):
    rows = [
        "canonical_composer,canonical_title,split,year,midi_filename,audio_filename"
    ]
    for split in ("train", "validation", "test", "test"):
        name = f"2018/MIDI-Unprocessed_{len(rows)}_wav--1"
        rows.append(f'Bach,"Prelude, in C",{split},2018,{name}.midi,{name}.wav')
        if len(rows) < 5:  # the last one is not there
            sound(tmp_path / f"{name}.wav")
            midi(tmp_path / f"{name}.midi")
    text(tmp_path / "maestro-v3.0.0.csv", *rows)
    data = data_of("maestro", tmp_path)
    assert ids(data["train"]) == ["MIDI-Unprocessed_1_wav--1"]
    assert ids(data["test"]) == ["MIDI-Unprocessed_3_wav--1"]
    assert {track.id for track in data["isolated"]} == {"piano"}
    check_notes(data["test"][0])


def test_musicnet_has_the_split_of_its_folders(tmp_path):
    for part, names in (("train", ("1727", "1728")), ("test", ("2303",))):
        for name in names:
            sound(tmp_path / f"{part}_data" / f"{name}.wav")
            rows = [
                f"{round(a * 44100)},{round(b * 44100)},41,{p},{i}.0,1.0,Quarter"
                for i, (a, b, p) in enumerate(NOTES.table().tolist())
            ]
            head = "start_time,end_time,instrument,note,start_beat,end_beat,note_value"
            text(tmp_path / f"{part}_labels" / f"{name}.csv", head, *rows)
    data = data_of("musicnet", tmp_path)
    assert ids(data["train"]) == ["1727", "1728"]
    assert ids(data["test"]) == ["2303"]
    check_notes(data["test"][0])


def test_bach10_has_notes_and_stems_and_leaves_one_out(tmp_path):
    parts = ("violin", "clarinet", "saxphone", "bassoon")
    names = ("01-AchGottundHerr", "02-AchLiebenChristen")
    for name in names:
        folder = tmp_path / "Bach10_v1.1" / name
        for part in parts:
            sound(folder / f"{name}-{part}.wav")
        sound(folder / f"{name}.wav")
        midi(folder / f"{name}.mid")
        f0s = np.zeros((4, 198))
        f0s[:, 10:31] = 72.02 - 4 * np.arange(4)[:, None]
        if name == names[0]:
            scipy.io.savemat(folder / f"{name}-GTF0s.mat", {"GTF0s": f0s})
        notes = np.empty((4, 1), object)
        for i in range(4):
            note = np.empty((1, 1), object)
            frames = np.arange(11, 32)  # 0.123 to 0.323 s
            note[0, 0] = np.stack([frames, 72.02 - 4 * i + 0 * frames])
            notes[i, 0] = note
        scipy.io.savemat(folder / f"{name}-GTNotes.mat", {"GTNotes": notes})
    data = data_of("bach10", tmp_path)
    assert ids(data["test"]) == ids(data["train"]) == list(names)
    assert data["leave_one_out"]
    track = data["test"][0]
    check_stems(track, *parts)
    assert sorted(track.notes.pitches.tolist()) == [60, 64, 68, 72]
    np.testing.assert_allclose(track.notes.intervals, [[0.123, 0.323]] * 4)
    assert sorted(track.notes.parts) == sorted(parts)
    check_f0(track, {0.123: [523.9, 415.8, 330.0, 261.9], 0.023: [0, 0, 0, 0]})
    assert data["test"][1].f0 is None


def test_guitarset_is_scored_on_one_player(tmp_path, index):
    tracks = {}
    for name in ("00_BN1-129-Eb_comp", "05_Rock1-90-C#_solo", "05_SS2-88-F_solo"):
        tracks[name] = {
            "jams": f"annotation/{name}.jams",
            "audio_mic": f"audio_mono-mic/{name}_mic.wav",
            "audio_mix": f"audio_mono-pickup_mix/{name}_mix.wav",
            "audio_hex": f"audio_hex-pickup_original/{name}_hex.wav",
            "audio_hex_cln": f"audio_hex-pickup_debleeded/{name}_hex_cln.wav",
        }
        strings = [
            {
                "namespace": "note_midi",
                "data": [{"time": a, "duration": b - a, "value": p + 0.04}],
            }
            for a, b, p in NOTES.table().tolist()
        ]
        beats = {
            "namespace": "beat_position",
            "data": [
                {"time": t, "duration": 0.0, "value": {"position": 1, "measure": 1}}
                for t in (0.1, 1.1)
            ],
        }
        jams = tmp_path / "annotation" / f"{name}.jams"
        text(jams, json.dumps({"annotations": [*strings, beats]}))
        if name != "05_SS2-88-F_solo":
            sound(tmp_path / tracks[name]["audio_mic"])
    index(tracks=tracks)
    data = data_of("guitarset", tmp_path)
    assert ids(data["train"]) == ["00_BN1-129-Eb_comp"]
    assert ids(data["test"]) == ["05_Rock1-90-C#_solo"]
    check_notes(data["test"][0])
    np.testing.assert_allclose(data["test"][0].beats, [0.1, 1.1])


SLAKH_STEMS = {"S00": 30, "S01": 128, "S02": 1, "S03": 33, "S04": 52, "S05": 26}


def slakh(root, folder, name, suffix):
    """Write a song; give its entries of an index: tracks, and the multitrack."""
    stems, tracks = [], {}
    for stem, program in SLAKH_STEMS.items():
        stems += [f"  {stem}:", f"    program_num: {program}", "    is_drum: false"]
        tracks[f"{name}-{stem}"] = {
            "audio": f"{folder}/{name}/stems/{stem}{suffix}",
            "midi": f"{folder}/{name}/MIDI/{stem}.mid",
            "metadata": f"{folder}/{name}/metadata.yaml",
        }
        sound(root / tracks[f"{name}-{stem}"]["audio"])
    stems += ["  S06:", "    program_num: 120"]  # sound effects are not rendered
    text(root / folder / name / "metadata.yaml", "UUID: 1a81", "stems:", *stems)
    midi(root / folder / name / "all_src.mid")
    song = {
        "tracks": list(tracks),
        "mix": f"{folder}/{name}/mix{suffix}",
        "midi": f"{folder}/{name}/all_src.mid",
        "metadata": f"{folder}/{name}/metadata.yaml",
    }
    return tracks, {name: song}


def test_slakh_has_its_split_and_stems_in_groups(tmp_path, index):
    tracks, songs = {}, {}
    for i, part in enumerate(("train", "validation", "test", "omitted"), start=1):
        folder = f"slakh2100_flac_redux/{part}"
        made = slakh(tmp_path, folder, f"Track0000{i}", ".flac")
        tracks |= made[0]
        songs |= made[1]
    index("2100-redux", tracks=tracks, multitracks=songs)
    data = data_of("slakh", tmp_path, version="2100-redux")
    assert ids(data["train"]) == ["Track00001"]
    assert ids(data["test"]) == ["Track00003"]
    check_stems(data["test"][0], "bass", "drums", "guitar", "other", "piano")
    check_notes(data["test"][0])


def test_babyslakh_is_learned_from_in_its_first_half(tmp_path, index):
    tracks, songs = {}, {}
    for i in range(1, 13):
        name = f"Track{i:05d}"
        made = slakh(tmp_path, "babyslakh_16k", name, ".wav")
        tracks |= made[0]
        songs |= made[1]
    index("baby", tracks=tracks, multitracks=songs)
    data = data_of("slakh", tmp_path, version="baby")
    assert ids(data["train"]) == [f"Track{i:05d}" for i in range(1, 11)]
    assert ids(data["test"]) == ["Track00011", "Track00012"]


def test_urmp_has_the_notes_of_all_parts(tmp_path):
    folder = tmp_path / "Dataset" / "01_Jupiter_vn_vc"
    for part, (onset, end, hz) in (
        ("1_vn", (0.5, 1.2, 391.995)),
        ("2_vc", (0.1, 0.6, 261.626)),
    ):
        sound(folder / f"AuSep_{part}_01_Jupiter.wav")
        line = f"{onset:.3f}\t\t{hz:.3f}\t\t{end - onset:.3f}"
        text(folder / f"Notes_{part}_01_Jupiter.txt", line)
        lines = "0.023\t0", f"0.033\t{hz:.3f}", "0.043\t0"
        text(folder / f"F0s_{part}_01_Jupiter.txt", *lines[: 3 - (part == "2_vc")])
    sound(folder / "AuMix_01_Jupiter_vn_vc.wav")
    midi(folder / "Sco_01_Jupiter_vn_vc.mid")
    data = data_of("urmp", tmp_path)
    (track,) = data["test"]
    assert track.id == "01_Jupiter_vn_vc"
    check_stems(track, "vn 1", "vc 2")
    check_notes(track)
    assert track.notes.parts.tolist() == ["vc 2", "vn 1"]
    check_f0(track, {0.023: [0, 0], 0.033: [391.995, 261.626], 0.043: [0, 0]})
    assert len(data["train"]) > 0
    (folder / "F0s_2_vc_01_Jupiter.txt").unlink()
    text(folder / "Notes_2_vc_01_Jupiter.txt", "0.1\t\t65.406\t\t0.5")
    (track,) = data_of("urmp", tmp_path)["test"]
    assert track.f0 is None
    assert track.notes.pitches.tolist() == [36, 67]  # 65 Hz is no note number
    text(folder / "Notes_2_vc_01_Jupiter.txt", "0.1\t\tC2\t\t0.5")
    (track,) = data_of("urmp", tmp_path)["test"]
    with pytest.raises(InputError, match=r"Notes_2_vc_01_Jupiter\.txt: .*C2"):
        _ = track.notes


def test_medleydb_pitch_is_scored_by_frames_alone(tmp_path, index):
    names = [f"AClassicEducation_NightOwl_STEM_0{i}" for i in (1, 8)]
    tracks = {
        name: {
            "audio": f"audio/{name}.wav",
            "pitch": f"pitch/{name}.csv",
            "notes_pyin": f"medleydb-pitch-pyin-notes/{name}_vamp_pyin_pyin_notes.csv",
        }
        for name in names
    }
    index("3.0", tracks=tracks)
    files = tracks[names[1]]
    sound(tmp_path / files["audio"])
    hz = [0, 440, 450, 0]
    frames = (f"{i * 256 / 44100},{f}" for i, f in enumerate(hz))
    text(tmp_path / files["pitch"], *frames)
    text(tmp_path / files["notes_pyin"], "0.006,0.006,440.0")
    data = data_of("medleydb_pitch", tmp_path)
    (track,) = data["test"]
    assert track.id == names[1]
    assert track.notes is None
    check_f0(track, {0.0: [0], 256 / 44100: [440], 512 / 44100: [450]})
    objective = plugin("objectives/amt.py")
    played = Notes.from_rows([(0.004, 0.013, 69, 80, ""), (0.015, 0.1, 60, 80, "")])
    scores = objective.score(track, played)
    assert scores["frame_recall"] == 1
    assert scores["value"] == scores["frame_accuracy"] == pytest.approx(2 / 3)
    assert not {"onset_f1", "note_f1"} & set(scores)


def pyjama(root, name, entries):
    h5py = pytest.importorskip("h5py")
    (root / f"{name}.pyjama").write_text(
        json.dumps({"collection": {"entry": entries}, "schemaversion": 1.31}),
        encoding="utf-8",
    )
    with h5py.File(root / f"{name}_audio.hdf5", "w") as file:
        for i, entry in enumerate(entries):
            key = entry["filepath"][0]["value"]
            y = np.random.default_rng(i).normal(0, 0.1, 2 * SR)
            file.create_dataset(key, data=y).attrs["sr_hz"] = SR


@pytest.fixture
def transcribing():
    """Let transcription be the task that runs, whose needs a dataset may ask for."""
    return Benchmark(ROOT / "benchmarks" / "amt").get_benchmark_objective()


@pytest.mark.usefixtures("transcribing")
def test_pyjama_has_audio_in_hdf5_and_the_tutorials_split(tmp_path):
    notes = [
        {"value": p, "time": a, "duration": b - a} for a, b, p in NOTES.table().tolist()
    ]
    entries = [
        {"filepath": [{"value": f"MAPS_MUS-{i}.wav"}], "pitchmidi": notes}
        for i in range(7)
    ]
    pyjama(tmp_path, "maps", entries)
    for path in (tmp_path, tmp_path / "maps.pyjama"):
        data = data_of("pyjama", path)
        assert ids(data["test"]) == ["MAPS_MUS-0.wav", "MAPS_MUS-5.wav"]
        assert ids(data["train"]) == [f"MAPS_MUS-{i}.wav" for i in (1, 2, 3, 4, 6)]
        check_notes(data["test"][1])


@pytest.mark.usefixtures("transcribing")
def test_pyjama_of_bach10_has_frequencies_of_the_mixtures(tmp_path):
    annotated = {"time": [0.023, 0.033], "value": [[72.0, 0.0], [69.0, 67.0]]}
    entries = [
        {"filepath": [{"value": "01-violin.wav"}], "f0": [{"value": 1}], "f0multi": []},
        {"filepath": [{"value": "01.wav"}], "f0multi": [annotated]},
    ]
    pyjama(tmp_path, "bach10", entries)
    (track,) = data_of("pyjama", tmp_path)["test"]
    assert track.id == "01.wav"
    assert track.notes is None
    check_f0(track, {0.023: [523.25, 440], 0.033: [0, 392.0]})


def test_pyjama_has_what_other_tasks_need(tmp_path, transcribing, monkeypatch):
    entries = [
        {"filepath": [{"value": "0"}], "genre": [{"value": "blues"}]},
        {"filepath": [{"value": "1"}], "tag": [{"value": "slow"}, {"value": "harp"}]},
        {
            "filepath": [{"value": "2"}],
            "chord": [{"time": 0.5, "duration": 1.0, "value": "C:maj"}],
        },
    ]
    pyjama(tmp_path, "others", entries)
    found = {}
    for need in ("genre", "tags", "chords"):
        monkeypatch.setattr(transcribing, "needs", (need,))
        (found[need],) = data_of("pyjama", tmp_path)["test"]
    assert found["genre"].tags["genre"] == "blues"
    assert found["tags"].tags["tags"] == ["slow", "harp"]
    assert found["chords"].chords.to_numpy().tolist() == [[0.5, 1.5, "C:maj"]]


@pytest.mark.usefixtures("transcribing")
def test_pyjama_without_notes_or_audio_says_so(tmp_path):
    assert "has 0 .pyjama files" in data_of("pyjama", tmp_path)["missing"]
    entries = [{"filepath": [{"value": "blues.00000"}], "genre": [{"value": "blues"}]}]
    pyjama(tmp_path, "gtzan", entries)
    told = "none of its recordings has pitchmidi or f0multi, which the task needs"
    assert told in data_of("pyjama", tmp_path)["missing"]
    (tmp_path / "gtzan_audio.hdf5").unlink()
    assert "gtzan_audio.hdf5 is not there" in data_of("pyjama", tmp_path)["missing"]
