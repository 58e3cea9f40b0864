"""The estimators: what scikit-learn expects of them, and what the functions give."""

import runpy

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from conftest import ROOT
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from musaic_core.lowrank import OnlineNMF, Sparsity, beta_divergence, nmf
from musaic_core.lowrank.estimators import (
    DeepNCPEstimator,
    DeepNMFEstimator,
    DeepNTDEstimator,
    NCPEstimator,
    NMFEstimator,
    NTDEstimator,
    OnlineNCPEstimator,
    OnlineNMFEstimator,
    OnlineNTDEstimator,
)
from musaic_core.lowrank.estimators.base import seen_from_samples


def name(estimator):
    """Its class and what makes it special."""
    return " ".join(repr(estimator).split())


SHORT = {"max_iter": 30, "transform_max_iter": 30}
TENSOR = [
    NCPEstimator(3, random_state=0),
    NTDEstimator((3, 4, 2), random_state=0),
    DeepNCPEstimator(4, random_state=0),
    DeepNTDEstimator((3, 4, 2), {1: (2,), "core": (2,)}, random_state=0),
    DeepNCPEstimator(4, {2: (2,), 0: (3,)}, loss="data", random_state=0),
    OnlineNCPEstimator(3, random_state=0),
    OnlineNTDEstimator((3, 4, 2), random_state=0),
    OnlineNCPEstimator(4, layers={1: (3,)}, random_state=0),
]
MATRIX = [
    NMFEstimator(3, random_state=0),
    NMFEstimator(3, beta=2, update="hals", random_state=0),
    DeepNMFEstimator((4, 3), random_state=0),
    DeepNMFEstimator((4, 3), loss="data", random_state=0),
    OnlineNMFEstimator(3, random_state=0),
    OnlineNMFEstimator(4, layers=(3,), random_state=0),
]
every_estimator = pytest.mark.parametrize("estimator", MATRIX + TENSOR, ids=name)


def samples(estimator, n=30, seed=0):
    """Of exactly the rank that the estimators above have."""
    rng = np.random.default_rng(seed)
    sizes = (8, 5) if estimator._takes_tensors else (12,)
    factors = [np.random.default_rng(1).gamma(0.5, 1, (s, 3)) + 0.01 for s in sizes]
    patterns = np.einsum("ir,jr->rij", *factors) if len(sizes) == 2 else factors[0].T
    return np.tensordot(rng.gamma(0.5, 1, (n, 3)) + 0.01, patterns, 1)


# ---- scikit-learn's own checks


def known(estimator):
    """Checks that are not passed, and why."""
    if estimator.beta <= 0:
        return {
            "check_methods_subset_invariance": "zeros count as a floor that is "
            "relative to the mean of what is given"
        }
    return {}


@parametrize_with_checks([NMFEstimator(), NMFEstimator(beta=2, **SHORT)])
def test_nmf_passes_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        NMFEstimator(beta=0, **SHORT),
        NMFEstimator(beta=1.5, update="mu-extrapolated", init="nndsvd", **SHORT),
        NCPEstimator(4, **SHORT),
        NTDEstimator(4, **SHORT),
        DeepNMFEstimator(**SHORT),
        DeepNCPEstimator(**SHORT),
        DeepNTDEstimator(4, **SHORT),
        OnlineNMFEstimator(),
        OnlineNMFEstimator(layers=(4,)),
        OnlineNCPEstimator(4),
        OnlineNTDEstimator(4),
    ],
    expected_failed_checks=known,
)
def test_all_pass_scikit_learns_checks(estimator, check):
    check(estimator)


# ---- they are what the functions are


def test_fit_is_the_function_on_the_transpose():
    X = samples(NMFEstimator())
    estimator = NMFEstimator(4, max_iter=20, tol=0, random_state=0).fit(X)
    model = nmf(X.T, 4, max_iter=20, seed=estimator._seed())
    np.testing.assert_array_equal(estimator.components_, model.templates.T)
    error = beta_divergence(X, model.reconstruct().T)
    assert estimator.reconstruction_err_ == pytest.approx(error, rel=1e-8)
    assert estimator.n_iter_ == 20


@every_estimator
def test_samples_come_back_from_their_codes(estimator):
    X = samples(estimator, 60)
    if hasattr(estimator, "n_epochs"):
        estimator.set_params(n_epochs=5)
    codes = estimator.fit(X[:40]).transform(X[40:])
    assert codes.shape == (20, len(estimator.components_))
    assert estimator.components_.shape[1:] == X.shape[1:]
    back = estimator.inverse_transform(codes)
    assert back.shape == X[40:].shape
    assert np.linalg.norm(back - X[40:]) < 0.2 * np.linalg.norm(X[40:])


@pytest.mark.parametrize("estimator", [*MATRIX[:4], *TENSOR[:5]], ids=name)
def test_components_and_codes_are_the_model(estimator):
    X = samples(estimator)
    model = estimator.fit(X).model_
    components, codes = seen_from_samples(model)
    back = (codes.T @ components).reshape(X.shape)
    np.testing.assert_allclose(np.moveaxis(back, 0, -1), model.reconstruct(), 1e-10)
    np.testing.assert_array_equal(components.reshape(-1), estimator.components_.ravel())
    expected = beta_divergence(X, back, estimator.beta)
    assert estimator.reconstruction_err_ == pytest.approx(expected, rel=1e-8)


def test_ranks_and_layers_are_by_the_axes_of_x():
    X = samples(TENSOR[0])
    estimator = NTDEstimator((3, 4, 2), max_iter=2).fit(X)
    assert estimator.components_.shape == (3, 8, 5)
    assert estimator.model_.core.shape == (4, 2, 3)
    deep = DeepNCPEstimator(4, {0: (2,), 2: (3,)}, max_iter=2).fit(X)
    layers = {
        mode: below[0].templates.shape for mode, below in deep.model_.below.items()
    }
    assert layers == {2: (30, 2), 1: (5, 3)}


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize("make", [NMFEstimator, DeepNMFEstimator])
def test_sparse_samples_give_what_dense_ones_give(make, beta):
    X = np.random.default_rng(0).poisson(0.3, (40, 15)).astype(float)
    sparse = scipy.sparse.csr_array(X)
    one, other = (
        make(beta=beta, random_state=0, max_iter=20).fit(A) for A in (X, sparse)
    )
    np.testing.assert_allclose(one.components_, other.components_, 1e-8, 1e-12)
    np.testing.assert_allclose(one.transform(X), other.transform(sparse), 1e-8, 1e-12)
    assert one.score(X) == pytest.approx(other.score(sparse), rel=1e-10)
    assert one.reconstruction_err_ == pytest.approx(other.reconstruction_err_)


def test_other_betas_refuse_sparse_samples():
    X = scipy.sparse.csr_array(samples(NMFEstimator()))
    with pytest.raises(TypeError, match="dense"):
        NMFEstimator(beta=0.5).fit(X)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_score_is_minus_the_mean_divergence(beta):
    X = samples(NMFEstimator(), 50) + 0.1
    estimator = NMFEstimator(2, beta=beta, random_state=0).fit(X[:30])
    back = estimator.inverse_transform(estimator.transform(X[30:]))
    expected = -beta_divergence(X[30:], back, beta) / back.size
    assert estimator.score(X[30:]) == pytest.approx(expected, rel=1e-8)


def test_a_sample_has_the_same_codes_in_any_company():
    X = samples(NMFEstimator())
    estimator = NMFEstimator(3, random_state=0).fit(X)
    alone = np.concatenate([estimator.transform(x[None]) for x in X])
    loud = np.concatenate([X, 1e6 * X])
    np.testing.assert_allclose(estimator.transform(X), alone, 1e-8)
    np.testing.assert_allclose(estimator.transform(loud)[: len(X)], alone, 1e-8)


def test_silent_samples_have_codes_of_zero():
    X = samples(NMFEstimator())
    X[4] = 0
    codes = NMFEstimator(3, random_state=0).fit_transform(X)
    assert not codes[4].any()
    assert codes.any(1).sum() == len(X) - 1


def test_penalties_on_the_codes_are_minded_by_transform():
    X = samples(NMFEstimator())
    plain = NMFEstimator(3, random_state=0).fit(X)
    sparse = NMFEstimator(3, random_state=0, penalties={"activations": Sparsity(0.5)})
    sparse.fit(X).components_ = plain.components_
    assert sparse.transform(X).sum() < 0.95 * plain.transform(X).sum()


# ---- learning from what comes


def test_partial_fit_is_the_learners():
    X = samples(OnlineNMFEstimator(), 60)
    estimator = OnlineNMFEstimator(3, random_state=0)
    seed = estimator._seed()
    learner = OnlineNMF(3, seed=seed)
    for part in (X[:20], X[20:40], X[40:]):
        estimator.partial_fit(part)
        learner.partial_fit(part.T)
    np.testing.assert_array_equal(estimator.components_, learner.shared["templates"].T)
    assert estimator.n_samples_seen_ == 60


def test_silence_alone_teaches_nothing():
    estimator = OnlineNMFEstimator(3, random_state=0).partial_fit(np.zeros((5, 12)))
    with pytest.raises(NotFittedError):
        estimator.transform(np.ones((2, 12)))
    X = samples(estimator)
    assert estimator.partial_fit(X).transform(X).shape == (30, 3)


def test_fit_begins_anew():
    X, Y = samples(OnlineNMFEstimator()), samples(OnlineNMFEstimator(), seed=5)
    estimator = OnlineNMFEstimator(3, random_state=0)
    after = estimator.fit(Y).partial_fit(Y).fit(X).components_
    np.testing.assert_array_equal(after, estimator.fit(X).components_)


# ---- in pipelines and searches


def test_a_search_over_beta_and_rank_in_a_pipeline():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.gamma(1, 1, (3, 12))[y] * rng.gamma(20, 1 / 20, (60, 12))
    pipeline = make_pipeline(
        NMFEstimator(max_iter=30, transform_max_iter=30, random_state=0),
        KNeighborsClassifier(1),
    )
    grid = {"nmfestimator__beta": [0.5, 1, 2], "nmfestimator__rank": [1, 3]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_["nmfestimator__rank"] == 3
    assert search.best_score_ > 0.9


def test_a_search_by_the_score_of_held_out_rows():
    X = samples(NMFEstimator(), 60) + 0.01
    search = GridSearchCV(
        NMFEstimator(random_state=0), {"rank": [1, 2, 3]}, cv=3, error_score="raise"
    ).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert list(scores) == sorted(scores)
    assert scores[-1] > 0.1 * scores[0]  # both are negative
    assert search.best_params_ == {"rank": 3}


def test_features_have_names():
    X = pd.DataFrame(samples(NMFEstimator()), columns=[f"bin {n}" for n in range(12)])
    estimator = NMFEstimator(3, random_state=0).set_output(transform="pandas")
    codes = estimator.fit_transform(X)
    assert list(codes) == [f"nmfestimator{n}" for n in range(3)]
    assert list(estimator.feature_names_in_) == list(X)


def test_the_example_runs(capsys):
    runpy.run_path(str(ROOT / "examples" / "estimators.py"))
    printed = capsys.readouterr().out
    assert "best for a classifier" in printed
    accuracy = float(printed.split("other digits: ")[1].split()[0])
    assert accuracy > 0.85


# ---- what is refused


def test_samples_of_another_shape_are_refused():
    X = samples(NCPEstimator())
    estimator = NCPEstimator(3, max_iter=2).fit(X)
    with pytest.raises(ValueError, match=r"fitted to samples of shape \(8, 5\)"):
        estimator.transform(X[:, :, :4])


def test_codes_of_another_width_are_refused():
    estimator = NMFEstimator(3, max_iter=2).fit(samples(NMFEstimator()))
    with pytest.raises(ValueError, match="3 components"):
        estimator.inverse_transform(np.ones((2, 4)))


def test_ranks_that_do_not_fit_the_axes_are_refused():
    with pytest.raises(ValueError, match=r"ranks is .* 3 axes"):
        NTDEstimator((3, 2)).fit(samples(NTDEstimator()))


@pytest.mark.parametrize(
    ("parameter", "value"), [("beta", "one"), ("rank", 0), ("update", "sgd")]
)
def test_parameters_are_checked_by_name(parameter, value):
    with pytest.raises(ValueError, match=f"{parameter} is"):
        NMFEstimator(**{parameter: value}).fit(samples(NMFEstimator()))
