"""Penalties in deep models, and harmonicity in any: the objective falls, they work."""

import numpy as np
import pytest
import torch
from deep_problems import CASES, RHO, data, objective, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musaic_core.lowrank.deep.models import DeepNCP, DeepNMF
from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.deep.tensor import deep_ntd
from musaic_core.lowrank.harmonicity import Harmonicity, harmonic_combs
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.penalties import (
    MinimumVolume,
    Orthogonality,
    Smoothness,
    Sparsity,
)

BETAS = (-1, 0, 0.5, 1, 2, 3)
SHAPE = (7, 6, 8)
KINDS = (Sparsity, Smoothness, Orthogonality, MinimumVolume, Harmonicity)
CASES = [*CASES, ("nmf", {"templates": (5, 3, 2)})]


def combs_of(n_entries):
    return harmonic_combs(np.arange(n_entries), [2.0, 3.0])


def as_tucker(model):
    """Core and factors, by mode, of any of the three models of the data."""
    if isinstance(model, DeepNMF):
        factors = [model.templates, model.activations.T]
    else:
        factors = model.factors
    if isinstance(model, (DeepNMF, DeepNCP)):
        core = np.zeros([factors[0].shape[1]] * len(factors))
        core[np.diag_indices(len(core), core.ndim)] = 1
        return core, factors
    return model.core, factors


def stack_of(model, top):
    return model.below if isinstance(model, DeepNMF) else model.below.get(top, [])


def matrix_of(model, name):
    """A factor by its name, with components as columns."""
    top, layer, kind = place_of(name)
    if layer is None:
        _, factors = as_tucker(model)
        return factors[kind]
    found = stack_of(model, top)[layer]
    return found.templates if kind == "templates" else found.activations.T


def place_of(name):
    """The stack that a factor is of, its layer, and what it is there."""
    words = str(name).split()
    if name in ("templates", "activations"):
        return "templates", None, 0 if name == "templates" else 1
    if len(words) == 1:
        return name, None, name
    top = {"core": "core"}.get(words[0]) or int(words[0]) if len(words) == 3 else None
    return ("templates" if top is None else top), int(words[-1]) - 2, words[-2]


def sparsity(model, name):
    """Σ of what the components of a factor, at ℓ1 norm, add to the model's size."""
    top, layer, kind = place_of(name)
    if layer is not None and not model.tied:
        one = stack_of(model, top)[layer]
        W, A = one.templates, one.activations.T
        norms = (1, 2) if kind == "templates" else (2, 1)
        pairs = zip((W, A), norms, strict=True)
        return np.prod([np.linalg.norm(U, p, axis=0) for U, p in pairs], 0).sum()
    core, factors = as_tucker(model)
    lengths = [np.linalg.norm(U, axis=0) for U in factors]
    if layer is None and kind != "core":
        lengths[kind] = factors[kind].sum(0)
    mode = 0 if top == "templates" else top
    if layer is not None and top != "core":
        lengths[mode] = factors[mode].sum(0)
        if kind == "activations":
            layers = stack_of(model, top)[: layer + 1]
            lengths[mode] = np.linalg.norm(layers[-1].templates, axis=0)
            for one in reversed(layers):
                lengths[mode] = lengths[mode] @ one.activations
    for length in reversed(lengths):
        core = core @ length
    return core


def names_of(name, layers):
    """All factors of a case, and the products of those with a loss on the data."""
    tops = ["templates", "activations"] if name == "nmf" else [0, 1, 2]
    tops += ["core"] if name == "ntd" else []
    for top, ranks in layers.items():
        prefix = "" if top == "templates" else f"{top} "
        for depth in range(2, len(ranks) + 2):
            tops += [f"{prefix}templates {depth}", f"{prefix}activations {depth}"]
    return tops


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(draw=st.data(), case=st.sampled_from(CASES), kind=st.sampled_from(KINDS))
def test_no_penalty_anywhere_raises_the_objective(draw, case, kind):
    name, layers = case
    loss = draw.draw(st.sampled_from(["layers", "data"]))
    beta = draw.draw(st.sampled_from(BETAS))
    block = draw.draw(st.sampled_from(names_of(name, layers)))
    weight = draw.draw(st.sampled_from([0.01, 0.3, 10.0]))
    seed = draw.draw(st.integers(0, 2**31))
    V = data(SHAPE, seed)
    if block == "core" and kind is not Sparsity:
        return  # a core has no components in rows
    weights = {top: (*RHO, 0.2)[: len(ranks)] for top, ranks in layers.items()}
    found, penalty = [], None

    def record(_, model):
        total = objective(V.reshape(model.reconstruct().shape), model, beta, weights)
        if kind is Sparsity:
            found.append(total + weight * sparsity(model, block))
        else:
            found.append(total + penalty.value(matrix_of(model, block).T))

    options = {"loss": loss, "beta": beta, "seed": seed, "start_iter": 3}
    if loss == "layers":
        options["weights"] = weights["templates"] if name == "nmf" else weights
    if kind is Harmonicity:
        sizes = run(name, V, layers, max_iter=0, **options)
        penalty = kind(weight, combs_of(len(matrix_of(sizes, block))))
    else:
        penalty = kind(weight)
    run(
        name,
        V,
        layers,
        penalties={block: penalty},
        max_iter=8,
        callback=record,
        backend=draw.draw(st.sampled_from(["c", "numpy"])),
        **options,
    )
    assert np.isfinite(found).all()
    assert np.diff(found).max() <= 1e-9 * np.abs(found).max()


@pytest.mark.parametrize("loss", ["layers", "data"])
@pytest.mark.parametrize("case", CASES)
def test_penalties_are_seen_from_each_factor_by_their_gradient(case, loss):
    name, layers = case
    rng = np.random.default_rng(0)
    rho = {top: (*RHO, 0.2)[: len(ranks)] for top, ranks in layers.items()}

    def compare(problem, moving):
        def value(kind, block):
            names = set(problem.blocks) - (
                set(problem.chains) if loss == "data" else set()
            )
            model = problem.model({n: problem.blocks[n] for n in names}, 0)
            if kind is Sparsity:
                return sparsity(model, block)
            return penalty_of(kind, model, block).value(matrix_of(model, block).T)

        def penalty_of(kind, model, block):
            if kind is Harmonicity:
                return kind(1.0, combs_of(len(matrix_of(model, block))))
            return kind(1.0)

        model = run(name, data(SHAPE), layers, loss=loss, start_iter=1, max_iter=0)
        B = problem.as_moving(moving, problem.blocks[moving])
        place = tuple(rng.integers(size) for size in B.shape)
        weight = 1.0
        if loss == "layers" and moving in problem._layer:
            top, depth = problem._layer[moving]
            weight = rho[top][depth]
        for block in names_of(name, layers):
            for kind in (Sparsity,) if block == "core" else KINDS:
                penalty = penalty_of(kind, model, block)
                problem.penalties = {block: [penalty]}
                seen = problem.penalties_on(moving)
                at = B[place]
                B[place] = at + 1e-5
                slope = value(kind, block)
                B[place] = at - 1e-5
                slope = (slope - value(kind, block)) / 2e-5
                B[place] = at
                assert (problem.penalty_value(penalty, block)) == pytest.approx(
                    value(kind, block)
                )
                found = 0.0
                for one in seen:
                    plus, minus = (part + 0 * B for part in one.parts(B))
                    found = (plus - minus)[place] * weight
                assert found == pytest.approx(slope, rel=1e-4, abs=1e-6)
        problem.penalties = {}

    options = {"loss": loss, "start_iter": 5, "max_iter": 1, "seed": 0}
    if loss == "layers":
        options["weights"] = rho["templates"] if name == "nmf" else rho
    run(name, data(SHAPE), layers, update=compare, **options)


# ---- what they do


def test_a_sparse_deep_model_has_sparser_factors_where_it_was_asked_for():
    V = data((20, 30))
    for loss in ("layers", "data"):
        for block in ("activations", "activations 2"):
            options = {"loss": loss, "beta": 2, "seed": 0, "max_iter": 60}
            plain = deep_nmf(V, (8, 4), **options)
            sparse = deep_nmf(V, (8, 4), penalties={block: Sparsity(3.0)}, **options)
            assert hoyer(matrix_of(sparse, block)) > hoyer(matrix_of(plain, block))
            assert sparsity(sparse, block) < sparsity(plain, block)


def hoyer(U):
    """Sparsity of Hoyer (2004): 0 for equal entries, 1 for a single one."""
    root = U.size**0.5
    return (root - U.sum() / np.linalg.norm(U)) / (root - 1)


def test_combs_have_their_partials_and_no_more():
    combs = harmonic_combs(np.arange(0, 1000, 10.0), [110, 220], n_partials=3)
    assert (combs[0, [11, 22, 33]] == 1).all()
    assert combs[0, [5, 16, 27, 44]].max() < 1e-5
    assert (combs[1, [22, 44, 66]] == 1).all()
    with pytest.raises(ValueError, match="frequencies"):
        harmonic_combs([100.0], [110])


def test_harmonicity_knows_harmonic_spectra_from_others_at_any_pitch():
    combs = harmonic_combs(np.arange(0, 2000, 10.0), [60, 110, 220, 440])
    penalty = Harmonicity(1.0, combs)
    for pitch, comb in enumerate(combs):  # though lower ones have its partials too
        costs = [Harmonicity(1.0, combs, [p]).value(comb[None]) for p in range(4)]
        assert np.argmin(costs) == pitch
        assert penalty.value(7 * comb[None]) == pytest.approx(costs[pitch])
        assert costs[pitch] < 0.5
    flat = np.ones((1, 200))
    assert penalty.value(flat) == pytest.approx(1)
    for pitch in range(4):
        assert Harmonicity(2.0, combs, [pitch]).value(flat) == pytest.approx(2)


@pytest.mark.parametrize("known", [True, False])
def test_harmonicity_makes_templates_harmonic(known):
    rng = np.random.default_rng(0)
    combs = harmonic_combs(np.arange(0, 2000, 10.0), [150, 220, 330])
    V = combs.T @ rng.gamma(0.3, 1, (3, 60)) + rng.gamma(0.5, 0.3, (200, 60))
    penalty = Harmonicity(500.0, combs, [0, 1, 2] if known else None)
    plain = nmf(V, 3, seed=0, max_iter=100)
    model = nmf(V, 3, seed=0, max_iter=100, penalties={"templates": penalty})
    assert penalty.value(model.templates.T) < 0.7 * penalty.value(plain.templates.T)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["layers", "data"])
def test_backends_and_libraries_agree_on_penalties_of_layers(kind, loss):
    V = data((12, 15))
    penalty = kind(0.5, combs_of(12)) if kind is Harmonicity else kind(0.5)
    options = {"loss": loss, "penalties": {"templates": penalty}, "seed": 0}
    options |= {"max_iter": 5, "start_iter": 5}
    expected = deep_nmf(V, (6, 3), backend="numpy", **options).reconstruct()
    for array, backend in ((V, "c"), (torch.from_numpy(V), "torch")):
        found = deep_nmf(array, (6, 3), backend=backend, **options).reconstruct()
        np.testing.assert_allclose(np.asarray(found), expected, 1e-8)


# ---- what is refused


def test_what_has_no_meaning_is_refused_by_name():
    V, combs = data(), combs_of(12)
    for bad, named in (
        ((-1.0, combs), "weight"),
        ((1.0, combs[0]), "combs"),
        ((1.0, 2 * combs), "combs"),
        ((1.0, -combs), "combs"),
    ):
        with pytest.raises(ValueError, match=named):
            Harmonicity(*bad)
    for penalty, named in (
        (Harmonicity(1.0, combs[:, :5]), "combs"),
        (Harmonicity(1.0, combs, [0, 1]), "pitches"),
    ):
        with pytest.raises(ValueError, match=named):
            deep_nmf(V, (6, 3), penalties={"templates": penalty}, seed=0)
    with pytest.raises(ValueError, match="penalties names"):
        deep_nmf(V, (6, 3), penalties={"templates 3": Sparsity(1.0)})
    for loss in ("layers", "data"):
        with pytest.raises(ValueError, match="core"):
            deep_ntd(
                data(SHAPE),
                (3, 2, 2),
                {"core": (2,)},
                loss=loss,
                penalties={"core": Smoothness(1.0)},
            )
