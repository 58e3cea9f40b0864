"""Regions of a spectrogram: what fits, masks and dictionaries make of them."""

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from listening import SR, leaking
from solving import plugin

from musaic_core.data.hints import Hint
from musaic_core.data.recording import Track
from musaic_core.lowrank import deep_nmf, nmf
from musaic_core.lowrank.annotated import with_annotations
from musaic_core.lowrank.models import NMF
from musaic_core.tasks.base import Task
from musaic_core.tasks.dictionary import Dictionary
from musaic_core.tasks.given import Given
from musaic_core.tasks.guidance import listened
from musaic_core.tasks.regions import allowed_entries
from musaic_core.tasks.separation import guidance as of_stems
from musaic_core.tasks.separation.named import TRUST, shares_told
from musaic_core.tasks.separation.obeyed import obeyed
from musaic_core.tasks.separation.painted import painted_stems
from musaic_core.tasks.separation.wiener import HOP, bin_frequencies

HZ = np.arange(8) * 100.0


# the fit


def entries(rng, n_groups=2, shape=(6, 20)):
    V, W = rng.random(shape) + 0.1, rng.random((shape[0], 4)) + 0.1
    allowed = rng.random((n_groups, *shape)) < 0.7
    return V, W, rng.integers(n_groups, size=4), allowed


@for_all(st.integers(0, 1000), st.sampled_from([0, 0.5, 1, 1.5, 2, 3]))
@settings(max_examples=30, deadline=None)
def test_what_is_minimised_is_the_divergence_of_what_each_group_may_have(seed, beta):
    rng = np.random.default_rng(seed)
    V, W, groups, allowed = entries(rng, 3)
    told = with_annotations(V, W, groups, allowed)
    H = rng.random((4, 20)) + 0.1
    start = dict(init=(told[1], H), fixed=("templates", "activations"))
    found = nmf(told[0], 4, data_weights=told[2], beta=beta, max_iter=1, **start)
    allowed = allowed | ~allowed.any(0)
    parts = [W[:, groups == g] @ H[groups == g] for g in range(3)]
    model = sum(a * part for a, part in zip(allowed, parts, strict=True))
    model = np.maximum(model, 1e-300)
    there = model > 1e-300  # a group without templates has entries that none explains
    if not there.all():
        return
    cost = nmf(
        V, 20, beta=beta, max_iter=1, init=(model, np.eye(20)), fixed=start["fixed"]
    )
    assert found.objective == pytest.approx(cost.objective, rel=1e-6)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_the_fit_never_rises(beta):
    V, W, groups, allowed = entries(np.random.default_rng(0))
    V, W, weights = with_annotations(V, W, groups, allowed)
    start = W, np.full((4, 20), V.mean())
    options = dict(beta=beta, data_weights=weights, update="mu", history=True)
    model = nmf(V, 4, init=start, fixed=("templates",), **options)
    assert (np.diff(model.history) <= 1e-9 * model.history[0]).all()
    assert model.history[-1] < model.history[0]


def test_nothing_said_adds_no_rows():
    V, W, groups, allowed = entries(np.random.default_rng(0))
    told = with_annotations(V, W, groups, np.ones_like(allowed))
    np.testing.assert_array_equal(told[0], V)
    np.testing.assert_array_equal(told[1], W)
    assert (told[2] == 1).all()


def test_a_region_mends_what_a_template_says_of_it():
    # the second stem's template has the first row, which it does not sound in here
    W = np.array([[1, 1], [0.3, 0], [0, 0.3]])
    H = np.random.default_rng(0).random((2, 30)) + 0.2
    V = np.stack([H[0], 0.3 * H[0], 0.3 * H[1]])
    allowed = np.ones((2, 3, 30), bool)
    allowed[1, 0, :15] = False
    V_told, W_told, weights = with_annotations(V, W, np.arange(2), allowed)
    start, held = (W_told, np.ones((2, 30))), ("templates",)
    model = nmf(V_told, 2, init=start, fixed=held, data_weights=weights)
    wrong = np.abs(model.activations - H).mean(0)
    assert wrong[:15].max() < 1e-3
    assert wrong[15:].min() > 0.05


def test_what_regions_say_reaches_frames_without_any_where_a_layer_is_shared():
    rng = np.random.default_rng(0)
    W = rng.random((12, 6)) ** 3
    groups = np.repeat([0, 1], 3)
    V = W @ (rng.random((6, 2)) @ rng.random((2, 40))) + 0.01
    allowed = np.ones((2, 12, 40), bool)
    allowed[1, :6, :20] = False
    found = []
    for a in (np.ones_like(allowed), allowed):
        V_told, W_told, weights = with_annotations(V, W, groups, a)
        model = deep_nmf(
            *(V_told, (2, 6)),
            loss="data",
            init={"templates 2": W_told},
            fixed=("templates 2",),
            data_weights=weights,
            seed=0,
        )
        found.append(model.layers[-1].activations[:, 20:])
    assert np.abs(found[0] - found[1]).max() > 1e-3


# masks and dictionaries


def test_what_is_said_of_bands_and_stretches_is_where_they_are():
    hints = [
        Hint("bass", 1.0, 2.0, True, 100.0, 300.0),
        Hint("lead", 3.0, 4.0, False, 0.0, 200.0),
        Hint("bass", 5.0, 6.0, True),
    ]
    bass, lead = allowed_entries(hints, ["bass", "lead"], HZ, 0.5, 20)
    expected = np.ones((8, 20), bool)
    expected[1:3, 2:4] = expected[:2, 6:8] = expected[:, 10:12] = False
    np.testing.assert_array_equal(lead, expected)
    assert bass.all()


def test_of_hints_that_contradict_each_other_the_later_one_holds_where_they_do():
    solo = Hint("bass", 1.0, 2.0, True)
    not_there = Hint("bass", 1.5, 3.0, False, 0.0, 300.0)
    told = HZ, 0.5, 8
    for hints in ((solo, not_there), (not_there, solo)):
        bass, lead, drums = allowed_entries(hints, ["bass", "lead", "drums"], *told)
        np.testing.assert_array_equal(lead, drums)
        assert not lead[:, 2].any()  # of 1.0 to 1.5 s there is one word alone
        assert not lead[3:, 3].any()  # and of what is above 300 Hz
        assert not bass[:3, 4:6].any()
        assert bass[:3, 3].all() == (hints[-1] is solo)
        assert lead[:3, 3].all() == (hints[-1] is not_there)


SAID = st.builds(
    lambda label, start, length, sounds, low, octaves: Hint(
        label, start, start + length, sounds, low, low + octaves if octaves else np.inf
    ),
    st.sampled_from(["bass", "lead", "drums"]),
    st.floats(0, 19),
    st.floats(0.3, 9),
    st.booleans(),
    st.sampled_from([0.0, 199.0, 1000.0]),
    st.sampled_from([0.0, 700.0, 3000.0]),
)


@for_all(st.lists(SAID, min_size=1, max_size=6), st.sampled_from([2, 3]))
@settings(max_examples=40, deadline=None)
def test_activations_fits_and_masks_mean_the_same_by_what_was_said(hints, n_stems):
    labels = ["bass", "lead", "drums"][:n_stems]
    heard = np.random.default_rng(0).random((40, 500)).astype(np.float32) + 0.1
    task = Task([], [Track("song", {})])
    task.represent = lambda *_: heard
    task.labels, task.sounds_alone = labels, True
    task.frequencies, task.frame = bin_frequencies(), HOP
    given = Given(task, ("frequency", "time"), task.test[0], hints=hints)
    given.dictionary = Dictionary(np.ones((40, 6)), np.resize(labels, 6))
    allowed = allowed_entries(
        given.hints, labels, given.frequencies, given.frame, heard.shape[1]
    )
    assert allowed.any(0).all()
    masks = obeyed([heard] * n_stems, labels, given.hints)
    first = 137  # decoders read them part by part
    for own, mask in zip(allowed, masks, strict=True):
        found = np.concatenate(
            [mask[:, slice(0, first)], mask[:, slice(first, 500)]], axis=1
        )
        np.testing.assert_array_equal(found > 0, own)
    frames = given.allowed(np.array([*labels, "noise"]), 500)
    np.testing.assert_array_equal(frames[:-1], allowed.any(1))
    assert frames[-1].all()
    _, W, weights = given.told_apart(heard, given.dictionary.templates)
    if weights is None:
        assert not any(hint.is_region for hint in given.hints)
        return
    H = np.ones((6, 500))
    explained = sum(
        a * ((given.dictionary.templates * (given.dictionary.labels == n)) @ H)
        for a, n in zip(allowed, labels, strict=True)
    )
    np.testing.assert_allclose((weights * (W @ H)).sum(), explained.sum())


def test_stems_are_what_their_regions_leave_to_them():
    rng = np.random.default_rng(0)
    W = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [1, 1]])
    H = rng.random((2, 40)) + 0.2
    dictionary = Dictionary(W / W.sum(0), np.array(["bass", "lead"]))
    allowed = np.ones((2, 5, 40), bool)
    allowed[1, :2, :10] = allowed[0, 2:4, 20:35] = False
    V = W @ H
    parts = painted_stems(V, dictionary, ["bass", "lead"], allowed)
    assert {name: part.shape for name, part in parts.items()} == {
        "bass": (5, 10),
        "lead": (5, 15),
    }
    np.testing.assert_allclose(
        parts["bass"], W[:, :1] * H[:1, :10], rtol=0.02, atol=1e-3
    )
    np.testing.assert_allclose(
        parts["lead"], W[:, 1:] * H[1:, 20:35], rtol=0.02, atol=1e-3
    )


@pytest.fixture(scope="module")
def stems():
    """Two stems that sound throughout, each in bands of its own but for one."""
    t = np.arange(20 * SR) / SR
    made = {
        "bass": np.sin(2 * np.pi * 150 * t) + 0.5 * np.sin(2 * np.pi * 1000 * t),
        "lead": np.sin(2 * np.pi * 2500 * t) + 0.5 * np.sin(2 * np.pi * 1100 * t),
    }
    slow = 1 + 0.5 * np.sin(2 * np.pi * 0.7 * t)
    return {n: 0.2 * (slow * y)[None].astype(np.float32) for n, y in made.items()}


def song_of(stems):
    def sound(name):
        return lambda: (stems[name], SR)

    return Track("song", {name: sound(name) for name in stems})


@pytest.mark.parametrize("name", ["nmf", "deep_nmf"])
def test_solvers_are_told_of_regions_and_give_a_model_of_the_recording(stems, name):
    objective = plugin("objectives/mss.py", phase="mixture", hints=0, wrong_hints=0)
    task = objective.make_task([song_of(stems)], [song_of(stems)])
    parameters = {
        "nmf": {"rank": 40, "n_iter": 30},
        "deep_nmf": dict(rank=6, coarse=None, depth=2, loss="layers", n_iter=30),
    }[name]
    solver = plugin(f"solvers/{name}.py", dictionary="fixed", beta=1, **parameters)
    told = [Hint("bass", 2.0, 3.0, True, 0.0, 4000.0)]
    for hints in ([], told):
        given = Given(task, ("frequency", "time"), task.test[0], hints=hints)
        model = solver.factorize(given.V, given)
        assert np.shape(model.templates) == given.dictionary.templates.shape
        assert np.shape(model.reconstruct()) == given.V.shape
        assert len(model.labels) == len(np.asarray(model.templates).T)
    spectrograms = task.describe(model, given)
    stems_found, _ = task.tune(None)(spectrograms, task.test[0], given.hints)
    amid = slice(int(2.2 * SR), int(2.8 * SR))
    lead = (stems_found["lead"][:, amid] ** 2).mean()
    mixture = (sum(stems.values())[:, amid] ** 2).mean()
    assert lead < 1e-4 * mixture


# what there is to say


def test_what_is_painted_is_true_and_of_what_was_listened_to(stems):
    hints = of_stems.corrections(stems, leaking(stems, 0.3), SR)
    assert len(hints) > 5
    assert all(hint.is_region for hint in hints)
    spectra = {n: np.abs(np.fft.rfft(y[0])) ** 2 for n, y in stems.items()}
    hz = np.fft.rfftfreq(20 * SR, 1 / SR)
    for hint in hints:
        assert listened(np.array([hint.start + 1e-6, hint.end - 1e-6])).all()
        band = (hint.low <= hz) & (hz < hint.high)
        powers = {n: spectrum[band].sum() for n, spectrum in spectra.items()}
        total = sum(powers.values())
        if total > 1e-3 * max(spectrum.sum() for spectrum in spectra.values()):
            share = powers[hint.label] / total
            assert share > 0.9 if hint.sounds else share < 0.1
    # no stem has 800 to 1600 Hz to itself
    assert not {hint.low for hint in hints} & {800.0}


def test_what_leaks_most_is_painted_first(stems):
    parts = {name: y.copy() for name, y in stems.items()}
    there = slice(int(13.4 * SR), int(14.8 * SR))
    parts["bass"][:, there] += 3 * stems["lead"][:, there]
    first, *_ = of_stems.corrections(stems, parts, SR)
    assert (first.label, first.sounds) == ("lead", True)
    assert first.low == 1600
    assert first.start <= 13.4
    assert first.end > 14.8


# components without names


def blind(rng, n_frames=60):
    """Two stems of two components each, in rows that overlap."""
    W = np.zeros((6, 4))
    W[:3, 0] = W[1:4, 1] = 1  # of the first stem
    W[2:5, 2] = W[3:6, 3] = 1  # and of the second
    return NMF(W, rng.random((4, n_frames)) + 0.1)


def test_a_region_names_the_components_that_sound_in_it():
    model = blind(np.random.default_rng(0))
    unknown = np.full((4, 2), 0.5)
    allowed = np.ones((2, 6, 60), bool)
    allowed[1, :2, :20] = False  # only the first stem reaches so low
    shares = shares_told(unknown, model, allowed)
    assert (shares[:2, 0] > 0.6).all()
    np.testing.assert_allclose(shares[2:], 0.5)  # of these nothing was said
    allowed[0, 4:, 30:] = False
    shares = shares_told(unknown, model, allowed)
    np.testing.assert_array_equal(shares.argmax(1), [0, 0, 1, 1])
    assert shares[0, 0] > shares[1, 0]  # which has less of itself in the region
    np.testing.assert_allclose(shares.sum(1), 1)


def test_nothing_said_leaves_shares_as_they_were():
    model = blind(np.random.default_rng(0))
    shares = np.random.default_rng(1).dirichlet(np.ones(2), 4)
    told = shares_told(shares, model, np.ones((2, 6, 60), bool))
    np.testing.assert_allclose(told, shares)


@for_all(st.integers(0, 1000), st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_shares_make_what_was_said_more_probable(seed, n_stems):
    rng = np.random.default_rng(seed)
    model = blind(rng)
    allowed = rng.random((n_stems, 6, 60)) < 0.7
    allowed |= ~allowed.any(0)
    shares = rng.dirichlet(np.ones(n_stems), 4)
    told = shares_told(shares, model, allowed)
    e = model.templates.T[:, :, None] * model.activations[:, None]

    def objective(s):
        free = np.einsum("cs,sft->cft", s, allowed)
        fit = (e * np.log(free + 1e-300)).sum((1, 2)) / e.sum((1, 2))
        return fit + TRUST * (shares * np.log(s + 1e-300)).sum(1)

    assert (objective(told) >= objective(shares) - 1e-9).all()
    for _ in range(20):  # and nothing near it is better
        other = 0.99 * told + 0.01 * rng.dirichlet(np.ones(n_stems), 4)
        assert (objective(told) >= objective(other) - 1e-3).all()
    loud = NMF(7 * model.templates, model.activations)
    np.testing.assert_allclose(shares_told(shares, loud, allowed), told)
