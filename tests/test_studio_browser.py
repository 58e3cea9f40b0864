"""What a first-time user does in the studio, by mouse and keyboard, wide and narrow."""

import json
from pathlib import Path

import mido
import pytest
from studio_pages import drag, dropped, has, notes, one_width, place, settled

pytest.importorskip("playwright.sync_api")
pytest_plugins = ["studio_pages"]
pytestmark = pytest.mark.slow


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
    with tab.expect_download() as download:
        tab.click("#exports a:has-text('MIDI')")
    assert download.value.suggested_filename.endswith(".mid")
    shown = notes(tab)  # made sure of before it left
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


def test_a_note_that_moves_while_an_answer_comes_is_where_it_was_moved_to(tab):
    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowUp")
    on, off, pitch = tab.evaluate("opened.editor.chosen")
    tab.evaluate("answered(opened)")  # to what was said before
    settled(tab, "notes")
    assert has(notes(tab), on, pitch)
    assert not has(notes(tab), on, pitch - 1)
    tab.keyboard.press("ArrowUp")  # it is chosen still
    tab.evaluate("opened.editor.settle(); opened.editor.show(opened.answer, [])")
    assert tab.evaluate("opened.editor.chosen") == [on, off, pitch + 1]
    tab.evaluate("opened.queue")
    settled(tab, "notes")
    assert has(notes(tab), on, pitch + 1)
    tab.keyboard.press("ArrowUp")  # said to be right at once, it is said once
    tab.evaluate("opened.editor.confirm()")
    settled(tab, "notes")
    [hint] = (h for h in tab.evaluate("opened.state.hints") if h["sounds"])
    assert hint["label"] == pitch + 2


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
        tab.focus(f"input[aria-label='{box}']")
        tab.keyboard.type(value)
        tab.keyboard.press("Enter")
    tab.focus("#edit button:has-text('is silent')")
    tab.keyboard.press("Enter")
    settled(tab, "stems")
    hint = tab.evaluate("opened.state.hints[0]")
    assert (hint["start"], hint["end"], hint["sounds"]) == (1, 3, False)


def test_what_is_said_of_a_stem_twice_is_said_once(tab):
    dropped(tab, "stems")
    for _ in range(2):
        tab.evaluate(
            "opened.editor.choose({ start: 1, end: 3 }), opened.editor.tell(true)"
        )
        tab.evaluate("opened.queue")
        settled(tab, "stems")
    assert len(tab.evaluate("opened.state.hints")) == 1


def test_who_opens_a_recording_by_a_key_has_the_focus_on_its_name(tab):
    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    name = tab.inner_text("#name")
    tab.focus("#home")
    tab.keyboard.press("Enter")
    tab.focus(f"#saved button:text-is('{name}')")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#work")
    assert tab.evaluate("document.activeElement.id") == "name"


def test_what_is_typed_while_an_answer_comes_stays_and_so_does_the_focus(tab):
    dropped(tab, "stems")
    for box, value in (("From, s", "1"), ("To, s", "3")):
        tab.focus(f"input[aria-label='{box}']")
        tab.keyboard.type(value)
        tab.keyboard.press("Tab")
        tab.evaluate("answered(opened)")
    tab.focus("#edit button:has-text('is silent')")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.className") == "over"
    settled(tab, "stems")
    [hint] = tab.evaluate("opened.state.hints")
    assert (hint["start"], hint["end"]) == (1, 3)
    tab.focus("#exports a:has-text('Corrections')")
    with tab.expect_download():
        tab.keyboard.press("Enter")
    assert "Corrections" in tab.evaluate("document.activeElement.innerText")
    tab.focus("#corrections summary")
    tab.keyboard.press("Enter")
    tab.focus("#corrections li button")
    tab.keyboard.press("Enter")
    settled(tab, "stems")
    assert tab.evaluate("opened.state.hints") == []
    assert tab.evaluate("document.activeElement.className") == "over"


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


@one_width
def test_a_boundary_that_moves_while_an_answer_comes_is_where_it_was_moved_to(tab):
    dropped(tab, "sections", "barwise_ssm")
    old = tab.evaluate("opened.editor.times[1]")
    tab.locator(".boundary").nth(1).focus()
    tab.keyboard.press("ArrowRight")
    moved = tab.evaluate("opened.editor.moving.time")
    gone = (
        "opened.answer.sections.filter(([start]) => start !== opened.editor.times[1])"
    )
    tab.evaluate(f"opened.editor.show({{ ...opened.answer, sections: {gone} }}, [])")
    assert tab.locator(".boundary").nth(1).get_attribute("aria-valuenow") == str(moved)
    settled(tab, "sections")
    starts = [row[0] for row in tab.evaluate("opened.answer.sections")]
    assert moved in starts
    assert old not in starts


@one_width
def test_who_goes_from_a_boundary_that_moves_to_another_moves_that(tab):
    dropped(tab, "sections", "barwise_ssm")
    first, _, third = tab.evaluate("opened.editor.times.slice(0, 3)")
    for i in (0, 2):
        tab.locator(".boundary").nth(i).focus()
        tab.keyboard.press("ArrowLeft")
    settled(tab, "sections")
    said = [h["start"] for h in tab.evaluate("opened.state.hints") if h["sounds"]]
    assert len(said) == 2
    assert said[0] < first < said[1] < third


@one_width
def test_a_wheel_that_turns_down_scrolls_the_page(tab):
    dropped(tab)
    tab.set_viewport_size({"width": 1280, "height": 500})
    tab.mouse.move(*place(tab, 2, 65))
    before, shown = tab.evaluate("[scrollY, opened.line.range]")
    tab.mouse.wheel(3, -50)  # no hand is quite straight
    tab.wait_for_function(f"() => scrollY < {before}", polling=50)
    assert tab.evaluate("opened.line.range") == shown
    tab.click("button[data-view=in]")
    tab.mouse.move(*place(tab, 4, 65))
    before = tab.evaluate("opened.line.range[0]")
    tab.mouse.wheel(100, 3)
    tab.wait_for_function(f"() => opened.line.range[0] > {before}", polling=50)


def test_components_are_muted_merged_named_and_heard_alone(tab):
    dropped(tab)
    tab.click("#factors summary")
    names = tab.locator(".component button")
    first, second = (names.nth(i).inner_text() for i in range(2))
    tab.locator(".component .mute input").nth(2).check()
    tab.wait_for_function("() => opened.state.can_undo", polling=200)
    for i in range(2):
        tab.locator(".component > input[type=checkbox]").nth(i).check()
    tab.focus("#factors input[type=text]")
    tab.keyboard.type("one note")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".component button:text-is('one note')")
    assert first not in names.all_inner_texts()
    assert second not in names.all_inner_texts()
    focused = "document.activeElement.innerText"  # where one was, it goes on
    tab.wait_for_function(f"() => {focused} === 'one note'", polling=200)
    tab.click(".component button:text-is('one note')")
    tab.wait_for_selector("#factors .play[aria-label=Pause]")


def test_work_is_saved_and_opened_again(tab, folder):
    name = f"kept {tab.viewport_size['width']}.wav"
    dropped(tab, name=name)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    header = tab.locator("header").bounding_box()
    tab.keyboard.press("Control+s")
    tab.wait_for_selector("#save:text-is('Saved')")
    assert tab.locator("header").bounding_box() == header  # nothing jumps
    said = (folder / name).with_suffix(".hints.json").read_text("utf-8")
    assert len(json.loads(said)) == 1
    # once it is saved, it is made sure of
    tab.wait_for_selector("#where:not(:has-text('quick answer'))")
    settled(tab, "notes")
    assert tab.inner_text("#changed").startswith("Saved in")  # nothing tells else since
    shown = notes(tab)
    tab.reload()
    settled(tab, "notes")
    assert notes(tab) == shown
    tab.click("#home")
    tab.click(f".works button:text-is('{name}')")
    settled(tab, "notes")
    assert notes(tab) == shown


def test_work_that_is_not_saved_is_found_on_the_first_page(tab):
    dropped(tab, name=f"left {tab.viewport_size['width']}.wav")
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    shown = notes(tab)
    tab.click("#home")
    tab.click(".works li:has-text('not saved yet') button:has-text('left')")
    settled(tab, "notes")
    assert notes(tab) == shown


def test_what_listening_once_more_has_changed_is_told(tab):
    dropped(tab)
    tab.focus(".over")
    tab.keyboard.press("n")
    settled(tab, "notes")
    assert tab.inner_text("#changed").startswith("What changed")
    with tab.expect_download():
        tab.click("#exports a:has-text('MIDI')")
    settled(tab, "notes")
    told = tab.inner_text("#changed")
    sure = tab.evaluate("opened.answer.sure")
    assert "once more" in told
    assert ("the same" in told) == (sure == {"added": 0, "removed": 0})


def test_all_components_are_turned_off_and_on_in_one_step(tab):
    dropped(tab)
    tab.click("#factors summary")
    tab.click(".steering button:has-text('All off')")
    tab.wait_for_function("() => opened.state.can_undo", polling=200)
    muted = ".component .mute input:checked"
    assert tab.locator(muted).count() == tab.locator(".component").count() > 1
    tab.click("#undo")
    tab.wait_for_function("() => !opened.state.can_undo", polling=200)
    tab.wait_for_function(f"() => !document.querySelector({muted!r})", polling=200)


@one_width
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_notes_of_each_kind_are_told_from_the_page_in_either_theme(tab, scheme):
    tab.emulate_media(color_scheme=scheme)
    contrasts = tab.evaluate(
        """() => {
        const part = (hex) => (i) => parseInt(hex.slice(i, i + 2), 16) / 255;
        const luminance = (hex) => [1, 3, 5].map(part(hex))
          .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
        const page = luminance(css("--page"));
        return Object.entries(NOTE_COLOURS).map(([kind, name]) => {
          const l = luminance(css(name));
          return [kind, Math.max(l, page) / Math.min(l, page)]; }); }"""
    )
    assert "taken away" in dict(contrasts)
    assert {kind: c for kind, c in contrasts if c < 3} == {}  # WCAG 2.1, 1.4.11


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
