"""Automatic music transcription."""

from musaic_core.benchmark.guided import GuidedObjective
from musaic_core.data.errors import InputError
from musaic_core.tasks.base import Estimate
from musaic_core.tasks.faithfulness import faithfulness_to_notes
from musaic_core.tasks.interpretability import (
    INTERPRETABILITY,
    interpretability_of_notes,
)
from musaic_core.tasks.transcription.decoder import no_notes
from musaic_core.tasks.transcription.guidance import corrections, score_elsewhere
from musaic_core.tasks.transcription.saved import save_notes, saved_media
from musaic_core.tasks.transcription.scores import f0_scores, transcription_scores
from musaic_core.tasks.transcription.spectrogram import FRAME, band_frequencies
from musaic_core.tasks.transcription.task import Transcription
from musaic_core.tasks.transcription.velocities import velocity_scores


class Objective(GuidedObjective):
    """Which note starts when: estimated notes against those that were played.

    Scores are mir_eval's (Raffel et al. 2014). An onset is right within 50 ms and a
    quarter tone; notes also need their offset, within 50 ms or a fifth of the note's
    length; frames compare the sounding pitches every 50 ms: all the numbers of
    mir_eval.multipitch are columns, ``frame_`` and ``chroma_``; ``velocity_`` asks of
    notes for their onset and their velocity. The score to rank by is the F-measure of
    the onsets. Where a corpus has frequencies over time, frames are compared with
    these; where it has them alone, the frames' accuracy is ranked by. Times are of
    learning and tuning (fit) and of transcribing (predict); the spectrograms that
    models share are computed beforehand.
    ``purity``, ``completeness`` and ``faithfulness`` say how far a model's components
    stand for pitches: 1 is perfect, 0 is chance.

    With ``hints``, a simulated user who listens to half of a recording says of so many
    notes whether they sound; ``steering_gain`` is what the other half gains by that.
    """

    name = "Automatic music transcription"
    title = "Transcription"
    url = "../../amt"  # the reports link it: the folder they lie in
    task_class = Transcription
    score_columns = (
        *("onset_f1", "note_f1", "velocity_f1", "frame_accuracy", "chroma_accuracy"),
        *INTERPRETABILITY,
    )
    needs = ("notes",)
    learns_from = "piano"
    media = staticmethod(saved_media)
    test_config = {"dataset": {"name": "mini", "part": "piano"}}

    def make_task(self, train, test, isolated=(), hints=None, **data):
        return Transcription(train, test, isolated, seed=self.seed, hints=hints)

    def score(self, track, notes):
        # where frequencies over time were annotated, frames are compared with these
        frames = f0_scores(track.f0, notes) if track.f0 else {}
        if track.notes is None:
            return {"value": frames["frame_accuracy"], **frames} if frames else {}
        if not len(track.notes):
            name = track.id if callable(track.notes_from) else track.notes_from
            raise InputError(f"{name}: has no pitched notes, so there is no score")
        scores = transcription_scores(track.notes, notes, track.duration)
        scores |= velocity_scores(track.notes, notes)
        return {"value": scores["onset_f1"], **scores, **frames}

    def corrections(self, track, notes):
        reference = self.annotated(track, "notes")
        return corrections(reference, notes) if reference else []

    def score_elsewhere(self, track, notes):
        reference = self.annotated(track, "notes")
        return score_elsewhere(reference, notes) if reference else None

    def interpret(self, track, estimate):
        model, notes = estimate.evidence, self.annotated(track, "notes")
        if model is None or not notes:
            return {}
        columns = interpretability_of_notes(model, band_frequencies(), notes, FRAME)
        V = self.task.represent(track)
        faithfulness = faithfulness_to_notes(model, V, notes, FRAME)
        return columns | {"faithfulness": faithfulness}

    def save(self, track, estimate, folder):
        # of one recording: the reports draw one, and all of them would fill the disk
        is_first = track is next(iter(self.references.values()))
        factors = estimate.evidence if is_first else None
        reference = self.annotated(track, "notes")
        save_notes(estimate.answer, reference, factors, folder)

    def get_one_result(self):
        return {"estimates": {t: Estimate(no_notes()) for t in self.references}}
