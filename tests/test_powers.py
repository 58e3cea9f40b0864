"""Models of powers: what they are given, and that answers are as of magnitudes."""

import numpy as np
import pytest
import soundfile
from solving import factorizer, plugin

from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.models import NMF
from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.structure.task import Structure
from musaic_core.tasks.transcription.task import Transcription

SR = 22050
BARS = {"song": np.arange(0, 8, 2.0)}


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Eight seconds of noise that pulsates, and two stems that it is the sum of."""
    folder = tmp_path_factory.mktemp("song")
    rng, time = np.random.default_rng(0), np.arange(8 * SR) / SR
    stems = rng.normal(0, 0.1, (2, len(time))) * (time % 0.5 < 0.1)
    files = {}
    for name, y in zip("ab", stems, strict=True):
        files[name] = folder / f"{name}.wav"
        soundfile.write(files[name], y, SR)
    notes = Notes.from_rows([(0.5, 0.8, 60, 80, "")])
    return Track("song", files, notes_from=lambda: notes)


@pytest.fixture(params=["amt", "mss", "msa"])
def task(request, song):
    """Each task that has magnitudes, with that song to learn from and to be scored."""
    return {
        "amt": lambda: Transcription([song], [song], [song]),
        "mss": lambda: Separation([song], [song], ["a", "b"]),
        "msa": lambda: Structure([song], [song], feature="stft", downbeats=BARS),
    }[request.param]()


def given_to(task, dictionary="blind", **parameters):
    solver = plugin("solvers/nmf.py", dictionary=dictionary, **parameters)
    solver.set_task(task)
    return solver.given_of(task.test[0])


def test_itakura_saito_sees_the_square_of_what_kullback_leibler_sees(task):
    magnitudes = task.represent(task.test[0], task.axes[0])
    assert magnitudes.any()
    np.testing.assert_array_equal(given_to(task, beta=0).V, magnitudes**2)
    for beta in (0.5, 1, 2):
        compressed = given_to(task, beta=beta).V
        np.testing.assert_array_equal(compressed, magnitudes**task.compression)


def test_structure_gives_plain_magnitudes_and_the_other_tasks_compressed_ones():
    assert Structure.compression == 1
    assert 0 < Transcription.compression < 1
    assert 0 < Separation.compression < 1


def test_what_it_learns_from_is_of_powers_too(task):
    solver = plugin("solvers/online_nmf.py", beta=0)
    solver.set_task(task)
    ((_, V),) = solver.given_of(None).read(task.train)
    np.testing.assert_array_equal(V, task.represent(task.train[0], task.axes[0]) ** 2)


def test_a_feature_that_is_no_magnitude_is_left_as_it_is(song):
    task = Structure([song], [song], feature="nn_log_mel", downbeats=BARS)
    given = given_to(task, beta=0)
    assert given.exponent == 1
    np.testing.assert_array_equal(given.V, given_to(task, beta=1).V)


def test_a_dictionary_of_notes_has_the_spectra_of_their_powers(song):
    task = Transcription([], [song], [song])
    attack = slice(int(0.5 * SR / 512), int(0.62 * SR / 512))
    magnitudes = task.represent(song)[:, attack]
    for beta, exponent in ((0, 2), (1, task.compression)):
        dictionary = given_to(task, "fixed", beta=beta).dictionary
        assert dictionary.labels.tolist() == task.dictionary.labels.tolist()
        np.testing.assert_allclose(dictionary.templates.sum(0), 1, 1e-5)
        spectrum = (magnitudes**exponent).sum(1)
        expected = spectrum / spectrum.sum()
        np.testing.assert_allclose(dictionary.templates[:, 0], expected, 1e-5)
        powers = task.dictionary.patches(3)[0] ** exponent
        expected = powers / powers.sum((0, 2))
        np.testing.assert_allclose(dictionary.patches(3)[0], expected, 1e-4)


def test_a_dictionary_of_stems_models_their_powers(song):
    task = Separation([song], [song], ["a", "b"])
    given = given_to(task, "fixed", beta=0)
    labels = given.dictionary.labels
    assert labels.tolist() == task.dictionary.labels.tolist()
    np.testing.assert_allclose(given.dictionary.templates.sum(0), 1, 1e-5)
    assert given.dictionary.patches(2)[0].shape[::2] == (len(given.V), 2)
    for stem, W in (("a", 0), ("b", 1)):
        V = task._stem_spectra[W] ** 2
        V += 1e-3 * V.mean()  # its silence would be infinitely far from anything
        held = given.dictionary.templates[:, labels == stem], None
        model = nmf(V, 20, beta=0, init=held, fixed=("templates",), seed=0)
        mean = np.full_like(V, 1) * V.mean()
        left = beta_divergence(V, model.reconstruct(), 0)
        assert left < 0.5 * beta_divergence(V, mean, 0)


def test_a_component_is_described_alike_by_its_magnitudes_and_by_their_squares(task):
    magnitudes, powers = (given_to(task, beta=beta) for beta in (1, 0))
    rng = np.random.default_rng(0)
    W = rng.random((len(powers.V), 1)) ** 2
    H = rng.random((1, powers.V.shape[1]))
    labels = {"notes": [60], "stems": ["a"]}.get(task.answers)
    found = []
    for given in (magnitudes, powers):
        root = given.exponent
        model = NMF(W**root, H**root, labels=labels and np.array(labels))
        described = task.describe(model, given)
        for name in ("level", "magnitudes"):
            described = getattr(described, name, described)
        found.append(np.asarray(described, float))
    assert found[0].any()
    ratio = found[1].sum() / found[0].sum()
    np.testing.assert_allclose(found[1], ratio * found[0], 1e-4, 1e-7)
    if task.answers == "stems":
        assert ratio == pytest.approx(1, rel=1e-4)


def test_stems_of_a_model_of_powers_have_its_powers_in_all(song):
    task = Separation([song], [song], ["a", "b"])
    given = given_to(task, beta=0)
    rng = np.random.default_rng(0)
    model = NMF(rng.random((len(given.V), 4)), rng.random((4, given.V.shape[1])))
    described = task.describe(model, given)
    powers = (np.stack(described.magnitudes) ** 2).sum(0)
    np.testing.assert_allclose(powers, model.reconstruct(), 1e-3)
    shown = described.factors  # as magnitudes, component by component
    np.testing.assert_allclose(shown.templates**2, model.templates, 1e-6)
    assert shown.labels.tolist() == model.labels.tolist()


def test_only_the_itakura_saito_divergence_is_of_powers():
    for beta, exponent in ((0, 2), (0.0, 2), (1, None), (0.5, None), (2, None)):
        assert plugin("solvers/nmf.py", beta=beta).exponent == exponent
    assert factorizer(lambda V, given: None).exponent is None
    assert plugin("solvers/note_cnn.py").exponent == 1
