// Shoppers as operators name them, by exact ids alone. A tab keeps the known ones that were typed into it, and no others.
import { get, useLoad } from "./api.js";
import { KEPT_SHOPPERS } from "./session.js";
import { useRested } from "./ui.js";

const MOST = 6;

export const lately = () => JSON.parse(sessionStorage.getItem(KEPT_SHOPPERS) ?? "[]");
const keep = (ids) => sessionStorage.setItem(KEPT_SHOPPERS, JSON.stringify(ids.slice(0, MOST)));
export const remember = (id) => keep([id, ...lately().filter((other) => other !== id)]);
export const forget = (id) => keep(lately().filter((other) => other !== id));

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
