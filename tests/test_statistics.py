"""Statistics of results: intervals of means, and which differences hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scored import cells

from musaic_core.results.statistics import differences_that_hold, mean_interval, ranking

# ---- intervals


def test_with_one_repetition_the_interval_is_students_over_recordings():
    scores = np.random.default_rng(0).normal(size=8)
    interval = mean_interval(scores[:, None])
    low, high = stats.t.interval(0.95, 7, scores.mean(), stats.sem(scores))
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.recordings == interval.half_width
    assert np.isnan(interval.chance)
    assert "chance: not measured (-r 3 does)" in str(interval)


@pytest.mark.parametrize(
    ("of_recordings", "of_runs", "of_scores"),
    [(0.2, 0.0, 0.05), (0.1, 0.1, 0.02), (0.0, 0.2, 0.1), (0.1, 0.0, 0.0)],
)
def test_variances_of_recordings_and_of_chance_are_told_apart(
    of_recordings, of_runs, of_scores
):
    rng, n, R = np.random.default_rng(0), 6, 4
    found = []
    for _ in range(2000):
        scores = (
            rng.normal(0, of_recordings, (n, 1))
            + rng.normal(0, of_runs, (1, R))
            + rng.normal(0, of_scores, (n, R))
        )
        interval = mean_interval(scores)
        widths = np.array([interval.half_width, interval.recordings, interval.chance])
        covered = abs(interval.mean) <= interval.half_width
        share = (widths[1:] / max(widths[0], 1e-12)) ** 2
        found.append([covered, *share])
        assert share.sum() == pytest.approx(1)
    covered, recordings, _ = np.mean(found, 0)
    assert 0.92 <= covered <= 0.995
    by_recordings = of_recordings**2 / n
    by_chance = (of_runs**2 + of_scores**2 / n) / R
    # the mean of ratios is not the ratio of means: near it, and on the right side
    true = by_recordings / (by_recordings + by_chance)
    assert recordings == pytest.approx(true, abs=0.2)


def test_a_table_of_known_variances_is_decomposed_by_hand():
    # rows 0 and 2, columns -1 and 1, no rest: MS_a = 4, MS_b = 4, MS_e = 0
    scores = np.array([[-1.0, 1.0], [1.0, 3.0]])
    interval = mean_interval(scores)
    assert interval.mean == 1
    # σ_a² = (4 - 0) / 2 = 2 over n = 2; σ_b² = (4 - 0) / 2 = 2 over R = 2
    assert interval.recordings == pytest.approx(interval.chance)
    # Satterthwaite: (1 + 1)² / ((4/4)² / 1 + (4/4)² / 1) = 2 degrees of freedom
    assert interval.half_width == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(2))
    assert str(interval) == "± 6.085 (recordings 4.303, chance 4.303)"


def test_without_chance_all_is_due_to_the_recordings():
    interval = mean_interval(np.repeat(np.arange(5.0)[:, None], 3, axis=1))
    assert interval.chance == 0
    assert interval.recordings == interval.half_width > 0
    plain = mean_interval(np.arange(5.0)[:, None])
    assert interval.half_width == pytest.approx(plain.half_width)


def test_alike_recordings_leave_chance_alone():
    interval = mean_interval(np.repeat([[1.0, 2.0, 4.0]], 5, axis=0))
    assert interval.recordings == 0
    assert interval.chance == interval.half_width > 0


def test_one_recording_tells_of_chance_alone_and_one_score_of_nothing():
    interval = mean_interval([[1.0, 2.0, 3.0]])
    assert (
        interval.half_width
        == interval.chance
        == pytest.approx(stats.t.ppf(0.975, 2) / np.sqrt(3))
    )
    assert np.isnan(interval.recordings)
    alone = mean_interval([[0.5]])
    assert (alone.low, alone.high) == (0.5, 0.5)
    assert np.isnan(alone.half_width)


def test_missing_repetitions_do_not_lose_a_recording():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 1)) + rng.normal(0, 0.1, (6, 3))
    scores[4, 1] = np.nan
    interval = mean_interval(scores)
    assert interval.n == 6
    assert interval.mean == pytest.approx(np.nanmean(scores, 1).mean())
    assert 0 < interval.chance < interval.recordings
    apart = np.array([[0.1, np.nan], [np.nan, 0.3], [0.5, np.nan]])
    assert np.isnan(mean_interval(apart).chance)  # no recording has both


# ---- which differences hold


def test_solvers_are_told_apart_where_their_difference_is_consistent():
    rng = np.random.default_rng(0)
    difficulty = rng.uniform(0, 0.5, 10)
    better = differences_that_hold(
        cells(
            {
                "better": difficulty + 0.2 + rng.normal(0, 0.02, 10),
                "worse": difficulty + rng.normal(0, 0.02, 10),
                "as bad": difficulty + rng.normal(0, 0.02, 10),
            }
        )
    )
    assert better.loc["better", ["worse", "as bad"]].all()
    assert better.to_numpy().sum() == 2


def test_the_test_is_the_paired_t_test_where_there_is_one_repetition():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 12), rng.normal(0.75, 1, 12)
    for shift in np.linspace(-0.5, 1, 16):
        p = stats.ttest_rel(a, b - shift).pvalue
        better = differences_that_hold(cells({"a": a, "b": b - shift}))
        assert better.to_numpy().any() == (p <= 0.05)


@pytest.mark.slow
def test_chance_of_a_whole_run_is_no_difference():
    rng = np.random.default_rng(0)
    falsely = {1: 0, 4: 0}
    for _ in range(200):
        runs = rng.normal(0, 0.1, (2, 1, 4))  # one seed was lucky on all recordings
        a, b = rng.normal(0, 0.01, (2, 8, 4)) + runs
        for R in falsely:
            table = cells({"a": a[:, :R], "b": b[:, :R]})
            falsely[R] += differences_that_hold(table).to_numpy().any()
    assert falsely[1] > 150  # one repetition cannot know
    assert falsely[4] <= 20


def test_a_loss_is_better_where_it_is_lower():
    table = cells({"a": [0.1, 0.2, 0.15], "b": [0.5, 0.61, 0.57]})
    assert differences_that_hold(table).loc["b", "a"]
    assert differences_that_hold(table, lower_is_better=True).loc["a", "b"]
    assert ranking(table, lower_is_better=True).index.tolist() == ["a", "b"]


def test_one_recording_tells_nobody_apart():
    table = cells({"a": [0.1], "b": [0.9]})
    assert not differences_that_hold(table).to_numpy().any()
    assert ranking(table)["rank"].isna().all()


def test_a_solver_that_fails_shrinks_nobody_elses_comparison():
    rng = np.random.default_rng(0)
    difficulty = rng.uniform(0, 0.1, 6)
    good, bad = difficulty + 0.5, difficulty + 0.3 + rng.normal(0, 0.01, 6)
    fails = np.full(6, np.nan)
    fails[0] = 0.99
    without = ranking(cells({"good": good, "bad": bad}))
    table = ranking(cells({"good": good, "bad": bad, "fails": fails}))
    columns = ["mean", "rank", "n"]
    assert table.loc[["good", "bad"], columns].equals(without[columns])
    assert table.loc["fails", ["n", "of"]].tolist() == [1, 6]
    assert table.loc["fails", "shown_as"] == "fails (1 of 6 recordings)"
    assert pd.isna(table.loc["fails", "rank"])
    assert table.loc["good", "shown_as"] == "good"


def test_pairs_are_compared_on_the_recordings_that_both_have():
    rng = np.random.default_rng(0)
    difficulty = np.array([0.0, 0.0, 0.0, 0.0, 5.0, 5.0])
    whole = difficulty + rng.normal(0, 0.01, 6)
    part = np.where(difficulty > 0, np.nan, whole + 0.5 + rng.normal(0, 0.01, 6))
    table = ranking(cells({"whole": whole, "part": part}))
    assert table.index[0] == "whole"  # the mean of all, with those that are easy
    assert table["rank"].to_dict() == {"part": 1, "whole": 2}


def test_a_solver_without_any_score_is_listed_with_none():
    table = ranking(cells({"a": [0.1, 0.2]}), {"a": "low-rank", "broken": "learned"})
    assert table.loc["broken", "shown_as"] == "broken (0 of 2 recordings)"
    assert str(table.loc["broken", "interval"]) == "no score"


def test_floors_and_oracles_stand_apart():
    of = {"floor": "floor", "a": "low-rank", "oracle": "oracle", "b": "peer"}
    scores = {"floor": 0.0, "a": 0.5, "oracle": 0.9, "b": 0.7}
    rng = np.random.default_rng(0)
    table = ranking(
        cells({k: v + rng.normal(0, 0.01, 6) for k, v in scores.items()}), of
    )
    assert table.index.tolist() == ["b", "a", "oracle", "floor"]
    assert table["rank"].tolist()[:2] == [1, 2]
    assert table["rank"].isna().tolist() == [False, False, True, True]
    assert not any({"floor", "oracle"} & set(others) for others in table["others"])
    assert table.loc["oracle", "shown_as"] == "oracle (oracle)"
