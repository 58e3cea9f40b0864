"""Solvers that cheat with what a user tells them: none of it earns anything."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import soundfile
from listening import SR, leaking, notes
from solving import plugin
from test_contract import reachable
from test_guidance_notes import half_wrong, random_notes

from musaic_core.benchmark.solver import Solver
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track
from musaic_core.tasks.guidance import LISTENING
from musaic_core.tasks.structure.decoder import make_sections
from musaic_core.tasks.transcription.obeyed import obeyed

SECONDS = 40


class Cheat(Solver):
    """Gives one answer, and another one when it is told something."""

    name = "cheat"
    parameters = {"answers": [None]}
    uses_hints = True

    @classmethod
    def mismatch(cls, task):
        """It answers whatever is asked for."""

    def predict(self, recording, given):
        if not given.hints:
            return self.first
        self.seen = [self, given, recording]
        return self.told(self.first, given.hints)


def gain_of(asked, track, first, told, **parameters):
    """What a solver gains that answers `first`, and ``told(first, hints)`` then."""
    objective = plugin(f"objectives/{asked}.py", **parameters, hints=99, wrong_hints=0)
    objective.set_data(train=[track], test=[track])
    solver = Cheat.get_instance(answers=objective.task.answers)
    solver.first, solver.told, solver.get_seed = first, told, lambda **_: 0
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    (row,) = objective.evaluate_result(**solver.get_result())
    assert row["error"] == ""
    assert row["n_hints"] > 3
    assert np.isfinite(row["value_before"])
    return row["steering_gain"], solver


def the_same(thing):
    """What a track reads."""
    return thing


# notes


@pytest.fixture
def piece(tmp_path):
    """Twenty seconds, of which nothing is heard, and a transcription with mistakes."""
    soundfile.write(tmp_path / "piece.wav", np.zeros(20 * SR), SR)
    rng = np.random.default_rng(0)
    reference = random_notes(rng, 80)
    track = Track(
        "piece",
        {"mixture": tmp_path / "piece.wav"},
        notes_from=partial(the_same, reference),
    )
    return track, half_wrong(reference, rng)


def repeated(hint):
    """Whatever is said to sound, again and again for as long as the user listens."""
    end = (hint.start // LISTENING + 1) * LISTENING
    onsets = np.arange(hint.start, end - 0.05, 0.05)
    return [(onset, onset + 0.05, hint.label) for onset in onsets.tolist()]


NOTES = {
    "repeats what it is told": obeyed,
    "gives nothing else": lambda first, hints: obeyed(notes(), hints),
    "gives it many times": lambda first, hints: notes(
        *first.table().tolist(),
        *(row for h in hints if h.sounds for row in repeated(h)),
    ),
    "says nothing more": lambda first, hints: notes(),
}


@pytest.mark.parametrize("cheat", NOTES)
def test_who_cheats_with_notes_gains_nothing(cheat, piece):
    gain, _ = gain_of("amt", *piece, NOTES[cheat])
    assert gain <= 0


# stems


@pytest.fixture
def song(tmp_path):
    """Forty seconds of three stems, and parts that leak more towards the end."""
    t = np.arange(SECONDS * SR) / SR
    rng = np.random.default_rng(0)
    stems = {
        "bass": np.sin(2 * np.pi * 150 * t) * (t % 10 > 2),
        "drums": rng.normal(0, 0.3, len(t)) * (t % 20 > 8),
        "lead": np.sin(2 * np.pi * 1200 * t) * (t % 10 < 7),
    }
    # none is quite silent, so that all are heard in each window
    stems = {n: (0.2 * y[None] + 1e-5).astype(np.float32) for n, y in stems.items()}
    for name, y in stems.items():
        soundfile.write(tmp_path / f"{name}.wav", y.T, SR, subtype="FLOAT")
    track = Track("song", {name: tmp_path / f"{name}.wav" for name in stems})
    amid = slice(10 * SR, 30 * SR)  # what is scored
    stems = {name: y[:, amid] for name, y in stems.items()}
    well, ill = leaking(stems, 0.1), leaking(stems, 0.3)
    return track, {n: np.where(t[amid] < 22, well[n], ill[n]) for n in stems}


def with_hinted(parts, hints, change):
    """Stems that are changed where they are spoken of."""
    parts = {name: y.copy() for name, y in parts.items()}
    mixture = sum(parts.values())
    for hint in hints:
        there = slice(round(hint.start * SR), round(hint.end * SR))
        for name, y in parts.items():
            is_left = (name == hint.label) == hint.sounds
            y[:, there] = change(y, mixture, is_left)[:, there]
    return parts


STEMS = {
    "repeats what it is told": lambda first, hints: with_hinted(
        first, hints, lambda y, mixture, is_left: mixture if is_left else 0 * y
    ),
    "gives it many times": lambda first, hints: with_hinted(
        first, hints, lambda y, mixture, is_left: 20 * mixture if is_left else 0 * y
    ),
    "says nothing where it is not sure": lambda first, hints: {
        name: y * (np.arange(y.shape[1]) < 12 * SR) for name, y in first.items()
    },
    "says nothing more": lambda first, hints: {n: 0 * y for n, y in first.items()},
}


@pytest.mark.parametrize("cheat", STEMS)
def test_who_cheats_with_stems_gains_nothing(cheat, song):
    gain, _ = gain_of("mss", *song, STEMS[cheat], phase="mixture")
    assert gain <= 0


# sections


@pytest.fixture
def form(tmp_path):
    """Four minutes in sections, and others that are right here and there."""
    soundfile.write(tmp_path / "form.wav", np.zeros(240 * 1000), 1000)
    rng = np.random.default_rng(0)
    true, found = (np.sort(rng.uniform(4, 236, n)) for n in (16, 14))
    found[::2] = true[1:15:2] + rng.uniform(-2, 2, 7)
    reference, first = (in_sections(times) for times in (true, found))
    track = Track(
        "form",
        {"mixture": tmp_path / "form.wav"},
        sections_from=partial(the_same, reference),
    )
    return track, first


def in_sections(times):
    bounds = np.unique([0.0, *times, 240.0])
    return make_sections(bounds, np.arange(len(bounds)), bounds[1:], 240.0)


def bounds_told(first, hints, times_of):
    """Boundaries, without those that are denied and with what is made of the rest."""
    starts = [
        t
        for t in first["start"][1:]
        if not any(h.start <= t <= h.end and not h.sounds for h in hints)
    ]
    return in_sections([*starts, *(t for h in hints if h.sounds for t in times_of(h))])


NONE = pd.DataFrame({"start": [0.0], "end": [240.0], "label": ["A"]})
SECTIONS = {
    "repeats what it is told": lambda first, hints: bounds_told(
        first, hints, lambda h: [(h.start + h.end) / 2]
    ),
    "says the last that may be meant": lambda first, hints: bounds_told(
        first, hints, lambda h: [h.start, h.end]
    ),
    "gives nothing else": lambda first, hints: bounds_told(
        NONE, hints, lambda h: [(h.start + h.end) / 2]
    ),
    "gives it many times": lambda first, hints: bounds_told(
        first, hints, lambda h: np.linspace(h.start, h.end, 20)
    ),
    "says nothing more": lambda first, hints: NONE,
}


@pytest.mark.parametrize("cheat", SECTIONS)
def test_who_cheats_with_sections_gains_nothing(cheat, form):
    gain, _ = gain_of("msa", *form, SECTIONS[cheat])
    assert gain <= 0


def test_nothing_that_a_guided_model_gets_leads_to_the_references(piece, form):
    for asked, (track, first) in (("amt", piece), ("msa", form)):
        gain, solver = gain_of(asked, track, first, lambda first, hints: first)
        assert gain == 0
        own = [first, *solver.task.train]  # what this one was told by the test
        found = [t for thing in solver.seen for t in reachable(thing)]
        assert len(found) > 100
        known = {id(t) for thing in own for t in reachable(thing)}
        others = [t for t in found if id(t) not in known]
        assert not [t for t in others if isinstance(t, (Track, Notes, pd.DataFrame))]
