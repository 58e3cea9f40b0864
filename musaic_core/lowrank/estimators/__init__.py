"""The factorizations as estimators of scikit-learn, for its pipelines and searches.

Rows are samples, as everywhere in scikit-learn: X (n_samples, n_features) is the
transpose of the V that the functions take, and of a tensor X (n_samples, I_1, …) the
samples are V's last mode. So `components_` are what the samples have in common, one
spectrum or pattern each, and `transform` finds how much of each a sample has.
"""

from musaic_core.lowrank.estimators.batch import (
    NCPEstimator,
    NMFEstimator,
    NTDEstimator,
)
from musaic_core.lowrank.estimators.deep import (
    DeepNCPEstimator,
    DeepNMFEstimator,
    DeepNTDEstimator,
)
from musaic_core.lowrank.estimators.online import (
    OnlineNCPEstimator,
    OnlineNMFEstimator,
    OnlineNTDEstimator,
)

__all__ = [
    "DeepNCPEstimator",
    "DeepNMFEstimator",
    "DeepNTDEstimator",
    "NCPEstimator",
    "NMFEstimator",
    "NTDEstimator",
    "OnlineNCPEstimator",
    "OnlineNMFEstimator",
    "OnlineNTDEstimator",
]
