// Pages by the part of the address after #: #/catalogue/item-12?scenario=home
import { signal } from "./html.js";

const decoded = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // written by hand
  }
};

const read = () => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/").map(decoded);
  return { page: page || "today", rest, query: Object.fromEntries(new URLSearchParams(query ?? "")) };
};

export const route = signal(read());
addEventListener("hashchange", () => (route.value = read()));

export const href = (page, rest = [], query = {}) => {
  const path = [page, ...rest].map(encodeURIComponent).join("/");
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return `#/${path}${given ? `?${given}` : ""}`;
};

export const go = (...to) => {
  location.hash = href(...to);
};
