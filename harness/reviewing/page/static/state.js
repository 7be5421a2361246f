/* The page and this tab -> what all parts of the script share. It imports nothing; whatever else is here may be imported by all. */

export const page = document.body.dataset;
export const ADJUDICATES = page.round === "adjudication";
export const RETRY = [1, 2, 4, 8, 15];                 // seconds
export const LARGEST = 4 * 2 ** 20;                    // bytes of a request
export const LONG = 20_000, LONGEST = 200_000;         // characters shown at once, and at most
export const FEW_LABELS = 12;
export const OUTBOX = `review/${page.of}/${page.round}/${page.who}`;
export const tab = ownTab();

export const state = {
  key: storedKey(), item: null, busy: false, editing: null, noting: false, progress: null, history: [], asked: false, outbox: [],
  drafts: new Map(), notes: new Map(), filter: "open", source: "", start: 0, shown: 0, away: 0, hidden: null, tries: 0, timer: null, waiting: null,
};

export const channel = "BroadcastChannel" in window ? new BroadcastChannel(OUTBOX) : null;
export const $ = id => document.getElementById(id);
export function tabMark() { return [...crypto.getRandomValues(new Uint8Array(12))].map(byte => byte.toString(16).padStart(2, "0")).join(""); }

function ownTab() {
  try {
    const known = sessionStorage.getItem("review/tab") || tabMark();
    sessionStorage.setItem("review/tab", known);                 // a tab that is loaded again is shown what it was shown
    return known;
  } catch { return tabMark(); }
}

/* The session's second half. A cookie of 127.0.0.1 goes to every port of this machine, whoever listens there; what is stored does not. */
export function storedKey() {
  try { return localStorage.getItem("review/key") || ""; } catch { return ""; }
}
