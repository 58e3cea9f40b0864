"""What a report draws: labels, times, what runs save, and the figures."""

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
from published_site import FRAME, FREQUENCIES, curves, factors, guided, make_benchmarks
from published_site import results as published_results
from scored import cells, results

from musaic_core.lowrank.models import NMF
from musaic_core.results.figures import draw_factors
from musaic_core.results.rows import (
    ALL,
    NO_SCORES,
    datasets,
    kinds,
    saved_files,
    score_table,
    seconds,
    with_labels,
)
from musaic_core.results.saved import save_factors
from musaic_core.results.statistics import mean_interval

ROOT = Path(__file__).resolve().parent.parent
PLOTS = sorted(
    {
        file.resolve()
        for folder in ("plots", "benchmarks/*/plots")
        for file in ROOT.glob(f"{folder}/*.py")
    }
)


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


@pytest.mark.parametrize("folder", sorted(ROOT.glob("benchmarks/*/plots")))
def test_no_figure_takes_the_choices_of_another(folder):
    # benchopt's report takes what is named after a figure for one of its choices
    names = [load(file).name.lower().replace(" ", "_") for file in folder.glob("*.py")]
    assert names
    for name in names:
        assert [other for other in names if other.startswith(name)] == [name]


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
