// Choosing a scenario, a shopper and an item, on several pages alike.
import { ApiError, get, useLoad } from "./api.js";
import { html, useId } from "./html.js";
import { t } from "./i18n.js";
import { lately, useUnknownShoppers } from "./shoppers.js";
import { SelectField, TextField, useRested } from "./ui.js";

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

// The box for it; whoever knows but words of its title is offered ids to choose from.
export const ItemField = ({ label, hint, error, placeholder, value, onValue, onChange }) => {
  const id = useId();
  const q = useRested(value.trim(), 300);
  const found = useLoad((signal) => (q ? get(["admin", "items"], { q, limit: OFFERED }, signal) : Promise.resolve(null)), [q]);
  return html`
    <${TextField} ...${{ label, hint, error, placeholder, value, onValue, onChange }} list=${id} autocomplete="off" spellcheck=${false} />
    <datalist id=${id}>${(found.data?.items ?? []).map((item) => html`<option value=${item.item_id}>${item.title}</option>`)}</datalist>
  `;
};
