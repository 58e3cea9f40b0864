"""Source/filter NMF: its steps, descent, special cases, and what it finds."""

from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data, every_beta

from musaic_core.lowrank import (
    Smoothness,
    Sparsity,
    beta_divergence,
    nmf,
    source_filter_nmf,
)

RNG = np.random.default_rng(3)
SOURCES, BANDS = RNG.gamma(1, 1, (12, 5)), RNG.gamma(1, 1, (12, 4))
SHAPES = {
    "filters": (4, 2),
    "filter_activations": (2, 20),
    "source_activations": (5, 20),
    "templates": (12, 3),
    "activations": (3, 20),
}


def start(seed=1):
    rng = np.random.default_rng(seed)
    return {name: rng.random(shape) + 0.1 for name, shape in SHAPES.items()}


def run(V, **options):
    return source_filter_nmf(V, SOURCES, BANDS, 2, 3, **options)


def model_of(factors):
    G, A, E, W, H = factors.values()
    return (BANDS @ G @ A) * (SOURCES @ E) + W @ H


def factors_of(model):
    return {
        "filters": model.filters,
        "filter_activations": model.filter_activations,
        "source_activations": model.source_activations,
        "templates": model.accompaniment.templates,
        "activations": model.accompaniment.activations,
    }


# ---- the updates are what they are said to be


@every_beta
def test_the_steps_are_the_references(beta):
    V, factors = data() + 0.1, start()
    model = run(V, beta=beta, init=tuple(factors.values()), max_iter=2)
    order = (
        "activations",
        "templates",
        "source_activations",
        "filter_activations",
        "filters",
    )
    for name in 2 * order:
        seen = partial(lambda name, block: model_of(factors | {name: block}), name)
        factors[name] = reference.linear_mu_step(V, seen, factors[name], beta)
    for name, found in factors_of(model).items():
        np.testing.assert_allclose(found, factors[name], 1e-8)
    np.testing.assert_allclose(model.reconstruct(), model_of(factors), 1e-8)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    fixed=st.sets(st.sampled_from([*SHAPES]), max_size=4),
    dtype=st.sampled_from([np.float32, np.float64]),
    weighted=st.booleans(),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_the_divergence_never_rises(beta, fixed, dtype, weighted, seed, scale):
    V = (scale * data(seed=seed)).astype(dtype)
    weights = np.random.default_rng(seed).random(V.shape) if weighted else None
    model = run(
        V,
        beta=beta,
        fixed=fixed,
        data_weights=weights,
        seed=seed,
        max_iter=12,
        history=True,
    )
    level = beta_divergence(V, np.full_like(V, V.mean()), beta) + V.sum()
    precision = 1e-5 if dtype == np.float32 else 1e-9
    assert np.diff(model.history).max() <= precision * (level + model.history[0])


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_penalised_objectives_never_rise(beta):
    penalties = {
        "activations": [Sparsity(0.3), Smoothness(0.1)],
        "source_activations": Smoothness(0.3),
        "filters": Smoothness(0.3),
    }
    history = run(
        data(), beta=beta, penalties=penalties, seed=0, max_iter=12, history=True
    ).history
    assert np.diff(history).max() <= 1e-9 * history[0]
    model = run(data(), penalties=penalties, seed=0, max_iter=3)
    W, H = model.accompaniment.templates, model.accompaniment.activations
    expected = beta_divergence(data(), model.reconstruct())
    expected += 0.3 * (np.linalg.norm(W, axis=0) * H.sum(1)).sum()
    expected += Smoothness(0.1).value(H)
    expected += Smoothness(0.3).value(model.source_activations)
    expected += Smoothness(0.3).value(model.filters.T)
    np.testing.assert_allclose(model.objective, expected)


# ---- special cases


@every_beta
def test_without_a_voice_it_is_plain_nmf(beta):
    factors = start()
    W, H = factors["templates"], factors["activations"]
    silent = (None, None, np.zeros((5, 20)), W, H)
    for update in ("mu", "mu-extrapolated"):
        options = {"beta": beta, "update": update, "max_iter": 10}
        plain = nmf(data(), 3, init=(W, H), **options)
        model = run(data(), init=silent, seed=0, **options)
        np.testing.assert_allclose(model.reconstruct(), plain.reconstruct(), 1e-10)
        np.testing.assert_allclose(model.accompaniment.templates, plain.templates)


def test_flat_filters_and_no_accompaniment_are_nmf_with_the_sources_held():
    E = start()["source_activations"]
    model = source_filter_nmf(
        data(),
        SOURCES,
        np.ones((12, 1)),
        1,
        1,
        init=(np.ones((1, 1)), np.ones((1, 20)), E, None, np.zeros((1, 20))),
        fixed=("filters", "filter_activations"),
        max_iter=10,
        seed=0,
    )
    plain = nmf(data(), 5, init=(SOURCES, E), fixed=("templates",), max_iter=10)
    np.testing.assert_allclose(model.source_activations, plain.activations, 1e-10)
    np.testing.assert_allclose(model.templates[:, 1:], SOURCES)
    np.testing.assert_allclose(model.loudness()[1:], plain.loudness())


@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_the_data_changes_nothing_but_the_scale(beta, dtype):
    V = data().astype(dtype)
    expected = run(V, beta=beta, seed=0, max_iter=20).reconstruct()
    power = 60 if dtype == "float32" else 500
    model = run(np.ldexp(V, power), beta=beta, seed=0, max_iter=20)
    found = np.ldexp(model.reconstruct(), -power)
    np.testing.assert_allclose(found, expected, 1e-2, 1e-3)


# ---- what it finds


def test_a_voice_is_told_from_its_accompaniment():
    """Combs through two smooth filters, over chords of known spectra."""
    rng = np.random.default_rng(0)
    f = np.arange(120)
    sources = np.stack([(f % d == 0) * (f > 0) for d in range(5, 15)], axis=1) + 1e-6
    centres = np.linspace(0, 119, 8)
    bands = np.maximum(0, 1 - np.abs(f[:, None] - centres) / 17)
    pitches = rng.integers(0, 10, 60)
    E = np.zeros((10, 60))
    E[pitches, np.arange(60)] = rng.gamma(2, 1, 60)
    G = rng.gamma(0.5, 1, (8, 2))
    A = rng.dirichlet([0.3, 0.3], 60).T
    W = rng.gamma(0.2, 1, (120, 4))
    voice, rest = (bands @ G @ A) * (sources @ E), W @ rng.gamma(0.3, 0.3, (4, 60))
    model = source_filter_nmf(
        voice + rest + 1e-6,
        sources,
        bands,
        2,
        4,
        init=(None, None, None, W, None),
        fixed=("templates",),
        seed=0,
        update="mu-extrapolated",
        max_iter=300,
    )
    gains = np.repeat([0, 1], [4, 10])
    found = model.reconstruct(gains)
    assert np.linalg.norm(found - voice) < 0.1 * np.linalg.norm(voice)
    assert (model.loudness()[4:].argmax(0) == pitches).mean() > 0.9
    np.testing.assert_allclose(
        found + model.reconstruct(1 - gains), model.reconstruct()
    )


# ---- what is asked for is kept


def test_fixed_and_masked_entries_do_not_move():
    given, mask = start(), np.random.default_rng(0).random((5, 20)) < 0.5
    fixed = ("templates", "filters")
    init = [factor if name in fixed else None for name, factor in given.items()]
    model = run(
        data(), init=init, fixed=fixed, mask={"source_activations": mask}, max_iter=8
    )
    for name in fixed:
        np.testing.assert_array_equal(factors_of(model)[name], given[name])
    assert (model.source_activations[~mask] == 0).all()
    assert (model.source_activations[mask] > 0).all()
    assert model.n_parameters == sum(factor.size for factor in given.values())


@pytest.mark.parametrize("beta", BETAS)
def test_silence_and_single_precision_stay_finite(beta):
    V = data().astype(np.float32)
    V[:, :5] = 0
    V[3] = 0
    model = run(V, beta=beta, seed=0, max_iter=30)
    assert model.activations.dtype == np.float32
    for array in (model.reconstruct(), model.templates, model.loudness()):
        assert np.isfinite(array).all()
    assert np.isfinite(run(0 * V, beta=beta, seed=0).reconstruct()).all()


def test_tensors_give_tensors_with_the_same_numbers():
    expected = run(data(), seed=0, max_iter=5)
    model = run(torch.from_numpy(data()), seed=0, max_iter=5)
    for name in ("templates", "activations", "filters", "response"):
        assert isinstance(getattr(model, name), torch.Tensor)
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name), 1e-10)


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((12, 4, 5))}, "V has 3 axes"),
        ({"sources": np.ones((5, 4))}, "sources has shape"),
        ({"sources": -SOURCES}, "sources has negative"),
        ({"bands": np.ones(12)}, "bands has shape"),
        ({"bands": np.full((12, 2), np.nan)}, "bands has NaN"),
        ({"n_filters": 0}, "n_filters"),
        ({"rank": 0}, "rank"),
        ({"init": "nndsvd"}, "init"),
        ({"init": (None, None)}, "init"),
        ({"fixed": ("sources",)}, "fixed"),
        ({"update": "hals"}, "update"),
        ({"penalties": {"filters": Sparsity(1)}}, "penalties"),
        ({"penalties": {"source_activations": Sparsity(1)}}, "penalties"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    given = {"V": data(), "sources": SOURCES, "bands": BANDS, "n_filters": 2, "rank": 3}
    with pytest.raises(ValueError, match=named):
        source_filter_nmf(**given | arguments)
