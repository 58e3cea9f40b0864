"""The floor of every transcription score."""

from musaic_core.benchmark.plugins import Solver as BaseSolver
from musaic_core.tasks.transcription.task import no_notes


class Solver(BaseSolver):
    """No notes at all: a floor that a change to the scoring shows up against."""

    name = "silence"
    answers = "notes"

    def solve(self, task):
        return task.predict(lambda track: no_notes())
