"""A fit goes on from a model as if it had not ended."""

import numpy as np
import pytest
import torch
from fits import MATRIX, MODELS, PLAIN, RULES

from musaic_core.lowrank import beta_divergence, deep_nmf, nmf
from musaic_core.lowrank.updates import HALS, HALSThenMU


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", ["mu", "mu-extrapolated", "bounded"])
def test_a_fit_goes_on_as_if_it_had_not_ended(name, rule):
    options = {"beta": 1, "update": RULES[rule], "seed": 0}
    whole = MODELS[name]("float64", max_iter=25, **options)
    half = MODELS[name]("float64", max_iter=12, **options)
    before = half.templates.copy()
    for _ in range(2):  # and the model can be used again
        options = {"beta": 1, "update": half.update}
        if name == "deep nmf":
            options["weights"] = half.weights
        fit = MODELS[name] if name != "deep nmf" else go_on_deep
        rest = fit("float64", init=half, max_iter=13, **options)
        np.testing.assert_allclose(rest.reconstruct(), whole.reconstruct(), 1e-9)
        assert rest.objective == pytest.approx(whole.objective, rel=1e-10)
    np.testing.assert_array_equal(half.templates, before)


def go_on_deep(dtype, **options):
    return deep_nmf(MATRIX.astype(dtype), (5, 3), **options)


@pytest.mark.parametrize("name", PLAIN)
def test_hals_goes_on_too(name):
    for update, beta in ((HALS(), 2), (HALSThenMU(n_hals=4), 1)):
        options = {"beta": beta, "update": update}
        whole = PLAIN[name]("float64", seed=0, max_iter=20, **options)
        half = PLAIN[name]("float64", seed=0, max_iter=9, **options)
        options["update"] = half.update
        rest = PLAIN[name]("float64", init=half, max_iter=11, **options)
        np.testing.assert_allclose(rest.reconstruct(), whole.reconstruct(), 1e-9)


@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_a_model_of_one_library_starts_a_fit_of_another(backend):
    half = nmf(torch.from_numpy(MATRIX), 4, seed=0, max_iter=3)
    rest = nmf(MATRIX, 4, init=half, max_iter=3, backend=backend)
    whole = nmf(MATRIX, 4, seed=0, max_iter=6)
    np.testing.assert_allclose(rest.templates, whole.templates, 1e-8)


def test_the_weights_of_layers_come_with_the_model_and_stay():
    for loss in ("layers", "data"):
        model = deep_nmf(MATRIX, (5, 4, 2), loss=loss, seed=0, max_iter=8)
        if loss == "data":
            assert model.weights is None
            continue
        again = deep_nmf(MATRIX, (5, 4, 2), init=model, max_iter=0)
        assert again.weights == pytest.approx(model.weights)
        assert again.objective == pytest.approx(model.objective)
        other = deep_nmf(MATRIX, (5, 4, 2), init=model, weights=[1, 2], max_iter=0)
        assert other.weights == [1, 2]
        layers = [model, *model.below]
        pairs = zip([MATRIX, *(m.templates for m in layers)], layers, strict=False)
        terms = [beta_divergence(X, layer.reconstruct()) for X, layer in pairs]
        total = np.dot([1, *model.weights], terms)
        assert model.objective == pytest.approx(total, rel=1e-9)


def test_the_rule_of_a_run_that_only_rose_can_go_on():
    good = nmf(MATRIX, 4, update="mu-extrapolated", seed=0, max_iter=2000)
    back = nmf(MATRIX, 4, update="hals-mu", init=good, max_iter=22)
    assert back.objective == pytest.approx(good.objective, rel=1e-12)
    rest = nmf(MATRIX, 4, update=back.update, init=back, max_iter=22)
    assert rest.objective <= back.objective
