"""Music structure analysis."""

from musaic_core.benchmark.plugins import Objective as BaseObjective
from musaic_core.benchmark.plugins import task_of
from musaic_core.tasks.structure.task import (
    Structure,
    make_sections,
    save_patterns,
    save_structure,
    structure_scores,
)


class Objective(BaseObjective):
    """Where sections begin, and which of them are alike.

    Scores are mir_eval's (Raffel et al. 2014). A boundary is right within 0.5 or 3 s;
    the first and the last do not count. Labels are compared by pairs of frames and by
    conditional entropies. The score to rank by is the F-measure of the boundaries at
    3 s. Solvers see bars as a matrix or tensor of ``feature``; what they make of each
    bar becomes sections by ``segmentation``, which is tuned on the training recordings:
    cbm, cbm_any_penalty, foote or spectral. Features are nn_log_mel, log_mel, stft,
    cqt, chroma and mfcc; log_mel and mfcc are negative in places, so not for
    factorizations.
    """

    name = "Music structure analysis"
    url = "../../msa"  # the reports link it: the folder they lie in
    parameters = {"feature": ["nn_log_mel"], "segmentation": ["cbm"]}
    test_config = {"dataset": {"name": "mini", "part": "songs", "timbre": "seen"}}

    def skip(self, train=(), missing=None, **data):
        if missing is None and not any(track.sections_file for track in train):
            return True, "its training recordings have no sections to tune on"
        return super().skip(missing)

    def set_data(self, train, test, **data):
        how = {"feature": self.feature, "segmentation": self.segmentation}
        self.task = task_of(Structure, train, test, **how)

    def score(self, track, sections):
        if track.sections is None:
            return {}
        scores = structure_scores(track.sections, sections)
        return {"value": scores["boundary_f1_3"], **scores}

    def save(self, track, estimate, folder):
        estimate.answer.to_csv(
            folder / "estimate.lab",
            sep="\t",
            header=False,
            index=False,
            float_format="%.4f",
        )
        # of one recording, as the reports draw one
        if hasattr(estimate.factorization, "core") and track is self.task.test[0]:
            save_patterns(estimate, folder / "patterns.npz")
        save_structure(estimate, track.sections, folder / "structure.npz")

    def get_one_result(self):
        def whole(track):
            return make_sections([0, track.duration], [0, 1], "A", track.duration)

        return {"estimates": self.task.predict(whole)}
