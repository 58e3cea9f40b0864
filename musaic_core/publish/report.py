"""benchopt's report as a page of the site."""

import base64
import io
import json
import re
from pathlib import Path

from PIL import Image

from musaic_core.publish.pack import compress, write_packed, write_text

LARGEST = 1_000_000  # bytes of a figure of a report, uncompressed


def write_report(source: Path, file: Path, results: str) -> None:
    """Copy benchopt's report so that it asks no other machine for anything.

    Scripts and styles from elsewhere are replaced by those in ``static`` and the packed
    Plotly; pictures become WebP; figures that are large even so, which show what the
    pages of the recordings show as well, are left out. The copy is packed as well.

    Parameters
    ----------
    source : Path
        The page that benchopt made.
    file : Path
        The copy, which loads its content from a script of the same name beside it.
    results : str
        Name of the results file that lies beside the copy.
    """
    text = source.read_text(encoding="utf-8", errors="replace")
    text = re.sub(r'<link\b[^>]*href="https?://[^>]*>', "", text)
    text = re.sub(r'<script src="https?://[^>]*></script>', "", text)
    text = re.sub(r"data:image/png;base64,([\w+/=]+)", _as_webp, text)
    text = _without_large_figures(text)
    text = re.sub(r'href="[\w.-]+\.parquet"', f'href="{results}"', text)
    # benchopt's list of runs is not published; the benchmark's own page is
    text = re.sub(r'href="\w+\.html"', f'href="../benchmarks/{file.stem}.html"', text)
    write_packed(compress(text.encode()), file.with_suffix(".js"))
    write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>benchopt</title>'
        '<script src="../static/pack.js"></script>'
        '<script src="../static/gridjs.js"></script>'
        '<script src="../static/report.js"></script>'
        f"<script>openReport({json.dumps(file.stem + '.js')})</script></html>",
        file,
    )


def _without_large_figures(text):
    before, mark, after = text.partition("window._plots = ")
    if not mark:
        return text
    plots, end = json.JSONDecoder().raw_decode(after)
    sizes = {name: len(json.dumps(plot)) for name, plot in plots.items()}
    for name in [name for name in plots if sizes[name] > LARGEST]:
        plots.pop(name)
        option = rf'<option value="{re.escape(name)}">.*?</option>'
        before = re.sub(option, "", before, flags=re.S)
        after = after[:end] + re.sub(option, "", after[end:], flags=re.S)
    return before + mark + json.dumps(plots).replace("<", r"\u003c") + after[end:]


def _as_webp(match):
    picture = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert("RGB")
    picture.thumbnail((240, 240))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=25)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
