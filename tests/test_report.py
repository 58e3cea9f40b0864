"""What a report draws: labels, intervals, which differences hold, and the figures."""

import importlib.util
import re
import shutil
from pathlib import Path

import benchopt.benchmark
import benchopt.plotting
import numpy as np
import pandas as pd
import pytest
import torch
from published_site import (
    FRAME,
    FREQUENCIES,
    curves,
    factors,
    guided,
    make_benchmarks,
)
from published_site import results as published_results
from scipy import stats

from musaic_core.lowrank.models import NMF
from musaic_core.results.figures import draw_factors
from musaic_core.results.rows import (
    ALL,
    NO_SCORES,
    datasets,
    kinds,
    saved_files,
    score_cells,
    score_table,
    seconds,
    with_labels,
)
from musaic_core.results.saved import save_factors
from musaic_core.results.statistics import (
    differences_that_hold,
    mean_interval,
    ranking,
)

ROOT = Path(__file__).resolve().parent.parent
PLOTS = sorted(
    {
        file.resolve()
        for folder in ("plots", "benchmarks/*/plots")
        for file in ROOT.glob(f"{folder}/*.py")
    }
)


def results(scores, dataset="corpus", **parameters):
    """Rows as benchopt gives them, from scores by solver: (recordings, repetitions)."""
    return pd.DataFrame(
        {
            "solver_name": solver,
            "dataset_name": dataset,
            "idx_rep": r,
            "objective_track": f"track {i}",
            "objective_value": score,
        }
        | {f"p_solver_{k}": v.get(solver) for k, v in parameters.items()}
        for solver, values in scores.items()
        for i, row in enumerate(np.reshape(values, (len(values), -1)))
        for r, score in enumerate(row)
    )


def cells(scores):
    return score_cells(results(scores), "corpus", "objective_value")


def test_labels_name_only_the_parameters_that_tell_variants_apart():
    df = results(
        {"nmf[beta=1,rank=9]": [0.5], "nmf[beta=2,rank=9]": [0.4], "silence": [0.0]},
        beta={"nmf[beta=1,rank=9]": 1, "nmf[beta=2,rank=9]": 2},
        rank={"nmf[beta=1,rank=9]": 9, "nmf[beta=2,rank=9]": 9},
    )
    assert with_labels(df)["label"].tolist() == ["nmf β=1", "nmf β=2", "silence"]


def test_labels_take_parameters_that_are_lists():
    df = results(
        {"deep[ranks=[1, 2]]": [0.5], "deep[ranks=[3]]": [0.4]},
        ranks={"deep[ranks=[1, 2]]": [1, 2], "deep[ranks=[3]]": [3]},
    )
    assert with_labels(df)["label"].tolist() == ["deep (1, 2)", "deep (3,)"]


def test_each_solver_has_the_mean_of_its_own_recordings_best_first():
    table = score_table(
        results({"a": [0.1, 0.2, np.nan], "b": [0.5, 0.6, 0.7]}),
        "corpus",
        "objective_value",
    )
    assert table.columns.tolist() == ["b", "a"]
    assert table.index.tolist() == ["track 0", "track 1", "track 2"]
    assert table.mean().tolist() == pytest.approx([0.6, 0.15])


def test_all_corpora_average_the_recordings_that_they_share():
    df = pd.concat([results({"a": [0.2]}, "seen"), results({"a": [0.4]}, "unseen")])
    assert datasets(df) == [ALL, "seen", "unseen"]
    table = score_table(df, ALL, "objective_value")
    assert table["a"].tolist() == [pytest.approx(0.3)]


def test_a_recording_counts_with_the_mean_of_its_repetitions():
    df = results({"a": [[0.1, 0.3], [0.5, np.nan]]})
    table = score_table(df, "corpus", "objective_value")
    assert table["a"].tolist() == pytest.approx([0.2, 0.5])
    assert mean_interval(cells({"a": [[0.1, 0.3], [0.5, np.nan]]})["a"]).mean == (
        pytest.approx(0.35)
    )


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


def test_time_to_fit_and_time_to_predict_are_told_apart():
    df = published_results(2)
    spent = seconds(df, "tiny[part=a]")
    label = "nmf β=1 fixed"
    assert spent.loc[label, "fit"] == pytest.approx(30.9)
    assert spent.loc[label, "predict"] == pytest.approx(7.9 / (14 / 60))
    assert kinds(df)[label] == "low-rank"
    # a recording that failed has no length, and no part in the rate
    failed = (df["solver_name"] == "network") & (df["objective_track"] != "one")
    df.loc[failed, "objective_duration"] = np.nan
    assert seconds(df, ALL).equals(spent)


# ---- what runs save


class DeepModel:
    """The least that a model with a layer below its templates has."""

    templates = torch.rand(4, 3, requires_grad=True)
    activations = torch.rand(3, 5)
    labels = ("drums", None, "vocals")
    n_parameters = 27
    below = [NMF(np.ones((4, 2)), np.array([[0.0, 2.0, 4.0], [1.0, 1.0, 1.0]]))]


def test_factors_of_any_model_are_saved(tmp_path):
    save_factors(DeepModel(), None, np.arange(4), 0.1, tmp_path / "factors.npz")
    with np.load(tmp_path / "factors.npz") as saved:
        assert saved["templates"].max() == saved["activations"].max() == 1
        assert saved["labels"].tolist() == ["drums", "", "vocals"]
        assert saved["layer_2"].tolist() == [[0, 0.5, 1], [0.25, 0.25, 0.25]]
    plain = NMF(np.eye(4)[:, :2], np.ones((2, 3)))
    save_factors(plain, None, np.arange(4), 0.1, tmp_path / "factors.npz")
    with np.load(tmp_path / "factors.npz") as saved:
        assert saved["labels"].tolist() == [0, 0]


def test_factors_are_drawn_in_the_order_of_their_pitches(tmp_path):
    model = NMF(np.eye(4)[:, [2, 0, 1]], np.ones((3, 20)))
    frequencies = np.array([110.0, 220.0, 440.0, 880.0])
    save_factors(model, [69, 45, 0], frequencies, 0.02, tmp_path / "factors.npz")
    picture = draw_factors(tmp_path / "factors.npz")
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert 0 <= picture.min() < picture.max() <= 1


# ---- every figure, of whatever results


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_benchmarks(tmp_path_factory.mktemp("reported"))


@pytest.fixture
def read_only(made):
    """A benchmark that runs, as benchopt says where plots ask."""
    return benchopt.benchmark.Benchmark(made / "amt")


@pytest.fixture
def running(made, tmp_path):
    """The same, to change at will."""
    shutil.copytree(made.parent, tmp_path / "suite", symlinks=True)
    return benchopt.benchmark.Benchmark(tmp_path / "suite" / "benchmarks" / "amt")


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plot = module.Plot.get_instance()
    plot._check()
    return plot


OPTIONAL = ("duration", "time", "kind", "error", "files", "audio", "peak", "divergence")


def without(df, *names):
    return df.drop(columns=[c for c in df if c.startswith(names)])


FRAMES = {
    "whole": published_results,
    "repeated": lambda: published_results(3),
    "curves": curves,
    "guided": guided,
    "one row": lambda: published_results().iloc[:1],
    "one recording": lambda: published_results().query("objective_track == 'one'"),
    "one solver": lambda: published_results().query("solver_name == 'network'"),
    "no score column": lambda: without(published_results(), "objective_value"),
    "all scores NaN": lambda: published_results().assign(objective_value=np.nan),
    "all scores None": lambda: published_results().assign(objective_value=None),
    "infinite": lambda: published_results().assign(objective_value=np.inf),
    "no optional column": lambda: without(
        published_results(), *(f"objective_{name}" for name in OPTIONAL)
    ),
    "curves that broke off": lambda: curves().assign(
        objective_value=np.nan, objective_divergence=np.nan, objective_error="broke"
    ),
    "errors None": lambda: curves().assign(objective_error=None),
    "stems without scores": lambda: published_results().assign(
        objective_sdr=np.nan, objective_sdr_drums=np.nan, objective_sir_drums=np.nan
    ),
    "stems": lambda: published_results().assign(
        objective_sdr=1.0, objective_sdr_drums=1.0, objective_sir_drums=1.0
    ),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("file", PLOTS, ids=lambda file: file.stem)
def test_a_figure_is_made_whatever_the_results(read_only, file, frame):
    df = FRAMES[frame]()
    plots, options = load(file)._get_all_plots(df.copy())
    assert plots
    assert all(values for values in options.values())
    # what benchopt's report and its PDFs need
    data = benchopt.plotting.helpers.update_plot_data_style({"plot": plots})["plot"]
    for figure in data.values():
        assert figure["title"]
        assert figure["type"] != "image" or figure["data"]
    flat = str([figure for figure in data.values() if figure["type"] != "image"])
    assert not re.search(r"\bnan\b", flat)


def test_what_hints_gain_is_a_curve_a_solver_over_their_number():
    df = pd.concat([published_results(), guided()], ignore_index=True)
    plot = load(ROOT / "plots" / "steering_gain.py")
    true, wrong = (plot.plot(df, "tiny[part=a]", share) for share in (0.0, 0.1))
    assert [c["label"] for c in true] == ["nmf β=1 fixed", "nmf β=2 blind"]
    for curve in true:
        assert curve["x"] == [1, 4]
        for name in ("y", "y_low", "y_high"):
            assert curve[name] == pytest.approx([0.01, 0.04])
    assert [(c["x"], c["y"]) for c in wrong] == [([4], pytest.approx([0.02]))] * 2
    assert plot.plot(published_results(), "tiny[part=a]", 0.0) == []


def test_the_trade_off_says_beneath_what_it_shows():
    plain = published_results().assign(objective_purity=np.nan)
    plain.loc[plain["p_solver_beta"] == 2, "objective_purity"] = 0.5
    dearer = plain["solver_name"] == "network"
    plain.loc[dearer, "objective_time_predict"] += 9
    steered = guided().query("p_solver_beta == 1")
    df = pd.concat([plain, steered], ignore_index=True)
    plot = load(ROOT / "plots" / "trade_off.py")
    [figure] = plot.plot(df, "tiny[part=a]")
    assert figure["label"] == (
        "No solver is better and faster than nmf β=2 blind, nmf β=1 fixed. "
        "The purest components are those of nmf β=2 blind (0.50). "
        "By 4 hints nmf β=1 fixed gains most where none was given (+0.040)."
    )
    [figure] = plot.plot(published_results(), "tiny[part=a]")
    assert "hints" not in figure["label"]


def test_models_that_only_ranks_tell_apart_are_one_curve():
    df = results(
        {
            "nmf[rank=5]": [[9.0]],
            "nmf[rank=10]": [[4.0]],
            "ard[rank=80]": [[5.0]],
            "steps[rank=3]": [[1.0]],
        },
        rank={"nmf[rank=5]": 5, "nmf[rank=10]": 10, "ard[rank=80]": 80},
    ).assign(objective_name="KL", objective_n_components=[5, 10, 7, 3])
    df["objective_divergence"] = df["objective_value"]
    df["sampling_strategy"] = ["Run_once"] * 3 + ["Iteration"]
    plot = load(ROOT / "benchmarks/factorization/plots/divergence_against_rank.py")
    chosen, tried = plot.plot(df, "corpus", "KL", "divergence")
    assert (tried["label"], tried["x"], tried["y"]) == ("nmf", [5, 10], [9, 4])
    assert (chosen["label"], chosen["x"], chosen["y"]) == ("ard", [7], [5])


def test_a_chosen_rank_without_a_score_is_a_line_beside_the_curves():
    solvers = {"nmf[rank=5]": [[9.0]], "nmf[rank=10]": [[4.0]], "ard[rank=80]": [[5.0]]}
    ranks = {"nmf[rank=5]": 5, "nmf[rank=10]": 10, "ard[rank=80]": 80}
    df = results(solvers, rank=ranks).assign(
        objective_name="KL",
        objective_n_components=[5, 10, 7],
        objective_cross_validation=[0.3, 0.2, np.nan],
        sampling_strategy="Run_once",
    )
    plot = load(ROOT / "benchmarks/factorization/plots/divergence_against_rank.py")
    chosen, tried = plot.plot(df, "corpus", "KL", "cross_validation")
    assert (tried["x"], tried["y"]) == ([5, 10], [0.3, 0.2])
    assert (chosen["label"], chosen["x"], chosen["y"]) == ("ard", [7, 7], [0.2, 0.3])
    assert plot.plot(df, "corpus", "KL", "dispersion") == []


def test_benchopt_makes_a_report_where_nothing_could_be_scored(running, capsys):
    outputs = running.get_output_folder()
    df = published_results().assign(objective_error="one.wav: broken")
    df = without(df, "objective_value").assign(objective_value=np.nan)
    df.to_parquet(outputs / "run.parquet")
    shutil.copytree(
        ROOT / "plots",
        running.benchmark_dir / "plots",
        ignore=shutil.ignore_patterns("*divergence*", "__pycache__"),
    )
    benchopt.plotting.plot_benchmark_html(
        [outputs / "run.parquet"], running, config={}, display=False
    )
    text = (outputs / "amt_run.html").read_text(encoding="utf-8")
    assert NO_SCORES in text


def test_what_lies_outside_of_the_outputs_is_not_drawn(running, tmp_path):
    outside = tmp_path / "suite" / "outside"
    outside.mkdir()
    save_factors(factors(), None, FREQUENCIES, FRAME, outside / "factors.npz")
    outputs = running.get_output_folder()
    (outputs / "link").symlink_to(outside)
    df = published_results().iloc[:3].copy()
    df["objective_files"] = ["../../../outside", str(outside), "link"]
    assert list(saved_files(df, "factors.npz")) == []


def test_a_broken_file_costs_its_own_figure(running):
    outputs = running.get_output_folder()
    df = published_results().query("solver_name.str.startswith('nmf')")
    for files in df["objective_files"]:
        (outputs / files / "factors.npz").write_bytes(b"broken")
        (outputs / files / "notes.npz").write_bytes(b"broken")
    for name in ("plots/factors.py", "benchmarks/amt/plots/piano_roll.py"):
        plots, _ = load(ROOT / name)._get_all_plots(df)
        assert plots
