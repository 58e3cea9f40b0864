"""Convolutive, harmonic and filtered NMF: steps, descent, and what they refuse.

Descent is that of inharmonic NMF too.
"""

from functools import partial
from itertools import combinations

import numpy as np
import pytest
import reference_factorization as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data, every_backend, every_beta
from structured_models import (
    FACTORS,
    FIRST,
    bands,
    dictionary,
    every_name,
    first_of,
    model_of,
    model_with,
    run,
    start,
)

from musaic_core.lowrank import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    filtered_nmf,
    harmonic_nmf,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.structured.convolutive import ConvolutiveProblem
from musaic_core.lowrank.structured.filtered import FilteredProblem
from musaic_core.lowrank.structured.harmonic import HarmonicProblem
from musaic_core.lowrank.updates import ExtrapolatedMU

# ---- the updates are what they are said to be


@every_name
@every_beta
@every_backend
def test_the_steps_are_the_references(name, beta, backend):
    V = data() + 0.1
    first, H = start(name)
    model = run(name, V, beta=beta, init=(first, H), max_iter=3, backend=backend)
    step = reference.linear_mu_step
    for _ in range(3):
        H = step(V, partial(model_of, name, first), H, beta)
        first = step(V, partial(model_with, name, H), first, beta)
    np.testing.assert_allclose(model.activations, H, 1e-8)
    np.testing.assert_allclose(first_of(name, model), first, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), model_of(name, first, H), 1e-8)


# each model with each choice of factors that are held, but for all of them
HELD = [
    (name, held)
    for name, factors in FACTORS.items()
    for number in range(len(factors))
    for held in combinations(factors, number)
]


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    held=st.sampled_from(HELD),
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    masked=st.booleans(),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_the_divergence_never_rises(held, beta, masked, seed, scale, backend):
    V, (name, fixed) = scale * data((9, 14), seed), held
    mask = {"activations": np.random.default_rng(seed).random((4, 14)) < 0.9}
    losses = []

    def record(_, model):
        Y = np.maximum(model.reconstruct(), 1e-40 * scale)
        losses.append(beta_divergence(V, Y, beta))

    run(
        name,
        V,
        beta=beta,
        fixed=fixed,
        mask=mask if masked and beta > 0 else None,
        seed=seed,
        max_iter=12,
        callback=record,
        backend=backend,
    )
    level = beta_divergence(V, np.full_like(V, V.mean()), beta) + V.sum()
    assert np.diff(losses).max() <= 1e-9 * (level + losses[0])


@every_name
@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize("kind", [Sparsity, Smoothness, Orthogonality, MinimumVolume])
@pytest.mark.parametrize("block", ["first", "activations"])
def test_penalised_objectives_never_rise(name, beta, kind, block):
    V, penalty, found = data(), kind(0.3), []

    def record(_, model):
        first, H = first_of(name, model), model.activations
        if name == "convolutive":
            first = first.transpose(1, 2, 0).reshape(4, -1)
        elif name == "filtered":
            first = first[None]
        if kind is Sparsity:
            norms = (1, 2) if block == "first" else (2, 1)
            lengths = [
                np.linalg.norm(factor, norm, axis=1)
                for factor, norm in zip((first, H), norms, strict=True)
            ]
            value = 0.3 * (lengths[0] * lengths[1]).sum()
        else:
            value = penalty.value(first if block == "first" else H)
        found.append(beta_divergence(V, model.reconstruct(), beta) + value)

    penalties = {FIRST[name] if block == "first" else block: penalty}
    run(name, V, beta=beta, penalties=penalties, seed=0, max_iter=12, callback=record)
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


@every_name
@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_the_data_changes_nothing_but_the_scale(name, beta, dtype):
    V = data().astype(dtype)
    expected = run(name, V, beta=beta, seed=0, max_iter=20).reconstruct()
    for power in (-100, 60) if dtype == "float32" else (-900, 500):
        model = run(name, np.ldexp(V, power), beta=beta, seed=0, max_iter=20)
        H = np.ldexp(model.activations.astype(float), -power)
        first = first_of(name, model).astype(float)
        found = model_of(name, first, H)
        np.testing.assert_allclose(found, expected, 1e-2, 1e-3)


# ---- what is asked for is kept


@every_name
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
@every_backend
def test_fixed_and_masked_entries_do_not_move(name, update, backend):
    V, (first, H) = data(), start(name)
    mask = np.random.default_rng(0).random(H.shape) < 0.7
    first_mask = np.random.default_rng(0).random(first.shape) < 0.7
    options = {"update": update, "seed": 0, "max_iter": 8, "backend": backend}
    model = run(
        name,
        V,
        init=(first, None),
        fixed=(FIRST[name],),
        mask={"activations": mask},
        **options,
    )
    np.testing.assert_array_equal(first_of(name, model), first)
    assert (model.activations[~mask] == 0).all()
    assert (model.activations[mask] > 0).any()
    model = run(
        name,
        V,
        init=(None, H),
        fixed=("activations",),
        mask={FIRST[name]: first_mask},
        **options,
    )
    np.testing.assert_array_equal(model.activations, H)
    assert (first_of(name, model)[~first_mask] == 0).all()
    assert (first_of(name, model)[first_mask] > 0).any()


@every_name
@every_beta
def test_silence_and_single_precision_stay_finite(name, beta):
    V = data().astype(np.float32)
    V[:, :5] = 0
    V[3] = 0
    model = run(name, V, beta=beta, seed=0, max_iter=30)
    assert model.activations.dtype == np.float32
    assert np.isfinite(model.reconstruct()).all()
    assert np.isfinite(run(name, 0 * V, beta=beta, seed=0).reconstruct()).all()


@every_name
def test_single_precision_is_near_double_precision(name):
    V = data()
    expected = run(name, V, seed=0, max_iter=20).reconstruct()
    found = run(name, V.astype(np.float32), seed=0, max_iter=20).reconstruct()
    np.testing.assert_allclose(found, expected, 1e-3, 1e-4)


@every_name
def test_tensors_give_tensors_with_the_same_numbers(name):
    expected = run(name, data(), seed=0, max_iter=5).reconstruct()
    for backend in (None, "torch"):
        V = torch.from_numpy(data())
        model = run(name, V, seed=0, max_iter=5, backend=backend)
        for array in (model.templates, model.activations, first_of(name, model)):
            assert isinstance(array, torch.Tensor)
        np.testing.assert_allclose(model.reconstruct(), expected, 1e-10)


@every_name
@pytest.mark.parametrize("beta", [0, 1, 2])
def test_no_iteration_on_a_device_waits_for_the_host(name, beta):
    # tensors without data: whatever asks for a number of theirs raises
    device = torch.device("meta")
    first, H = (torch.empty(a.shape, device=device) for a in start(name))
    V = torch.empty((12, 20), device=device)
    blocks = {FIRST[name]: first, "activations": H}
    common = V, blocks, {}, BetaDivergence(beta, 1e-6), ArrayKernels()
    if name == "convolutive":
        state = ConvolutiveProblem(*common)
    elif name == "filtered":
        patches, responses = dictionary()
        state = FilteredProblem(*common, patches=patches, bands=responses)
    else:
        state = HarmonicProblem(*common, bands=bands())
    rule = ExtrapolatedMU()
    for _ in range(3):
        for block in blocks:
            rule(state, block)
            state.moved(block)


@every_name
def test_the_shared_run_stops_and_repeats(name):
    V = data()
    one, two = (run(name, V, seed=3, max_iter=9) for _ in range(2))
    np.testing.assert_array_equal(one.activations, two.activations)
    assert one.n_iter == 9
    assert run(name, V, seed=0, max_iter=10**6, tol=1e-3).n_iter % 10 == 0
    assert run(name, V, seed=0, max_iter=10**6, max_time=0.01).n_iter < 10**6
    assert run(name, V, seed=0, callback=lambda n, model: n == 4).n_iter == 4
    assert run(name, V, seed=0, max_iter=0).n_iter == 0


def test_parameters_are_what_is_learned():
    V = data()
    assert run("convolutive", V, max_iter=0).n_parameters == 12 * 4 * 3 + 4 * 20
    assert run("harmonic", V, max_iter=0).n_parameters == 4 * 3 + 4 * 20
    assert run("filtered", V, max_iter=0).n_parameters == 5 + 4 * 20


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((3, 4, 5))}, "V has 3 axes"),
        ({"rank": 0}, "rank"),
        ({"length": 0}, "length"),
        ({"length": 21}, "length is 21"),
        ({"init": "svd"}, "init"),
        ({"init": (np.ones((12, 2)), None)}, "init's patches"),
        ({"fixed": ("templates",)}, "fixed"),
        ({"update": "hals"}, "update"),
        ({"update": "hals-mu"}, "update"),
    ],
)
def test_bad_arguments_of_convolutive_nmf_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        convolutive_nmf(**{"V": data(), "rank": 2, "length": 3, **arguments})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((12, 4, 5))}, "V has 3 axes"),
        ({"bands": bands()[:5]}, "bands has shape"),
        ({"bands": bands()[0]}, "bands has shape"),
        ({"bands": -bands()}, "bands has negative"),
        ({"bands": bands() * np.nan}, "bands has NaN"),
        ({"init": "nndsvd"}, "init"),
        ({"init": (np.ones((4, 2)), None)}, "init's envelope"),
        ({"fixed": ("templates",)}, "fixed"),
        ({"update": "hals"}, "update"),
    ],
)
def test_bad_arguments_of_harmonic_nmf_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        harmonic_nmf(**{"V": data(), "bands": bands(), **arguments})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((12, 4, 5))}, "V has 3 axes"),
        ({"patches": np.ones((5, 4))}, "patches has shape"),
        ({"patches": np.ones((12, 4, 0))}, "patches last 0"),
        ({"patches": np.ones((12, 4, 21))}, "patches last 21"),
        ({"patches": -np.ones((12, 4))}, "patches has negative"),
        ({"bands": np.ones((5, 4))}, "bands has shape"),
        ({"bands": np.ones(12)}, "bands has shape"),
        ({"bands": np.full((12, 2), np.nan)}, "bands has NaN"),
        ({"init": "nndsvd"}, "init"),
        ({"init": (np.ones(3), None)}, "init's filter"),
        ({"fixed": ("patches",)}, "fixed"),
        ({"update": "hals"}, "update"),
    ],
)
def test_bad_arguments_of_filtered_nmf_are_named(arguments, named):
    patches, responses = dictionary()
    given = {"V": data(), "patches": patches, "bands": responses}
    with pytest.raises(ValueError, match=named):
        filtered_nmf(**given | arguments)
