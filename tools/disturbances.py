"""What disturbing helps: ``python -m tools.disturbances [--csv FILE] [FOLDER ...]``.

`note_cnn` is trained on the pianos of the embedded corpus, in the unseen timbre, a
piece in five held out: with all that `musaic_core.learned.notes` disturbs, without each
of the disturbances in turn, and without any. Each is a training of few steps, a sixth
of what the solver takes. What is printed is the mean F-measure of onsets, by the task's
decoder, on the pieces that are held out, on the test pieces, and on the recordings in
each folder that have notes. With ``--csv``, the table is written to a file, which a
page shows.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np
import pandas as pd

from musaic_core.data.corpus import read_corpus, read_recordings
from musaic_core.learned import disturb, notes, training
from musaic_core.learned.note_cnn import NoteCNN
from musaic_core.tasks.transcription.decoder import Salience
from musaic_core.tasks.transcription.scores import note_scores
from musaic_core.tasks.transcription.task import Transcription
from tools.weights import MINI

STEPS = 300
DISTURBANCES = (
    *("transposition", "equaliser", "room", "noise"),
    "chords of isolated notes",
)


class InOneKey(np.random.Generator):
    """Draws as any generator does, but of the semitones to transpose by only none."""

    def integers(self, low, high=None, **options):
        drawn = super().integers(low, high, **options)
        return 0 if (low, high) == (-4, 5) else drawn


@contextmanager
def without(names: Iterable[str]) -> Iterator[None]:
    """Leave some of `DISTURBANCES` out of all trainings.

    Parameters
    ----------
    names : iterable of str
    """

    def unchanged(V, *_):
        return V

    def in_one_key(build, draw, loss, **options):
        drawn = lambda rng: draw(InOneKey(rng.bit_generator))  # noqa: E731
        return training.train(build, drawn, loss, **options)

    leave_out = {
        "transposition": (notes, "train", in_one_key),
        "equaliser": (disturb, "equalise", unchanged),
        "room": (disturb, "reverberate", unchanged),
        "noise": (disturb, "add_noise", unchanged),
        "chords of isolated notes": (notes, "CHORDS", 0.0),
    }
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(patch.object(*leave_out[name]))
        yield


def measure(
    names: Iterable[str], task: Transcription, corpora: dict, steps: int = STEPS
) -> dict[str, float]:
    """Train without some disturbances, and score.

    Parameters
    ----------
    names : iterable of str
        Of `DISTURBANCES`, those that are left out.
    task : Transcription
        What is learned from.
    corpora : dict of str to list of Track
        What is transcribed.
    steps : int
        Of the training.

    Returns
    -------
    dict of str to float
        Mean F-measure of the onsets, by corpus.
    """

    def read(tracks):
        return [(task.represent(track), track.notes) for track in tracks]

    with without(names):
        state = notes.fit(
            NoteCNN,
            read(task.train),
            read(task.isolated),
            frequencies=task.frequencies,
            frame=task.frame,
            steps=steps,
        )

    def heard(track):
        return Salience(*notes.describe(NoteCNN, task.represent(track), state))

    decode = task.tune(heard)

    def score(track):
        found, _ = decode(heard(track), track)
        return note_scores(track.notes, found, None)[2]

    return {
        name: float(np.mean([score(track) for track in tracks]))
        for name, tracks in corpora.items()
    }


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--csv", "file", type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...], file: Path | None) -> None:
    """Print the table, and write it to a file."""
    tracks = read_corpus(MINI / "piano" / "train-unseen")
    apart = training.held_out(track.id for track in tracks)
    learned = [track for track in tracks if track.id not in apart]
    isolated = read_corpus(MINI / "piano" / "notes-unseen")
    corpora = {
        "held out": [track for track in tracks if track.id in apart],
        "mini": read_corpus(MINI / "piano" / "test"),
        **{folder.name: read_recordings(folder) for folder in folders},
    }
    task = Transcription(learned, [], isolated)
    rows = {"nothing": (), **{name: [name] for name in DISTURBANCES}}
    rows["any of them"] = DISTURBANCES
    table = {}
    for name, left_out in rows.items():
        table[name] = measure(left_out, task, corpora)
        print(name, table[name], flush=True)
    table = pd.DataFrame.from_dict(table, orient="index").rename_axis("left out")
    if file:
        table.to_csv(file, float_format="%.2f", encoding="utf-8")


if __name__ == "__main__":
    main()
