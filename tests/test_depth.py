"""The experiment on what depth adds: its data, its scores, its comparisons."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from solving import plugin, solve

from musaic_core.lowrank import NMF, chance_match, cross_validate_rank, nmf
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.tasks.factorization.depth import (
    BACKGROUND,
    candidates,
    compare_depths,
    fit_chosen,
    prediction_loss,
)
from musaic_core.tasks.factorization.task import Approximation, Data
from tools.depth import MODELS, compare, compare_sizes, table, table_of_sizes

TRUTHS = "nmf", "ncp", "ntd"


def draws(truth, depth=2, counts=1.0, n=2):
    return plugin(
        "datasets/hierarchical.py", truth=truth, depth=depth, counts=counts, draws=n
    ).get_data()


def objective_of(truth, data):
    objective = plugin("objectives/factorization.py", beta=1, model=truth)
    objective.set_data(**data)
    return objective


def rank_of(matrix):
    return np.linalg.matrix_rank(matrix, tol=1e-9 * np.linalg.norm(matrix))


# ---- the data


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize(("depth", "ranks"), [(1, [8]), (2, [8, 3]), (3, [8, 5, 3])])
def test_the_truth_has_its_levels(truth, depth, ranks):
    for draw in draws(truth, depth)["draws"]:
        levels = draw.truth.layers
        assert [level.templates.shape[1] for level in levels] == ranks
        # without a hierarchy eight spectra are independent, with one three span all
        for level in levels:
            assert rank_of(level.templates) == ranks[-1]
        mean = draw.truth.reconstruct()
        assert rank_of(np.reshape(mean, (len(mean), -1))) == ranks[-1]
        for level in levels:
            product = level.templates @ level.activations
            np.testing.assert_allclose(product, np.reshape(mean, product.shape))


def test_other_modes_of_a_tensor_have_no_hierarchy():
    for truth, ranks in (("ncp", [8, 8]), ("ntd", [5, 4])):
        for draw in draws(truth)["draws"]:
            mean = draw.truth.reconstruct()
            unfolded = [
                np.moveaxis(mean, n, 0).reshape(mean.shape[n], -1) for n in (1, 2)
            ]
            assert [rank_of(matrix) for matrix in unfolded] == ranks


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("counts", [0.2, 10.0])
def test_counts_are_poisson_of_the_given_mean(truth, counts):
    for draw in draws(truth, counts=counts)["draws"]:
        V, mean = draw.V.astype(float), draw.truth.reconstruct()
        assert np.mean(mean) == pytest.approx(counts)
        assert (V.round() == V).all()
        assert abs(V.sum() - mean.sum()) < 5 * np.sqrt(mean.sum())
        # (x - λ)² - x has mean 0 and variance 2 λ² if x is Poisson
        excess = ((V - mean) ** 2 - V).sum()
        assert abs(excess) < 5 * np.sqrt(2 * (mean**2).sum())


def test_draws_are_others_and_come_again():
    first, second = draws("ncp")["draws"]
    again, _ = draws("ncp")["draws"]
    assert first.identity == again.identity != second.identity
    assert not np.array_equal(first.V, second.V)
    assert not np.array_equal(first.held_out, second.held_out)
    for draw in (first, second):
        assert draw.held_out.sum() == draw.V.size // 10


# ---- what is held out


def test_models_are_shown_neither_the_truth_nor_what_is_held_out():
    data = draws("ncp")
    objective = objective_of("ncp", data)
    for draw, shown in zip(data["draws"], objective.task.test, strict=True):
        assert shown.truth is shown.held_out is None
        np.testing.assert_array_equal(np.isnan(shown.V), draw.held_out)
        np.testing.assert_array_equal(shown.V[~draw.held_out], draw.V[~draw.held_out])
    assert not hasattr(objective.task, "truth")


@pytest.mark.parametrize("model", ["nmf", "early_stopping", "deep_data"])
def test_held_out_entries_never_reach_a_fit(model):
    data = draws("nmf", n=1)
    answers = []
    for lies in (0, 1000):
        (draw,) = data["draws"]
        V = np.where(draw.held_out, draw.V + np.float32(lies), draw.V)
        changed = {**data, "draws": [Data("draw", V, draw.truth, draw.held_out)]}
        solver = plugin("solvers/chosen_rank.py", model=model, n_starts=1)
        objective = objective_of("nmf", changed)
        (estimate,) = solve(objective.task, solver).values()
        answers.append(estimate.answer.reconstruct())
        scores = objective.score(changed["draws"][0], estimate.answer)
    np.testing.assert_array_equal(*answers)
    assert scores["held_out"] > 100  # the lies are scored, though


def test_only_models_that_predict_are_asked():
    hidden = objective_of("nmf", draws("nmf", n=1)).task
    whole = Approximation(Data("whole", np.ones((9, 9))), "nmf", 2, beta=1)
    plain = plugin("solvers/nmf.py", dictionary="blind", beta=1, rank=3, n_iter=9)
    chosen = plugin("solvers/chosen_rank.py", model="ncp", n_starts=1)
    assert "does not predict them" in plain.skip(hidden)[1]
    assert plain.skip(whole) == (False, None)
    assert chosen.skip(hidden)[1] == "a matrix has no ncp"
    assert chosen.skip(whole)[1] == "no entries are held out"


@pytest.mark.parametrize("family", TRUTHS)
def test_every_model_has_as_many_choices(family):
    found = candidates(family)
    assert {len(candidate.choices) for candidate in found.values()} == {4}
    assert set(found) == set(MODELS) - ({"ncp", "ntd"} if family == "nmf" else set())


def test_the_choice_is_that_of_the_lowest_loss():
    rng = np.random.default_rng(0)
    V = rng.poisson(rng.gamma(0.5, 9, (40, 3)) @ rng.gamma(0.5, 9, (3, 40)))
    V = V.astype(np.float32)
    V[0, 0] = np.nan
    model, choice = fit_chosen(candidates("nmf")["nmf"], V, n_starts=2)
    assert choice == 3
    assert model.templates.shape == (40, 3)
    assert np.isfinite(model.reconstruct()).all()


def test_a_background_bounds_what_a_count_costs():
    rng = np.random.default_rng(0)
    V = rng.poisson(rng.gamma(0.3, 1, (30, 2)) @ rng.gamma(0.3, 1, (2, 40)))
    how = {"ranks": [1, 2], "n_folds": 3, "seed": 0, "max_iter": 200}
    plain = cross_validate_rank(nmf, V, **how).divergences
    bounded = cross_validate_rank(nmf, V, background=0.01, **how).divergences
    # an entry of almost 0 costs up to log(1e32) a count, then up to log(100 / mean)
    assert (plain > bounded).all()
    assert plain.mean() > 1.2 * bounded.mean()
    with pytest.raises(ValueError, match="background is -1"):
        cross_validate_rank(nmf, V, [1], background=-1)


# ---- the scores


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_truth_itself_has_the_best_scores(truth, depth):
    data = draws(truth, depth, n=1)
    objective, (draw,) = objective_of(truth, data), data["draws"]
    scores = objective.score(draw, draw.truth)
    assert scores["held_out"] == scores["held_out_by_truth"] == scores["value"]
    assert scores["error_of_mean"] == 0
    assert scores["fine_match"] == pytest.approx(1)
    assert scores["fine_chance"] < 1
    assert scores.get("coarse_match", 1) == pytest.approx(1)
    assert ("coarse_match" in scores) == (depth > 1)
    other = draws(truth, depth)["draws"][1].truth
    worse = objective.score(draw, other)
    assert worse["held_out"] > scores["held_out"]
    assert worse["fine_match"] < 0.6


def test_random_spectra_match_by_chance():
    (draw,) = draws("ncp", n=1)["draws"]
    truth = [draw.truth.layers[-1].templates]
    level = chance_match(truth, truth, n_draws=200, seed=1).mean
    rng = np.random.default_rng(0)
    scores = [
        compare_depths(draw.truth, NMF(rng.permuted(truth[0], axis=0), np.ones((3, 1))))
        for _ in range(50)
    ]
    found = pd.DataFrame(scores).mean()
    assert found["coarse_match"] == pytest.approx(level, abs=0.04)
    assert found["coarse_chance"] == pytest.approx(level, abs=0.02)
    assert level < 0.6


def test_random_mixtures_of_the_true_spectra_are_the_fine_levels_chance():
    (draw,) = draws("ncp", n=1)["draws"]
    coarse = draw.truth.layers[-1].templates
    unit = coarse / coarse.sum(0)
    rng = np.random.default_rng(0)
    mixed = [unit @ rng.dirichlet(np.ones(3), 8).T for _ in range(40)]
    ones = np.ones((8, 1))
    matches = [compare_depths(draw.truth, NMF(W, ones), 1)["fine_match"] for W in mixed]
    of_coarse = compare_depths(draw.truth, NMF(coarse, np.ones((3, 1))), 200)
    assert of_coarse["fine_chance"] == pytest.approx(np.mean(matches), abs=0.01)
    assert of_coarse["fine_chance"] > 0.7  # which is why it is told


def test_the_loss_is_the_poisson_likelihood_but_for_a_constant():
    rng = np.random.default_rng(0)
    V = rng.poisson(2.0, (20, 30)).astype(float)
    data = Data("data", V, held_out=rng.random(V.shape) < 0.2)
    background = BACKGROUND * V[~data.held_out].mean()
    x = V[data.held_out]
    losses, likelihoods = [], []
    for rate in (0.5, 2.0, 3.0):
        losses.append(prediction_loss(data, np.full(V.shape, rate), 1))
        likelihood = stats.poisson.logpmf(x, rate + background)
        likelihoods.append(likelihood.mean())
    np.testing.assert_allclose(np.diff(losses), -np.diff(likelihoods))
    assert losses[0] == pytest.approx(
        beta_divergence(x, np.full(x.shape, 0.5 + background), 1) / x.size
    )


# ---- the comparisons


def results(scores, truth="ncp"):
    """A results file of models' scores, one a draw."""
    rows = [
        {
            "p_dataset_truth": truth,
            "p_dataset_depth": 2,
            "p_dataset_counts": 0.2,
            "p_solver_model": model,
            "objective_track": f"draw {n}",
            **{f"objective_{name}": value for name in NAMES},
        }
        for model, values in scores.items()
        for n, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


NAMES = (
    *("held_out", "error_of_mean", "fine_match", "fine_chance", "coarse_match"),
    *("coarse_chance", "n_components", "n_parameters", "time_predict"),
)


def test_paired_intervals_are_those_of_the_differences():
    rng = np.random.default_rng(0)
    common = 100 * rng.random(30)  # draws differ by far more than models
    gain = rng.normal(-0.5, 0.1, 30)
    file = results({"ntd": common, "deep_data": common + gain, "ncp": 0 * common})
    found = {(r["model"], r["score"]): r for r in compare(file)}
    record = found["deep_data", "held_out"]
    interval = stats.t.interval(0.95, 29, gain.mean(), stats.sem(gain))
    assert record["reference"] == "ntd"
    low, high = (record["difference"] + sign * record["half_width"] for sign in (-1, 1))
    np.testing.assert_allclose((low, high), interval)
    assert high < 0
    assert found["ntd", "held_out"]["n"] == 30
    assert "difference" not in found["ntd", "held_out"]
    # the fine level is compared with the shallow model that has one
    assert found["deep_data", "fine_match"]["reference"] == "ncp"
    assert found["deep_data", "fine_match"]["chance"] == pytest.approx(
        np.mean(common + gain)
    )


def test_results_of_data_without_a_coarse_level_have_no_score_of_it():
    file = results({"ntd": [1.0, 2.0]})
    file = file.drop(columns=["objective_coarse_match", "objective_coarse_chance"])
    assert {r["score"] for r in compare(file)} == {
        *("held_out", "error_of_mean", "fine_match", "n_components"),
        *("n_parameters", "time_predict"),
    }


def test_a_table_shows_means_differences_and_chance(tmp_path):
    file = results({"ntd": [1.0, 2.0], "deep_data": [0.5, 1.5]})
    (tmp_path / "depth.json").write_text(json.dumps(compare(file)), encoding="utf-8")
    rows = list(
        table(tmp_path, "depth.json", truth="ncp", score="held_out", digits="1")
    )
    assert rows == [
        ("model", "2 levels, 0.2"),
        ("ntd", "1.5"),
        ("deep data", "1.0 (−0.5 ± 0.0)"),
    ]
    rows = table(
        tmp_path, "depth.json", truth="ncp", score="coarse_match", settings="2 0.2; 1 1"
    )
    assert list(rows)[1] == ("ntd", "1.500, chance 1.500", "–")
    with pytest.raises(ValueError, match="no held_out of nmf"):
        list(table(tmp_path, "depth.json", truth="nmf", score="held_out"))


def test_deep_models_are_compared_at_as_many_parameters(tmp_path):
    records = []
    for n, level in enumerate((1.0, 2.0, 5.0)):
        for rank in (8, 16, 32):
            for model, size, factor in (
                ("nmf", 100, 1.0),
                ("deep_nmf, data", 150, 0.9),
            ):
                loss = factor * level * (size * rank) ** -0.5
                record = {"track": n, "axes": "frames", "model": model, "rank": rank}
                records.append({**record, "n_parameters": size * rank, "loss": loss})
    shallow, deep = compare_sizes(records)
    difference, half_width = deep["beside nmf"]
    assert difference == pytest.approx(np.log(0.9))
    assert half_width == pytest.approx(0, abs=1e-9)
    assert deep["parameters"] == [1200, 2400, 4800]
    file = {"mini": [shallow, deep]}
    (tmp_path / "sizes.json").write_text(json.dumps(file), encoding="utf-8")
    *_, last = table_of_sizes(tmp_path, "sizes.json", corpus="mini")
    assert last[2] == "1.2 k · 2.4 k · 4.8 k"
    assert last[-1] == "−10.0 % ± 0.0 (nmf)"
