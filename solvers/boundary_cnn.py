"""A small network that finds boundaries in self-similarities of bars."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.structure.decoder import make_sections
from musaic_core.tasks.structure.segmentation import label_segments, self_similarity

ALIKE = 0.9  # segments get one label above this quantile of the bars' similarities


class Solver(BaseSolver):
    """Probabilities that a section begins with a bar, and their peaks.

    Networks look at self-similarities of bars around each possible boundary. They are
    trained on the training songs and on others that are made up of the same sections,
    each network without some of the songs, on which its training is stopped and the
    threshold of all of them is chosen. Ullrich, Schlüter and Grill 2014; Cohen-Hadria
    and Peeters 2017.
    """

    name = "boundary_cnn"
    answers = "sections"
    axes = (("frequency", "time in bar", "bar"),)
    requirements = ["pip::torch"]
    parameters = {"steps": [300], "minutes": [None]}
    test_config = {"steps": 2}

    def prepare(self):
        from musaic_core.learned import boundary_cnn

        self.network = boundary_cnn

    def fit(self, train, given):
        def read(track):
            known, starts = given.of(track), track.sections["start"].to_numpy()
            begins = np.zeros(len(known.bars) - 1, bool)
            nearest = np.abs(known.bars[:-1, None] - starts).argmin(0)
            begins[[0, *nearest]] = True
            products = self.network.products(known.V)
            return self.network.Song(track.id, products, begins)

        songs = [track for track in train if track.sections_from is not None]
        return self.network.fit(
            [song for _, song in self.task.learned(songs, read)],
            seed=given.seed,
            device=given.device,
            checkpoints=given.checkpoints,
            steps=self.steps,
            minutes=self.minutes,
        )

    def predict(self, recording, state, given):
        V, bars = given.V, given.bars
        found = self.network.choose(self.network.describe(V, state), state["threshold"])
        boundaries = np.array([0, *(1 + np.flatnonzero(found)), V.shape[2]])
        similarity = self_similarity(V.reshape(-1, V.shape[2]).T)
        labels = label_segments(similarity, boundaries, ALIKE)
        return make_sections(bars, boundaries, labels, recording.duration)
