"use strict";
// The studio's page: a recording, what is looked for in it, what was found, what a user
// says of it.

const EXPORTS = {
  notes: [["notes.mid", "MIDI"]], stems: [["stems.zip", "Stems"]], sections: [["sections.lab", "Sections (.lab)"]],
};
const EDITORS = { notes: NoteEditor, stems: StemEditor, sections: SectionEditor };
let choices; // what the server offers
let opened = null; // the recording that is open, with all that belongs to it

const fail = (error) => {
  const text = error.message ?? error;
  if ($("#error").textContent !== text) $("#error").textContent = text; // read aloud once
};
const tell = (text) => ($("#readout").textContent = text);
// What goes wrong is one line on the page; it stays until a user asks for something else.
const watched = (act) => async (...told) => {
  try {
    return await act(...told);
  } catch (error) {
    fail(error);
  }
};
const attempt = (act) => (...told) => {
  $("#error").textContent = "";
  return watched(act)(...told);
};

// ---- a recording

// question: what is asked now; else what was asked last
async function enter(recording, question) {
  const { id, work } = recording;
  leave();
  const now = { ...recording, url: `api/recordings/${id}`, state: work, queue: Promise.resolve() };
  opened = now;
  if (state.get("recording") !== id) location.hash = `recording=${id}`; // Back goes back
  const focused = document.activeElement;
  $("#start").hidden = true;
  $("#work").hidden = $("#history").hidden = false;
  $("#name").textContent = recording.name;
  document.title = `${recording.name} · MusAIc studio`;
  keepFocus(focused); // what was pressed is hidden now
  now.listening = new Listening(now, (time, playing) => now.line?.playhead(time, playing), fail);
  now.line = new Timeline($("#board"), now.duration, (time) => now.listening.seek(time));
  now.events = new EventSource(`${now.url}/events`);
  now.events.addEventListener("state", (event) => see(now, JSON.parse(event.data)));
  now.events.addEventListener("progress", (event) => progress(JSON.parse(event.data)));
  now.events.addEventListener("answer", watched(() => answered(now)));
  // it has been ended, or started anew: that has kept what was not saved
  now.events.onerror = watched(async () => {
    if (now !== opened) return;
    await server.json(`${now.url}/state`).catch((error) => {
      if (error.status !== 404) throw error;
      return look(now.id);
    });
  });
  see(now, work);
  now.listening.show(null).catch(fail);
  const asked = question ?? (work.question || wanted());
  if (asked !== work.question || (question && work.error)) await pick(asked);
}

function leave() {
  if (!opened) return;
  const focused = document.activeElement;
  opened.events.close();
  opened.editor?.stop();
  opened.line.stop();
  opened.listening.stop();
  opened = null;
  for (const id of ["board", "factors", "composed", "corrections", "export", "running", "work", "history"]) $(`#${id}`).hidden = true;
  $("#start").hidden = false;
  for (const id of ["changed", "readout", "error"]) $(`#${id}`).textContent = "";
  $("#exports").ariaBusy = false;
  document.title = "MusAIc studio";
  keepFocus(focused);
}

const pick = attempt(async (question, model) => {
  const now = opened;
  const { models } = choices.questions.find((q) => q.name === question);
  model ??= question === now.state.question ? now.state.model : models[0].id;
  try {
    see(now, await server.post(`${now.url}/ask`, { question, model }));
  } catch (error) {
    see(now, now.state); // nothing else is asked
    throw error;
  }
});

function see(now, said) {
  if (now !== opened || said.version < now.state.version) return;
  now.state = said;
  const focused = document.activeElement;
  for (const input of $$("#questions input")) input.checked = input.value === said.question;
  if (now.offered !== said.question) { // else somebody may be choosing
    const models = choices.questions.find((q) => q.name === said.question)?.models ?? [];
    const options = models.map((m) => make("option", { value: m.id, title: m.about }, `${m.label} (${m.kind})`));
    $("#choice select").replaceChildren(...options);
    now.offered = said.question;
  }
  $("#choice select").value = said.model;
  $("#undo").disabled = !said.can_undo;
  $("#redo").disabled = !said.can_redo;
  $("#save").textContent = said.saved ? "Saved" : "Save";
  if (said.error) fail(said.error);
  else if ($("#error").textContent === now.failed) $("#error").textContent = ""; // another page has asked again
  now.failed = said.error;
  $("#again").hidden = !said.error;
  $("#running").hidden = !said.running;
  if (said.running) {
    now.told = null; // what comes then is news
    progress(said.running);
  }
  keepFocus(focused, { stop: "#again", again: "#stop", undo: "#redo", redo: "#undo" }[focused.id]);
  listHints(said.hints);
  where(now);
}

function progress({ part, of }) {
  const bar = $("#running progress");
  if (of > 1) bar.value = part / of;
  else bar.removeAttribute("value");
  const listening = opened?.state.running?.sure && opened.state.hints.length ? "Once more from the start, with all that you said …" : "Listening …";
  $("#part").textContent = of > 1 ? `Part ${Math.min(part + 1, of)} of ${of}` : listening;
}

function listHints(hints) {
  const name = ({ label, start, end, sounds, low, high }) => {
    const when = start === end ? `at ${start.toFixed(2)} s` : `${start.toFixed(2)} to ${end.toFixed(2)} s`;
    if (label === "boundary") return `${sounds ? "a boundary" : "no boundary"} ${when}`;
    if (typeof label === "number") return `${sounds ? "" : "no "}${pitchName(label)} ${when}`;
    const region = low !== undefined || high !== undefined;
    return `${label} ${sounds ? "alone" : region ? "not" : "silent"} ${when}${region ? `, ${Math.round(low ?? 0)} to ${Math.round(high ?? 20000)} Hz` : ""}`;
  };
  const row = (hint, i) =>
    make("li", {}, make("button", { type: "button", "aria-label": `Take back: ${name(hint)}`, onclick: () => change({ hint: [], unhint: [i] }) }, "✕"), name(hint));
  $("#corrections").hidden = !hints.length;
  $("#corrections summary").textContent = `Your corrections (${hints.length})`;
  renew($("#corrections ul"), hints.map(row));
}

// Other children in a place: who has the focus there has it on the one that is now where
// theirs was, or on the board if there is none.
function renew(place, children) {
  const at = [...place.children].findIndex((child) => child.contains(document.activeElement));
  place.replaceChildren(...children);
  if (at < 0) return;
  const next = children[Math.min(at, children.length - 1)];
  (next ? ($("button", next) ?? next) : $(".over")).focus({ preventScroll: true });
}

// What had the focus may be hidden now, or can't be pressed any more: what is nearby has it.
function keepFocus(focused = document.activeElement, nearby = ".over") {
  const can = (element) => element.checkVisibility() && !element.disabled;
  if (focused === document.body || can(focused)) return;
  [nearby, ".over", "#name", "#main"].map((selector) => $(selector)).find(can).focus({ preventScroll: true });
}

// What a user says goes to the server in the order in which it is said.
function change(said) {
  const now = opened;
  now.queue = now.queue.then(() => send(now, said)).catch(async (error) => {
    fail(error);
    see(now, await server.json(`${now.url}/state`));
    await answered(now);
  }).catch(fail);
  return now.queue;
}

async function send(now, said) {
  $("#error").textContent = "";
  const post = () => server.post(`${now.url}/change`, { version: now.state.version, change: said });
  try {
    see(now, await post());
  } catch (error) {
    // the model's answer counts as a version too: look again, and say it once more
    if (error.status !== 409) throw error;
    const latest = await server.json(`${now.url}/state`);
    if (JSON.stringify(latest.hints) !== JSON.stringify(now.state.hints)) throw error;
    see(now, latest);
    see(now, await post());
  }
}

const step = (what) => attempt(async () => {
  const now = opened;
  now.editor?.settle?.();
  await now.queue;
  const said = await server.post(`${now.url}/${what}`);
  see(now, said);
  if (what !== "save") return answered(now);
  see(now, await server.post(`${now.url}/make-sure`));
  if (now !== opened) return;
  await answered(now);
  $("#changed").textContent = said.told;
});

// ---- an answer

async function answered(now) {
  const answer = await server.json(`${now.url}/answer`);
  if (now !== opened || answer.version < (now.answer?.version ?? 0)) return;
  const before = now.answer;
  now.answer = answer;
  const { question } = answer;
  if (!question || !answer[question]?.length && question !== "notes") return;
  $("#board").hidden = $("#export").hidden = false;
  if (!now.editor || before?.question !== question) await newEditor(now, answer);
  if (now !== opened) return;
  // what else is told meanwhile stays, unless there is news
  if (now.told !== summary(answer)) $("#changed").textContent = now.told = summary(answer);
  await now.editor.show(answer, now.state.hints);
  if (question === "sections") renew($("#parts"), listSections({ sections: answer.sections }, (t) => now.listening.seek(t, true)));
  showComponents(now, answer);
  showExports(now, answer);
  await now.listening.show(answer);
}

function summary(answer) {
  const { sure } = answer;
  const { again, added, removed } = answer.changed;
  const unit = answer.question === "notes" ? "note" : "section";
  const many = (n) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  if (sure) {
    const found = sure.added || sure.removed ? `${many(sure.added)} new, ${many(sure.removed)} gone` : "the same";
    return `It has listened once more, from the start${answer.question === "stems" ? "" : `: ${found}`}.`;
  }
  if (again && answer.question === "stems") {
    const { models } = choices.questions.find((q) => q.name === "stems");
    const learners = models.filter((m) => m.hints).map((m) => m.id);
    if (learners.includes(opened.state.model) || !learners.length) return "The stems were made anew with what you said.";
    return `The stems are as you said where you said it. To have the rest learn from it, choose ${learners.join(" or ")} as the model.`;
  }
  if (added.length || removed.length) return `What changed: ${many(added.length)} new, ${many(removed.length)} gone.`;
  const found = answer[answer.question].length;
  return answer.question === "stems" ? `${found} stems.` : `${many(found)}.`;
}

async function newEditor(now, answer) {
  now.line.drop(); // what is held is the last editor's
  now.editor?.stop();
  now.line.mark([]);
  tell("");
  const tools = { change, say: tell, seek: (time, play) => now.listening.seek(time, play), now: () => now.listening.now(), peaks: now.peaks };
  if (answer.question === "stems") {
    now.picture ??= await picture(now.id, now.duration);
    Object.assign(tools, { picture: now.picture, labels: answer.stems.map((s) => s.name) });
  }
  now.editor = now.line.editor = new EDITORS[answer.question](now.line, tools);
  $("#edit").replaceChildren(...now.editor.tools);
  $("#gestures").textContent = now.editor.gestures;
  $("#parts").replaceChildren();
  const names = { notes: "piano roll", stems: "waveform and spectrogram", sections: "waveform and sections" };
  const over = now.line.over;
  over.setAttribute("role", "application"); // it takes the arrow keys
  over.setAttribute("aria-label", `${names[answer.question]}, to correct`);
  over.setAttribute("aria-describedby", "gestures");
  const readable = innerWidth < 640 ? 8 : 30; // s of a piano roll
  now.line.show(0, answer.question === "notes" ? readable : now.duration);
}

function compose(now, question, model) {
  $("#factors").open = now.composing = true;
  return pick(question, model);
}

function showComponents(now, answer) {
  const { models } = choices.questions.find((q) => q.name === answer.question);
  const others = models.filter((m) => m.components).map((m) => m.id);
  $("#factors").hidden = !answer.components.length;
  $("#composed").hidden = answer.components.length || !others.length;
  const show = (id) => make("button", { type: "button", onclick: () => compose(now, answer.question, id) }, `Components of ${id}`);
  $("#composed").replaceChildren("Other models are made of components, each a sound to hear alone, mute or merge: ", ...others.map(show));
  if (!answer.components.length) return;
  $("#factors-head").textContent = `Components (${answer.components.length})`;
  if (now.composing) $("#factors summary").focus(); // the button that asked for them is gone
  now.composing = false;
  now.listening.components(answer, async (said) => {
    await change(said);
    if (!("gain" in said)) await answered(now);
  });
  const draws = watched(async () => {
    if (!$("#factors").open || now !== opened || now.drawn === answer.levels) return;
    now.drawn = answer.levels;
    const model = new Components(await server.bytes(answer.levels), new Float32Array(1), RATE);
    if (now === opened) drawFactors($("#factors"), model, 0);
  });
  $("#factors").ontoggle = draws;
  draws();
}

function where({ state, whole }) {
  const quick = "This is a quick answer: the model went on from where it was. Before you save or export, it listens " +
    "once more from the start, with all that you said. ";
  const parts = "So long a recording is heard in parts, and not quite as a benchmark would hear it. ";
  $("#where").textContent = `${state.quick ? quick : ""}${whole ? "" : parts}Save keeps the recording, your work and your corrections in ${choices.folder}.`;
}

// Whatever leaves the studio is what a benchmark gives of the same hints: the server sees
// to that, it is shown, and then the browser has it.
function showExports(now, answer) {
  const files = [...(EXPORTS[answer.question] ?? []), ...(answer.components.length ? [["mix.flac", "Mix of components"]] : []), ["hints.json", "Corrections"]];
  const link = ([file, text]) => {
    const href = `${now.url}/export/${file}`;
    const onclick = attempt(async (event) => {
      event.preventDefault();
      if (now.leaving) return; // it takes a while
      try {
        $("#exports").ariaBusy = now.leaving = true;
        now.editor.settle?.();
        await now.queue;
        see(now, await server.post(href));
        if (now !== opened) return;
        await answered(now);
        make("a", { href, download: "" }).click();
      } finally {
        now.leaving = false;
        if (now === opened) $("#exports").ariaBusy = false;
      }
    });
    return make("a", { class: "button", href, download: "", onclick }, `⤓ ${text}`);
  };
  renew($("#exports"), files.map(link));
  where(now);
}

// ---- what is pressed

function keys(event) {
  if (!opened) return;
  const typing = event.target.matches("input:not([type=range]):not([type=checkbox]):not([type=radio]), select, textarea");
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "s") return (event.preventDefault(), $("#save").click());
  if (typing) return;
  if (command && event.key.toLowerCase() === "z") return (event.preventDefault(), $(event.shiftKey ? "#redo" : "#undo").click());
  if (command && event.key.toLowerCase() === "y") return (event.preventDefault(), $("#redo").click());
  if (event.key === " " && !event.target.matches("button, summary, a, input")) return (event.preventDefault(), opened.listening.toggle());
}

document.addEventListener("DOMContentLoaded", attempt(async () => {
  $("#file").onchange = ({ target }) => {
    take(target.files[0]);
    target.value = ""; // the same one may be chosen again
  };
  addEventListener("dragover", (event) => (event.preventDefault(), document.body.classList.add("over")));
  addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  $("#choice").onsubmit = (event) => event.preventDefault();
  $("#choice select").onchange = (event) => pick(opened.state.question, event.target.value);
  $("#again").onclick = () => pick(opened.state.question);
  for (const what of ["undo", "redo", "save", "stop"]) $(`#${what}`).onclick = step(what);
  $("#home").onclick = (event) => {
    event.preventDefault();
    location.hash = "";
  };
  $(".skip").onclick = (event) => (event.preventDefault(), $("#main").focus()); // and the address stays
  addEventListener("hashchange", () => state.get("recording") === (opened?.id ?? "") || visit());
  addEventListener("keydown", keys);
  addEventListener("theme", () => opened?.line.draw());
  await begin();
}));
