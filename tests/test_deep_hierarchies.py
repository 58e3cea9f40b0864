"""Deep models find hierarchies, and fit as well as nn_fac's."""

import numpy as np
import pytest
from deep_problems import CASES, RHO, both_losses, data, divergence, objective, run

from musaic_core.lowrank.deep.nmf import deep_nmf, multilayer_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp
from musaic_core.lowrank.matching import factor_match
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.ncp import ncp


def hierarchy(seed, level=0.2):
    """Counts of a tensor of nine terms whose spectra are mixtures of three."""
    rng = np.random.default_rng(seed)
    bases = rng.gamma(0.3, 1, (40, 3))
    spectra = bases @ rng.dirichlet(np.full(3, 0.3), 9).T
    others = [rng.gamma(0.3, 1, (size, 9)) for size in (12, 15)]
    truth = np.einsum("ir,jr,kr->ijk", spectra, *others)
    truth *= level / truth.mean()
    return rng.poisson(truth).astype(float), truth, spectra


def test_of_few_counts_a_deep_ncp_errs_less_than_ncps_of_either_rank():
    errors, matches = [], []
    for seed in range(8):  # a draw has a fifth more or less
        V, truth, spectra = hierarchy(seed)
        options = {"beta": 1, "seed": 0, "max_iter": 150}
        shallow = [ncp(V, rank, **options) for rank in (3, 9)]
        deep = [
            deep_ncp(V, 9, {0: (3,)}, loss=loss, **options)
            for loss in ("layers", "data")
        ]
        errors.append([np.linalg.norm(m.reconstruct() - truth) for m in shallow + deep])
        found = [shallow[1], *deep]
        matches.append([congruence(spectra, m.factors[0]) for m in found])
    few, many, layers, tied = np.mean(errors, axis=0)
    assert max(layers, tied) < min(few, many)
    plain, layers, tied = np.mean(matches, axis=0)
    assert min(layers, tied) > plain + 0.02


def congruence(truth, found):
    ones = np.ones((truth.shape[1], 1))
    return factor_match(NMF(truth, ones), NMF(found, ones))


def test_layers_show_what_templates_are_made_of():
    rng = np.random.default_rng(0)
    bases = np.kron(np.eye(2), np.ones((10, 1)))
    mixtures = np.array([[1.0, 0, 0.5], [0, 1.0, 0.5]])
    V = bases @ mixtures @ rng.gamma(0.2, 1, (3, 200)) + 1e-6
    model = deep_nmf(V, (3, 2), seed=0, max_iter=300)
    fine, coarse = model.layers
    assert congruence(bases, coarse.templates) > 0.98
    assert fine.activations is model.activations
    made_of = model.below[0].activations
    np.testing.assert_allclose(
        coarse.activations, made_of @ model.activations, rtol=1e-12
    )
    error = np.linalg.norm(V - coarse.reconstruct()) / np.linalg.norm(V)
    assert error < 0.05


# ---- beside nn_fac


@pytest.mark.parametrize("ranks", [[8, 4], [8, 5, 3]])
def test_objective_beside_nn_facs_deep_nmf(ranks):
    peer = pytest.importorskip("nn_fac.deep_nmf")
    rng = np.random.default_rng(0)
    V = rng.gamma(0.4, 1, (40, 6)) @ rng.gamma(0.4, 1, (6, 50)) + 0.01
    V *= rng.gamma(5, 0.2, V.shape)
    start = multilayer_nmf(V, ranks, seed=0, max_iter=20)
    layers = [start, *start.below]
    W, H = [m.templates for m in layers], [m.activations for m in layers]
    errors = [
        divergence(X, M.reconstruct(), 1) for X, M in zip([V, *W], layers, strict=False)
    ]
    weights = 1 / np.array(errors)

    def total(W, H):
        pairs = zip(weights, [V, *W], W, H, strict=False)
        return sum(w * divergence(X, U @ A, 1) for w, X, U, A in pairs)

    init = {"templates": W[0], "activations": H[0]}
    for depth in range(1, len(ranks)):
        init |= {f"templates {depth + 1}": W[depth]}
        init |= {f"activations {depth + 1}": H[depth]}
    found = {}
    for update in ("mu", "mu-extrapolated"):
        model = deep_nmf(
            V,
            ranks,
            init=init,
            weights=weights[1:] / weights[0],
            update=update,
            max_iter=100,
        )
        layers = [model, *model.below]
        found[update] = total(
            [m.templates for m in layers], [m.activations for m in layers]
        )
    W, H = [U.copy() for U in W], [A.copy() for A in H]
    for _ in range(100):
        W, H, _ = peer.one_step_deep_KL_nmf(V, W, H, ranks, weights, 1e-6)
    assert found["mu"] < 1.01 * total(W, H)
    assert found["mu-extrapolated"] < total(W, H)


def test_multilayer_nmf_fits_as_well_as_nn_facs():
    peer = pytest.importorskip("nn_fac.multilayer_nmf")
    rng = np.random.default_rng(0)
    V = rng.gamma(0.4, 1, (30, 3)) @ rng.gamma(0.4, 1, (3, 6)) @ data((6, 40))
    V *= rng.gamma(20, 0.05, V.shape)
    W, H = peer.multilayer_beta_NMF(
        V.copy(), [6, 3], n_iter_max_each_nmf=60, deterministic=True
    )
    fine, coarse = multilayer_nmf(V, [6, 3], init="nndsvd", max_iter=60).layers
    theirs = W[0] @ H[0], W[1] @ H[1] @ H[0]
    for layer, Y in zip((fine, coarse), theirs, strict=True):
        assert divergence(V, layer.reconstruct(), 1) < 1.05 * divergence(V, Y, 1)


@both_losses
@pytest.mark.parametrize(("name", "layers"), [CASES[0], CASES[2], CASES[5]])
def test_extrapolated_updates_end_lower(name, layers, loss):
    V = hierarchy(0, level=5)[0][:20, :8, :9] + 1e-3
    top = next(iter(layers))
    weights = {top: RHO[: len(layers[top])]}
    given = weights[top] if name == "nmf" else weights
    given = None if loss == "data" else given
    plain, fast = (
        run(name, V, layers, loss=loss, weights=given, update=update, seed=0)
        for update in ("mu", "mu-extrapolated")
    )
    V = V.reshape(plain.reconstruct().shape)
    assert objective(V, fast, 1, weights) < objective(V, plain, 1, weights)
