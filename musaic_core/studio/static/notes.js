"use strict";
// Notes that a user corrects on the piano roll.

const SHORT = 0.25; // s, of a note that is drawn without saying how long
const STEP = 0.05; // s, that a key moves a note by
const same = (a, b) => a[2] === b[2] && Math.abs(a[0] - b[0]) < 0.03 && Math.abs(a[1] - b[1]) < 0.03;
const inHint = (note, hint) => hint.label === note[2] && hint.start < note[1] && hint.end > note[0];

class NoteEditor {
  // change(change) tells the server, say(text) the user, seek(time) goes there
  constructor(line, { change, say, seek, now }) {
    Object.assign(this, { line, change, say, seek, now, chosen: null, drawing: false });
    this.notes = [];
    this.ghost = make("div", { class: "ghost" }, make("i"), make("i"));
    const button = (text, label, onclick) => make("button", { type: "button", title: label, "aria-label": label, onclick }, text);
    this.pencil = button("✎ Draw", "Draw notes, by a finger or by the mouse", () => this.draw(!this.drawing));
    this.pencil.setAttribute("aria-pressed", false);
    this.tools = [
      this.pencil,
      button("+ Add", "Add a note where the playhead is (N)", () => this.add()),
      ...(this.needs = [
        button("✕ Delete", "Delete the note (Delete)", () => this.remove()),
        button("▲", "A semitone up (↑)", () => this.nudge(0, 0, 1)),
        button("▼", "A semitone down (↓)", () => this.nudge(0, 0, -1)),
        button("◀", "Earlier (Shift ←)", () => this.nudge(-STEP, -STEP, 0)),
        button("▶", "Later (Shift →)", () => this.nudge(STEP, STEP, 0)),
        button("⇤", "Shorter (Alt ←)", () => this.nudge(0, -STEP, 0)),
        button("⇥", "Longer (Alt →)", () => this.nudge(0, STEP, 0)),
        button("✓ It is right", "It is right: the model will build on the note", () => this.confirm()),
      ]),
    ];
    this.gestures = "Click a note to choose it, drag it or its ends to change it. Drag over an empty place, or double-click, to draw one; by a finger, press Draw before. " +
      "Keys: ← → from note to note, ↑ ↓ pitch, Delete, N a new one, Space plays.";
    this.choose(null);
  }

  // ---- what is seen

  show(answer, hints) {
    this.hints = hints;
    this.answer = answer;
    this.notes = [...answer.notes];
    const { chosen: last, moving } = this;
    const found = last && this.notes.find((n) => same(n, last));
    // it may answer what was said before: what has been said since is still there
    const said = last && !found && !moving && (last === this.telling || this.index(last) >= 0);
    if (said) this.notes.push(last);
    this.notes.sort((a, b) => a[0] - b[0] || a[2] - b[2]);
    this.chosen = moving || said ? last : found ?? null;
    this.line.render = (chart, range) => this.render(chart, range);
    this.choose(this.chosen, false);
    return this.line.draw();
  }

  // Each note in the list of its kind.
  kinds() {
    const added = this.answer.changed?.added ?? [];
    const kinds = { found: [], yours: [], new: [], "taken away": [] };
    for (const note of this.notes) {
      const yours = this.hints.some((h) => h.sounds && same(note, [h.start, h.end, h.label]));
      kinds[yours ? "yours" : added.some((n) => same(n, note)) ? "new" : "found"].push(note);
    }
    const denied = this.hints.filter((h) => !h.sounds && typeof h.label === "number");
    kinds["taken away"] = denied.map((h) => [h.start, h.end, h.label]);
    return Object.fromEntries(Object.entries(kinds).filter(([kind, notes]) => notes.length || kind === "found"));
  }

  render(chart, range) {
    const pitches = this.notes.map((n) => n[2]);
    const [low, high] = pitches.length ? [Math.min(...pitches), Math.max(...pitches)] : [48, 84];
    const middle = (low + high) / 2;
    const half = Math.max(12, (high - low) / 2 + 4);
    return drawNotes(chart, this.kinds(), { xaxis: { range }, yaxis: { range: [middle - half, middle + half] } });
  }

  name(note) {
    return `${pitchName(note[2])}, ${note[0].toFixed(2)} to ${note[1].toFixed(2)} s`;
  }

  choose(note, aloud = true) {
    this.chosen = note;
    for (const button of this.needs) button.disabled = !note;
    keepFocus();
    if (note) {
      this.line.mark([{ element: this.ghost, start: note[0], end: note[1], low: note[2] - 0.5, high: note[2] + 0.5 }]);
      if (aloud) this.say(this.name(note));
    } else this.line.mark([]);
  }

  draw(on) {
    this.drawing = on;
    this.pencil.setAttribute("aria-pressed", on);
  }

  // ---- what is said of it

  index(note) {
    return this.hints.findIndex((h) => h.sounds && same(note, [h.start, h.end, h.label]));
  }

  denials(note, kept = null) {
    const all = !kept || kept[2] !== note[2] || kept[0] >= note[1] || kept[1] <= note[0];
    const parts = all ? [[note[0], note[1]]] : [[note[0], kept[0]], [kept[1], note[1]]];
    return parts.filter(([a, b]) => b - a > 0.03).map(([start, end]) => ({ label: note[2], start, end, sounds: false }));
  }

  // One note instead of another; either may be none.
  replace(old, note) {
    const unhint = [];
    const hint = [];
    if (old) {
      const mine = this.index(old);
      if (mine >= 0) unhint.push(mine);
      if (mine < 0 || !note) hint.push(...this.denials(old, note));
      this.notes = this.notes.filter((n) => !same(n, old)); // a later answer has it anew
    }
    if (note) {
      this.hints.forEach((h, i) => !h.sounds && inHint(note, h) && unhint.push(i));
      hint.push({ label: note[2], start: note[0], end: note[1], sounds: true });
      this.notes = [...this.notes, note].sort((a, b) => a[0] - b[0] || a[2] - b[2]);
    }
    this.hints = [...this.hints.filter((_, i) => !unhint.includes(i)), ...hint];
    this.choose(note, false);
    this.line.draw();
    this.telling = note;
    this.change({ hint, unhint }).then(() => this.telling === note && (this.telling = null));
  }

  remove() {
    const { chosen } = this;
    if (!chosen) return;
    this.settle();
    const next = this.notes[this.notes.indexOf(this.chosen) + 1];
    this.replace(this.chosen, null);
    if (next) this.choose(next, false);
    this.say(`${this.name(chosen)}: deleted`);
  }

  confirm() {
    this.settle();
    if (this.index(this.chosen) < 0) this.replace(this.chosen, this.chosen);
    this.say(`${this.name(this.chosen)}: it is right`);
  }

  add() {
    this.settle();
    const start = Number(this.now().toFixed(3));
    const before = this.chosen ?? [...this.notes].reverse().find((n) => n[0] <= start) ?? this.notes[0];
    const note = this.fit([start, start + SHORT, before?.[2] ?? 60]);
    this.replace(null, note);
    this.line.reveal(start);
    this.line.over.focus({ preventScroll: true });
    this.say(`${this.name(note)}: added`);
  }

  fit([start, end, pitch]) {
    const round = (v) => Number(v.toFixed(3));
    const length = Math.max(0.05, end - start);
    const first = Math.min(Math.max(0, start), this.line.duration - length);
    return [round(first), round(first + length), Math.min(108, Math.max(21, Math.round(pitch)))];
  }

  // A key or button moves it; it is told once no more come.
  nudge(on, off, pitch) {
    if (!this.chosen) return;
    this.moving ??= { old: this.chosen };
    const note = this.fit([this.chosen[0] + on, this.chosen[1] + off, this.chosen[2] + pitch]);
    this.choose(note);
    clearTimeout(this.moving.timer);
    this.moving.timer = setTimeout(() => this.settle(), 700);
  }

  settle() {
    if (!this.moving) return;
    const { old, timer } = this.moving;
    clearTimeout(timer);
    this.moving = null;
    if (this.chosen && !same(old, this.chosen)) this.replace(old, this.chosen);
  }

  stop() {
    this.settle();
  }

  // ---- gestures

  hit({ time, value, seconds, py, near }) {
    // who draws means a place beside a note as well
    if (this.drawing) return this.notes.find((n) => n[2] === Math.round(value) && n[0] <= time && time <= n[1]);
    const rows = Math.max(0.6, Math.abs(this.line.value(py + near) - value));
    const close = (n) => Math.abs(n[2] - value) / rows + Math.max(0, n[0] - time, time - n[1]) / seconds;
    const there = this.notes.filter((n) => Math.abs(n[2] - value) <= rows && n[0] - seconds <= time && time <= n[1] + seconds);
    if (this.chosen && there.some((n) => same(n, this.chosen))) return this.chosen;
    return there.sort((a, b) => close(a) - close(b))[0];
  }

  part(point, note) {
    const edge = Math.min(point.seconds, (note[1] - note[0]) / 3 + point.seconds / 3);
    if (Math.abs(point.time - note[1]) < edge) return "end";
    return Math.abs(point.time - note[0]) < edge ? "start" : "all";
  }

  takes(point) {
    return this.drawing || (this.chosen && this.hit(point) === this.chosen);
  }

  cursor(point) {
    const note = this.hit(point);
    if (!note) return "crosshair";
    return this.part(point, note) === "all" ? "grab" : "ew-resize";
  }

  press(point) {
    this.settle();
    const note = this.hit(point);
    if (note && (!point.touch || note === this.chosen)) this.drag_ = { note, part: this.part(point, note) };
    else if (!note && (!point.touch || this.drawing)) this.drag_ = { part: "new" };
    else return false;
    return true;
  }

  dragged(point, from) {
    const { note, part } = this.drag_;
    const by = point.time - from.time;
    if (part === "new") return this.fit([Math.min(from.time, point.time), Math.max(from.time, point.time), from.value]);
    if (part === "all") return this.fit([note[0] + by, note[1] + by, note[2] + point.value - from.value]);
    const moved = [...note];
    moved[part === "end" ? 1 : 0] += by;
    if (part === "end") return this.fit([moved[0], Math.max(moved[0] + 0.05, moved[1]), moved[2]]);
    return this.fit([Math.min(moved[0], moved[1] - 0.05), moved[1], moved[2]]);
  }

  drag(point, from) {
    const note = this.dragged(point, from);
    this.line.mark([{ element: this.ghost, start: note[0], end: note[1], low: note[2] - 0.5, high: note[2] + 0.5 }]);
    this.say(this.name(note));
  }

  drop(point, from) {
    const { note } = this.drag_;
    const made = this.dragged(point, from);
    if (!note || !same(note, made)) this.replace(note ?? null, made);
    this.say(`${this.name(made)}: ${note ? "changed" : "added"}`);
  }

  cancel() {
    this.choose(this.chosen, false);
  }

  tap(point) {
    const note = this.hit(point);
    if (!note && this.drawing) return this.twice(point);
    this.choose(note ?? null);
    this.seek(note ? note[0] : point.time);
  }

  twice(point) {
    if (this.hit(point)) return;
    const note = this.fit([point.time, point.time + SHORT, point.value]);
    this.replace(null, note);
    this.say(`${this.name(note)}: added`);
  }

  key(event) {
    const { key, shiftKey, altKey } = event;
    if (key === "n" || key === "N") return (this.add(), true);
    if (key === "Escape") return (this.choose(null), this.draw(false), true);
    if (key === "Delete" || key === "Backspace") return (this.remove(), true);
    if (key === "ArrowUp" || key === "ArrowDown") {
      this.nudge(0, 0, (key === "ArrowUp" ? 1 : -1) * (shiftKey ? 12 : 1));
      return true;
    }
    if (["Home", "End"].includes(key)) return (this.step(key === "Home" ? -Infinity : Infinity), true);
    if (key === "Enter") return (this.chosen && this.seek(this.chosen[0], true), true);
    if (key !== "ArrowLeft" && key !== "ArrowRight") return false;
    const way = key === "ArrowRight" ? 1 : -1;
    if (altKey) this.nudge(0, way * STEP, 0);
    else if (shiftKey) this.nudge(way * STEP, way * STEP, 0);
    else this.step(way);
    return true;
  }

  // To the next note, or the one before.
  step(way) {
    this.settle();
    if (!this.notes.length) return;
    const at = this.chosen ? this.notes.indexOf(this.chosen) : this.notes.findIndex((n) => n[0] >= this.line.time) - (way > 0);
    const note = this.notes[Math.min(this.notes.length - 1, Math.max(0, at + way))];
    this.line.reveal(note[0]);
    this.choose(note);
    this.seek(note[0]);
  }
}
