"""Structured models whose structure is trivial are plain ones."""

import numpy as np
import pytest
from problems import data, every_beta
from structured_models import dictionary

from musaic_core.lowrank import convolutive_nmf, filtered_nmf, harmonic_nmf, nmf
from musaic_core.lowrank.starts import INITIALISATIONS


@every_beta
@pytest.mark.parametrize("init", INITIALISATIONS)
def test_patches_of_one_frame_are_plain_nmf(beta, init):
    V = data()
    options = {"beta": beta, "init": init, "seed": 3, "max_iter": 10}
    for update in ("mu", "mu-extrapolated"):
        plain = nmf(V, 4, update=update, **options)
        model = convolutive_nmf(V, 4, 1, update=update, **options)
        np.testing.assert_allclose(model.templates, plain.templates, 1e-10)
        np.testing.assert_allclose(model.activations, plain.activations, 1e-10)


@every_beta
def test_patterns_of_bars_are_columns_of_an_nmf(beta):
    """Bars of five frames, each a column, and events that may begin at bars alone."""
    V, length = data(), 5
    bars = V.reshape(12, -1, length).swapaxes(1, 2).reshape(12 * length, -1)
    W, H = data((12 * length, 3), 1), data((3, bars.shape[1]), 2)
    begins = np.arange(V.shape[1]) % length == 0
    events = np.zeros((3, V.shape[1]))
    events[:, begins] = H
    patches = W.reshape(12, length, 3).swapaxes(1, 2)
    for update in ("mu", "mu-extrapolated"):
        options = {"beta": beta, "update": update, "max_iter": 10}
        plain = nmf(bars, 3, init=(W, H), **options)
        model = convolutive_nmf(
            V,
            3,
            length,
            init=(patches, events),
            mask={"activations": np.broadcast_to(begins, events.shape)},
            **options,
        )
        np.testing.assert_allclose(model.activations[:, begins], plain.activations)
        assert not model.activations[:, ~begins].any()
        found = model.patches.swapaxes(1, 2).reshape(W.shape)
        np.testing.assert_allclose(found, plain.templates)


@every_beta
@pytest.mark.parametrize("length", [1, 3])
def test_a_flat_filter_leaves_the_patches_as_they_are(beta, length):
    V, patches = data(), dictionary()[0][:, :, :length]
    options = {"beta": beta, "max_iter": 10}
    H = data((4, 20), 2)
    model = filtered_nmf(
        V, patches, np.ones((12, 1)), init=(None, H), fixed=("filter",), **options
    )
    plain = convolutive_nmf(
        V, 4, length, init=(patches, H), fixed=("patches",), **options
    )
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)
    np.testing.assert_allclose(model.patches, patches)
    if length == 1:
        same = filtered_nmf(
            V, patches[:, :, 0], np.ones((12, 1)), init=(None, H), **options
        )
        free = filtered_nmf(V, patches, np.ones((12, 1)), init=(None, H), **options)
        np.testing.assert_array_equal(same.reconstruct(), free.reconstruct())


@every_beta
def test_one_band_a_template_is_nmf_with_those_templates_up_to_scale(beta):
    V, W = data(), data((12, 5), 1)
    H = data((5, 20), 2)
    held = {"beta": beta, "max_iter": 10}
    model = harmonic_nmf(
        V, W[:, :, None], init=(np.ones((5, 1)), H), fixed=("envelope",), **held
    )
    plain = nmf(V, 5, init=(W, H), fixed=("templates",), **held)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)
    np.testing.assert_allclose(model.templates, W)
    free = harmonic_nmf(V, W[:, :, None], beta=beta, seed=0, max_iter=10)
    np.testing.assert_allclose(free.templates, W * free.envelope[:, 0])


def test_a_band_for_each_frequency_is_plain_nmf():
    V, W, H = data(), data((12, 4), 1), data((4, 20), 2)
    each = np.broadcast_to(np.eye(12)[:, None, :], (12, 4, 12))
    model = harmonic_nmf(V, each, init=(W.T, H), max_iter=10)
    plain = nmf(V, 4, init=(W, H), max_iter=10)
    np.testing.assert_allclose(model.templates, plain.templates, 1e-10)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-10)
