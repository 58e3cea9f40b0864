"""Convolutive, harmonic and filtered NMF: their steps, descent, and what they find."""

from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data, every_backend, every_beta

from musaic_core.lowrank import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    filtered_nmf,
    harmonic_nmf,
    nmf,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.starts import INITIALISATIONS
from musaic_core.lowrank.structured.convolutive import ConvolutiveProblem
from musaic_core.lowrank.structured.filtered import FilteredProblem
from musaic_core.lowrank.structured.harmonic import HarmonicProblem
from musaic_core.lowrank.updates import ExtrapolatedMU

NAMES = ["convolutive", "harmonic", "filtered"]
every_name = pytest.mark.parametrize("name", NAMES)
# the factor beside the activations
FIRST = {"convolutive": "patches", "harmonic": "envelope", "filtered": "filter"}


def bands(F=12, P=4, K=3):
    """Spectra of narrow bands, which overlap."""
    rng = np.random.default_rng(7)
    return rng.gamma(1, 1, (F, P, K)) * (rng.random((F, P, K)) < 0.6)


def dictionary(F=12):
    """Four patches of three frames, and five bands that a filter is made of."""
    rng = np.random.default_rng(8)
    return rng.gamma(1, 1, (F, 4, 3)), rng.gamma(1, 1, (F, 5))


def run(name, V, **options):
    """One of the three, with four components."""
    if name == "convolutive":
        return convolutive_nmf(V, 4, 3, **options)
    if name == "filtered":
        return filtered_nmf(V, *dictionary(len(V)), **options)
    return harmonic_nmf(V, bands(len(V)), **options)


def model_of(name, first, H):
    """The approximation in float64 NumPy."""
    if name == "convolutive":
        return reference.convolution(first, H)
    if name == "filtered":
        patches, responses = dictionary()
        return (responses @ first)[:, None] * reference.convolution(patches, H)
    return np.einsum("fpk,pk->fp", bands(), first) @ H


def model_with(name, H, first):
    return model_of(name, first, H)


def start(name, seed=1):
    rng = np.random.default_rng(seed)
    shape = {"convolutive": (12, 4, 3), "harmonic": (4, 3), "filtered": (5,)}[name]
    return rng.random(shape) + 0.1, rng.random((4, 20)) + 0.1


def first_of(name, model):
    return getattr(model, FIRST[name])


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


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(NAMES),
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    held=st.sampled_from([(), ("activations",), ("first",)]),
    masked=st.booleans(),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_the_divergence_never_rises(name, beta, held, masked, seed, scale, backend):
    V = scale * data((9, 14), seed)
    fixed = [FIRST[name] if block == "first" else block for block in held]
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


# ---- special cases


@every_beta
@pytest.mark.parametrize("init", INITIALISATIONS)
def test_patches_of_one_frame_are_plain_nmf(beta, init):
    V = data()
    options = {"beta": beta, "init": init, "seed": 3, "max_iter": 10}
    for update in ("mu", "mu-extrapolated"):
        plain = nmf(V, 4, update=update, **options)
        model = convolutive_nmf(V, 4, 1, update=update, **options)
        np.testing.assert_allclose(model.templates, plain.templates, 1e-10)
        np.testing.assert_allclose(model.activations, plain.activations, 1e-10)


@every_beta
@pytest.mark.parametrize("length", [1, 3])
def test_a_flat_filter_leaves_the_patches_as_they_are(beta, length):
    V, patches = data(), dictionary()[0][:, :, :length]
    options = {"beta": beta, "max_iter": 10}
    H = data((4, 20), 2)
    model = filtered_nmf(
        V, patches, np.ones((12, 1)), init=(None, H), fixed=("filter",), **options
    )
    plain = convolutive_nmf(
        V, 4, length, init=(patches, H), fixed=("patches",), **options
    )
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)
    np.testing.assert_allclose(model.patches, patches)
    if length == 1:
        same = filtered_nmf(
            V, patches[:, :, 0], np.ones((12, 1)), init=(None, H), **options
        )
        free = filtered_nmf(V, patches, np.ones((12, 1)), init=(None, H), **options)
        np.testing.assert_array_equal(same.reconstruct(), free.reconstruct())


@every_beta
def test_one_band_a_template_is_nmf_with_those_templates_up_to_scale(beta):
    V, W = data(), data((12, 5), 1)
    H = data((5, 20), 2)
    held = {"beta": beta, "max_iter": 10}
    model = harmonic_nmf(
        V, W[:, :, None], init=(np.ones((5, 1)), H), fixed=("envelope",), **held
    )
    plain = nmf(V, 5, init=(W, H), fixed=("templates",), **held)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)
    np.testing.assert_allclose(model.templates, W)
    free = harmonic_nmf(V, W[:, :, None], beta=beta, seed=0, max_iter=10)
    np.testing.assert_allclose(free.templates, W * free.envelope[:, 0])


def test_a_band_for_each_frequency_is_plain_nmf():
    V, W, H = data(), data((12, 4), 1), data((4, 20), 2)
    each = np.broadcast_to(np.eye(12)[:, None, :], (12, 4, 12))
    model = harmonic_nmf(V, each, init=(W.T, H), max_iter=10)
    plain = nmf(V, 4, init=(W, H), max_iter=10)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-10)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)


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


# ---- what they find


def cosine(a, b):
    return (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)


def patterns(seed=0):
    """A matrix of two patterns of six frames, which set in now and then."""
    rng = np.random.default_rng(seed)
    patches = rng.gamma(0.3, 1, (30, 2, 6))
    H = rng.gamma(1, 1, (2, 200)) * (rng.random((2, 200)) < 0.1)
    return reference.convolution(patches, H) + 1e-4, patches


def congruence(patch, found):
    """The cosine of two patches, whenever in their frames they begin."""
    L = found.shape[1]
    padded = np.pad(patch, ((0, 0), (L, L)))
    return max(cosine(padded[:, s : s + L], found) for s in range(1, 2 * L - 2))


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_patterns_that_last_are_recovered(beta):
    V, patches = patterns()
    options = {"beta": beta, "update": "mu-extrapolated", "max_iter": 400}
    runs = [convolutive_nmf(V, 2, 8, seed=seed, **options) for seed in range(4)]
    best = min(runs, key=lambda m: beta_divergence(V, m.reconstruct(), beta))
    for c in range(2):
        found = [congruence(patches[:, c], best.patches[:, k]) for k in range(2)]
        assert max(found) > 0.99


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_envelopes_are_recovered(beta):
    rng = np.random.default_rng(0)
    spectra = np.zeros((60, 3, 4))
    for p in range(3):
        for k in range(4):  # partials of three pitches
            spectra[(p + 7) * (k + 1), p, k] = 1
    E, H = rng.gamma(1, 1, (3, 4)) + 0.1, rng.gamma(0.5, 1, (3, 100)) + 1e-3
    V = np.einsum("fpk,pk->fp", spectra, E) @ H + 1e-6
    model = harmonic_nmf(
        V, spectra, beta=beta, update="mu-extrapolated", seed=0, max_iter=500
    )
    for p in range(3):
        assert cosine(model.envelope[p], E[p]) > 0.999


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_a_filter_is_recovered(beta):
    rng = np.random.default_rng(0)
    places = np.linspace(0, 1, 60)
    responses = np.maximum(0, 1 - 5 * np.abs(places[:, None] - np.linspace(0, 1, 6)))
    patches = rng.gamma(0.2, 1, (60, 5, 4))
    filter, H = rng.gamma(1, 1, 6) + 0.1, rng.gamma(0.5, 1, (5, 100)) + 1e-3
    V = (responses @ filter)[:, None] * reference.convolution(patches, H) + 1e-6
    model = filtered_nmf(
        V, patches, responses, beta=beta, update="mu-extrapolated", max_iter=500
    )
    assert cosine(model.filter, filter) > 0.999
    np.testing.assert_allclose(model.response, responses @ model.filter)


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


@pytest.mark.parametrize("init", ["nndsvd", "data"])
def test_starts_from_the_data_are_nearer_to_it(init):
    V, _ = patterns()
    near, far = (
        convolutive_nmf(V, 2, 6, init=how, seed=0, max_iter=5).reconstruct()
        for how in (init, "random")
    )
    assert beta_divergence(V, near) < beta_divergence(V, far)


def test_a_gain_is_that_of_what_sets_in():
    V, _ = patterns()
    model = convolutive_nmf(V, 2, 6, seed=0, max_iter=5)
    gains = np.zeros((2, 200))
    gains[:, :50] = 1
    found = model.reconstruct(gains)
    assert (found[:, 55:] == 0).all()
    np.testing.assert_allclose(found[:, :50], model.reconstruct()[:, :50])
    norms = np.linalg.norm(model.patches, axis=(0, 2))
    np.testing.assert_allclose(
        model.along_last_mode(), (model.activations * norms[:, None]).T
    )


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
