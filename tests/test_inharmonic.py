"""Inharmonic NMF: steps, its limits, and stiffness that is recovered.

That the divergence never rises is in `test_structured.py`.
"""

from functools import partial

import numpy as np
import pytest
import reference_factorization as reference
import torch
from problems import data, every_backend, every_beta

from musaic_core.lowrank import (
    Decay,
    GroupSparsity,
    Orthogonality,
    Smoothness,
    Sparsity,
    beta_divergence,
    harmonic_nmf,
    inharmonic_nmf,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.structured.inharmonic import InharmonicProblem
from musaic_core.lowrank.updates import ExtrapolatedMU

FACTORS = "envelope", "inharmonicity", "activations"
BANDS = np.random.default_rng(7).gamma(0.5, 1, (12, 5, 3, 2))
REGISTERS = np.array([[1, 0], [1, 0], [0.5, 0.5], [0.2, 0.8], [0, 1]])


def model_of(E, A, H):
    """The approximation in float64 NumPy, as it is defined."""
    return np.einsum("fpkj,pk,pg,gj,pt->ft", BANDS, E, REGISTERS, A, H)


def start(seed=1):
    rng = np.random.default_rng(seed)
    return [rng.random(shape) + 0.1 for shape in ((5, 3), (2, 2), (5, 20))]


def found(model):
    return [getattr(model, name) for name in FACTORS]


@every_beta
@every_backend
@pytest.mark.parametrize("weighted", [False, True])
def test_the_steps_are_the_references(beta, backend, weighted):
    V, (E, A, H) = data() + 0.1, start()
    weights = np.random.default_rng(2).random(V.shape) if weighted else None
    model = inharmonic_nmf(
        V,
        BANDS,
        REGISTERS,
        beta=beta,
        init=(E, A, H),
        max_iter=3,
        data_weights=weights,
        backend=backend,
    )
    loss = beta_divergence
    step = partial(reference.linear_mu_step, V, beta=beta, weights=weights)
    for _ in range(3):
        H = step(lambda H, E=E, A=A: model_of(E, A, H), H)
        E = step(lambda E, A=A, H=H: model_of(E, A, H), E)
        short = step(lambda A, E=E, H=H: model_of(E, A, H), A)
        long = A * (short / A) ** 10
        long *= (short.sum(1) / long.sum(1))[:, None]
        A = min(short, long, key=lambda A: loss(V, model_of(E, A, H), beta, weights))
    for one, other in zip(found(model), (E, A, H), strict=True):
        np.testing.assert_allclose(one, other, 1e-8)
    np.testing.assert_allclose(model.reconstruct(), model_of(E, A, H), 1e-8)


@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize("block", FACTORS)
@pytest.mark.parametrize(
    "penalty",
    [Sparsity(0.3), Smoothness(0.3), Orthogonality(0.3), Decay(0.3, 0.9, 0.1)],
    ids=lambda penalty: type(penalty).__name__,
)
def test_penalised_objectives_never_rise(beta, block, penalty):
    V, objective = data(), []

    def record(_, model):
        factors = dict(zip(FACTORS, found(model), strict=True))
        if isinstance(penalty, Sparsity):
            lengths = {
                name: np.linalg.norm(B, 1 if name == block else 2, axis=1)
                for name, B in factors.items()
            }
            lengths["inharmonicity"] = REGISTERS @ lengths["inharmonicity"]
            value = 0.3 * np.prod(list(lengths.values()), axis=0).sum()
        else:
            value = penalty.value(factors[block])
        objective.append(beta_divergence(V, model.reconstruct(), beta) + value)

    inharmonic_nmf(
        V,
        BANDS,
        REGISTERS,
        beta=beta,
        penalties={block: penalty},
        seed=0,
        max_iter=12,
        callback=record,
    )
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@every_beta
@pytest.mark.parametrize("update", ["mu", "mu-extrapolated"])
def test_without_inharmonicity_it_is_harmonic_nmf(beta, update):
    V, (E, _, H) = data(), start()
    options = {"beta": beta, "update": update, "max_iter": 10}
    plain = harmonic_nmf(V, BANDS[..., 0], init=(E, H), **options)
    # a variant alone, and two that are the same, one of which is not used
    for n_variants, A in ((1, np.ones((2, 1))), (2, np.array([[1, 0], [1, 0]]))):
        model = inharmonic_nmf(
            V,
            BANDS[..., [0] * n_variants],
            REGISTERS,
            init=(E, A, H),
            fixed=("inharmonicity",),
            **options,
        )
        np.testing.assert_allclose(model.templates, plain.templates, 1e-9)
        np.testing.assert_allclose(model.activations, plain.activations, 1e-9)


STIFF = np.array([0, 1e-4, 3e-4, 1e-3])


def strings():
    """Partials of nine pitches on strings of each stiffness, (F, P, K, J)."""
    rows, n = np.arange(400.0), np.arange(1, 11)
    pitches = 15 * 2 ** (np.arange(9) / 9)
    places = n * pitches[:, None] * np.sqrt(1 + STIFF[:, None, None] * n**2)
    peaks = np.exp(-0.5 * ((rows[:, None, None, None] - places) / 1.2) ** 2)
    return np.moveaxis(peaks, 1, 3) + 1e-3  # from (F, J, P, K)


@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_stiffness_of_each_register_is_recovered(beta, seed):
    rng, bands = np.random.default_rng(seed), strings()
    registers = np.repeat(np.eye(3), 3, axis=0)
    true = rng.permutation(len(STIFF))[:3]
    E = 0.8 ** np.arange(10) * rng.uniform(0.5, 1.5, (9, 10))
    H = rng.gamma(0.4, 1, (9, 60)) + 1e-3
    heard = bands[:, np.arange(9), :, np.repeat(true, 3)]  # (P, F, K)
    V = np.einsum("pfk,pk,pt->ft", heard, E, H)
    model = inharmonic_nmf(
        V * rng.gamma(400, 1 / 400, V.shape),
        bands,
        registers,
        beta=beta,
        update="mu-extrapolated",
        seed=seed,
        max_iter=500,
    )
    shares = model.inharmonicity / model.inharmonicity.sum(1)[:, None]
    assert (shares.argmax(1) == true).all()
    np.testing.assert_allclose(shares @ STIFF, STIFF[true], rtol=0.05, atol=1e-5)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_no_step_but_the_inharmonicitys_waits_for_the_host(beta):
    # tensors without data: whatever asks for a number of theirs raises
    device = torch.device("meta")
    blocks = {
        name: torch.empty(factor.shape, device=device)
        for name, factor in zip(FACTORS, start(), strict=True)
    }
    V, divergence = torch.empty((12, 20), device=device), BetaDivergence(beta, 1e-6)
    state = InharmonicProblem(
        V,
        blocks,
        {},
        divergence,
        ArrayKernels(),
        bands=BANDS,
        size=1.0,
        registers=REGISTERS,
    )
    rule = ExtrapolatedMU()
    for _ in range(3):
        for block in ("activations", "envelope"):
            rule(state, block)
            state.moved(block)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"V": np.ones((12, 4, 5))}, "V has 3 axes"),
        ({"bands": BANDS[:5]}, "bands has shape"),
        ({"bands": BANDS[..., 0]}, "bands has shape"),
        ({"bands": -BANDS}, "bands has negative"),
        ({"bands": BANDS * np.nan}, "bands has NaN"),
        ({"registers": REGISTERS[:4]}, "registers has shape"),
        ({"registers": REGISTERS[:, 0]}, "registers has shape"),
        ({"registers": -REGISTERS}, "registers has negative"),
        ({"registers": REGISTERS * [1, 0]}, "a template that is in none"),
        ({"init": "nndsvd"}, "init"),
        ({"init": (np.ones((5, 2)), None, None)}, "init's envelope"),
        ({"fixed": ("templates",)}, "fixed"),
        ({"update": "hals"}, "update"),
        (
            {"penalties": {"activations": GroupSparsity(1.0, [0, 0, 1, 1, 1], 1.0)}},
            "as many of each factor",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    given = {"V": data(), "bands": BANDS, "registers": REGISTERS}
    with pytest.raises(ValueError, match=named):
        inharmonic_nmf(**given | arguments)
