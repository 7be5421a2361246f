/* Keys -> decisions. One counts as saved when the program has said so; until then the outbox keeps it. */

import { $, channel, state, tab, tabMark } from "./state.js";
import { draw, show, wordOf } from "./item.js";
import { noteText } from "./notes.js";
import { closeEditor } from "./editing.js";
import { renderActions } from "./actions.js";
import { loaded, mayPass, sendOnce } from "./server.js";
import { next, openItem } from "./moving.js";
import { keep, storeOutbox } from "./outbox.js";
import { say, setBusy, trouble } from "./saying.js";
import { seconds, setProgress } from "./progress.js";
import { refreshList, schedule } from "./list.js";

export async function decide(action, extra = {}, { stay = false } = {}) {
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
    if (stay && saved) await openItem(item.id); else await onward(item, saved);
  } finally { setBusy(false); }
}

async function refused(error, item) {
  if (error.what === "stale") await openItem(item.id);
  say(error.what === "stale" ? "This item has changed since it was shown. Your decision was not kept; the item is shown anew." : `Not saved: ${error.message}`, true);
}

async function onward(item, saved) {
  if (await next(item.id)) return;
  if (saved) { item.mine = saved.decision; item.written = saved.written; }
  closeEditor();
  draw();
  renderActions();
}

function saidSaved(saved, item) {
  setProgress(saved.progress);
  if (channel) channel.postMessage({ item: item.id, word: wordOf(saved.decision), tab });
  const word = saved.decision.action === "withdraw" ? "taken back" : wordOf(saved.decision);
  if (saved.replaced) say(`Saved: ${word}. In another tab you had said ${wordOf(saved.replaced)}; this one counts now.`, true);
  else say(`Saved: ${word}.`);
}

export async function undo() {
  if (state.busy || state.editing) return;
  setBusy(true);
  try {
    let last = state.history.pop();
    if (!last && !state.asked) { state.asked = true; const found = await loaded("last"); last = found && found.item ? found : null; }
    if (!last) return say("There is nothing to take back.");
    const waiting = state.outbox.findIndex(one => one.sent.item === last.item);
    if (waiting >= 0) { state.outbox.splice(waiting, 1); storeOutbox(); say("Taken back before it was saved."); return void (await openItem(last.item)); }
    const found = await loaded("item", { id: last.item });
    if (!found) return void state.history.push(last);
    const { item } = found, sent = { key: tabMark(), item: item.id, digest: item.digest, seen: item.written };
    if (last.before) { const { at: _, ...before } = last.before; Object.assign(sent, before); } else sent.action = "withdraw";
    for (const name of Object.keys(sent)) if (sent[name] === null) delete sent[name];
    try {
      const saved = await sendOnce(sent);
      await openItem(item.id);
      setProgress(saved.progress);
      if (channel) channel.postMessage({ item: item.id, word: "taken back", tab });
      say(last.before ? `Taken back: ${wordOf(last.before)} counts again.` : "Taken back: the item is open again.");
      schedule(refreshList);
    } catch (error) { state.history.push(last); show(item); if (mayPass(error)) trouble(error); say(`Not taken back: ${error.message}`, true); }
  } finally { setBusy(false); }
}
