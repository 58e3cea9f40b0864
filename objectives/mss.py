"""Music source separation."""

import numpy as np

from musaic_core.benchmark.guided import GuidedObjective
from musaic_core.benchmark.stems import StemsObjective
from musaic_core.data.errors import InputError, report_once
from musaic_core.results.saved import save_factors, save_spectrograms
from musaic_core.tasks.faithfulness import faithfulness_to_stems
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


class Objective(GuidedObjective, StemsObjective):
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
    which stem is silent or alone, in all of a stretch or in a band of it;
    ``steering_gain`` is what the other half gains.
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
        if not has_stems(track):
            return []
        return corrections(self.stems_of(track), parts, track.rate)

    def score_elsewhere(self, track, parts):
        if not has_stems(track):
            return None
        return score_elsewhere(self.stems_of(track), parts, track.rate)

    def interpret(self, track, estimate):
        model = estimate.evidence
        if model is None or not has_stems(track):
            return {}
        spectra = self.spectra_of(track)
        columns = interpretability_of_stems(model, bin_frequencies(), spectra)
        stems = dict(zip(self.stems_of(track), spectra, strict=True))
        return columns | {"faithfulness": faithfulness_to_stems(model, stems)}

    def save(self, track, estimate, folder):
        stems, sr = estimate.answer, track.rate
        # of one recording in full: all of them would fill the disk
        is_first = track is next(iter(self.references.values()))
        in_full = is_first or "mixture" in track.stem_files
        save_stems(stems, sr, folder, None if in_full else EXCERPT)
        if is_first:
            file = folder / "spectrograms.npz"
            known = self.stems_of(track) if has_stems(track) else None
            save_spectrograms(track.audio()[0], known, stems, sr, file)
        model = estimate.evidence
        if is_first and model is not None:
            rows = bin_frequencies()[: len(model.templates)]
            frame = track.duration / np.shape(model.activations)[1]
            save_factors(model, model.labels, rows, frame, folder / "factors.npz")

    def shared(self, track, references):
        """Correlations of the references, and what floor and ceiling score."""

        def compute():
            bounds = floor_and_ceiling(*track.audio(), references)
            return correlations_of(np.stack([*references.values()])), bounds

        return self.kept(track, ("shared", *references), compute)

    def spectra_of(self, track):
        """Magnitudes of the true stems."""

        def compute():
            stems = self.stems_of(track).values()
            return tuple(magnitudes(stem, track.rate) for stem in stems)

        return self.kept(track, "spectra", compute)
