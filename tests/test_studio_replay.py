"""What leaves the studio is what a benchmark gives of the same hints, to the bit."""

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient
from studios import ADDRESS, Page, little, tune

from musaic_core.data.recording import Track
from musaic_core.studio import asked, kept, models
from musaic_core.studio.server import make_app

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx`")


def there(label, start, end, **more):
    return {"label": label, "start": start, "end": end, "sounds": True, **more}


def absent(*told, **more):
    return {**there(*told, **more), "sounds": False}


SAID = {
    "notes": {
        "nothing": [],
        "a note": [there(76, 1.0, 1.5)],
        "no note": [absent(60, 0.0, 0.45)],
        "both": [absent(60, 0.0, 0.45), there(76, 1.0, 1.5), there(67, 5.0, 5.4)],
    },
    "stems": {
        "nothing": [],
        "alone": [there("vocals", 1.0, 3.0)],
        "silent": [absent("drums", 5.0, 6.0)],
        "a region": [there("bass", 2.0, 4.0, low=50.0, high=400.0)],
        "no region": [absent("bass", 2.0, 4.0, low=900.0, high=2000.0)],
        "all": [
            there("vocals", 1.0, 3.0),
            absent("drums", 5.0, 6.0),
            there("bass", 2.0, 4.0, low=50.0, high=400.0),
        ],
    },
    "sections": {
        "nothing": [],
        "a boundary": [there("boundary", 10.0, 10.0)],
        "no boundary": [absent("boundary", 5.0, 15.0)],
    },
}
CASES = [
    (question, model, what)
    for question, offered in models.SOLVERS.items()
    for model, _ in offered
    for what in SAID[question]
]
BRIEFLY = {"note_cnn": {"steps": 2}, "unet": {"steps": 2}}  # it is not about quality


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Questions whose networks learn for a moment."""
    offered = {
        question: [
            (name, parameters | BRIEFLY.get(name, {})) for name, parameters in of
        ]
        for question, of in models.SOLVERS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("kept")
        patch.setattr(kept, "FOLDER", folder)
        patch.setattr("musaic_core.benchmark.solver._cache_folder", lambda: folder)
        patch.setattr(models, "from_mini", little)
        patch.setattr(models, "SOLVERS", offered)
        yield models.questions()


@pytest.fixture
def page(answered, tmp_path, monkeypatch):
    """Opens a page on a melody of so many seconds."""
    monkeypatch.setattr("musaic_core.studio.home.questions", lambda: answered)
    monkeypatch.setattr("musaic_core.studio.left.FOLDER", tmp_path)
    with TestClient(make_app(tmp_path), base_url=ADDRESS) as client:
        yield lambda seconds: Page(client, tune(seconds)[0])


def shown(page):
    """The answer that a page is shown, before it is rounded."""
    session = page.client.app.state.studio.sessions[page.opened["id"]]
    return session.analysis.answer


def replayed(offer, page, folder):
    """What a run of the benchmark gives of the exported hints."""
    file, hints = folder / "replayed.wav", folder / "replayed.hints.json"
    file.write_bytes(tune(page.opened["duration"])[0])
    hints.write_bytes(page.get("export/hints.json").content)
    objective = offer.question.benchmark.get_benchmark_objective().get_instance()
    models.seeded(objective)
    track = Track("replayed.wav", {"mixture": file})
    told = little(offer.question.objective.learns_from)
    objective.set_data(**told, test=[track], hints={track.id: hints})
    solver = offer.solver_class.get_instance(**offer.parameters)
    models.seeded(solver)
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    (estimate,) = solver.get_result()["estimates"].values()
    assert estimate.error == ""
    return estimate.answer


def same(question, one, other):
    if question == "notes":
        return np.array_equal(one.table(), other.table())
    if question == "stems":
        return [*one] == [*other] and all(
            np.array_equal(one[name][:, :], other[name][:, :]) for name in one
        )
    return pd.DataFrame(one).equals(pd.DataFrame(other))


@pytest.mark.parametrize(("question", "model", "what"), CASES)
def test_what_was_said_is_replayed_to_the_bit(
    page, answered, tmp_path, question, model, what
):
    opened = page(24 if question == "sections" else 8)
    opened.ask(question, model)
    if SAID[question][what]:
        opened.change(hint=SAID[question][what])
    opened.sure_answer()
    offer = answered[question].models[model]
    assert same(question, shown(opened), replayed(offer, opened, tmp_path))


@pytest.mark.parametrize("model", ["note_cnn", "filtered_nmf", "nmf"])
def test_what_was_heard_in_parts_is_replayed_to_the_bit(
    page, answered, tmp_path, monkeypatch, model
):
    monkeypatch.setattr(asked, "LONGEST", 3.0)
    opened = page(8)
    opened.ask("notes", model)
    assert opened.state()["quick"]
    opened.sure_answer()
    assert not opened.state()["quick"]
    offer = answered["notes"].models[model]
    assert same("notes", shown(opened), replayed(offer, opened, tmp_path))
