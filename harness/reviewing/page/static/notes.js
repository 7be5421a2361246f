/* A note, kept in the tab until it is saved with a decision. */

import { $, state } from "./state.js";
import { el, langOf, plain, textBlock } from "./text.js";
import { draw } from "./item.js";
import { decide } from "./deciding.js";
import { say } from "./saying.js";

export function noteText() {
  const kept = state.item && state.notes.get(state.item.id);
  return kept !== undefined && kept !== null ? kept : (state.item && state.item.mine && state.item.mine.note) || "";
}

export function noteBox(item) {
  const text = noteText();
  if (!state.noting && !text) return [];
  if (!state.noting) return item.mine && item.mine.note === text ? [] : [el("section", { class: "beside", "aria-label": "Note" }, el("div", { class: "role" }, "Your note, kept with the decision"), textBlock(text))];
  const box = el("textarea", { id: "note", rows: 2, maxLength: 10000, lang: langOf(text || "中"), dir: "auto", "aria-describedby": "note-help" });
  box.value = text;
  const done = keep => { if (keep) state.notes.set(item.id, plain(box.value)); state.noting = false; draw(); $("item").focus({ preventScroll: true }); if (keep) noteKept(); };
  box.addEventListener("keydown", event => {
    if (event.isComposing) return;
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); done(false); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); event.stopPropagation(); done(true); }
  });
  box.addEventListener("input", () => state.notes.set(item.id, plain(box.value)));
  return [el("section", { class: "note-box" }, el("label", { class: "editor-label", for: "note" }, "Note"), box,
    el("div", { class: "keep" }, el("button", { type: "button", class: "act edit", on: { click: () => done(true) } }, "Keep note ", el("kbd", {}, "Ctrl ⏎")), el("span", { class: "faint", id: "note-help" }, "It is saved with your decision.")))];
}

function noteKept() {
  const item = state.item;
  if (item && item.mine && item.mine.note !== noteText().trim()) decide(item.mine.action, { label: item.mine.label, messages: item.mine.messages, text: item.mine.text }, { stay: true });
  else say(noteText().trim() ? "The note is kept for your decision." : "No note.");
}

export function note() {
  if (!state.item || state.editing) return;
  state.noting = true;
  draw();
  const box = $("note");
  box.focus();
  box.scrollIntoView({ block: "center" });
}
