/* Text -> elements. All text of items is set as text, never as markup; what cannot be seen is shown by its name. */

import { LONG, LONGEST } from "./state.js";

export function el(tag, props = {}, ...children) {
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
export const UNSEEN = /(?:\p{Cs}|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}])/u;

const UNSEEN_RUNS = new RegExp(`(${UNSEEN.source})\\1*`, "gu");
const NAMES = { "200b": "zero width space", "202e": "right-to-left override", "202d": "left-to-right override", "202a": "left-to-right embedding", "202b": "right-to-left embedding", "202c": "pop directional formatting", "2066": "left-to-right isolate", "2067": "right-to-left isolate", "2068": "first strong isolate", "2069": "pop directional isolate", "200e": "left-to-right mark", "200f": "right-to-left mark", "feff": "byte order mark", "ad": "soft hyphen", "0": "null", "1b": "escape" };

export function codeOf(char) {
  const hex = char.codePointAt(0).toString(16);
  return { code: `U+${hex.toUpperCase().padStart(4, "0")}`, name: NAMES[hex] || "invisible character" };
}

export function fill(parent, text) {
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

export function plain(text) { return text.replace(/\r\n?/g, "\n"); }

export function langOf(text) {
  const part = text.slice(0, 4000), count = script => (part.match(script) || []).length;
  const letters = count(/\p{L}/gu) || 1;
  if (count(/[\p{Script=Hiragana}\p{Script=Katakana}]/gu) / letters > 0.1) return "ja";
  if (count(/\p{Script=Hangul}/gu) / letters > 0.2) return "ko";
  if (count(/\p{Script=Han}/gu) / letters > 0.15) return "zh";
  if (count(/\p{Script=Arabic}/gu) / letters > 0.3) return "ar";
  return count(/\p{Script=Latin}/gu) / letters > 0.5 ? "en" : "und";
}

export function cutAt(text, most) {
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? most - 1 : most);
}

export function textBlock(raw) {
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

export const ROLES = { user: "User", assistant: "Assistant", system: "System" };

export function turn(role, label, ...children) {
  return el("section", { class: `turn ${role}` }, el("div", { class: "role" }, label), ...children);
}

export function linesOf(value) { return Array.isArray(value) ? value.join("\n") : value; }
