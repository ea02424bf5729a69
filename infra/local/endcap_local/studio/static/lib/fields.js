// The paths that the API names its complaints by, in the words of the scenario form.
import { has, t } from "./i18n.js";
import { said } from "./said.js";

const PART = { pinned: "form.pinned", boost: "form.boost", promotions: "form.promotions", hidden: "form.hidden", weights: "form.weights", filter: "filter" };
const IN_ROW = { item_id: "item.id", position: "place", weight: "form.boost_weight", name: "name", share: "share", filter: "form.boost_filter", from: "from", until: "until" };

// Where in the form a path points: {part, row, field}; a path of a draft begins with `drafts` and its scenario's name.
export function placeOf(path) {
  const parts = (path ?? "").replace(/^drafts\.[^.]+\./, "").split(".");
  const at = parts.findIndex((one) => one in PART || one === "caps" || has(`choice.${one}`));
  if (at !== 0) return null;
  const [part, second, third] = parts;
  return /^\d+$/.test(second ?? "") ? { part, row: Number(second), field: third } : { part, field: second };
}

// A part of a scenario by its name in the form.
export const nameOfPart = (part) => {
  const key = part === "caps" ? "form.caps" : (PART[part] ?? `choice.${part}`);
  return has(key) ? t(key) : part;
};

const within = (part, field) => {
  if (field === undefined) return "";
  const key = part === "caps" ? `cap.${field}` : part === "weights" ? `term.${field}` : IN_ROW[field];
  return key && has(key) ? t(key) : field;
};

const EMPTY = /must not be empty|at least 1 character/;

// What is wrong, in the form's words; null where the path is none of the form's.
export function toldIn({ field: path, message }) {
  const place = placeOf(path);
  if (!place) return elsewhere(path ?? "", message);
  const where = place.part === "caps" ? t("form.caps") : t(PART[place.part] ?? `choice.${place.part}`);
  const row = place.row === undefined ? where : t("form.row", { where, n: place.row + 1 });
  return t("form.wrong", { where: row, what: whatIn(place, message) });
}

// Of other forms: each step of the path by its name, and a number by the row that it is. Null where one has no name.
const STEP = {
  ...IN_ROW, end: "to", experiments: "page.experiments", force: "snapshots.force", language: "language", limit: "choice.limit",
  q: "catalogue.words", scenario: "scenario", start: "experiments.start_at", surfaces: "surface", to: "to", user_id: "shopper.id",
  user_ids: "shopper.id", variants: "experiments.variants", version: "version", weights: "form.weights",
};
function elsewhere(path, message) {
  const steps = [];
  for (const step of path.split(".")) {
    if (/^\d+$/.test(step) && steps.length) steps.push(t("form.row", { where: steps.pop(), n: Number(step) + 1 }));
    else if (Object.hasOwn(STEP, step)) steps.push(t(STEP[step]));
    else return null;
  }
  return t("form.wrong", { where: steps.join(t("comma")), what: said(message) });
}

function whatIn({ part, field }, message) {
  if (field === "item_id" && EMPTY.test(message)) return t("form.choose_item");
  const name = within(part, field);
  return name ? t("form.wrong", { where: name, what: said(message) }) : said(message);
}

// What is wrong in one row of one part, told beside it.
export const wrongInRow = (errors, part, row) =>
  (errors ?? [])
    .map((error) => ({ ...error, place: placeOf(error.field) }))
    .filter(({ place }) => place?.part === part && place.row === row)
    .map(({ place, message }) => ({ field: place.field, text: whatIn(place, message) }));
