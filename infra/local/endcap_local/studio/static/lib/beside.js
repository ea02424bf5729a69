// The list as it is live and as a draft would make it, side by side, for up to three shoppers.
import { preview, useLoad } from "./api.js";
import { html, useState } from "./html.js";
import { language, listed, quoted, t } from "./i18n.js";
import { DeedForm, nameOfInvented, NEWCOMER, threeFrom, whoDid } from "./invented.js";
import { ItemLink, Moved, NoItems, Picture, ranksOf } from "./items.js";
import { said } from "./said.js";
import { lately, useUnknownShoppers } from "./shoppers.js";
import { Button, Empty, Loaded, Loading, Notice, Problem, TextField, useAction, useRested } from "./ui.js";

const MOST = 3;
const SHOWN = 20;
const USUAL = 10;

export const Ranking = ({ items, before, name }) => html`
  <ol class="ranking" aria-label=${name}>
    ${items.map((item) => html`
      <li key=${item.item_id} class=${before && !(item.item_id in before) ? "new" : ""}>
        <span class="place">${item.rank}</span><${Picture} item=${item} /><${ItemLink} item=${item} />
        ${before && html`<${Moved} before=${before[item.item_id]} rank=${item.rank} />`}
      </li>`)}
  </ol>
`;

// How long a list of a side is: what its scenario says, as far as there is room for it.
const documentOf = (side) => Object.values(side?.drafts ?? {})[0] ?? {};
const lengthOf = (side) => documentOf(side).limit ?? USUAL;
const shown = (side) => ({ ...side, limit: Math.min(lengthOf(side), SHOWN) });
const named = (name, side) => (lengthOf(side) > SHOWN ? t("beside.first", { name, n: SHOWN, of: lengthOf(side) }) : name);

// What of a draft comes to nothing is told once, as it does so whoever asks.
const Pair = ({ whose, name, live, drafted, waiting, warns, onShopper }) => {
  const base = { ...whose, language: language.value, explain: false };
  const asked = [JSON.stringify([base, live, drafted])];
  const now = useLoad((signal) => (live ? preview({ ...base, ...shown(live) }, signal) : Promise.resolve(null)), asked);
  const then = useLoad((signal) => preview({ ...base, ...shown(drafted) }, signal), asked);
  const before = live ? ranksOf(now.data?.items) : undefined;
  const gone = now.data && then.data ? now.data.items.filter((item) => !then.data.items.some((other) => other.item_id === item.item_id)) : [];
  const vain = warns ? (then.data?.warnings ?? []).map((one) => said(one.message)) : [];
  const nothing = (side) => html`<${NoItems} relation=${documentOf(side).relation} shopper=${whose.user_id ?? whose.interactions?.length} onShopper=${onShopper} />`;
  return html`
    <div aria-busy=${waiting || now.loading || then.loading ? "true" : undefined}>
      ${vain.length > 0 && html`<${Notice} kind="warning">${vain.map((text) => html`<p>${text}</p>`)}<//>`}
      <h3>${name}</h3>
      <div class="columns pair">
        <div><p class="muted">${named(t("live"), live)}</p>${!live ? html`<${Empty}>${t("beside.not_live")}<//>` : now.data === null ? html`<${Loading} />` : html`<${Loaded} of=${now}>${({ items }) => (items.length ? html`<${Ranking} items=${items} name=${t("live")} />` : nothing(live))}<//>`}</div>
        <div><p class="muted">${named(t("draft"), drafted)}</p><${Loaded} of=${then}>${({ items }) => (items.length ? html`<${Ranking} items=${items} before=${before} name=${t("draft")} />` : nothing(drafted))}<//></div>
      </div>
      ${gone.length > 0 && html`<p class="muted">${t("beside.gone", { titles: listed(gone.map((item) => quoted(item.title))) })}</p>`}
    </div>
  `;
};

const idsOf = (typed) => typed.split(",").map((id) => id.trim()).filter(Boolean).slice(0, MOST);

// Who is compared for without an id: offered, chosen, taken out again.
const Invented = ({ live, chosen, full, onChosen }) => {
  const [suggest, busy, error] = useAction(async () => {
    const { items } = await preview({ ...live, limit: 20, explain: false, language: language.value });
    onChosen(threeFrom(items));
  });
  const add = (one) => onChosen((before) => (before.some(({ key }) => key === one.key) ? before : [...before, one]));
  return html`
    <div class="stack" role="group" aria-label=${t("invented.title")}>
      <div class="row">
        <span class="muted">${t("invented.title")}</span>
        <${Button} kind="small" busy=${busy} onClick=${suggest}>${t("invented.three")}<//>
        <${Button} kind="small" ...${full ? { disabled: true } : {}} onClick=${() => add(NEWCOMER)}>${t("invented.newcomer")}<//>
      </div>
      ${chosen.length > 0 && html`<ul class="deeds">${chosen.map((one) => html`
        <li key=${one.key}><span>${nameOfInvented(one)}</span>
          <${Button} kind="quiet" icon="close" aria-label=${t("invented.remove", { name: nameOfInvented(one) })} onClick=${() => onChosen((before) => before.filter(({ key }) => key !== one.key))} /></li>`)}</ul>`}
      <${Problem} error=${error} />
      <${DeedForm} name=${t("invented.form")} action=${t("invented.add")} disabled=${full} onDeed=${(type, item) => add(whoDid(type, item))} />
    </div>
  `;
};

// live, drafted: what both requests say; there may be nothing live.
export const Beside = ({ live, drafted }) => {
  const [typed, setTyped] = useState("");
  const [invented, setInvented] = useState([]);
  const rested = useRested(drafted, 400);
  const named = idsOf(typed);
  const ids = useRested(named, 400);
  const unknown = useUnknownShoppers(named);
  const offered = lately().filter((id) => !named.includes(id) && !id.includes(","));
  const full = Math.max(named.length, invented.length) >= MOST;
  // Either ids or shoppers who are made up: both in one list would pass for each other.
  const setTypedIds = (ids) => {
    setTyped(ids);
    if (idsOf(ids).length) setInvented([]);
  };
  const invent = (chosen) => {
    setTyped("");
    setInvented(chosen);
  };
  const whole = [
    ...ids.map((id) => ({ key: `id ${id}`, name: id, whose: { user_id: id } })),
    ...invented.map((one) => ({ key: one.key, name: nameOfInvented(one), whose: { interactions: one.deeds } })),
  ].slice(0, MOST);
  const shoppers = whole.length ? whole : [{ key: NEWCOMER.key, name: t("shopper.nobody"), whose: {} }];
  const waiting = JSON.stringify([rested, ids]) !== JSON.stringify([drafted, named]);
  return html`
    <div class="stack">
      <${TextField} label=${t("beside.shoppers")} hint=${t("beside.shoppers_hint", { n: MOST })} value=${typed} onValue=${setTypedIds} autocomplete="off" spellcheck=${false} />
      ${unknown.map((id) => html`<p class="hint">${t("shopper.not_known", { id })}</p>`)}
      ${offered.length > 0 && named.length < MOST && html`
        <div class="row" role="group" aria-label=${t("shopper.lately")}><span class="muted" aria-hidden="true">${t("shopper.lately")}</span>
          ${offered.map((id) => html`<${Button} kind="small" onClick=${() => setTypedIds([...named, id].join(", "))}>${id}<//>`)}</div>`}
      <${Invented} live=${live} chosen=${invented} full=${invented.length >= MOST} onChosen=${invent} />
      ${full && html`<p class="hint" role="status">${t("beside.full", { n: MOST })}</p>`}
      ${shoppers.map((one, k) => html`<${Pair} key=${one.key} warns=${k === 0} whose=${one.whose} name=${one.name} live=${live} drafted=${rested} waiting=${waiting} onShopper=${setTypedIds} />`)}
    </div>
  `;
};
