"""The same gestures by a finger."""

import pytest
from studio_pages import dropped, has, notes, place, settled, swipe

pytest.importorskip("playwright.sync_api")
pytest_plugins = ["studio_pages"]
pytestmark = pytest.mark.slow


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


def test_a_note_is_drawn_moved_and_made_longer_by_a_finger(tab):
    dropped(tab)
    high = max(n[2] for n in notes(tab)) + 2
    tab.locator("#edit button[aria-label^='Draw']").tap()
    swipe(tab, (2, high), (3, high))
    settled(tab, "notes")
    assert has(notes(tab), 2, high)
    tab.locator("#edit button[aria-label^='Draw']").tap()
    (drawn,) = (n for n in notes(tab) if n[2] == high)
    assert drawn[1] == pytest.approx(3, abs=0.1)
    tab.touchscreen.tap(*place(tab, 2.5, high))  # chosen, and then moved
    swipe(tab, (2.5, high), (3.5, high))
    settled(tab, "notes")
    assert has(notes(tab), 3, high)
    assert not has(notes(tab), 2, high)


def test_a_finger_that_draws_nothing_moves_the_view(tab):
    dropped(tab)
    tab.click("button[data-view=in]")
    tab.wait_for_timeout(300)
    before = tab.evaluate("opened.line.range[0]")
    high = max(n[2] for n in notes(tab)) + 2
    middle = tab.evaluate("opened.line.range[0] + opened.line.span / 2")
    swipe(tab, (middle, high), (middle - 1, high))
    assert tab.evaluate("opened.line.range[0]") > before
    assert tab.evaluate("opened.state.hints") == []


def test_two_fingers_zoom_and_draw_nothing(tab):
    dropped(tab)
    tab.locator("#edit button[aria-label^='Draw']").tap()
    high = max(n[2] for n in notes(tab)) + 2
    touch = tab.context.new_cdp_session(tab)
    (x, y), (x_end, _) = place(tab, 3, high), place(tab, 4, high)

    def fingers(kind, *places):
        at = [{"x": x, "y": y, "id": i} for i, x in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    fingers("touchStart", x)
    fingers("touchStart", x, x_end)
    apart = x_end - x
    for step in range(1, 5):
        out = apart / 2 * step / 4
        fingers("touchMove", x - out, x_end + out)
    fingers("touchEnd")
    touch.detach()
    settled(tab, "notes")
    start, end = tab.evaluate("opened.line.range")
    assert end - start == pytest.approx(4, abs=0.2)  # of 8: twice as far apart
    assert (start + end) / 2 == pytest.approx(3.75, abs=0.3)  # 3.5 is where it was
    assert tab.evaluate("opened.state.hints") == []
    assert tab.evaluate("opened.line.fingers.size") == 0


def test_a_stretch_and_a_region_are_marked_by_a_finger(tab):
    dropped(tab, "stems")
    tab.select_option("#edit select", "vocals")
    swipe(tab, (1, 175), (6, 175))  # over the waveform
    tab.locator("#edit button:has-text('vocals is alone')").tap()
    settled(tab, "stems")
    [hint] = tab.evaluate("opened.state.hints")
    assert (hint["label"], hint["sounds"]) == ("vocals", True)
    assert hint["end"] - hint["start"] == pytest.approx(5, abs=0.3)
    swipe(tab, (2, 20), (4, 60))  # over the spectrogram
    tab.locator("#edit button:has-text('has no vocals')").tap()
    settled(tab, "stems")
    region = tab.evaluate("opened.state.hints[1]")
    assert 0 < region["low"] < region["high"]
    assert region["end"] - region["start"] == pytest.approx(2, abs=0.3)


def test_a_finger_that_scrolls_over_the_waveform_marks_nothing(tab):
    dropped(tab, "stems")
    tab.evaluate("scrollTo(0, 100)")
    before = tab.evaluate("scrollY")
    swipe(tab, (3, 175), (3, 60))
    assert tab.evaluate("scrollY") < before
    assert tab.evaluate("opened.editor.chosen") is None


def test_a_boundary_is_moved_by_a_finger(tab):
    dropped(tab, "sections", "barwise_ssm")
    first = tab.evaluate("opened.editor.times[0]")
    later = tab.evaluate("t => opened.answer.bars.find((b) => b > t + 0.1)", first)
    swipe(tab, (first, 50), (later, 50))
    settled(tab, "sections")
    starts = [row[0] for row in tab.evaluate("opened.answer.sections")]
    assert min(abs(start - later) for start in starts) < 0.05
    assert min(abs(start - first) for start in starts) > 0.05
