"""Deep models: the objective falls, one layer is NMF, bad arguments are named."""

import numpy as np
import pytest
from deep_problems import CASES, RHO, both_losses, data, every_case, objective, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, every_beta

from musaic_core.lowrank.deep.nmf import deep_nmf, multilayer_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.penalties import MinimumVolume, Orthogonality, Smoothness

# ---- the objective falls


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from(CASES),
    loss=st.sampled_from(["layers", "data"]),
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    scale=st.sampled_from([0.0, 0.01, 1.0, 100.0]),
    rho=st.sampled_from([(0.7, 0.3), (0.0, 0.3), (0.7, 0.0)]),
    seed=st.integers(0, 2**31),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_deep_models_never_raise_their_objective(
    case, loss, beta, scale, rho, seed, backend
):
    name, layers = case
    V = data((7, 6, 8), seed)
    weights = {top: [scale * r for r in rho[: len(r_)]] for top, r_ in layers.items()}
    found = []

    def record(_, model):
        shaped = V.reshape(model.reconstruct().shape)
        found.append(objective(shaped, model, beta, weights))

    given = weights["templates"] if name == "nmf" else weights
    if loss == "data":
        given = None
    run(
        name,
        V,
        layers,
        loss=loss,
        beta=beta,
        weights=given,
        seed=seed,
        start_iter=3,
        max_iter=10,
        callback=record,
        backend=backend,
    )
    assert np.isfinite(found).all()
    assert np.diff(found).max() <= 1e-9 * found[0]


@every_case
@pytest.mark.parametrize("penalty", [Smoothness, Orthogonality, MinimumVolume])
def test_penalised_deep_models_never_raise_their_objective(name, layers, penalty):
    V = data((7, 6, 8))
    top = "templates" if name == "nmf" else next(iter(layers))
    deepest = "templates 2" if name == "nmf" else f"{top} templates 2"
    weights = {top: RHO[: len(ranks)] for top, ranks in layers.items()}
    penalties = {deepest: penalty(0.3)}
    if top != "core":
        penalties[top] = penalty(0.2)
    found = []

    def record(_, model):
        total = objective(V.reshape(model.reconstruct().shape), model, 1, weights)
        below = model.below if name == "nmf" else model.below[top]
        total += penalty(0.3).value(below[0].templates.T)
        if top != "core":
            factor = model.templates if name == "nmf" else model.factors[top]
            total += penalty(0.2).value(factor.T)
        found.append(total)

    run(
        name,
        V,
        layers,
        weights=weights["templates"] if name == "nmf" else weights,
        penalties=penalties,
        seed=0,
        start_iter=3,
        max_iter=12,
        callback=record,
    )
    assert np.diff(found).max() <= 1e-9 * abs(found[0])


@both_losses
@every_beta
def test_penalties_on_what_keeps_its_sums_and_on_products(loss, beta):
    V, found = data(), []
    smooth, orthogonal = Smoothness(0.5), Orthogonality(0.3)

    def record(_, model):
        total = objective(V, model, beta, {"templates": (1.0,)})
        total += smooth.value(model.activations)
        found.append(total + orthogonal.value(model.below[0].activations))

    deep_nmf(
        V,
        (6, 3),
        beta=beta,
        loss=loss,
        weights=None if loss == "data" else [1.0],
        penalties={"activations": smooth, "activations 2": [orthogonal]},
        seed=0,
        start_iter=3,
        max_iter=15,
        callback=record,
    )
    assert np.diff(found).max() <= 1e-9 * found[0]


@pytest.mark.parametrize("beta", [-1, 0])
def test_no_iteration_raises_the_objective_of_data_with_silences(beta):
    V = data()
    V[0] = V[:, 1] = 0
    model = deep_nmf(V, (5, 3, 2), beta=beta, seed=0, start_iter=20, history=True)
    assert np.diff(model.history).max() <= 1e-9 * model.history[0]


@every_beta
def test_a_weight_of_zero_above_one_that_counts_raises_nothing(beta):
    V, found = data((14, 18)), []
    penalty = Smoothness(0.3)

    def record(_, model):
        total = objective(V, model, beta, {"templates": (0.0, 1.0)})
        found.append(total + penalty.value(model.below[0].templates.T))

    deep_nmf(
        V,
        (6, 4, 2),
        beta=beta,
        weights=[0, 1],
        penalties={"templates 2": penalty},
        seed=0,
        start_iter=5,
        max_iter=20,
        callback=record,
    )
    assert np.diff(found).max() <= 1e-9 * found[0]


# ---- special cases


@every_beta
def test_one_layer_is_plain_nmf(beta):
    V = data()
    plain = nmf(V, 4, beta=beta, seed=0, max_iter=7)
    for fit in (deep_nmf, multilayer_nmf):
        model = fit(V, [4], beta=beta, seed=0, max_iter=7)
        np.testing.assert_array_equal(model.templates, plain.templates)
        np.testing.assert_array_equal(model.activations, plain.activations)


@every_beta
def test_layers_of_weight_zero_leave_the_plain_model(beta):
    V = data()
    start = dict(
        zip(("templates", "activations"), data((2, 15, 15))[:, :, :], strict=1)
    )
    start = {"templates": start["templates"][:12, :5], "activations": data((5, 15), 3)}
    model = deep_nmf(V, (5, 3), beta=beta, weights=[0], init=start, seed=0, max_iter=8)
    plain = nmf(V, 5, beta=beta, init=tuple(start.values()), max_iter=8)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-12)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-12)
    tensor, factors = data((6, 5, 7)), [data((n, 4), n) for n in (6, 5, 7)]
    model = deep_ncp(
        tensor,
        4,
        {0: (2,)},
        beta=beta,
        weights={0: [0]},
        init=dict(enumerate(factors)),
        seed=0,
        max_iter=8,
    )
    plain = ncp(tensor, 4, beta=beta, init=factors, max_iter=8)
    for found, expected in zip(model.factors, plain.factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-12)


def test_multilayer_nmf_factorizes_layer_after_layer():
    V = data((20, 30))
    model = multilayer_nmf(V, (6, 3), seed=0, max_iter=50)
    for layer, above in ((model, V), (model.below[0], model.templates)):
        np.testing.assert_allclose(layer.activations.sum(1), 1)
        alone = nmf(above, layer.templates.shape[1], seed=0, max_iter=50)
        np.testing.assert_allclose(layer.reconstruct(), alone.reconstruct(), 1e-10)


def unit_sums(name, layers, model):
    """Sums of what could shrink a layer, all of which are to be one."""
    if name == "nmf":
        sums = [model.activations.sum(1)]
        stacks = [model.below]
    else:
        free = "core" if name == "ntd" else next(iter(layers))
        sums = [U.sum(0) for n, U in enumerate(model.factors) if n != free]
        stacks = list(model.below.values())
    return sums + [layer.activations.sum(1) for stack in stacks for layer in stack[:-1]]


@both_losses
@every_case
@every_beta
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
def test_no_update_leaves_the_sums_of_one(name, layers, beta, update, loss):
    V = data((7, 6, 8))
    options = {"beta": beta, "update": update, "loss": loss, "seed": 0}
    model = run(name, V, layers, max_iter=60, **options)
    if loss == "data":  # which has no sums to keep
        assert np.isfinite(model.reconstruct()).all()
        return
    for found in unit_sums(name, layers, model):
        np.testing.assert_allclose(found, 1, atol=1e-12)


# ---- what is refused

GOOD = np.ones((6, 5))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": GOOD[0]}, "V"),
        ({"V": -GOOD}, "V"),
        ({"ranks": 3}, "ranks"),
        ({"ranks": ()}, "ranks"),
        ({"ranks": (3, 0)}, "ranks"),
        ({"beta": None}, "beta"),
        ({"loss": "deep"}, "loss"),
        ({"weights": [1, 1]}, "weights"),
        ({"weights": [-1]}, "weights"),
        ({"weights": [np.nan]}, "weights"),
        ({"weights": [1], "loss": "data"}, "weights"),
        ({"init": "svd"}, "init"),
        ({"init": {"W": GOOD}}, "init"),
        ({"init": {"templates": GOOD}}, "templates"),
        ({"start_iter": -1}, "start_iter"),
        ({"update": "hals"}, "update"),
        ({"update": "hals-mu"}, "update"),
        ({"fixed": ("core",)}, "fixed"),
        ({"fixed": ("templates",), "loss": "data"}, "fixed"),
        ({"mask": {"templates": GOOD}}, "mask"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        deep_nmf(**{"V": GOOD, "ranks": (3, 2), **arguments})


def test_bad_arguments_of_tensor_models_are_named():
    V = data((6, 5, 4))
    for fit, rank in ((deep_ncp, 3), (deep_ntd, (3, 2, 2))):
        for layers in ((), (2,), {3: (2,)}, {0: 2}, {0: (0,)}):
            with pytest.raises(ValueError, match="layers"):
                fit(V, rank, layers)
        with pytest.raises(ValueError, match="V has 1 axes"):
            fit(V[0, 0], rank, {0: (2,)})
        with pytest.raises(ValueError, match="weights"):
            fit(V, rank, {0: (2,)}, weights={0: [1, 1]})
    with pytest.raises(ValueError, match="ranks"):
        deep_ntd(V, (3, 2), {0: (2,)})
    with pytest.raises(ValueError, match="core"):
        deep_ntd(V, (3, 2, 2), {0: (2,)}, fixed=("core",))
