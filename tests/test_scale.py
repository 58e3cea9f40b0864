"""The data's scale does not count: not in layers, not under penalties, not in masks."""

import numpy as np
import pytest
from problems import BETAS

from musaic_core.lowrank import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
    convex_nmf,
    convolutive_nmf,
    deep_ncp,
    deep_nmf,
    deep_ntd,
    filtered_nmf,
    harmonic_nmf,
    inharmonic_nmf,
    ncp,
    nmf,
    ntd,
)

RNG = np.random.default_rng(0)
MATRIX, TENSOR = RNG.gamma(0.5, 1, (9, 12)) + 1e-3, RNG.gamma(0.5, 1, (7, 6, 5)) + 1e-3
DICTIONARY = RNG.gamma(0.5, 1, (9, 5)) + 0.01


def penalised(kind, V, T, w, o):
    """Four models under a penalty; its weight grows with the data as it must."""
    weight = 0.3 * w(1 if kind is Sparsity else 0)
    yield nmf(V, 4, penalties={"templates": kind(weight)}, **o)
    yield ncp(T, 4, penalties={1: kind(weight)}, **o)
    yield ntd(T, (4, 3, 2), penalties={2: kind(weight)}, **o)
    yield convolutive_nmf(V, 3, 2, penalties={"activations": kind(weight)}, **o)


# Of c V, w(degree) is c^β over c^degree. A layer below a factor of sum 1 does not grow.
MODELS = {
    "deep nmf": lambda V, T, w, o: [deep_nmf(V, (6, 4, 2), **o)],
    "deep nmf, weights": lambda V, T, w, o: [
        deep_nmf(V, (6, 4, 2), weights=[0.5, 0.2], **o)
    ],
    "deep nmf, fixed": lambda V, T, w, o: [
        deep_nmf(
            V,
            (5, 2),
            init={"templates": DICTIONARY, "activations": V[:5] + V.mean()},
            fixed=("templates",),
            **o,
        )
    ],
    "deep nmf, data": lambda V, T, w, o: [deep_nmf(V, (6, 4), loss="data", **o)],
    "deep tensors, data": lambda V, T, w, o: [
        deep_ncp(T, 5, {0: (3, 2)}, loss="data", **o),
        deep_ntd(T, (4, 3, 3), {0: (2,), "core": (2,)}, loss="data", **o),
    ],
    "convex": lambda V, T, w, o: [
        convex_nmf(V, 4, **o),
        convex_nmf(V, 4, penalties={"activations": Sparsity(0.3 * w(0))}, **o),
        convex_nmf(V, 4, init="snpa", penalties={"mixing": Smoothness(w(0))}, **o),
    ],
    "deep ncp": lambda V, T, w, o: [deep_ncp(T, 5, {0: (3,), 2: (3,)}, **o)],
    "deep ncp, weights": lambda V, T, w, o: [
        deep_ncp(T, 5, {0: (3,), 2: (3,)}, weights={0: [0.3], 2: [0.2 * w(0)]}, **o)
    ],
    "deep ntd, weights": lambda V, T, w, o: [
        deep_ntd(
            T,
            (4, 3, 3),
            {0: (3,), "core": (2,)},
            weights={0: [0.3 * w(0)], "core": [0.2]},
            **o,
        )
    ],
    "deep nmf, penalties": lambda V, T, w, o: [
        deep_nmf(
            V,
            (6, 3),
            weights=[0.4],
            penalties={
                "templates": Orthogonality(0.3 * w(0)),
                "templates 2": Smoothness(0.2 * w(0)),
            },
            **o,
        )
    ],
}
MODELS |= {
    kind.__name__: lambda V, T, w, o, kind=kind: penalised(kind, V, T, w, o)
    for kind in (Sparsity, Smoothness, Orthogonality, MinimumVolume)
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("dtype", "accuracy"), [("float64", 1e-9), ("float32", 1e-3)])
def test_layers_and_penalties_do_not_see_the_scale(name, beta, dtype, accuracy):
    fits = []
    for power in (0, -66, 33, 66):  # from 1e-20 to 1e20
        c = 2.0**power
        V, T = (np.ldexp(X, power).astype(dtype) for X in (MATRIX, TENSOR))
        options = {"beta": beta, "seed": 0, "max_iter": 8}
        if name.startswith("deep"):
            options["start_iter"] = 3
        models = MODELS[name](V, T, lambda degree, c=c: c ** (beta - degree), options)
        fits.append(
            [np.ldexp(model.reconstruct().astype(float), -power) for model in models]
        )
    for found in fits[1:]:
        for mine, expected in zip(found, fits[0], strict=True):
            largest = expected.max()
            np.testing.assert_allclose(mine / largest, expected / largest, 0, accuracy)


@pytest.mark.parametrize("update", ["hals", "hals-mu"])
@pytest.mark.parametrize("backend", ["c", "numpy", "torch"])
@pytest.mark.parametrize("power", [-180, 0, 180])
def test_masked_entries_stay_zero_at_any_scale(update, backend, power):
    mask = np.random.default_rng(0).random((4, 12)) < 0.6
    seen = []

    def record(_, model):
        seen.append(np.abs(np.asarray(model.activations)[~mask]).max())

    model = nmf(
        np.ldexp(MATRIX, power),
        4,
        beta=2,
        update=update,
        mask={"activations": mask},
        max_iter=4,
        seed=0,
        callback=record,
        backend=backend,
    )
    assert seen == [0, 0, 0, 0]
    assert model.activations[mask].max() > 0


# ---- what is given besides the data

PATCHES, BANDS = RNG.gamma(0.5, 1, (9, 4, 2)) + 0.01, RNG.gamma(1, 1, (9, 3)) + 0.01
STRENGTHS = RNG.gamma(0.5, 1, (5, 12)) + 0.01
FIRST = {"fixed": ("templates",)}
# of factors that are multiplied with c, or with 1 / c where both are given
GIVEN = {
    "held": lambda V, T, c, o: nmf(V, 5, init=(c(DICTIONARY), None), **FIRST, **o),
    "sparse": lambda V, T, c, o: nmf(
        V,
        5,
        init=(c(DICTIONARY), None),
        penalties={"activations": Sparsity(0.1)},
        **FIRST,
        **o,
    ),
    "start": lambda V, T, c, o: nmf(V, 5, init=(c(DICTIONARY), c(STRENGTHS, -1)), **o),
    "ncp": lambda V, T, c, o: ncp(
        T, 5, init=[None, c(DICTIONARY[:6]), c(STRENGTHS.T[:5], -1)], fixed=(1,), **o
    ),
    "ntd": lambda V, T, c, o: ntd(
        T, (4, 4, 3), init=[None, None, None, c(PATCHES[:4, :, [0, 1, 1]])], **o
    ),
    "convolutive": lambda V, T, c, o: convolutive_nmf(
        V, 4, 2, init=(c(PATCHES), None), fixed=("patches",), **o
    ),
    "harmonic": lambda V, T, c, o: harmonic_nmf(V, c(PATCHES), **o),
    "inharmonic": lambda V, T, c, o: inharmonic_nmf(
        V, c(PATCHES[..., None]), c(np.ones((PATCHES.shape[1], 1))), **o
    ),
    "filtered": lambda V, T, c, o: filtered_nmf(V, c(PATCHES), c(BANDS), **o),
    "deep": lambda V, T, c, o: deep_nmf(
        V, (5, 2), init={"templates": c(DICTIONARY)}, start_iter=3, **FIRST, **o
    ),
    "deep, data": lambda V, T, c, o: deep_nmf(
        V,
        (5, 5),
        loss="data",
        init={"templates 2": c(DICTIONARY)},
        fixed=("templates 2",),
        start_iter=3,
        **o,
    ),
}


@pytest.mark.filterwarnings("ignore:the layer of")
@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize(("dtype", "accuracy"), [("float64", 1e-9), ("float32", 1e-3)])
def test_factors_that_are_given_may_be_of_any_size(name, dtype, accuracy):
    V, T = (X.astype(dtype) for X in (MATRIX, TENSOR))
    for beta in (-1, 0.5, 1, 2, 3):
        fits = []
        for power in (0, -66, 66):

            def c(U, sign=1, power=power):
                return np.ldexp(U, sign * power).astype(dtype)

            options = {"beta": beta, "seed": 0, "max_iter": 8, "history": True}
            fits.append(GIVEN[name](V, T, c, options))
            assert np.diff(fits[-1].history).max() <= 1e-5 * fits[-1].history[0]
            if name == "held":
                np.testing.assert_array_equal(fits[-1].templates, c(DICTIONARY))
        expected = fits[0].reconstruct()
        for model in fits[1:]:
            found = model.reconstruct()
            np.testing.assert_allclose(found, expected, 0, accuracy * expected.max())


@pytest.mark.parametrize("backend", ["c", "torch"])
@pytest.mark.parametrize("beta", [-1, 0, 2, 3])
@pytest.mark.parametrize("power", [-66, 66])
def test_a_start_that_is_far_too_small_or_large_is_left(backend, beta, power):
    W, H = (U.astype(np.float32) for U in (DICTIONARY, STRENGTHS))
    V = MATRIX.astype(np.float32)
    options = {"beta": beta, "backend": backend, "max_iter": 60, "history": True}
    model = nmf(V, 5, init=(np.ldexp(W, power), H), **options)
    plain = nmf(V, 5, init=(W, H), **options)
    assert np.isfinite(model.history[1:]).all()
    assert model.objective <= 1.5 * plain.objective


def test_a_fit_with_factors_of_any_size_goes_on():
    W = np.ldexp(DICTIONARY, 66).astype(np.float32)
    options = {"update": "mu-extrapolated", "fixed": ("templates",)}
    V = MATRIX.astype(np.float32)
    whole = nmf(V, 5, init=(W, None), seed=0, max_iter=20, **options)
    half = nmf(V, 5, init=(W, None), seed=0, max_iter=10, **options)
    options["update"] = half.update
    rest = nmf(V, 5, init=half, max_iter=10, **options)
    np.testing.assert_allclose(rest.activations, whole.activations, 1e-4)
