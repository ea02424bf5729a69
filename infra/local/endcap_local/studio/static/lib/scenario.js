// Scenarios: what is published, what is drafted, and how one becomes the other.
import { call, get, useLoad } from "./api.js";
import { signal, useLayoutEffect, useState } from "./html.js";

export const EVERYWHERE = "*";

export async function readScenario(name, signal) {
  try {
    const { data, etag } = await call("GET", ["admin", "scenarios", name], { signal });
    return { document: data.document, etag: data.etag ?? etag, built_in: data.built_in, known: true };
  } catch (error) {
    if (error.status !== 404) throw error;
    return { document: {}, etag: error.etag, built_in: false, known: false };
  }
}

// A draft outlives its page and a reload, until it is published or discarded.
const KEPT = "endcap-studio-draft ";
const keptDraft = (name) => JSON.parse(sessionStorage.getItem(KEPT + name) ?? "null");
const keep = (name, kept) => {
  if (kept) sessionStorage.setItem(KEPT + name, JSON.stringify(kept));
  else sessionStorage.removeItem(KEPT + name);
  draftsKept.value = keptNames();
};
// Of one that isn't published an empty draft is kept too, once it was begun: until it is published or discarded.
function keepDraft(name, { document, etag = null, known }, draft) {
  if (!same(document, draft)) keep(name, { etag, document: draft });
  else keep(name, !known && name !== EVERYWHERE && keptDraft(name) ? { etag, document: draft, begun: true } : null);
}
export const begin = (name) => keptDraft(name) || keep(name, { etag: null, document: {}, begun: true });

// The scenarios of which this tab keeps a draft.
const keptNames = () => Object.keys(sessionStorage).filter((key) => key.startsWith(KEPT)).map((key) => key.slice(KEPT.length)).sort();
export const draftsKept = signal(keptNames());

// A scenario as it is worked at: what is published (`base`, null until it was read, then {document, etag, built_in, known}),
// what is drafted over it, and `older`, a draft that began from what somebody else has published over since; `onOlder(true)`
// takes it up again, `onOlder(false)` drops it. `settle` tells what was published from here, `reread` that it has to be asked.
export function useDraft(name) {
  const read = useLoad((signal) => readScenario(name, signal), [name]);
  const [settled, setSettled] = useState(null);
  const base = settled && settled.over === read.data ? settled.base : read.data;
  const [state, setState] = useState({ draft: null, older: null, over: null });
  const { draft, older, over } = state;
  const setDraft = (next) => setState((now) => ({ ...now, draft: typeof next === "function" ? next(now.draft) : next }));
  useLayoutEffect(() => {
    if (!read.data || read.loading) return;
    const { document, etag = null } = read.data;
    const kept = keptDraft(name);
    const mine = kept && !same(document, kept.document) && !(kept.begun && read.data.known);
    const whole = mine && kept.etag === etag ? { draft: kept.document, older: null } : { draft: document, older: mine ? kept.document : null };
    setState({ ...whole, over: read.data });
  }, [read.data, read.loading]);
  // Begun under a name that no scenario can have, it is none.
  useLayoutEffect(() => {
    if (read.error?.status === 400 && keptDraft(name)?.begun) keep(name, null);
  }, [read.error]);
  // Before the next frame is drawn: a page that is left at once after a change would never keep it. What was read just now is
  // not yet what the draft lies over.
  useLayoutEffect(() => {
    if (draft && base && over === read.data && !(older && same(base.document, draft))) keepDraft(name, base, draft);
  }, [base, draft, older, over]);
  return {
    base: draft ? (base ?? null) : null,
    draft,
    setDraft,
    discard: () => {
      if (!older) keep(name, null);
      setDraft(base.document);
    },
    older,
    onOlder: (take) => setState((now) => ({ ...now, draft: take ? now.older : now.draft, older: null })),
    error: read.error,
    // What was changed while it was being published is a draft over it.
    settle: (sent, { data, etag }) => {
      const now = { document: data.document, etag: data.etag ?? etag, built_in: data.built_in, known: true };
      setSettled({ over: read.data, base: now });
      setDraft((at) => (at === sent || same(at, base.document) ? now.document : at));
    },
    reread: read.reload,
  };
}

export const publish = (name, document, etag) => call("PUT", ["admin", "scenarios", name], { body: document, etag });
export const takeBack = (name, etag) => call("DELETE", ["admin", "scenarios", name], { etag });
// A page of what a scenario has said, behind `cursor`: read on until something is found, as others may have been changed since.
export async function history(name, cursor, signal) {
  let page = { cursor };
  do {
    page = await get(["admin", "scenarios", name, "history"], { cursor: page.cursor }, signal);
  } while (page.versions.length === 0 && page.cursor);
  return page;
}

// A published scenario changed in one way, from what it says right now: two operators do not undo each other.
export async function change(name, alter) {
  const { document, etag } = await readScenario(name);
  return publish(name, alter(document), etag);
}

export const hide = (document, item_id, until) => ({
  ...document,
  hidden: [...(document.hidden ?? []).filter((one) => one.item_id !== item_id), { item_id, ...(until && { until }) }],
});
export const unhide = (document, item_id) => ({ ...document, hidden: (document.hidden ?? []).filter((one) => one.item_id !== item_id) });

export const pin = (document, item_id, position, until) => ({
  ...document,
  pinned: [
    ...(document.pinned ?? []).filter((one) => one.item_id !== item_id && one.position !== position),
    { item_id, position, ...(until && { until }) },
  ].sort((a, b) => a.position - b.position),
});
export const unpin = (document, item_id) => ({ ...document, pinned: (document.pinned ?? []).filter((one) => one.item_id !== item_id) });

export const boostItem = (document, item_id, weight, until) => ({
  ...document,
  boost: [...(document.boost ?? []).filter((one) => one.filter !== only(item_id)), { filter: only(item_id), weight, ...(until && { until }) }],
});
export const unboost = (document, item_id) => ({ ...document, boost: (document.boost ?? []).filter((one) => one.filter !== only(item_id)) });

// The ids that are pinned right now, to places that a list of `items` shows, and that it has not all the same.
export const PLACES = 20;
export const missingFrom = (items, document) =>
  (document.pinned ?? []).filter((one) => one.position <= PLACES && !(one.from > Date.now()) && !ended(one) && !items.some((item) => item.item_id === one.item_id)).map((one) => one.item_id);

export const only = (item_id) => `item_id = ${JSON.stringify(item_id)}`;
// The id of the one item that such a filter is about, null of any other.
export const onlyOne = (filter) => {
  const id = /^item_id = ("(?:[^"\\]|\\.)*")$/.exec(filter ?? "")?.[1];
  try {
    return id ? JSON.parse(id) : null;
  } catch {
    return null;
  }
};

// The rows of a document that end, and those of them that have ended before they were ever published: they would never count.
const TIMED = ["pinned", "boost", "promotions", "hidden"];
const ended = ({ until }) => until != null && until <= Date.now();
export const wouldNeverCount = (document, published) =>
  TIMED.some((part) => (document[part] ?? []).some((row) => ended(row) && !(published[part] ?? []).some((other) => JSON.stringify(sorted(other)) === JSON.stringify(sorted(row)))));
// What an earlier version said, as far as it can count again.
export const withoutEnded = (document) =>
  Object.fromEntries(Object.entries(document).map(([part, value]) => [part, TIMED.includes(part) ? value.filter((row) => !ended(row)) : value]));

// A document without what says nothing.
export const tidy = (document) =>
  Object.fromEntries(
    Object.entries(document).filter(([, value]) => {
      if (value == null || value === "") return false;
      if (Array.isArray(value)) return value.length > 0;
      return typeof value !== "object" || Object.keys(value).length > 0;
    }),
  );

// A document as far as it can be tried: rows that are still being written are left out.
export const triable = (document) =>
  tidy({
    ...document,
    pinned: document.pinned?.filter((one) => one.item_id && one.position),
    boost: document.boost?.filter((one) => one.filter && one.weight != null),
    promotions: document.promotions?.filter((one) => one.name && one.filter && one.share != null),
    hidden: document.hidden?.filter((one) => one.item_id),
  });

export const same = (one, other) => JSON.stringify(sorted(tidy(one))) === JSON.stringify(sorted(tidy(other)));

const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
};
