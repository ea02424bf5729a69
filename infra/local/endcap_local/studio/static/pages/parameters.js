// Parameters: what the ranking goes by right now, for anybody who may read GET /parameters.
import { get, useLoad } from "../lib/api.js";
import { html } from "../lib/html.js";
import { dateTime, has, language, listed, number, t } from "../lib/i18n.js";
import { colourOf, nameOf } from "../lib/items.js";
import { Head, Lamp, Loaded, Panel, Table } from "../lib/ui.js";

// A sentence of the API names terms, events and choices as requests do; among Chinese words they stand by the page's own.
const KINDS = ["term", "deed", "choice", "option"];
const nameIn = (code) => KINDS.map((kind) => `${kind}.${code}`).find(has);
const inWords = (text, scenarios = []) =>
  language.value === "en" ? text : text.replace(/ ?“?\b([a-z][a-z_]+)\b”? ?/g, (all, code) => (nameIn(code) && !scenarios.includes(code) ? `“${t(nameIn(code))}”` : all));
const optionIn = (code) => (language.value !== "en" && has(`option.${code}`) ? t(`option.${code}`) : code);

const setBy = (one) => html`<${Lamp} kind=${one.set_by === "snapshot" ? "good" : "plain"}>${t(`set_by.${one.set_by}`)}<//>`;

export default function Parameters() {
  const found = useLoad((signal) => get(["parameters"], { language: language.value }, signal), [language.value]);
  return html`
    <${Head} title=${t("page.parameters")} lead=${t("parameters.lead")} />
    <${Loaded} of=${found}>${(known) => html`
      <div class="stack">
        <div class="columns">
          <${Panel} title=${t("parameters.summary")}><div class="words">${known.summary.map((text) => html`<p>${inWords(text, known.scenarios)}</p>`)}</div><//>
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
