/* Questions -> the program's answers, or why there are none. */

import { LARGEST, page, state, storedKey, tab } from "./state.js";
import { say, trouble } from "./saying.js";
import { setProgress } from "./progress.js";

const PATIENCE = 20;                            // seconds that an answer may take
export class Gone extends Error {}
export class Refusal extends Error { constructor(status, what, message) { super(message); this.status = status; this.what = what; } }

async function fetched(path, options = {}) {
  let answer;
  try { answer = await fetch(path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(1000 * PATIENCE), ...options, headers: { ...options.headers, "x-review-key": state.key } }); } catch { throw new Gone("The program does not answer."); }
  let said = null;
  try { said = await answer.json(); } catch { throw answer.ok || answer.status >= 500 ? new Gone("The program did not answer as it should.") : new Refusal(answer.status, "", `refused (${answer.status})`); }
  if (!answer.ok) throw new Refusal(answer.status, said.error, said.message);
  return said;
}

export function ask(path, params = {}) { return fetched(`/api/${path}?${new URLSearchParams({ ...params, tab })}`); }

export function post(sent) {
  const content = JSON.stringify(sent);
  if (new Blob([content]).size > LARGEST) throw new Refusal(413, "large", "This is too long to be saved from here.");
  return fetched("/api/decide", { method: "POST", headers: { "content-type": "application/json" }, body: content });
}

export function mayPass(error) { return error instanceof Gone || (error instanceof Refusal && (error.status === 401 || error.status >= 500 || error.what === "key")); }

export async function loaded(path, params) {
  try {
    const found = await ask(path, params);
    if (found.progress) setProgress(found.progress);
    return found;
  } catch (error) {
    if (mayPass(error)) trouble(error); else say(error.message, true);
    return null;
  }
}

export async function sendOnce(sent) {
  try { return await post(sent); } catch (error) {
    if (!(error instanceof Refusal) || error.what !== "key") throw error;
    await newSession();
    return post(sent);
  }
}

/* The tab was open before the program was started again: the key that came with the new address is taken, if it is the same person's. */
export async function newSession() {
  const before = state.key;
  state.key = storedKey();
  try {
    const now = await fetched("/api/session");
    if (now.who !== page.who || now.of !== page.of) throw new Refusal(409, "other", `This browser is now at ${now.who}'s review; open your own address, and do not close this tab: it keeps what is not saved.`);
  } catch (error) { state.key = before; throw error; }
}
