// How items, their reasons and their places look.
import { html } from "./html.js";
import { priceOf } from "./currency.js";
import { number, signed, t, has } from "./i18n.js";
import { href } from "./router.js";
import { config } from "./session.js";
import { lately } from "./shoppers.js";
import { Button, Empty, Icon } from "./ui.js";

const hash = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) >>> 0, 7);

// Lists tell more or less of an item: its card has one colour on all pages, by the id that all of them tell. Ids that differ by
// their last letter alone are far apart.
const hueOf = ({ item_id, title }) => (hash(item_id ?? title ?? "") * 137) % 360;

// The shop's own picture where its host is one that pages may ask, else a card with the title's first letters.
const allowed = (url) => {
  try {
    const { origin } = new URL(url, location.href);
    return origin === location.origin || config.value.pictures.includes(origin);
  } catch {
    return false;
  }
};

export const Picture = ({ item }) => {
  if (item.image_url && allowed(item.image_url)) return html`<img class="picture" src=${item.image_url} alt="" loading="lazy" />`;
  const title = item.title ?? item.item_id ?? "";
  const words = title.split(/\s+/).filter((word) => /^[\p{L}]/u.test(word));
  const letters = (/\p{Script=Han}/u.test(title) ? title.slice(0, 2) : words.slice(0, 2).map((word) => [...word][0]).join("")) || "·";
  return html`<div class="picture made" style=${{ "--hue": hueOf(item) }} aria-hidden="true"><span>${letters.toUpperCase()}</span></div>`;
};

export const ItemLink = ({ item }) => html`<a href=${href("catalogue", [item.item_id])}>${item.title || item.item_id}</a>`;

export const Price = ({ item }) => item.price != null && html`<span class="price">${priceOf(item)}</span>`;

// Said in place of a list without items: of nobody it isn't known what they have bought, and others have bought nothing that
// would be bought again.
// Those who were looked at lately are offered where the page can take one up (`onShopper`).
export const NoItems = ({ relation, shopper, onShopper }) => {
  if (relation !== "buy_again") return html`<${Empty}>${t("try.nothing")}<//>`;
  if (shopper) return html`<${Empty}>${t("try.nothing_again")}<//>`;
  const offered = onShopper ? lately() : [];
  return html`
    <${Empty}>${t("try.needs_shopper")} ${offered.length === 0 && t("try.where_shoppers")}<//>
    ${offered.length > 0 && html`<div class="row" role="group" aria-label=${t("try.take_shopper")}><span class="muted" aria-hidden="true">${t("try.take_shopper")}</span>
      ${offered.map((id) => html`<${Button} kind="small" onClick=${() => onShopper(id)}><bdi>${id}</bdi><//>`)}</div>`}
  `;
};

// A term looks the same on every page; those that often stand together differ most.
const TERMS = "popularity next text category neighbours together wording brand trend similarity price words query lexical live_trend again new_item similar complement boost rotation due context".split(" ");
const COLOURS = 12;
export const colourOf = (kind) => `c${(TERMS.includes(kind) ? TERMS.indexOf(kind) : hash(kind)) % COLOURS}`;
export const nameOf = (kind) => (has(`term.${kind}`) ? t(`term.${kind}`) : kind.replaceAll("_", " "));

// The score, piled up out of its reasons: what speaks for the item, and behind that, faint, what speaks against it.
export const ReasonBar = ({ reasons, widest }) => {
  const most = widest || reasons.reduce((sum, reason) => sum + Math.abs(reason.weight), 0) || 1;
  const part = (reason) => html`<i class=${colourOf(reason.kind)} style=${{ width: `${(100 * Math.abs(reason.weight)) / most}%` }}></i>`;
  const ways = [reasons.filter((r) => r.weight > 0), reasons.filter((r) => r.weight < 0)];
  return html`
    <div class="reason-bar" aria-hidden="true">${ways[0].map(part)}${ways[1].length > 0 && html`<span class="against">${ways[1].map(part)}</span>`}</div>
  `;
};

export const widestOf = (items) =>
  Math.max(...items.map((item) => item.reasons.reduce((sum, reason) => sum + Math.abs(reason.weight), 0)), 1e-9);

export const Legend = ({ items }) => {
  const kinds = [...new Set(items.flatMap((item) => item.reasons.map((reason) => reason.kind)))];
  return html`<ul class="legend" aria-label=${t("try.legend")}>${kinds.map((kind) => html`<li><i class=${colourOf(kind)}></i>${nameOf(kind)}</li>`)}</ul>`;
};

export const Reasons = ({ item }) => html`
  <ul class="reasons">
    ${item.reasons.map((reason) => html`
      <li>
        <i class=${colourOf(reason.kind)} aria-hidden="true"></i><span>${reason.text}</span>
        <span class=${reason.weight < 0 ? "number against" : "number"}>${signed(reason.weight, 3)}</span>
        ${reason.evidence?.some((e) => e.words?.length) &&
        html`<small class="muted">${[...new Set(reason.evidence.flatMap((e) => e.words))].slice(0, 8).join(" · ")}</small>`}
      </li>`)}
    ${item.score != null && html`<li class="total"><i></i><span>${t("score")}</span><span class="number">${number(item.score, 3)}</span></li>`}
  </ul>
`;

// How an item's place has changed: `before` is its rank in the list before, undefined where it was not there.
export const Moved = ({ before, rank }) => {
  if (before === rank) return null;
  if (before === undefined) return html`<span class="moved new">${t("moved.new")}</span>`;
  const up = before > rank;
  const text = t(up ? "moved.up" : "moved.down", { n: Math.abs(before - rank) });
  return html`<span class=${up ? "moved up" : "moved down"} title=${text}><${Icon} name=${up ? "up" : "down"} /><span class="unseen">${text}</span><span aria-hidden="true">${Math.abs(before - rank)}</span></span>`;
};

export const ranksOf = (items) => Object.fromEntries((items ?? []).map((item) => [item.item_id, item.rank]));
