"""Ranks are chosen by the entries that a model has not seen."""

from functools import partial

import numpy as np
import pytest
import torch

from musaic_core.lowrank import (
    beta_divergence,
    convolutive_nmf,
    cross_validate_rank,
    deep_nmf,
    held_out_divergence,
    ncp,
    nmf,
    ntd,
    rank_stability,
)
from musaic_core.lowrank.stability import consensus_matrix


def counts(*sizes, rank=3, seed=0):
    """Poisson counts of a sum of that many rank-one arrays."""
    rng = np.random.default_rng(seed)
    factors = [rng.gamma(0.5, 6, (size, rank)) for size in sizes]
    letters = "ijk"[: len(sizes)]
    sums = ",".join(f"{letter}r" for letter in letters)
    return rng.poisson(np.einsum(f"{sums}->{letters}", *factors)).astype(float)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_rank_of_an_nmf_is_found(rank):
    V = counts(40, 50, rank=rank, seed=rank)
    found = cross_validate_rank(nmf, V, [1, 2, 3, 4, 5], n_folds=4, seed=0)
    assert found.best == rank
    assert found.divergences.shape == (5, 4)


def test_the_rank_of_an_ncp_is_found():
    V = counts(12, 10, 9, rank=2)
    assert cross_validate_rank(ncp, V, [1, 2, 3, 4], n_folds=3, seed=0).best == 2
    options = {"beta": 2, "update": "hals"}
    found = cross_validate_rank(ncp, V, [1, 2, 3, 4], n_folds=3, seed=0, **options)
    assert found.best == 2


def test_what_is_held_out_is_compared_and_not_shown():
    V = counts(12, 15, rank=2) + 0.1
    hidden = np.random.default_rng(1).random(V.shape) < 0.3
    options = {"beta": 1, "seed": 0, "max_iter": 20}
    model = nmf(V, 2, data_weights=~hidden, **options).reconstruct()
    expected = beta_divergence(V[hidden], model[hidden]) / hidden.sum()
    found = held_out_divergence(nmf, V, 2, hidden, **options)
    assert found == pytest.approx(expected)
    tensor = held_out_divergence(nmf, torch.tensor(V), 2, hidden, **options)
    assert tensor == pytest.approx(expected)
    weights = np.random.default_rng(2).random(V.shape)
    how = options | {"data_weights": weights}
    model = nmf(V, 2, **options | {"data_weights": weights * ~hidden}).reconstruct()
    expected = beta_divergence(V, model, 1, weights * hidden)
    found = held_out_divergence(nmf, V, 2, hidden, **how)
    assert found == pytest.approx(expected / (weights * hidden).sum())


def test_missing_entries_are_in_no_fold():
    V = counts(12, 15, rank=2) + 0.1
    gone = np.random.default_rng(1).random(V.shape) < 0.2
    how = {"n_folds": 3, "seed": 0, "max_iter": 10}
    expected = cross_validate_rank(nmf, np.ma.masked_array(V, gone), [1, 2], **how)
    with_nan = np.where(gone, np.nan, V)
    found = cross_validate_rank(nmf, with_nan, [1, 2], missing="nan", **how)
    np.testing.assert_array_equal(found.divergences, expected.divergences)
    assert np.isfinite(found.divergences).all()
    with pytest.raises(ValueError, match="held_out has none"):
        held_out_divergence(nmf, with_nan, 2, gone, missing="nan")


def test_any_model_can_be_compared_and_a_seed_gives_the_same():
    V = counts(12, 10, rank=2) + 0.1
    how = {"n_folds": 2, "seed": 3, "max_iter": 5}
    models = [
        (partial(convolutive_nmf, length=2), V, [1, 2]),
        (deep_nmf, V, [(4, 2), (3, 1)]),
        (ntd, V.reshape(12, 5, 2), [(2, 2, 1), (3, 3, 2)]),
    ]
    for factorize, array, ranks in models:
        found, again = (
            cross_validate_rank(factorize, array, ranks, **how) for _ in range(2)
        )
        assert found.best in ranks
        np.testing.assert_array_equal(found.divergences, again.divergences)
        other = cross_validate_rank(factorize, array, ranks, **how | {"seed": 4})
        assert (other.divergences != found.divergences).all()


def test_arguments_that_do_not_fit_are_refused():
    V = counts(6, 5)
    with pytest.raises(ValueError, match="ranks is empty"):
        cross_validate_rank(nmf, V, [])
    with pytest.raises(ValueError, match="n_folds is 1"):
        cross_validate_rank(nmf, V, [1], n_folds=1)
    with pytest.raises(ValueError, match="n_folds is 31"):
        cross_validate_rank(nmf, V, [1], n_folds=31)
    with pytest.raises(ValueError, match="held_out has shape"):
        held_out_divergence(nmf, V, 2, np.ones(3, bool))
    with pytest.raises(ValueError, match="held_out has none"):
        held_out_divergence(nmf, V, 2, np.zeros(V.shape, bool))


def test_a_batch_has_no_stability_of_its_own():
    V = np.stack([counts(6, 8), counts(6, 8, seed=1)])
    with pytest.raises(ValueError, match="V is a batch"):
        rank_stability(V, [2], n_runs=2)
    with pytest.raises(ValueError, match="a batch of matrices"):
        consensus_matrix([nmf(V, 2, seed=0, max_iter=1)])
