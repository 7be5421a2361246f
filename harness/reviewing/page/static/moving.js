/* From one item to another. */

import { state } from "./state.js";
import { show } from "./item.js";
import { loaded } from "./server.js";
import { say } from "./saying.js";
import { refreshList, schedule, syncQueueButton } from "./list.js";

export async function next(after = null) {
  const found = await loaded("next", after ? { after } : {});
  if (found) { show(found.item); schedule(refreshList); }
  return found;
}

export async function openItem(id) {
  const found = await loaded("item", { id });
  if (found) { show(found.item); document.body.classList.remove("queue-open"); syncQueueButton(); }
}

export async function move(step) {
  if (!state.item) return next();
  const found = await loaded("beside", { id: state.item.id, step: String(step), filter: state.filter === "open" ? "all" : state.filter, source: state.source });
  if (!found) return;
  if (found.item) show(found.item); else say(step > 0 ? "This is the last item of the list." : "This is the first item of the list.");
}

export function skip() { if (state.item) { say("Skipped; it comes again."); next(state.item.id); } }
