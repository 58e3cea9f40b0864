"""``python -m tools.speed``: everyone does the work, and the records say so."""

import json

import numpy as np
import pytest
import torch

from musaic_core.lowrank import beta_divergence, nmf
from musaic_core.tasks.factorization.task import Approximation, Data, assemble
from tools import speed
from tools.speed_problems import (
    OURS,
    Contender,
    Problem,
    algorithms,
    batch_contenders,
    deep_contenders,
    option_contenders,
    spectrogram,
    time_to_divergence,
)

TENSOR = np.random.default_rng(0).random((12, 10, 8), np.float32)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(speed, "ROUNDS", 1)
    monkeypatch.setattr(speed, "SECONDS_A_RUN", 0.01)


def results(contenders, n):
    """What each contender whose package is here has after n iterations, by its name."""
    found = {}
    for contender in contenders:
        try:
            run = contender.make()
        except ImportError:
            continue
        if contender.package == "nimfa":  # broken by NumPy 2
            continue
        found[contender.package, contender.backend] = run(n)
    return found


@pytest.mark.parametrize(
    ("model", "V", "ranks", "beta"),
    [
        ("nmf", spectrogram((40, 60), n_notes=5), 4, 0),
        ("nmf", spectrogram((40, 60), n_notes=5), 4, 1),
        ("ncp", TENSOR, 3, 2),
        ("ntd", TENSOR, (4, 3, 2), 1),
        ("ntd", TENSOR, (4, 3, 2), 2),
    ],
)
def test_every_algorithm_lowers_the_divergence_of_the_task(model, V, ranks, beta):
    task = Approximation(Data("x", V), model, ranks, beta)
    found = results(algorithms(task), 60)
    assert {name for package, name in found if package == OURS} >= {
        "mu, c",
        "mu, numpy",
        "mu, torch",
        "hals-mu, c",
    }
    before = beta_divergence(V, assemble(model, task.start).reconstruct(), beta)
    for name, factors in found.items():
        left = beta_divergence(V, assemble(model, factors).reconstruct(), beta)
        assert left < 0.6 * before, name


def test_deep_models_run_from_one_start():
    V = spectrogram((40, 60), n_notes=5)
    found = results(deep_contenders(V, (5, 3)), 5)
    ours = [found[OURS, f"layers, mu, {backend}"] for backend in ("c", "numpy")]
    np.testing.assert_allclose(*(model.reconstruct() for model in ours), rtol=1e-3)


def test_options_whose_cost_is_measured_leave_the_factors_what_they_are():
    V = spectrogram((40, 60), n_notes=5)
    found = results(option_contenders(Approximation(Data("x", V), "nmf", 4, 1)), 12)
    first, *others = found.values()
    assert len(others) == 7
    for model in others:  # none of them stops before its time
        assert model.n_iter == 12
        np.testing.assert_allclose(model.reconstruct(), first.reconstruct(), rtol=1e-2)


def test_whole_runs_take_as_many_iterations_as_they_need():
    V = spectrogram((40, 60), n_notes=5)
    task = Approximation(Data("x", V), "nmf", 4, 1)
    taken = {c.backend: c.iterations for c in time_to_divergence(task)}
    assert taken["mu, c"] == 200
    assert taken["hals-mu, c"] < 200


def test_a_batch_on_a_device_is_what_each_matrix_gives_alone():
    batch = np.stack([spectrogram((30, 20), seed=seed) for seed in range(3)])
    found = results(batch_contenders(batch, 4, "cpu"), 10)
    together = found[OURS, "mu, torch, cpu"]
    for V, W, H in zip(batch, together.templates, together.activations, strict=True):
        alone = nmf(V, 4, max_iter=10, seed=0)
        ours = beta_divergence(V, W @ H)
        assert ours < 1.3 * beta_divergence(V, alone.reconstruct())


def test_records_have_what_a_table_is_made_of(quick, tmp_path, capsys):
    file = tmp_path / "records.json"
    speed.main(["--only", "ncp-beta2", "--json", str(file)])
    records = json.loads(file.read_text(encoding="utf-8"))
    assert {"mu, c", "mu, numpy"} <= {r["backend"] for r in records}
    for record in records:
        assert set(record) == {"problem", "package", "backend", "ms", "limit_ms"}
        assert record["problem"] == "ncp-beta2"
        assert record["limit_ms"] > 0
    assert "of best peer" in capsys.readouterr().out


def test_a_peer_that_fails_is_listed_with_its_reason(quick, capsys):
    def broken():
        raise AttributeError("it is gone")

    def absent():
        raise ImportError("two needs elsewhere: pip install elsewhere")

    problem = Problem(
        "any",
        1e6,
        [
            Contender("one", "x", broken),
            Contender("two", "y", absent),
            Contender("three", "z", lambda: lambda n: None),
        ],
    )
    speed.measure(problem)
    assert [r["package"] for r in speed.report(problem, 1.0)] == ["three"]
    printed = capsys.readouterr().out
    assert "failed: AttributeError: it is gone" in printed
    assert "two needs elsewhere: pip install elsewhere" in printed


def test_an_unknown_problem_is_refused(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--only", "nonsense"])
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_its_problem_is_said_not_to_be_measured(capsys):
    speed.main(["--only", "gpu-kl-nmf-k88-batch"])
    assert "there is no GPU here" in capsys.readouterr().out
