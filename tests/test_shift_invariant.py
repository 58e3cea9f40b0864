"""Shift-invariant NMF: its steps, descent, special cases, and what is kept."""

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
    nmf,
    shift_invariant_nmf,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.structured.shift_invariant import ShiftInvariantProblem
from musaic_core.lowrank.updates import ExtrapolatedMU

SHIFTS = [-2, 0, 1]


def matrices(F=12):
    """Moves by some 0.7 rows down, none and 1.4 rows up."""
    places = np.arange(F)
    return np.stack(
        [
            np.maximum(0, 1 - np.abs(places[:, None] - places - s))
            for s in (-0.7, 0, 1.4)
        ]
    )


def start(C=3, S=3, L=2, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((12, C, L)) + 0.1, rng.random((C, S, 20)) + 0.1


def model_with(shifts, impulses, patches):
    return reference.shift_invariance(shifts, patches, impulses)


# ---- the updates are what they are said to be


@every_beta
@every_backend
@pytest.mark.parametrize("shifts", [SHIFTS, matrices()], ids=["rows", "matrices"])
def test_the_steps_are_the_references(shifts, beta, backend):
    V = data() + 0.1
    W, H = start()
    options = {"beta": beta, "max_iter": 2, "backend": backend}
    model = shift_invariant_nmf(V, 3, shifts, 2, init=(W, H), **options)
    step = reference.linear_mu_step
    for _ in range(2):
        H = step(V, partial(reference.shift_invariance, shifts, W), H, beta)
        W = step(V, partial(model_with, shifts, H), W, beta)
    np.testing.assert_allclose(model.impulses, H, 1e-8)
    np.testing.assert_allclose(model.patches, W, 1e-8)
    np.testing.assert_allclose(
        model.reconstruct(), reference.shift_invariance(shifts, W, H), 1e-8
    )


@pytest.mark.parametrize("block", ["patches", "impulses"])
@pytest.mark.parametrize("beta", [0.5, 1, 2, 3])
def test_the_gradient_is_that_of_finite_differences(block, beta):
    V, blocks = data() + 0.1, dict(zip(("patches", "impulses"), start(), strict=True))
    divergence = BetaDivergence(beta, 0.0)
    state = ShiftInvariantProblem(
        V, blocks, {}, divergence, ArrayKernels(), shifts=list(matrices())
    )
    minus, plus, B = state.gradient(block)
    rng = np.random.default_rng(0)
    for _ in range(5):
        k, n = (rng.integers(size) for size in B.shape)
        here, losses = B[k, n], []
        for move in (1e-5, -1e-5):
            state.as_moving(block, state.blocks[block])[k, n] = here + move
            losses.append(state.loss())
        state.as_moving(block, state.blocks[block])[k, n] = here
        slope = (losses[0] - losses[1]) / 2e-5
        assert (plus - minus)[k, n] == pytest.approx(slope, rel=1e-5, abs=1e-6)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    beta=st.sampled_from(BETAS) | st.integers(-10, 30).map(lambda tenths: tenths / 10),
    length=st.sampled_from([1, 3]),
    shifts=st.sampled_from([[0], SHIFTS, range(12), matrices()]),
    fixed=st.sampled_from([(), ("impulses",), ("patches",)]),
    weighted=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    backend=st.sampled_from(["c", "numpy"]),
)
def test_the_divergence_never_rises(
    beta, length, shifts, fixed, weighted, dtype, seed, scale, backend
):
    V = (scale * data(seed=seed)).astype(dtype)
    history = shift_invariant_nmf(
        V,
        3,
        shifts,
        length,
        beta=beta,
        fixed=fixed,
        data_weights=np.random.default_rng(seed).random(V.shape) if weighted else None,
        seed=seed,
        max_iter=12,
        history=True,
        backend=backend,
    ).history
    level = beta_divergence(V, np.full_like(V, V.mean()), beta) + V.sum()
    precision = 1e-5 if dtype == np.float32 else 1e-9
    assert np.diff(history).max() <= precision * (level + history[0])


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("kind", [Sparsity, Smoothness, Orthogonality, MinimumVolume])
@pytest.mark.parametrize("block", ["patches", "impulses"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_penalised_objectives_never_rise(beta, kind, block, dtype):
    V = data().astype(dtype)
    for seed in range(3):
        history = shift_invariant_nmf(
            V,
            3,
            SHIFTS,
            2,
            beta=beta,
            penalties={block: kind(0.3)},
            seed=seed,
            max_iter=12,
            history=True,
        ).history
        precision = 1e-5 if dtype == "float32" else 1e-9
        assert np.diff(history).max() <= precision * np.abs(history).max()


@pytest.mark.parametrize("block", ["patches", "impulses"])
def test_sparsity_counts_each_pattern_at_each_height(block):
    V = data()
    penalties = {block: Sparsity(0.3)}
    model = shift_invariant_nmf(V, 3, SHIFTS, 2, penalties=penalties, max_iter=5)
    one, two = (1, 2) if block == "patches" else (2, 1)
    patches = np.linalg.norm(np.moveaxis(model.patches, 1, 0).reshape(3, -1), one, 1)
    impulses = np.linalg.norm(model.impulses, two, axis=2)
    expected = beta_divergence(V, model.reconstruct())
    expected += 0.3 * (patches[:, None] * impulses).sum()
    assert model.objective == pytest.approx(expected)


# ---- special cases


@every_beta
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
def test_without_shifts_it_is_convolutive_nmf_and_of_one_frame_nmf(beta, update):
    V, (W, H) = data(), start(S=1)
    options = {"beta": beta, "update": update, "max_iter": 10}
    model = shift_invariant_nmf(V, 3, [0], 2, init=(W, H), **options)
    plain = convolutive_nmf(V, 3, 2, init=(W, H[:, 0]), **options)
    np.testing.assert_allclose(model.patches, plain.patches, 1e-10)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)
    W = W[:, :, :1]
    model = shift_invariant_nmf(V, 3, [0], init=(W, H), **options)
    plain = nmf(V, 3, init=(W[:, :, 0], H[:, 0]), **options)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-10)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)


@every_beta
def test_of_held_patches_it_is_nmf_with_a_template_a_height(beta):
    V, (W, H) = data(), start(L=1)
    options = {"beta": beta, "max_iter": 10}
    model = shift_invariant_nmf(
        V, 3, SHIFTS, init=(W, H), fixed=("patches",), **options
    )
    moved = [np.eye(12, k=-shift) @ W[:, :, 0] for shift in SHIFTS]
    templates = np.stack(moved, 2).reshape(12, -1)
    plain = nmf(
        V, 9, init=(templates, H.reshape(9, 20)), fixed=("templates",), **options
    )
    np.testing.assert_allclose(model.impulses.reshape(9, 20), plain.activations, 1e-10)


@pytest.mark.parametrize("beta", [0, 0.5, 1, 2, 3])
@pytest.mark.parametrize("block", ["patches", "impulses"])
def test_the_steps_are_those_of_torchnmf(beta, block):
    # its patterns are of six rows and two frames, and stay within V as a whole
    peer = pytest.importorskip("torchnmf.nmf").NMF2D
    rng = np.random.default_rng(0)
    V, W, H = (
        rng.random(shape, np.float32) + np.float32(0.1)
        for shape in ((12, 20), (3, 6, 2), (3, 7, 19))
    )
    held = {"trainable_W": block == "patches", "trainable_H": block == "impulses"}
    theirs = peer(W=torch.from_numpy(W[None]), H=torch.from_numpy(H[None]), **held)
    theirs.fit(torch.from_numpy(V[None, None]), beta=beta, tol=-1, max_iter=5)
    patches = np.zeros((12, 3, 2), np.float32)
    impulses = np.zeros((3, 7, 20), np.float32)
    patches[:6], impulses[:, :, :19] = W.transpose(1, 0, 2), H
    other = "impulses" if block == "patches" else "patches"
    model = shift_invariant_nmf(
        V,
        3,
        range(7),
        2,
        init=(patches, impulses),
        fixed=(other,),
        beta=beta,
        max_iter=5,
    )
    found = theirs().detach().numpy()[0, 0]
    np.testing.assert_allclose(model.reconstruct(), found, 1e-4)


@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_the_data_changes_nothing_but_the_scale(beta, dtype):
    V, options = data().astype(dtype), {"beta": beta, "seed": 0, "max_iter": 20}
    expected = shift_invariant_nmf(V, 3, SHIFTS, **options).reconstruct()
    for power in (-100, 60) if dtype == "float32" else (-900, 500):
        model = shift_invariant_nmf(np.ldexp(V, power), 3, SHIFTS, **options)
        impulses = np.ldexp(model.impulses.astype(float), -power)
        found = reference.shift_invariance(
            SHIFTS, model.patches.astype(float), impulses
        )
        np.testing.assert_allclose(found, expected, 1e-2, 1e-3)


# ---- what is asked for is kept


@every_backend
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
def test_fixed_and_masked_entries_do_not_move(update, backend):
    V, (W, H) = data(), start()
    rng = np.random.default_rng(0)
    masks = {
        "patches": rng.random(W.shape) < 0.7,
        "impulses": rng.random(H.shape) < 0.7,
    }
    options = {"update": update, "seed": 0, "max_iter": 8, "backend": backend}
    for held, free, init in (
        ("patches", "impulses", (W, None)),
        ("impulses", "patches", (None, H)),
    ):
        mask = {free: masks[free]}
        model = shift_invariant_nmf(
            V, 3, SHIFTS, 2, init=init, fixed=(held,), mask=mask, **options
        )
        expected = W if held == "patches" else H
        np.testing.assert_array_equal(getattr(model, held), expected)
        assert (getattr(model, free)[~masks[free]] == 0).all()
        assert (getattr(model, free)[masks[free]] > 0).any()


@pytest.mark.parametrize("length", [1, 2])
def test_the_order_of_a_start_in_memory_changes_nothing(length):
    W, H = start(L=length)
    expected, found = (
        shift_invariant_nmf(
            data(), 3, SHIFTS, length, init=[order(a) for a in (W, H)], max_iter=5
        )
        for order in (np.ascontiguousarray, np.asfortranarray)
    )
    np.testing.assert_allclose(found.impulses, expected.impulses, 1e-10)
    np.testing.assert_allclose(found.patches, expected.patches, 1e-10)


def test_gains_are_of_a_pattern_at_all_heights():
    model = shift_invariant_nmf(data(), 3, SHIFTS, 2, seed=0, max_iter=5)
    parts = [model.reconstruct(np.eye(3)[c]) for c in range(3)]
    np.testing.assert_allclose(sum(parts), model.reconstruct())
    np.testing.assert_allclose([part.sum(0) for part in parts], model.loudness())
    only = reference.shift_invariance(SHIFTS, model.patches[:, :1], model.impulses[:1])
    np.testing.assert_allclose(parts[0], only)
    assert model.n_parameters == 12 * 3 * 2 + 3 * 3 * 20


@pytest.mark.parametrize("shifts", [SHIFTS, matrices()], ids=["rows", "matrices"])
def test_tensors_silence_and_single_precision(shifts):
    expected = shift_invariant_nmf(data(), 3, shifts, seed=0, max_iter=5)
    V = torch.from_numpy(data())
    model = shift_invariant_nmf(V, 3, shifts, seed=0, max_iter=5)
    for name in ("patches", "impulses", "activations"):
        assert isinstance(getattr(model, name), torch.Tensor)
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name), 1e-10)
    np.testing.assert_allclose(model.reconstruct(), expected.reconstruct(), 1e-10)
    V = data().astype(np.float32)
    V[:, :5] = 0
    for beta in BETAS:
        model = shift_invariant_nmf(V, 3, shifts, beta=beta, seed=0, max_iter=20)
        assert model.impulses.dtype == np.float32
        assert np.isfinite(model.reconstruct()).all()


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_no_iteration_on_a_device_waits_for_the_host(beta):
    # tensors without data: whatever asks for a number of theirs raises
    W, H, P, V = (
        torch.empty(array.shape, device="meta")
        for array in (*start(), matrices(), data())
    )
    for shifts in (SHIFTS, list(P)):
        blocks = {"patches": W, "impulses": H}
        common = V, blocks, {}, BetaDivergence(beta, 1e-6), ArrayKernels()
        state, rule = ShiftInvariantProblem(*common, shifts=shifts), ExtrapolatedMU()
        for _ in range(3):
            for block in blocks:
                rule(state, block)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((3, 4, 5))}, "V has 3 axes"),
        ({"rank": 0}, "rank"),
        ({"length": 21}, "length is 21"),
        ({"shifts": []}, "shifts is empty"),
        ({"shifts": 2}, "shifts is 2"),
        ({"shifts": [0.5]}, "shifts is"),
        ({"shifts": [0, 12]}, "shifts is"),
        ({"shifts": np.ones((2, 5, 5))}, "shifts has shape"),
        ({"shifts": -matrices()}, "shifts has negative"),
        ({"shifts": 2 * matrices()}, "shifts has columns"),
        ({"init": "nndsvd"}, "init"),
        ({"init": (np.ones((12, 2)), None)}, "init's patches"),
        ({"fixed": ("activations",)}, "fixed"),
        ({"update": "hals"}, "update"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        shift_invariant_nmf(**{"V": data(), "rank": 2, "shifts": SHIFTS, **arguments})
