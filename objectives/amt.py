"""Automatic music transcription."""

import numpy as np

from musaic_core.benchmark.plugins import Objective as BaseObjective
from musaic_core.benchmark.plugins import task_of
from musaic_core.data.notes import write_midi
from musaic_core.results.pictures import save_factors
from musaic_core.tasks.transcription.task import (
    FRAME,
    Transcription,
    band_frequencies,
    no_notes,
    transcription_scores,
)


class Objective(BaseObjective):
    """Which note starts when: estimated notes against those that were played.

    Scores are mir_eval's (Raffel et al. 2014). An onset is right within 50 ms and a
    quarter tone; notes also need their offset, within 50 ms or a fifth of the note's
    length; frames compare the sounding pitches every 50 ms. The score to rank by is
    the F-measure of the onsets. Times are of learning, tuning and transcribing; the
    spectrograms that all factorizations share are computed beforehand.
    """

    name = "Automatic music transcription"
    url = "../../amt"  # the reports link it: the folder they lie in
    test_config = {"dataset": {"name": "mini"}}

    def set_data(self, train, test, isolated):
        seed = self.get_seed()
        self.task = task_of(Transcription, train, test, isolated, seed=seed)

    def score(self, track, notes):
        if track.notes is None:
            return {}
        scores = transcription_scores(track.notes, notes, track.duration)
        return {"value": scores["onset_f1"], **scores}

    def save(self, track, estimate, folder):
        write_midi(estimate.answer, folder / "estimate.mid")
        # of one recording: the reports draw one, and all of them would fill the disk
        if estimate.factorization is not None and track is self.task.test[0]:
            save_factors(
                estimate.factorization,
                estimate.labels,
                band_frequencies(),
                FRAME,
                folder / "factors.npz",
            )
        tables = {"estimate": estimate.answer.table()}
        if track.notes is not None:
            tables["reference"] = track.notes.table()
        np.savez(folder / "notes.npz", **tables)

    def get_one_result(self):
        return {"estimates": self.task.predict(lambda track: no_notes())}
