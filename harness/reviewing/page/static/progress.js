/* How far it is, and how long an item takes: from being shown to being decided, while the tab is seen. */

import { $, ADJUDICATES, state } from "./state.js";
import { el } from "./text.js";
import { pulse } from "./pulse.js";

export function setProgress(progress) {
  state.progress = progress;
  const all = progress.mine + progress.open, bar = $("bar"), number = value => value.toLocaleString("en");
  bar.max = Math.max(1, all);
  bar.value = progress.mine;
  const parts = [ADJUDICATES ? `${number(progress.mine)} settled by you, ${number(progress.open)} split` : `${number(progress.mine)} of ${number(all)} yours`];
  if (!ADJUDICATES) parts.push(`${number(progress.settled)} of ${number(progress.items)} in all`);
  if (progress.seconds !== null && progress.open) parts.push(`${progress.seconds < 1 ? "under 1" : Math.round(progress.seconds)} s each, ${lasting(progress.seconds * progress.open)} left`);
  $("way-text").textContent = parts.join(" · ");
  document.title = `${progress.open ? `(${number(progress.open)}) ` : ""}${document.querySelector(".title h1").textContent} · review`;
  $("bands").hidden = !progress.bands.length;
  $("bands-rows").replaceChildren(...progress.bands.map(band => el("div", { class: "bands-row" }, el("span", {}, band.name), el("progress", { max: band.items, value: band.done, "aria-label": `doubt ${band.name}` }), el("span", {}, `${number(band.done)}/${number(band.items)}`))));
}

function lasting(time) {
  if (time < 90) return "1 min";
  const minutes = Math.round(time / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

export function startClock() { state.shown = performance.now(); state.away = 0; state.hidden = document.hidden ? performance.now() : null; }

export function seconds() {
  const now = performance.now(), away = state.away + (state.hidden === null ? 0 : now - state.hidden);
  return Math.max(0, Math.round((now - state.shown - away) / 100) / 10);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) state.hidden = performance.now();
  else { if (state.hidden !== null) state.away += performance.now() - state.hidden; state.hidden = null; pulse(); }
});
