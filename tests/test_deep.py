"""Deep models: the objective falls, one layer is NMF, hierarchies are found."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, every_beta
from scipy.optimize import brentq
from scipy.special import wrightomega
from solving import plugin

from musaic_core.lowrank.deep.below import Below
from musaic_core.lowrank.deep.models import DeepNCP, DeepNMF, DeepNTD
from musaic_core.lowrank.deep.nmf import DeepNMFProblem, deep_nmf, multilayer_nmf
from musaic_core.lowrank.deep.sums import with_sums_of
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.divergence import BetaDivergence, beta_divergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.kernels.arrays import wright_omega
from musaic_core.lowrank.matching import factor_match
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.penalties import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
)
from musaic_core.tasks.dictionary import Dictionary

RHO = (0.7, 0.3)
both_losses = pytest.mark.parametrize("loss", ["layers", "data"])


def data(shape=(12, 15), seed=0):
    return np.random.default_rng(seed).gamma(0.5, 1, shape) + 1e-3


def divergence(V, Y, beta):
    return beta_divergence(np.maximum(V, 1e-50), np.maximum(Y, 1e-50), beta)


def objective(V, model, beta, weights):
    """The divergence of the data, and where they count, those of the layers."""
    total = divergence(V, model.reconstruct(), beta)
    if model.tied:
        return total
    below = {"templates": model.below} if isinstance(model, DeepNMF) else model.below
    for top, layers in below.items():
        if top == "core":
            above = model.core.reshape(-1, model.core.shape[-1])
        else:
            above = model.templates if top == "templates" else model.factors[top]
        for rho, layer in zip(weights[top], layers, strict=True):
            total += rho * divergence(above, layer.reconstruct(), beta)
            above = layer.templates
    return total


def run(name, V, layers, **options):
    """One of the three, on data that suits it."""
    if name == "nmf":
        return deep_nmf(V.reshape(len(V), -1), (6, *layers["templates"]), **options)
    if name == "ncp":
        return deep_ncp(V, 6, layers, **options)
    return deep_ntd(V, (6, 4, 5), layers, **options)


CASES = [
    ("nmf", {"templates": (4,)}),
    ("nmf", {"templates": (5, 2)}),
    ("ncp", {0: (3,)}),
    ("ncp", {0: (4, 2), 2: (3,)}),
    ("ncp", {0: (3,), 1: (3,), 2: (3,)}),
    ("ntd", {0: (4, 2)}),
    ("ntd", {"core": (3, 2)}),
    ("ntd", {0: (3,), 2: (2,), "core": (3,)}),
]
every_case = pytest.mark.parametrize(("name", "layers"), CASES)


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


# ---- the steps are what they are said to be


def test_wright_omega_is_scipys():
    z = np.linspace(-50, 500, 2001)
    np.testing.assert_allclose(wright_omega(z), wrightomega(z), 1e-13)
    found = wright_omega(z.astype(np.float32))
    np.testing.assert_allclose(found, wrightomega(z), 1e-5)


@pytest.mark.parametrize("beta", [0, 1, 1.5, 2, 3])
@pytest.mark.parametrize("rho", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("backend", ["c", "numpy"])
def test_a_middle_factor_goes_to_the_minimum_of_its_majorization(beta, rho, backend):
    rng = np.random.default_rng(0)
    B, P, Q, Y = rng.gamma(0.5, 1, (4, 3, 50)) + 1e-3
    p = max(beta - 1, 0)
    q = max(2 - beta, 0)

    def slope(w, b, positive, negative, y):
        t = w / b
        pull = np.log(w / y) if beta == 1 else (w**power - y**power) / power
        return negative * t**p - positive * t**-q + rho * pull

    power = beta - 1
    divergence = BetaDivergence(beta)
    found = np.asfortranarray(B)  # as a view of templates is
    kernels, _ = kernels_for(B, backend)
    Below(rho, Y, divergence).minimise(found, P, Q, divergence, kernels)
    for index in np.ndindex(B.shape):
        arguments = B[index], P[index], Q[index], Y[index]
        expected = brentq(slope, 1e-12, 1e6, args=arguments, xtol=1e-14, rtol=1e-13)
        assert found[index] == pytest.approx(expected, rel=1e-7)


@every_beta
def test_the_step_at_given_sums_keeps_them_and_meets_its_condition(beta):
    rng = np.random.default_rng(0)
    B, P, Q = rng.gamma(0.5, 1, (3, 4, 30))
    exponent = BetaDivergence(beta).exponent
    target = with_sums_of(B, P, Q, exponent)
    np.testing.assert_allclose(target.sum(1), B.sum(1), 1e-9)
    ratio = (target / B) ** (1 / exponent)
    for k in range(4):  # one multiplier explains the whole row
        above, below = P[k] / ratio[k] - Q[k], ratio[k] * Q[k] - P[k]
        multiplier = above if above.mean() > 0 else below
        np.testing.assert_allclose(multiplier, multiplier[0], 1e-6)
    # with a denominator that is the same in a row, the other form has the same sums
    flat = with_sums_of(B, P, Q[:, :1], 1.0)
    np.testing.assert_allclose(flat, B * P * (B.sum(1) / (B * P).sum(1))[:, None])


def test_the_step_at_given_sums_keeps_zeros_that_nothing_speaks_of():
    B = np.array([[0, 0, 1]], np.float32)
    P, Q = (np.array([[0, 0, x]], np.float32) for x in (6.64e13, 6.65e13))
    np.testing.assert_array_equal(with_sums_of(B, P, Q, 0.5), B)


@every_beta
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_step_at_given_sums_keeps_them_however_far_apart_entries_are(beta, dtype):
    rng = np.random.default_rng(0)
    powers = rng.uniform(-12, 12, (3, 40, 9)) * rng.integers(0, 2, (3, 40, 9))
    B, P, Q = (10**powers).astype(dtype)
    B /= B.sum(1, keepdims=True)
    exponent = BetaDivergence(beta).exponent
    target = with_sums_of(B, P, Q, exponent)
    precision = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(target.sum(1), 1, precision)
    rows = (x.astype(float) for x in (B, P, Q, target))
    for b, p, q, found in zip(*rows, strict=True):

        def excess(mu, b=b, p=p, q=q):
            ratio = (p + max(-mu, 0)) / (q + max(mu, 0))
            return (b * ratio**exponent).sum() - 1

        mu = brentq(excess, -1e30, 1e30, xtol=1e-300, rtol=1e-15, maxiter=999)
        wanted = b * ((p + max(-mu, 0)) / (q + max(mu, 0))) ** exponent
        np.testing.assert_allclose(found, wanted, 1e4 * precision, precision)


@pytest.mark.parametrize("beta", [-1, 0])
def test_no_iteration_raises_the_objective_of_data_with_silences(beta):
    V = data()
    V[0] = V[:, 1] = 0
    model = deep_nmf(V, (5, 3, 2), beta=beta, seed=0, start_iter=20, history=True)
    assert np.diff(model.history).max() <= 1e-9 * model.history[0]


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


@both_losses
@pytest.mark.parametrize(("name", "layers"), [CASES[0], CASES[2], CASES[5]])
def test_extrapolated_updates_end_lower(name, layers, loss):
    V = hierarchy(0, level=5)[0][:20, :8, :9] + 1e-3
    top = next(iter(layers))
    weights = {top: RHO[: len(layers[top])]}
    given = weights[top] if name == "nmf" else weights
    given = None if loss == "data" else given
    plain, fast = (
        run(name, V, layers, loss=loss, weights=given, update=update, seed=0)
        for update in ("mu", "mu-extrapolated")
    )
    V = V.reshape(plain.reconstruct().shape)
    assert objective(V, fast, 1, weights) < objective(V, plain, 1, weights)


# ---- hierarchies


def hierarchy(seed, level=0.2):
    """Counts of a tensor of nine terms whose spectra are mixtures of three."""
    rng = np.random.default_rng(seed)
    bases = rng.gamma(0.3, 1, (40, 3))
    spectra = bases @ rng.dirichlet(np.full(3, 0.3), 9).T
    others = [rng.gamma(0.3, 1, (size, 9)) for size in (12, 15)]
    truth = np.einsum("ir,jr,kr->ijk", spectra, *others)
    truth *= level / truth.mean()
    return rng.poisson(truth).astype(float), truth, spectra


def test_of_few_counts_a_deep_ncp_errs_less_than_ncps_of_either_rank():
    errors, matches = [], []
    for seed in range(3):
        V, truth, spectra = hierarchy(seed)
        options = {"beta": 1, "seed": 0, "max_iter": 150}
        shallow = [ncp(V, rank, **options) for rank in (3, 9)]
        deep = [
            deep_ncp(V, 9, {0: (3,)}, loss=loss, **options)
            for loss in ("layers", "data")
        ]
        errors.append([np.linalg.norm(m.reconstruct() - truth) for m in shallow + deep])
        found = [shallow[1], *deep]
        matches.append([congruence(spectra, m.factors[0]) for m in found])
    few, many, layers, tied = np.mean(errors, axis=0)
    assert max(layers, tied) < 0.9 * min(few, many)
    plain, layers, tied = np.mean(matches, axis=0)
    assert min(layers, tied) > plain + 0.03


def congruence(truth, found):
    ones = np.ones((truth.shape[1], 1))
    return factor_match(NMF(truth, ones), NMF(found, ones))


def test_layers_show_what_templates_are_made_of():
    rng = np.random.default_rng(0)
    bases = np.kron(np.eye(2), np.ones((10, 1)))
    mixtures = np.array([[1.0, 0, 0.5], [0, 1.0, 0.5]])
    V = bases @ mixtures @ rng.gamma(0.2, 1, (3, 200)) + 1e-6
    model = deep_nmf(V, (3, 2), seed=0, max_iter=300)
    fine, coarse = model.layers
    assert congruence(bases, coarse.templates) > 0.98
    assert fine.activations is model.activations
    made_of = model.below[0].activations
    np.testing.assert_allclose(
        coarse.activations, made_of @ model.activations, rtol=1e-12
    )
    error = np.linalg.norm(V - coarse.reconstruct()) / np.linalg.norm(V)
    assert error < 0.05


# ---- beside nn_fac


@pytest.mark.parametrize("ranks", [[8, 4], [8, 5, 3]])
def test_objective_beside_nn_facs_deep_nmf(ranks):
    peer = pytest.importorskip("nn_fac.deep_nmf")
    rng = np.random.default_rng(0)
    V = rng.gamma(0.4, 1, (40, 6)) @ rng.gamma(0.4, 1, (6, 50)) + 0.01
    V *= rng.gamma(5, 0.2, V.shape)
    start = multilayer_nmf(V, ranks, seed=0, max_iter=20)
    layers = [start, *start.below]
    W, H = [m.templates for m in layers], [m.activations for m in layers]
    errors = [
        divergence(X, M.reconstruct(), 1) for X, M in zip([V, *W], layers, strict=False)
    ]
    weights = 1 / np.array(errors)

    def total(W, H):
        pairs = zip(weights, [V, *W], W, H, strict=False)
        return sum(w * divergence(X, U @ A, 1) for w, X, U, A in pairs)

    init = {"templates": W[0], "activations": H[0]}
    for depth in range(1, len(ranks)):
        init |= {f"templates {depth + 1}": W[depth]}
        init |= {f"activations {depth + 1}": H[depth]}
    found = {}
    for update in ("mu", "mu-extrapolated"):
        model = deep_nmf(
            V,
            ranks,
            init=init,
            weights=weights[1:] / weights[0],
            update=update,
            max_iter=100,
        )
        layers = [model, *model.below]
        found[update] = total(
            [m.templates for m in layers], [m.activations for m in layers]
        )
    W, H = [U.copy() for U in W], [A.copy() for A in H]
    for _ in range(100):
        W, H, _ = peer.one_step_deep_KL_nmf(V, W, H, ranks, weights, 1e-6)
    assert found["mu"] < 1.01 * total(W, H)
    assert found["mu-extrapolated"] < total(W, H)


def test_multilayer_nmf_fits_as_well_as_nn_facs():
    peer = pytest.importorskip("nn_fac.multilayer_nmf")
    rng = np.random.default_rng(0)
    V = rng.gamma(0.4, 1, (30, 3)) @ rng.gamma(0.4, 1, (3, 6)) @ data((6, 40))
    V *= rng.gamma(20, 0.05, V.shape)
    W, H = peer.multilayer_beta_NMF(
        V.copy(), [6, 3], n_iter_max_each_nmf=60, deterministic=True
    )
    fine, coarse = multilayer_nmf(V, [6, 3], init="nndsvd", max_iter=60).layers
    theirs = W[0] @ H[0], W[1] @ H[1] @ H[0]
    for layer, Y in zip((fine, coarse), theirs, strict=True):
        assert divergence(V, layer.reconstruct(), 1) < 1.05 * divergence(V, Y, 1)


# ---- what is asked for is kept


@both_losses
@every_case
def test_fixed_and_masked_entries_do_not_move(name, layers, loss):
    V = data((7, 6, 8))
    top = "templates" if name == "nmf" else next(iter(layers))
    prefix = "" if name == "nmf" else f"{top} "
    A = data((layers[top][0], {"core": 5, 2: 5}.get(top, 6)), 5)
    deepest = f"{prefix}templates {len(layers[top]) + 1}"
    rows = {"nmf": 7, "ncp": 7, "ntd": 24 if top == "core" else 7}[name]
    mask = np.random.default_rng(0).random((rows, layers[top][-1])) < 0.7
    model = run(
        name,
        V,
        layers,
        loss=loss,
        init={f"{prefix}activations 2": A},
        fixed=(f"{prefix}activations 2",),
        mask={deepest: mask},
        seed=0,
        start_iter=4,
        max_iter=6,
    )
    stack = model.below if name == "nmf" else model.below[top]
    np.testing.assert_array_equal(stack[0].activations, A)
    assert (stack[-1].templates[~mask] == 0).all()
    assert (stack[-1].templates[mask] > 0).any()


def test_a_fixed_dictionary_is_explained_and_not_moved():
    V, W = data((20, 30)), data((20, 6), 1)
    model = deep_nmf(
        V, (6, 3), init={"templates": W}, fixed=("templates",), seed=0, max_iter=20
    )
    np.testing.assert_array_equal(model.templates, W)
    plain = nmf(V, 6, init=(W, None), fixed=("templates",), seed=0, max_iter=70)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-9)
    alone = nmf(W, 3, seed=0, max_iter=70).reconstruct()
    np.testing.assert_allclose(model.below[0].reconstruct(), alone, 1e-9)


@every_case
@both_losses
def test_models_offer_their_members_in_the_datas_library_and_dtype(name, layers, loss):
    V = data((7, 6, 8)).astype(np.float32)
    options = {"loss": loss, "seed": 0, "start_iter": 3, "max_iter": 4}
    expected = run(name, V.astype(float), layers, **options)
    kind = {"nmf": DeepNMF, "ncp": DeepNCP, "ntd": DeepNTD}[name]
    for backend in (None, "torch"):
        model = run(name, torch.from_numpy(V), layers, backend=backend, **options)
        assert type(model) is kind
        for array in (
            model.templates,
            model.activations,
            *(member for m in model.layers for member in (m.templates, m.activations)),
        ):
            assert isinstance(array, torch.Tensor)
            assert array.dtype == torch.float32
        np.testing.assert_allclose(
            model.reconstruct(), expected.reconstruct(), rtol=2e-2, atol=1e-4
        )
        assert model.n_parameters == expected.n_parameters
    shape = (7, -1)
    np.testing.assert_allclose(
        expected.templates @ expected.activations,
        expected.reconstruct().reshape(shape),
    )
    if loss == "data":  # every depth is the same model
        for layer in expected.layers:
            np.testing.assert_allclose(layer.reconstruct(), expected.reconstruct())


def test_parameters_are_counted_once():
    V = data()
    free = deep_nmf(V, (6, 4, 2), seed=0, max_iter=1)
    assert free.n_parameters == 6 * 27 + 4 * 18 + 2 * 16
    assert {layer.n_parameters for layer in free.layers} == {free.n_parameters}
    tied = deep_nmf(V, (6, 4, 2), loss="data", seed=0, max_iter=1)
    assert tied.n_parameters == 6 * 15 + 4 * 6 + 2 * 4 + 12 * 2


def test_updates_of_deep_models_run_on_any_device():
    # as on an accelerator: an operation that is NumPy's fails on such tensors
    device = torch.device("meta")
    blocks = {
        "templates": (6, 4),
        "activations": (4, 5),
        "templates 2": (6, 2),
        "activations 2": (2, 4),
    }
    kernels, V = kernels_for(torch.ones(6, 5, device=device))
    for tied in (False, True):
        names = [n for n in blocks if not (tied and n == "templates")]
        state = DeepNMFProblem(
            V,
            {name: torch.ones(blocks[name], device=device) for name in names},
            {},
            BetaDivergence(1.0),
            kernels,
            None,
            chains={"templates": [("templates 2", "activations 2")]},
            tied=tied,
            weights={"templates": [1.0]},
            moving=names,
        )
        for name in names:
            state.mu(name)
            state.moved(name)
            assert state.blocks[name].device.type == "meta"


def test_silence_and_single_precision_stay_finite():
    V = data((12, 15)).astype(np.float32)
    V[:, :5] = 0
    V[3] = 0
    for loss in ("layers", "data"):
        for beta in BETAS:
            model = deep_nmf(V, (6, 3), beta=beta, loss=loss, seed=0, max_iter=30)
            assert np.isfinite(model.reconstruct()).all()
            assert np.isfinite(model.below[0].reconstruct()).all()
    model = deep_nmf(np.zeros((4, 5)), (3, 2), seed=0, max_iter=5)
    assert np.isfinite(model.reconstruct()).all()


@both_losses
@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_that_is_fitted_exactly_from_the_start_stays_finite(loss, beta, dtype):
    for V in (np.ones((1, 1), dtype), np.full((3, 4), 0.1, dtype)):
        for update in ("mu", "mu-extrapolated"):
            options = {"beta": beta, "loss": loss, "update": update, "seed": 0}
            model = deep_nmf(V, (1, 1), max_iter=20, **options)
            for layer in model.layers:
                np.testing.assert_allclose(layer.reconstruct(), V, 1e-3)


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


def test_stopping_rules_and_seeds():
    V = data()
    one, two = (deep_nmf(V, (5, 2), seed=3, max_iter=9) for _ in range(2))
    np.testing.assert_array_equal(one.templates, two.templates)
    assert one.n_iter == 9
    assert deep_nmf(V, (5, 2), seed=0, max_iter=10**6, tol=1e-2).n_iter % 10 == 0
    assert deep_nmf(V, (5, 2), callback=lambda n, model: n == 4, seed=0).n_iter == 4


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


# ---- depth


@every_beta
def test_depth_one_of_a_tensor_model_is_the_plain_one(beta):
    V = data((7, 6, 8))
    options = {"beta": beta, "seed": 0, "max_iter": 7}
    factors = [data((n, 4), n) for n in V.shape]
    for fit, plain, rank in ((deep_ncp, ncp, 4), (deep_ntd, ntd, (4, 3, 2))):
        found, expected = fit(V, rank, {}, **options), plain(V, rank, **options)
        np.testing.assert_array_equal(found.reconstruct(), expected.reconstruct())
        assert found.n_parameters == expected.n_parameters
        assert len(found.layers) == 1
    found = deep_ncp(V, 4, {}, init={0: factors[0]}, fixed=(0,), **options)
    np.testing.assert_array_equal(found.factors[0], factors[0])


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("dictionary", ["fixed", "adapted", "blind"])
@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("deep_nmf", None),
        *(("deep_ncp", modes) for modes in ("spectra", "rhythms", "bars", "all")),
        *(
            ("deep_ntd", modes)
            for modes in ("core", "spectra", "rhythms", "bars", "all")
        ),
        ("penalised_deep_nmf", None),
    ],
)
def test_solvers_have_any_depth_on_any_mode(name, modes, dictionary, depth):
    V = data((14, 12, 10)).astype(np.float32)
    templates = data((14, 7), 1).astype(np.float32)
    known = Dictionary(templates, np.arange(7))
    told = SimpleNamespace(
        seed=0,
        dictionary=None if dictionary == "blind" else known,
        frequencies=np.arange(14) * 50.0,
        told_apart=lambda V, W: (V, W, None),  # nothing is
    )
    options = {"depth": depth, "n_iter": 4, "beta": 1}
    if name != "penalised_deep_nmf":
        options["dictionary"] = dictionary
    if "nmf" in name:
        V = V.reshape(14, -1)
        options |= {"rank": 8, "coarse": 4}
    elif name == "deep_ncp":
        options |= {"rank": 8, "coarse": 4, "modes": modes}
    else:
        options |= {"spectra": 8, "rhythms": 6, "bars": 5, "patterns": 3}
        options |= {"weight": 0.1, "modes": modes}
    model = plugin(f"solvers/{name}.py", **options).factorize(V, told)
    assert model.shape == V.shape
    assert np.isfinite(model.reconstruct()).all()
    if name == "penalised_deep_nmf":
        assert len(model.layers) == depth
        return
    assert (model.labels is None) == (dictionary == "blind")
    if dictionary == "fixed":
        np.testing.assert_array_equal(model.templates, templates)
    elif name == "deep_nmf":
        assert len(model.layers) == depth
    elif depth > 1:
        tops = {"spectra": [0], "rhythms": [1], "bars": [2], "core": ["core"]}
        tops["all"] = [0, 1, 2] if name == "deep_ncp" else [0, 1, 2, "core"]
        assert {t: len(layers) for t, layers in model.below.items()} == dict.fromkeys(
            tops[modes], depth - 1
        )
