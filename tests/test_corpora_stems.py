"""Corpora of stems are read in the layouts that they are distributed in."""

import numpy as np
import pytest
import soundfile
from small_corpora import SR, STEMS, check_stems, data_of, ids, sound, text

from musaic_core.data.errors import InputError
from musaic_core.data.sources import read_stream, read_sum


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
