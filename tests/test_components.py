"""What components add, of models in which they do so in different ways."""

import numpy as np
import pytest

from musaic_core.lowrank import (
    ConvolutiveNMF,
    Model,
    convolutive_nmf,
    ncp,
    nmf,
    ntd,
    shift_invariant_nmf,
)
from musaic_core.tasks.base import Task
from musaic_core.tasks.components import as_arrays
from musaic_core.tasks.given import Given
from musaic_core.tasks.interpretability import alignment_in_time

FEW = {"max_iter": 3, "seed": 0}
V = np.random.default_rng(0).gamma(0.5, 1, (24, 40))


@pytest.mark.parametrize(
    "model",
    [
        nmf(V, 3, **FEW),
        convolutive_nmf(V, 3, 4, **FEW),
        shift_invariant_nmf(V, 2, range(3), 4, **FEW),
        ncp(V.reshape(24, 8, 5), 3, **FEW),
        ntd(V.reshape(24, 8, 5), (3, 3, 3), **FEW),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_components_add_to_a_column_is_what_the_model_has_there(model: Model):
    W, H = as_arrays(model)
    np.testing.assert_allclose(W.sum(0)[:, None] * H, model.loudness(), rtol=1e-6)
    whole = np.asarray(model.reconstruct()).reshape(24, -1)
    np.testing.assert_allclose((W @ H).sum(0), whole.sum(0), rtol=1e-6)


def test_a_component_is_heard_for_as_long_as_it_lasts():
    """Notes of six frames, of each of which a patch knows when it sets in alone."""
    rng = np.random.default_rng(0)
    onsets = rng.random((5, 400)) < 0.02
    patches = np.zeros((5, 5, 6))
    patches[range(5), range(5)] = [6, 5, 4, 3, 2, 1]
    sounding = np.stack([np.convolve(row, np.ones(6))[:400] > 0 for row in onsets])
    task = Task([], [])
    task.magnitudes, task.compression = True, 0.7
    model = ConvolutiveNMF(patches, onsets.astype(float), labels=np.arange(5))
    told = Given(task, ("frequency", "time")).magnitudes_of(model)
    assert told.labels.tolist() == list(range(5))
    assert ((told.activations > 1e-3) == sounding).all()
    W, H = as_arrays(told)
    found = alignment_in_time(W.sum(0)[:, None] * H, sounding)
    assert found == pytest.approx({"purity": 1, "completeness": 1})
