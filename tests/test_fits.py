"""What a fit promises: no worse than its start, its numbers, and bounds on factors."""

import copy
import pickle

import numpy as np
import pytest
from fits import LEAST_SQUARES, MATRIX, MODELS, PLAIN, RULES, TENSOR, sometimes
from problems import BETAS

from musaic_core.lowrank import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    deep_ncp,
    deep_nmf,
    deep_ntd,
    nmf,
)

RNG = np.random.default_rng(2)
COMBINATIONS = [(m, r) for m in MODELS for r in RULES]
COMBINATIONS += [(m, r) for m in PLAIN for r in LEAST_SQUARES]
ENDS = (
    {"max_iter": 1},
    {"max_iter": 3},
    {"max_iter": 24, "tol": 0.3},
    {"max_time": 0.0},
    {"callback": lambda n, model: n == 5},
)


@pytest.mark.filterwarnings("ignore:invalid value")  # where a rule ruins all
@pytest.mark.parametrize(("name", "rule"), COMBINATIONS)
def test_no_rule_ends_above_its_start_however_it_ends(name, rule):
    shift = len(name + rule) % 2  # each takes half of the β, all are taken
    for number, beta in enumerate(BETAS[shift::2]):
        dtype = ("float32", "float64")[number % 2]
        options = {"beta": beta, "seed": 0, "update": (RULES | LEAST_SQUARES)[rule]}
        start = MODELS[name](dtype, max_iter=0, **options)
        for end in ENDS:
            model = MODELS[name](dtype, **options, **end)
            room = (1e-5 if dtype == "float32" else 1e-10) * abs(start.objective)
            assert model.objective <= start.objective + room
            assert np.isfinite(model.reconstruct()).all()


@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize("update", ["mu-extrapolated", "hals-mu"])
def test_no_number_of_iterations_ends_above_the_start(beta, update):
    good = nmf(MATRIX, 4, beta=beta, update="mu-extrapolated", seed=0, max_iter=60)
    for n in range(1, 41):
        model = nmf(MATRIX, 4, beta=beta, update=update, init=good, max_iter=n)
        assert model.objective <= good.objective * (1 + 1e-12)
        found = beta_divergence(MATRIX, model.reconstruct(), beta)
        assert found == pytest.approx(model.objective, rel=1e-9)


def test_the_best_point_that_was_seen_is_given_back():
    options = {"update": sometimes, "seed": 0, "max_iter": 9, "history": True}
    model = nmf(MATRIX, 4, **options)
    assert model.objective == pytest.approx(model.history.min())
    assert model.history[-1] > 2 * model.history.min()


# ---- constraints


@pytest.mark.parametrize("name", ["deep nmf", "deep ncp", "deep ntd"])
@pytest.mark.parametrize("rule", RULES)
def test_sums_masks_and_fixed_factors_are_kept_by_every_rule(name, rule):
    if rule in ("spoil", "ruin", "sometimes"):
        pytest.skip("a rule of one's own keeps what it wants to")
    first = "templates" if name == "deep nmf" else 0
    prefix = "" if name == "deep nmf" else "0 "
    rows = 10 if name == "deep nmf" else 6
    deepest = 2 if name == "deep ntd" else 3
    depth = 3 if name == "deep ntd" else 2
    mask = RNG.random((rows, deepest)) < 0.7
    mask[:, 0] = True
    U = RNG.random((rows, 5 if name == "deep nmf" else 4)) + 0.1
    for beta in BETAS:
        for fixed in ((), (first,)):
            model = MODELS[name](
                "float64",
                beta=beta,
                update=RULES[rule],
                init={first: U},
                fixed=fixed,
                mask={f"{prefix}templates {depth}": mask},
                penalties={f"{prefix}templates {depth}": Smoothness(0.1)},
                seed=0,
                max_iter=12,
            )
            below = model.below if name == "deep nmf" else model.below[0]
            assert (below[-1].templates[~mask] == 0).all()
            factors = [model.templates] if name == "deep nmf" else model.factors
            if fixed:
                np.testing.assert_array_equal(factors[0], U)
            elif name == "deep nmf":
                np.testing.assert_allclose(model.activations.sum(1), 1, atol=1e-12)
            else:
                free = factors[1:] if name == "deep ncp" else factors
                for factor in free:
                    np.testing.assert_allclose(factor.sum(0), 1, atol=1e-12)


# ---- the numbers of a fit


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("beta", [0, 1, 2, 3])
def test_a_model_knows_its_objective_and_what_led_there(name, beta):
    model = MODELS[name]("float64", beta=beta, seed=0, max_iter=7, history=True)
    plain = MODELS[name]("float64", beta=beta, seed=0, max_iter=7)
    assert len(model.history) == model.n_iter + 1 == 8
    assert np.diff(model.history).max() <= 1e-9 * abs(model.history[0])
    assert model.objective == pytest.approx(model.history[-1], rel=1e-12)
    assert plain.history is None
    assert not plain.converged
    assert plain.objective == pytest.approx(model.objective, rel=1e-12)
    for other in (copy.deepcopy(plain), pickle.loads(pickle.dumps(plain))):
        assert other.objective == plain.objective
        np.testing.assert_array_equal(other.templates, plain.templates)
    if name in PLAIN:
        V = MATRIX if name == "nmf" else TENSOR
        expected = beta_divergence(V, plain.reconstruct(), beta)
        assert plain.objective == pytest.approx(expected, rel=1e-9)


def test_the_objective_is_at_the_scale_of_the_data():
    for power in (-300, 300):
        V = np.ldexp(MATRIX, power)
        for options in ({}, {"penalties": {"activations": Smoothness(1e-200)}}):
            model = nmf(V, 3, seed=0, max_iter=5, history=True, **options)
            expected = beta_divergence(V, model.reconstruct(), 1)
            assert model.objective == pytest.approx(expected, rel=1e-6)
            assert model.history[-1] == pytest.approx(expected, rel=1e-6)
    V = np.ldexp(TENSOR, 40)
    given = {0: [0.5], 2: [2.0**30]}
    model = deep_ncp(V, 4, {0: (3,), 2: (2,)}, weights=given, seed=0, max_iter=5)
    assert model.weights == given


def test_tol_says_that_it_has_converged_also_below_zero():
    model = nmf(MATRIX, 4, tol=1e-3, max_iter=10**5, seed=0)
    assert model.converged
    assert not nmf(MATRIX, 4, tol=1e-3, max_iter=10, seed=0).converged
    penalties = {"templates": MinimumVolume(200.0)}
    model = nmf(MATRIX, 4, penalties=penalties, tol=1e-2, max_iter=1500, seed=0)
    assert model.history is None
    assert model.objective < 0
    assert model.converged
    assert model.n_iter < 200


def test_tensor_models_of_one_layer_know_their_fit():
    for model in (
        deep_ncp(TENSOR, 3, {}, seed=0, max_iter=3),
        deep_ntd(TENSOR, (2, 2, 2), {}, seed=0, max_iter=3),
    ):
        expected = beta_divergence(TENSOR, model.reconstruct())
        assert model.objective == pytest.approx(expected)


def test_layers_that_explain_nothing_are_told():
    for ranks in ((4, 4), (4, 6), (4, 3, 3)):
        for loss in ("layers", "data"):
            with pytest.warns(UserWarning, match="give a rank below"):
                deep_nmf(MATRIX, ranks, loss=loss, seed=0, max_iter=1)
    with pytest.warns(UserWarning, match="give a rank below 6"):
        deep_ncp(TENSOR, 9, {0: (6,)}, seed=0, max_iter=1)


@pytest.mark.filterwarnings("error")
def test_layers_that_are_held_may_have_any_rank():
    W = RNG.random((10, 6))
    options = {"init": {"templates 2": W}, "fixed": ("templates 2",)}
    deep_nmf(MATRIX, (4, 6), seed=0, max_iter=1, **options)
    deep_nmf(MATRIX, (5, 3), seed=0, max_iter=1)


# ---- several starts


@pytest.mark.parametrize("name", ["nmf", "ntd", "sparse nmf", "deep ncp", "tied ncp"])
def test_of_several_starts_the_best_is_given_back(name):
    options = {"seed": 3, "max_iter": 15, "update": "mu-extrapolated"}
    one = MODELS[name]("float64", **options)
    best = MODELS[name]("float64", n_starts=4, **options)
    again = MODELS[name]("float64", n_starts=4, **options)
    np.testing.assert_array_equal(best.templates, again.templates)
    assert best.objective <= one.objective
    more = MODELS[name]("float64", n_starts=12, **options)
    assert more.objective < one.objective
    if name == "deep ncp":  # all are measured alike
        assert best.weights[0] == pytest.approx(one.weights[0])


# ---- a floor on factors


@pytest.mark.parametrize("name", ["nmf", "ncp", "ntd", "sparse nmf", "bent nmf"])
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
@pytest.mark.parametrize("beta", BETAS)
def test_epsilon_bounds_what_moves_and_nothing_rises(name, update, beta):
    options = {"beta": beta, "update": update, "seed": 0, "max_iter": 40}
    model = MODELS[name]("float64", epsilon=1e-3, history=True, **options)
    factors = [*getattr(model, "factors", [model.templates, model.activations])]
    assert min(factor.min() for factor in factors) >= 1e-3
    if update == "mu":
        assert np.diff(model.history).max() <= 1e-9 * abs(model.history[0])


def test_epsilon_leaves_masks_and_is_at_the_scale_of_the_data():
    mask = RNG.random((4, 12)) < 0.7
    V, most = np.ldexp(MATRIX, 300), 2.0**290
    start = nmf(V, 4, seed=0, max_iter=5)
    model = nmf(V, 4, epsilon=most, init=start, mask={"activations": mask})
    assert (model.activations[~mask] == 0).all()
    assert model.activations[mask].min() >= most
    with pytest.raises(ValueError, match="epsilon"):
        nmf(MATRIX, 4, beta=2, update="hals", epsilon=1e-3)
    with pytest.raises(ValueError, match="epsilon"):
        deep_nmf(MATRIX, (4, 2), epsilon=1e-3)
    tied = deep_nmf(MATRIX, (4, 2), loss="data", epsilon=1e-3, seed=0)
    assert tied.below[0].activations.min() >= 1e-3


@pytest.mark.parametrize("option", ["tol_kkt", "epsilon", "n_starts"])
def test_bad_limits_are_named(option):
    with pytest.raises(ValueError, match=option):
        nmf(MATRIX, 2, **{option: -1})
    with pytest.raises(ValueError, match=option):
        deep_nmf(MATRIX, (3, 2), **{option: -1})
    with pytest.raises(ValueError, match="init is a model"):
        nmf(MATRIX, 2, init=convolutive_nmf(MATRIX, 2, 2, max_iter=1))


# ---- extremes of penalties and of β, in single precision


@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
def test_a_penalty_of_any_weight_raises_nothing(backend, update):
    for weight in (1e3, 1e6):
        for beta in (-1, 0, 1, 2, 3):
            model = nmf(
                MATRIX.astype(np.float32),
                4,
                beta=beta,
                update=update,
                backend=backend,
                penalties={"activations": Sparsity(weight)},
                seed=0,
                max_iter=25,
                history=True,
            )
            assert np.isfinite(model.history).all()
            assert np.isfinite(model.reconstruct()).all()
            assert model.objective <= model.history[0]
            if update == "mu":
                assert np.diff(model.history).max() <= 1e-6 * abs(model.history[0])


@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
@pytest.mark.parametrize("beta", [-2.5, -1, -0.5])
@pytest.mark.parametrize("epsilon", [0.0, 1e-12, 1e-3])
def test_zeros_stay_finite_in_single_precision_for_beta_below_zero(
    backend, beta, epsilon
):
    V = (MATRIX * (MATRIX > 0.3)).astype(np.float32)
    options = {"beta": beta, "backend": backend, "epsilon": epsilon, "max_iter": 40}
    model = nmf(V, 4, seed=0, history=True, **options)
    assert np.isfinite(model.history).all()
    assert np.diff(model.history).max() <= 1e-6 * model.history[0]


def test_a_component_whose_partner_vanishes_stays_finite():
    rng = np.random.default_rng(0)
    V = rng.gamma(0.5, 1, (2, 9, 2)) @ rng.gamma(0.5, 1, (2, 2, 13))
    weights = np.ones(V.shape)
    weights[..., 0] = weights[..., 1, :] = 0
    penalties = {"templates": Orthogonality(100.0)}
    options = {"beta": 3, "penalties": penalties, "data_weights": weights}
    for seed in range(3):
        model = nmf(V, 4, max_iter=25, history=True, seed=seed, **options)
        assert np.diff(model.history).max() <= 1e-9 * model.history[0]
        again = nmf(V, 4, init=model, max_iter=0, **options)
        assert again.objective == pytest.approx(model.objective)
