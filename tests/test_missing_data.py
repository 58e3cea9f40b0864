"""Weights and missing data: what is minimised, and what cannot have an influence."""

from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
import torch
from problems import BETAS, every_backend, every_beta

from musaic_core.lowrank import (
    OnlineNCP,
    OnlineNMF,
    OnlineNTD,
    Smoothness,
    Sparsity,
    beta_divergence,
    convex_nmf,
    convolutive_nmf,
    deep_ncp,
    deep_nmf,
    deep_ntd,
    filtered_nmf,
    harmonic_nmf,
    multilayer_nmf,
    ncp,
    nmf,
    ntd,
    orthogonal_nmf,
    semi_supervised_nmf,
    shift_invariant_nmf,
    source_filter_nmf,
)

SIZES = (9, 8, 7)
RANKS = (3, 2, 4)
BANDS = np.random.default_rng(5).gamma(1, 1, (9, 4, 3))

# each model of a matrix or tensor of nine rows
MATRIX_MODELS = {
    "nmf": partial(nmf, rank=3),
    "convolutive": partial(convolutive_nmf, rank=2, length=3),
    "shift_invariant": partial(shift_invariant_nmf, rank=2, shifts=[-1, 0, 2]),
    "harmonic": partial(harmonic_nmf, bands=BANDS),
    "filtered": partial(filtered_nmf, patches=BANDS, bands=BANDS[:, 0]),
    "source_filter": partial(
        source_filter_nmf, sources=BANDS[:, 0], bands=BANDS[:, 1], n_filters=2, rank=3
    ),
    "semi_supervised": partial(semi_supervised_nmf, held=BANDS[:, 0], rank=2),
    "convex": partial(convex_nmf, rank=3),
    "orthogonal": partial(orthogonal_nmf, rank=3),
    "multilayer": partial(multilayer_nmf, ranks=(4, 2)),
    "deep_nmf": partial(deep_nmf, ranks=(4, 2), weights=[0.5], start_iter=3),
    "deep_nmf data": partial(deep_nmf, ranks=(4, 2), loss="data", start_iter=3),
}
TENSOR_MODELS = {
    "ncp": partial(ncp, rank=3),
    "ntd": partial(ntd, ranks=RANKS),
    "deep_ncp": partial(
        deep_ncp, rank=3, layers={1: (2,)}, weights={1: [0.5]}, start_iter=3
    ),
    "deep_ntd": partial(
        deep_ntd, ranks=RANKS, layers={0: (2,)}, weights={0: [0.5]}, start_iter=3
    ),
    "deep_ntd data": partial(
        deep_ntd, ranks=RANKS, layers={0: (2,), "core": (2,)}, loss="data", start_iter=3
    ),
}
MODELS = MATRIX_MODELS | TENSOR_MODELS
LAYERED = "deep_nmf", "deep_ncp", "deep_ntd"  # with a loss on the layers

every_model = pytest.mark.parametrize("name", MODELS)


def data(name="ncp", seed=0, missing=0.3):
    """Positive data that suits the model, and weights some of which are zero."""
    rng = np.random.default_rng(seed)
    V = rng.gamma(0.7, 1, SIZES) + 0.01
    weights = rng.gamma(1, 1, SIZES) * (rng.random(SIZES) >= missing)
    if name in MATRIX_MODELS or name == "matrix":
        V, weights = V.reshape(9, -1), weights.reshape(9, -1)
    return V, weights


def start(*shapes, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) + 0.1 for shape in shapes]


# ---- the updates are those of the weighted divergence


@every_beta
@every_backend
def test_nmf_takes_the_weighted_references_steps(beta, backend):
    V, w = data("nmf")
    W, H = start((9, 3), (3, 56))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = nmf(V, 3, init=(W, H), max_iter=3, **options)
    for _ in range(3):
        H = reference.mu_step(V, W, H, beta, weights=w)
        W = reference.mu_step(V.T, H.T, W.T, beta, weights=w.T).T
    np.testing.assert_allclose(model.activations, H, 1e-9)
    np.testing.assert_allclose(model.templates, W, 1e-9)


@every_beta
@every_backend
def test_ncp_takes_the_weighted_references_steps(beta, backend):
    V, w = data()
    factors = start(*((n, 3) for n in SIZES))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = ncp(V, 3, init=factors, max_iter=2, **options)
    for _ in range(2):
        for mode in range(3):
            factors[mode] = reference.cp_mu_step(V, factors, mode, beta, w)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-9)


@every_beta
@every_backend
def test_ntd_takes_the_weighted_references_steps(beta, backend):
    V, w = data()
    *factors, core = start(*zip(SIZES, RANKS, strict=True), RANKS)
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = ntd(V, RANKS, init=[*factors, core], max_iter=2, **options)
    for _ in range(2):
        for mode in range(3):
            factors[mode] = reference.tucker_mu_step(V, core, factors, mode, beta, w)
        core = reference.tucker_mu_step(V, core, factors, "core", beta, w)
    for found, expected in zip(model.factors, factors, strict=True):
        np.testing.assert_allclose(found, expected, 1e-9)
    np.testing.assert_allclose(model.core, core, 1e-9)


@every_beta
@every_backend
def test_convolutive_nmf_takes_the_weighted_references_steps(beta, backend):
    V, w = data("convolutive")
    W, H = start((9, 2, 3), (2, 56))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = convolutive_nmf(V, 2, 3, init=(W, H), max_iter=2, **options)
    for _ in range(2):
        model_of = partial(reference.convolution, W)
        H = reference.linear_mu_step(V, model_of, H, beta, w)
        model_of = partial(lambda patches, H: reference.convolution(patches, H), H=H)
        W = reference.linear_mu_step(V, model_of, W, beta, w)
    np.testing.assert_allclose(model.activations, H, 1e-9)
    np.testing.assert_allclose(model.patches, W, 1e-9)


@every_beta
@every_backend
def test_harmonic_nmf_takes_the_weighted_references_steps(beta, backend):
    V, w = data("harmonic")
    E, H = start((4, 3), (4, 56))
    options = {"beta": beta, "backend": backend, "data_weights": w}
    model = harmonic_nmf(V, BANDS, init=(E, H), max_iter=2, **options)
    for _ in range(2):
        W = (BANDS * E).sum(-1)
        H = reference.mu_step(V, W, H, beta, weights=w)
        model_of = partial(lambda E, H: (BANDS * E).sum(-1) @ H, H=H)
        E = reference.linear_mu_step(V, model_of, E, beta, w)
    np.testing.assert_allclose(model.activations, H, 1e-9)
    np.testing.assert_allclose(model.envelope, E, 1e-9)


def left(V, Y, beta, weights=None):
    """The divergence where neither is zero, nor so small that powers of it vanish."""
    return beta_divergence(np.maximum(V, 1e-50), np.maximum(Y, 1e-50), beta, weights)


def gaps(name, seed=0):
    """Data that a model of that rank explains up to noise, and a mask of 0 and 1."""
    rng = np.random.default_rng(seed)
    sizes = (30, 40) if name == "nmf" else (14, 12, 10)
    model = MODELS[name](rng.random(sizes), max_iter=0, seed=seed)
    V = model.reconstruct() * rng.gamma(20, 1 / 20, sizes)
    return V, 1.0 * (rng.random(sizes) < 0.8)


def objective(V, w, beta, model):
    """With the layer below at weight 0.5, where the model is compared with one."""
    total = left(V, model.reconstruct(), beta, w)
    if not hasattr(model, "below") or model.tied:
        return total
    if isinstance(model.below, list):
        pairs = [(model.templates, model.below[0])]
    else:
        pairs = [(model.factors[n], layers[0]) for n, layers in model.below.items()]
    return total + sum(0.5 * left(U, layer.reconstruct(), beta) for U, layer in pairs)


@every_beta
@pytest.mark.parametrize(
    "name", [n for n in MODELS if n != "multilayer"]
)  # which has none
def test_the_weighted_objective_never_rises(name, beta):
    V, w = data(name)
    found = []

    def note(iteration, model):
        found.append(objective(V, w, beta, model))

    MODELS[name](V, data_weights=w, beta=beta, seed=0, max_iter=25, callback=note)
    rises = np.diff(found) / found[0]
    assert rises.max() < 1e-10
    assert found[-1] < found[0]


@pytest.mark.parametrize("penalty", [Sparsity(0.1), Smoothness(0.1)])
@every_beta
def test_the_weighted_and_penalised_objective_never_rises(beta, penalty):
    V, w = data("nmf")
    found = []

    def note(iteration, model):
        H = model.activations
        if isinstance(penalty, Sparsity):
            H = H * (model.templates**2).sum(0)[:, None] ** 0.5
            value = penalty.weight * H.sum()
        else:
            value = penalty.value(H)
        found.append(left(V, model.reconstruct(), beta, w) + value)

    penalties = {"activations": penalty}
    options = {"data_weights": w, "penalties": penalties, "callback": note}
    nmf(V, 3, beta=beta, seed=0, max_iter=25, **options)
    assert np.diff(found).max() < 1e-10 * found[0]


@pytest.mark.parametrize("name", ["nmf", "ncp", "ntd"])
@pytest.mark.parametrize("make", [data, gaps])
def test_hals_lowers_weighted_squares_at_every_iteration(name, make):
    V, w = make(name)
    found = []

    def note(iteration, model):
        found.append(beta_divergence(V, model.reconstruct(), 2, w))

    options = {"data_weights": w, "beta": 2, "seed": 0, "callback": note}
    MODELS[name](V, update="hals", max_iter=100, **options)
    assert np.diff(found).max() < 1e-10 * found[0]


@pytest.mark.parametrize("name", ["nmf", "ncp", "ntd"])
@pytest.mark.parametrize("beta", [0.5, 1, 1.5, 2])
@pytest.mark.parametrize("update", ["mu-extrapolated", "hals-mu"])
def test_faster_updates_end_no_higher_than_the_multiplicative_one(name, beta, update):
    V, w = gaps(name)
    options = {"data_weights": w, "beta": beta, "seed": 0, "max_iter": 100}
    slow, fast = (
        left(V, MODELS[name](V, update=u, **options).reconstruct(), beta, w)
        for u in ("mu", update)
    )
    assert fast < 1.05 * slow


@pytest.mark.parametrize("update", ["mu", "mu-extrapolated", "hals-mu"])
def test_backends_agree_on_weighted_data(update):
    for name in ("nmf", "ncp", "ntd"):
        V, w = data(name)
        options = {"data_weights": w, "update": update, "seed": 0, "max_iter": 30}
        first, *others = (
            MODELS[name](V, backend=backend, **options).reconstruct()
            for backend in ("c", "numpy", "torch")
        )
        for other in others:
            np.testing.assert_allclose(other, first, 1e-6, 1e-12)


# ---- what weights mean


@every_beta
@every_model
def test_weights_of_one_change_nothing(name, beta):
    V, _ = data(name)
    options = {"beta": beta, "seed": 0, "max_iter": 5}
    if beta == 1 and name in LAYERED:
        # sums are kept by another step where the gradient's part Q is no column
        options["max_iter"] = 100
        plain, weighted = (
            objective(V, None, beta, MODELS[name](V, data_weights=w, **options))
            for w in (None, np.ones(V.shape))
        )
        assert weighted == pytest.approx(plain, rel=0.01)
        return
    plain = MODELS[name](V, **options)
    weighted = MODELS[name](V, data_weights=np.ones(V.shape), **options)
    np.testing.assert_allclose(
        weighted.reconstruct(), plain.reconstruct(), 1e-11, 1e-13
    )


@every_beta
def test_a_column_of_weight_two_is_that_column_twice(beta):
    V, _ = data("nmf")
    W, H = start((9, 3), (3, 56))
    counts = np.random.default_rng(2).integers(0, 4, 56)
    options = {"beta": beta, "max_iter": 10}
    weighted = nmf(V, 3, init=(W, H), data_weights=counts, **options)
    repeated = [np.repeat(array, counts, -1) for array in (V, H)]
    expected = nmf(repeated[0], 3, init=(W, repeated[1]), **options)
    np.testing.assert_allclose(weighted.templates, expected.templates, 1e-9)


@every_beta
@pytest.mark.parametrize("name", ["ncp", "ntd"])
def test_a_slice_of_weight_two_is_that_slice_twice(name, beta):
    V, _ = data()
    ranks = RANKS if name == "ntd" else (3, 3, 3)
    factors = start(*zip(SIZES, ranks, strict=True))
    core = start(RANKS, seed=2) if name == "ntd" else []
    counts = np.array([0, 1, 2, 3, 1, 2, 1])
    options = {"beta": beta, "max_iter": 5}
    weighted = MODELS[name](V, init=factors + core, data_weights=counts, **options)
    factors[2] = np.repeat(factors[2], counts, 0)
    V = np.repeat(V, counts, -1)
    expected = MODELS[name](V, init=factors + core, **options)
    for mode in (0, 1):
        np.testing.assert_allclose(weighted.factors[mode], expected.factors[mode], 1e-9)


STARTED_AT_RANDOM = (
    *("harmonic", "filtered", "source_filter", "semi_supervised", "convex"),
    "shift_invariant",
)


@pytest.mark.parametrize(
    ("name", "init"),
    [(name, "random") for name in MODELS]
    + [
        (n, i) for n in MODELS if n not in STARTED_AT_RANDOM for i in ("nndsvd", "data")
    ],
)
def test_what_is_missing_has_no_influence(name, init):
    V, w = data(name)
    options = {"init": init, "seed": 0, "max_iter": 3}
    expected = MODELS[name](V, data_weights=w, **options).reconstruct()
    for anything in (0.0, 1e30, -5.0, np.nan, np.inf):
        other = np.where(w > 0, V, anything)
        found = MODELS[name](other, data_weights=w, **options).reconstruct()
        np.testing.assert_array_equal(found, expected)
    assert np.isfinite(expected).all()


@every_model
def test_nan_and_masked_arrays_are_weights_of_zero(name):
    V, w = data(name)
    options = {"seed": 0, "max_iter": 3}
    expected = MODELS[name](V, data_weights=w > 0, **options).reconstruct()
    with_nan = np.where(w > 0, V, np.nan)
    found = MODELS[name](with_nan, missing="nan", **options).reconstruct()
    np.testing.assert_array_equal(found, expected)
    masked = np.ma.masked_array(V, w == 0)
    found = MODELS[name](masked, **options).reconstruct()
    np.testing.assert_array_equal(found, expected)


def test_nan_mask_and_weights_add_up():
    V, w = data("nmf")
    V[0, 0], masked = np.nan, np.ma.masked_array(V, V > 2)
    found = nmf(masked, 3, data_weights=w, missing="nan", seed=0)
    left = w * (V <= 2)
    expected = nmf(np.nan_to_num(V), 3, data_weights=left, seed=0)
    np.testing.assert_array_equal(found.templates, expected.templates)


@every_model
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weighted_fits_follow_the_scale_of_the_data_and_not_of_the_weights(name, dtype):
    V, w = data(name)
    V = V.astype(dtype)
    options = {"seed": 0, "max_iter": 5}
    expected = MODELS[name](V, data_weights=w, **options).reconstruct()
    rtol = 2e-4 if dtype == "float32" else 1e-10
    if name != "deep_ntd":  # whose core has the scale, and which compares a mode
        found = MODELS[name](V * 2.0**20, data_weights=w, **options).reconstruct()
        np.testing.assert_allclose(found / 2.0**20, expected, rtol)
    if name in LAYERED:
        return  # the layers would weigh more or less
    found = MODELS[name](V, data_weights=w * 1e6, **options).reconstruct()
    np.testing.assert_allclose(found, expected, rtol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("beta", [0, 1, 2])
def test_extreme_data_with_gaps_is_fitted(beta, dtype):
    V, w = data("nmf")
    expected = nmf(V.astype(dtype), 3, data_weights=w, beta=beta, seed=0).reconstruct()
    for scale in (2.0**-66, 2.0**66):
        scaled = (V * scale).astype(dtype)
        found = nmf(scaled, 3, data_weights=w, beta=beta, seed=0).reconstruct()
        np.testing.assert_allclose(found / scale, expected, 5e-3)


@every_backend
def test_each_matrix_of_a_batch_has_its_own_weights(backend):
    rng = np.random.default_rng(0)
    V, w = rng.gamma(1, 1, (2, 3, 9, 8)), rng.gamma(1, 1, (2, 3, 9, 8))
    w[rng.random(w.shape) < 0.3] = 0
    W, H = start((2, 3, 9, 2), (2, 3, 2, 8))
    options = {"max_iter": 5, "backend": backend}
    for beta, update in ((0, "mu"), (1, "mu"), (2, "hals"), (1, "hals-mu")):
        options |= {"beta": beta, "update": update}
        batch = nmf(V, 2, init=(W, H), data_weights=w, **options)
        for index in np.ndindex(2, 3):
            alone = nmf(
                V[index], 2, init=(W[index], H[index]), data_weights=w[index], **options
            )
            np.testing.assert_allclose(batch.templates[index], alone.templates, 1e-6)


def test_weights_broadcast_and_follow_the_layout_of_the_data():
    V, _ = data("nmf")
    rows = np.random.default_rng(3).gamma(1, 1, (9, 1))
    expected = nmf(V, 3, data_weights=rows + 0 * V, seed=0, max_iter=5)
    found = nmf(np.asfortranarray(V), 3, data_weights=rows, seed=0, max_iter=5)
    np.testing.assert_allclose(found.templates, expected.templates, 1e-10)


def test_tensors_of_pytorch_have_weights_too():
    V, w = data("nmf")
    expected = nmf(V, 3, data_weights=w, seed=0, max_iter=5).templates
    for weights in (w, torch.tensor(w)):
        found = nmf(torch.tensor(V), 3, data_weights=weights, seed=0, max_iter=5)
        assert isinstance(found.templates, torch.Tensor)
        np.testing.assert_allclose(found.templates, expected, 1e-9)
    with_nan = torch.tensor(np.where(w > 0, V, np.nan))
    found = nmf(with_nan, 3, missing="nan", seed=0, max_iter=5).templates
    expected = nmf(V, 3, data_weights=w > 0, seed=0, max_iter=5).templates
    np.testing.assert_allclose(found, expected, 1e-9)


def test_tol_stops_by_the_weighted_objective():
    rng = np.random.default_rng(0)
    V = rng.gamma(1, 1, (20, 2)) @ rng.gamma(1, 1, (2, 30))
    w = rng.random(V.shape) < 0.7
    V[~w] = 1e6
    model = nmf(V, 2, data_weights=w, seed=0, tol=1e-5, max_iter=3000)
    assert model.n_iter < 3000
    start = nmf(V, 2, data_weights=w, seed=0, max_iter=0)
    left, begun = (beta_divergence(V, m.reconstruct(), 1, w) for m in (model, start))
    assert left < 1e-2 * begun


def test_missing_entries_are_found_again():
    rng = np.random.default_rng(0)
    V = rng.gamma(0.5, 1, (30, 2)) @ rng.gamma(0.5, 1, (2, 40))
    hidden = rng.random(V.shape) < 0.4
    for update in ("mu-extrapolated", "hals-mu"):
        with_gaps = np.where(hidden, np.nan, V)
        how = {"missing": "nan", "update": update, "seed": 0, "max_iter": 1000}
        found = nmf(with_gaps, 2, beta=1, **how).reconstruct()
        error = np.linalg.norm((found - V)[hidden]) / np.linalg.norm(V[hidden])
        assert error < 1e-3


def test_what_no_entry_tells_about_stays_finite():
    V, w = data("nmf")
    w[:, 3] = w[5] = 0
    for beta in BETAS:
        for update in ("mu", "mu-extrapolated"):
            model = nmf(V, 3, data_weights=w, beta=beta, update=update, seed=0)
            assert np.isfinite(model.reconstruct()).all()


# ---- the divergence, and what is refused


@every_beta
def test_the_weighted_divergence_is_the_reference(beta):
    V, w = data("nmf")
    Y = V + np.random.default_rng(1).random(V.shape)
    expected = reference.divergence(V, Y, beta, w)
    assert beta_divergence(V, Y, beta, w) == pytest.approx(expected)
    V[w == 0], Y[w == 0] = np.nan, 0
    assert beta_divergence(V, Y, beta, w) == pytest.approx(expected)
    with pytest.raises(ValueError, match="weights has shape"):
        beta_divergence(V, Y, beta, w[:, 1:])


def test_arguments_that_do_not_fit_are_refused():
    V, w = data("nmf")
    with_nan = np.where(w > 0, V, np.nan)
    refused = [
        ("V has NaN entries; give missing='nan'", with_nan, {}),
        ("V has NaN entries whose weights", with_nan, {"data_weights": w + 1}),
        ("missing is 'zero'", V, {"missing": "zero"}),
        ("data_weights has shape", V, {"data_weights": w[:, 1:]}),
        ("data_weights has shape", V, {"data_weights": np.ones((2, 9, 56))}),
        ("data_weights has negative", V, {"data_weights": -w}),
        ("data_weights has negative, NaN", V, {"data_weights": w * np.nan}),
        ("data_weights has dtype", V, {"data_weights": w.astype(str)}),
        ("V has no entry that counts", V, {"data_weights": 0 * w}),
        ("V has no entry that counts", V * np.nan, {"missing": "nan"}),
        ("V has negative entries", -V, {"data_weights": w}),
        ("V has NaN or infinite", V + np.inf, {"data_weights": w}),
    ]
    for message, array, options in refused:
        with pytest.raises(ValueError, match=message):
            nmf(array, 3, **options)


# ---- learning from a stream


@pytest.mark.parametrize(
    "make", [partial(OnlineNMF, 3), partial(OnlineNCP, 3), partial(OnlineNTD, RANKS)]
)
def test_online_models_learn_from_what_is_there(make):
    V, w = data("nmf" if make.func is OnlineNMF else "ncp")

    def learned(*batch):
        model = make(seed=0)
        for _ in range(3):
            model.partial_fit(*batch)
        return model.templates

    ones = np.ones(V.shape)
    np.testing.assert_allclose(learned(V, ones), learned(V), 1e-9)
    expected = learned(V, w)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(learned(np.where(w > 0, V, np.nan), w), expected)
    assert abs(expected - learned(V)).max() > 1e-3


def test_online_nmf_finds_templates_through_gaps():
    rng = np.random.default_rng(0)
    W = rng.gamma(0.3, 1, (20, 3)) + 1e-3
    online = OnlineNMF(3, seed=0)
    for _ in range(60):
        V = W @ rng.gamma(0.3, 1, (3, 30))
        shown = rng.random(V.shape) < 0.7
        online.partial_fit(np.where(shown, V, 1e3), shown)
    found, W = online.templates, W / W.sum(0)
    cosines = (W / np.linalg.norm(W, axis=0)).T @ (
        found / np.linalg.norm(found, axis=0)
    )
    assert cosines.max(1).min() > 0.95


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_online_nmf_fills_what_is_missing(beta):
    rng = np.random.default_rng(0)
    V = rng.random((20, 3)) ** 3 @ rng.random((3, 400)) ** 3
    gone = rng.random(V.shape) < 0.3
    shown = np.where(gone, np.nan, V)
    online = OnlineNMF(3, beta=beta, seed=0, missing="nan")
    online.fit([shown[:, :200], shown[:, 200:]], n_epochs=20)
    filled = online.transform(shown).reconstruct()
    assert abs(filled - V)[gone].mean() < 0.05 * V.mean()
    with pytest.raises(ValueError, match="missing='nan'"):
        OnlineNMF(3, seed=0).fit([shown])


@pytest.mark.parametrize(
    "make", [partial(OnlineNMF, 3), partial(OnlineNCP, 3), partial(OnlineNTD, RANKS)]
)
@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_online_models_follow_the_scale_of_the_data(make, scale):
    V, w = data("nmf" if make.func is OnlineNMF else "ncp")
    expected, found = (
        make(seed=0).partial_fit(c * V, w).transform(c * V, data_weights=w)
        for c in (1, scale)
    )
    np.testing.assert_allclose(
        found.reconstruct() / scale, expected.reconstruct(), 1e-6
    )
