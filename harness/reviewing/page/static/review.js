/* The page: which part of the script gets which key and which button, and the beginning. */

import { $, OUTBOX, state, tab } from "./state.js";
import { note } from "./notes.js";
import { cancelEdit } from "./editing.js";
import { keymap, soon } from "./actions.js";
import { move, next, skip } from "./moving.js";
import { undo } from "./deciding.js";
import { flush } from "./outbox.js";
import { say } from "./saying.js";
import { refreshList, syncQueueButton, toggleQueue } from "./list.js";
import { pulse } from "./pulse.js";
import { help } from "./help.js";

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
addEventListener("pagehide", () => { fetch(`/api/pulse?id=&tab=${tab}`, { keepalive: true, headers: { "x-review-key": state.key } }).catch(() => {}); });
addEventListener("resize", syncQueueButton);

function begin() {
  syncQueueButton();
  try { state.outbox = JSON.parse(sessionStorage.getItem(OUTBOX) || "[]"); } catch { state.outbox = []; }
  if (state.outbox.length) { say("Decisions that were not saved are sent again."); flush(); }
  next();
  refreshList();
}

begin();
