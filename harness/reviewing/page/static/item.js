/* Item -> what is seen of it, and of what others said. */

import { $, ADJUDICATES, state } from "./state.js";
import { el, fill, linesOf, ROLES, textBlock, turn } from "./text.js";
import { diffBlock } from "./diff.js";
import { noteBox } from "./notes.js";
import { closeEditor, editor } from "./editing.js";
import { renderActions } from "./actions.js";
import { decide } from "./deciding.js";
import { startClock } from "./progress.js";
import { markCurrent } from "./list.js";

export function show(item, { quietly = false } = {}) {
  closeEditor();
  state.item = item;
  state.noting = false;
  startClock();
  draw();
  renderActions();
  markCurrent();
  $("item").scrollTop = 0;
  if (!quietly) $("item").focus({ preventScroll: true });
  if (item && $("guidance") && state.history.length) $("guidance").open = false;
}

export function draw() {
  const item = state.item, card = $("card");
  card.replaceChildren();
  if (!item) return drawDone(card);
  card.append(facts(item), ...why(item), ...heads(item), ...mine(item));
  if (state.editing) card.append(editor(item)); else card.append(...body(item));
  if (!state.editing) card.append(...beside(item), ...voices(item), ...noteBox(item));
}

function drawDone(card) {
  const left = state.progress ? state.progress.open : 0;
  card.append(el("div", { class: "done" }, el("div", { class: "tick", "aria-hidden": "true" }, "✓"),
    el("h2", {}, left ? "Others are at the last items" : ADJUDICATES ? "Nothing is split" : "Nothing is left for you"),
    el("p", { class: "faint" }, left ? "They come to you if they are not decided there. Press j to look again." : "Your decisions are on disk. The queue still opens every item.")));
}

function facts(item) {
  const total = state.progress ? ` of ${state.progress.items.toLocaleString("en")}` : "";
  return el("div", { class: "facts" }, el("h2", { class: "number unseen" }, `Item ${item.place}${total}`), el("span", { class: "number", "aria-hidden": "true" }, `${item.place.toLocaleString("en")}${total}`),
    item.about ? fill(el("span", { class: "about", dir: "auto" }), item.about) : null, fill(el("span", { class: "id", dir: "auto" }), item.id));
}

function why(item) {
  if (!item.reasons.length && !item.doubt) return [];
  const row = el("div", { class: "why" });
  if (item.doubt) row.append(el("span", { class: "doubt" }, el("progress", { max: 1, value: item.doubt, "aria-label": "doubt" }), `doubt ${Math.round(item.doubt * 100)}%`));
  for (const reason of item.reasons) row.append(fill(el("span", { class: "chip", dir: "auto" }), reason));
  return [row];
}

export function wordOf(said) { return said.action === "label" ? said.label : said.action; }

/* Adjudication: what there is to choose from is said before a long conversation, and shown in full behind it. */
function heads(item) {
  if (!item.voices.length) return [];
  return [el("p", { class: "heads" }, ...item.voices.map(voice => el("span", {}, el("span", { class: "badge", "aria-hidden": "true" }, voice.name), fill(el("span", { class: `word ${voice.action}` }), wordOf(voice)))),
    item.own ? el("span", { class: "own" }, "One of these is your own. You may settle it; the status counts it.") : null)];
}

function mine(item) {
  const waiting = state.outbox.find(one => one.sent.item === item.id);
  if (waiting) return [el("div", { class: "mine unsaved" }, `Not saved yet: ${wordOf(waiting.sent)}. This tab keeps it and tries again.`)];
  if (!item.mine) return item.standing === "others" && !ADJUDICATES ? [el("div", { class: "mine" }, "Enough others have decided this. A decision of yours would be compared with theirs.")] : [];
  const box = el("div", { class: "mine" }, el("span", {}, "You said ", fill(el("span", { class: `word ${item.mine.action}` }), wordOf(item.mine))), el("span", { class: "faint" }, clock(item.mine.at)));
  if (item.mine.note) box.append(fill(el("blockquote", { dir: "auto" }), item.mine.note));
  return [box];
}

function clock(at) {
  const time = new Date(at);
  return Number.isNaN(time.valueOf()) ? "" : time.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

function body(item) {
  const edited = item.mine && item.mine.action === "edit" ? item.mine : null;
  const turns = el("div", { class: "turns" });
  item.messages.forEach((message, place) => {
    const now = edited && edited.messages && edited.messages[place], changed = now && now.content !== message.content;
    const made = turn(message.role, ROLES[message.role], changed ? diffBlock(message.content, now.content) : textBlock(message.content));
    if (changed) made.querySelector(".role").append(el("span", { class: "note" }, "with your edit"));
    if (item.messages.length > 40) made.classList.add("many");
    turns.append(made);
  });
  const letters = Object.entries(item.options);
  if (letters.length) turns.append(el("ol", { class: "options" }, ...letters.map(([letter, text]) => el("li", {}, fill(el("span", { class: "letter" }), letter), textBlock(text)))));
  if (item.response) turns.append(turn("answer", item.kind === "label" ? "Answer to be judged" : "Answer", textBlock(item.response)));
  if (item.kind === "text") turns.append(...keyText(item, edited));
  return [turns];
}

function keyText(item, edited) {
  const was = item.proposal || { reference: "", accept: [], points: [] }, now = edited && edited.text ? edited.text : was;
  return Object.entries({ reference: "Proposed reference", accept: "Other accepted forms", points: "Points to check" }).flatMap(([name, label]) => {
    const before = linesOf(was[name]), after = linesOf(now[name]);
    if (!before && !after && name !== "reference") return [];
    return [turn("answer", label, before === after ? textBlock(after || "(none)") : diffBlock(before, after))];
  });
}

function beside(item) {
  return item.reference ? [el("section", { class: "beside", "aria-label": "Reference" }, el("div", { class: "role" }, "Reference"), textBlock(item.reference))] : [];
}

function voices(item) {
  if (!item.voices.length) return [];
  return [el("div", { class: "voices" }, ...item.voices.map((voice, place) => {
    const take = item.kind === "label" ? null : el("button", { type: "button", class: "quiet take", on: { click: () => takeVoice(place) } }, `Take ${voice.name} `, el("kbd", {}, String(place + 1)));
    const box = el("section", { class: "voice", "aria-label": `Decision ${voice.name}` }, el("header", {}, el("span", { class: "badge", "aria-hidden": "true" }, voice.name), fill(el("span", { class: `word ${voice.action}` }), wordOf(voice)), take));
    if (voice.messages) voice.messages.forEach((message, at) => {
      const was = item.messages[at] ? item.messages[at].content : "";
      if (was !== message.content) box.append(el("div", { class: "role" }, ROLES[message.role]), diffBlock(was, message.content));
    });
    if (voice.text) for (const [name, label] of Object.entries({ reference: "Reference", accept: "Accepted forms", points: "Points" })) {
      const was = linesOf((item.proposal || {})[name] || ""), now = linesOf(voice.text[name]);
      if (was !== now) box.append(el("div", { class: "role" }, label), diffBlock(was, now));
    }
    if (voice.note) box.append(fill(el("blockquote", { dir: "auto" }), voice.note));
    return box;
  }))];
}

export function takeVoice(place) {
  const voice = state.item && state.item.voices[place];
  if (!voice || state.item.kind === "label") return;
  decide(voice.action, { label: voice.label, messages: voice.messages, text: voice.text });
}
