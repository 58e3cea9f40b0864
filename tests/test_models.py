"""What every model offers: gains, labels, and how much each bar has of a pattern."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

import musaic_core.lowrank as lowrank
from musaic_core.lowrank import (
    NCP,
    NMF,
    NTD,
    ard_nmf,
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
    orthogonal_nmf,
    robust_nmf,
    semi_supervised_nmf,
    separable_nmf,
    shift_invariant_nmf,
    source_filter_nmf,
)

RNG = np.random.default_rng(0)
MATRIX, TENSOR = RNG.gamma(1, 1, (12, 20)), RNG.gamma(1, 1, (12, 5, 4))
BANDS = RNG.gamma(1, 1, (12, 4, 3))
OPTIONS = {"seed": 0, "max_iter": 3}
MAKE = {
    "nmf": lambda V, T: nmf(V, 4, **OPTIONS),
    "ncp": lambda V, T: ncp(T, 4, **OPTIONS),
    "ntd": lambda V, T: ntd(T, (4, 3, 2), **OPTIONS),
    "deep nmf": lambda V, T: deep_nmf(V, (4, 2), **OPTIONS),
    "deep ncp": lambda V, T: deep_ncp(T, 4, {0: (2,), 2: (3,)}, **OPTIONS),
    "tied ncp": lambda V, T: deep_ncp(T, 4, {0: (2,)}, loss="data", **OPTIONS),
    "deep ntd": lambda V, T: deep_ntd(T, (4, 3, 2), {0: (3,), "core": (2,)}, **OPTIONS),
    "convolutive nmf": lambda V, T: convolutive_nmf(V, 4, 3, **OPTIONS),
    "shift-invariant nmf": lambda V, T: shift_invariant_nmf(
        V, 4, [-1, 0, 2], 3, **OPTIONS
    ),
    "ard nmf": lambda V, T: ard_nmf(V, 4, **OPTIONS),
    "convex nmf": lambda V, T: convex_nmf(V, 4, **OPTIONS),
    "separable nmf": lambda V, T: separable_nmf(V, 4, **OPTIONS),
    "orthogonal nmf": lambda V, T: orthogonal_nmf(V, 4, **OPTIONS),
    "harmonic nmf": lambda V, T: harmonic_nmf(V, BANDS, **OPTIONS),
    "inharmonic nmf": lambda V, T: inharmonic_nmf(
        V, BANDS[:, :, None], np.eye(BANDS.shape[1]), **OPTIONS
    ),
    "filtered nmf": lambda V, T: filtered_nmf(V, BANDS, BANDS[:, 0], **OPTIONS),
    "semi-supervised nmf": lambda V, T: semi_supervised_nmf(
        V, BANDS[:, 0], 2, **OPTIONS
    ),
    "robust nmf": lambda V, T: robust_nmf(V, 4, 0.5, **OPTIONS),
    "source/filter nmf": lambda V, T: source_filter_nmf(
        V, BANDS[:, 0], BANDS[:, 1], 2, 3, **OPTIONS
    ),
}
every_model = pytest.mark.parametrize("name", MAKE)


def data_of(model):
    return TENSOR if len(model.shape) == 3 else MATRIX


@every_model
def test_a_model_offers_its_members(name):
    model = MAKE[name](MATRIX, TENSOR)
    for seen in (model, *getattr(model, "layers", [])):
        C = seen.templates.shape[1]
        assert seen.templates.shape == (12, C)
        assert seen.activations.shape == (C, 20)
        assert seen.labels is None
        assert seen.shape == data_of(model).shape
        assert seen.reconstruct().shape == data_of(model).shape
        assert seen.n_parameters == model.n_parameters > 0
        assert seen.n_iter == 3
        assert seen.along_last_mode().shape[0] == seen.shape[-1]


@every_model
def test_a_model_is_shown_by_its_shapes_and_not_its_numbers(name):
    model = MAKE[name](np.repeat(MATRIX, 50, axis=1), np.repeat(TENSOR, 50, axis=2))
    model.labels = [f"component {k}" for k in range(len(model.activations))]
    shown = repr(model)
    assert shown.startswith(f"{type(model).__name__}(")
    assert "(12, " in shown  # of frequencies
    assert re.search(r"\b(1000|200)\b", shown)  # of columns, or the last mode
    assert "n_iter: 3" in shown
    assert "'component 0'" in shown
    assert len(shown) < 500


@every_model
def test_reconstruct_is_linear_in_gains(name):
    model = MAKE[name](MATRIX, TENSOR)
    for seen in (model, *getattr(model, "layers", [])):
        whole, (C, T) = seen.reconstruct(), seen.activations.shape
        for ones in (np.ones(C), np.ones((C, T))):
            np.testing.assert_allclose(seen.reconstruct(ones), whole, 1e-12)
        parts = [seen.reconstruct(row) for row in np.eye(C)]
        np.testing.assert_allclose(sum(parts), whole, 1e-12)
        for shape in ((C,), (C, T)):
            one, two = np.random.default_rng(0).random((2, *shape))
            np.testing.assert_allclose(
                seen.reconstruct(2 * one + two),
                2 * seen.reconstruct(one) + seen.reconstruct(two),
                1e-12,
            )
        if T != C:
            with pytest.raises(ValueError, match="gains has shape"):
                seen.reconstruct(np.ones((T, C)))


@every_model
def test_gains_may_be_of_either_library(name):
    model = MAKE[name](torch.from_numpy(MATRIX), torch.from_numpy(TENSOR))
    C = model.templates.shape[1]
    halved = model.reconstruct(np.full(C, 0.5))
    assert isinstance(halved, torch.Tensor)
    np.testing.assert_allclose(halved, model.reconstruct() / 2, 1e-12)


def test_gains_of_a_batch():
    V = np.stack([MATRIX, 2 * MATRIX])
    model = nmf(V, 4, **OPTIONS)
    gains = np.arange(4.0)
    found = model.reconstruct(gains)
    for v, W, H in zip(found, model.templates, model.activations, strict=True):
        np.testing.assert_allclose(v, (W * gains) @ H)
    each = np.random.default_rng(0).random(model.activations.shape)
    np.testing.assert_allclose(
        model.reconstruct(each), model.templates @ (each * model.activations)
    )


# ---- along the last mode


def test_along_last_mode_is_the_norm_of_each_patterns_part():
    W, H, Q = (RNG.random(shape) for shape in ((6, 3), (5, 3), (4, 3)))
    found = NCP(CPTensor((np.array([1.0, 2, 3]), [W, H, Q]))).along_last_mode()
    for r in range(3):
        terms = (r + 1) * np.einsum("i,j,k->ijk", W[:, r], H[:, r], Q[:, r])
        np.testing.assert_allclose(found[:, r], np.linalg.norm(terms, axis=(0, 1)))
    core, factors = RNG.random((3, 3, 2)), [W, H, RNG.random((4, 2))]
    found = NTD(TuckerTensor((core, factors))).along_last_mode()
    for r in range(2):
        pattern = np.einsum("ip,jq,pq->ij", W, H, core[:, :, r])
        expected = factors[2][:, r] * np.linalg.norm(pattern)
        np.testing.assert_allclose(found[:, r], expected)
    X = RNG.random((3, 20))
    found = NMF(W, X).along_last_mode()
    np.testing.assert_allclose(found, (X * np.linalg.norm(W, axis=0)[:, None]).T)


def test_columns_of_an_nmf_are_shared_out_among_the_entries_of_its_last_mode():
    model = nmf(TENSOR.reshape(12, -1), 3, **OPTIONS)
    found = model.along_last_mode(4)
    lengths = np.linalg.norm(model.templates, axis=0)
    activations = model.activations.reshape(3, 5, 4)
    for c in range(3):
        for n in range(5):
            np.testing.assert_allclose(
                found[:, 5 * c + n], lengths[c] * activations[c, n]
            )
    with pytest.raises(ValueError, match="n_entries is 7"):
        model.along_last_mode(7)
    # a tensor model with another number of columns is seen as an NMF too
    tensor_model = ncp(TENSOR, 3, **OPTIONS)
    assert tensor_model.along_last_mode(10).shape == (10, 6)


@pytest.mark.parametrize("name", ["ncp", "ntd"])
def test_any_number_of_modes_has_a_last_one(name):
    V = RNG.random((4, 3, 2, 5))
    model = ncp(V, 2, **OPTIONS) if name == "ncp" else ntd(V, (2,) * 4, **OPTIONS)
    scaled = lowrank.ncp if name == "ncp" else lowrank.ntd
    assert model.along_last_mode().shape == (5, 2)
    twice = (
        scaled(2 * V, 2, **OPTIONS)
        if name == "ncp"
        else scaled(2 * V, (2,) * 4, **OPTIONS)
    )
    np.testing.assert_allclose(
        twice.along_last_mode(), 2 * model.along_last_mode(), 1e-6
    )


# ---- the package's face


def test_functions_and_their_modules_share_names_without_harm():
    from musaic_core.lowrank.ncp import ncp as from_module
    from musaic_core.lowrank.nmf import nmf as also_from_module

    assert lowrank.ncp is from_module is ncp
    assert lowrank.nmf is also_from_module is nmf
    for name in lowrank.__all__:
        assert hasattr(lowrank, name)


def test_it_stands_alone_and_loads_pytorch_for_tensors_only():
    code = (
        "import sys, numpy as np\n"
        "from musaic_core.lowrank import *\n"
        "nmf(np.ones((3, 4)), 2, max_iter=1).reconstruct()\n"
        "names = [n for n in sys.modules if n.startswith('musaic_core.')]\n"
        "others = [n for n in names if not n.startswith('musaic_core.lowrank')]\n"
        "heavy = [n for n in ('torch', 'librosa', 'pandas') if n in sys.modules]\n"
        "print(others + heavy)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "call",
    [
        lambda **given: nmf(MATRIX, 2, **given),
        lambda **given: ncp(TENSOR, 2, **given),
        lambda **given: ntd(TENSOR, (2, 2, 2), **given),
        lambda **given: deep_nmf(MATRIX, (3, 2), **given),
        lambda **given: lowrank.multilayer_nmf(MATRIX, (3, 2), **given),
        lambda **given: deep_ncp(TENSOR, 3, {0: (2,)}, **given),
        lambda **given: deep_ntd(TENSOR, (3, 2, 2), {0: (2,)}, **given),
        lambda **given: convolutive_nmf(MATRIX, 2, 3, **given),
        lambda **given: harmonic_nmf(MATRIX, BANDS, **given),
        lambda **given: lowrank.OnlineNMF(2, **given),
        lambda **given: lowrank.OnlineNTD((2, 2, 2), **given),
    ],
)
def test_misspelt_options_are_named(call):
    with pytest.raises(TypeError, match="maxiter"):
        call(maxiter=3)


def test_one_option_has_one_default():
    for function, rank, V in (
        (nmf, 2, MATRIX),
        (ncp, 2, TENSOR),
        (ntd, (2,) * 3, TENSOR),
    ):
        plain = function(V, rank, seed=0, max_iter=2)
        given = function(V, rank, seed=0, max_iter=2, beta=1.0)
        np.testing.assert_array_equal(plain.reconstruct(), given.reconstruct())


def test_a_layer_has_one_name():
    learned = lowrank.OnlineNMF(3, layers=(2,), seed=0).partial_fit(MATRIX)
    assert set(learned.shared) == {"templates 2", "activations 2"}
    start = {"activations 2": np.ones((2, 3))}
    deep_nmf(MATRIX, (3, 2), init=start, fixed=("activations 2",), max_iter=1)
