"""NMF in scikit-learn's pipelines and searches: which β and rank suit a task.

Run it with ``python examples/estimators.py``; it takes some seconds.
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from musaic_core.lowrank import beta_divergence
from musaic_core.lowrank.estimators import NMFEstimator


def kullback_leibler(estimator, X, y=None):
    """Minus the mean divergence of samples, in one unit whatever β was fitted."""
    approximation = estimator.inverse_transform(estimator.transform(X))
    return -beta_divergence(X, approximation + 1e-9, beta=1) / X.size


X, y = load_digits(return_X_y=True)
train, test, y_train, y_test = train_test_split(
    X, y, train_size=300, test_size=300, stratify=y, random_state=0
)
nmf = NMFEstimator(max_iter=50, transform_max_iter=50, random_state=0)

# 1. by what is made of the codes: here a classifier says which β and rank are best
classifier = make_pipeline(nmf, Normalizer(), LogisticRegression(C=100, max_iter=500))
by_accuracy = GridSearchCV(
    classifier, {"nmfestimator__beta": [0.5, 1, 2], "nmfestimator__rank": [4, 16]}, cv=2
).fit(train, y_train)
print("best for a classifier:", by_accuracy.best_params_)
print(f"its accuracy on other digits: {by_accuracy.score(test, y_test):.3f}")

# 2. by how well held-out rows are approximated. `score` is in the units of each β, so
# that a search over β needs one measure for all; and more components approximate
# better, held out or not, so that this alone does not say how many there are
by_divergence = GridSearchCV(
    nmf, {"beta": [0.5, 1, 2], "rank": [4, 16]}, scoring=kullback_leibler, cv=2
).fit(train)
print("best for the approximation:", by_divergence.best_params_)
print("ranks by the score itself, for beta = 1:")
by_rank = GridSearchCV(nmf, {"rank": [2, 4, 8, 16]}, cv=2).fit(train)
for rank, score in zip(
    by_rank.cv_results_["param_rank"],
    by_rank.cv_results_["mean_test_score"],
    strict=True,
):
    print(f"  {rank:2d}  {score:.3f}")
