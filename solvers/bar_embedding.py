"""Embeddings of bars, learned from recordings without annotations."""

from musaic_core.benchmark.solver import Solver as BaseSolver


class Solver(BaseSolver):
    """Vectors of bars that are alike where bars are near, by a convolutional network.

    It learns from the sound of the training recordings alone, on triplets of bars of
    which two are near each other; of their sections, only the task's decoder knows,
    which makes segments and labels of the vectors as of all descriptions. McCallum
    2019; Buisson et al. 2022.
    """

    name = "bar_embedding"
    answers = "sections"
    describes = True
    in_default_run = False  # it trains for some seconds
    axes = (("frequency", "time in bar", "bar"),)
    requirements = ["pip::torch"]
    parameters = {"steps": [150], "minutes": [None]}
    test_config = {"steps": 2}

    def prepare(self):
        from musaic_core.learned import bar_embedding

        self.network = bar_embedding

    def fit(self, train, given):
        return self.network.fit(
            [(track.id, V) for track, V in given.read(train)],
            seed=given.seed,
            device=given.device,
            checkpoints=given.checkpoints,
            steps=self.steps,
            minutes=self.minutes,
        )

    def predict(self, recording, state, given):
        return self.network.describe(given.V, state, given.device)
