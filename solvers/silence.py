"""The floor of every transcription score."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.transcription.decoder import no_notes


class Solver(BaseSolver):
    """No notes at all: a floor that a change to the scoring shows up against."""

    name = "silence"
    answers = "notes"
    kind = "floor"

    def predict(self, recording, given):
        return no_notes()
