// The list as it is live and as a draft would make it, side by side, for up to three shoppers.
import { preview, useLoad } from "./api.js";
import { html, useState } from "./html.js";
import { language, t } from "./i18n.js";
import { ItemLink, Moved, Picture, ranksOf } from "./items.js";
import { lately, useUnknownShoppers } from "./shoppers.js";
import { Button, Empty, Loaded, TextField, useRested } from "./ui.js";

const MOST = 3;

export const Ranking = ({ items, before, name }) => html`
  <ol class="ranking" aria-label=${name}>
    ${items.map((item) => html`
      <li key=${item.item_id} class=${before && !(item.item_id in before) ? "new" : ""}>
        <span class="place">${item.rank}</span><${Picture} item=${item} /><${ItemLink} item=${item} />
        ${before && html`<${Moved} before=${before[item.item_id]} rank=${item.rank} />`}
      </li>`)}
  </ol>
`;

const Pair = ({ user_id, live, drafted }) => {
  const base = { user_id, language: language.value, limit: 10, explain: false };
  const asked = [JSON.stringify([base, live, drafted])];
  const now = useLoad((signal) => preview({ ...base, ...live }, signal), asked);
  const then = useLoad((signal) => preview({ ...base, ...drafted }, signal), asked);
  const before = ranksOf(now.data?.items);
  const gone = now.data && then.data ? now.data.items.filter((item) => !then.data.items.some((other) => other.item_id === item.item_id)) : [];
  return html`
    <div>
      <h3>${user_id || t("shopper.nobody")}</h3>
      <div class="columns pair">
        <div><p class="muted">${t("live")}</p><${Loaded} of=${now}>${({ items }) => (items.length ? html`<${Ranking} items=${items} name=${t("live")} />` : html`<${Empty}>${t("try.nothing")}<//>`)}<//></div>
        <div><p class="muted">${t("draft")}</p><${Loaded} of=${then}>${({ items }) => (items.length ? html`<${Ranking} items=${items} before=${before} name=${t("draft")} />` : html`<${Empty}>${t("try.nothing")}<//>`)}<//></div>
      </div>
      ${gone.length > 0 && html`<p class="muted">${t("beside.gone", { titles: gone.map((item) => item.title).join(", ") })}</p>`}
    </div>
  `;
};

const idsOf = (typed) => typed.split(",").map((id) => id.trim()).filter(Boolean).slice(0, MOST);

// live, drafted: what both requests say.
export const Beside = ({ live, drafted }) => {
  const [typed, setTyped] = useState("");
  const rested = useRested(drafted, 400);
  const named = idsOf(typed);
  const shoppers = idsOf(useRested(typed, 400));
  const unknown = useUnknownShoppers(named);
  const offered = lately().filter((id) => !named.includes(id) && !id.includes(","));
  return html`
    <div class="stack">
      <${TextField} label=${t("beside.shoppers")} hint=${t("beside.shoppers_hint", { n: MOST })} value=${typed} onValue=${setTyped} autocomplete="off" spellcheck=${false} />
      ${unknown.map((id) => html`<p class="hint">${t("shopper.not_known", { id })}</p>`)}
      ${offered.length > 0 && named.length < MOST && html`
        <div class="row" role="group" aria-label=${t("shopper.lately")}><span class="muted" aria-hidden="true">${t("shopper.lately")}</span>
          ${offered.map((id) => html`<${Button} kind="small" onClick=${() => setTyped([...named, id].join(", "))}>${id}<//>`)}</div>`}
      ${(shoppers.length ? shoppers : [""]).map((user_id) => html`<${Pair} key=${user_id} user_id=${user_id} live=${live} drafted=${rested} />`)}
    </div>
  `;
};

