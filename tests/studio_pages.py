"""The studio's page in a headless Chromium, and what tests do on it."""

import contextlib
import functools
import itertools
import re
import signal
import threading
import time

import pytest
import uvicorn
from studios import little, tune

from musaic_core.studio import asked
from musaic_core.studio.__main__ import Server
from musaic_core.studio.analysis import StoppedError
from musaic_core.studio.models import DICTIONARY
from musaic_core.studio.server import make_app

QUICK = {  # models that need no training
    "notes": [("nmf", DICTIONARY)],
    "stems": [("nmf", DICTIONARY)],
    "sections": [("barwise_ssm", {})],
}
NUMBERS = itertools.count()
# how many requests a page waits for
ASKING = """(() => {
  const real = window.fetch;
  window.asking = 0;
  window.fetch = (...told) => (asking++, real(...told).finally(() => asking--));
})()"""
# where it makes no difference how wide the page is
one_width = pytest.mark.parametrize("tab", [1280], indirect=True, ids=["desktop"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("works")


@pytest.fixture(scope="module")
def server(folder):
    with serving(folder) as address:
        yield address


@contextlib.contextmanager
def serving(folder, port=0):
    """A studio that answers at the address that it gives."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("musaic_core.studio.models.from_mini", little)
        patched.setattr("musaic_core.studio.models.SOLVERS", QUICK)
        patched.setattr("musaic_core.studio.left.FOLDER", folder)
        app = make_app(folder)
        told = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
        running = Server(told, app.state.studio)
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.05)
        port = running.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        running.handle_exit(signal.SIGINT, None)
        thread.join(20)


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def tab(request, chromium, server):
    """A page that collects what goes wrong; nothing may."""
    view = {"width": request.param, "height": 900}
    context = chromium.new_context(viewport=view, has_touch=True)
    page, wrong = context.new_page(), []
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda m: (
            m.type == "error"
            and not re.search("status of (4|507)|CONNECTION_REFUSED", m.text)  # told
            and wrong.append(m.text)
        ),
    )
    context.add_init_script(ASKING)
    page.goto(server)
    page.wait_for_selector(".cards label")
    yield page
    assert wrong == []
    context.close()


@contextlib.contextmanager
def waiting():
    """Models do nothing meanwhile but wait to be stopped."""

    def answering(*_, stop, **options):
        stop.wait(60)
        raise StoppedError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asked, "analyse", answering)
        yield


@functools.cache
def song(seconds):
    return tune(seconds)[0]


def settled(page, question, model=None):
    """Wait until the page shows what the server's model found with what was said."""
    script = """([question, model]) => {
      const { state, answer } = opened ?? {};
      return Boolean(state && answer && !state.running && answer.question === question
        && state.question === question && (!model || state.model === model)
        && answer.version >= state.version && opened.editor?.line.frame
        && !opened.editor.moving && !asking); }"""
    deadline = time.monotonic() + 120
    rest = 0
    while rest < 3:  # it stays so for a while
        rest = rest + 1 if page.evaluate(script, [question, model]) else 0
        assert time.monotonic() < deadline, page.inner_text("#error")
        page.wait_for_timeout(150)


def drop(page, question, name=None):
    page.check(f"#wanted input[value={question}]", force=True)
    told = {
        "name": name or f"song {next(NUMBERS)}.wav",  # the same one would have its work
        "mimeType": "audio/wav",
        "buffer": song(24 if question == "sections" else 8),
    }
    page.set_input_files("#file", told)


def dropped(page, question="notes", model="nmf", name=None):
    if page.locator("#start").is_visible():
        drop(page, question, name)
    page.wait_for_selector("#work")
    if page.evaluate("opened.state.model") != model:
        page.select_option("#choice select", model)
    settled(page, question, model)


def notes(page):
    return page.evaluate("opened.answer.notes")


def place(page, time, value):
    """Where on the screen a time and a value of the chart are."""
    page.locator(".over").scroll_into_view_if_needed()
    return page.evaluate(
        """([time, value]) => {
        const { line } = opened, { axis, frame } = line;
        const box = line.plot.getBoundingClientRect();
        const x = box.left + box.width * (time - line.range[0]) / line.span;
        const y = box.top + axis.d2p(value) + axis._offset - frame._size.t;
        return [x, y]; }""",
        [time, value],
    )


def drag(page, start, end):
    """By the mouse, from a time and value to others."""
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(
        *place(page, *((a + b) / 2 for a, b in zip(start, end, strict=True)))
    )
    page.mouse.move(*place(page, *end))
    page.mouse.up()


def has(found, start, pitch):
    return any(abs(n[0] - start) < 0.1 and n[2] == pitch for n in found)


def swipe(page, start, end, steps=6):
    """The same by a finger."""
    touch = page.context.new_cdp_session(page)
    (x, y), (x_end, y_end) = place(page, *start), place(page, *end)
    for i in range(steps + 1):
        at = {"x": x + i / steps * (x_end - x), "y": y + i / steps * (y_end - y)}
        kind = "touchMove" if i else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
        page.wait_for_timeout(20)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    touch.detach()
