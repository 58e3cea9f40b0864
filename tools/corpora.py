"""The page of the real corpora: ``python -m tools.corpora`` writes it."""

import importlib.util
from pathlib import Path

from musaic_core.benchmark.corpora import Corpus
from tools.tables import filled_in

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "corpora.md"
HEAD = """# Real corpora

Datasets that read corpora in the layouts that they are distributed in. Nothing is
downloaded: get a corpus from where it is to be had, and name its folder,

```
benchopt run benchmarks/amt -d "maps[path='/data/MAPS']" -s nmf
```

or put the path into benchopt's configuration: `data_paths: {maps: /data/MAPS}`. A run
of all datasets has none of them. By default all recordings of a split are taken;
`tracks=10` takes ten of those that are scored, and `train_tracks=20` twenty of those
that are learned from, evenly spaced.

mirdata knows what some of them consist of, and one has its audio in HDF5:
`pip install -e ".[corpora]"` installs what reads them. mirdata's index of a corpus is
to be downloaded once; where it is lacking, a run says how. By its checksums, mirdata
says which files are missing or changed:

```python
import mirdata

mirdata.initialize("salami", data_home="/data/SALAMI").validate()
```

A corpus that is for no task yet is read like the others: who adds a task of genres
links `datasets/gtzan.py` into its folder, and finds what the corpus knows in the
tracks' `tags`. f0 is frequencies over time, by which frames of transcriptions are
scored.

Recordings that lack a file that is needed are left out, as many own the half of SALAMI.
Licences and sizes are what the corpora's pages and mirdata say; a dash is for what is
not known. What the embedded corpus foretells of them stands
[at the end](#what-the-embedded-corpus-foretells). `python -m tools.corpora` writes this
page from `datasets/`.

"""
WITHOUT = {
    "MDB Drums' onsets": "transcription is of pitched notes; its stems are read",
    "iKala": "can no longer be downloaded, says mirdata; MIR-1K is of its kind",
    "TRIOS": "its layout could not be confirmed; URMP is of its kind, and larger",
    "Cover-1000, DA-TACOS": "have features, and no audio; Cover80 is of their kind",
}
TAIL = """
## What has no dataset

`folder` reads any corpus whose annotations lie beside its recordings, or whose
recordings are folders of stems: [your own recordings](running.md#your-own-recordings).

| corpus | why |
| --- | --- |
""" + "".join(f"| {corpus} | {why} |\n" for corpus, why in WITHOUT.items())
FORETOLD = """
## What the embedded corpus foretells

How far the order of models on `mini`, learned from one timbre and scored in another, is
their order on recordings, learned from both timbres and with nothing chosen on these:
Kendall's rank correlation τ (τ-b) of their mean scores, its 95 % interval over the
choice of recordings, the mean of the same correlation between each recording and the
mean of the others, and by how much scores are higher on `mini`, on average (F-measures;
for separation, dB, of which most is [one nearly silent stem](tasks.md#separation)).

<!-- foretold: docs/measured/foretell.json --><!-- end -->

Of two models, the better one on `mini` is the better one on recordings in (1 + τ) / 2
of all pairs: at τ = 0.8 in nine of ten, at 0.3 in two of three, at 0 in half. So the
order can be relied on where the whole interval is high, as from 0.7 on. Where it is
not, `mini` shows that a model works, what it takes and what it costs, and not which of
two is to be preferred: compare these on a corpus above, or on recordings of your own
(`folder`). Where recordings don't agree among themselves, what sets models apart is
less than what sets recordings apart: the order of a few is then not that of others, and
a low τ says as much of these recordings as of `mini`. Scores themselves are to be
expected where the difference is near 0. Intervals of four recordings are narrower than
they should be. All models learned from `mini`: of models that learn from a large
corpus, it foretells nothing.
"""


def corpora() -> list[tuple[type[Corpus], list[str]]]:
    """List the datasets of real corpora.

    Returns
    -------
    list of (subclass of Corpus, list of str)
        In the order of their titles, each with the names of the benchmarks that have
        it, none where no task scores what it knows.
    """
    found = []
    for file in sorted(ROOT.glob("datasets/*.py")):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if issubclass(module.Dataset, Corpus):
            links = sorted(ROOT.glob(f"benchmarks/*/datasets/{file.name}"))
            found.append((module.Dataset, [link.parents[1].name for link in links]))
    return sorted(found, key=lambda entry: entry[0].about.title.lower())


def page() -> str:
    """Write what the datasets say of their corpora as Markdown.

    Returns
    -------
    str
    """
    heads = ["corpus", "knows", "for", "recordings", "hours", "download", "licence"]
    rows, entries = [heads, ["---"] * len(heads)], []
    for dataset, tasks in corpora():
        about = dataset.about
        link = f"[{about.title}](#{dataset.name})"
        cells = [link, ", ".join(about.knows), ", ".join(tasks) or "no task yet"]
        cells += [about.recordings, about.hours, about.size, about.licence]
        rows.append(cells)
        entries.append(_entry(dataset))
    table = "".join(f"| {' | '.join(cell or '–' for cell in row)} |\n" for row in rows)
    return filled_in(HEAD + table + "".join(entries) + TAIL + FORETOLD, FILE.name)


def _entry(dataset):
    about = dataset.about
    lines = [
        f"\n## {dataset.name}\n",
        f"{about.title} ({about.paper}).\n",
        f"- Get it: {about.source}",
        f"- Layout of the folder: {about.layout}.",
        f"- Split: {about.split}.",
        *(f"- To compare with: {score}." for score in about.published),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8", newline="\n")
    print(FILE)
