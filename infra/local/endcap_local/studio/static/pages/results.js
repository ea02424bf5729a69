// Results: what lists have brought, told apart by scenario, surface, variant and day.
import { get, useLoad } from "../lib/api.js";
import { Bars } from "../lib/bars.js";
import { LineChart } from "../lib/chart.js";
import { html, useState } from "../lib/html.js";
import { dateTime, day as dayOf, listed, money, number, percent, t } from "../lib/i18n.js";
import { Amounts, Button, Check, Empty, Field, Head, Loaded, Notice, Panel, SelectField, Stat, Table } from "../lib/ui.js";

const DIMENSIONS = ["scenario", "surface", "variant", "day"];
const FEW_LISTS = 20; // of fewer a share says nothing; `endcap report` tells the same
const MOST_BARS = 12;
const rateOf = (name) => (row) => (row.lists < FEW_LISTS ? null : (row[name]?.value ?? null));
const MEASURES = {
  ctr: [rateOf("ctr"), (value) => percent(value)],
  conversion: [rateOf("conversion"), (value) => percent(value)],
  clicks: [(row) => row.clicks, (value) => number(value)],
  lists: [(row) => row.lists, (value) => number(value)],
};

// Revenue is a measure of its own in each currency that was paid in; "" is for events that name none.
const amountIn = (row, currency) => row.revenues.find((one) => (one.currency ?? "") === currency)?.revenue ?? 0;
const paidIn = (total) => (total?.revenues.length ? total.revenues.map((one) => one.currency ?? "") : [""]);
const revenueIn = (currency, alone, sold) => ({
  key: `revenue ${currency}`,
  label: alone ? t("revenue") : t("results.revenue_in", { currency: currency || t("results.no_currency") }),
  of: (row) => (sold ? amountIn(row, currency) : null),
  format: (value) => money(value, currency),
});
const measuresOf = (total) => {
  const paid = paidIn(total);
  const others = Object.entries(MEASURES).map(([key, [of, format]]) => ({ key, label: t(key), of, format }));
  return [...paid.map((currency) => revenueIn(currency, paid.length === 1, total?.revenues.length > 0)), ...others];
};

// A rate is a share of the lists that were made, seen or not; of a few lists it stands as what it is.
const hits = (row, name) => t("results.of_lists", { n: number(Math.round(row[name].value * row.lists)), of: number(row.lists) });
const rate = (row, name) => {
  if (row[name] == null) return "–";
  if (row.lists < FEW_LISTS) return hits(row, name);
  return html`${percent(row[name].value)} <small>${percent(row[name].low)} – ${percent(row[name].high)}</small>`;
};
const RateStat = ({ row, name }) => {
  if (row[name] == null) return html`<${Stat} label=${t(name)} value="–" />`;
  const few = row.lists < FEW_LISTS;
  return html`<${Stat} label=${t(name)} value=${few ? "–" : percent(row[name].value)} note=${few ? t("results.too_few", { hits: hits(row, name) }) : `${hits(row, name)} · ${percent(row[name].low)} – ${percent(row[name].high)}`} />`;
};
// Nobody has reported what came into view, though there were lists. What is reported apart from clicks may leave out lists
// that were clicked: then it says too little of all.
const unseen = (row) => row.lists > 0 && row.visible === 0;
const seenInPart = (row) => !unseen(row) && row.ctr != null && row.visible < Math.round(row.ctr.value * row.lists);
const seen = (row) => {
  if (unseen(row)) return html`– <small>${t("results.not_reported")}</small>`;
  return seenInPart(row) ? html`– <small>${t("results.seen_partly")}</small>` : number(row.visible);
};
const seenNote = (total) => {
  if (unseen(total)) return t("results.none_reported");
  return seenInPart(total) ? t("results.seen_partly_note") : t("results.visible", { n: number(total.visible) });
};

// What is missing before these numbers say all that they can: the first step that the storefront has not taken.
const missingOf = (total) => {
  if (total.lists === 0) return t("results.hint_lists");
  if (total.clicks + total.carts + total.purchases === 0) return t("results.hint_acts");
  if (total.purchases === 0) return t("results.hint_sale");
  if (unseen(total)) return t("results.hint_seen");
  return seenInPart(total) ? t("results.hint_partly") : null;
};
const iso = (daysAgo) => new Date(Date.now() - daysAgo * 86400000).toISOString().slice(0, 10);
const unnamed = (value) => value === "" || value == null;
const named = (name, value) => (unnamed(value) ? t(`unnamed.${name}`) : value);
const explained = (name, value) => (unnamed(value) ? html`${t("results.unnamed")}<small>${named(name, value)}</small>` : value);

const DayField = ({ label, value, onValue }) => html`<${Field} label=${label} hint=${t("results.days_utc")} control=${(tied) => html`<input type="date" value=${value} onChange=${(e) => onValue(e.target.value)} ...${tied} />`} />`;

const columnsOf = (by, total) => [
  ...by.map((name) => ({ label: t(name), of: (row) => (name === "day" ? dayOf(row.day) : explained(name, row[name])) })),
  ...["lists", "visible", "clicks", "carts", "purchases", "returns"].map((name) => ({ label: t(name), number: true, of: (row) => (name === "visible" ? seen(row) : number(row[name])) })),
  ...["ctr", "conversion"].map((name) => ({ label: t(name), number: true, of: (row) => rate(row, name) })),
  { label: t("revenue"), number: true, of: (row) => html`<${Amounts} of=${row.revenues.length || !total.currency ? row.revenues : [{ revenue: 0, currency: total.currency }]} />` },
];

const Total = ({ total }) => html`
  <dl class="stats">
    ${measuresOf(total).slice(0, paidIn(total).length).map(({ label, of, format }) => html`<${Stat} label=${label} value=${total.revenues.length ? format(of(total)) : "–"} note=${total.revenues.length ? total.revenue > 0 && !total.currency && t("results.no_currency_note") : t("results.no_sale")} />`)}
    <${Stat} label=${t("lists")} value=${number(total.lists)} note=${seenNote(total)} />
    <${Stat} label=${t("clicks")} value=${number(total.clicks)} />
    <${RateStat} row=${total} name="ctr" /><${RateStat} row=${total} name="conversion" />
    <${Stat} label=${t("purchases")} value=${number(total.purchases)} note=${t("results.returned", { n: number(total.returns) })} />
  </dl>
`;

// What a row of numbers is about, in words.
const nameOfRow = (row, told) => told.map((name) => (name === "day" ? dayOf(row.day) : named(name, row[name]))).join(" · ") || t("results.all");

// The rows that have a value, the highest first; those that have none, as rates of few lists, are named beneath.
const Compared = ({ rows, told, measure: { key, label, of, format } }) => {
  const drawn = rows.filter((row) => of(row) != null).sort((a, b) => of(b) - of(a));
  const few = rows.filter((row) => of(row) == null).map((row) => nameOfRow(row, told));
  if (rows.length === 0) return html`<${Empty}>${t("results.nothing")}<//>`;
  if (drawn.length === 0) return html`<${Empty}>${key.startsWith("revenue") ? t("results.no_sale") : t("results.few_of_each", { n: FEW_LISTS })}<//>`;
  return html`
    <div class="stack">
      <${Bars} name=${label} format=${format} rows=${drawn.slice(0, MOST_BARS).map((row) => [nameOfRow(row, told), of(row)])} />
      ${drawn.length > MOST_BARS && html`<p class="muted">${t("results.more_rows", { n: number(drawn.length - MOST_BARS) })}</p>`}
      ${few.length > 0 && html`<p class="muted">${t("results.few_named", { n: FEW_LISTS, names: listed(few) })}</p>`}
    </div>
  `;
};

const OverTime = ({ from, to, measure: { label, of, format }, round }) => {
  const name = t("results.by_day", { measure: label });
  const found = useLoad((signal) => get(["admin", "results"], { from, to, by: "day" }, signal), [from, to, round]);
  // A chart says itself what it shows; where there is none, the panel does.
  const none = (why) => html`<${Panel} title=${name}><${Empty}>${why}<//><//>`;
  return html`<${Loaded} of=${found}>${({ rows }) => {
    const byDay = [...rows].sort((a, b) => (a.day < b.day ? -1 : 1));
    if (!byDay.some((row) => of(row) != null)) return none(byDay.length ? t("results.nothing_to_draw") : t("results.nothing"));
    return html`<${Panel}><${LineChart} name=${name} days=${byDay.map((row) => row.day)} series=${[{ name: label, values: byDay.map(of) }]} format=${format} /><//>`;
  }}<//>`;
};

export default function Results() {
  const [by, setBy] = useState(["scenario", "surface"]);
  const [from, setFrom] = useState(iso(29));
  const [to, setTo] = useState(iso(0));
  const [measure, setMeasure] = useState("");
  const [round, setRound] = useState(0);
  const found = useLoad((signal) => get(["admin", "results"], { from, to, by: by.join(",") }, signal), [from, to, by.join(), round]);
  const measures = measuresOf(found.data?.total);
  const shown = measures.find(({ key }) => key === measure) ?? measures[0];
  return html`
    <${Head} title=${t("page.results")} lead=${t("results.lead")}><${Button} onClick=${() => setRound((n) => n + 1)} busy=${found.loading}>${t("refresh")}<//><//>
    <div class="stack">
      <${Panel} tight><div class="form">
        <${DayField} label=${t("from")} value=${from} onValue=${setFrom} /><${DayField} label=${t("to")} value=${to} onValue=${setTo} />
        <${SelectField} label=${t("results.measure")} value=${shown.key} onValue=${setMeasure} options=${measures.map((one) => [one.key, one.label])} />
        <fieldset class="field"><legend>${t("results.by")}</legend><div class="row">
          ${DIMENSIONS.map((name) => html`<${Check} label=${t(name)} checked=${by.includes(name)} onValue=${(on) => setBy(DIMENSIONS.filter((other) => (other === name ? on : by.includes(other))))} />`)}
        </div></fieldset>
      </div><//>
      <${Loaded} of=${found}>${({ rows, total, by: told, as_of, behind, window_days }) => html`
        <div class="stack">
          ${behind > 0 && html`<${Notice}>${t("results.behind", { n: number(behind) })}<//>`}
          ${missingOf(total) && html`<${Notice}>${missingOf(total)}<//>`}
          <${Total} total=${total} />
          <div class="columns">
            <${Panel} title=${t("results.compared", { measure: shown.label })}><${Compared} rows=${rows} told=${told} measure=${shown} /><//>
            <${OverTime} ...${{ from, to, measure: shown, round }} />
          </div>
          <${Panel} title=${t("results.table")} note=${t("results.as_of", { moment: dateTime(as_of), days: window_days })}>
            <div class="stack"><p class="muted">${t("results.rates_what", { n: FEW_LISTS })}</p>
            <${Table} name=${t("results.table")} columns=${told.length ? columnsOf(told, total) : [{ label: t("results.by"), of: () => t("results.all") }, ...columnsOf([], total)]} rows=${rows} stacked empty=${t("results.nothing")} /></div>
          <//>
        </div>`}<//>
    </div>
  `;
}
