// Choosing a scenario, a shopper and an item, on several pages alike.
import { ApiError, get, useLoad } from "./api.js";
import { html, useId, useRef } from "./html.js";
import { t } from "./i18n.js";
import { lately, useUnknownShoppers } from "./shoppers.js";
import { Button, SelectField, TextField, useRested } from "./ui.js";

const OFFERED = 8;

export const useScenarios = () => useLoad((signal) => get(["admin", "scenarios"], {}, signal), []);

// What the lists of a scenario go by, undefined where that is the shopper alone.
export const relationOf = (scenarios, name) => scenarios.data?.scenarios.find((one) => one.name === name)?.document.relation;

export const namesOf = (scenarios) => (scenarios.data?.scenarios ?? []).map((one) => one.name).filter((name) => name !== "*");

export const ScenarioPicker = ({ names, value, onValue, inline, hint, none = t("scenario.none") }) => html`
  <${SelectField} label=${t("scenario")} ...${{ value, onValue, inline, hint }} options=${[["", none], ...names.map((name) => [name, name])]} />
`;

// With `quiet` nothing is told of the id: the page tells it, and whether nobody is known by it.
export const ShopperField = ({ value, onValue, hint, quiet, placeholder = t("shopper.nobody") }) => {
  const id = useId();
  const [unknown] = useUnknownShoppers(quiet ? [] : [value.trim()]);
  const usual = hint ?? (lately().length ? t("shopper.id_kept") : t("shopper.id_from"));
  return html`
    <${TextField} label=${t("shopper.id")} ...${{ value, onValue, placeholder }} hint=${quiet ? undefined : unknown ? t("shopper.not_known", { id: unknown }) : usual} list=${id} autocomplete="off" spellcheck=${false} />
    <datalist id=${id}>${lately().map((known) => html`<option value=${known} />`)}</datalist>
  `;
};

// At most two of the items that words fit.
export const fitting = async (words) => (await get(["admin", "items"], { q: words, limit: 2 })).items;

// An item by its id, or by words that one title alone has.
export const itemOf = async (typed) => {
  try {
    return { item_id: typed, ...(await get(["items", typed], { fields: "title" })) };
  } catch (error) {
    if (error.status !== 404) throw error;
  }
  const items = await fitting(typed);
  if (items.length === 1) return items[0];
  throw new ApiError(404, { ...(items.length ? { key: "merch.which" } : { key: "merch.none_such" }), values: { words: typed } });
};

// The box for it; below it stand the items that words fit, to be chosen from, until an id stands in it. `hint`: the
// title of the id, where it is known; `unknown`: no item has what stands there as its id.
export const ItemField = ({ label, hint, error, unknown, placeholder, value, onValue, onChange }) => {
  const words = value.trim();
  const q = useRested(words, 300);
  const found = useLoad(async (signal) => ({ q, items: q ? (await get(["admin", "items"], { q, limit: OFFERED }, signal)).items : [] }), [q]);
  const items = found.data?.q === words ? found.data.items : [];
  const chosen = items.find(({ item_id }) => item_id === words);
  const offered = chosen || hint ? [] : items;
  const box = useRef();
  const take = (item) => {
    onValue(item.item_id);
    box.current.querySelector("input").focus(); // what was pressed goes
  };
  const wrong = error ?? (unknown ? t(offered.length ? "form.unknown_item_which" : "form.unknown_item") : undefined);
  return html`
    <div class="item-field" ref=${box}>
      <${TextField} ...${{ label, placeholder, value, onValue, onChange }} hint=${hint ?? chosen?.title} error=${wrong} autocomplete="off" spellcheck=${false} />
      ${offered.length > 0 && html`<ul class="row" aria-label=${t("item.offered")}>${offered.map((item) => html`
        <li><${Button} kind="small" onClick=${() => take(item)}><bdi>${item.title || item.item_id}</bdi> <small class="muted">${item.item_id}</small><//></li>`)}</ul>`}
    </div>
  `;
};
