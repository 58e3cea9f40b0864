"use strict";
// Sections, whose boundaries a user moves.

class SectionEditor {
  constructor(line, { change, say, seek, now, peaks }) {
    Object.assign(this, { line, change, say, seek, now, peaks, chosen: null, handles: [] });
    const button = (text, label, onclick) => make("button", { type: "button", title: label, "aria-label": label, onclick }, text);
    this.tools = [
      button("+ Boundary", "Boundary where the playhead is (N)", () => this.add(this.now())),
      ...(this.needs = [
        button("✕ Delete", "Delete the boundary (Delete)", () => this.remove()),
        button("◀", "Earlier (←)", () => this.nudge(-1)),
        button("▶", "Later (→)", () => this.nudge(1)),
      ]),
    ];
    this.gestures = "Drag a boundary to move it; double-click where one is missing. Keys: Tab to a boundary, ← → move it, Delete, N a new one.";
  }

  // ---- what is seen

  show(answer, hints) {
    Object.assign(this, { hints, bars: answer.bars ?? [], rows: answer.sections });
    this.times = this.rows.slice(1).map((row) => row[0]);
    const { chosen: last, moving } = this;
    // it may answer what was said before: what moves is still there
    if (moving && !this.times.includes(moving.old)) this.times = [...this.times, moving.old].sort((a, b) => a - b);
    const nearest = [...this.times].sort((a, b) => Math.abs(a - last) - Math.abs(b - last))[0];
    this.line.render = (chart, range) => this.render(chart, range);
    this.lay();
    this.choose(moving?.old ?? (last !== null && Math.abs(nearest - last) < 2 ? nearest : null));
    if (moving) this.seen(moving.old, moving.time);
    return this.line.draw();
  }

  axis(frame) {
    return frame.yaxis;
  }

  render(chart, range) {
    return drawSections(chart, { sections: this.rows }, this.peaks, this.line.duration, range);
  }

  lay() {
    const focused = this.handles.findIndex(({ element }) => element === document.activeElement);
    const before = this.handles;
    this.handles = this.times.map((time, i) => {
      const element = before[i]?.element ?? make("div", { class: "boundary", role: "slider", tabindex: 0 }, make("i"));
      element.onkeydown = (event) => this.handleKey(event, i);
      element.onfocus = () => (this.settle(), this.choose(this.times[i], false));
      return { element, start: time, end: time };
    });
    this.line.mark(this.handles);
    this.label();
    if (focused >= this.handles.length) this.line.over.focus({ preventScroll: true });
  }

  label() {
    this.handles.forEach(({ element }, i) => {
      const yours = this.hints.some((h) => h.label === "boundary" && h.sounds && Math.abs(h.start - this.times[i]) < 0.05);
      element.classList.toggle("yours", yours);
      element.classList.toggle("now", this.times[i] === this.chosen);
      const told = { label: `Boundary before ${this.rows[i + 1]?.[2] ?? "a section"}${yours ? ", yours" : ""}`, valuemin: 0, valuemax: this.line.duration, valuenow: this.times[i].toFixed(2), valuetext: `${clock(this.times[i])}, ${this.times[i].toFixed(2)} s` };
      for (const [name, value] of Object.entries(told)) element.setAttribute(`aria-${name}`, value);
    });
  }

  choose(time, aloud = true) {
    this.chosen = time;
    for (const button of this.needs) button.disabled = time === null;
    keepFocus();
    this.label();
    // the focus goes with it, which may be another one from the left now
    const [at, to] = [this.handles.findIndex(({ element }) => element === document.activeElement), this.times.indexOf(time)];
    if (at >= 0 && to >= 0 && at !== to) this.handles[to].element.focus({ preventScroll: true });
    if (time !== null && aloud) this.say(`boundary at ${time.toFixed(2)} s`);
  }

  // ---- what is said of it

  // Where a bar begins, if bars are known: sections begin there.
  snapped(time) {
    const inside = Math.min(this.line.duration - 0.5, Math.max(0.5, time));
    const near = [...this.bars].sort((a, b) => Math.abs(a - inside) - Math.abs(b - inside))[0];
    return Number((near > 0 && near < this.line.duration ? near : inside).toFixed(3));
  }

  mine(time, sounds) {
    return this.hints.flatMap((h, i) =>
      h.label === "boundary" && h.sounds === sounds && h.start - 0.06 <= time && time <= h.end + 0.06 ? [i] : []);
  }

  tell(old, time) {
    const hint = [];
    const unhint = [];
    if (old !== null) {
      unhint.push(...this.mine(old, true));
      const reach = time === null ? 1 : Math.min(1, Math.abs(time - old) / 2);
      hint.push({ label: "boundary", start: Number(Math.max(0, old - reach).toFixed(3)), end: Number((old + reach).toFixed(3)), sounds: false });
    }
    if (time !== null) {
      unhint.push(...this.mine(time, false));
      hint.push({ label: "boundary", start: time, end: time, sounds: true });
    }
    this.times = [...this.times.filter((t) => t !== old && t !== time), ...(time === null ? [] : [time])].sort((a, b) => a - b);
    this.hints = [...this.hints.filter((_, i) => !unhint.includes(i)), ...hint];
    this.lay();
    this.choose(time, false);
    this.say(time === null ? `boundary at ${old.toFixed(2)} s deleted` : `boundary at ${time.toFixed(2)} s`);
    this.change({ hint, unhint: [...new Set(unhint)] });
  }

  add(time) {
    const at = this.snapped(time);
    if (this.times.some((t) => Math.abs(t - at) < 0.05)) return this.say("There is one already.");
    this.tell(null, at);
  }

  remove() {
    this.settle();
    if (this.chosen !== null) this.tell(this.chosen, null);
  }

  // A bar, or half a second, further; it is told once no more come.
  nudge(way) {
    if (this.chosen === null) return;
    this.moving ??= { old: this.chosen, time: this.chosen };
    const beyond = this.bars.filter((t) => (t - this.moving.time) * way > 0.01);
    const next = beyond.length ? (way > 0 ? beyond[0] : beyond[beyond.length - 1]) : this.moving.time + way * 0.5;
    this.moving.time = this.bars.length && !beyond.length ? this.moving.time : this.snapped(next);
    this.seen(this.moving.old, this.moving.time);
    clearTimeout(this.moving.timer);
    this.moving.timer = setTimeout(() => this.settle(), 700);
  }

  settle() {
    if (!this.moving) return;
    const { old, time, timer } = this.moving;
    clearTimeout(timer);
    this.moving = null;
    if (old !== time) this.tell(old, time);
  }

  stop() {
    this.settle();
  }

  seen(old, time) {
    const handle = this.handles[this.times.indexOf(old)];
    if (!handle) return;
    handle.start = handle.end = time;
    handle.element.setAttribute("aria-valuenow", time.toFixed(2));
    handle.element.setAttribute("aria-valuetext", `${clock(time)}, ${time.toFixed(2)} s`);
    this.line.lay();
    this.say(`${time.toFixed(2)} s`);
  }

  // ---- gestures

  hit({ time, seconds }) {
    const near = [...this.times].sort((a, b) => Math.abs(a - time) - Math.abs(b - time))[0];
    return near !== undefined && Math.abs(near - time) <= 1.5 * seconds ? near : null;
  }

  takes(point) {
    return this.hit(point) !== null;
  }

  cursor(point) {
    return this.hit(point) === null ? "pointer" : "ew-resize";
  }

  press(point) {
    this.settle();
    this.held = this.hit(point);
    if (this.held !== null) this.choose(this.held);
    return this.held !== null;
  }

  drag(point) {
    this.seen(this.held, this.snapped(point.time));
  }

  drop(point) {
    const time = this.snapped(point.time);
    if (time !== this.held) this.tell(this.held, time);
  }

  cancel() {
    this.lay();
  }

  tap(point) {
    const time = this.hit(point);
    this.choose(time);
    if (time === null) this.seek(point.time);
  }

  twice(point) {
    if (this.hit(point) === null) this.add(point.time);
  }

  handleKey(event, i) {
    if (event.ctrlKey || event.metaKey) return;
    if (this.chosen !== this.times[i] && !this.moving) this.choose(this.times[i], false);
    if (this.key(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  key({ key }) {
    if (key === "n" || key === "N") return (this.add(this.now()), true);
    if (key === "Delete" || key === "Backspace") return (this.remove(), true);
    if (key === "Escape") return (this.choose(null), true);
    if (key === "Home" || key === "End") return (this.line.show(key === "Home" ? 0 : this.line.duration, this.line.span), true);
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(key)) return false;
    if (this.chosen === null) this.choose(this.times[0] ?? null);
    else this.nudge(key === "ArrowRight" || key === "ArrowUp" ? 1 : -1);
    return true;
  }
}
