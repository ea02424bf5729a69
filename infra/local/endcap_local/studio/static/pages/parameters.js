// Parameters: what the ranking goes by right now, for anybody who may read GET /parameters.
import { get, useLoad } from "../lib/api.js";
import { html } from "../lib/html.js";
import { dateTime, day, has, language, listed, number, t } from "../lib/i18n.js";
import { colourOf, nameOf } from "../lib/items.js";
import { Head, Lamp, Loaded, Panel, Table } from "../lib/ui.js";

// What matters most, by the names that these pages have for it. Terms of a question count only where one is asked.
const MOST = 5;
const ASKED = new Set(["query", "lexical", "similar", "complement", "due", "boost", "rotation", "described_query", "image_similar"]);
const weightiest = (rows) => [...rows].filter((one) => one.weight).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, MOST);
const nameOfEvent = (name) => (has(`deed.${name}`) ? t(`deed.${name}`) : name);
const nameOfChoice = (name) => (has(`choice.${name}`) ? t(`choice.${name}`) : name);
const valueOf = (value) => (typeof value === "number" ? number(value, 2) : has(`option.${value}`) ? t(`option.${value}`) : String(value));
const summaryOf = ({ terms, event_types, choices, learned_up_to }) => [
  ...(learned_up_to > 0 ? [t("parameters.says_learned", { day: day(learned_up_to) })] : []),
  t("parameters.says_terms", { terms: listed(weightiest(terms.filter((one) => !ASKED.has(one.name))).map((one) => t("form.term", { name: nameOf(one.name), weight: number(one.weight, 2) }))) }),
  t("parameters.says_unknown"),
  t("parameters.says_events", { events: listed(weightiest(event_types).map((one) => t("parameters.says_event", { name: nameOfEvent(one.name), weight: number(one.weight, 2), days: number(one.half_life_days, 1) }))) }),
  t("parameters.says_choices", { choices: choices.map((one) => t("form.wrong", { where: nameOfChoice(one.name), what: valueOf(one.default) })).join(t("semicolon")) }),
];

// A sentence of the API names terms, events and choices as requests do; among Chinese words they stand by the page's own.
const KINDS = ["term", "deed", "choice", "option"];
const nameIn = (code) => KINDS.map((kind) => `${kind}.${code}`).find(has);
const inWords = (text) =>
  language.value === "en" ? text : text.replace(/ ?“?\b([a-z][a-z_]+)\b”? ?/g, (all, code) => (nameIn(code) ? `“${t(nameIn(code))}”` : all));
const optionIn = (code) => (language.value !== "en" && has(`option.${code}`) ? t(`option.${code}`) : code);

const setBy = (one) => html`<${Lamp} kind=${one.set_by === "snapshot" ? "good" : "plain"}>${t(`set_by.${one.set_by}`)}<//>`;

export default function Parameters() {
  const found = useLoad((signal) => get(["parameters"], { language: language.value }, signal), [language.value]);
  return html`
    <${Head} title=${t("page.parameters")} lead=${t("parameters.lead")} />
    <${Loaded} of=${found}>${(known) => html`
      <div class="stack">
        <div class="columns">
          <${Panel} title=${t("parameters.summary")}><div class="words">${summaryOf(known).map((text) => html`<p>${text}</p>`)}</div><//>
          <${Panel} title=${t("today.snapshot")}><div class="stack"><p class="words">${inWords(known.score)}</p><dl class="facts">
            <dt>${t("version")}</dt><dd><code>${known.snapshot_version}</code></dd>
            <dt>${t("parameters.learned")}</dt><dd>${dateTime(known.learned_up_to)}</dd>
            <dt>${t("page.scenarios")}</dt><dd>${listed(known.scenarios) || "–"}</dd>
            <dt>${t("page.experiments")}</dt><dd>${listed(known.experiments.map((one) => one.name)) || "–"}</dd>
          </dl></div><//>
        </div>
        <${Panel} title=${t("parameters.terms")}>
          <${Table} name=${t("parameters.terms")} rows=${known.terms} columns=${[
            { label: t("name"), of: (one) => html`<span class="row nowrap"><i class=${`dot ${colourOf(one.name)}`}></i><span>${nameOf(one.name)}<small><code>${one.name}</code></small></span></span>` },
            { label: t("parameters.weight"), number: true, of: (one) => number(one.weight, 3) },
            { label: t("parameters.scale"), number: true, of: (one) => number(one.scale, 3) },
            { label: t("parameters.set_by"), of: setBy },
            { label: t("parameters.meaning"), long: true, of: (one) => inWords(one.meaning) },
          ]} />
        <//>
        <div class="stack">
          <${Panel} title=${t("parameters.choices")}>
            <${Table} name=${t("parameters.choices")} rows=${known.choices} columns=${[
              { label: t("name"), of: (one) => html`${has(`choice.${one.name}`) ? t(`choice.${one.name}`) : one.name}<small><code>${one.name}</code></small>` },
              { label: t("parameters.default"), of: (one) => optionIn(String(one.default)) },
              { label: t("parameters.range"), of: (one) => (one.options && listed(one.options.map(optionIn))) ?? `${number(one.least, 2)} – ${number(one.most, 2)}` },
              { label: t("parameters.meaning"), long: true, of: (one) => inWords(one.meaning) },
            ]} />
          <//>
          <${Panel} title=${t("parameters.events")}>
            <${Table} name=${t("parameters.events")} rows=${known.event_types} columns=${[
              { label: t("events.type"), of: (one) => (has(`deed.${one.name}`) ? t(`deed.${one.name}`) : one.name) },
              { label: t("parameters.weight"), number: true, of: (one) => number(one.weight, 2) },
              { label: t("parameters.half_life"), number: true, of: (one) => number(one.half_life_days, 1) },
            ]} />
          <//>
          <${Panel} title=${t("parameters.settings")}>
            <${Table} name=${t("parameters.settings")} rows=${known.settings} columns=${[
              { label: t("name"), of: (one) => html`<code>${one.name}</code>` },
              { label: t("value"), number: true, of: (one) => number(one.value, 3) },
              { label: t("parameters.set_by"), of: setBy },
              { label: t("parameters.meaning"), long: true, of: (one) => inWords(one.meaning) },
            ]} />
          <//>
        </div>
      </div>`}<//>
  `;
}
