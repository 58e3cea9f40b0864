"""Tables and numbers of the pages: ``python -m tools.tables`` writes them from files.

What stands in README.md and docs/*.md between a marker and ``<!-- end -->`` is made of
a file, and a test fails where it is not what the file says. The markers:

``<!-- scores: task=amt rows="nmf β=1; silence" columns="mini piano seen: seen" -->``
    Of results/scores.csv: a row a label, the best in the first column first, and a
    column a corpus; all of them where ``rows`` or ``columns`` are left out, or of each
    kind the first three, with the kind, for ``best=3``. Floors, oracles and means over
    a part of the recordings are marked. ``digits=2`` rounds to so many decimals (3);
    ``head="SDR, dB"`` is the first column's title.
``<!-- csv: docs/measured/online.csv -->``
    The file as it is, its first line as the table's head.
``<!-- speed: docs/measured/speed.json rule=mu problems="ntd-beta1: NTD, β = 1" -->``
    Of what ``python -m tools.speed --json FILE`` wrote: a row a problem, with our
    fastest (by that update rule, if one is named), the fastest peer, and the ratio.
``<!-- costs: docs/measured/options.json problem=options-kl-k88 -->``
    Of the same command: what runs of one problem take, beside the first of them.
``<!-- depth: docs/measured/depth.json truth=ncp score=held_out -->``
    Of what ``python -m tools.depth results`` wrote: models by depths and counts, of
    which ``settings="1 0.2; 2 0.2"`` chooses some.
``<!-- sizes: docs/measured/depth_recordings.json corpus=mini -->``
    Of what ``python -m tools.depth recordings`` wrote.
``<!-- foretold: docs/measured/foretell.json -->``
    Of what ``python -m tools.foretell`` wrote: a row a pair of corpora.
``<!-- layers: docs/measured/layers.json -->``
    Of what ``python -m tools.layers`` wrote: a row a concept, a column a layer.
``<!-- guidance: docs/measured/guidance.json corpus=mini -->``
    Of what ``python -m tools.guidance`` wrote: gains by solvers and numbers of hints.
``<!-- gained: docs/measured/guidance.json corpus=mini -->``
    Of the same, a sentence: which of the gains their intervals tell apart from nothing.
``<!-- solvers: kind=low-rank -->``
    What each solver looks at and its parameters, from the code.
``<!-- value: docs/measured/deep.json gain -->``
    One value of a JSON object, in running text.

Lists are separated by semicolons; ``name: title`` shows under a title what has a name.
"""

import csv
import json
import re
import shlex
from pathlib import Path

import pandas as pd

from tools import guidance, layers
from tools.depth import table, table_of_sizes
from tools.overview import parameters
from tools.speed_problems import OURS

ROOT = Path(__file__).resolve().parent.parent
MARKER = re.compile(
    r"(<!-- (\w+): (.*?) -->)(.*?)(<!-- end -->|(?=<!-- \w+: )|\Z)", re.DOTALL
)


# what recordings are compared with which part of the embedded corpus, in words
PAIRS = {
    "amt piano": "transcription, piano",
    "amt quartets": "transcription, quartets and other instruments",
    "mss songs": "separation, songs",
    "msa songs": "structure, songs",
}


def pages(root: Path = ROOT) -> list[Path]:
    """List the pages that are filled in."""
    return [*sorted((root / "docs").glob("*.md")), root / "README.md"]


def filled(page: Path, root: Path = ROOT) -> str:
    """Write a page's text anew; raises ValueError where a marker can't be filled in."""
    return filled_in(page.read_text(encoding="utf-8"), page.name, root)


def filled_in(text: str, name: str, root: Path = ROOT) -> str:
    """Fill in a text's markers; raises ValueError, with the name, where it can't be."""

    def fill(match):
        marker, kind, wanted, _, end = match.groups()
        try:
            if not end:
                raise ValueError("<!-- end --> is missing")
            if kind not in KINDS:
                raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
            words = shlex.split(wanted)
            options = dict(word.split("=", 1) for word in words if "=" in word)
            words = [word for word in words if "=" not in word]
            made = KINDS[kind](root, *words, **options)
            return marker + (made if isinstance(made, str) else _table(made)) + end
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"{name}: {marker}: {reason}") from error

    return MARKER.sub(fill, text)


def _table(rows):
    """Markdown of rows, the first one the head."""
    rows = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n"


def _chosen(text, known, what):
    """Titles of a list's names, by name, or of all that is known."""
    if text is None:
        return {name: name for name in known}
    entries = (entry.strip().partition(": ") for entry in text.split(";"))
    chosen = {name: title or name for name, _, title in entries}
    for name in chosen:
        if name not in known:
            raise ValueError(f"no {what} {name!r}; there is {', '.join(known)}")
    return chosen


def _scores(
    root, *, task, rows=None, columns=None, best=None, digits="3", head="model"
):
    df = pd.read_csv(root / "results" / "scores.csv")
    _chosen(task, df["task"].unique(), "task")
    df = df[df["task"] == task]
    columns = _chosen(columns, df["corpus"].unique(), "corpus")
    # the file has the best of each corpus first
    order = pd.concat([df[df["corpus"] == corpus] for corpus in columns])
    order = order.sort_values("apart", kind="stable").drop_duplicates("label")
    if best:
        order = order.groupby("kind", sort=False).head(int(best))
    rows = _chosen(rows, order["label"].tolist(), "label")
    yield head, *columns.values()
    for label in (label for label in order["label"] if label in rows):
        cells = df[df["label"] == label].set_index("corpus")
        is_told = best or cells["apart"].any()
        kind = f", {cells['kind'].iloc[0]}" if is_told else ""
        means = (_mean(cells, corpus, int(digits)) for corpus in columns)
        yield rows[label] + kind, *means


def _mean(cells, corpus, digits):
    if corpus not in cells.index or pd.isna(cells.loc[corpus, "score"]):
        return "–"
    cell = cells.loc[corpus]
    part = f" ({cell['n']} of {cell['of']})" if cell["n"] < cell["of"] else ""
    return f"{cell['score']:.{digits}f}{part}"


def _csv(root, name):
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    return list(csv.reader(lines))


def _speed(root, name, *, rule=None, problems=None):
    records = json.loads((root / name).read_text(encoding="utf-8"))
    known = dict.fromkeys(record["problem"] for record in records)
    yield "problem", "`musaic_core`", "fastest peer", "ratio"
    for problem, title in _chosen(problems, known, "problem").items():
        runs = [record for record in records if record["problem"] == problem]
        peers = [run for run in runs if run["package"] != OURS]
        ours = [run for run in runs if run["package"] == OURS]
        ours = [run for run in ours if rule in (None, *run["backend"].split(", "))]
        if not ours or not peers:
            raise ValueError(f"{problem} has no {'peer' if ours else rule or OURS}")
        our, peer = (min(many, key=lambda run: run["ms"]) for many in (ours, peers))
        told = _told(our, our["backend"]), _told(peer, peer["package"], peer["backend"])
        yield title, *told, f"{peer['ms'] / our['ms']:.1f} ×"


def _told(run, *names):
    return f"{_milliseconds(run)} ms ({', '.join(filter(None, names))})"


def _milliseconds(run):
    digits = 2 if run["ms"] < 10 else 1 if run["ms"] < 100 else 0
    return f"{run['ms']:.{digits}f}"


def _costs(root, name, *, problem):
    records = json.loads((root / name).read_text(encoding="utf-8"))
    _chosen(problem, dict.fromkeys(record["problem"] for record in records), "problem")
    first, *others = (record for record in records if record["problem"] == problem)
    yield "options", "ms an iteration", f"beside {first['backend']}"
    yield first["backend"], _milliseconds(first), "1"
    for run in others:
        yield run["backend"], _milliseconds(run), f"{run['ms'] / first['ms']:.2f} ×"


def _foretold(root, name):
    pairs = json.loads((root / name).read_text(encoding="utf-8"))
    counted = "mini − recordings", "models", "recordings"
    yield "task", "τ", "95 % interval", "τ among recordings", *counted
    # tasks in the order of their titles here, others after them
    order = sorted(pairs, key=lambda pair: [*PAIRS, pair].index(pair))
    for pair, found in ((pair, pairs[pair]) for pair in order):
        tau, low, high, among = (
            "–" if found.get(key) is None else f"{found[key]:.2f}".replace("-", "−")
            for key in ("tau", "low", "high", "agreement")
        )
        difference = f"{found['difference']:+.2f}".replace("-", "−")
        counts = found["models"], found["recordings"]
        yield PAIRS.get(pair, pair), tau, f"{low} to {high}", among, difference, *counts


def _value(root, name, key):
    return str(json.loads((root / name).read_text(encoding="utf-8"))[key])


KINDS = {"scores": _scores, "csv": _csv, "speed": _speed, "value": _value}
KINDS |= {
    "foretold": _foretold,
    "guidance": guidance.table,
    "gained": guidance.sentence,
    "layers": layers.table,
    "solvers": parameters,
    "depth": table,
    "sizes": table_of_sizes,
    "costs": _costs,
}

if __name__ == "__main__":
    for page in pages():
        page.write_text(filled(page), encoding="utf-8", newline="\n")
