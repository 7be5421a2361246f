/* Two texts -> what changed: tokens, common ends, longest common subsequence. */

import { LONG, LONGEST } from "./state.js";
import { cutAt, el, fill, langOf, plain } from "./text.js";

const MAX_DIFF = 3_000_000;                     // cells of the table

function tokens(text, fine) {
  return text.match(fine ? /\p{Script=Han}|[\p{L}\p{N}_]+|\s|./gsu : /[^。！？；\n.!?]*[。！？；\n.!?]?/gu).filter(Boolean);
}

export function diffBlock(was, now) {
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
