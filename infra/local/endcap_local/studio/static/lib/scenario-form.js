// The form of a scenario: every choice of a list, its filter, what is pinned, pushed, promised places and hidden.
import { wrongInRow } from "./fields.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { has, number, t } from "./i18n.js";
import { nameOf } from "./items.js";
import { FilterField } from "./filter.js";
import { fitting, ItemField } from "./pickers.js";
import { href } from "./router.js";
import { onlyOne } from "./scenario.js";
import { titlesOf, useTitles } from "./titles.js";
import { Button, Field, MomentField, SelectField, TextField } from "./ui.js";

const NOT_HERE = new Set(["window", "language"]);
const CAPPED = ["brand", "category"];
const RELATIONS = ["", "similar", "together", "buy_again"];

// An item of a row: its title stands below its id, and words that one title alone has become its id once they are left.
const ItemOfRow = ({ titles, error, value, onValue, children }) => {
  const now = useRef(null);
  useLayoutEffect(() => {
    now.current = { value, onValue };
    return () => (now.current = null);
  }, [value, onValue]);
  const settle = async (typed) => {
    if (!typed || (await titlesOf([typed]))[typed] !== null) return;
    const found = await fitting(typed);
    if (found.length === 1 && now.current?.value.trim() === typed) now.current.onValue(found[0].item_id);
  };
  // What can't be asked for stays as it was typed, and is told to be no id.
  return html`<div><${ItemField} label=${t("item.id")} hint=${titles[value]} unknown=${titles[value] === null} error=${error} placeholder=${t("invented.words")} ...${{ value, onValue }}
    onChange=${(e) => settle(e.target.value.trim()).catch(() => {})} />${children}</div>`;
};

// What a choice does, in the page's own words where it has any.
const hintOf = ({ name, meaning }) => (has(`hint.${name}`) ? t(`hint.${name}`) : meaning);

const NumberChoice = ({ choice, value, onValue }) => {
  const share = choice.most === 1;
  const text = t("form.default", { value: number(choice.default, 2) });
  const common = { min: choice.least, max: choice.most, step: share ? 0.05 : 1, value: value ?? choice.default };
  const read = (e) => onValue(e.target.value === "" ? undefined : Number(e.target.value));
  return html`
    <${Field} label=${t(`choice.${choice.name}`)} hint=${hintOf(choice)}
      control=${(tied) => html`<div class="row nowrap">
        ${share ? html`<input type="range" ...${common} onInput=${read} ...${tied} />` : html`<input type="number" ...${common} onInput=${read} ...${tied} />`}
        <output class="number">${value === undefined ? text : number(value, 2)}</output>
        ${value !== undefined && html`<${Button} kind="quiet" icon="close" aria-label=${t("form.reset", { name: t(`choice.${choice.name}`) })} onClick=${() => onValue(undefined)} />`}
      </div>`} />
  `;
};

const OptionChoice = ({ choice, value, onValue }) => html`
  <${SelectField} label=${t(`choice.${choice.name}`)} hint=${hintOf(choice)} value=${value ?? ""} onValue=${(next) => onValue(next || undefined)}
    options=${[["", t("form.default", { value: t(`option.${choice.default}`) })], ...choice.options.map((option) => [option, t(`option.${option}`)])]} />
`;

// Rows of one kind: `fresh` is what a new one says; `children(row, change)` are its fields.
const Rows = ({ title, name, part, errors, rows = [], fresh, onRows, children }) => {
  const change = (i, more) => onRows(rows.map((row, j) => (i === j ? { ...row, ...more } : row)));
  // What an item's own field tells is not told again below it.
  const wrong = rows.map((_, i) => wrongInRow(errors, part, i));
  const ofItem = (i) => wrong[i].find((one) => one.field === "item_id")?.text;
  return html`
    <fieldset class="wide rows">
      <legend>${title}</legend>
      ${rows.map((row, i) => html`
        <div class=${wrong[i].length ? "form rowed wrong" : "form rowed"} role="group" aria-label=${`${title} ${i + 1}`}>
          ${children(row, (more) => change(i, more), ofItem(i))}
          <${MomentField} label=${t("from")} value=${row.from} onValue=${(from) => change(i, { from: from ?? undefined })} />
          <${MomentField} label=${t("until")} ends value=${row.until} onValue=${(until) => change(i, { until: until ?? undefined })} />
          ${wrong[i].filter((one) => one.field !== "item_id").map((one) => html`<p class="field-error wide">${one.text}</p>`)}
          <div class="row end"><${Button} kind="quiet" icon="close" onClick=${() => onRows(rows.filter((_, j) => j !== i))}>${t("remove")}<//></div>
        </div>`)}
      <${Button} kind="small" onClick=${() => onRows([...rows, { ...fresh }])}>${t(`add.${name}`)}<//>
    </fieldset>
  `;
};

// The most items of one brand or category that a list may have; empty for as many as there are.
const Caps = ({ caps = {}, onCaps }) =>
  CAPPED.map((name) => html`
    <${NumberField} label=${t(`cap.${name}`)} value=${caps[name] ?? ""} min="1" onValue=${(value) => {
      const { [name]: before, ...others } = caps;
      onCaps(value === undefined ? others : { ...others, [name]: value });
    }} />`);

const NumberField = ({ label, value, onValue, ...rest }) => html`
  <${Field} label=${label} control=${(tied) => html`<input type="number" value=${value} onInput=${(e) => onValue(e.target.value === "" ? undefined : Number(e.target.value))} ...${tied} ...${rest} />`} />
`;

const Weights = ({ terms, weights = {}, onWeights }) => {
  const [adding, setAdding] = useState("");
  const set = (name, value) => {
    const next = { ...weights };
    if (value === undefined) delete next[name];
    else next[name] = value;
    onWeights(next);
  };
  const left = terms.filter((term) => !(term.name in weights));
  return html`
    <fieldset class="wide rows">
      <legend>${t("form.weights")}</legend>
      <p class="hint">${t("form.weights_what")}</p>
      <div class="form">
        ${Object.keys(weights).map((name) => html`
          <div class="row end"><${NumberField} label=${nameOf(name)} value=${weights[name]} step="0.05" onValue=${(value) => set(name, value ?? 0)} />
            <${Button} kind="quiet" icon="close" aria-label=${t("form.reset", { name: nameOf(name) })} onClick=${() => set(name, undefined)} /></div>`)}
        <${SelectField} label=${t("add.weight")} value=${adding} options=${[["", t("choose")], ...left.map((term) => [term.name, t("form.term", { name: nameOf(term.name), weight: number(term.weight, 2) })])]}
          onValue=${(name) => {
            setAdding("");
            if (name) set(name, terms.find((term) => term.name === name).weight);
          }} />
      </div>
    </fieldset>
  `;
};

// `asked`: what an item's page goes by to say why it is not in the list; `missing`: ids that are pinned, and that the draft's list has not all the same.
export const ScenarioForm = ({ document, parameters, everywhere, errors, asked, missing, onDocument }) => {
  const set = (part) => onDocument({ ...document, ...part });
  const titles = useTitles([...(document.pinned ?? []), ...(document.hidden ?? [])].map((one) => one.item_id));
  const choices = everywhere ? [] : parameters.choices.filter((choice) => !NOT_HERE.has(choice.name));
  return html`
    <form class="form" aria-label=${t("form.name")} onSubmit=${(e) => e.preventDefault()}>
      ${choices.map((choice) => {
        const given = { choice, value: document[choice.name], onValue: (value) => set({ [choice.name]: value }) };
        return choice.options ? html`<${OptionChoice} key=${choice.name} ...${given} />` : html`<${NumberChoice} key=${choice.name} ...${given} />`;
      })}
      ${!everywhere && html`
        <${SelectField} label=${t("choice.relation")} hint=${t("form.relation_hint")} value=${document.relation ?? ""} options=${RELATIONS.map((name) => [name, t(`relation.${name || "none"}`)])} onValue=${(relation) => set({ relation: relation || undefined })} />
        <${Caps} caps=${document.caps} onCaps=${(caps) => set({ caps })} />
        <div class="wide"><${FilterField} label=${t("filter")} value=${document.filter ?? ""} onValue=${(filter) => set({ filter })} /></div>
        <${Rows} title=${t("form.pinned")} name="pin" part="pinned" errors=${errors} rows=${document.pinned} fresh=${{ item_id: "", position: 1 }} onRows=${(pinned) => set({ pinned })}>
          ${(row, change, wrong) => html`
            <${ItemOfRow} titles=${titles} error=${wrong} value=${row.item_id} onValue=${(item_id) => change({ item_id })}>
              ${missing.includes(row.item_id) && html`<p class="line wrapped" role="status">${t("form.pin_missing")} <a href=${href("catalogue", [row.item_id], asked)}>${t("merch.missing_why")}</a></p>`}
            <//>
            <${NumberField} label=${t("place")} value=${row.position} min="1" onValue=${(position) => change({ position })} />`}
        <//>
        <${Rows} title=${t("form.boost")} name="boost" part="boost" errors=${errors} rows=${document.boost} fresh=${{ filter: "", weight: 0.5 }} onRows=${(boost) => set({ boost })}>
          ${(row, change) => html`
            <div class="wide"><${FilterField} label=${t("form.boost_filter")} value=${row.filter} sample=${onlyOne(row.filter) !== null} onValue=${(filter) => change({ filter })} /></div>
            <${NumberField} label=${t("form.boost_weight")} value=${row.weight} step="0.1" onValue=${(weight) => change({ weight })} />`}
        <//>
        <${Rows} title=${t("form.promotions")} name="promotion" part="promotions" errors=${errors} rows=${document.promotions} fresh=${{ name: "", filter: "", share: 0.2 }} onRows=${(promotions) => set({ promotions })}>
        ${(row, change) => html`
          <${TextField} label=${t("name")} value=${row.name} onValue=${(name) => change({ name })} />
          <${NumberField} label=${t("share")} value=${row.share} min="0" max="1" step="0.05" onValue=${(share) => change({ share })} />
          <div class="wide"><${FilterField} label=${t("form.promotion_filter")} value=${row.filter} sample=${false} onValue=${(filter) => change({ filter })} /></div>`}
      <//>`}
      <${Rows} title=${t("form.hidden")} name="hidden" part="hidden" errors=${errors} rows=${document.hidden} fresh=${{ item_id: "" }} onRows=${(hidden) => set({ hidden })}>
        ${(row, change, wrong) => html`<${ItemOfRow} titles=${titles} error=${wrong} value=${row.item_id} onValue=${(item_id) => change({ item_id })} />`}
      <//>
      ${!everywhere && html`<${Weights} terms=${parameters.terms} weights=${document.weights} onWeights=${(weights) => set({ weights })} />`}
    </form>
  `;
};
