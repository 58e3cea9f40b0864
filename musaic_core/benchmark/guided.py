"""Objectives of tasks in which a user may correct what a model gave."""

import numpy as np

from musaic_core.benchmark.objective import Objective
from musaic_core.tasks.guidance import User, gains


class GuidedObjective(Objective):
    """A task, and a user who says what is wrong with the first answers.

    A subclass defines, besides what every objective does, ``corrections(track,
    answer)``, which lists all hints that there are to be given, what a listener notices
    first coming first, and ``score_elsewhere(track, answer)``, which scores what the
    user has not listened to; None where there is no reference.

    Attributes
    ----------
    hints : int
        How many the user gives on each recording: none in a run that does not ask for
        them. With some, rows have `musaic_core.tasks.guidance.gains` for columns.
    wrong_hints : float
        Share of them that say the opposite.
    """

    parameters = {"hints": [0], "wrong_hints": [0]}

    def skip(self, missing=None, **data):
        if not (isinstance(self.hints, int) and self.hints >= 0):
            return True, f"hints is {self.hints}; give a whole number, 0 for none"
        if not 0 <= self.wrong_hints <= 1:
            return True, f"wrong_hints is {self.wrong_hints}; give a share from 0 to 1"
        return super().skip(missing, **data)

    @property
    def user(self):
        """Who corrects the first answers; None where nobody does."""
        if not self.hints:
            return None
        how = self.hints, self.wrong_hints, self.seed
        return User(self.references, self.corrections, *how)

    def _scored(self, track, estimate):
        if not self.hints:
            return super()._scored(track, estimate)
        before, after = (
            self.score_elsewhere(track, answer)
            for answer in (estimate.before, estimate.answer)
        )
        scores = {} if after is None else gains(before, after, len(estimate.hints))
        return {"duration": getattr(track, "duration", np.nan), **scores}
