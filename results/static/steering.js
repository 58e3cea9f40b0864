"use strict";
// Components of a model to hear: alone, louder, muted, merged into one that has a name.

const SHOWN = 24; // components at first: a dictionary has hundreds
const CONTROLS = ["button", "slider", "mute", "tick"]; // of each

class Steering {
  // components: [{name, loudness, gain = 1, parts = [index, …], about}], parts being what
  // has been merged into it already, and about what else is shown of it. hear(gains, alone) is called when something else is to
  // be heard, gains being one for each part; set(rows, change) when a user changes the
  // gain or the name of rows; merge(rows, name) and split(row) when rows become one,
  // or one becomes several; without these two they do so in the page alone.
  constructor(place, components, { hear, set = () => {}, merge = null, split = null }) {
    Object.assign(this, { place, hear, set, merge, split, alone: null });
    this.rows = components.map((c, k) => ({ gain: 1, parts: [k], ...c, ticked: false }));
    this.singles = this.rows.map((row) => ({ ...row }));
    this.number = 1 + Math.max(-1, ...this.rows.flatMap((row) => row.parts));
    this.list = make("div", { class: "rows" });
    place.replaceChildren(this.tools(), this.list);
    this.show();
  }

  // What has the focus: a control of the row that has a part, or the name to be typed.
  focused() {
    const now = document.activeElement;
    if (now === this.name) return [null, "name"];
    const controls = this.rows.flatMap((row) => CONTROLS.map((which) => [row, which]));
    const [row, which] = controls.find(([row, which]) => row[which] === now) ?? [];
    return row && [row.parts[0], which];
  }

  // What a user has ticked and typed in another, whose components these were, and where.
  follow(other, focused) {
    const has = (rows, row) => rows.some((each) => each && each.parts.includes(row.parts[0]));
    for (const row of this.rows) row.ticked = has(other.ticked(), row);
    this.alone = this.rows.find((row) => has([other.alone], row)) ?? null;
    this.all = other.all;
    this.name.value = other.name.value;
    this.show();
    const [part, which] = focused ?? [];
    (which === "name" ? this : this.rows.find((row) => row.parts.includes(part)))?.[which]?.focus();
  }

  // One a part: what is heard of it.
  gains() {
    const gains = new Float32Array(this.number);
    for (const row of this.rows) {
      const gain = this.alone === null ? row.gain : Number(this.alone === row);
      for (const k of row.parts) gains[k] = gain;
    }
    return gains;
  }

  tools() {
    const button = (text, onclick) => make("button", { type: "button", onclick }, text);
    this.name = make("input", {
      type: "text", maxlength: 60, "aria-label": "Name of the ticked components", placeholder: "name",
      onkeydown: (event) => { // no value: false would keep what is typed out
        if (event.key === "Enter") event.preventDefault(), this.entered();
      },
    });
    this.join = button("Merge", () => this.entered());
    this.part = button("Split", () => this.divide(this.ticked()[0]));
    this.more = button("", () => ((this.all = true), this.show(), $("button", this.list).focus())); // it is hidden now
    this.said = make("span", { role: "status" });
    const bar = make("div", { class: "tools" }, button("All on", () => this.setAll(1)), button("All off", () => this.setAll(0)), this.more);
    return make("div", { class: "steering" }, bar, make("div", { class: "tools" }, this.name, this.join, this.part, this.said));
  }

  ticked() {
    return this.rows.filter((row) => row.ticked);
  }

  setAll(gain) {
    const others = this.rows.filter((row) => row.gain !== gain);
    for (const row of others) row.gain = gain;
    if (others.length) this.set(others, { gain });
    this.show();
    this.play();
  }

  // The loudest of each kind first (drums 1, drums 2, … are one), so that none is missed.
  inOrder() {
    const kind = (row) => row.name.replace(/ \d+$/, "");
    const loud = [...this.rows].sort((a, b) => b.loudness - a.loudness);
    const place = new Map(loud.map((row) => [row, loud.filter((r) => kind(r) === kind(row)).indexOf(row)]));
    return loud.sort((a, b) => place.get(a) - place.get(b)); // else as loud as they are
  }

  // The rows anew.
  show() {
    const order = this.inOrder();
    const seen = this.all ? order : order.slice(0, SHOWN);
    this.more.textContent = `Show all ${this.rows.length}`;
    this.more.hidden = seen.length === order.length;
    const shown = seen.sort((a, b) => this.rows.indexOf(a) - this.rows.indexOf(b));
    this.list.replaceChildren(...shown.map((row) => this.element(row)));
    this.mark();
  }

  element(row) {
    const many = row.parts.length > 1 ? `${row.parts.length} components` : `component ${row.parts[0] + 1}`;
    const which = `${row.name}, ${many}${row.about ? `, about ${row.about}` : ""}`;
    row.button = make("button", {
      type: "button", title: which, "aria-label": `Hear ${which} alone`, "aria-pressed": this.alone === row,
      onclick: () => this.listen(row),
    }, row.name);
    const slider = make("input", {
      type: "range", min: 0, max: 2, step: 0.05, value: row.gain, "aria-label": `Gain of ${which}`,
      oninput: () => this.turn(row, Number(slider.value)),
      onchange: () => this.set([row], { gain: row.gain }),
    });
    const mute = make("input", {
      type: "checkbox", "aria-label": `Mute ${which}`,
      onchange: () => {
        this.turn(row, mute.checked ? 0 : 1);
        this.set([row], { gain: row.gain });
      },
    });
    const tick = make("input", {
      type: "checkbox", "aria-label": `Choose ${which}, to merge or name it`,
      onchange: () => ((row.ticked = tick.checked), this.mark()),
    });
    [mute.checked, tick.checked] = [!row.gain, row.ticked];
    Object.assign(row, { slider, mute, tick });
    const about = row.about ? [make("span", { class: "small" }, row.about)] : [];
    return make("div", { class: "component" }, tick, row.button, ...about, slider, make("label", { class: "mute" }, mute, "Mute"));
  }

  // What the buttons do to what is ticked.
  mark() {
    const ticked = this.ticked();
    this.join.textContent = ticked.length > 1 ? "Merge" : "Name";
    this.join.disabled = this.name.disabled = !ticked.length;
    this.part.hidden = !(ticked.length === 1 && ticked[0].parts.length > 1);
    const text = ticked.length === 1 ? `${ticked[0].name} is ticked` : `${ticked.length} are ticked`;
    this.said.textContent = ticked.length ? text : "Tick components to merge or to name them.";
  }

  turn(row, gain) {
    row.gain = gain;
    row.slider.value = gain;
    row.mute.checked = !gain;
    this.play();
  }

  listen(row) {
    this.alone = this.alone === row ? null : row;
    for (const each of this.rows) each.button?.setAttribute("aria-pressed", this.alone === each);
    this.play(this.alone !== null);
  }

  play(alone = false) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.hear(this.gains(), alone), alone ? 0 : 150);
  }

  // The name is entered: for one, or for several that become one.
  entered() {
    const [first, ...others] = this.ticked();
    if (!first) return;
    const name = this.name.value.trim();
    this.name.value = "";
    for (const row of [first, ...others]) row.ticked = false;
    if (others.length) this.unite([first, ...others], name || [first, ...others].map((row) => row.name).join(" + "));
    else if (name) {
      first.name = name;
      this.set([first], { name });
    }
    this.show();
    first.button?.focus();
  }

  unite(rows, name) {
    if (this.merge) return this.merge(rows, name);
    const [first] = rows;
    Object.assign(first, { name, parts: rows.flatMap((row) => row.parts) });
    first.loudness = rows.reduce((sum, row) => sum + row.loudness, 0);
    this.rows = this.rows.filter((row) => row === first || !rows.includes(row));
    if (rows.includes(this.alone)) this.alone = first;
    this.play();
  }

  divide(row) {
    row.button?.focus(); // what was pressed goes
    if (this.split) return this.split(row);
    const again = this.singles.filter((single) => row.parts.includes(single.parts[0]));
    const parts = again.map((single) => ({ ...single, gain: row.gain }));
    this.rows = this.rows.flatMap((each) => (each === row ? parts : each));
    if (this.alone === row) this.alone = null;
    this.show();
    parts[0].button?.focus();
    this.play();
  }
}
