"""How alike factorizations are: matches, chance, alignment, consensus, stability."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.lowrank import (
    NCP,
    NMF,
    NTD,
    align,
    chance_match,
    consensus,
    consensus_matrix,
    convolutive_nmf,
    cophenetic_correlation,
    deep_ncp,
    dispersion,
    factor_match,
    ncp,
    nmf,
    rank_stability,
)

every_kind = pytest.mark.parametrize("kind", ["nmf", "ncp", "ntd", "list"])


def made(kind, seed=0):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.gamma(0.5, 1, (size, 4)) for size in (20, 15, 9))
    return {
        "nmf": NMF(a, b.T, labels=list("abcd")),
        "ncp": NCP(CPTensor((np.ones(4), [a, b, c])), labels=list("abcd")),
        "ntd": NTD(
            TuckerTensor((rng.random((4, 3, 2)), [a, b[:, :3], c[:, :2]])),
            labels=list("abcd"),
        ),
        "list": [a, b, c],
    }[kind]


def disturbed(model):
    """The same model, its components permuted and scaled."""
    order, scale = [2, 0, 3, 1], np.array([1e-3, 5.0, 1.0, 40.0])
    if isinstance(model, list):
        first, *others, last = model
        others = [U[:, order] for U in others]
        return [first[:, order] * scale, *others, last[:, order] / scale]
    labels = [model.labels[k] for k in order]
    if isinstance(model, NMF):
        H = model.activations[order] / scale[:, None]
        return NMF(model.templates[:, order] * scale, H, labels=labels)
    if isinstance(model, NCP):
        weights = model.cp.weights[order] / scale
        first, *others = (U[:, order] for U in model.factors)
        return NCP(CPTensor((weights, [first * scale, *others])), labels=labels)
    first, second, third = model.factors
    core = model.core[order][:, [1, 2, 0]] / scale[:, None, None] * 2
    factors = [first[:, order] * scale, second[:, [1, 2, 0]] / 2, third]
    return NTD(TuckerTensor((core, factors)), labels=labels)


def product(model):
    if isinstance(model, list):
        return np.einsum("ir,jr,kr->ijk", *model)
    return np.asarray(model.reconstruct())


# ---- the match


@every_kind
def test_a_model_matches_itself_whatever_its_order_and_scale(kind):
    model = made(kind)
    assert factor_match(model, model) == pytest.approx(1, abs=1e-12)
    assert factor_match(model, disturbed(model)) == pytest.approx(1, abs=1e-12)
    other = made(kind, seed=1)
    match = factor_match(model, other)
    assert match < 0.9
    assert match == pytest.approx(factor_match(disturbed(other), model), abs=1e-12)


def test_the_match_is_the_best_of_all_pairings():
    true, found = made("nmf"), made("nmf", seed=1)
    cosines = np.ones((4, 4))
    for T, U in (
        (true.templates, found.templates),
        (true.activations.T, found.activations.T),
    ):
        cosines *= (T / np.linalg.norm(T, axis=0)).T @ (U / np.linalg.norm(U, axis=0))
    best = max(cosines[range(4), order].mean() for order in permutations(range(4)))
    assert factor_match(true, found) == pytest.approx(best)


def test_components_without_a_partner_count_as_zero():
    W, H = made("nmf").templates, made("nmf").activations
    assert factor_match(NMF(W, H), NMF(W[:, :3], H[:3])) == pytest.approx(3 / 4)
    assert factor_match([W[:, :1]], [W]) == pytest.approx(1 / 4)
    assert factor_match([W], [np.where([1, 1, 0, 1], W, 0)]) == pytest.approx(3 / 4)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_scales_do_not_count(scale):
    W = made("nmf").templates
    assert factor_match([W], [scale * W]) == pytest.approx(1)


def test_any_model_can_be_compared():
    V = np.random.default_rng(0).random((12, 10)) + 0.1
    model = convolutive_nmf(torch.from_numpy(V), 3, 2, seed=0, max_iter=2)
    assert factor_match(model, model) == pytest.approx(1)
    tensor = np.random.default_rng(0).random((6, 5, 4)) + 0.1
    deep = deep_ncp(tensor, 3, {0: (2,)}, seed=0, max_iter=2)
    assert factor_match(deep, NCP(deep.cp)) == pytest.approx(1)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="rows"):
        factor_match(made("nmf"), made("ncp"))
    with pytest.raises(ValueError, match="rows"):
        factor_match([np.ones((3, 2))], [np.ones((4, 2))])
    with pytest.raises(ValueError, match="estimate has factors of other than two axes"):
        factor_match([np.ones((3, 2))], [np.ones(3)])


# ---- chance


@every_kind
def test_random_factors_match_as_chance_says(kind):
    model = made(kind)
    chance = chance_match(model, made(kind, seed=1), seed=0)
    assert 0 < chance.low < chance.mean < chance.high < 0.95
    # factors of the same distribution that have nothing to do with the truth
    others = [factor_match(model, made(kind, seed=seed)) for seed in range(2, 22)]
    assert chance.low < np.mean(others) < chance.high


def test_mixtures_of_the_estimate_are_what_chance_finds_in_its_span():
    rng = np.random.default_rng(0)
    coarse = rng.gamma(0.3, 1, (40, 3))
    fine = coarse @ rng.dirichlet(np.ones(3), 9).T
    mixed = chance_match([fine], [coarse], "mixed", seed=1)
    permuted = chance_match([fine], [coarse], "permuted", seed=1)
    assert mixed.mean > 0.8 > permuted.mean + 0.1
    rescaled = chance_match([fine], [coarse * [1e3, 1, 1e-3]], "mixed", seed=1)
    assert rescaled == pytest.approx(mixed)


def test_chance_is_the_same_for_the_same_seed():
    a, b = made("ncp"), made("ncp", seed=1)
    assert chance_match(a, b, seed=3) == chance_match(a, b, seed=3)
    assert chance_match(a, b, seed=3) != chance_match(a, b, seed=4)
    with pytest.raises(ValueError, match="how is 'any'"):
        chance_match(a, b, "any")


# ---- alignment and consensus


@every_kind
def test_an_aligned_model_is_the_reference_where_it_is_the_same_model(kind):
    model = made(kind)
    moved = disturbed(model)
    found = align(moved, model)
    np.testing.assert_allclose(product(found), product(moved), rtol=1e-10)
    pairs = zip(
        found if kind == "list" else [found.templates, found.activations],
        model if kind == "list" else [model.templates, model.activations],
        strict=True,
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    if kind != "list":
        assert found.labels == list("abcd")


def test_what_has_no_partner_comes_last():
    W, H = made("nmf").templates, made("nmf").activations
    found = align(NMF(W, H), NMF(W[:, [3, 1]], H[[3, 1]]))
    np.testing.assert_allclose(found.templates, W[:, [3, 1, 0, 2]])
    few = align([W[:, [2, 0]]], [W])
    np.testing.assert_allclose(few[0], W[:, [0, 2]])


def test_tensors_of_pytorch_stay_what_they_are():
    W, H = (torch.from_numpy(U) for U in (made("nmf").templates, np.ones((4, 3))))
    found = align(NMF(W[:, [1, 0, 3, 2]], H), made_with(W, H))
    assert isinstance(found.templates, torch.Tensor)
    torch.testing.assert_close(found.templates, W)


def made_with(W, H):
    return NMF(W.numpy(), H.numpy())


def test_models_with_more_than_their_factors_are_not_taken_apart():
    V = np.random.default_rng(0).random((12, 10)) + 0.1
    model = convolutive_nmf(V, 3, 2, seed=0, max_iter=1)
    with pytest.raises(TypeError, match=r"give NMF, NCP, NTD, or its factors"):
        align(model, model)


@pytest.mark.parametrize("kind", ["nmf", "ncp", "list"])
def test_runs_that_found_the_same_agree_on_every_component(kind):
    model = made(kind)
    found = consensus([disturbed(model), model, disturbed(disturbed(model))])
    np.testing.assert_allclose(found.agreement, 1)
    np.testing.assert_allclose(product(found.model), product(model), rtol=1e-10)
    assert factor_match(found.runs[1], model) == pytest.approx(1)


def test_a_component_that_only_one_run_found_is_told():
    model = made("nmf")
    W = model.templates.copy()
    W[:, 2] = np.random.default_rng(9).gamma(0.5, 1, 20)
    found = consensus([model, model, NMF(W, model.activations)])
    assert np.flatnonzero(found.agreement < 0.9).tolist() == [2]


def test_consensus_refuses_what_it_cannot_cluster():
    with pytest.raises(ValueError, match="give two runs or more"):
        consensus([made("nmf")])
    with pytest.raises(TypeError, match="differ from mode to mode"):
        consensus([made("ntd"), made("ntd")])
    with pytest.raises(ValueError, match="differ in size"):
        consensus([[np.ones((4, 2))], [np.ones((4, 3))]])


# ---- stability


def test_columns_that_all_runs_put_together_have_consensus_one():
    H = np.kron(np.eye(3), np.ones((1, 4)))
    together = consensus_matrix([H, H[[2, 0, 1]]])
    np.testing.assert_array_equal(together, np.kron(np.eye(3), np.ones((4, 4))))
    assert dispersion(together) == 1
    assert cophenetic_correlation(together) == pytest.approx(1)
    undecided = consensus_matrix([H, np.roll(H, 2, axis=1)])
    assert dispersion(undecided) < 1
    assert set(np.unique(undecided)) == {0, 0.5, 1}
    assert dispersion(np.full((5, 5), 0.5)) == 0
    assert cophenetic_correlation(np.ones((5, 5))) == 1
    with pytest.raises(ValueError, match="give runs on one V"):
        consensus_matrix([])


def test_the_loudest_component_counts_and_not_the_scale_of_its_activations():
    model = made("nmf")
    scaled = disturbed(model)
    np.testing.assert_array_equal(
        consensus_matrix([model, scaled]), consensus_matrix([model])
    )


def test_runs_agree_most_at_the_rank_of_the_data():
    rng = np.random.default_rng(0)
    H = np.kron(np.eye(4), np.ones((1, 12))) * rng.gamma(4, 1, (1, 48))
    V = rng.gamma(0.3, 1, (40, 4)) @ (H + 0.02) * rng.gamma(30, 1 / 30, (40, 48))
    tried = rank_stability(V, [3, 4, 6], n_runs=5, seed=0, max_iter=80)
    assert [row.rank for row in tried] == [3, 4, 6]
    best = max(tried, key=lambda row: row.dispersion)
    assert best.rank == 4
    assert max(tried, key=lambda row: row.match).rank == 4
    assert best.cophenetic > 0.99
    assert tried[0].divergence > tried[1].divergence > tried[2].divergence
    again = rank_stability(V, [4], n_runs=5, seed=0, max_iter=80)
    assert again == [tried[1]]


def test_the_divergence_beside_stability_is_what_the_runs_minimised():
    V = np.random.default_rng(0).gamma(0.5, 1, (9, 8))
    V[0, 0], V[3] = np.nan, 0
    weights = np.random.default_rng(1).uniform(0, 2, V.shape)
    filled = np.nan_to_num(V)
    for data, how in (
        (V, {"missing": "nan"}),
        (np.ma.masked_invalid(V), {"data_weights": weights}),
        (filled, {"beta": 0}),
        (csr_array(filled), {"beta": 2}),
        (csr_array(filled), {"beta": 0, "data_weights": csr_array(weights)}),
    ):
        (runs,) = rank_stability(data, [2], n_runs=2, seed=0, max_iter=9, **how)
        seeds = np.random.SeedSequence(0).generate_state(2).tolist()
        best = min(nmf(data, 2, seed=s, max_iter=9, **how).objective for s in seeds)
        assert runs.divergence == pytest.approx(best, rel=1e-9)


def test_stability_of_tensor_models():
    V = np.random.default_rng(0).random((8, 6, 5))
    (row,) = rank_stability(V, [2], n_runs=2, fit=ncp, seed=0, max_iter=3, beta=2)
    assert 0 < row.match <= 1
    with pytest.raises(ValueError, match="n_runs"):
        rank_stability(V, [2], n_runs=1, fit=ncp)


def test_nmf_finds_what_chance_does_not():
    truth = made("nmf")
    model = nmf(truth.reconstruct(), 4, seed=0, max_iter=200)
    assert factor_match(truth, model) > chance_match(truth, model, seed=0).high + 0.1
