// Titles of items that are known by their ids alone.
import { post, useLoad } from "./api.js";
import { useRested } from "./ui.js";

const AT_ONCE = 50;

// The titles of these ids, null of those that no item has, so that a rule about them would do nothing.
export async function titlesOf(ids, signal) {
  const titles = Object.fromEntries(ids.map((id) => [id, null]));
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    const some = ids.slice(i, i + AT_ONCE);
    const filter = `item_id IN (${some.map((id) => JSON.stringify(id)).join(", ")})`;
    const { sample, valid } = await post(["admin", "filters", "check"], { filter, sample: AT_ONCE }, signal);
    for (const { item_id, title } of valid ? sample : some.map((item_id) => ({ item_id }))) titles[item_id] = title ?? "";
  }
  return titles;
}

export const useTitles = (ids) => {
  const rested = useRested([...new Set(ids.filter(Boolean))].sort());
  return useLoad((signal) => titlesOf(rested, signal), [JSON.stringify(rested)]).data ?? {};
};
