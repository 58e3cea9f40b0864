"""The factorizations: what they minimise, what they keep, what they refuse."""

import numpy as np
import pytest
import reference_factorization as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, every_beta

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.models import NCP, NMF, NTD
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.starts import INITIALISATIONS
from musaic_core.lowrank.updates import UPDATES, HALSThenMU

SIZES = (9, 8, 7)
RANKS = (3, 2, 4)


def matrix(shape=(40, 30), rank=3, dtype="float64", seed=0):
    """A matrix of exactly that rank."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1, (shape[0], rank)), rng.gamma(0.5, 1, (rank, shape[1]))
    return ((W + 0.01) @ (H + 0.01)).astype(dtype)


def tensor(seed=0):
    rng = np.random.default_rng(seed)
    factors = [rng.gamma(1, 1, (n, r)) for n, r in zip(SIZES, RANKS, strict=True)]
    return reference.tucker(rng.gamma(1, 1, RANKS), factors)


def start(ranks, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) + 0.1 for shape in zip(SIZES, ranks, strict=True)]


def run(name, V, **options):
    """One of the three, on data that suits it."""
    if name == "nmf":
        return nmf(V.reshape(len(V), -1), 3, **options)
    return ncp(V, 3, **options) if name == "ncp" else ntd(V, RANKS, **options)


every_model = pytest.mark.parametrize("name", ["nmf", "ncp", "ntd"])


# ---- the updates are the papers'


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_nmf_takes_the_references_steps(beta, backend):
    V = matrix() + 0.1
    rng = np.random.default_rng(1)
    W, H = rng.random((40, 5)), rng.random((5, 30))
    model = nmf(V, 5, beta=beta, init=(W, H), max_iter=3, backend=backend)
    for _ in range(3):
        H = reference.mu_step(V, W, H, beta)
        W = reference.mu_step(V.T, H.T, W.T, beta).T
    np.testing.assert_allclose(model.activations, H, 1e-8)
    np.testing.assert_allclose(model.templates, W, 1e-8)


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_ncp_takes_the_references_steps(beta, backend):
    V, factors = tensor() + 0.1, start((3, 3, 3))
    model = ncp(V, 3, beta=beta, init=factors, max_iter=3, backend=backend)
    for _ in range(3):
        for mode in range(3):
            factors[mode] = reference.cp_mu_step(V, factors, mode, beta)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), reference.cp(factors), 1e-8)


@every_beta
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_ntd_takes_the_references_steps(beta, backend):
    V, factors = tensor() + 0.1, start(RANKS)
    core = np.random.default_rng(2).random(RANKS) + 0.1
    model = ntd(V, RANKS, beta=beta, init=[*factors, core], max_iter=3, backend=backend)
    for _ in range(3):
        for mode in range(3):
            factors[mode] = reference.tucker_mu_step(V, core, factors, mode, beta)
        core = reference.tucker_mu_step(V, core, factors, "core", beta)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-8)
    np.testing.assert_allclose(model.core, core, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), reference.tucker(core, factors))


def test_beta_divergence_is_the_reference_and_continuous_in_beta():
    rng = np.random.default_rng(0)
    V, Y = rng.random((20, 10)) + 0.1, rng.random((20, 10)) + 0.1
    for beta in BETAS:
        expected = reference.divergence(V, Y, beta)
        assert beta_divergence(V, Y, beta) == pytest.approx(expected)
        assert beta_divergence(V, Y, beta + 1e-7) == pytest.approx(expected, rel=1e-4)
        assert beta_divergence(V, V, beta) == 0
    V[0, 0] = 0
    assert np.isfinite(beta_divergence(V, Y, 1))
    assert beta_divergence(V, Y, 0) == np.inf
    assert beta_divergence(Y, V, 1) == np.inf


# ---- what holds for any data

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6))


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    shape=shapes,
    beta=st.sampled_from(BETAS) | st.integers(-15, 35).map(lambda tenths: tenths / 10),
    seed=st.integers(0, 2**31),
    zeros=st.sampled_from([0.0, 0.2]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_nmf_never_raises_the_divergence(shape, beta, seed, zeros, scale, backend):
    rng = np.random.default_rng(seed)
    V = scale * rng.gamma(0.5, 1, shape[:2])
    if beta >= 0.5:  # below, data with zeros is at an infinite distance, or nearly
        V[rng.random(V.shape) < zeros] = 0
    check_descent(nmf, V, shape[2], beta, seed, backend)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    beta=st.sampled_from(BETAS),
    seed=st.integers(0, 2**31),
    is_tucker=st.booleans(),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_tensor_models_never_raise_the_divergence(
    shape, beta, seed, is_tucker, backend
):
    V = np.random.default_rng(seed).gamma(0.5, 1, shape)
    if is_tucker:
        check_descent(ntd, V, (2, 3, 2), beta, seed, backend)
    else:
        check_descent(ncp, V, 3, beta, seed, backend)


def check_descent(factorize, V, rank, beta, seed, backend, **options):
    losses = []

    def record(_, model):
        losses.append(beta_divergence(V, model.reconstruct(), beta))

    factorize(
        V,
        rank,
        beta=beta,
        seed=seed,
        max_iter=12,
        callback=record,
        backend=backend,
        **options,
    )
    assert np.isfinite(losses[-1])
    scale = beta_divergence(V, np.full_like(V, V.mean() + 1e-300), beta) + V.sum()
    assert np.diff(losses).max() <= 1e-9 * (scale + losses[0])


@every_model
def test_hals_never_raises_the_divergence(name):
    losses = []

    def record(_, model):
        V = tensor().reshape(model.reconstruct().shape)
        losses.append(beta_divergence(V, model.reconstruct(), 2))

    run(name, tensor(), beta=2, update="hals", callback=record, seed=0)
    assert np.diff(losses).max() <= 1e-9 * losses[0]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_beta
def test_extreme_scales_change_nothing_but_the_scale(dtype, beta):
    V = matrix(dtype=dtype)
    expected = nmf(V, 3, beta=beta, seed=0, max_iter=30)
    powers = (-100, 60, 110) if dtype == "float32" else (-900, 500, 900)
    for power in powers:
        model = nmf(np.ldexp(V, power), 3, beta=beta, seed=0, max_iter=30)
        found = np.ldexp(model.templates.astype(float), -power) @ model.activations
        np.testing.assert_allclose(found, expected.reconstruct(), 1e-2, 1e-3)


@pytest.mark.parametrize(
    ("beta", "update", "n"),
    [
        (1, "mu", 2000),
        (1, "mu-extrapolated", 500),
        (1, "hals-mu", 300),
        (2, "hals", 300),
    ],
)
def test_exactly_factorable_data_is_recovered(beta, update, n):
    V = matrix()
    model = nmf(V, 3, beta=beta, update=update, seed=0, max_iter=n)
    error = np.linalg.norm(V - model.reconstruct()) / np.linalg.norm(V)
    assert error < 5e-3


@every_model
def test_faster_updates_are_faster(name):
    V = tensor().reshape(len(tensor()), -1) if name == "nmf" else tensor()
    plain, *fast = (
        run(name, V, beta=1, update=update, seed=0, max_iter=60).reconstruct()
        for update in ("mu", "mu-extrapolated", "hals-mu")
    )
    for model in fast:
        assert beta_divergence(V, model, 1) < beta_divergence(V, plain, 1)


@pytest.mark.parametrize("beta", [0, 0.5, 1, 2])
def test_weighted_hals_is_hals_on_scaled_data(beta):
    V = matrix() + 0.1
    rng = np.random.default_rng(1)
    W, H = rng.random((40, 5)), rng.random((5, 30))
    rows, columns = (V.mean(axis, keepdims=True) ** (beta / 2 - 1) for axis in (1, 0))
    update = HALSThenMU(n_hals=2, effort=0)
    found = []  # before zeros are lifted at the end

    def record(_, model):
        found[:] = model.templates.copy(), model.activations.copy()

    nmf(V, 5, beta=beta, init=(W, H), update=update, max_iter=2, callback=record)
    X, W, H = rows * V * columns, rows * W, H * columns
    for _ in range(2):
        H = reference.hals_sweep(X, W, H)
        W = reference.hals_sweep(X.T, H.T, W.T).T
    np.testing.assert_allclose(found[1], H / columns, 1e-8, 1e-10)
    np.testing.assert_allclose(found[0], W / rows, 1e-8, 1e-10)


# ---- what is asked for is kept


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_fixed_and_masked_entries_do_not_move(update, backend):
    V, rng = matrix(), np.random.default_rng(0)
    W = rng.random((40, 4))
    mask = rng.random((4, 30)) < 0.6
    model = nmf(
        V,
        4,
        beta=2,
        init=(W, None),
        fixed=("templates",),
        mask={"activations": mask},
        update=update,
        max_iter=25,
        seed=0,
        backend=backend,
    )
    np.testing.assert_array_equal(model.templates, W)
    assert (model.activations[~mask] == 0).all()
    assert (model.activations[mask] > 0).any()


def test_fixed_and_masked_blocks_of_tensor_models():
    V, factors = tensor(), start(RANKS)
    mask = np.arange(RANKS[0] * SIZES[0]).reshape(SIZES[0], RANKS[0]) % 2 == 0
    core = np.ones(RANKS)
    for update in UPDATES:
        model = ntd(
            V,
            RANKS,
            beta=2,
            init=[None, factors[1], None, core],
            fixed=(1, "core"),
            mask={0: mask},
            update=update,
        )
        np.testing.assert_array_equal(model.factors[1], factors[1])
        np.testing.assert_array_equal(model.core, core)
        assert (model.factors[0][~mask] == 0).all()
    model = ncp(V, 3, fixed=(0, 1, 2), init=start((3, 3, 3)))
    assert model.n_iter == 0
    np.testing.assert_array_equal(model.factors[2], start((3, 3, 3))[2])


@every_model
@pytest.mark.parametrize("init", INITIALISATIONS)
def test_starts_are_reproducible_and_usable(name, init):
    for V in (tensor(), np.ones((3, 2, 2)), np.zeros((3, 2, 2))):
        if name == "ntd" and V.shape == (3, 2, 2):
            options = {"max_iter": 2}
        else:
            options = {"max_iter": 5}
        one, two = (run(name, V, init=init, seed=3, **options) for _ in range(2))
        np.testing.assert_array_equal(one.templates, two.templates)
        np.testing.assert_array_equal(one.activations, two.activations)
        assert np.isfinite(one.reconstruct()).all()


@every_model
def test_the_data_is_left_as_it_was_and_dtype_kept(name):
    for dtype in ("float32", "float64", "int16", ">f4", "bool"):
        V = (10 * tensor()).astype("int16").astype(dtype)
        before = V.copy()
        model = run(name, V, seed=0, max_iter=3)
        np.testing.assert_array_equal(V, before)
        expected = np.float32 if dtype == "float32" else np.float64
        assert model.templates.dtype == expected
        assert model.activations.dtype == expected


@every_model
def test_layout_of_the_data_does_not_matter(name):
    V = tensor()
    padded = np.zeros([2 * n for n in V.shape])
    padded[::2, 1::2, ::2] = V
    reverse = np.ascontiguousarray(V[::-1, :, ::-1])[::-1, :, ::-1]
    expected = run(name, V, seed=0, max_iter=5).reconstruct()
    for view in (np.asfortranarray(V), padded[::2, 1::2, ::2], reverse):
        found = run(name, view, seed=0, max_iter=5).reconstruct()
        np.testing.assert_allclose(found, expected, 1e-10)


@every_model
def test_tensors_give_tensors_with_the_same_numbers(name):
    V = tensor()
    expected = run(name, V, seed=0, max_iter=5, beta=1)
    for backend in (None, "torch"):
        model = run(
            name, torch.from_numpy(V), seed=0, max_iter=5, beta=1, backend=backend
        )
        assert isinstance(model.templates, torch.Tensor)
        assert isinstance(model.activations, torch.Tensor)
        np.testing.assert_allclose(
            model.reconstruct().numpy(), expected.reconstruct(), 1e-10
        )


@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
def test_a_batch_is_factorized_matrix_by_matrix(backend):
    V = np.stack([matrix(seed=seed) for seed in range(3)])
    rng = np.random.default_rng(0)
    W, H = rng.random((3, 40, 4)), rng.random((3, 4, 30))
    for options in (
        {"beta": 1, "max_iter": 5},
        {"beta": 2, "max_iter": 5, "update": "hals"},
        {"beta": 1, "max_iter": 22, "update": "hals-mu"},
    ):
        batch = nmf(V, 4, init=(W, H), backend=backend, **options)
        for v, w, h, found in zip(V, W, H, batch.templates, strict=True):
            alone = nmf(v, 4, init=(w, h), **options)
            np.testing.assert_allclose(found, alone.templates, 1e-8, 1e-12)


@every_model
def test_a_factorization_offers_its_four_members(name):
    V = tensor()
    model = run(name, V, seed=0, max_iter=2)
    rank = 3
    assert model.templates.shape == (SIZES[0], rank)
    assert model.activations.shape == (rank, SIZES[1] * SIZES[2])
    np.testing.assert_allclose(
        model.templates @ model.activations,
        model.reconstruct().reshape(SIZES[0], -1),
    )
    expected = {
        NMF: 3 * (9 + 56),
        NCP: 3 * (9 + 8 + 7),
        NTD: 24 + 9 * 3 + 8 * 2 + 7 * 4,
    }
    assert model.n_parameters == expected[type(model)]


def test_any_order_of_tensor():
    rng = np.random.default_rng(0)
    for shape in ((6, 5), (6, 5, 4, 3), (3, 2, 4, 2, 3)):
        V = rng.random(shape)
        for beta in (1, 2):
            losses = []

            def record(_, model, V=V, beta=beta, losses=losses):
                losses.append(beta_divergence(V, model.reconstruct(), beta))

            ncp(V, 2, beta=beta, callback=record, seed=0, max_iter=10)
            ntd(V, [2] * V.ndim, beta=beta, callback=record, seed=0, max_iter=10)
            assert np.diff(losses[:10]).max() <= 1e-12
            assert np.diff(losses[10:]).max() <= 1e-12


# ---- stopping


def test_stopping_rules():
    V = matrix()
    assert nmf(V, 3, max_iter=0, seed=0).n_iter == 0
    assert nmf(V, 3, max_iter=7, seed=0).n_iter == 7
    assert nmf(V, 3, max_iter=10**6, max_time=0.01, seed=0).n_iter < 10**6
    assert nmf(V, 3, max_iter=10**6, tol=1e-3, seed=0).n_iter % 10 == 0
    assert nmf(V, 3, callback=lambda n, model: n == 4, seed=0).n_iter == 4


def noisy_product():
    """Data that weighted HALS fits with zeros, an infinite divergence away."""
    rng = np.random.default_rng(1)
    V = rng.gamma(0.4, 1, (60, 5)) @ rng.gamma(0.4, 1, (5, 80))
    return V * rng.gamma(4, 0.25, V.shape)


ENDS = {
    "tol": {"tol": 1e-4, "max_iter": 500},
    "a large tol": {"tol": 0.5, "max_iter": 500},
    "max_iter 1": {"max_iter": 1},
    "max_iter 20": {"max_iter": 20},
    "max_iter 21": {"max_iter": 21},
    "max_time": {"max_time": 0.0},
    "callback": {"callback": lambda n, model: n == 7},
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("beta", [-1, 0, 0.5, 1, 1.5, 2])
@pytest.mark.parametrize("update", ["mu-extrapolated", "hals-mu"])
def test_however_a_run_ends_it_is_no_worse_than_its_start(update, beta, end):
    V = noisy_product()
    options = {"beta": beta, "update": update, "seed": 0}
    start = nmf(V, 6, **options, max_iter=0).reconstruct()
    found = nmf(V, 6, **options, **ENDS[end]).reconstruct()
    assert beta_divergence(V, found, beta) <= beta_divergence(V, start, beta)


@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_a_good_start_is_not_forgotten_by_a_run_that_ends_early(beta):
    V = noisy_product()
    good = nmf(V, 6, beta=beta, update="mu-extrapolated", seed=0, max_iter=300)
    start = good.templates, good.activations
    found = nmf(V, 6, beta=beta, update="hals-mu", init=start, max_iter=2)
    before = beta_divergence(V, good.reconstruct(), beta)
    assert beta_divergence(V, found.reconstruct(), beta) <= before


@pytest.mark.parametrize("name", ["ncp", "ntd"])
@pytest.mark.parametrize("beta", [0, 1])
def test_tensor_models_end_finite_too(name, beta):
    V = tensor() * np.random.default_rng(0).gamma(1, 1, SIZES)
    for end in ENDS.values():
        found = run(name, V, beta=beta, update="hals-mu", seed=0, **end)
        start = run(name, V, beta=beta, seed=0, max_iter=0)
        assert beta_divergence(V, found.reconstruct(), beta) <= beta_divergence(
            V, start.reconstruct(), beta
        )


def test_tol_waits_for_the_end_of_hals_and_gets_near_the_minimum():
    V = noisy_product()
    options = {"update": "hals-mu", "seed": 0, "max_iter": 500}
    model = nmf(V, 6, tol=1e-4, **options)
    assert 20 < model.n_iter < 500
    best = beta_divergence(V, nmf(V, 6, **options).reconstruct())
    assert beta_divergence(V, model.reconstruct()) < 1.05 * best


# ---- what is refused

GOOD = np.ones((4, 5))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": -GOOD}, "V"),
        ({"V": GOOD * np.nan}, "V"),
        ({"V": GOOD * np.inf}, "V"),
        ({"V": GOOD[:0]}, "V"),
        ({"V": GOOD[0]}, "V"),
        ({"V": GOOD * 1j}, "V"),
        ({"V": [["a"]]}, "V"),
        ({"rank": 0}, "rank"),
        ({"rank": 1.5}, "rank"),
        ({"rank": True}, "rank"),
        ({"beta": "KL"}, "beta"),
        ({"beta": float("nan")}, "beta"),
        ({"beta": None}, "beta"),
        ({"init": "svd"}, "init"),
        ({"init": 3}, "init"),
        ({"init": (np.ones((4, 3)), None)}, "init's templates"),
        ({"init": (-np.ones((4, 2)), None)}, "init's templates"),
        ({"update": "newton"}, "update"),
        ({"update": "hals"}, "hals"),
        ({"fixed": "templates"}, "fixed"),
        ({"fixed": ("core",)}, "fixed"),
        ({"mask": GOOD}, "mask is ndarray; give a dict"),
        ({"mask": {"W": GOOD}}, "mask"),
        ({"mask": {"templates": GOOD}}, "mask"),
        ({"max_iter": -1}, "max_iter"),
        ({"tol": -1.0}, "tol"),
        ({"max_time": "1 s"}, "max_time"),
        ({"backend": "cuda"}, "backend"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        nmf(**{"V": GOOD, "rank": 2, **arguments})


def test_bad_arguments_of_tensor_models_are_named():
    V = tensor()
    for ranks in ((3, 2), 3, (3, 2, 0), None):
        with pytest.raises(ValueError, match="ranks"):
            ntd(V, ranks)
    for model, rank in ((ncp, 3), (ntd, RANKS)):
        with pytest.raises(ValueError, match="V has 1 axes"):
            model(V[0, 0], rank)
        with pytest.raises(ValueError, match="fixed"):
            model(V, rank, fixed=(3,))
        with pytest.raises(ValueError, match="init"):
            model(V, rank, init=[None, None])
