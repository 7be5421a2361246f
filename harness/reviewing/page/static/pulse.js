/* Other tabs, other people, and whether the program is still there. */

import { channel, state, tab } from "./state.js";
import { ask, mayPass } from "./server.js";
import { next } from "./moving.js";
import { say, trouble } from "./saying.js";
import { setProgress } from "./progress.js";
import { refreshList, schedule } from "./list.js";

const PULSE = 20;                               // seconds

if (channel) channel.addEventListener("message", event => {
  if (event.data.tab !== tab && state.item && event.data.item === state.item.id) elsewhere(event.data.word);
  schedule(refreshList);
});

function elsewhere(word) { say(`In another tab of yours this item has just been decided: ${word}. What you decide here later counts.`, true); }

export async function pulse() {
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
