// What a version of a scenario changed, part by part in the words of the form, and as it was written behind a fold.
import { Content } from "./document.js";
import { nameOfPart } from "./fields.js";
import { html } from "./html.js";
import { about, dateTime, has, listed, number, percent, quoted, signed, t } from "./i18n.js";
import { nameOf } from "./items.js";
import { onlyOne } from "./scenario.js";
import { useTitles } from "./titles.js";

const written = (value) => JSON.stringify(value);
const idOf = (row) => row.item_id ?? onlyOne(row.filter);

const ROWS = {
  pinned: (row, name) => about(t("merch.pinned_at", { n: row.position }), name),
  hidden: (_, name) => name,
  boost: (row, name) => t("form.term", { name, weight: signed(row.weight, 2) }),
  promotions: (row) => t("form.term", { name: row.name, weight: percent(row.share, 0) }),
};
const textOf = (part, titles) => (row) => {
  const id = idOf(row);
  const whole = ROWS[part](row, id === null ? row.filter : titles[id] ? quoted(titles[id]) : id);
  const limits = [row.from != null && about(t("from"), dateTime(row.from)), row.until != null && about(t("until"), dateTime(row.until))].filter(Boolean);
  return limits.length ? `${whole} · ${limits.join(" · ")}` : whole;
};
const NAMES = { caps: (name) => (has(`cap.${name}`) ? t(`cap.${name}`) : name), weights: nameOf };
const plain = (part, value) => {
  if (value == null || value === "") return t("changes.none");
  if (part in NAMES) return listed(Object.entries(value).map(([name, one]) => t("form.term", { name: NAMES[part](name), weight: number(one, 2) }))) || t("changes.none");
  if (part === "relation") return t(`relation.${value}`);
  return typeof value === "number" ? number(value, 2) : has(`option.${value}`) ? t(`option.${value}`) : String(value);
};

// The lines of one part: rows that have come and gone, or what it says now and said before. Without a version before it
// (`before` undefined) it is told as it stands.
const linesOf = (part, now, then, titles) => {
  if (!(part in ROWS)) {
    if (now === undefined) return [t("told.gone", { row: plain(part, then) })];
    return [then === undefined ? plain(part, now) : t("told.from_to", { now: plain(part, now), then: plain(part, then) })];
  }
  const others = (rows = [], from = []) => rows.filter((row) => !from.some((one) => written(one) === written(row)));
  return [...others(now, then).map(textOf(part, titles)), ...others(then, now).map((row) => t("told.gone", { row: textOf(part, titles)(row) }))];
};

export const Told = ({ document, before = {} }) => {
  const parts = [...new Set([...Object.keys(document), ...Object.keys(before)])].filter((part) => written(document[part]) !== written(before[part]));
  const titles = useTitles([document, before].flatMap((one) => Object.keys(ROWS).flatMap((part) => (one[part] ?? []).map(idOf))));
  return html`
    <dl class="facts told">${parts.map((part) => html`<dt>${nameOfPart(part)}</dt><dd>${linesOf(part, document[part], before[part], titles).map((line) => html`<p>${line}</p>`)}</dd>`)}</dl>
    ${parts.length === 0 && html`<p>${t("told.the_same")}</p>`}
    <details><summary>${t("scenarios.as_text")}</summary><${Content} value=${document} /></details>
  `;
};
