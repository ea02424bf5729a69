// Results: what lists have brought, told apart by scenario, surface, variant and day.
import { get, useLoad } from "../lib/api.js";
import { Bars } from "../lib/bars.js";
import { LineChart } from "../lib/chart.js";
import { html, useState } from "../lib/html.js";
import { dateTime, day as dayOf, money, number, percent, t } from "../lib/i18n.js";
import { Amounts, Button, Check, Empty, Field, Head, Loaded, Notice, Panel, SelectField, Stat, Table } from "../lib/ui.js";

const DIMENSIONS = ["scenario", "surface", "variant", "day"];
const MEASURES = {
  ctr: [(row) => row.ctr?.value ?? null, (value) => percent(value)],
  conversion: [(row) => row.conversion?.value ?? null, (value) => percent(value)],
  clicks: [(row) => row.clicks, (value) => number(value)],
  lists: [(row) => row.lists, (value) => number(value)],
};

// Revenue is a measure of its own in each currency that was paid in; "" is for events that name none.
const amountIn = (row, currency) => row.revenues.find((one) => (one.currency ?? "") === currency)?.revenue ?? 0;
const paidIn = (total) => (total?.revenues.length ? total.revenues.map((one) => one.currency ?? "") : [""]);
const revenueIn = (currency, alone) => ({
  key: `revenue ${currency}`,
  label: alone ? t("revenue") : t("results.revenue_in", { currency: currency || t("results.no_currency") }),
  of: (row) => amountIn(row, currency),
  format: (value) => money(value, currency),
});
const measuresOf = (total) => {
  const paid = paidIn(total);
  const others = Object.entries(MEASURES).map(([key, [of, format]]) => ({ key, label: t(key), of, format }));
  return [...paid.map((currency) => revenueIn(currency, paid.length === 1)), ...others];
};

const within = (value) => (value == null ? "–" : html`${percent(value.value)} <small>${percent(value.low)} – ${percent(value.high)}</small>`);
const iso = (daysAgo) => new Date(Date.now() - daysAgo * 86400000).toISOString().slice(0, 10);
const unnamed = (value) => value === "" || value == null;
const named = (value) => (unnamed(value) ? t("results.unnamed") : value);
const explained = (name, value) => (unnamed(value) ? html`${named(value)}<small>${t(`unnamed.${name}`)}</small>` : value);

const DayField = ({ label, value, onValue }) => html`<${Field} label=${label} control=${(tied) => html`<input type="date" value=${value} onChange=${(e) => onValue(e.target.value)} ...${tied} />`} />`;

const columnsOf = (by, total) => [
  ...by.map((name) => ({ label: t(name), of: (row) => (name === "day" ? dayOf(`${row.day}T12:00:00Z`) : explained(name, row[name])) })),
  ...["lists", "visible", "clicks", "carts", "purchases", "returns"].map((name) => ({ label: t(name), number: true, of: (row) => number(row[name]) })),
  { label: t("ctr"), number: true, of: (row) => within(row.ctr) },
  { label: t("conversion"), number: true, of: (row) => within(row.conversion) },
  { label: t("revenue"), number: true, of: (row) => html`<${Amounts} of=${row.revenues.length || !total.currency ? row.revenues : [{ revenue: 0, currency: total.currency }]} />` },
];

const Total = ({ total }) => html`
  <dl class="stats">
    ${measuresOf(total).slice(0, paidIn(total).length).map(({ label, of, format }) => html`<${Stat} label=${label} value=${format(of(total))} note=${total.revenue > 0 && !total.currency && t("results.no_currency_note")} />`)}
    <${Stat} label=${t("lists")} value=${number(total.lists)} note=${t("results.visible", { n: number(total.visible) })} />
    <${Stat} label=${t("clicks")} value=${number(total.clicks)} />
    <${Stat} label=${t("ctr")} value=${percent(total.ctr?.value)} note=${total.ctr && `${percent(total.ctr.low)} – ${percent(total.ctr.high)}`} />
    <${Stat} label=${t("conversion")} value=${percent(total.conversion?.value)} note=${total.conversion && `${percent(total.conversion.low)} – ${percent(total.conversion.high)}`} />
    <${Stat} label=${t("purchases")} value=${number(total.purchases)} note=${t("results.returned", { n: number(total.returns) })} />
  </dl>
`;

const OverTime = ({ from, to, measure: { label, of, format }, round }) => {
  const found = useLoad((signal) => get(["admin", "results"], { from, to, by: "day" }, signal), [from, to, round]);
  return html`<${Loaded} of=${found}>${({ rows }) => {
    const byDay = [...rows].sort((a, b) => (a.day < b.day ? -1 : 1));
    return byDay.length ? html`<${LineChart} name=${t("results.by_day", { measure: label })} days=${byDay.map((row) => row.day)} series=${[{ name: label, values: byDay.map(of) }]} format=${format} />` : html`<${Empty}>${t("results.nothing")}<//>`;
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
  const { label, of, format } = shown;
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
          <${Total} total=${total} />
          <div class="columns">
            <${Panel} title=${t("results.compared", { measure: label })}>${rows.length ? html`<${Bars} name=${label} format=${format}
              rows=${[...rows].filter((row) => of(row) != null).sort((a, b) => of(b) - of(a)).slice(0, 12).map((row) => [told.map((name) => named(row[name])).join(" · ") || t("results.all"), of(row)])} />` : html`<${Empty}>${t("results.nothing")}<//>`}<//>
            <${Panel}><${OverTime} ...${{ from, to, measure: shown, round }} /><//>
          </div>
          <${Panel} title=${t("results.table")} note=${t("results.as_of", { moment: dateTime(as_of), days: window_days })}>
            <${Table} name=${t("results.table")} columns=${told.length ? columnsOf(told, total) : [{ label: t("results.by"), of: () => t("results.all") }, ...columnsOf([], total)]} rows=${rows} empty=${t("results.nothing")} />
          <//>
        </div>`}<//>
    </div>
  `;
}
