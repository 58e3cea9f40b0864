"""Real corpora are read in the layouts that they are distributed in.

Each is made here in miniature: a few seconds of noise, and annotations as the corpus
has them.
"""

import json

import numpy as np
import pytest
import scipy.io
import soundfile
from benchopt.benchmark import Benchmark
from conftest import FAST_NMF, ROOT
from solving import plugin

from musaic_core.benchmark.corpora import Corpus
from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes, write_midi
from musaic_core.data.sources import read_stream, read_sum
from tools.corpora import FILE, corpora, page

# plugins are loaded for the benchmark that was made last, so one is made after another
DATASETS = {
    dataset.name: dataset
    for name in ("amt", "mss", "msa")
    for dataset in Benchmark(ROOT / "benchmarks" / name).get_datasets()
} | {dataset.name: dataset for dataset, tasks in corpora() if not tasks}
CORPORA = sorted(name for name, made in DATASETS.items() if issubclass(made, Corpus))
SR = 8000
NOTES = Notes.from_rows([(0.1, 0.6, 60, 80, "piano"), (0.5, 1.2, 67, 80, "piano")])
PITCHES = [60, 67]


def sound(file, seconds=2.0, seed=0, channels=1):
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *map(ord, file.name)])
    y = rng.normal(0, 0.05, (round(seconds * SR), channels))
    if file.suffix == ".mp3":
        soundfile.write(file, y, SR, format="MP3")
    else:
        soundfile.write(file, y, SR)


def text(file, *lines):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def midi(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    write_midi(NOTES, file)


def data_of(corpus, path, **parameters):
    """What a dataset gives for a folder."""
    default = {"path": path, "tracks": None, "train_tracks": None}
    return DATASETS[corpus].get_instance(**(default | parameters)).get_data()


def ids(tracks):
    return [track.id for track in tracks]


def check_notes(track):
    assert track.notes.pitches.tolist() == PITCHES
    np.testing.assert_allclose(track.notes.onsets, [0.1, 0.5], atol=0.006)
    assert track.duration == pytest.approx(2.0)


def check_f0(track, expected):
    """Frequencies of each voice at some times."""
    for time, hz in expected.items():
        (row,) = np.flatnonzero(np.abs(track.f0.times - time) < 1e-6)
        np.testing.assert_allclose(track.f0.hz[row], hz, rtol=1e-3)


def check_stems(track, *names):
    stems = track.stems()
    assert list(stems) == list(names)
    y, sr = track.audio()
    assert sr == track.rate
    np.testing.assert_allclose(sum(stems.values()), y, atol=1e-6)
    half = track.amid(1.0)
    assert half.audio()[0].shape[1] == sr
    assert half.identity != track.identity == track.amid(None).identity


@pytest.fixture
def index(monkeypatch, tmp_path):
    """Let mirdata have an index of a few tracks only, in the form of its own."""
    core = pytest.importorskip("mirdata.core")

    def write(version="1.0", **kinds):
        file = tmp_path / "index.json"
        checked = {
            kind: {
                track: {
                    name: value if name == "tracks" else [value, None]
                    for name, value in files.items()
                }
                for track, files in tracks.items()
            }
            for kind, tracks in kinds.items()
        }
        file.write_text(json.dumps({"version": version, **checked}), encoding="utf-8")
        monkeypatch.setattr(core.Index, "get_path", lambda self: str(file))

    return write


# transcription


def maps_file(root, name, piano, kind="MUS"):
    file = root / piano / kind / f"MAPS_{kind.replace('/', '_')}-{name}_{piano}.wav"
    if kind == "ISOL/NO":
        file = root / piano / kind / f"MAPS_ISOL_NO_{name}_{piano}.wav"
    sound(file)
    rows = (f"{a:.6f}\t{b:.6f}\t{p}" for a, b, p in NOTES.table())
    text(file.with_suffix(".txt"), "OnsetTime\tOffsetTime\tMidiPitch", *rows)


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


# separation

STEMS = ("bass", "drums", "other", "vocals")


def test_musdb_hq_has_a_folder_a_song(tmp_path):
    for part, name in (("train", "ANiMAL - Easy Tiger"), ("test", "AM Contra - Heart")):
        for stem in (*STEMS, "mixture"):
            sound(tmp_path / part / name / f"{stem}.wav", channels=2)
    data = data_of("musdb", tmp_path)
    assert ids(data["train"]) == ["ANiMAL - Easy Tiger"]
    assert ids(data["test"]) == ["AM Contra - Heart"]
    check_stems(data["test"][0], *STEMS)


def stem_file(file, n_streams=5):
    """A file of several streams, as STEM files are, without the loss of AAC."""
    av = pytest.importorskip("av")
    file.parent.mkdir(parents=True)
    levels = np.arange(1, n_streams + 1) / 100
    with av.open(str(file), "w", format="mp4") as container:
        streams = [
            container.add_stream("alac", rate=SR, layout="stereo") for _ in levels
        ]
        for stream, level in zip(streams, levels, strict=True):
            y = np.full((2, 2 * SR), level * 2**31, np.int32)
            for start in range(0, 2 * SR, 4096):
                part = np.ascontiguousarray(y[:, start : start + 4096])
                frame = av.AudioFrame.from_ndarray(part, format="s32p", layout="stereo")
                frame.sample_rate, frame.pts = SR, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def test_musdb_has_a_stem_file_a_song(tmp_path):
    for part in ("train", "test"):
        stem_file(tmp_path / part / f"Artist - {part}.stem.mp4")
    data = data_of("musdb", tmp_path)
    assert ids(data["train"]) == ["Artist - train"]
    (track,) = data["test"]
    check_stems(track, "drums", "bass", "other", "vocals")
    levels = [y.mean() for y in track.stems().values()]
    np.testing.assert_allclose(levels, [0.02, 0.03, 0.04, 0.05], atol=1e-4)
    with pytest.raises(InputError, match=r"Artist - test\.stem\.mp4: not a readable"):
        read_stream(tmp_path / "test" / "Artist - test.stem.mp4", 7)


def test_dsd100_has_sources_of_dev_and_test(tmp_path):
    for part, name in (
        ("Dev", "051 - AM Contra - Heart"),
        ("Test", "001 - ANiMAL - Cl"),
    ):
        sound(tmp_path / "Mixtures" / part / name / "mixture.wav", channels=2)
        for stem in STEMS:
            sound(tmp_path / "Sources" / part / name / f"{stem}.wav", channels=2)
    data = data_of("dsd100", tmp_path)
    assert ids(data["train"]) == ["051 - AM Contra - Heart"]
    assert ids(data["test"]) == ["001 - ANiMAL - Cl"]
    check_stems(data["test"][0], *STEMS)


INSTRUMENTS = {
    "S01": "drum set",
    "S02": "electric bass",
    "S03": "clean electric guitar",
    "S04": "piano",
    "S05": "male singer",
    "S06": ["male singer", "vocalists"],
}


def multitrack(folder, name, bleed="no"):
    stems = []
    for stem, instrument in INSTRUMENTS.items():
        file = f"{name}_STEM_{stem[1:]}.wav"
        if isinstance(instrument, list):
            instrument = "".join(f"\n    - {member}" for member in instrument)
        stems += [
            f"  {stem}:",
            "    component: ''",
            f"    filename: {file}",
            f"    instrument: {instrument}",
        ]
        sound(folder / name / f"{name}_STEMS" / file, channels=2)
    text(
        folder / name / f"{name}_METADATA.yaml",
        f"has_bleed: '{bleed}'",
        f"stem_dir: {name}_STEMS",
        "stems:",
        *stems,
    )


def test_medleydb_parts_artists_and_leaves_out_bleed(tmp_path):
    for name in ("AimeeNorwich_Child", "AimeeNorwich_Flying", "BrandonWebster_Dont"):
        multitrack(tmp_path / "Audio", name)
    multitrack(tmp_path / "V2" / "Audio", "CelestialShore_DieForUs")
    multitrack(tmp_path / "Audio", "AlexanderRoss_VelvetCurtain", bleed="yes")
    data = data_of("medleydb", tmp_path)
    assert ids(data["train"]) == [
        *("AimeeNorwich_Child", "AimeeNorwich_Flying", "CelestialShore_DieForUs")
    ]
    assert ids(data["test"]) == ["BrandonWebster_Dont"]
    track = data["test"][0]
    check_stems(track, *STEMS)
    files = sorted(tmp_path.glob("**/BrandonWebster_Dont_STEM_0[56].wav"))
    np.testing.assert_array_equal(track.stems()["vocals"], read_sum(*files)[0])


def test_a_song_whose_metadata_cant_be_read_is_left_out_and_told(tmp_path, capsys):
    multitrack(tmp_path, "MusicDelta_Rock")
    multitrack(tmp_path, "MusicDelta_Punk")
    multitrack(tmp_path, "MusicDelta_Gospel")
    broken = tmp_path / "MusicDelta_Gospel" / "MusicDelta_Gospel_METADATA.yaml"
    text(broken, "stems: [")
    data = data_of("mdb_drums", tmp_path)
    assert ids(data["train"] + data["test"]) == ["MusicDelta_Rock", "MusicDelta_Punk"]
    assert f"! {broken}: " in capsys.readouterr().out


def test_a_corpus_that_cant_be_read_is_told_and_ends_no_run(tmp_path):
    pytest.importorskip("h5py")
    text(tmp_path / "maps.pyjama", "{")
    (tmp_path / "maps_audio.hdf5").touch()
    missing = data_of("pyjama", tmp_path)["missing"]
    assert missing.startswith(f"{tmp_path}: JSONDecodeError")


def test_mdb_drums_has_the_split_of_mirex(tmp_path):
    folder = tmp_path / "MDB Drums" / "audio" / "multi-tracks"
    for name in ("MusicDelta_Rock", "MusicDelta_Punk", "MusicDelta_Zeppelin"):
        multitrack(folder, name)
    data = data_of("mdb_drums", tmp_path)
    assert ids(data["train"]) == ["MusicDelta_Rock", "MusicDelta_Zeppelin"]
    assert ids(data["test"]) == ["MusicDelta_Punk"]
    check_stems(data["test"][0], *STEMS)


def test_mir1k_has_stems_in_channels(tmp_path):
    for name in ("abjones_1_01", "amy_2_07", "titon_3_02"):
        sound(tmp_path / "Wavfile" / f"{name}.wav", channels=2)
    data = data_of("mir1k", tmp_path)
    assert ids(data["train"]) == ["abjones_1_01", "amy_2_07"]
    (track,) = data["test"]
    check_stems(track, "accompaniment", "vocals")
    y, _ = soundfile.read(tmp_path / "Wavfile" / "titon_3_02.wav")
    np.testing.assert_allclose(track.stems()["vocals"][0], y[:, 1], atol=1e-6)
    sound(tmp_path / "Wavfile" / "titon_3_03.wav")
    broken = data_of("mir1k", tmp_path)["test"][1]
    with pytest.raises(InputError, match=r"titon_3_03\.wav: it has 1 channel"):
        broken.audio()


# structure


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


# for tasks to come


def test_gtzan_has_genres_and_beats(tmp_path, index):
    tracks = {}
    for genre in ("hiphop", "blues"):
        for i in range(5):
            files = {
                "audio": f"gtzan_genre/genres/{genre}/{genre}.0000{i}.wav",
                "beats": f"gtzan_tempo_beat-main/beats/gtzan_{genre}_0000{i}.beats",
                "tempo": f"gtzan_tempo_beat-main/tempo/gtzan_{genre}_0000{i}.bpm",
            }
            sound(tmp_path / files["audio"])
            text(tmp_path / files["beats"], "0.113\t4", "0.829\t1", "1.537\t2", "")
            tracks[f"{genre}.0000{i}"] = files
    tracks["blues.00000"] |= {"beats": None, "tempo": None}
    (tmp_path / tracks["hiphop.00004"]["audio"]).unlink()
    index(tracks=tracks)
    data = data_of("gtzan", tmp_path)
    assert ids(data["test"]) == ["blues.00000", "hiphop.00000"]
    assert len(data["train"]) == 7
    genres = [track.tags["genre"] for track in data["test"]]
    assert genres == ["blues", "hip-hop"]
    assert data["test"][0].beats is None
    np.testing.assert_allclose(data["test"][1].beats, [0.113, 0.829, 1.537])


def magnatagatune(root):
    heads = ["clip_id", "no voice", "guitar", "slow", "mp3_path"]
    lines = ["\t".join(f'"{name}"' for name in heads)]
    clips = {
        "0/a-0-29.mp3": (0, 1, 1),
        "b/b-0-29.mp3": (0, 1, 0),
        "c/c-0-29.mp3": (1, 0, 0),
        "d/d-0-29.mp3": (0, 1, 0),
        "f/f-30-59.mp3": (1, 0, 0),
        "f/gone-0-29.mp3": (1, 1, 1),
    }
    for number, (path, given) in enumerate(clips.items(), start=2):
        cells = [number, *given, path]
        lines.append("\t".join(f'"{cell}"' for cell in cells))
        if "gone" not in path:
            sound(root / path)
    text(root / "annotations_final.csv", *lines)


def test_magnatagatune_has_tags_and_the_split_of_its_folders(tmp_path):
    magnatagatune(tmp_path)
    data = data_of("magnatagatune", tmp_path)
    assert ids(data["train"]) == ["2", "3"]
    assert ids(data["test"]) == ["5", "6"]
    assert [t.tags["tags"] for t in data["train"]] == [["guitar", "slow"], ["guitar"]]
    assert [t.tags["tags"] for t in data["test"]] == [["guitar"], ["no voice"]]
    assert data["test"][0].duration == pytest.approx(2.0, abs=0.2)


def test_cover80_has_the_work_of_each_version(tmp_path):
    for work, versions in (
        ("A_Whiter_Shade_Of_Pale", ("annie_lennox+Medusa+03", "procol_harum+1967+01")),
        ("Abracadabra", ("steve_miller_band+Best+10", "sugar_ray+14_59+12")),
    ):
        for version in versions:
            folder = tmp_path / "coversongs" / "covers32k" / work
            sound(folder / f"{version}-{work}.mp3")
    text(tmp_path / "coversongs" / "covers32k" / "list1.list", "Abracadabra/…")
    data = data_of("cover80", tmp_path)
    works = [track.tags["work"] for track in data["test"]]
    assert works == ["A_Whiter_Shade_Of_Pale"] * 2 + ["Abracadabra"] * 2
    assert len(set(ids(data["test"]))) == 4
    assert data["train"] == []


TAGGING = '''"""Which tags a clip has."""

from musaic_core.benchmark.objective import Objective as BaseObjective
from musaic_core.tasks.base import Estimate, Task


class Tagging(Task):
    """Lists of tags."""

    answers = "tags"


class Objective(BaseObjective):
    """The share of right tags among those given."""

    name = "Tagging"
    task_class = Tagging
    needs = ("tags",)

    def score(self, track, tags):
        right = set(tags) & set(track.tags["tags"])
        return {"value": len(right) / max(len(tags), 1)}

    def get_one_result(self):
        return {"estimates": {name: Estimate([]) for name in self.references}}
'''
COMMONEST = '''"""The commonest tag of all."""

from collections import Counter

from musaic_core.benchmark.solver import Solver as BaseSolver


class Solver(BaseSolver):
    """Learns which tag is the commonest."""

    name = "commonest"
    answers = "tags"

    def predict(self, recording, given):
        assert not hasattr(recording, "tags")
        tags = Counter(tag for track in self.task.train for tag in track.tags["tags"])
        return [tags.most_common(1)[0][0]]
'''


def test_a_task_that_is_added_reads_a_corpus_that_no_task_had(original, tmp_path):
    suite = original.copy(tmp_path / "musaic")
    magnatagatune(tmp_path / "data")
    folder = suite.root / "benchmarks" / "tagging"
    (folder / "datasets").mkdir(parents=True)
    (folder / "objective.py").write_text(TAGGING, encoding="utf-8")
    (suite.root / "solvers" / "commonest.py").write_text(COMMONEST, encoding="utf-8")
    (folder / "solvers").symlink_to("../../solvers")
    link = folder / "datasets" / "magnatagatune.py"
    link.symlink_to("../../../datasets/magnatagatune.py")
    dataset = f"magnatagatune[path='{tmp_path / 'data'}']"
    given = {"benchmark": "tagging", "datasets": [dataset], "solvers": ["commonest"]}
    _, results = suite.run(**given)
    scores = results.set_index("objective_track")["objective_value"]
    assert scores.to_dict() == {"5": 1.0, "6": 0.0}


# what is not there


VERSION = {"slakh": {"version": "baby"}}


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus_that_is_not_there_says_where_it_is_to_be_had(corpus, tmp_path):
    folder = tmp_path / "nowhere"
    missing = data_of(corpus, folder, **VERSION.get(corpus, {}))["missing"]
    assert missing.startswith(f"{folder} is not there; get ")
    assert "https://" in missing or "http://" in missing
    assert "\n" not in missing
    empty = data_of(corpus, tmp_path, **VERSION.get(corpus, {}))["missing"]
    assert "\n" not in empty


def test_mirdata_and_its_index_are_asked_for_where_they_are_not_there(
    tmp_path, monkeypatch
):
    core = pytest.importorskip("mirdata.core")
    nowhere = str(tmp_path / "index.json")
    monkeypatch.setattr(core.Index, "get_path", lambda self: nowhere)
    missing = data_of("salami", tmp_path)["missing"]
    assert "mirdata has no index of salami yet" in missing
    assert ".download(['index'])" in missing
    monkeypatch.setitem(__import__("sys").modules, "mirdata", None)
    assert "pip install mirdata" in data_of("salami", tmp_path)["missing"]


def test_so_many_recordings_are_taken_evenly_spaced(tmp_path):
    for part in ("train", "test"):
        for i in range(6):
            sound(tmp_path / part / f"song {i}" / "bass.wav")
            sound(tmp_path / part / f"song {i}" / "drums.wav")
    data = data_of("musdb", tmp_path, tracks=2, train_tracks=3)
    assert ids(data["test"]) == ["song 0", "song 3"]
    assert ids(data["train"]) == ["song 0", "song 2", "song 4"]


def test_the_page_of_the_corpora_is_up_to_date():
    text = FILE.read_text(encoding="utf-8")
    assert text == page(), "run python -m tools.corpora"


def test_each_task_has_the_corpora_that_know_what_it_needs():
    needs = {"amt": {"notes", "f0"}, "msa": {"sections"}}
    needs |= {"mss": {"stems"}, "steering": {"stems"}}
    for dataset, tasks in corpora():
        knows = set(dataset.about.knows)
        assert tasks == sorted(t for t, any_of in needs.items() if any_of & knows)


# in runs


def tiny(corpus, root):
    if corpus == "maps":
        for name, piano in (("chpn-p1", "AkPnBcht"), ("mz_331_2", "ENSTDkCl")):
            maps_file(root, name, piano)
        maps_file(root, "M_S0_M60", "AkPnBcht", "ISOL/NO")
        maps_file(root, "M_S1_M67", "SptkBGCl", "ISOL/NO")
    elif corpus == "musdb":
        for part in ("train", "test"):
            for stem in STEMS:
                sound(root / part / f"song {part}" / f"{stem}.wav", 3.0, channels=2)
    else:
        segments = root / "dataset" / "segments" / "0001_12step.txt"
        text(segments, "0 intro", "6 verse", "12 end")
        sound(root / "audio" / "0001_12step.mp3", 12.0)


@pytest.mark.parametrize(
    ("task", "corpus", "solver"),
    [
        ("amt", "maps", FAST_NMF),
        ("mss", "musdb", FAST_NMF),
        ("msa", "harmonix", "equal_sections"),
    ],
)
def test_a_corpus_is_scored(task, corpus, solver, original, tmp_path):
    tiny(corpus, tmp_path / "data")
    dataset = f"{corpus}[path='{tmp_path / 'data'}']"
    suite = original.copy(tmp_path / "musaic")
    _, results = suite.run(benchmark=task, datasets=[dataset], solvers=[solver])
    assert (results["objective_error"] == "").all()
    assert len(results) == 1
    assert np.isfinite(results["objective_value"]).all()


def test_a_run_of_all_datasets_has_no_corpus_and_one_that_asks_is_told(suite):
    songs = suite.root / "datasets" / "mini" / "songs"
    for kind in ("train", "notes"):
        (songs / f"{kind}-seen").rename(songs / f"{kind}-unseen")
    arguments = {"benchmark": "msa", "solvers": ["equal_sections"]}
    printed, results = suite.run(datasets=[], **arguments)
    assert set(results["dataset_name"].str.partition("[")[0]) == {"mini"}
    assert not any(corpus in printed for corpus in CORPORA)
    printed, results = suite.run(datasets=["harmonix", "mini"], **arguments)
    assert set(results["dataset_name"].str.partition("[")[0]) == {"mini"}
    assert printed.count("get Harmonix Set from https://") == 1
