"""Factorizations take arrays of any kind, and keep what is asked for."""

import numpy as np
import pytest
import torch
from factorizations import RANKS, SIZES, every_model, matrix, run, start, tensor

from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.models import NCP, NMF, NTD
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.starts import INITIALISATIONS
from musaic_core.lowrank.updates import UPDATES


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
