/* The queue beside the item. */

import { $, ADJUDICATES, state } from "./state.js";
import { el, fill, langOf } from "./text.js";
import { ask } from "./server.js";
import { openItem } from "./moving.js";

export const later = new Map();
export function schedule(job) { clearTimeout(later.get(job)); later.set(job, setTimeout(job, 150)); }

export async function refreshList() {
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

export function row(line) {
  const end = line.said ? fill(el("span", { class: `end word ${["accept", "reject", "flag", "edit"].includes(line.said) ? line.said : "label"}` }), line.said) : el("span", { class: "end" }, line.doubt ? `${Math.round(line.doubt * 100)}%` : line.standing === "others" ? "done" : "");
  const made = el("button", { type: "button", "data-id": line.id, on: { click: () => openItem(line.id) } }, el("span", { class: "place" }, String(line.place)),
    fill(el("span", { class: "snippet", lang: langOf(line.snippet), dir: "auto" }), line.snippet || line.id), end, fill(el("span", { class: "about", dir: "auto" }), line.about || line.id));
  return el("li", {}, made);
}

export function markCurrent() {
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

export function toggleQueue() {
  document.body.classList.toggle(matchMedia("(max-width: 900px)").matches ? "queue-open" : "narrow-queue");
  syncQueueButton();
}

export function syncQueueButton() {
  const small = matchMedia("(max-width: 900px)").matches;
  $("queue-button").setAttribute("aria-expanded", String(small ? document.body.classList.contains("queue-open") : !document.body.classList.contains("narrow-queue")));
}
