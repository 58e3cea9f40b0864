"""`benchopt run benchmarks/factorization`, and what it is made of."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from solving import plugin, solve

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.matching import factor_match
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.base import Estimate
from musaic_core.tasks.factorization.task import Approximation, Data, assemble

COLUMNS = {
    *("track", "value", "divergence", "relative_error", "factor_match"),
    *("n_parameters", "peak_memory_mb", "error"),
}
BROKEN = '''
from musaic_core.benchmark.algorithm import Algorithm


class Solver(Algorithm):
    """Added by a test."""

    name = "{name}"

    def prepare(self):
        {prepare}

    def minimise(self, start, n_iter):
        {minimise}
'''
GONE = 'raise AttributeError("gone in\\nNumPy 2")'


def truth(model):
    rng = np.random.default_rng(0)
    shapes = {
        "nmf": [(20, 3), (3, 30)],
        "ncp": [(20, 3), (12, 3), (9, 3)],
        "ntd": [(20, 4), (12, 3), (9, 2), (4, 3, 2)],
    }
    return assemble(model, [rng.random(shape) for shape in shapes[model]])


@pytest.fixture(scope="module")
def run(original, tmp_path_factory):
    """What a run on simulated data printed, and its results."""
    suite = original.copy(tmp_path_factory.mktemp("factorization") / "musaic")
    (suite.root / "of_another_time.py").write_text(GONE, encoding="utf-8")
    for name, prepare, minimise in (
        ("at-import", "import of_another_time", "return start"),
        ("at-call", "pass", GONE),
    ):
        text = BROKEN.format(name=name, prepare=prepare, minimise=minimise)
        file = suite.root / "solvers" / f"{name.replace('-', '_')}.py"
        file.write_text(text, encoding="utf-8")
    solvers = (
        *("musaic", "sklearn-updates", "tensorly", "silence", "at-import", "at-call"),
        "nmf[dictionary=blind,beta=2,n_iter=10]",
    )
    printed = suite.benchopt(
        *("run", "benchmarks/factorization", "--no-plot", "--seed", 0),
        *("--max-runs", 4, "--output", "run"),
        *("-d", "simulated[model=[nmf,ncp]]", "-o", "*[beta=2,model=[nmf,ncp]]"),
        *(word for solver in solvers for word in ("-s", solver)),
    )
    file = suite.root / "benchmarks" / "factorization" / "outputs" / "run.parquet"
    return printed, pd.read_parquet(file)


def test_rows_have_the_columns_of_the_task(run):
    _, results = run
    assert {f"objective_{column}" for column in COLUMNS} <= set(results)
    worked = results[results["objective_error"] == ""]
    assert np.isfinite(worked["objective_divergence"]).all()
    assert (worked["objective_value"] == worked["objective_divergence"]).all()


def test_every_solver_that_works_lowers_the_divergence(run):
    _, results = run
    worked = results[results["objective_error"] == ""]
    columns = ["solver_name", "dataset_name", "objective_name"]
    solvers = set()
    for (solver, *_), curve in worked.groupby(columns):
        solvers.add(solver.split("[")[0])
        if curve["sampling_strategy"].iloc[0] == "Iteration" and len(curve) > 1:
            # how many iterations there are depends on how fast they are
            curve = curve.sort_values("stop_val")
            least = {1: 0.9, 8: 0.5}
            for n_iter, share in least.items():
                divergence = curve["objective_divergence"]
                after = divergence[curve["stop_val"] >= n_iter]
                assert (after < share * divergence.iloc[0]).all()
    assert {"musaic", "sklearn-updates", "tensorly", "nmf"} <= solvers


def test_backends_reach_one_divergence_from_one_start(run):
    _, results = run
    ours = results[results["solver_name"].str.startswith("musaic")]
    steps = ["dataset_name", "objective_name", "p_solver_update", "stop_val"]
    for _, backends in ours.groupby(steps):
        assert np.ptp(backends["objective_divergence"]) <= 1e-3 * (
            backends["objective_divergence"].max()
        )
    starts = results[results["stop_val"] == 0]
    for _, rows in starts.groupby(["dataset_name", "objective_name"]):
        assert rows["objective_divergence"].nunique() == 1


def test_a_broken_package_costs_one_line(run):
    printed, results = run
    failure = "at-call: simulated nmf: AttributeError: gone in NumPy 2"
    assert printed.count(failure) == 1
    failure = "at-import: AttributeError: gone in NumPy 2"
    assert f"the package is broken: {failure}" in printed
    assert "gives notes, not factors" in printed
    failed = results[results["solver_name"] == "at-call"]
    assert (failed["objective_error"] != "").any()
    assert not results["solver_name"].isin(["at-import", "silence"]).any()
    assert "Traceback" not in printed


def test_a_mistake_of_a_solver_is_not_blamed_on_its_package(tmp_path, monkeypatch):
    task = Approximation(Data("data", truth("nmf").reconstruct()), "nmf", 3, beta=2)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_no_use.py").write_text(GONE, encoding="utf-8")
    solvers = []
    for name, prepare in (("own", GONE), ("package", "import of_no_use")):
        text = BROKEN.format(name=name, prepare=prepare, minimise="return start")
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        solvers.append(plugin(tmp_path / f"{name}.py"))
    own, package = solvers
    with pytest.raises(AttributeError, match="gone in"):
        own.skip(task)
    assert package.skip(task)[1].startswith("the package is broken: package: Attribute")


@pytest.mark.parametrize("model", ["nmf", "ncp", "ntd"])
def test_factor_match_ignores_order_and_scale(model):
    true = truth(model)
    assert factor_match(true, true) == pytest.approx(1)
    order = {"nmf": [2, 0, 1], "ncp": [1, 2, 0], "ntd": [3, 1, 0, 2]}[model]
    first, *others = [
        *([true.templates, true.activations] if model == "nmf" else true.factors),
        *([true.core] if model == "ntd" else []),
    ]
    scale = np.linspace(0.1, 5, len(order))
    others[-1] = (others[-1].T / scale[-1]).T
    if model == "nmf":
        others = [others[0][order]]
    elif model == "ncp":
        others = [factor[:, order] for factor in others]
    other = assemble(model, [first[:, order] * scale, *others])
    assert factor_match(true, other) == pytest.approx(1)


def test_factor_match_sees_wrong_and_missing_components():
    true = truth("nmf")
    W, H = true.templates, true.activations
    assert factor_match(true, assemble("nmf", [W[:, :2], H[:2]])) == pytest.approx(
        2 / 3
    )
    assert factor_match(true, assemble("nmf", [W[::-1], H])) < 0.95


@pytest.mark.parametrize("model", ["nmf", "ncp", "ntd"])
def test_a_task_starts_every_solver_from_the_same_factors(model):
    V = truth(model).reconstruct()
    ranks = {"nmf": 3, "ncp": 3, "ntd": (4, 3, 2)}[model]
    task = Approximation(Data("data", V), model, ranks, beta=2, seed=1)
    task.start[0][:] = 0  # a copy
    untouched = task.minimise(None, 0)["data"].answer.reconstruct()
    given = task.minimise(lambda start, n_iter: start, 5)["data"].answer.reconstruct()
    np.testing.assert_array_equal(untouched, given)
    assert 0 < beta_divergence(V, given, 2) < np.inf


def test_a_failing_algorithm_is_an_estimate_with_the_reason():
    data = Data("data", truth("nmf").reconstruct())
    task = Approximation(data, "nmf", 3, beta=2)
    assert "ZeroDivisionError" in task.minimise(lambda *_: 1 / 0, 1)["data"].error


@pytest.mark.parametrize("model", ["nmf", "ncp"])
def test_models_of_the_music_tasks_answer_with_their_model(model):
    V = truth(model).reconstruct().astype(np.float32)
    task = Approximation(Data("data", V), model, 3, beta=1)
    solver = plugin(f"solvers/{model}.py", dictionary="blind", beta=1, rank=3, n_iter=9)
    (estimate,) = solve(task, solver).values()
    assert estimate.answer is estimate.model
    assert estimate.answer.reconstruct().shape == V.shape
    assert estimate.n_parameters == estimate.model.n_parameters
    other = plugin(f"solvers/{model}.py", dictionary="blind", beta=2, rank=3, n_iter=9)
    assert "the task asks for β = 1" in other.skip(task)[1]


def test_a_solver_that_finds_its_rank_tells_it():
    true = truth("nmf")
    V = true.reconstruct() * np.random.default_rng(0).gamma(100, 0.01, (20, 30))
    (estimate,) = solve(
        Approximation(Data("data", V), "nmf", 3, beta=1),
        plugin("solvers/ard_nmf.py", prior="l1", beta=1, rank=9, n_iter=500),
    ).values()
    objective = plugin("objectives/factorization.py", beta=1, model="nmf")
    objective.set_data("data", V, {"nmf": 3}, true)
    score = objective.score(objective.references["data"], estimate.answer)
    assert score["n_components"] == 3
    assert score["factor_match"] > 0.8
    assert estimate.n_parameters == 3 * (20 + 30)


def test_a_rank_is_judged_by_what_it_predicts_and_by_how_stable_it_is():
    rng = np.random.default_rng(0)
    spectra = rng.gamma(0.3, 9, (20, 3))
    V = rng.poisson(spectra @ rng.gamma(0.3, 1, (3, 30))).astype(np.float32)
    objective = plugin("objectives/factorization.py", beta=1, model="nmf")
    objective.set_data("data", V, {"nmf": 3})
    scores = {}
    how = {"beta": 1, "n_folds": 3, "n_starts": 4, "n_iter": 100}
    for rank in (1, 3, 8):
        solver = plugin("solvers/judged_rank.py", rank=rank, **how)
        (estimate,) = solve(objective.task, solver).values()
        scores[rank] = objective.score(objective.references["data"], estimate.answer)
    losses = {rank: found["cross_validation"] for rank, found in scores.items()}
    assert min(losses, key=losses.get) == 3
    assert scores[3]["dispersion"] > scores[8]["dispersion"] > 0
    assert 0 < scores[8]["cophenetic"] <= 1


def test_a_tensor_is_unfolded_for_models_of_matrices():
    V = truth("ncp").reconstruct()
    task = Approximation(Data("data", V), "ncp", 3, beta=1)
    assert task.represent(task.test[0], task.axes[0]).shape == (20, 12 * 9)
    assert task.represent(task.test[0], task.axes[1]).shape == V.shape


def test_the_objective_takes_data_with_other_keys():
    objective = plugin("objectives/factorization.py", beta=2, model="nmf")
    true = truth("nmf")
    data = {"V": true.reconstruct(), "ranks": {"nmf": 3}, "truth": true}
    assert objective.skip(name="data", licence="unheard of", **data) == (False, None)
    objective.set_data(name="data", licence="unheard of", **data)
    (row,) = objective.evaluate_result({"data": Estimate(true)})
    assert row["error"] == ""
    assert row["divergence"] == pytest.approx(0, abs=1e-9)
    assert row["factor_match"] == pytest.approx(1)
    _, reason = objective.skip(name="data", V=data["V"], ranks={"ncp": 3})
    assert reason == "the data is for ncp"


def test_folding_keeps_the_energy_of_each_bar():
    V = np.random.default_rng(0).random((5, 1000))
    frame, downbeats = 0.02, np.array([0.5, 2.31, 4.0, 7.77])
    folded = fold_bars(V, frame, downbeats)
    assert folded.shape == (5, 96, 3)
    fine = np.repeat(V, 1000, axis=1)  # frame t is centred at t * frame
    times = (np.arange(fine.shape[1]) + 0.5) * frame / 1000 - frame / 2
    for bar, (start, end) in enumerate(pairwise(downbeats)):
        inside = fine[:, (start <= times) & (times < end)]
        np.testing.assert_allclose(folded[..., bar].mean(1), inside.mean(1), rtol=1e-4)


def test_folding_needs_a_bar():
    with pytest.raises(ValueError, match="downbeats"):
        fold_bars(np.ones((2, 10)), 0.1, [0.0])
