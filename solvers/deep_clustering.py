"""Deep clustering, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.networks import SeparatesByMasks


class Solver(SeparatesByMasks, BaseSolver):
    """Masks of 0 and 1 of each channel: clusters of points that a network gives bins.

    Clusters keep the names of the stems from which k-means starts. It learns from what
    the U-Net learns from. Hershey et al. 2016.
    """

    name = "deep_clustering"
    in_default_run = False  # it trains for minutes
    parameters = {"steps": [300], "minutes": [None]}

    def prepare(self):
        from musaic_core.learned import deep_clustering

        self.module, self.network = deep_clustering, deep_clustering.DeepClustering

    def learn(self, recordings, **options):
        return self.module.fit(recordings, **options)
