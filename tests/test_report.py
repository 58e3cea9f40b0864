"""What a report draws: labels, intervals, which differences hold, and the page."""

import numpy as np
import pandas as pd
import pytest
from conftest import FAST_NMF, PIANO

from musaic_core.lowrank.models import NMF
from musaic_core.results.pictures import draw_factors, save_factors
from musaic_core.results.statistics import (
    ALL,
    bootstrap_interval,
    datasets,
    on_a_par,
    score_table,
    with_labels,
)


def results(scores, dataset="corpus", **parameters):
    """Rows as benchopt gives them, from scores by solver."""
    return pd.DataFrame(
        {
            "solver_name": solver,
            "dataset_name": dataset,
            "objective_track": f"track {i}",
            "objective_value": score,
        }
        | {f"p_solver_{k}": v.get(solver) for k, v in parameters.items()}
        for solver, values in scores.items()
        for i, score in enumerate(values)
    )


def test_labels_name_only_the_parameters_that_tell_variants_apart():
    df = results(
        {"nmf[beta=1,rank=9]": [0.5], "nmf[beta=2,rank=9]": [0.4], "silence": [0.0]},
        beta={"nmf[beta=1,rank=9]": 1, "nmf[beta=2,rank=9]": 2},
        rank={"nmf[beta=1,rank=9]": 9, "nmf[beta=2,rank=9]": 9},
    )
    assert with_labels(df)["label"].tolist() == ["nmf β=1", "nmf β=2", "silence"]


def test_score_table_is_sorted_and_keeps_only_what_all_solvers_have():
    df = results({"a": [0.1, 0.2, np.nan], "b": [0.5, 0.6, 0.7]})
    table = score_table(df, "corpus", "objective_value")
    assert table.columns.tolist() == ["b", "a"]
    assert table.index.tolist() == ["track 0", "track 1"]


def test_all_corpora_average_the_recordings_that_they_share():
    df = pd.concat([results({"a": [0.2]}, "seen"), results({"a": [0.4]}, "unseen")])
    assert datasets(df) == [ALL, "seen", "unseen"]
    table = score_table(df, ALL, "objective_value")
    assert table["a"].tolist() == [pytest.approx(0.3)]


def test_bootstrap_interval_holds_the_mean_and_narrows_with_recordings():
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=8), rng.normal(size=800)
    widths = []
    for scores in (few, many):
        low, high = bootstrap_interval(scores)
        assert low < scores.mean() < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3
    assert bootstrap_interval(np.array([0.5])) == (0.5, 0.5)


def test_solvers_are_told_apart_where_their_difference_is_consistent():
    rng = np.random.default_rng(0)
    difficulty = rng.uniform(0, 0.5, 10)
    df = results(
        {
            "better": difficulty + 0.2 + rng.normal(0, 0.02, 10),
            "worse": difficulty + rng.normal(0, 0.02, 10),
            "as bad": difficulty + rng.normal(0, 0.02, 10),
        }
    )
    alike = on_a_par(score_table(df, "corpus", "objective_value"))
    assert not alike.loc["better", "worse"]
    assert not alike.loc["better", "as bad"]
    assert alike.loc["worse", "as bad"]
    assert (alike == alike.T).all(axis=None)
    assert np.diag(alike).all()


def test_one_recording_tells_nobody_apart():
    table = score_table(results({"a": [0.1], "b": [0.9]}), "corpus", "objective_value")
    assert on_a_par(table).all(axis=None)


def test_factors_are_drawn_in_the_order_of_their_pitches(tmp_path):
    factors = NMF(np.eye(4)[:, [2, 0, 1]], np.ones((3, 20)))
    frequencies = np.array([110.0, 220.0, 440.0, 880.0])
    save_factors(factors, [69, 45, 0], frequencies, 0.02, tmp_path / "factors.npz")
    picture = draw_factors(tmp_path / "factors.npz")
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert 0 <= picture.min() < picture.max() <= 1


def test_the_page_has_every_figure(suite):
    suite.benchopt(
        *("run", "benchmarks/amt", "--no-display", "--output", "page"),
        *("-d", PIANO, "-s", FAST_NMF, "-s", "silence"),
    )
    page = (suite.outputs() / "amt_page.html").read_text()
    for figure in ("score", "ranking", "quality_against_time", "piano_roll", "factors"):
        assert f'"{figure}"' in page
    assert '"found (' in page
    assert '"missed (' in page
    assert "data:image/png;base64" in page


def test_a_page_without_scores_is_made_too(suite, tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    test = suite.root / "datasets/mini/piano/test"
    for file in test.glob("*/piano.ogg"):
        (recordings / f"{file.parent.name}.ogg").write_bytes(file.read_bytes())
    suite.benchopt(
        *("run", "benchmarks/amt", "--no-display", "--output", "page"),
        *("-d", f"folder[path={recordings}]", "-s", FAST_NMF),
    )
    assert '"estimated (' in (suite.outputs() / "amt_page.html").read_text()
