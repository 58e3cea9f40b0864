"use strict";
// A chart over time with what lies over it: marks, the playhead, and a user's gestures.

const NEAR = { mouse: 6, pen: 8, touch: 16 }; // pixels that still count as on it

class Timeline {
  // place: has .chart, .over with .plot, and .view; duration: s.
  // An editor, set later, takes gestures: press(point) says whether it takes what comes,
  // and then drag(point), drop(point) or cancel(); tap(point), twice(point), and key(event),
  // which says whether it knew the key. render(chart, range) draws.
  constructor(place, duration, seek) {
    Object.assign(this, { place, duration, seek, marks: [], range: [0, duration], time: 0, fingers: new Map() });
    [this.chart, this.over, this.plot, this.head] = [".chart", ".over", ".plot", ".playhead"].map((s) => $(s, place));
    this.pan = $(".pan", place);
    this.listen();
  }

  get frame() {
    return this.chart._fullLayout;
  }

  get span() {
    return this.range[1] - this.range[0];
  }

  // ---- drawing

  async draw() {
    const token = (this.token = {});
    await this.render?.(this.chart, [...this.range]);
    if (token !== this.token || !this.frame) return;
    this.chart.removeAllListeners("plotly_afterplot");
    this.chart.on("plotly_afterplot", () => this.lay());
    this.lay();
  }

  // seconds from start on
  show(start, seconds) {
    const length = Math.min(this.duration, Math.max(0.5, seconds));
    const first = Math.min(Math.max(0, start), this.duration - length);
    this.range = [first, first + length];
    const free = this.duration - length;
    this.pan.value = free > 1e-6 ? (1000 * first) / free : 0;
    this.pan.disabled = free <= 1e-6;
    this.pan.setAttribute("aria-valuetext", `${clock(first)} to ${clock(first + length)}`);
    if (this.waiting || !this.frame) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      window.Plotly.relayout(this.chart, { "xaxis.range": [...this.range] });
    });
  }

  zoom(factor, around = (this.range[0] + this.range[1]) / 2) {
    const seconds = Math.min(this.duration, Math.max(0.5, this.span * factor));
    this.show(around - ((around - this.range[0]) * seconds) / this.span, seconds);
  }

  // Make sure that a time is seen.
  reveal(time) {
    if (time < this.range[0] || time > this.range[1]) this.show(time - 0.1 * this.span, this.span);
  }

  playhead(time, playing) {
    this.time = time;
    if (playing && !this.held) this.reveal(time);
    const [a, b] = this.range;
    this.head.style.left = `${(100 * (time - a)) / (b - a)}%`;
  }

  // ---- where things are

  get axis() {
    return this.editor?.axis?.(this.frame) ?? this.frame.yaxis;
  }

  at(event) {
    const box = this.plot.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const near = NEAR[event.pointerType] ?? NEAR.mouse;
    const time = this.range[0] + (px / box.width) * this.span;
    return {
      px, py, near, touch: event.pointerType === "touch", time: Math.min(this.duration, Math.max(0, time)),
      seconds: (near / box.width) * this.span, value: this.value(py),
    };
  }

  value(py) {
    const { axis, frame } = this;
    return axis.p2d(py + frame._size.t - axis._offset);
  }

  // Put what lies over the chart into its place.
  lay() {
    const { frame } = this;
    if (!frame) return;
    const { l, t, w, h } = frame._size; // of the plot itself, in pixels
    Object.assign(this.plot.style, { left: `${l}px`, top: `${t}px`, width: `${w}px`, height: `${h}px` });
    const [a, b] = this.range;
    for (const { element, start, end, low, high, axis = this.axis } of this.marks) {
      const y = (v) => axis.d2p(v) + axis._offset - t;
      const [left, right] = [((start - a) / (b - a)) * w, ((end - a) / (b - a)) * w];
      Object.assign(element.style, { left: `${left}px`, width: `${Math.max(0, right - left)}px` });
      if (low === undefined) continue;
      const [top, bottom] = [y(high), y(low)];
      Object.assign(element.style, { top: `${top}px`, height: `${Math.max(2, bottom - top)}px` });
    }
    this.playhead(this.time, false);
  }

  // Marks [{element, start, end, low, high}] instead of those before; without low and
  // high, over the whole height.
  mark(marks) {
    for (const { element } of this.marks) if (!marks.some((m) => m.element === element)) element.remove();
    for (const { element } of marks) if (!element.isConnected) this.plot.append(element);
    this.marks = marks;
    this.lay();
  }

  // ---- gestures

  listen() {
    const { over, place } = this;
    const views = { in: () => this.zoom(0.5), out: () => this.zoom(2), all: () => this.show(0, this.duration) };
    for (const button of $$("[data-view]", place)) button.onclick = views[button.dataset.view];
    this.pan.oninput = () => this.show((this.pan.value / 1000) * (this.duration - this.span), this.span);
    over.onpointerdown = (event) => this.down(event);
    over.onpointermove = (event) => this.move(event);
    over.onpointerup = (event) => this.up(event);
    over.onpointercancel = (event) => this.up(event, false);
    over.onkeydown = (event) => this.key(event);
    this.wheel = (event) => this.turned(event);
    over.addEventListener("wheel", this.wheel, { passive: false });
    // a finger on what can be dragged doesn't scroll the page
    this.touch = (event) => {
      const [touch] = event.touches;
      if (event.touches.length > 1) return event.preventDefault(); // it is pinched
      if (!this.frame) return;
      const point = this.at({ clientX: touch.clientX, clientY: touch.clientY, pointerType: "touch" });
      if (this.editor?.takes?.(point)) event.preventDefault();
    };
    over.addEventListener("touchstart", this.touch, { passive: false });
    // nor does one that drags sideways: the browser would take the next tap for its end
    this.slide = (event) => {
      const { held } = this;
      if (held?.taken && held.sideways && event.cancelable) event.preventDefault();
    };
    over.addEventListener("touchmove", this.slide, { passive: false });
  }

  stop() {
    this.token = null;
    cancelAnimationFrame(this.waiting);
    this.over.removeEventListener("wheel", this.wheel);
    this.over.removeEventListener("touchstart", this.touch);
    this.over.removeEventListener("touchmove", this.slide);
    this.mark([]);
  }

  down(event) {
    if (!this.frame || event.button > 0) return;
    this.over.focus({ preventScroll: true });
    this.over.setPointerCapture(event.pointerId);
    const point = this.at(event);
    this.fingers.set(event.pointerId, point);
    if (this.fingers.size > 1) return this.pinch();
    this.held = { point, range: [...this.range], moved: false, taken: this.editor?.press(point) };
  }

  // Two fingers zoom: what was between them stays there, and nothing is drawn or moved.
  pinch() {
    this.drop();
    const [a, b] = this.fingers.values();
    const now = { middle: (a.px + b.px) / 2, apart: Math.max(20, Math.hypot(a.px - b.px, a.py - b.py)) };
    this.pinched ??= { ...now, span: this.span, time: (a.time + b.time) / 2 };
    const { apart, span, time } = this.pinched;
    const seconds = Math.min(this.duration, Math.max(0.5, (span * apart) / now.apart));
    this.show(time - (now.middle / this.plot.clientWidth) * seconds, seconds);
  }

  move(event) {
    if (!this.frame) return;
    const point = this.at(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, point);
    if (this.pinched) return this.fingers.size > 1 && this.pinch();
    const { held } = this;
    if (!held) return void (this.over.style.cursor = this.editor?.cursor?.(point) ?? "default");
    const [right, down] = [Math.abs(point.px - held.point.px), Math.abs(point.py - held.point.py)];
    if (Math.hypot(right, down) > 4) {
      held.sideways ??= right > down;
      held.moved = true;
    }
    if (!held.moved) return;
    if (held.taken) return this.editor.drag(point, held.point);
    const seconds = ((held.point.px - point.px) / this.plot.clientWidth) * this.span;
    this.show(held.range[0] + seconds, this.span);
  }

  up(event, counts = true) {
    this.fingers.delete(event.pointerId);
    if (!this.fingers.size) this.pinched = null;
    if (!counts) return this.drop(); // the browser scrolls
    const { held } = this;
    if (!held) return;
    this.held = null;
    const point = this.at(event);
    if (held.moved) return held.taken && this.editor.drop(point, held.point);
    if (held.taken) this.editor.cancel();
    const again = this.last && event.timeStamp - this.last.when < 350 && Math.hypot(point.px - this.last.px, point.py - this.last.py) < 2 * point.near;
    this.last = again ? null : { ...point, when: event.timeStamp };
    again ? this.editor?.twice(point) : this.editor?.tap(point);
  }

  drop() {
    if (this.held?.taken) this.editor.cancel();
    this.held = null;
  }

  turned(event) {
    if (!this.frame) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(2 ** (event.deltaY / 200), this.at(event).time);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) { // else it scrolls the page
      event.preventDefault();
      this.show(this.range[0] + ((event.deltaX || event.deltaY) / this.plot.clientWidth) * this.span, this.span);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey) return;
    const views = { "+": 0.5, "=": 0.5, "-": 2, _: 2 };
    const known = event.key in views ? (this.zoom(views[event.key], this.time), true) : this.editor?.key(event);
    if (known) event.preventDefault();
  }
}
