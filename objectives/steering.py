"""Steering: stems, instruments or pitches muted, halved and doubled."""

import numpy as np

from musaic_core.benchmark.stems import StemsObjective
from musaic_core.data.errors import InputError, report_once
from musaic_core.tasks.separation.matching import match_stems
from musaic_core.tasks.separation.saved import save_stems, saved_media
from musaic_core.tasks.separation.task import SCORED, has_stems, stems_to_learn
from musaic_core.tasks.separation.wiener import ideal_stems
from musaic_core.tasks.steering.scores import (
    REQUESTS,
    steering_scores,
    untouched_sdr,
    with_the_rest,
)
from musaic_core.tasks.steering.task import Steering

COLUMNS = {  # of which there are the same, however many stems there are
    name + request
    for name in ("sdr", "reach", "spill")
    for request in ("", *(f"_{asked}" for asked in REQUESTS))
}


class Objective(StemsObjective):
    """How far a user who turns one stem gets what is asked for, and nothing else.

    Each stem of a recording is asked for at a gain of 0, ½ and 2, the others as they
    are. Models with components answer by these: the mixture's spectrum is multiplied
    with what they reconstruct with the gains over what they reconstruct without. All
    others separate, then mix. ``sdr`` is against the true remix, ``reach`` the dB that
    the stem moved of those that were asked for, as a ratio, and ``spill`` the dB that
    each other stem moved. All are of the middle 20 s of each recording. ``sdr_mixture``
    is that of the mixture as it is, whose reach and spill are 0, and ``sdr_oracle``
    that of the ideal ratio mask. The score to rank by is the SDR.

    Where dictionaries are learned of single notes, requests are of what these stand
    for: a pitch, or all notes of an instrument. What a model has no part for stays as
    it is, so that one which knows stems alone has the scores of the untouched mixture.
    """

    name = "Steering"
    title = "Steering"
    url = "../../steering"  # the reports link it: the folder they lie in
    task_class = Steering
    score_columns = ("sdr", "reach", "spill", "sdr_muted", "sdr_halved", "sdr_doubled")
    needs = ("stems",)
    tracks_at_once = 2
    media = staticmethod(saved_media)
    test_config = {"dataset": {"name": "mini", "part": "songs", "timbre": "seen"}}

    def skip(self, missing=None, test=(), **data):
        if missing is None and not any(map(has_stems, test)):
            report_once("no recording has stems, so there is nothing to ask for")
            return True, None
        return super().skip(missing)

    def scored_part(self, track):
        return track.amid(SCORED) if has_stems(track) else track

    def make_task(self, train, test, isolated=(), hints=None, **data):
        alone = [] if train else [track for track in isolated if has_stems(track)]
        stems = stems_to_learn(alone, ()) if alone else stems_to_learn(train, test)
        options = {"isolated": alone, "seed": self.seed, "hints": hints}
        return Steering(train, test, stems, **options)

    def score(self, track, parts):
        if not has_stems(track):
            return {}
        stems = self.stems_of(track)
        if sum(bool(stem.any()) for stem in stems.values()) < 2:
            raise InputError(f"{track.name}: less than two of its stems sound")
        bounds = self.bounds_of(track)
        if self.of_single_notes:
            told = steering_scores(*with_the_rest(stems, parts, track.audio()[0]))
            scores = {name: value for name, value in told.items() if name in COLUMNS}
            return {"value": scores["sdr"], **scores, **bounds}
        references, parts, matched = match_stems(stems, parts)
        scores = steering_scores(references, parts)
        return {"value": scores["sdr"], **scores, **bounds, "matched": matched}

    @property
    def of_single_notes(self):
        """Whether it is pitches or instruments that are turned up and down."""
        return bool(self.task.isolated)

    def save(self, track, estimate, folder):
        # of one recording, which pages play: all of them would take long to encode
        if not self.of_single_notes and track is next(iter(self.references.values())):
            save_stems(estimate.answer, track.rate, folder)

    def bounds_of(self, track):
        """What floor and ceiling score."""

        def compute():
            stems, (y, sr) = self.stems_of(track), track.audio()
            ideal = ideal_stems(y, sr, np.stack([*stems.values()]))
            ideal = steering_scores(stems, dict(zip(stems, ideal, strict=True)))
            return {"sdr_mixture": untouched_sdr(stems), "sdr_oracle": ideal["sdr"]}

        return self.kept(track, "bounds", compute)
