"""What `benchopt run benchmarks/mss` gives beside what every task's run does."""

import numpy as np
import pytest
import soundfile
from conftest import FAST_NMF, SONGS

from musaic_core.data.audio import read_audio
from musaic_core.data.corpus import read_corpus
from musaic_core.results.figures import draw_factors, draw_spectrograms

STEMS = ("bass", "chords", "drums", "lead")
COLUMNS = {
    "value",
    "si_sdr",
    "sdr_mixture",
    "sdr_oracle",
    *("sdr", "isr", "sir", "sar"),
    *(f"{ratio}_{stem}" for ratio in ("sdr", "isr", "sir", "sar") for stem in STEMS),
}


@pytest.fixture(scope="module")
def first(original, tmp_path_factory):
    """A copy of the suite, and the results of a run there."""
    suite = original.copy(tmp_path_factory.mktemp("mss") / "musaic")
    solvers = (FAST_NMF, "hpss", "ideal_mask", "mixture")
    _, results = suite.run(benchmark="mss", datasets=[SONGS], solvers=solvers)
    return suite, results


def test_rows_have_the_columns_of_the_task(first):
    _, results = first
    measures = results[[f"objective_{column}" for column in COLUMNS]]
    assert np.isfinite(measures.astype(float)).all(axis=None)
    assert (results["objective_value"] == results["objective_sdr"]).all()


def test_floor_and_oracle_bound_the_scores(first):
    _, results = first
    of = results.groupby("solver_name").mean(numeric_only=True)
    assert of.loc["mixture", "objective_sdr"] == pytest.approx(
        of.loc["mixture", "objective_sdr_mixture"], abs=1e-3
    )
    assert of.loc["ideal_mask", "objective_sdr"] == pytest.approx(
        of.loc["ideal_mask", "objective_sdr_oracle"], abs=1e-3
    )
    assert of["objective_sdr"].idxmax() == "ideal_mask"
    assert of["objective_sdr_drums"].drop("ideal_mask").idxmax() != "mixture"


def test_saved_stems_sum_to_the_mixture_but_for_their_coding(first):
    suite, results = first
    corpus = {t.id: t for t in read_corpus(suite.root / "datasets/mini/songs/test")}
    for row in results.to_dict("records"):
        folder = suite.outputs("mss") / row["objective_files"]
        saved = [read_audio(folder / f"{stem}.ogg")[0] for stem in STEMS]
        # 12 s amid all but the first, of which all that is scored
        seconds = 20 if row["objective_track"] == min(corpus) else 6
        y, _ = corpus[row["objective_track"]].amid(seconds).audio()
        difference = sum(saved) - y
        assert (difference**2).sum() < 0.1 * (y**2).sum()


def test_pictures_can_be_drawn_of_the_first_recording(first):
    suite, results = first
    for name, rows in results.groupby("solver_name"):
        folder = suite.outputs("mss") / rows["objective_files"].iloc[0]
        assert draw_spectrograms(folder / "spectrograms.npz").std() > 0.05
        assert (folder / "factors.npz").exists() == name.startswith("nmf")
        if name.startswith("nmf"):
            assert draw_factors(folder / "factors.npz").std() > 0.05


def test_one_instrument_is_skipped_with_a_reason(original, tmp_path):
    suite = original.copy(tmp_path / "musaic")
    printed, results = suite.run(
        benchmark="mss",
        datasets=["mini[part=piano,timbre=seen]", SONGS],
        solvers=["mixture"],
    )
    assert "nothing to separate" in printed
    assert set(results["p_dataset_part"]) == {"songs"}


def test_phases_can_be_recovered(original, tmp_path, first):
    suite = original.copy(tmp_path / "musaic")
    _, results = suite.run(
        "-o",
        "*[phase=misi]",
        benchmark="mss",
        datasets=[SONGS],
        solvers=[FAST_NMF],
    )
    assert (results["objective_error"] == "").all()
    plain = first[1].loc[first[1]["solver_name"].str.startswith("nmf")]
    assert not np.allclose(results["objective_sdr"], plain["objective_sdr"])


def test_folders_of_stems_are_scored_and_mixtures_separated(original, tmp_path):
    suite = original.copy(tmp_path / "musaic")
    folder = tmp_path / "music"
    (folder / "song").mkdir(parents=True)
    (folder / "quiet").mkdir()
    track = read_corpus(suite.root / "datasets/mini/songs/test")[0]
    y, sr = track.audio()
    for name, stem in track.stems().items():
        soundfile.write(folder / "song" / f"{name}.wav", stem.T, sr)
        heard = 0 * stem if name == "lead" else stem
        soundfile.write(folder / "quiet" / f"{name}.wav", heard.T, sr)
    soundfile.write(folder / "mixture.wav", y.T, sr)
    _, results = suite.run(
        benchmark="mss", datasets=[f"folder[path={folder}]"], solvers=[FAST_NMF]
    )
    rows = results.set_index("objective_track")
    assert np.isfinite(rows.loc["song", "objective_sdr"])
    assert "lead.wav: silent" in rows.loc["quiet", "objective_error"]
    assert np.isnan(rows.loc["mixture.wav", "objective_value"])
    assert rows.loc["mixture.wav", "objective_error"] == ""
    saved = suite.outputs("mss") / rows.loc["mixture.wav", "objective_files"]
    assert {file.stem for file in saved.glob("*.ogg")} == set(STEMS)
