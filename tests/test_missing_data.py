"""Weights and missing data: what they mean, and what cannot have an influence."""

from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
import torch
from problems import BETAS, every_backend, every_beta
from weighted_models import (
    LAYERED,
    MODELS,
    RANKS,
    SIZES,
    data,
    every_model,
    objective,
    start,
)

from musaic_core.lowrank import OnlineNCP, OnlineNMF, OnlineNTD, beta_divergence, nmf

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
    *(
        "harmonic",
        "inharmonic",
        "filtered",
        "source_filter",
        "semi_supervised",
        "convex",
    ),
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
