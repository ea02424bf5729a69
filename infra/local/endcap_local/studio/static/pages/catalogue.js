// Catalogue: items by words and filter with what happened to them; an item's own page says why a list has it or not.
import { get, useLoad } from "../lib/api.js";
import { priceOf } from "../lib/currency.js";
import { FilterField } from "../lib/filter.js";
import { html, useState } from "../lib/html.js";
import { dateTime, has, language, listed, number, t } from "../lib/i18n.js";
import { ItemLink, Picture, Reasons } from "../lib/items.js";
import { namesOf, ScenarioPicker, ShopperField, useScenarios } from "../lib/pickers.js";
import { href } from "../lib/router.js";
import { change, EVERYWHERE, hide, readScenario, unhide } from "../lib/scenario.js";
import { Button, Empty, Head, isPast, Lamp, Loaded, MomentField, Notice, Panel, Problem, Table, TextField, tell, useAction, useRested } from "../lib/ui.js";

const PAGE = 50;
const PUBLISHED_MS = 2500;
const WINDOWS = ["24h", "7d"];
const EVENTS = ["click", "demand"];

// Until 0 is without an end.
const State = ({ item }) =>
  item.hidden_until != null
    ? html`<${Lamp} kind="warning">${item.hidden_until ? t("item.hidden_until", { moment: dateTime(item.hidden_until) }) : t("item.hidden")}<//>`
    : html`<${Lamp} kind=${item.available ? "good" : "error"}>${t(item.available ? "item.available" : "item.unavailable")}<//>`;

// Where counts could not be read there are none, and 0 would not be true.
const countOf = ({ counts }, window, of) => (counts[window] ? number(of(counts[window]) ?? 0) : "–");
const asOf = (counted_at) => (counted_at == null ? t("item.not_counted") : t("item.counted_at", { moment: dateTime(counted_at) }));

const List = () => {
  const [words, setWords] = useState("");
  const [filter, setFilter] = useState("");
  const asked = { q: useRested(words.trim(), 300), filter: useRested(filter.trim(), 500), limit: PAGE };
  const key = JSON.stringify(asked);
  const [added, setAdded] = useState(null);
  const first = useLoad((signal) => get(["admin", "items"], asked, signal), [key]);
  // Further pages belong to the first one that they follow.
  const more = added && added.to === first.data ? added : { items: first.data?.items ?? [], cursor: first.data?.cursor };
  const [next, loading, error] = useAction(async () => {
    const page = await get(["admin", "items"], { ...asked, cursor: more.cursor });
    setAdded({ to: first.data, items: [...more.items, ...page.items], cursor: page.cursor });
  });
  const columns = [
    { label: t("item"), of: (item) => html`<span class="row nowrap thumb"><${Picture} item=${item} /><span><${ItemLink} item=${item} /><small>${item.item_id}</small></span></span>` },
    ...(more.items.some((item) => item.brand) ? [{ label: t("item.brand"), of: (item) => item.brand ?? "" }] : []),
    ...(more.items.some((item) => item.categories) ? [{ label: t("item.categories"), of: (item) => (item.categories ?? []).join(" › ") }] : []),
    { label: t("item.price"), number: true, of: priceOf },
    ...WINDOWS.flatMap((window) => [
      { label: t("item.shown_in", { window: t(`window.${window}`) }), number: true, of: (item) => countOf(item, window, ({ shown }) => shown) },
      { label: t("item.chosen_in", { window: t(`window.${window}`) }), number: true, of: (item) => countOf(item, window, ({ events }) => events.demand) },
    ]),
    { label: t("item.state"), of: (item) => html`<${State} item=${item} />` },
  ];
  return html`
    <${Head} title=${t("page.catalogue")} lead=${t("catalogue.lead")} />
    <div class="stack">
      <${Panel} tight><div class="form two">
        <${TextField} label=${t("catalogue.words")} value=${words} onValue=${setWords} hint=${t("catalogue.words_hint")} />
        <${FilterField} label=${t("filter")} value=${filter} onValue=${setFilter} sample=${false} count=${!words.trim()} />
      </div><//>
      <${Panel} title=${t("catalogue.items")} note=${first.data && t(asked.q || asked.filter ? "catalogue.found" : "catalogue.total", { n: number(first.data.total) })}>
        <${Loaded} of=${first}>${() => html`<${Table} name=${t("catalogue.items")} columns=${columns} rows=${more.items} keyOf=${(item) => item.item_id} empty=${t("catalogue.nothing")} />`}<//>
      <//>
      ${first.data && html`<p class="hint">${asOf(first.data.counted_at)}</p>`}
      <${Problem} error=${error} />
      ${more.cursor && !first.loading && html`<div class="row"><${Button} busy=${loading} onClick=${next}>${t("more")}<//></div>`}
    </div>
  `;
};

// At which place an item stands that is not among the first, or would stand.
const KEPT_OUT = new Set(["not_available", "expired", "hidden", "excluded", "filter", "named", "seen"]);
const placeOf = ({ rank, by_score, findings }) => {
  if (rank != null) return t("item.stands_at", { rank: number(rank) });
  if (by_score == null) return null;
  const kept_out = findings.some((one) => KEPT_OUT.has(one.reason));
  return t(kept_out ? "item.would_stand_at" : "item.far_behind", { rank: number(by_score) });
};

// What kept it out, in a word; the sentence behind it says it whole.
const whyOf = ({ reason, event_type, not_due }) => {
  if (event_type && has(`deed.${event_type}`)) return t("finding.seen_by", { deed: t(`deed.${event_type}`) });
  if (not_due && has(`finding.${not_due}`)) return t(`finding.${not_due}`);
  return has(`why.${reason}`) ? t(`why.${reason}`) : reason;
};

const Diagnosis = ({ item_id, start, round }) => {
  const scenarios = useScenarios();
  const [scenario, setScenario] = useState(start.scenario ?? "");
  const [shopper, setShopper] = useState(start.shopper ?? "");
  const [limit, setLimit] = useState("10");
  const asked = { scenario, user_id: useRested(shopper.trim(), 400), limit: useRested(limit, 300), language: language.value };
  const found = useLoad((signal) => get(["admin", "items", item_id, "diagnosis"], asked, signal), [item_id, JSON.stringify(asked), round]);
  return html`
    <${Panel} title=${t("item.diagnosis")} note=${t("item.diagnosis_note")} actions=${html`<${Button} kind="small" onClick=${found.reload}>${t("refresh")}<//>`}>
      <div class="stack">
        <div class="form">
          <${ScenarioPicker} names=${namesOf(scenarios)} value=${scenario} onValue=${setScenario} />
          <${ShopperField} value=${shopper} onValue=${setShopper} />
          <${TextField} label=${t("item.list_length")} value=${limit} onValue=${setLimit} inputmode="numeric" />
        </div>
        <${Loaded} of=${found}>${(told) => html`
          <div class="stack" role="status">
            <${Notice} kind=${told.shown ? "good" : "warning"}>${told.shown ? t("item.is_shown", { rank: told.rank, limit: told.limit }) : html`<p>${t("item.is_missing", { limit: told.limit })}</p>${placeOf(told) && html`<p>${placeOf(told)}</p>`}`}<//>
            ${told.placed_by?.length > 0 && html`<${Notice}>${told.placed_by.map((one) => html`<p>${one.text}</p>`)}<//>`}
            ${told.findings.length > 0 && html`<ol class="timeline" aria-label=${t("item.findings")}>
              ${told.findings.map((one) => html`<li><strong>${whyOf(one)}</strong> ${one.text}</li>`)}
            </ol>`}
            ${told.reasons.length > 0 && html`<h3>${t("item.score_of")}</h3><${Reasons} item=${told} />`}
          </div>`}<//>
      </div>
    <//>
  `;
};

const HideEverywhere = ({ item_id, title, onDone }) => {
  const [until, setUntil] = useState(null);
  const [round, setRound] = useState(0);
  const everywhere = useLoad((signal) => readScenario(EVERYWHERE, signal), [item_id, round]);
  const hidden = everywhere.data?.document.hidden?.find((one) => one.item_id === item_id && !isPast(one.until));
  const [run, busy, error] = useAction(async (alter, text) => {
    await change(EVERYWHERE, alter);
    tell(text);
    setRound((n) => n + 1);
    onDone();
  });
  return html`
    <div class="stack">
      ${hidden && html`<${Notice} kind="warning">${hidden.until ? t("item.hidden_until", { moment: dateTime(hidden.until) }) : t("item.hidden")}<//>`}
      <div class="row fields">
        <${MomentField} label=${t("merch.until_label")} ends value=${until} onValue=${setUntil} />
        <${Button} icon="hide" busy=${busy} ...${isPast(until) ? { disabled: true } : {}} onClick=${() => run((document) => hide(document, item_id, until), t("item.now_hidden", { title }))}>${t("item.hide_everywhere")}<//>
        ${hidden && html`<${Button} icon="view" busy=${busy} onClick=${() => run((document) => unhide(document, item_id), t("item.now_shown", { title }))}>${t("item.show_again")}<//>`}
      </div>
      <${Problem} error=${error} />
    </div>
  `;
};

const Item = ({ item_id, query }) => {
  const [round, setRound] = useState(0);
  const item = useLoad((signal) => get(["items", item_id], {}, signal), [item_id]);
  const row = useLoad((signal) => get(["admin", "items"], { filter: `item_id = ${JSON.stringify(item_id)}`, limit: 1 }, signal), [item_id]);
  const counted = row.data?.items[0];
  // Lists keep to what was published within two seconds; what stands here follows them.
  const changed = () => setTimeout(() => {
    row.reload();
    setRound((n) => n + 1);
  }, PUBLISHED_MS);
  const facts = item.data && Object.entries(item.data).filter(([name]) => !["item_id", "title", "available", "attributes", "image_url"].includes(name));
  const shown = (name, value) => (name.endsWith("_at") ? dateTime(value) : name === "price" ? priceOf(item.data) : Array.isArray(value) ? value.join(" › ") : String(value));
  return html`
    <${Head} title=${item.data?.title ?? item_id} lead=${html`<a href=${href("catalogue")}>${t("page.catalogue")}</a> › <code>${item_id}</code>`}>
      <a class="button" href=${href("merchandise")}><span>${t("page.merchandise")}</span></a>
    <//>
    <div class="stack">
      <div class="columns">
        <${Panel} title=${t("item.facts")} actions=${counted && html`<${State} item=${counted} />`}>
          <${Loaded} of=${item}>${(one) => html`<div class="row top"><span class="cover"><${Picture} item=${one} /></span><dl class="facts">
            ${facts.map(([name, value]) => html`<dt>${has(`field.${name}`) ? t(`field.${name}`) : name}</dt><dd>${shown(name, value)}</dd>`)}
            ${Object.entries(one.attributes ?? {}).map(([name, value]) => html`<dt>${name}</dt><dd>${Array.isArray(value) ? listed(value) : String(value)}</dd>`)}
          </dl></div>`}<//>
        <//>
        <${Panel} title=${t("item.lately")}>
          <${Loaded} of=${row}>${() => counted
            ? html`<${Table} name=${t("item.lately")} rows=${Object.entries(counted.counts)} columns=${[
                { label: t("item.window"), of: ([window]) => t(`window.${window}`) },
                { label: t("item.shown"), number: true, of: ([, counts]) => number(counts.shown) },
                ...EVENTS.map((type) => ({ label: t(`counted.${type}`), number: true, of: ([, counts]) => number(counts.events[type] ?? 0) })),
              ]} /><p class="hint">${asOf(row.data.counted_at)}</p>`
            : html`<${Empty}>${t("item.not_ranked")}<//>`}<//>
        <//>
      </div>
      <${Panel} title=${t("item.hide_title")} note=${t("item.hide_note")}><${HideEverywhere} item_id=${item_id} title=${item.data?.title ?? item_id} onDone=${changed} /><//>
      <${Diagnosis} item_id=${item_id} start=${query} round=${round} />
    </div>
  `;
};

export default function Catalogue({ rest, query }) {
  return rest[0] ? html`<${Item} key=${rest[0]} item_id=${rest[0]} query=${query} />` : html`<${List} />`;
}
