/* Item -> what can be done with it, by which button and which key. */

import { $, FEW_LABELS, state } from "./state.js";
import { el, fill } from "./text.js";
import { takeVoice } from "./item.js";
import { note } from "./notes.js";
import { cancelEdit, edit, restart, saveEdit } from "./editing.js";
import { move, skip } from "./moving.js";
import { decide, undo } from "./deciding.js";
import { say } from "./saying.js";
import { toggleQueue } from "./list.js";
import { help } from "./help.js";

const COMMANDS = { accept: ["a", "Accept"], edit: ["e", "Edit"], reject: ["r", "Reject"], flag: ["f", "Flag"] };

export function labelKeys(labels) {
  const singles = new Set(labels.filter(label => [...label].length === 1).map(label => label.toLowerCase()));
  const digit = place => place < 9 && !singles.has(String(place + 1)) ? String(place + 1) : null;
  return new Map(labels.map((label, place) => [label, [...label].length === 1 ? label.toLowerCase() : digit(place)]));
}

/* Key -> what it does now. */
export function keymap() {
  const item = state.item, map = new Map(moveKeys());
  if (!item) return map;
  if (item.kind === "label") return labelled(map, item);
  for (const [action, [key]] of Object.entries(COMMANDS)) map.set(key, () => act(action));
  item.voices.forEach((_, place) => map.set(String(place + 1), () => takeVoice(place)));
  return map;
}

function moveKeys() {
  const on = soon(() => move(1)), back = soon(() => move(-1));
  return [["n", soon(note)], ["u", undo], ["s", soon(skip)], ["j", on], ["k", back], ["ArrowRight", on], ["ArrowLeft", back], ["?", help], ["q", toggleQueue]];
}

function labelled(map, item) {
  map.set("f", () => act("flag"));
  if (item.labels.length > FEW_LABELS) { for (const digit of "0123456789") map.set(digit, () => typeLabel(digit)); return map; }
  for (const [label, key] of labelKeys(item.labels)) {
    if (!key) continue;
    if (map.has(key)) map.set(key.toUpperCase(), map.get(key));      // what the label takes its key from is still there, with Shift
    map.set(key, () => decide("label", { label }));
  }
  item.labels.slice(0, 9).forEach((label, place) => { if (!map.has(String(place + 1))) map.set(String(place + 1), () => decide("label", { label })); });
  return map;
}

function act(action) { if (action === "edit") soon(edit)(); else decide(action); }

// While a decision is on its way the next item is not there yet: the first thing that is asked for then waits for it, and no key
// decides on what has not been seen. (Whoever types n and a note at once must not accept by the note's letters.)
export function soon(job) { return () => { if (!state.busy) job(); else if (!state.waiting) state.waiting = job; }; }

export function flagKey(item) { return item.kind === "label" && item.labels.length <= FEW_LABELS && [...labelKeys(item.labels).values()].includes("f") ? "F" : "f"; }

export function renderActions() {
  const box = $("actions"), item = state.item;
  document.querySelector(".moves").hidden = Boolean(state.editing);
  for (const one of document.querySelectorAll(".moves button")) one.disabled = !item && ["note", "skip"].includes(one.dataset.do);
  box.classList.remove("few", "long");
  box.replaceChildren(...!item ? [] : state.editing ? editButtons(item) : item.kind === "label" ? labelButtons(item) : rowButtons(item));
  if (!item || state.editing) return;
  box.classList.add(box.children.length <= 5 && item.labels.every(label => label.length <= 9) ? "few" : "long");
}

function rowButtons(item) {
  return Object.entries(COMMANDS).map(([action, [key, name]]) => button(action, name, key, () => act(action), item.mine && item.mine.action === action));
}

function labelButtons(item) {
  const chosen = item.mine && item.mine.label, flagged = item.mine && item.mine.action === "flag";
  const offered = item.labels.length > FEW_LABELS ? [entry(item)] : [...labelKeys(item.labels)].map(([label, key]) => button("label", label, key, () => decide("label", { label }), chosen === label));
  return [...offered, button("flag", "Flag", flagKey(item), () => decide("flag"), flagged)];
}

function editButtons(item) {
  const starts = [["Start over", { messages: item.messages, text: item.proposal }], ...item.voices.filter(voice => voice.action === "edit").map(voice => [`Start from ${voice.name}`, voice])];
  return [button("accept", "Save edit", "Ctrl ⏎", saveEdit, false), el("button", { type: "button", class: "act", on: { click: cancelEdit } }, "Cancel ", el("kbd", {}, "Esc")),
    ...starts.map(([name, from]) => el("button", { type: "button", class: "quiet", on: { click: () => restart(item, from) } }, name))];
}

function button(action, name, key, listener, chosen) {
  const made = fill(el("button", { type: "button", class: `act ${action}${chosen ? " chosen" : ""}`, "data-action": action, "aria-keyshortcuts": key === "Ctrl ⏎" ? "Control+Enter" : key, on: { click: listener } }), name);
  if (chosen) made.setAttribute("aria-pressed", "true");
  if (key) made.append(el("kbd", {}, key));
  return made;
}

function entry(item) {
  const field = el("input", { id: "label-field", class: "field", list: "labels", autocomplete: "off", inputMode: /^\d+$/.test(item.labels[0]) ? "numeric" : "text", placeholder: `${item.labels[0]} – ${item.labels[item.labels.length - 1]}`, "aria-label": "Label" });
  const save = () => {
    const said = field.value.trim(), label = item.labels.find(one => one.toLowerCase() === said.toLowerCase());
    if (label === undefined) return say(said ? `“${said.slice(0, 40)}” is none of the labels.` : "Write a label first.", true);
    decide("label", { label });
  };
  field.addEventListener("keydown", event => {
    if (event.isComposing) return;
    if (event.key === "Enter") { event.preventDefault(); event.stopPropagation(); save(); }
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); field.value = ""; $("item").focus({ preventScroll: true }); }
  });
  return el("div", { class: "entry" }, field, el("datalist", { id: "labels" }, ...item.labels.map(label => el("option", { value: label }))), el("button", { type: "button", class: "act label", on: { click: save } }, "Save ", el("kbd", {}, "⏎")));
}

function typeLabel(digit) { const field = $("label-field"); if (field) { field.value = digit; field.focus(); } }
