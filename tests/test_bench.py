"""``python -m tools.speed``: everyone does the work, and the records say so."""

import json

import numpy as np
import pytest
import torch

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.nmf import nmf
from tools import speed as bench

TENSOR = np.random.default_rng(0).random((12, 10, 8), np.float32)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "SECONDS_A_RUN", 0.01)


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


@pytest.mark.parametrize("beta", [0, 1])
def test_every_nmf_lowers_the_divergence_from_the_common_start(beta):
    V = bench.spectrogram((40, 60), n_notes=5)
    rules = ("mu-extrapolated", "hals-mu")
    found = results(bench.nmf_contenders(V, 4, beta, rules), 30)
    assert len(found) > 5
    reference = nmf(V, 4, beta=beta, max_iter=30, seed=0)
    expected = beta_divergence(V, reference.reconstruct(), beta)
    for name, result in found.items():
        is_ours = name[0] == "musaic_core"
        W, H = (result.templates, result.activations) if is_ours else result
        assert beta_divergence(V, W @ H, beta) < 1.3 * expected, name


def test_every_tensor_model_runs_from_the_common_start():
    found = results(bench.ncp_contenders(TENSOR, 3), 5)
    found |= {
        (*name, beta): result
        for beta in (1, 2)
        for name, result in results(
            bench.ntd_contenders(TENSOR, (4, 3, 2), beta), 5
        ).items()
    }
    assert len(found) > 8
    for result in found.values():
        if hasattr(result, "reconstruct"):
            error = result.reconstruct() - TENSOR
            assert np.linalg.norm(error) < 0.6 * np.linalg.norm(TENSOR)


def test_a_batch_on_a_device_is_what_each_matrix_gives_alone():
    batch = np.stack([bench.spectrogram((30, 20), seed=seed) for seed in range(3)])
    found = results(bench.batch_contenders(batch, 4, "cpu"), 10)
    together = found["musaic_core", "torch, cpu"]
    for V, W, H in zip(batch, together.templates, together.activations, strict=True):
        alone = nmf(V, 4, max_iter=10, seed=0)
        ours = beta_divergence(V, W @ H)
        assert ours < 1.3 * beta_divergence(V, alone.reconstruct())


def test_records_have_what_a_table_is_made_of(quick, tmp_path, capsys):
    file = tmp_path / "records.json"
    bench.main(["--only", "ncp-beta2", "--json", str(file)])
    records = json.loads(file.read_text())
    assert {"c", "numpy"} <= {r["backend"] for r in records}
    for record in records:
        assert set(record) == {"problem", "package", "backend", "ms", "limit_ms"}
        assert record["problem"] == "ncp-beta2"
        assert record["limit_ms"] > 0
    assert "of best peer" in capsys.readouterr().out


def test_a_peer_that_fails_is_listed_with_its_reason(quick, capsys):
    def broken():
        raise AttributeError("it is gone")

    def absent():
        raise ModuleNotFoundError("no module", name="elsewhere")

    problem = bench.Problem(
        "any",
        1e6,
        [
            bench.Contender("one", "x", broken),
            bench.Contender("two", "y", absent),
            bench.Contender("three", "z", lambda: lambda n: None),
        ],
    )
    bench.measure(problem)
    assert [r["package"] for r in bench.report(problem, 1.0)] == ["three"]
    printed = capsys.readouterr().out
    assert "failed: AttributeError: it is gone" in printed
    assert "not installed (elsewhere)" in printed


def test_an_unknown_problem_is_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--only", "nonsense"])
    assert "nonsense" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_its_problem_is_said_not_to_be_measured(capsys):
    bench.main(["--only", "gpu-kl-nmf-k88-batch"])
    assert "there is no GPU here" in capsys.readouterr().out
