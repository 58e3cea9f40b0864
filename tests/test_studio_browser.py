"""The studio in a headless Chromium, by mouse, touch and keyboard, wide and narrow."""

import functools
import itertools
import json
import os
import random
import threading
import time
from pathlib import Path

import mido
import pytest
import uvicorn
from studios import little, tune

from musaic_core.studio.models import DICTIONARY
from musaic_core.studio.server import make_app

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow
QUICK = {  # models that need no training
    "notes": [("nmf", DICTIONARY)],
    "stems": [("nmf", DICTIONARY)],
    "sections": [("barwise_ssm", {})],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("works")


@pytest.fixture(scope="module")
def server(folder):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("musaic_core.studio.models.from_mini", little)
        patched.setattr("musaic_core.studio.models.SOLVERS", QUICK)
        app = make_app(folder)
        told = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
        running = uvicorn.Server(told)
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.05)
        port = running.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        running.should_exit = True
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
            m.type == "error" and "status of 4" not in m.text and wrong.append(m.text)
        ),
    )
    page.goto(server)
    page.wait_for_selector(".cards label")
    yield page
    assert wrong == []
    context.close()


@functools.cache
def song(seconds):
    return tune(seconds)[0]


def settled(page, question, model=None):
    """Wait until the page shows what the server's model found with what was said."""
    script = """([question, model]) => {
      const { state, answer } = opened ?? {};
      return Boolean(state && answer && !state.running && answer.question === question
        && state.question === question && (!model || state.model === model)
        && answer.version >= state.version - 1 && opened.editor?.line.frame); }"""
    deadline = time.monotonic() + 120
    rest = 0
    while rest < 4:  # it stays so for a while
        rest = rest + 1 if page.evaluate(script, [question, model]) else 0
        assert time.monotonic() < deadline, page.inner_text("#error")
        page.wait_for_timeout(250)


NUMBERS = itertools.count()


def dropped(page, question="notes", model="nmf", name=None):
    name = name or f"song {next(NUMBERS)}.wav"  # the same one would have its work
    if page.locator("#start").is_visible():
        page.check(f"#wanted input[value={question}]", force=True)
        told = {
            "name": name,
            "mimeType": "audio/wav",
            "buffer": song(24 if question == "sections" else 8),
        }
        page.set_input_files("#file", told)
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
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(
        *place(page, *((a + b) / 2 for a, b in zip(start, end, strict=True)))
    )
    page.mouse.move(*place(page, *end))
    page.mouse.up()


def has(found, start, pitch):
    return any(abs(n[0] - start) < 0.1 and n[2] == pitch for n in found)


def test_notes_are_corrected_by_mouse_and_exported(tab):
    dropped(tab)
    first = notes(tab)
    victim = first[0]
    tab.mouse.click(*place(tab, sum(victim[:2]) / 2, victim[2]))
    tab.keyboard.press("Delete")
    settled(tab, "notes")
    assert not any(
        n[2] == victim[2] and abs(n[0] - victim[0]) < 0.05 for n in notes(tab)
    )
    high = max(n[2] for n in first) + 2
    drag(tab, (2, high), (3, high))
    settled(tab, "notes")
    assert has(notes(tab), 2, high)
    tab.mouse.dblclick(*place(tab, 5, high))
    settled(tab, "notes")
    assert has(notes(tab), 5, high)
    shown = notes(tab)
    with tab.expect_download() as download:
        tab.click("#exports a:has-text('MIDI')")
    assert download.value.suggested_filename.endswith(".mid")
    midi = mido.MidiFile(download.value.path())
    pitches = sorted(m.note for m in midi if m.type == "note_on" and m.velocity)
    assert pitches == sorted(n[2] for n in shown)
    for _ in range(3):
        tab.click("#undo")
        settled(tab, "notes")
    assert notes(tab) == first


def test_notes_are_corrected_by_the_keyboard_alone(tab):
    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    chosen = tab.evaluate("opened.editor.chosen")
    assert chosen == tab.evaluate("opened.editor.notes[1]")
    tab.keyboard.press("ArrowUp")
    tab.wait_for_timeout(900)
    settled(tab, "notes")
    assert has(notes(tab), chosen[0], chosen[2] + 1)
    tab.keyboard.press("Control+z")
    settled(tab, "notes")
    assert not has(notes(tab), chosen[0], chosen[2] + 1)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    assert len(tab.evaluate("opened.state.hints")) == 1
    tab.keyboard.press("Space")
    tab.wait_for_selector("#player .play[aria-label=Pause]")


def test_notes_are_corrected_by_touch(tab):
    dropped(tab)
    note = notes(tab)[0]
    tab.touchscreen.tap(*place(tab, sum(note[:2]) / 2, note[2]))
    tab.locator("#edit button[aria-label^='Delete']").tap()
    settled(tab, "notes")
    assert not any(n[2] == note[2] and abs(n[0] - note[0]) < 0.05 for n in notes(tab))
    tab.locator("#edit button[aria-label^='Draw']").tap()
    high = max(n[2] for n in notes(tab)) + 2
    tab.touchscreen.tap(*place(tab, 3, high))
    settled(tab, "notes")
    assert has(notes(tab), 3, high)


def test_a_stem_is_said_to_be_alone_heard_and_exported(tab):
    dropped(tab, "stems")
    tab.select_option("#edit select", "vocals")
    drag(tab, (1, 175), (6, 175))  # over the waveform
    tab.click("#edit button:has-text('vocals is alone')")
    settled(tab, "stems")
    [hint] = tab.evaluate("opened.state.hints")
    assert (hint["label"], hint["sounds"]) == ("vocals", True)
    assert hint["end"] - hint["start"] == pytest.approx(5, abs=0.3)
    drag(tab, (2, 20), (4, 60))  # over the spectrogram
    tab.click("#edit button:has-text('has no vocals')")
    settled(tab, "stems")
    region = tab.evaluate("opened.state.hints[1]")
    assert 0 < region["low"] < region["high"]
    tab.click("button[aria-label='Solo vocals']")
    tab.click("#player .play")
    with tab.expect_download() as download:
        tab.click("#exports a:has-text('Stems')")
    assert download.value.suggested_filename.endswith(".stems.zip")


def test_a_stretch_is_said_by_the_keyboard_alone(tab):
    dropped(tab, "stems")
    for box, value in (("From, s", "1"), ("To, s", "3")):
        tab.fill(f"input[aria-label='{box}']", value)
        tab.keyboard.press("Enter")
    tab.focus("#edit button:has-text('is silent')")
    tab.keyboard.press("Enter")
    settled(tab, "stems")
    hint = tab.evaluate("opened.state.hints[0]")
    assert (hint["start"], hint["end"], hint["sounds"]) == (1, 3, False)


def test_a_boundary_is_moved_by_mouse_and_by_keyboard(tab):
    dropped(tab, "sections", "barwise_ssm")

    def starts(time):
        rows = tab.evaluate("opened.answer.sections")
        return any(abs(row[0] - time) < 0.05 for row in rows)

    second = tab.evaluate("opened.editor.times[1]")
    tab.locator(".boundary").nth(1).focus()
    tab.keyboard.press("Delete")
    settled(tab, "sections")
    assert not starts(second)  # what else begins elsewhere then, the model says
    first = tab.evaluate("opened.editor.times[0]")
    later = tab.evaluate("t => opened.answer.bars.find((b) => b > t + 0.1)", first)
    tab.locator(".boundary").first.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(900)
    settled(tab, "sections")
    assert starts(later)
    assert not starts(first)
    drag(tab, (later, 50), (first + 0.1, 50))
    settled(tab, "sections")
    assert starts(first)
    assert not starts(later)
    tab.mouse.dblclick(*place(tab, second, 50))
    settled(tab, "sections")
    assert starts(second)
    with tab.expect_download() as download:
        tab.click("#exports a:has-text('Sections')")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    shown = tab.evaluate("opened.answer.sections")
    assert len([line for line in lines if line.strip()]) == len(shown)


def test_components_are_muted_merged_named_and_heard_alone(tab):
    dropped(tab)
    tab.click("#factors summary")
    names = tab.locator(".component button")
    first, second = (names.nth(i).inner_text() for i in range(2))
    tab.locator(".component .mute input").nth(2).check()
    tab.wait_for_function("() => opened.state.can_undo", polling=200)
    for i in range(2):
        tab.locator(".component > input[type=checkbox]").nth(i).check()
    tab.fill("#factors input[type=text]", "one note")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".component button:text-is('one note')")
    assert first not in names.all_inner_texts()
    assert second not in names.all_inner_texts()
    tab.click(".component button:text-is('one note')")
    tab.wait_for_selector("#factors .play[aria-label=Pause]")


def test_work_is_saved_and_opened_again(tab, folder):
    name = f"kept {tab.viewport_size['width']}.wav"
    dropped(tab, name=name)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    shown = notes(tab)
    tab.keyboard.press("Control+s")
    tab.wait_for_selector("#save:text-is('Saved')")
    said = (folder / name).with_suffix(".hints.json").read_text("utf-8")
    assert len(json.loads(said)) == 1
    tab.reload()
    settled(tab, "notes")
    assert notes(tab) == shown
    tab.click("#home")
    tab.reload()
    tab.click(f".works button:text-is('{name}')")
    settled(tab, "notes")
    assert notes(tab) == shown


def test_what_can_not_be_read_is_one_line_and_nothing_is_lost(tab):
    told = {"name": "text.mp3", "mimeType": "audio/mpeg", "buffer": b"no sound"}
    tab.set_input_files("#file", told)
    tab.wait_for_selector("#error:not(:empty)")
    assert "\n" not in tab.inner_text("#error")
    assert "text.mp3" in tab.inner_text("#error")
    dropped(tab)
    assert tab.inner_text("#error") == ""


def test_all_has_a_name_and_fits_the_width(tab):
    for question in ("notes", "stems", "sections"):
        if tab.locator("#start").is_visible():
            dropped(tab)
        else:
            tab.check(f"#questions input[value={question}]", force=True)
            settled(tab, question)
        overflow = "document.documentElement.scrollWidth - window.innerWidth"
        assert tab.evaluate(overflow) <= 0
        nameless = tab.evaluate(
            """[...document.querySelectorAll("button, a, input, select, meter")]
            .filter((e) => e.checkVisibility() && !(e.ariaLabel || e.textContent.trim()
              || e.closest("label"))).map((e) => e.outerHTML)"""
        )
        assert nameless == []
        assert tab.locator("#error").inner_text() == ""


def test_random_clicks_leave_no_error_and_no_memory(tab):
    seconds = float(os.environ.get("CLICKS", 60))
    dropped(tab, name="random.wav")
    tab.click("#factors summary")
    session = tab.context.new_cdp_session(tab)

    def heap():
        session.send("HeapProfiler.collectGarbage")
        return tab.evaluate("performance.memory.usedJSHeapSize") / 2**20

    rng, begin, sizes = random.Random(0), time.monotonic(), []
    keys = ["ArrowRight", "ArrowUp", "Delete", "n", "Escape", "Space", "Control+z"]
    while time.monotonic() - begin < seconds:
        if len(sizes) < 4 * (time.monotonic() - begin) / seconds:
            sizes.append(heap())
        spots = tab.evaluate(
            """[...document.querySelectorAll("#work button, #work input, .over, #undo, "
              + "#redo, #theme")].filter((e) => e.checkVisibility() && !e.disabled
              && e.type !== "file").map((e) => e.getBoundingClientRect())
            .map((b) => [b.left + scrollX, b.top + scrollY, b.width, b.height])"""
        )
        left, top, width, height = rng.choice(spots)
        x, y = left + rng.random() * width, top + rng.random() * height
        tab.evaluate("y => scrollTo(0, y - 400)", y)
        y -= tab.evaluate("scrollY")
        tab.mouse.move(x, y)
        tab.mouse.down()
        if rng.random() < 0.3:
            tab.mouse.move(x + rng.uniform(-90, 90), y + rng.uniform(-40, 40))
        tab.mouse.up()
        tab.keyboard.press(rng.choice(keys))
        tab.wait_for_timeout(30)
    sizes.append(heap())
    assert sizes[-1] < 1.5 * sizes[1] + 10
