// Shoppers who are made up, for whoever knows no id: a newcomer, or somebody who did one thing with an item. Lists rank for them
// as for a session of nobody known.
import { html, useState } from "./html.js";
import { t } from "./i18n.js";
import { ItemField, itemOf } from "./pickers.js";
import { Problem, SelectField, useAction } from "./ui.js";

const DEEDS = ["view", "add_to_cart", "purchase"];

export const NEWCOMER = { key: "", deeds: [] };
export const whoDid = (event_type, { item_id, title }) => ({
  key: `${event_type} ${item_id}`,
  title: title || item_id,
  deeds: [{ event_type, item_id, timestamp: Date.now() }],
});

export const nameOfInvented = ({ deeds, title }) => (deeds.length ? t(`invented.${deeds[0].event_type}`, { title }) : t("invented.newcomer"));

// Three as unlike as a list's items allow: a newcomer, one who looked at the first item, one who bought an item of another kind.
export const threeFrom = ([first, ...others]) => {
  if (!first) return [NEWCOMER];
  const kind = (item) => item.categories?.[0] ?? item.brand;
  const other = others.find((item) => kind(item) !== kind(first)) ?? others.at(-1);
  return [NEWCOMER, whoDid("view", first), ...(other ? [whoDid("purchase", other)] : [])];
};

// What was done, and with which item: `onDeed(event_type, item)`.
export const DeedForm = ({ name, action, disabled, onDeed }) => {
  const [type, setType] = useState(DEEDS[0]);
  const [typed, setTyped] = useState("");
  const [add, busy, error] = useAction(async (words) => {
    onDeed(type, await itemOf(words));
    setTyped((now) => (now.trim() === words ? "" : now));
  });
  return html`
    <form class="form" aria-label=${name} onSubmit=${(e) => {
      e.preventDefault();
      if (typed.trim()) add(typed.trim());
    }}>
      <${SelectField} label=${t("invented.deed")} value=${type} onValue=${setType} options=${DEEDS.map((deed) => [deed, t(`deed.${deed}`)])} />
      <${ItemField} label=${t("invented.item")} placeholder=${t("invented.words")} value=${typed} onValue=${setTyped} />
      <div class="row fields"><button type="submit" class="button" disabled=${busy || disabled}><span>${action}</span></button></div>
    </form>
    <${Problem} error=${error} />
  `;
};
