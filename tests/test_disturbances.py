"""Trainings that leave disturbances out."""

import numpy as np
import pytest
import torch

from musaic_core.data.notes import Notes
from musaic_core.learned import notes as learning
from tools.disturbances import DISTURBANCES, without

FREQUENCIES = np.geomspace(27.5, 10000, 120)
FRAME = 512 / 22050
ROW = (1.0, 3.0, 60, 80, "tone")


def tone():
    """One note of one partial, and the loudest of its bands."""
    V = np.full((len(FREQUENCIES), 172), 1e-3, np.float32)
    band = np.abs(FREQUENCIES - 261.6).argmin()
    V[band, 43:129] = 1
    return V, Notes.from_rows([ROW])


class Flat(torch.nn.Module):
    """A network of no use, which remembers what it is shown."""

    shown: list = []

    def __init__(self, frequencies):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, V):
        self.shown.append(V.numpy().copy())
        return self.weight * V[:, :2, None, :].expand(-1, -1, 88, -1)


def shown(left_out, isolated=()):
    Flat.shown = []
    with without(left_out):
        told = {"frequencies": FREQUENCIES, "frame": FRAME, "steps": 6}
        learning.fit(Flat, [tone()], isolated, **told)
    return np.concatenate(Flat.shown)


def test_without_any_of_them_a_recording_is_heard_as_it_is_but_for_gain_and_tuning():
    for V in shown(DISTURBANCES, [tone()]):
        loudest = V.max(1)
        assert (loudest > 0.3 * loudest.max()).sum() <= 2  # bands of one tone
        in_time = V[loudest.argmax()]
        assert in_time[130:].max() < 0.01 * in_time[60]  # no room
        assert np.abs(loudest.argmax() - tone()[0].max(1).argmax()) <= 1  # no key


@pytest.mark.parametrize("name", DISTURBANCES)
def test_each_is_there_unless_it_is_left_out(name):
    others = [other for other in DISTURBANCES if other != name]
    isolated = [tone()]
    alone = shown(others, isolated)
    nothing = shown(DISTURBANCES, isolated)
    assert not np.allclose(alone, nothing, rtol=0.05)


def test_what_was_left_out_is_there_again_afterwards():
    before = shown(())
    shown(DISTURBANCES)
    np.testing.assert_array_equal(shown(()), before)


def test_what_does_not_disturb_cannot_be_left_out():
    with pytest.raises(KeyError, match="the weather"), without(["the weather"]):
        pass
