"""The KKT residual of a fit falls to zero, and can end it."""

import pickle

import numpy as np
import pytest
from fits import MATRIX, MODELS

from musaic_core.lowrank import kkt_residual, nmf

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("beta", [1, 3])
def test_the_kkt_residual_falls_towards_zero(name, beta):
    options = {"beta": beta, "seed": 0, "dtype": "float64"}

    def residual(max_iter):
        given = {k: v for k, v in options.items() if k != "dtype"}
        return MODELS[name]("float64", max_iter=max_iter, **given).kkt_residual

    early, late = residual(2), residual(200)
    assert 0 <= late < 0.5 * early
    assert early < 2


def test_the_kkt_residual_is_no_matter_of_scale_or_of_what_is_held():
    mask = RNG.random((4, 12)) < 0.7
    found = []
    for power in (0, 50):
        model = nmf(
            np.ldexp(MATRIX, power),
            4,
            mask={"activations": mask},
            seed=0,
            max_iter=1500,
            update="mu-extrapolated",
        )
        found.append(model.kkt_residual)
        assert model.kkt_residual < 1e-3
    W, H = model.templates, model.activations
    held = nmf(
        np.ldexp(MATRIX, 50),
        4,
        init=(W, None),
        fixed=("templates",),
        seed=0,
        max_iter=2,
    )
    assert held.kkt_residual > 1e-3
    scaled = nmf(MATRIX, 4, init=(2 * W, H / 4), max_iter=0).kkt_residual
    alone = nmf(MATRIX, 4, init=(W, H / 2), max_iter=0).kkt_residual
    assert scaled == pytest.approx(alone)


def test_the_kkt_residual_sees_a_zero_that_should_grow():
    B = np.array([[1.0, 0.0, 2.0]])
    minus, plus = np.array([[1.0, 3.0, 1.0]]), np.ones((1, 3))
    assert kkt_residual(B, minus, plus) == pytest.approx(2 * 1.0 / 6)
    assert kkt_residual(B, minus, plus, np.array([[1, 0, 1]])) == 0
    assert kkt_residual(B, plus, minus) == 0


def test_tol_kkt_stops():
    options = {"seed": 0, "max_iter": 10**5, "update": "mu-extrapolated"}
    model = nmf(MATRIX, 3, tol_kkt=1e-3, **options)
    assert model.converged
    assert 0 < model.kkt_residual <= 1e-3
    assert model.n_iter % 10 == 0


@pytest.mark.parametrize("name", ["nmf", "deep ntd"])
def test_a_model_from_a_file_knows_its_residual(name):
    fitted, other = (
        MODELS[name]("float64", seed=0, max_iter=5, update="mu") for _ in range(2)
    )
    stored = pickle.loads(pickle.dumps(fitted))
    assert stored.kkt_residual == other.kkt_residual > 0
