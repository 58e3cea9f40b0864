"""The floor of every separation score."""

from musaic_core.benchmark.plugins import Solver as BaseSolver


class Solver(BaseSolver):
    """Every stem is an equal part of the mixture: a floor for the others."""

    name = "mixture"
    answers = "stems"

    def solve(self, task):
        def equal_parts(track):
            part = track.audio()[0] / len(task.stems)
            return dict.fromkeys(task.stems, part)

        return task.predict(equal_parts)
