"""The same calls on PyTorch tensors: on the CPU, and on a GPU where there is one."""

import numpy as np
import pytest
import torch

from musaic_core.lowrank.ard import ard_nmf
from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.penalties import Smoothness, Sparsity
from musaic_core.lowrank.structured.columns import convex_nmf, separable_nmf
from musaic_core.lowrank.structured.convolutive import convolutive_nmf
from musaic_core.lowrank.structured.filtered import filtered_nmf
from musaic_core.lowrank.structured.harmonic import harmonic_nmf
from musaic_core.lowrank.structured.inharmonic import inharmonic_nmf
from musaic_core.lowrank.structured.orthogonal import orthogonal_nmf
from musaic_core.lowrank.structured.robust import robust_nmf
from musaic_core.lowrank.structured.semi_supervised import semi_supervised_nmf
from musaic_core.lowrank.structured.shift_invariant import shift_invariant_nmf
from musaic_core.lowrank.structured.source_filter import source_filter_nmf

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
every_device = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=needs_gpu)]
)
every_model = pytest.mark.parametrize("name", ["nmf", "batch", "ncp", "ntd"])

TENSOR = np.random.default_rng(0).gamma(1, 1, (20, 12, 9)) + 0.1


def run(name, V, **options):
    """A factorization of that tensor, or of its unfolding or slices."""
    if name == "nmf":
        return nmf(V.reshape(len(V), -1), 3, **options)
    if name == "batch":
        return nmf(V, 3, **options)
    return ncp(V, 3, **options) if name == "ncp" else ntd(V, (3, 2, 4), **options)


def same_numbers(found, expected, device):
    assert found.templates.device.type == device
    np.testing.assert_allclose(
        found.reconstruct().cpu(), expected.reconstruct(), rtol=1e-7
    )


@every_device
@every_model
@pytest.mark.parametrize(
    ("beta", "update"),
    [
        *((beta, "mu") for beta in (-1, 0, 0.5, 1, 1.5, 2, 3)),
        *((0, "mu-extrapolated"), (1, "mu-extrapolated"), (1, "hals-mu"), (2, "hals")),
    ],
)
def test_tensors_give_the_numbers_of_arrays(name, beta, update, device):
    options = {"beta": beta, "update": update, "max_iter": 30, "seed": 0}
    expected = run(name, TENSOR, backend="numpy", **options)
    V = torch.from_numpy(TENSOR).to(device)
    same_numbers(run(name, V, backend="torch", **options), expected, device)


@every_device
@pytest.mark.parametrize("beta", [0, 1, 1.5, 2])
def test_penalised_and_deep_models_do_too(beta, device):
    matrix = TENSOR.reshape(20, -1)
    V = torch.from_numpy(matrix).to(device)
    options = {"beta": beta, "max_iter": 5, "seed": 0}
    penalties = {"activations": [Sparsity(0.1), Smoothness(0.1)]}
    same_numbers(
        nmf(V, 4, penalties=penalties, backend="torch", **options),
        nmf(matrix, 4, penalties=penalties, backend="numpy", **options),
        device,
    )
    for loss in ("layers", "data"):
        same_numbers(
            deep_nmf(V, (4, 2), loss=loss, backend="torch", **options),
            deep_nmf(matrix, (4, 2), loss=loss, backend="numpy", **options),
            device,
        )


@every_device
@pytest.mark.parametrize("beta", [0, 1, 1.5, 2])
def test_structured_models_do_too(beta, device):
    matrix = TENSOR.reshape(20, -1)
    bands = np.random.default_rng(1).random((20, 4, 3))
    V = torch.from_numpy(matrix).to(device)
    options = {"beta": beta, "max_iter": 5, "seed": 0}
    for fit, given in (
        (convolutive_nmf, (4, 3)),
        (shift_invariant_nmf, (4, [-1, 0, 2], 3)),
        (harmonic_nmf, (bands,)),
        (inharmonic_nmf, (bands[:, :, None], np.ones((4, 1)))),
        (filtered_nmf, (bands, bands[:, 0])),
        (robust_nmf, (4, 0.5)),
        (semi_supervised_nmf, (bands[:, 0], 3)),
        (source_filter_nmf, (bands[:, 0], bands[:, 1], 2, 3)),
    ):
        same_numbers(
            fit(V, *given, backend="torch", **options),
            fit(matrix, *given, backend="numpy", **options),
            device,
        )


@needs_gpu
@every_model
@pytest.mark.parametrize("beta", [0, 1, 2])
def test_iterations_on_a_gpu_wait_for_nothing(name, beta):
    def watch(iteration, _):
        torch.cuda.set_sync_debug_mode("error" if iteration < 4 else "default")

    try:
        V = torch.from_numpy(TENSOR).to("cuda")
        run(name, V, beta=beta, max_iter=4, callback=watch, seed=0)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@every_device
@pytest.mark.parametrize("beta", [0, 1, 1.5, 2])
@pytest.mark.parametrize(
    "fit",
    [ard_nmf, convex_nmf, orthogonal_nmf, separable_nmf],
    ids=lambda f: f.__name__,
)
def test_models_of_a_matrix_do_too(fit, beta, device):
    matrix = TENSOR.reshape(20, -1)
    options = {"beta": beta, "seed": 0, "max_iter": 5}
    expected = fit(matrix, 3, backend="numpy", **options)
    V = torch.from_numpy(matrix).to(device)
    same_numbers(fit(V, 3, backend="torch", **options), expected, device)
