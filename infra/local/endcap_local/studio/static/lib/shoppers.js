// Shoppers as operators name them, by exact ids alone. A tab keeps the known ones that were typed into it, and no others.
import { get, useLoad } from "./api.js";
import { signal } from "./html.js";
import { KEPT_SHOPPERS } from "./session.js";
import { useRested } from "./ui.js";

const MOST = 6;

// A page shows them as they are: an erasure may end when another page than the shopper's is open.
const changes = signal(0);
const kept = () => JSON.parse(sessionStorage.getItem(KEPT_SHOPPERS) ?? "[]");
export const lately = () => (changes.value, kept());
const keep = (ids) => {
  if (JSON.stringify(ids) === JSON.stringify(kept())) return;
  sessionStorage.setItem(KEPT_SHOPPERS, JSON.stringify(ids.slice(0, MOST)));
  changes.value = changes.peek() + 1;
};
export const remember = (id) => keep([id, ...kept().filter((other) => other !== id)]);
export const forget = (id) => keep(kept().filter((other) => other !== id));

const isUnknown = async (id, signal) => {
  try {
    await get(["users", id, "profile"], {}, signal);
    remember(id);
    return false;
  } catch (error) {
    return error.status === 404;
  }
};

// Which of these ids nobody is known by, once the typing has rested.
export function useUnknownShoppers(ids) {
  const rested = useRested(ids.filter(Boolean), 400);
  const found = useLoad(async (signal) => {
    const unknown = await Promise.all(rested.map((id) => isUnknown(id, signal)));
    return rested.filter((_, i) => unknown[i]);
  }, [JSON.stringify(rested)]);
  return (found.data ?? []).filter((id) => ids.includes(id));
}
