"""Music source separation."""

import numpy as np

from musaic_core.benchmark.guided import GuidedObjective
from musaic_core.data.errors import InputError, report_once
from musaic_core.results.saved import save_factors, save_spectrograms
from musaic_core.tasks.base import Estimate
from musaic_core.tasks.interpretability import (
    INTERPRETABILITY,
    interpretability_of_stems,
)
from musaic_core.tasks.separation.guidance import corrections, score_elsewhere
from musaic_core.tasks.separation.matching import match_stems
from musaic_core.tasks.separation.saved import save_stems, saved_media
from musaic_core.tasks.separation.scores import (
    correlations_of,
    floor_and_ceiling,
    separation_scores,
)
from musaic_core.tasks.separation.task import (
    SCORED,
    Separation,
    has_stems,
    stems_to_learn,
)
from musaic_core.tasks.separation.wiener import bin_frequencies, magnitudes

EXCERPT = 6  # s, amid each recording but the first, that is kept of its stems


class Objective(GuidedObjective):
    """How close the estimated stems of a mixture are to the true ones.

    Scores are those of BSS Eval 4: for each stem the median over windows of a second,
    then the mean over stems (Stöter, Liutkus and Ito 2018); and the scale-invariant
    SDR (Le Roux et al. 2019). Both are of the middle 20 s of each recording.
    ``sdr_mixture`` is what equal parts of the mixture score, ``sdr_oracle`` what the
    ideal ratio mask does. The score to rank by is the SDR. Where models learn from
    other stems than a recording has, the parts that they find are matched to its stems
    by their correlation; ``matched`` says how. ``phase`` is that of a
    model's stems: the mixture's, or ``misi``, recovered from there. ``purity`` and
    ``completeness`` say how far its components stand for stems: 1 is perfect, 0 chance.

    With ``hints``, a simulated user who listens to half of a recording says so often
    which stem is silent or alone; ``steering_gain`` is what the other half gains.
    """

    name = "Music source separation"
    title = "Separation"
    url = "../../mss"  # the reports link it: the folder they lie in
    task_class = Separation
    score_columns = ("sdr", "isr", "sir", "sar", "si_sdr", *INTERPRETABILITY)
    needs = ("stems",)
    tracks_at_once = 2
    media = staticmethod(saved_media)
    parameters = {"phase": ["mixture"], **GuidedObjective.parameters}
    test_config = {"dataset": {"name": "mini", "part": "songs", "timbre": "seen"}}

    def skip(self, missing=None, train=(), **data):
        if missing is None and train and not any(map(has_stems, train)):
            report_once("one instrument alone has no stems: nothing to separate")
            return True, None
        return super().skip(missing)

    def scored_part(self, track):
        return track if "mixture" in track.stem_files else track.amid(SCORED)

    def make_task(self, train, test, hints=None, **data):
        options = {"seed": self.seed, "hints": hints, "phase": self.phase}
        return Separation(train, test, stems_to_learn(train, test), **options)

    def score(self, track, stems):
        if not has_stems(track):
            return {}
        references = self.stems_of(track)
        for name, reference in references.items():
            if not reference.any():
                raise InputError(f"{track.stem_files[name]}: silent, so has no score")
        references, stems, matched = match_stems(references, stems)
        gram, bounds = self.shared(track, references)
        scores = separation_scores(references, stems, track.rate, gram)
        if np.isnan(scores["sdr"]):
            raise InputError(
                f"{track.name}: no second in which all stems sound, so no score"
            )
        return {"value": scores["sdr"], **scores, **bounds, "matched": matched}

    def corrections(self, track, parts):
        stems = self.stems_of(track)
        return corrections(stems, parts, track.rate) if stems else []

    def score_elsewhere(self, track, parts):
        stems = self.stems_of(track)
        return score_elsewhere(stems, parts, track.rate) if stems else None

    def interpret(self, track, estimate):
        model, stems = estimate.evidence, self.stems_of(track)
        if model is None or stems is None:
            return {}
        spectra = [magnitudes(stem, track.rate) for stem in stems.values()]
        return interpretability_of_stems(model, bin_frequencies(), spectra)

    def save(self, track, estimate, folder):
        stems, sr = estimate.answer, track.rate
        # of one recording in full: all of them would fill the disk
        is_first = track is next(iter(self.references.values()))
        in_full = is_first or "mixture" in track.stem_files
        save_stems(stems, sr, folder, None if in_full else EXCERPT)
        if is_first:
            file = folder / "spectrograms.npz"
            save_spectrograms(track.audio()[0], self.stems_of(track), stems, sr, file)
        model = estimate.evidence
        if is_first and model is not None:
            rows = bin_frequencies()[: len(model.templates)]
            frame = track.duration / np.shape(model.activations)[1]
            save_factors(model, model.labels, rows, frame, folder / "factors.npz")

    def get_one_result(self):
        def equal_parts(track):
            part = track.audio()[0] / len(self.task.labels)
            return Estimate(dict.fromkeys(self.task.labels, part))

        return {"estimates": self.task.each(self.references.values(), equal_parts)}

    _stems: dict = {}  # the true ones of the last recordings

    def stems_of(self, track):
        """The stems of a track, or None; read once, as they are 20 s at most."""
        if not has_stems(track):
            return None
        if track.identity not in self._stems:
            if len(self._stems) >= 8:
                self._stems.clear()
            self._stems[track.identity] = track.stems()
        return self._stems[track.identity]

    # what all answers to a recording share, by its identity and the stems' names
    _shared: dict = {}

    def shared(self, track, references):
        """Correlations of the references, and what floor and ceiling score."""
        key = (track.identity, *references)
        if key not in self._shared:
            if len(self._shared) > 64:
                self._shared.clear()
            bounds = floor_and_ceiling(*track.audio(), references)
            gram = correlations_of(np.stack([*references.values()]))
            self._shared[key] = gram, bounds
        return self._shared[key]
