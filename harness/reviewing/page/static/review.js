"use strict";
/* Item -> what is seen, keys -> decisions. All text of items is set as text, never as markup; a decision counts as saved when the
   program has said so, and until then this tab keeps it and tries again. */

const page = document.body.dataset;
const ADJUDICATES = page.round === "adjudication";
const RETRY = [1, 2, 4, 8, 15];                 // seconds
const PULSE = 20;                               // seconds
const LARGEST = 4 * 2 ** 20;                    // bytes of a request
const LONG = 20_000, LONGEST = 200_000;         // characters shown at once, and at most
const FEW_LABELS = 12;
const PATIENCE = 20;                            // seconds that an answer may take
const MAX_DIFF = 3_000_000;                     // cells of the table
const OUTBOX = `review/${page.of}/${page.round}/${page.who}`;

const tab = ownTab();
const state = {
  csrf: page.csrf, item: null, busy: false, editing: null, noting: false, progress: null, history: [], asked: false, outbox: [],
  drafts: new Map(), notes: new Map(), filter: "open", source: "", start: 0, shown: 0, away: 0, hidden: null, tries: 0, timer: null, waiting: null,
};
const channel = "BroadcastChannel" in window ? new BroadcastChannel(OUTBOX) : null;

const $ = id => document.getElementById(id);

/* --- building the page ---------------------------------------------------------------------------------------------------- */

function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

// Control characters, direction marks, invisible ones, tags, half pairs: all that is not seen or moves what is.
const UNSEEN = /(?:\p{Cs}|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}])/u;
const UNSEEN_RUNS = new RegExp(`(${UNSEEN.source})\\1*`, "gu");
const NAMES = { "200b": "zero width space", "202e": "right-to-left override", "202d": "left-to-right override", "202a": "left-to-right embedding", "202b": "right-to-left embedding", "202c": "pop directional formatting", "2066": "left-to-right isolate", "2067": "right-to-left isolate", "2068": "first strong isolate", "2069": "pop directional isolate", "200e": "left-to-right mark", "200f": "right-to-left mark", "feff": "byte order mark", "ad": "soft hyphen", "0": "null", "1b": "escape" };

function codeOf(char) {
  const hex = char.codePointAt(0).toString(16);
  return { code: `U+${hex.toUpperCase().padStart(4, "0")}`, name: NAMES[hex] || "invisible character" };
}

function fill(parent, text) {
  let from = 0;
  for (const found of text.matchAll(UNSEEN_RUNS)) {
    parent.append(text.slice(from, found.index));
    const { code, name } = codeOf(found[0]), times = found[0].length / found[1].length;
    parent.append(el("span", { class: "mark", title: name }, times > 1 ? `${code} ×${times}` : code));
    from = found.index + found[0].length;
  }
  parent.append(text.slice(from));
  return parent;
}

function plain(text) { return text.replace(/\r\n?/g, "\n"); }

function langOf(text) {
  const part = text.slice(0, 4000), count = script => (part.match(script) || []).length;
  const letters = count(/\p{L}/gu) || 1;
  if (count(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu) / letters > 0.1) return "ja";
  if (count(/\p{Script=Hangul}/gu) / letters > 0.2) return "ko";
  if (count(/\p{Script=Han}/gu) / letters > 0.15) return "zh";
  if (count(/\p{Script=Arabic}/gu) / letters > 0.3) return "ar";
  return count(/\p{Script=Latin}/gu) / letters > 0.5 ? "en" : "und";
}

function cutAt(text, most) {
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? most - 1 : most);
}

function textBlock(raw) {
  const text = plain(raw), block = el("div", { class: "text", lang: langOf(text), dir: "auto" });
  if (text.length <= LONG) return fill(block, text);
  fill(block, cutAt(text, LONG));
  const more = el("button", { type: "button", class: "more" }, `Show all ${text.length.toLocaleString("en")} characters`);
  more.addEventListener("click", () => {
    block.replaceChildren();
    fill(block, cutAt(text, LONGEST));
    if (text.length > LONGEST) { more.textContent = `The first ${LONGEST.toLocaleString("en")} characters of ${text.length.toLocaleString("en")}`; more.disabled = true; } else more.remove();
  });
  return el("div", {}, block, more);
}

const ROLES = { user: "User", assistant: "Assistant", system: "System" };

function turn(role, label, ...children) {
  return el("section", { class: `turn ${role}` }, el("div", { class: "role" }, label), ...children);
}

/* --- showing an item -------------------------------------------------------------------------------------------------------- */

function show(item, { quietly = false } = {}) {
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

function draw() {
  const item = state.item, card = $("card");
  card.replaceChildren();
  if (!item) return drawDone(card);
  card.append(facts(item), ...why(item), ...mine(item));
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

function wordOf(said) { return said.action === "label" ? said.label : said.action; }

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

function linesOf(value) { return Array.isArray(value) ? value.join("\n") : value; }

function beside(item) {
  return item.reference ? [el("section", { class: "beside", "aria-label": "Reference" }, el("div", { class: "role" }, "Reference"), textBlock(item.reference))] : [];
}

function voices(item) {
  if (!item.voices.length) return [];
  return [el("div", { class: "voices" }, ...item.voices.map((voice, place) => {
    const take = item.kind === "label" ? null : el("button", { type: "button", class: "quiet take", on: { click: () => take_(place) } }, `Take ${voice.name} `, el("kbd", {}, String(place + 1)));
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

function take_(place) {
  const voice = state.item && state.item.voices[place];
  if (!voice || state.item.kind === "label") return;
  decide(voice.action, { label: voice.label, messages: voice.messages, text: voice.text });
}

/* --- notes ------------------------------------------------------------------------------------------------------------------ */

function noteText() {
  const kept = state.item && state.notes.get(state.item.id);
  return kept !== undefined && kept !== null ? kept : (state.item && state.item.mine && state.item.mine.note) || "";
}

function noteBox(item) {
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

/* --- editing ---------------------------------------------------------------------------------------------------------------- */

function edit() {
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
  const known = from || (item.mine && item.mine.action === "edit" ? item.mine : (item.voices.filter(voice => voice.action === "edit").length === 1 ? item.voices.find(voice => voice.action === "edit") : null));
  if (item.kind === "row") return (known && known.messages ? known.messages : item.messages).map(message => plain(message.content));
  const text = (known && known.text) || item.proposal || { reference: "", accept: [], points: [] };
  return [plain(text.reference), text.accept.join("\n"), text.points.join("\n")];
}

function editor(item) {
  const form = el("div", { class: "editor" }), values = state.editing;
  const originals = item.kind === "row" ? item.messages.map(message => plain(message.content)) : [item.proposal ? plain(item.proposal.reference) : "", item.proposal ? item.proposal.accept.join("\n") : "", item.proposal ? item.proposal.points.join("\n") : ""];
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

function restart(item, from) { state.drafts.delete(item.digest); state.editing = startText(item, from); draw(); $("card").querySelector("textarea").focus(); }

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

function saveEdit() {
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

function cancelEdit() {
  if (!state.editing) return;
  const kept = state.drafts.has(state.item.digest);
  closeEditor();
  draw();
  renderActions();
  $("item").focus({ preventScroll: true });
  say(kept ? "Not saved. Your draft is kept in this tab: e goes on with it." : "Nothing was changed.");
}

function closeEditor() { state.editing = null; }

/* --- differences: tokens, common ends, longest common subsequence ----------------------------------------------------------- */

function tokens(text, fine) {
  return text.match(fine ? /\p{Script=Han}|[\p{L}\p{N}_]+|\s|./gsu : /[^。！？；\n.!?]*[。！？；\n.!?]?/gu).filter(Boolean);
}

function diffBlock(was, now) {
  was = plain(was); now = plain(now);
  const block = el("div", { class: "text", lang: langOf(now || was), dir: "auto" });
  let pairs = null;
  if (was.length + now.length <= LONGEST) pairs = lcs(tokens(was, true), tokens(now, true)) || lcs(tokens(was, false), tokens(now, false));
  for (const [kind, text] of pairs || [["del", cutAt(was, LONG)], ["ins", cutAt(now, LONG)]]) {
    if (text) fill(kind === "same" ? block.appendChild(el("span")) : block.appendChild(el(kind)), text);
  }
  return block;
}

function lcs(a, b) {
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const x = a.slice(head, a.length - tail), y = b.slice(head, b.length - tail), width = y.length + 1;
  if ((x.length + 1) * width > MAX_DIFF) return null;
  const table = new Uint32Array((x.length + 1) * width);
  for (let i = x.length - 1; i >= 0; i--)
    for (let j = y.length - 1; j >= 0; j--)
      table[i * width + j] = x[i] === y[j] ? table[(i + 1) * width + j + 1] + 1 : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const found = [["same", a.slice(0, head).join("")]];
  const add = (kind, text) => { const last = found[found.length - 1]; if (last[0] === kind) last[1] += text; else found.push([kind, text]); };
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { add("same", x[i++]); j++; }
    else if (i < x.length && (j === y.length || table[(i + 1) * width + j] >= table[i * width + j + 1])) add("del", x[i++]);
    else add("ins", y[j++]);
  }
  add("same", a.slice(a.length - tail).join(""));
  return found;
}

/* --- what can be done with an item, and by which key ------------------------------------------------------------------------ */

const COMMANDS = { accept: ["a", "Accept"], edit: ["e", "Edit"], reject: ["r", "Reject"], flag: ["f", "Flag"] };

function labelKeys(labels) {
  const singles = new Set(labels.filter(label => [...label].length === 1).map(label => label.toLowerCase()));
  const digit = place => place < 9 && !singles.has(String(place + 1)) ? String(place + 1) : null;
  return new Map(labels.map((label, place) => [label, [...label].length === 1 ? label.toLowerCase() : digit(place)]));
}

function keymap() {
  const item = state.item, map = new Map([["n", soon(note)], ["u", () => undo()], ["s", soon(skip)], ["j", soon(() => move(1))], ["k", soon(() => move(-1))], ["ArrowRight", soon(() => move(1))], ["ArrowLeft", soon(() => move(-1))], ["?", () => help()], ["q", () => toggleQueue()]]);
  if (!item) return map;
  for (const [action, [key]] of Object.entries(COMMANDS)) if (item.kind !== "label" || action === "flag") map.set(key, () => act(action));
  if (item.kind !== "label") { item.voices.forEach((_, place) => map.set(String(place + 1), () => take_(place))); return map; }
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
function soon(job) { return () => { if (!state.busy) job(); else if (!state.waiting) state.waiting = job; }; }

function flagKey(item) { return item.kind === "label" && item.labels.length <= FEW_LABELS && [...labelKeys(item.labels).values()].includes("f") ? "F" : "f"; }

function renderActions() {
  const box = $("actions"), item = state.item;
  box.replaceChildren();
  document.querySelector(".moves").hidden = Boolean(state.editing);
  for (const one of document.querySelectorAll(".moves button")) one.disabled = !item && ["note", "skip"].includes(one.dataset.do);
  box.classList.remove("few");
  if (!item) return;
  if (state.editing) return void box.append(...editButtons(item));
  const chosen = item.mine ? wordOf(item.mine) : null;
  if (item.kind === "label") {
    if (item.labels.length > FEW_LABELS) box.append(entry(item));
    else for (const [label, key] of labelKeys(item.labels)) box.append(button("label", label, key, () => decide("label", { label }), chosen === label));
    box.append(button("flag", "Flag", flagKey(item), () => decide("flag"), item.mine && item.mine.action === "flag"));
  } else for (const [action, [key, name]] of Object.entries(COMMANDS)) box.append(button(action, name, key, () => act(action), chosen === action));
  box.classList.toggle("few", box.children.length <= 5 && item.labels.every(label => label.length <= 8));
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

/* --- asking the program ------------------------------------------------------------------------------------------------------ */

class Gone extends Error {}
class Refusal extends Error { constructor(status, what, message) { super(message); this.status = status; this.what = what; } }

async function fetched(path, options) {
  let answer;
  try { answer = await fetch(path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(1000 * PATIENCE), ...options }); } catch { throw new Gone("The program does not answer."); }
  let said = null;
  try { said = await answer.json(); } catch { throw answer.ok || answer.status >= 500 ? new Gone("The program did not answer as it should.") : new Refusal(answer.status, "", `refused (${answer.status})`); }
  if (!answer.ok) throw new Refusal(answer.status, said.error, said.message);
  return said;
}

function ask(path, params = {}) { return fetched(`/api/${path}?${new URLSearchParams({ ...params, tab })}`); }

function post(sent) {
  const content = JSON.stringify(sent);
  if (new Blob([content]).size > LARGEST) throw new Refusal(413, "large", "This is too long to be saved from here.");
  return fetched("/api/decide", { method: "POST", headers: { "content-type": "application/json", "x-review-csrf": state.csrf }, body: content });
}

function mayPass(error) { return error instanceof Gone || (error instanceof Refusal && (error.status === 401 || error.status >= 500 || error.what === "csrf")); }

async function loaded(path, params, options) {
  try {
    const found = await ask(path, params);
    if (found.progress) setProgress(found.progress);
    return found;
  } catch (error) {
    if (mayPass(error)) trouble(error); else say(error.message, true);
    return null;
  }
}

async function next(after = null) {
  const found = await loaded("next", after ? { after } : {});
  if (found) { show(found.item); schedule(refreshList); }
  return found;
}

async function open_(id) {
  const found = await loaded("item", { id });
  if (found) { show(found.item); document.body.classList.remove("queue-open"); syncQueueButton(); }
}

async function move(step) {
  if (!state.item) return next();
  const found = await loaded("beside", { id: state.item.id, step: String(step), filter: state.filter === "open" ? "all" : state.filter, source: state.source });
  if (!found) return;
  if (found.item) show(found.item); else say(step > 0 ? "This is the last item of the list." : "This is the first item of the list.");
}

function skip() { if (state.item) { say("Skipped; it comes again."); next(state.item.id); } }

/* --- deciding: saved, or kept and tried again -------------------------------------------------------------------------------- */

function tabMark() { return [...crypto.getRandomValues(new Uint8Array(12))].map(byte => byte.toString(16).padStart(2, "0")).join(""); }

function ownTab() {
  try {
    const known = sessionStorage.getItem("review/tab") || tabMark();
    sessionStorage.setItem("review/tab", known);                 // a tab that is loaded again is shown what it was shown
    return known;
  } catch { return tabMark(); }
}

async function decide(action, extra = {}, { stay = false } = {}) {
  const item = state.item;
  if (state.busy) return say("One moment: the decision before this one is on its way.");
  if (!item) return;
  const sent = { key: tabMark(), item: item.id, digest: item.digest, action, note: noteText(), seconds: seconds(), seen: item.written };
  for (const [name, value] of Object.entries(extra)) if (value !== null && value !== undefined) sent[name] = value;
  const before = item.mine;
  setBusy(true);
  $("item").focus({ preventScroll: true });                        // what is typed from now on is not for the field that was left
  try {
    const waiting = state.outbox.findIndex(one => one.sent.item === item.id);
    if (waiting >= 0) state.outbox.splice(waiting, 1);
    let saved = null;
    if (state.outbox.length) keep(sent, before);
    else try { saved = await sendOnce(sent); } catch (error) {
      if (!mayPass(error)) return void (await refused(error, item));
      keep(sent, before);
      trouble(error);
    }
    state.drafts.delete(item.digest);
    state.notes.delete(item.id);
    state.history.push({ item: item.id, before });
    if (saved) saidSaved(saved, item); else { item.standing = "mine"; say(`Not saved yet: ${wordOf(sent)}. This tab keeps it.`, true); }
    if (stay && saved) await open_(item.id); else await onward(item, saved);
  } finally { setBusy(false); }
}

async function refused(error, item) {
  if (error.what === "stale") await open_(item.id);
  say(error.what === "stale" ? "This item has changed since it was shown. Your decision was not kept; the item is shown anew." : `Not saved: ${error.message}`, true);
}

async function onward(item, saved) {
  if (await next(item.id)) return;
  if (saved) { item.mine = saved.decision; item.written = saved.written; }
  closeEditor();
  draw();
  renderActions();
}

async function sendOnce(sent) {
  try { return await post(sent); } catch (error) {
    if (!(error instanceof Refusal) || error.what !== "csrf") throw error;
    await newSession();
    return post(sent);
  }
}

async function newSession() {
  const now = await fetched("/api/session");
  if (now.who !== page.who || now.of !== page.of) throw new Refusal(409, "other", `This browser is now at ${now.who}'s review; open your own address, and do not close this tab: it keeps what is not saved.`);
  state.csrf = now.csrf;
}

function saidSaved(saved, item) {
  setProgress(saved.progress);
  if (channel) channel.postMessage({ item: item.id, word: wordOf(saved.decision), tab });
  const word = saved.decision.action === "withdraw" ? "taken back" : wordOf(saved.decision);
  if (saved.replaced) say(`Saved: ${word}. In another tab you had said ${wordOf(saved.replaced)}; this one counts now.`, true);
  else say(`Saved: ${word}.`);
}

function keep(sent, before) {
  state.outbox.push({ sent, before });
  storeOutbox();
  retryLater();
}

function storeOutbox() {
  try { if (state.outbox.length) sessionStorage.setItem(OUTBOX, JSON.stringify(state.outbox)); else sessionStorage.removeItem(OUTBOX); } catch { /* the tab still has them */ }
}

function retryLater() {
  clearTimeout(state.timer);
  state.timer = setTimeout(flush, 1000 * RETRY[Math.min(state.tries++, RETRY.length - 1)]);
}

async function flush() {
  if (state.busy) return retryLater();
  setBusy(true);
  try {
    while (state.outbox.length) {
      const { sent } = state.outbox[0];
      try {
        const saved = await sendOnce(sent);
        setProgress(saved.progress);
        if (state.item && state.item.id === sent.item) { state.item.mine = saved.decision; state.item.written = saved.written; }
      } catch (error) {
        if (mayPass(error) || error.what === "other") { trouble(error); return retryLater(); }
        say(`${sent.item}: ${error.message}`, true);
      }
      state.outbox.shift();
      storeOutbox();
    }
  } finally { setBusy(false); }
  state.tries = 0;
  trouble(null);
  say("All is saved.");
  if (!state.item || (state.item.standing === "mine" && !state.editing && !state.noting)) next(state.item ? state.item.id : null); else if (!state.editing && !state.noting) draw();
  schedule(refreshList);
}

async function undo() {
  if (state.busy || state.editing) return;
  setBusy(true);
  try {
    let last = state.history.pop();
    if (!last && !state.asked) { state.asked = true; const found = await loaded("last"); last = found && found.item ? found : null; }
    if (!last) return say("There is nothing to take back.");
    const waiting = state.outbox.findIndex(one => one.sent.item === last.item);
    if (waiting >= 0) { state.outbox.splice(waiting, 1); storeOutbox(); say("Taken back before it was saved."); return void (await open_(last.item)); }
    const found = await loaded("item", { id: last.item });
    if (!found) return void state.history.push(last);
    const { item } = found, sent = { key: tabMark(), item: item.id, digest: item.digest, seen: item.written };
    if (last.before) { const { at: _, ...before } = last.before; Object.assign(sent, before); } else sent.action = "withdraw";
    for (const name of Object.keys(sent)) if (sent[name] === null) delete sent[name];
    try {
      const saved = await sendOnce(sent);
      await open_(item.id);
      setProgress(saved.progress);
      if (channel) channel.postMessage({ item: item.id, word: "taken back", tab });
      say(last.before ? `Taken back: ${wordOf(last.before)} counts again.` : "Taken back: the item is open again.");
      schedule(refreshList);
    } catch (error) { state.history.push(last); show(item); if (mayPass(error)) trouble(error); say(`Not taken back: ${error.message}`, true); }
  } finally { setBusy(false); }
}

function note() {
  if (!state.item || state.editing) return;
  state.noting = true;
  draw();
  const box = $("note");
  box.focus();
  box.scrollIntoView({ block: "center" });
}

/* --- what is said to the person ---------------------------------------------------------------------------------------------- */

function setBusy(busy) {
  state.busy = busy;
  document.body.classList.toggle("busy", busy);
  const job = state.waiting;
  state.waiting = null;
  if (!busy && job) job(); else state.waiting = job;
}

function say(message, strongly = false) {
  $("said").textContent = "";
  requestAnimationFrame(() => { fill($("said"), message); });
  const line = $("status");
  line.replaceChildren();
  fill(line, message);
  line.title = message;
  line.classList.toggle("strong", strongly);
}

function trouble(error) {
  const box = $("trouble");
  if (!error) { box.hidden = true; return; }
  const kept = state.outbox.length ? ` ${state.outbox.length === 1 ? "One decision is" : `${state.outbox.length} decisions are`} kept in this tab, which tries again. Do not close it.` : "";
  const what = error instanceof Gone ? "The program does not answer: is harness review still running?" : error.status === 401 ? "The program was started again: open the new address that it printed, in this browser." : error.message;
  box.replaceChildren();
  fill(box, what + kept);
  box.hidden = false;
  if (!state.outbox.length) { clearTimeout(state.timer); state.timer = setTimeout(recover, 1000 * RETRY[Math.min(state.tries++, RETRY.length - 1)]); }
}

async function recover() {
  try { await newSession(); } catch (error) { return trouble(error); }
  state.tries = 0;
  trouble(null);
  if (!state.item) next();
  schedule(refreshList);
}

function setProgress(progress) {
  state.progress = progress;
  const all = progress.mine + progress.open, bar = $("bar"), number = value => value.toLocaleString("en");
  bar.max = Math.max(1, all);
  bar.value = progress.mine;
  const parts = [ADJUDICATES ? `${number(progress.mine)} settled by you, ${number(progress.open)} split` : `${number(progress.mine)} of ${number(all)} yours`];
  if (!ADJUDICATES) parts.push(`${number(progress.settled)} of ${number(progress.items)} in all`);
  if (progress.seconds !== null && progress.open) parts.push(`${progress.seconds < 1 ? "under 1" : Math.round(progress.seconds)} s each, ${lasting(progress.seconds * progress.open)} left`);
  $("way-text").textContent = parts.join(" · ");
  document.title = `${progress.open ? `(${number(progress.open)}) ` : ""}${document.querySelector(".title h1").textContent} · review`;
  $("bands").hidden = !progress.bands.length;
  $("bands-rows").replaceChildren(...progress.bands.map(band => el("div", { class: "bands-row" }, el("span", {}, band.name), el("progress", { max: band.items, value: band.done, "aria-label": `doubt ${band.name}` }), el("span", {}, `${number(band.done)}/${number(band.items)}`))));
}

function lasting(time) {
  if (time < 90) return "1 min";
  const minutes = Math.round(time / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/* --- time: from being shown to being decided, while the tab is seen ---------------------------------------------------------- */

function startClock() { state.shown = performance.now(); state.away = 0; state.hidden = document.hidden ? performance.now() : null; }

function seconds() {
  const now = performance.now(), away = state.away + (state.hidden === null ? 0 : now - state.hidden);
  return Math.max(0, Math.round((now - state.shown - away) / 100) / 10);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) state.hidden = performance.now();
  else { if (state.hidden !== null) state.away += performance.now() - state.hidden; state.hidden = null; pulse(); }
});

/* --- the list ------------------------------------------------------------------------------------------------------------------ */

const later = new Map();
function schedule(job) { clearTimeout(later.get(job)); later.set(job, setTimeout(job, 150)); }

async function refreshList() {
  let found;
  try { found = await ask("list", { filter: state.filter, source: state.source, start: String(state.start) }); } catch { return; }
  if (!found.items.length && found.total && state.start) { state.start = 0; return refreshList(); }
  const list = $("list"), focused = document.activeElement && document.activeElement.closest("#list button"), id = focused && focused.dataset.id;
  list.replaceChildren(...found.items.map(row));
  if (id) { const again = [...list.querySelectorAll("button")].find(one => one.dataset.id === id); if (again) again.focus({ preventScroll: true }); }
  $("list-empty").hidden = found.total > 0;
  $("list-empty").textContent = { open: ADJUDICATES ? "Nothing is split." : "Nothing is open for you.", mine: "You have decided nothing yet.", flagged: "You have flagged nothing.", noted: "You have no notes.", all: "Nothing." }[state.filter];
  const size = found.items.length;
  $("pager").hidden = found.total <= size;
  $("list-range").textContent = `${(found.start + 1).toLocaleString("en")}–${(found.start + size).toLocaleString("en")} of ${found.total.toLocaleString("en")}`;
  $("list-back").disabled = found.start === 0;
  $("list-on").disabled = found.start + size >= found.total;
  fillSources(found.sources);
  markCurrent();
}

function row(entry_) {
  const end = entry_.said ? fill(el("span", { class: `end word ${["accept", "reject", "flag", "edit"].includes(entry_.said) ? entry_.said : "label"}` }), entry_.said) : el("span", { class: "end" }, entry_.doubt ? `${Math.round(entry_.doubt * 100)}%` : entry_.standing === "others" ? "done" : "");
  const made = el("button", { type: "button", "data-id": entry_.id, on: { click: () => open_(entry_.id) } }, el("span", { class: "place" }, String(entry_.place)),
    fill(el("span", { class: "snippet", lang: langOf(entry_.snippet), dir: "auto" }), entry_.snippet || entry_.id), end, fill(el("span", { class: "about", dir: "auto" }), entry_.about || entry_.id));
  return el("li", {}, made);
}

function markCurrent() {
  for (const one of $("list").querySelectorAll("button")) {
    const current = Boolean(state.item) && one.dataset.id === state.item.id;
    if (current) { one.setAttribute("aria-current", "true"); one.scrollIntoView({ block: "nearest" }); } else one.removeAttribute("aria-current");
  }
}

function fillSources(sources) {
  const select = $("source");
  $("source-label").hidden = sources.length < 2;
  if (select.options.length === sources.length + 1) return;
  select.replaceChildren(el("option", { value: "" }, "everything"), ...sources.map(([name, count]) => fill(el("option", { value: name }), `${name || "(nothing)"} (${count.toLocaleString("en")})`)));
  select.value = state.source;
}

function toggleQueue() {
  document.body.classList.toggle(matchMedia("(max-width: 900px)").matches ? "queue-open" : "narrow-queue");
  syncQueueButton();
}

function syncQueueButton() {
  const small = matchMedia("(max-width: 900px)").matches;
  $("queue-button").setAttribute("aria-expanded", String(small ? document.body.classList.contains("queue-open") : !document.body.classList.contains("narrow-queue")));
}

/* --- other tabs, other people, the program's pulse ---------------------------------------------------------------------------- */

if (channel) channel.addEventListener("message", event => {
  if (event.data.tab !== tab && state.item && event.data.item === state.item.id) elsewhere(event.data.word);
  schedule(refreshList);
});

function elsewhere(word) { say(`In another tab of yours this item has just been decided: ${word}. What you decide here later counts.`, true); }

async function pulse() {
  if (document.hidden || state.busy) return;
  const item = state.item;
  try {
    const found = await ask("pulse", { id: item ? item.id : "" });
    if (state.busy || item !== state.item) return;
    setProgress(found.progress);
    if (item && found.written > item.written) { if (!channel) elsewhere("see the list"); item.written = found.written; }
    if (!state.outbox.length) trouble(null);
    if (!item && found.progress.open) next();
  } catch (error) { if (mayPass(error)) trouble(error); }
}
setInterval(pulse, 1000 * PULSE);

/* --- keys and buttons ----------------------------------------------------------------------------------------------------------- */

function help() {
  const item = state.item, keys = [];
  if (item && item.kind === "label") {
    if (item.labels.length > FEW_LABELS) keys.push([["0–9"], "type a label, Enter saves it"]);
    else for (const [label, key] of labelKeys(item.labels)) if (key) keys.push([[key], label]);
    keys.push([[flagKey(item)], "flag: somebody should look at this"]);
  } else keys.push([["a"], "accept"], [["e"], "edit; Ctrl+Enter saves, Esc leaves"], [["r"], "reject"], [["f"], "flag: somebody should look at this"]);
  if (item && item.kind !== "label" && item.voices.length) keys.push([item.voices.map((_, place) => String(place + 1)), "take the decision of A, B"]);
  keys.push([["j", "→"], "next item"], [["k", "←"], "previous item"], [["s"], "skip; it comes again"], [["u"], "undo: your earlier decision counts again, or none"], [["n"], "note, saved with the decision"], [["q"], "queue"], [["?"], "this help"]);
  $("help-keys").replaceChildren(...keys.flatMap(([names, what]) => [el("dt", {}, ...names.flatMap((name, place) => [place ? " " : "", el("kbd", {}, name)])), fill(el("dd"), what)]));
  $("help").showModal();
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("help").open) return;
  if (event.target instanceof Element && event.target.closest("input, textarea, select")) return;
  const typed = event.key === "Process" && event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : event.key;
  if (event.repeat && !["ArrowLeft", "ArrowRight", "j", "k"].includes(typed)) return;
  if (state.editing && !state.busy) { if (typed === "Escape") cancelEdit(); return; }
  if (typed === "Escape") { document.body.classList.remove("queue-open"); syncQueueButton(); return; }
  const job = keymap().get(typed) || keymap().get(typed.toLowerCase());
  if (job) { event.preventDefault(); job(); }
});

document.querySelector(".moves").addEventListener("click", event => {
  const what = event.target.closest("button");
  if (what) ({ note: soon(note), undo, skip: soon(skip), back: soon(() => move(-1)), on: soon(() => move(1)) })[what.dataset.do]();
});
document.querySelector(".filters").addEventListener("click", event => {
  const chosen = event.target.closest("button");
  if (!chosen) return;
  state.filter = chosen.dataset.filter;
  state.start = 0;
  for (const one of document.querySelectorAll(".filters button")) one.setAttribute("aria-pressed", String(one === chosen));
  refreshList();
});
$("source").addEventListener("change", event => { state.source = event.target.value; state.start = 0; refreshList(); });
$("list-back").addEventListener("click", () => { state.start = Math.max(0, state.start - 50); refreshList(); });
$("list-on").addEventListener("click", () => { state.start += 50; refreshList(); });
$("queue-button").addEventListener("click", toggleQueue);
$("help-button").addEventListener("click", help);
$("item").addEventListener("pointerdown", () => { document.body.classList.remove("queue-open"); syncQueueButton(); });
addEventListener("beforeunload", event => { if (state.outbox.length || state.drafts.size) event.preventDefault(); });
addEventListener("pagehide", () => { fetch(`/api/pulse?id=&tab=${tab}`, { keepalive: true }).catch(() => {}); });
addEventListener("resize", syncQueueButton);

/* --- begin ------------------------------------------------------------------------------------------------------------------------ */

function begin() {
  syncQueueButton();
  try { state.outbox = JSON.parse(sessionStorage.getItem(OUTBOX) || "[]"); } catch { state.outbox = []; }
  if (state.outbox.length) { say("Decisions that were not saved are sent again."); flush(); }
  next();
  refreshList();
}
begin();
