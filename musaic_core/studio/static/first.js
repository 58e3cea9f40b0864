"use strict";
// The first page, and how one comes to a recording and back.

const CARDS = {
  notes: ["Notes", "Which keys are played when: a piano roll to correct, and MIDI."],
  stems: ["Stems", "Voice, drums, bass and the rest, each by itself."],
  sections: ["Sections", "Where verse and chorus begin, and what returns."],
};
let drops = 0; // files that were dropped
let shown = 0; // the last of them that is shown
const reading = new Set(); // names of those that are on their way

async function begin() {
  choices = await server.json("api/choices");
  const card = ({ name, title }, i) => {
    const input = make("input", { type: "radio", name: "wanted", value: name });
    input.checked = !i;
    const [head, text] = CARDS[name] ?? [title, ""];
    return make("label", {}, input, make("strong", {}, head), make("span", {}, text));
  };
  $("#wanted").append(...choices.questions.map(card));
  const tab = ({ name, title }) =>
    make("label", {}, make("input", { type: "radio", name: "question", value: name, onchange: () => pick(name) }), title);
  $("#questions").append(...choices.questions.map(tab));
  listWorks(choices);
  const id = state.get("recording") || choices.opened;
  if (id) await look(id).catch(() => state.set("recording", ""));
}

const look = async (id) => enter(await server.json(`api/recordings/${encodeURIComponent(id)}`));

// The address says what is shown: a recording, or the first page. The browser's Back changes it.
const visit = attempt(async () => {
  leave();
  listWorks(await server.json("api/choices"));
  const id = state.get("recording");
  if (id) await look(id);
});

// What is saved, and what is not yet.
function listWorks({ works, unsaved }) {
  const item = (name, more, open) => make("li", {}, make("button", { type: "button", onclick: attempt(open) }, name), ` ${more}`);
  $("#saved ul").replaceChildren(
    ...unsaved.map(({ id, name }) => item(name, "not saved yet", () => look(id))),
    ...works.map(({ file, name, changed }) =>
      item(name, new Date(1000 * changed).toLocaleString(), async () => enter(await server.post("api/works", { file })))),
  );
  $("#saved").hidden = !works.length && !unsaved.length;
}

const wanted = () => $("#wanted :checked").value;

// Of several, the last one that was dropped is shown, whichever takes longest.
const take = attempt(async (file) => {
  if (!file) return;
  const number = ++drops;
  const question = opened?.state.question || wanted();
  const tellReading = () => ($("#reading").textContent = reading.size ? `Reading ${[...reading].join(", ")} …` : "");
  reading.add(file.name);
  tellReading();
  try {
    const recording = await server.upload(file);
    if (number < shown) return;
    shown = number;
    await enter(recording, question);
  } finally {
    reading.delete(file.name);
    tellReading();
  }
});
