"""What `benchopt run benchmarks/msa` gives beside what every task's run does."""

import numpy as np
import pandas as pd
import pytest
from conftest import BLIND_NMF, FAST_NMF, PIANO, SONGS
from solving import plugin

from musaic_core.data.corpus import read_corpus
from musaic_core.tasks.structure.scores import structure_scores

COLUMNS = {
    "value",
    "pairwise_f1",
    "nce_f1",
    *(
        f"boundary_{metric}_{window}"
        for metric in ("precision", "recall", "f1")
        for window in ("05", "3")
    ),
}
FAST_NTD = "ntd[n_iter=20]"


@pytest.fixture(scope="module")
def first(original, tmp_path_factory):
    """A copy of the suite, and the results of a run there, whose page was made."""
    suite = original.copy(tmp_path_factory.mktemp("msa") / "musaic")
    printed = suite.benchopt(
        *("run", "benchmarks/msa", "--no-display", "--seed", 0, "--output", "page"),
        *("-d", PIANO, "-d", SONGS, "-s", FAST_NMF, "-s", BLIND_NMF, "-s", FAST_NTD),
        *("-s", "barwise_ssm", "-s", "equal_sections"),
    )
    return suite, printed, pd.read_parquet(suite.outputs("msa") / "page.parquet")


def test_rows_have_the_columns_of_the_task(first):
    _, _, results = first
    measures = results[[f"objective_{column}" for column in COLUMNS]].astype(float)
    assert ((measures >= 0) & (measures <= 1)).all(axis=None)
    assert (results["objective_value"] == results["objective_boundary_f1_3"]).all()
    assert (results["objective_error"] == "").all()


def test_what_makes_no_sense_is_skipped_with_a_reason(first):
    _, printed, results = first
    assert "its training recordings have no sections to tune on" in printed
    assert "there is nothing to learn a dictionary from" in printed
    assert set(results["dataset_name"]) == {SONGS}
    assert not results["solver_name"].str.contains("fixed").any()


def test_saved_sections_are_those_that_were_scored(first):
    suite, _, results = first
    corpus = {t.id: t for t in read_corpus(suite.root / "datasets/mini/songs/test")}
    for row in results.to_dict("records"):
        track = corpus[row["objective_track"]]
        folder = suite.outputs("msa") / row["objective_files"]
        names = ["start", "end", "label"]
        sections = pd.read_csv(folder / "estimate.lab", sep="\t", names=names)
        again = structure_scores(track.sections, sections)
        for name, score in again.items():
            assert row[f"objective_{name}"] == pytest.approx(score, abs=1e-3)
        with np.load(folder / "structure.npz") as saved:
            np.testing.assert_allclose(
                saved["estimated"], [0, *sections["end"]], atol=1e-4
            )
            np.testing.assert_array_equal(saved["reference"][1:], track.sections["end"])
            assert (
                saved["reference_labels"].tolist() == track.sections["label"].tolist()
            )
            if row["solver_name"] != "equal_sections":
                n_bars = len(saved["bars"]) - 1
                assert saved["similarity"].shape == (n_bars, n_bars)


def test_the_patterns_of_an_ntd_are_saved_once(first):
    suite, *_ = first
    files = list((suite.outputs("msa") / "page").rglob("patterns.npz"))
    assert len(files) == 1
    with np.load(files[0]) as saved:
        assert len(saved["patterns"]) == len(saved["starts"]) == len(saved["labels"])
        assert saved["patterns"].max() == 1
        assert (np.diff(saved["starts"]) > 0).all()


def test_the_page_has_every_figure(first):
    suite, _, results = first
    page = (suite.outputs("msa") / "msa_page.html").read_text(encoding="utf-8")
    for figure in (
        *("score", "ranking", "quality_against_time", "trade_off"),
        *("self_similarity", "patterns", "steering_gain"),
    ):
        assert f'"{figure}"' in page
    # a self-similarity each, the patterns of the NTD, and the trade-off
    assert page.count("data:image/png;base64") == len(results) + 2


def test_features_with_negative_entries_are_for_bars_alone(original):
    songs = original.root / "datasets/mini/songs"
    options = {"feature": "mfcc", "segmentation": "foote", "bars": "heard"}
    objective = plugin("objectives/msa.py", **options)
    train, test = (read_corpus(songs / part) for part in ("train-seen", "test"))
    objective.set_data(train=train, test=test)
    nmf = plugin("solvers/nmf.py", dictionary="blind", beta=1, rank=4, n_iter=5)
    skipped, reason = nmf.skip(objective.task)
    assert skipped
    assert "mfcc is negative in places" in reason
    solver = plugin("solvers/barwise_ssm.py")
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    rows = objective.evaluate_result(**solver.get_result())
    assert [row["error"] for row in rows] == [""] * len(test)
    assert all(0 <= row["value"] <= 1 for row in rows)
