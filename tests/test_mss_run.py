"""What `benchopt run benchmarks/mss` gives beside what every task's run does."""

import shutil

import numpy as np
import pytest
import soundfile
from conftest import FAST_NMF, PIANO, SONGS

from musaic_core.data.audio import read_audio
from musaic_core.data.corpus import read_corpus
from musaic_core.results.figures import draw_factors, draw_spectrograms

STEMS = ("bass", "drums", "other", "vocals")
COLUMNS = {
    "value",
    "si_sdr",
    "sdr_mixture",
    "sdr_oracle",
    *("sdr", "isr", "sir", "sar"),
    *(f"{ratio}_{stem}" for ratio in ("sdr", "isr", "sir", "sar") for stem in STEMS),
}


SCORED = 8  # s amid each recording, as much as these tests need


@pytest.fixture(scope="module")
def suite(original, tmp_path_factory):
    """A copy of the suite, in which less is scored."""
    suite = original.copy(tmp_path_factory.mktemp("mss") / "musaic")
    task = "musaic_core/tasks/separation/task.py"
    suite.edit(task, "SCORED = 20", f"SCORED = {SCORED}")
    return suite


@pytest.fixture(scope="module")
def first(suite):
    """What a run printed, and its results."""
    solvers = (FAST_NMF, "hpss", "ideal_mask", "mixture")
    return suite.run(benchmark="mss", datasets=[PIANO, SONGS], solvers=solvers)


@pytest.fixture(scope="module")
def music(suite, tmp_path_factory):
    """A folder of a mixture, of its stems, and of these with a silent one."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "song").mkdir()
    (folder / "quiet").mkdir()
    track = read_corpus(suite.root / "datasets/mini/songs/test")[0].amid(SCORED)
    y, sr = track.audio()
    for name, stem in track.stems().items():
        soundfile.write(folder / "song" / f"{name}.wav", stem.T, sr)
        heard = 0 * stem if name == "vocals" else stem
        soundfile.write(folder / "quiet" / f"{name}.wav", heard.T, sr)
    soundfile.write(folder / "mixture.wav", y.T, sr)
    return folder


@pytest.fixture(scope="module")
def recovered(suite, music):
    """Results of a run that recovers phases, by corpus, with a folder of music."""
    _, results = suite.run(
        *("-o", "*[phase=misi]"),
        benchmark="mss",
        datasets=[SONGS, f"folder[path={music}]"],
        solvers=[FAST_NMF],
    )
    in_folder = results["dataset_name"].str.startswith("folder")
    return {"songs": results[~in_folder], "folder": results[in_folder]}


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


def test_saved_stems_sum_to_the_mixture_but_for_their_coding(suite, first):
    _, results = first
    corpus = {t.id: t for t in read_corpus(suite.root / "datasets/mini/songs/test")}
    for row in results.to_dict("records"):
        folder = suite.outputs("mss") / row["objective_files"]
        saved = [read_audio(folder / f"{stem}.ogg")[0] for stem in STEMS]
        # 6 s amid all but the first, of which all that is scored
        seconds = SCORED if row["objective_track"] == min(corpus) else 6
        y, _ = corpus[row["objective_track"]].amid(seconds).audio()
        difference = sum(saved) - y
        assert (difference**2).sum() < 0.1 * (y**2).sum()


def test_pictures_can_be_drawn_of_the_first_recording(suite, first):
    _, results = first
    for name, rows in results.groupby("solver_name"):
        folder = suite.outputs("mss") / rows["objective_files"].iloc[0]
        assert draw_spectrograms(folder / "spectrograms.npz").std() > 0.05
        assert (folder / "factors.npz").exists() == name.startswith("nmf")
        if name.startswith("nmf"):
            assert draw_factors(folder / "factors.npz").std() > 0.05


def test_stems_that_lie_in_files_are_cached_and_written_again(
    original, music, tmp_path
):
    suite = original.copy(tmp_path / "musaic")
    stored = "musaic_core/tasks/separation/stored.py"
    suite.edit(stored, "LARGEST = 2**29", "LARGEST = 0")
    printed = []
    for number in range(3):
        if number == 2:
            shutil.rmtree(suite.outputs("mss"))
        text, results = suite.run(
            benchmark="mss",
            datasets=[f"folder[path={music}]"],
            solvers=["mixture"],
        )
        printed.append(text)
        for row in results.to_dict("records"):
            folder = suite.outputs("mss") / row["objective_files"]
            assert {file.stem for file in folder.glob("*.ogg")} == set(STEMS)
    assert ["(cached)" in text for text in printed] == [False, True, False]
    assert "can't pickle" not in printed[0] + printed[2]


def test_one_instrument_is_skipped_with_a_reason(first):
    printed, results = first
    assert "nothing to separate" in printed
    assert set(results["p_dataset_part"]) == {"songs"}


def test_phases_can_be_recovered(first, recovered):
    results = recovered["songs"]
    assert (results["objective_error"] == "").all()
    plain = first[1].loc[first[1]["solver_name"].str.startswith("nmf")]
    assert len(plain) == len(results) > 0
    assert not np.allclose(results["objective_sdr"], plain["objective_sdr"])


def test_folders_of_stems_are_scored_and_mixtures_separated(suite, recovered):
    rows = recovered["folder"].set_index("objective_track")
    assert np.isfinite(rows.loc["song", "objective_sdr"])
    assert "vocals.wav: silent" in rows.loc["quiet", "objective_error"]
    assert np.isnan(rows.loc["mixture.wav", "objective_value"])
    assert rows.loc["mixture.wav", "objective_error"] == ""
    saved = suite.outputs("mss") / rows.loc["mixture.wav", "objective_files"]
    assert {file.stem for file in saved.glob("*.ogg")} == set(STEMS)
