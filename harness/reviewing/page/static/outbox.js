/* Decisions that are not saved yet: this tab keeps them, and tries again. */

import { OUTBOX, RETRY, state } from "./state.js";
import { draw } from "./item.js";
import { mayPass, sendOnce } from "./server.js";
import { next } from "./moving.js";
import { say, setBusy, trouble } from "./saying.js";
import { setProgress } from "./progress.js";
import { refreshList, schedule } from "./list.js";

export function keep(sent, before) {
  state.outbox.push({ sent, before });
  storeOutbox();
  retryLater();
}

export function storeOutbox() {
  try { if (state.outbox.length) sessionStorage.setItem(OUTBOX, JSON.stringify(state.outbox)); else sessionStorage.removeItem(OUTBOX); } catch { /* the tab still has them */ }
}

function retryLater() {
  clearTimeout(state.timer);
  state.timer = setTimeout(flush, 1000 * RETRY[Math.min(state.tries++, RETRY.length - 1)]);
}

export async function flush() {
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
