/* Item -> an editor of its turns or its reference, what changes, and the draft that the tab keeps. */

import { $, LARGEST, state } from "./state.js";
import { codeOf, el, langOf, plain, ROLES, textBlock, turn, UNSEEN } from "./text.js";
import { diffBlock } from "./diff.js";
import { draw } from "./item.js";
import { renderActions } from "./actions.js";
import { decide } from "./deciding.js";
import { say } from "./saying.js";

export function edit() {
  const item = state.item;
  if (!item || item.kind === "label" || state.editing) return;
  const size = item.messages.reduce((sum, message) => sum + message.content.length, 0);
  if (size > LARGEST / 4) return say("This is too long to be edited here; reject or flag it.", true);
  state.noting = false;
  state.editing = state.drafts.get(item.digest) || startText(item);
  draw();
  renderActions();
  const boxes = $("card").querySelectorAll("textarea"), box = item.kind === "row" ? boxes[boxes.length - 1] : boxes[0];
  if (box) { box.focus(); box.setSelectionRange(box.value.length, box.value.length); box.scrollIntoView({ block: "center" }); }
}

function startText(item, from = null) {
  const known = from || edited(item);
  if (item.kind === "row") return (known && known.messages ? known.messages : item.messages).map(message => plain(message.content));
  return parts((known && known.text) || item.proposal);
}

/* What an editor begins with: the person's own edit, or in adjudication the only one there is. */
function edited(item) {
  if (item.mine && item.mine.action === "edit") return item.mine;
  const edits = item.voices.filter(voice => voice.action === "edit");
  return edits.length === 1 ? edits[0] : null;
}

function parts(text) { return text ? [plain(text.reference), text.accept.join("\n"), text.points.join("\n")] : ["", "", ""]; }

export function editor(item) {
  const form = el("div", { class: "editor" }), values = state.editing;
  const originals = item.kind === "row" ? item.messages.map(message => plain(message.content)) : parts(item.proposal);
  const names = item.kind === "row" ? item.messages.map(message => ROLES[message.role]) : ["Reference", "Other accepted forms, one a line", "Points to check, one a line"];
  const turns = el("div", { class: "turns" });
  if (item.kind === "text") turns.append(...item.messages.map(message => turn(message.role, ROLES[message.role], textBlock(message.content))));
  values.forEach((value, place) => {
    const id = `edit-${place}`, role = item.kind === "row" ? item.messages[place].role : "answer";
    const box = el("textarea", { id, lang: langOf(value || originals[place] || "中"), dir: "auto", spellcheck: false, "aria-label": names[place] });
    box.value = value;
    const changes = el("div", { class: "diff", hidden: true }, el("h3", {}, "What changes")), marks = el("div", { class: "hidden-marks", hidden: true });
    const look = () => { drawDiff(changes, originals[place], box.value); drawMarks(marks, box, look); };
    box.addEventListener("input", () => { state.editing[place] = box.value; keepDraft(item, originals); clearTimeout(box.timer); box.timer = setTimeout(look, 120); });
    turns.append(turn(role, names[place], box, marks, changes));
    look();
  });
  form.append(turns);
  form.addEventListener("keydown", event => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); event.stopPropagation(); saveEdit(); }
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); cancelEdit(); }
  });
  return form;
}

function keepDraft(item, originals) {
  if (state.editing.some((value, place) => value !== originals[place])) state.drafts.set(item.digest, state.editing); else state.drafts.delete(item.digest);
}

export function restart(item, from) { state.drafts.delete(item.digest); state.editing = startText(item, from); draw(); $("card").querySelector("textarea").focus(); }

function drawDiff(box, was, now) {
  box.hidden = was === now;
  if (box.hidden) return;
  box.replaceChildren(box.firstChild, diffBlock(was, now));
}

function drawMarks(box, area, look) {
  const found = [...new Set((area.value.match(new RegExp(UNSEEN.source, "gu")) || []).map(char => codeOf(char).code))];
  box.hidden = !found.length;
  box.replaceChildren();
  if (!found.length) return;
  box.append(`Invisible characters: ${found.slice(0, 6).join(", ")}`, el("button", { type: "button", class: "more", on: { click: () => {
    area.value = area.value.replace(new RegExp(UNSEEN.source, "gu"), "");
    area.dispatchEvent(new Event("input"));
    look();
    area.focus();
  } } }, "Take them out"));
}

export function saveEdit() {
  const item = state.item, values = state.editing;
  if (!values) return;
  if (item.kind === "row") {
    if (values.some(value => !value.trim())) return say("A turn cannot be empty; reject the row instead.", true);
    decide("edit", { messages: item.messages.map((message, place) => ({ role: message.role, content: values[place] })) });
  } else {
    if (!values[0].trim()) return say("A reference cannot be empty; reject it instead.", true);
    const lines = text => text.split("\n").map(line => line.trim()).filter(Boolean);
    decide("edit", { text: { reference: values[0], accept: lines(values[1]), points: lines(values[2]) } });
  }
}

export function cancelEdit() {
  if (!state.editing) return;
  const kept = state.drafts.has(state.item.digest);
  closeEditor();
  draw();
  renderActions();
  $("item").focus({ preventScroll: true });
  say(kept ? "Not saved. Your draft is kept in this tab: e goes on with it." : "Nothing was changed.");
}

export function closeEditor() { state.editing = null; }
