// Today: how the shop's personalisation does right now, what needs attention, what was changed.
import { get, useLoad } from "../lib/api.js";
import { Bars } from "../lib/bars.js";
import { Changes } from "../lib/changes.js";
import { html, useEffect } from "../lib/html.js";
import { ago, day, exact, language, meaningOfMeasure, money, month, nameOfMeasure, nameOfService, number, t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { Running } from "../lib/running.js";
import { Button, Empty, Head, Lamp, Loaded, Panel, Problem, Stat } from "../lib/ui.js";

const WATCH_MS = 5000;
const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;
const PLACES = new Set(["snapshots", "scenarios", "experiments", "events"]);

const Attention = ({ found }) =>
  found.length === 0
    ? html`<${Empty}><${Lamp} kind="good">${t("today.all_well")}<//><//>`
    : html`<ul class="attention">
        ${found.map((one) => html`
          <li>
            <${Lamp} kind=${one.severity === "info" ? "plain" : one.severity}><span class="unseen">${t(`severity.${one.severity}`)}</span><//>
            <span>${one.text}</span>${PLACES.has(one.page) && html`<a href=${href(one.page)}>${t(`page.${one.page}`)}</a>`}
          </li>`)}
      </ul>`;

const Overview = ({ overview }) => {
  const { rates, snapshot, cost } = overview;
  // Where nothing was counted yet there is no rate, not one of 0.
  const rate = (name) => ({ value: number(rates[name], 1), note: rates.counted === false ? t("today.nothing_counted") : t(rates.minutes === 1 ? "today.last_minute" : "today.last_minutes", { n: rates.minutes }) });
  const services = Object.entries(cost.by_service).filter(([, usd]) => usd > 0).sort((a, b) => b[1] - a[1]);
  return html`
    <div class="stack">
      <${Running} works=${overview.running} />
      <dl class="stats">
        <${Stat} label=${t("today.items")} value=${number(overview.items)} />
        <${Stat} label=${t("today.shoppers")} value=${number(overview.shoppers)} />
        <${Stat} label=${t("today.events")} ...${rate("events")} />
        <${Stat} label=${t("today.lists")} ...${rate("lists")} />
        <${Stat} label=${t("today.refused")} ...${rate("refused")} kind=${rates.refused > 0 ? "warn" : ""} />
        <${Stat} label=${t("today.degraded")} ...${rate("degraded")} kind=${rates.degraded > 0 ? "bad" : ""} />
      </dl>
      <div class="columns">
        <${Panel} title=${t("today.attention")}><${Attention} found=${overview.attention} /><//>
        <${Panel} title=${t("today.snapshot")} actions=${html`<a href=${href("snapshots")}>${t("page.snapshots")}</a>`}>
          ${snapshot
            ? html`<dl class="facts">
                <dt>${t("version")}</dt><dd><code>${snapshot.version}</code></dd>
                <dt>${t("today.made")}</dt><dd>${ago(overview.at - snapshot.age_days * DAY_MS, overview.at)}</dd>
                ${snapshot.promoted_at && html`<dt>${t("today.promoted")}</dt><dd>${ago(snapshot.promoted_at)}</dd>`}
                ${snapshot.next && html`<dt>${t("today.next")}</dt><dd><${Lamp} kind="warning"><code>${snapshot.next}</code><//></dd>`}
                <dt>${t("today.items")}</dt><dd>${number(snapshot.items)}</dd>
                ${Object.entries(snapshot.quality).map(([name, value]) => html`<dt title=${meaningOfMeasure(name)}>${nameOfMeasure(name)}</dt><dd>${number(value, 4)}</dd>`)}
              </dl>`
            : html`<${Empty}>${t("today.no_snapshot")}<//>`}
        <//>
        <${Panel} title=${t("today.cost")} note=${month(cost.month)}>${overview.at - cost.since < HOUR_MS ? html`<${Empty}>${t("today.cost_not_yet")}<//>` : html`
          <p class="stat-line"><strong>${money(cost.usd, "USD")}</strong> <span class="muted">${t("today.cost_note", { days: exact(cost.days, 1), as_of: day(cost.prices_as_of) })}</span></p>
          <${Bars} name=${t("today.cost")} rows=${services.map(([name, usd]) => [nameOfService(name), usd])} format=${(usd) => money(usd, "USD")} />
          ${cost.assumed.length > 0 && html`<details><summary>${t("today.assumed")}</summary><ul>${cost.assumed.map((text) => html`<li class="muted">${text}</li>`)}</ul></details>`}`}
        <//>
      </div>
      <${Panel} title=${t("today.changes")}><${Changes} limit=${8} /><//>
    </div>
  `;
};

export default function Today() {
  const overview = useLoad((signal) => get(["admin", "overview"], { language: language.value }, signal), [language.value], { patient: true });
  const moves = Boolean(overview.data && (overview.data.running.length || overview.data.snapshot?.next));
  useEffect(() => {
    // A rebuild ends, and another snapshot is loaded, without anybody's doing.
    if (overview.loading || !moves) return undefined;
    const waiting = setTimeout(overview.reload, WATCH_MS);
    return () => clearTimeout(waiting);
  }, [overview.loading, moves]);
  return html`
    <${Head} title=${t("page.today")} lead=${t("today.lead")}><${Button} onClick=${overview.reload} busy=${overview.loading}>${t("refresh")}<//><//>
    <${Problem} error=${overview.missed} />
    <${Loaded} of=${overview}>${(found) => html`<${Overview} overview=${found} />`}<//>
  `;
}
