/* The keys, as this item has them. */

import { $, FEW_LABELS, state } from "./state.js";
import { el, fill } from "./text.js";
import { flagKey, labelKeys } from "./actions.js";

export function help() {
  const item = state.item, keys = [];
  if (item && item.kind === "label") {
    if (item.labels.length > FEW_LABELS) keys.push([["0–9"], "type a label, Enter saves it"]);
    else for (const [label, key] of labelKeys(item.labels)) if (key) keys.push([[key], label]);
    keys.push([[flagKey(item)], "flag: somebody should look at this"]);
  } else keys.push([["a"], "accept"], [["e"], "edit; Ctrl+Enter saves, Esc leaves"], [["r"], "reject"], [["f"], item.kind === "row" ? "flag: to be answered again" : "flag: somebody should look at this"]);
  if (item && item.kind !== "label" && item.voices.length) keys.push([item.voices.map((_, place) => String(place + 1)), "take the decision of A, B"]);
  keys.push([["j", "→"], "next item"], [["k", "←"], "previous item"], [["s"], "skip; it comes again"], [["u"], "undo: your earlier decision counts again, or none"], [["n"], "note, saved with the decision"], [["q"], "queue"], [["?"], "this help"]);
  $("help-keys").replaceChildren(...keys.flatMap(([names, what]) => [el("dt", {}, ...names.flatMap((name, place) => [place ? " " : "", el("kbd", {}, name)])), fill(el("dd"), what)]));
  $("help").showModal();
}
