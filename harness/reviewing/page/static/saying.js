/* What is said to the person: what became of a decision, and what is wrong. */

import { $, RETRY, state } from "./state.js";
import { fill } from "./text.js";
import { Gone, newSession } from "./server.js";
import { next } from "./moving.js";
import { refreshList, schedule } from "./list.js";

export function setBusy(busy) {
  state.busy = busy;
  document.body.classList.toggle("busy", busy);
  const job = state.waiting;
  state.waiting = null;
  if (!busy && job) job(); else state.waiting = job;
}

export function say(message, strongly = false) {
  $("said").textContent = "";
  requestAnimationFrame(() => { fill($("said"), message); });
  const line = $("status");
  line.replaceChildren();
  fill(line, message);
  line.title = message;
  line.classList.toggle("strong", strongly);
}

export function trouble(error) {
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
