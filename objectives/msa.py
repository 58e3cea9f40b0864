"""Music structure analysis."""

from musaic_core.benchmark.digest import versions
from musaic_core.benchmark.guided import GuidedObjective
from musaic_core.tasks.base import Estimate
from musaic_core.tasks.madmom import MADMOM
from musaic_core.tasks.structure.decoder import make_sections
from musaic_core.tasks.structure.downbeats import hear_downbeats, madmom_downbeats
from musaic_core.tasks.structure.guidance import corrections, score_elsewhere
from musaic_core.tasks.structure.saved import save_patterns, save_sections, saved_media
from musaic_core.tasks.structure.scores import structure_scores
from musaic_core.tasks.structure.task import Structure

# who hears where bars begin; what is not annotated is heard in any case
BARS = {
    "heard": hear_downbeats,
    "annotated": hear_downbeats,
    "madmom": madmom_downbeats,
}


class Objective(GuidedObjective):
    """Where sections begin, and which of them are alike.

    Scores are mir_eval's (Raffel et al. 2014). A boundary is right within 0.5 or 3 s;
    the first and the last do not count. Labels are compared by pairs of frames and by
    conditional entropies. The score to rank by is the F-measure of the boundaries at
    3 s. Solvers see bars as a matrix or tensor of ``feature``; what they make of each
    bar becomes sections by ``segmentation``, which is tuned on the training recordings:
    cbm, cbm_any_penalty, foote or spectral. Features are nn_log_mel, log_mel, stft,
    cqt, chroma and mfcc; log_mel and mfcc are negative in places, so not for
    factorizations. ``bars`` are heard in the audio, by a network that comes with the
    suite; or by those of madmom, where that is installed; or they are annotated: then
    models are told where the bars of what they are tested on begin.

    With ``hints``, a simulated user who listens to half of a recording says so often
    where a section begins or none does; ``steering_gain`` is what the other half gains.
    """

    name = "Music structure analysis"
    title = "Structure"
    url = "../../msa"  # the reports link it: the folder they lie in
    task_class = Structure
    score_columns = ("boundary_f1_3", "boundary_f1_05", "pairwise_f1", "nce_f1")
    needs = ("sections",)
    media = staticmethod(saved_media)
    parameters = {
        "feature": ["nn_log_mel"],
        "segmentation": ["cbm"],
        "bars": ["heard"],
        **GuidedObjective.parameters,
    }
    test_config = {"dataset": {"name": "mini", "part": "songs", "timbre": "seen"}}

    def skip(self, train=(), missing=None, **data):
        if self.bars == "madmom" and None in versions([MADMOM]).values():
            return True, f"bars=madmom needs {MADMOM}: pip install {MADMOM}"
        if missing is None and not any(track.sections_from for track in train):
            return True, "its training recordings have no sections to tune on"
        return super().skip(missing)

    def make_task(self, train, test, hints=None, **data):
        if self.bars not in BARS:
            raise ValueError(f"bars is {self.bars!r}; choose {', '.join(BARS)}")
        downbeats = None
        if self.bars == "annotated":
            downbeats = {track.id: told(track) for track in test}
        return Structure(
            train,
            test,
            feature=self.feature,
            segmentation=self.segmentation,
            downbeats=downbeats,
            hear=BARS[self.bars],
            seed=self.seed,
            hints=hints,
        )

    def score(self, track, sections):
        if track.sections is None:
            return {}
        scores = structure_scores(track.sections, sections)
        return {"value": scores["boundary_f1_3"], **scores}

    def corrections(self, track, sections):
        reference = self.annotated(track, "sections")
        return [] if reference is None else corrections(reference, sections)

    def score_elsewhere(self, track, sections):
        reference = self.annotated(track, "sections")
        return None if reference is None else score_elsewhere(reference, sections)

    def save(self, track, estimate, folder):
        reference = self.annotated(track, "sections")
        save_sections(estimate.answer, estimate.evidence, reference, folder)
        # of one recording, as the reports draw one
        is_first = track is next(iter(self.references.values()))
        if hasattr(estimate.model, "core") and is_first:
            bars = estimate.evidence.bars
            save_patterns(
                estimate.model, bars, estimate.answer, folder / "patterns.npz"
            )

    def _get_state(self):
        packages = versions([MADMOM]) if self.bars == "madmom" else {}
        return super()._get_state() | {"packages": packages}

    def get_one_result(self):
        def whole(track):
            end = track.duration
            return Estimate(make_sections([0, end], [0, 1], "A", end))

        return {"estimates": self.task.each(self.references.values(), whole)}


def told(track):
    """Downbeats that a model is told, or why they can't be."""
    try:
        return track.downbeats
    except Exception as error:
        return error
