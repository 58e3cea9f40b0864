"""What models have answered of a recording, so far as it is kept."""

import math
from dataclasses import replace
from functools import partial

from musaic_core.data.errors import InputError
from musaic_core.data.recording import Recording
from musaic_core.studio.analysis import LONGEST, Analysis, analyse
from musaic_core.studio.models import Offer
from musaic_core.studio.work import Work

KEPT = 3  # answers to what was said
WHOLE = 1800.0  # s: what is longer takes too much memory as a whole, an hour 5 GB


class Asked:
    """A recording, and what models make of it.

    Parameters
    ----------
    recording : Recording
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._firsts: dict[tuple, Analysis] = {}  # before anything was said, by model
        self._quick: dict[tuple, Analysis] = {}  # the last that went on from these
        self._kept: dict[tuple, Analysis] = {}  # the last few, by what was said
        self._sure: set[tuple] = set()  # what was answered as a benchmark does

    def answer(
        self, work: Work, offer: Offer | None, sure: bool, progress, stop
    ) -> Analysis:
        """Ask a model, if it has not answered the same already.

        Parameters
        ----------
        work : Work
            What is asked, and what has been said.
        offer : Offer or None
            The model; None if it is not here.
        sure : bool
            Whether it has to answer as in a benchmark, but in parts what is longer than
            `WHOLE`. What it has once answered so, it does again, so that undo finds
            what was there.
        progress : callable
            As `analyse` takes it.
        stop : threading.Event
            Likewise.

        Returns
        -------
        Analysis

        Raises
        ------
        StoppedError
            It was stopped.
        InputError
            The model is not here, or the recording can't be used.
        """
        if offer is None:
            raise InputError(f"{work.model} is not here any more; choose another model")
        model, key = work.asked, (*work.asked, work.hints)
        first = self._firsts.get(model)
        known = self._kept.get(key) or (None if work.hints else first)
        sure = sure or key in self._sure
        if known and not (sure and known.quick):
            return known
        duration = self._recording.duration
        told = {"longest": math.inf if sure and duration <= WHOLE else LONGEST}
        told |= {"progress": progress, "stop": stop}
        ask = partial(analyse, offer, self._recording, **told)
        if sure:
            made = known if known and not work.hints and duration > WHOLE else None
            made = self._keep(key, replace(made or ask(work.hints), quick=False))
            if not work.hints and duration <= LONGEST:
                self._firsts[model] = made
            return made
        if first is None:
            first = self._firsts[model] = ask()
        if not work.hints:
            return first
        made = ask(work.hints, first, self._quick.get(model))
        if made.quick:
            self._quick[model] = made
        return self._keep(key, made)

    def _keep(self, key, analysis):
        self._kept.pop(key, None)
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = analysis
        if not analysis.quick:
            self._sure.add(key)
        return analysis
