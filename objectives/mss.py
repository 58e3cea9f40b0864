"""Music source separation."""

import numpy as np
import soundfile

from musaic_core.benchmark.plugins import Objective as BaseObjective
from musaic_core.benchmark.plugins import task_of
from musaic_core.data.track import InputError
from musaic_core.results.pictures import save_factors, save_spectrograms
from musaic_core.tasks.base import report_once
from musaic_core.tasks.separation.task import (
    Separation,
    bin_frequencies,
    check_stems,
    save_stems,
)

EXCERPT = 6  # s, amid each recording but the first, that is kept of its stems


class Objective(BaseObjective):
    """How close the estimated stems of a mixture are to the true ones.

    Scores are those of BSS Eval 4: for each stem the median over windows of a second,
    then the mean over stems (Stöter, Liutkus and Ito 2018); and the scale-invariant
    SDR (Le Roux et al. 2019). Both are of the middle 20 s of each recording.
    ``sdr_mixture`` is what equal parts of the mixture score, ``sdr_oracle`` what the
    ideal ratio mask does. The score to rank by is the SDR. ``phase`` is that of a
    factorization's stems: the mixture's, or ``misi``, recovered from there.
    """

    name = "Music source separation"
    url = "../../mss"  # the reports link it: the folder they lie in
    tracks_at_once = 2
    parameters = {"phase": ["mixture"]}
    test_config = {"dataset": {"name": "mini", "part": "songs", "timbre": "seen"}}

    def skip(self, missing=None, train=(), **data):
        if missing is None and any(len(track.stem_files) < 2 for track in train):
            report_once("one instrument alone has no stems: nothing to separate")
            return True, None
        return super().skip(missing)

    def set_data(self, train, test, **data):
        self.task = task_of(Separation, train, test, phase=self.phase)

    def score(self, track, stems):
        references = track.stems()
        if references is None:
            return {}
        check_stems(track, stems)
        for name, reference in references.items():
            if not reference.any():
                raise InputError(f"{track.stem_files[name]}: silent, so has no score")
        scores = self.task.score(track, references, stems, sampling_rate(track))
        if np.isnan(scores["sdr"]):
            raise InputError(
                f"{track.files[0].parent}: no second in which all its stems sound, "
                "so it has no score"
            )
        return {"value": scores["sdr"], **scores, **self.task.bounds(track)}

    def save(self, track, estimate, folder):
        stems, sr = estimate.answer, sampling_rate(track)
        first = track is self.task.test[0]  # of all of them, it would fill the disk
        in_full = first or "mixture" in track.stem_files
        save_stems(stems, sr, folder, None if in_full else EXCERPT)
        if first:
            y, references = track.audio()[0], track.stems()
            save_spectrograms(y, references, stems, sr, folder / "spectrograms.npz")
        if first and estimate.factorization is not None:
            F, R = estimate.factorization.templates.shape
            save_factors(
                estimate.factorization,
                estimate.labels,
                bin_frequencies()[:F],
                track.duration * R / estimate.factorization.activations.size,
                folder / "factors.npz",
            )

    def get_one_result(self):
        def equal_parts(track):
            part = track.audio()[0] / len(self.task.stems)
            return dict.fromkeys(self.task.stems, part)

        return {"estimates": self.task.predict(equal_parts)}


def sampling_rate(track):
    return soundfile.info(track.files[0]).samplerate
