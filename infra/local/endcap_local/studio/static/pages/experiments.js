// Experiments: planned, started, stopped; whether shoppers came in the shares asked for; what the variants have brought.
import { call, get, useLoad } from "../lib/api.js";
import { LineChart } from "../lib/chart.js";
import { html, useState } from "../lib/html.js";
import { dateTime, day as dayOf, listed, money, number, percent, sentences, signed, t, zone } from "../lib/i18n.js";
import { nameOf } from "../lib/items.js";
import { namesOf, relationOf, ScenarioPicker, useScenarios } from "../lib/pickers.js";
import { go, href } from "../lib/router.js";
import { Amounts, Button, Confirm, Dialog, Empty, Field, Head, Lamp, Loaded, MomentField, Notice, Panel, Problem, Table, TextField, tell, useAction } from "../lib/ui.js";

const LAMPS = { planned: "warning", running: "good", over: "plain" };

// Everything that is configured, without what only answers tell.
const planned = ({ state, ...plan }) => plan;

const put = async (alter) => {
  const { data, etag } = await call("GET", ["admin", "experiments"]);
  const experiments = alter(data.experiments).map(planned);
  // Where nothing is configured there is nothing to have seen.
  return call("PUT", ["admin", "experiments"], { body: { experiments }, etag: data.experiments.length > 0 ? (etag ?? data.etag) : undefined });
};

// What an experiment would come to, before anybody is part of it.
const rounded = (share) => Math.round(share * 1e6) / 1e6;
const wholeOf = (variants) => rounded(variants.reduce((sum, one) => sum + (Number(one.share) || 0), 0));
const scenarioOf = (plan, one) => (one.scenario && one.scenario !== plan.scenario ? one.scenario : "");
const effectOf = (plan, one) => JSON.stringify([scenarioOf(plan, one), one.snapshot ?? "", Object.entries(one.weights ?? {}).sort()]);
const USUAL = effectOf({}, {});
const alikeIn = (plan) => {
  for (const [i, one] of plan.variants.entries())
    for (const other of plan.variants.slice(i + 1)) if (effectOf(plan, one) === effectOf(plan, other)) return [one, other];
  return null;
};
const called = ({ name }, i) => name || (i === 0 ? t("experiments.control") : t("experiments.variant", { n: i }));
const getsOf = (plan, one) => {
  const other = [scenarioOf(plan, one), one.snapshot, ...Object.keys(one.weights ?? {}).map(nameOf)].filter(Boolean);
  return other.length ? t("experiments.gets_other", { other: listed(other) }) : t("experiments.gets_usual");
};

// What lists of a relation can't do without. Where the lists that take part have it anyway, nothing lacks.
const NEEDS = { buy_again: "shopper", similar: "items", together: "items" };
const needOf = (scenarios, name) => NEEDS[relationOf(scenarios, name)];
const lackingIn = (plan, scenarios) =>
  plan.variants.flatMap((one, i) => {
    const need = needOf(scenarios, one.scenario);
    if (!need || need === needOf(scenarios, plan.scenario)) return [];
    const ofItems = need === "items";
    return [t(ofItems ? "experiments.needs_items" : "experiments.needs_shopper", { name: called(one, i), scenario: one.scenario })];
  });

// Why it can't begin as it is: said beside the button that is grey for it.
const hindrancesOf = (plan) => {
  const whole = wholeOf(plan.variants);
  const alike = alikeIn(plan);
  const idle = alike && effectOf(plan, alike[0]) === USUAL;
  return [
    alike && t(idle ? "experiments.alike_usual" : "experiments.alike", { one: called(alike[0], plan.variants.indexOf(alike[0])), other: called(alike[1], plan.variants.indexOf(alike[1])) }),
    whole > 1 && t("experiments.too_much", { sum: percent(whole, 1) }),
    whole === 0 && t("experiments.no_share"),
  ].filter(Boolean);
};
const Hindrances = ({ of }) => of.length > 0 && html`<${Notice} kind="warning">${of.map((text) => html`<p>${text}</p>`)}<//>`;

const Outcome = ({ plan, lacking }) => {
  const whole = wholeOf(plan.variants);
  return html`
    <ul class="plain" aria-label=${t("experiments.comes_to")}>
      ${plan.variants.map((one, i) => html`<li>${t("experiments.would_get", { name: called(one, i), share: percent(one.share, 1), what: getsOf(plan, one) })}</li>`)}
      ${whole < 1 && html`<li>${t("experiments.rest", { share: percent(rounded(1 - whole), 1) })}</li>`}
    </ul>
    ${lacking.length > 0 && html`<${Notice} kind="warning">${lacking.map((text) => html`<p>${text}</p>`)}<//>`}
  `;
};
// Asked before it begins, where not all shoppers take part, or some may be left without a list: either may be meant.
const Part = ({ plan, lacking, action, busy, error, onDo, onClose }) => {
  const whole = wholeOf(plan.variants);
  const shares = { sum: percent(whole, 1), rest: percent(rounded(1 - whole), 1) };
  const title = whole < 1 ? t("experiments.part_title", { sum: shares.sum }) : t("experiments.lacking_title");
  return html`<${Confirm} title=${title} text=${sentences([whole < 1 && t("experiments.part_what", shares), ...lacking])} ...${{ action, busy, error, onDo, onClose }} />`;
};

// A value with its interval, which has some width: of one that has none nothing is known yet.
const within = (value, text = percent) => {
  if (value == null) return "–";
  const [low, high] = [text(value.low), text(value.high)];
  return html`${text(value.value)} <small>${low === high ? "–" : `${low} – ${high}`}</small>`;
};
// Of fewer than five shoppers nothing is told.
const known = (count) => (count == null ? html`<small>${t("experiments.few")}</small>` : number(count));

// Shares are typed as percent, and kept as they were typed; the API has them as parts of 1.
const planOf = (form) => ({ ...form, variants: form.variants.map(({ typed, ...one }) => ({ ...one, share: rounded(Number(typed) / 100) })) });

const New = ({ onClose, onDone }) => {
  const scenarios = useScenarios();
  const [form, setPlan] = useState({ name: "", scenario: "", start: null, variants: [{ name: t("experiments.control"), typed: "50" }, { name: t("experiments.other_name"), typed: "50", scenario: "" }] });
  const plan = planOf(form);
  const set = (part) => setPlan((before) => ({ ...before, ...part }));
  const variant = (i, part) => set({ variants: form.variants.map((one, j) => (i === j ? { ...one, ...part } : one)) });
  const [asking, setAsking] = useState(false);
  const [run, busy, error] = useAction(async () => {
    const clean = (one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== "" && value != null));
    await put((all) => [...all, { ...clean(plan), variants: plan.variants.map(clean) }]);
    onDone(plan.name);
  });
  const whole = wholeOf(plan.variants);
  const lacking = lackingIn(plan, scenarios);
  const hindrances = hindrancesOf(plan);
  const mistaken = hindrances.length > 0;
  const action = t(plan.start > Date.now() ? "experiments.plan" : "experiments.start");
  if (asking) return html`<${Part} key="part" ...${{ plan, lacking, action, busy, error }} onDo=${run} onClose=${() => setAsking(false)} />`;
  return html`
    <${Dialog} key="plan" title=${t("experiments.new")} onClose=${onClose}>
      <form class="stack" onSubmit=${(e) => {
        e.preventDefault();
        if (mistaken) return;
        if (whole < 1 || lacking.length) setAsking(true);
        else run();
      }}>
        <div class="form">
          <${TextField} label=${t("name")} value=${plan.name} onValue=${(name) => set({ name })} required />
          <${ScenarioPicker} names=${namesOf(scenarios)} hint=${t("experiments.lists_hint")} none=${t("scenario.everywhere")} value=${plan.scenario} onValue=${(scenario) => set({ scenario })} />
          <${MomentField} label=${t("experiments.start_at")} hint=${t("experiments.start_hint", { zone: zone() })} value=${plan.start} onValue=${(start) => set({ start })} />
        </div>
        ${form.variants.map((one, i) => html`
          <fieldset class="form rowed"><legend>${i === 0 ? t("experiments.control") : t("experiments.variant", { n: i })}</legend>
            <${TextField} label=${t("name")} value=${one.name} onValue=${(name) => variant(i, { name })} required />
            <${Field} label=${t("experiments.percent")} control=${(tied) => html`<input type="number" min="0" max="100" step="any" value=${one.typed} onInput=${(e) => variant(i, { typed: e.target.value })} ...${tied} />`} />
            <${ScenarioPicker} names=${namesOf(scenarios)} hint=${t("experiments.scenario_hint")} value=${one.scenario ?? ""} onValue=${(scenario) => variant(i, { scenario })} />
          </fieldset>`)}
        <div class="row">
          <${Button} kind="small" onClick=${() => set({ variants: [...form.variants, { name: `v${form.variants.length}`, typed: "0", scenario: "" }] })}>${t("experiments.add_variant")}<//>
          <span class="muted">${t("experiments.shares", { sum: percent(whole, 1) })}</span>
        </div>
        <div class="stack" role="status"><${Outcome} ...${{ plan, lacking }} /></div>
        <${Problem} error=${error} />
        <div class="row"><button class="button strong" type="submit" disabled=${busy || mistaken}><span>${action}</span></button><div class="beside-it" role="status"><${Hindrances} of=${hindrances} /></div></div>
      </form>
    <//>
  `;
};

// A variant with its share, and what it does otherwise where it says so.
const sharedOut = ({ name, share, scenario, snapshot }) => {
  const given = { name, share: percent(share, 0) };
  const other = [scenario, snapshot].filter(Boolean).join(" · ");
  return other ? t("experiments.shared_otherwise", { ...given, other }) : t("experiments.shared_out", given);
};

// Since when an experiment runs: one that was started without a moment is known by the day of its first list, and before that by
// when it was saved, as far as the latest changes tell.
const CHANGES = 100;
const BEGUN = new Set(["create_experiment", "start_experiment"]);
const sinceOf = (plan, report, changes) => {
  if (plan.start != null) return dateTime(plan.start);
  const first = report?.over_time.map((one) => one.day).sort()[0];
  if (first) return t("experiments.first_list", { day: dayOf(first) });
  const saved = changes?.records.find(({ done }) => done?.some((one) => BEGUN.has(one.what) && one.target === plan.name));
  return saved ? t("experiments.saved_at", { moment: dateTime(saved.at) }) : t("experiments.at_once");
};

// Whether shoppers came in the shares asked for can't be told of variants whose shoppers are too few to be told.
const Ratio = ({ of: { mismatch, p_value }, variants }) => {
  if (mismatch) return html`<${Notice} kind="error">${t("experiments.mismatch")}<//>`;
  if (variants.some((one) => one.shoppers == null)) return html`<${Notice}>${t("experiments.ratio_early")}<//>`;
  return html`<${Notice} kind="good">${t("experiments.ratio_good", { p: number(p_value, 3) })}<//>`;
};

const Report = ({ report }) => html`<${Loaded} of=${report}>${(found) => {
    const days = [...new Set(found.over_time.map((one) => one.day))].sort();
    const series = found.variants.map((one) => {
      const of = (day) => found.over_time.find((other) => other.day === day && other.variant === one.name)?.ctr;
      return { name: one.name, values: days.map((day) => of(day)?.value ?? null), low: days.map((day) => of(day)?.low ?? null), high: days.map((day) => of(day)?.high ?? null) };
    });
    const paid = (value) => money(value, found.currencies[0]);
    // Rates differ by points of a percent, amounts by money.
    const less = (one, value) => {
      if (value == null) return "–";
      if (one.metric !== "revenue") return t("experiments.points", { n: signed(100 * value, 2) });
      return t("experiments.by_money", { sign: value < 0 ? "−" : "+", amount: paid(Math.abs(value)) });
    };
    return html`
      <div class="stack">
        ${found.sample_ratio && html`<${Ratio} of=${found.sample_ratio} variants=${found.variants} />`}
        ${found.currencies.length > 1 && html`<${Notice}>${t("experiments.currencies", { currencies: listed(found.currencies.map((one) => one ?? t("results.no_currency"))) })}<//>`}
        <${Table} name=${t("experiments.variants")} rows=${found.variants} columns=${[
          { label: t("name"), of: (one) => html`${one.name} ${one.name === found.control && html`<small>${t("experiments.control")}</small>`}` },
          { label: t("share"), number: true, of: (one) => percent(one.share, 0) },
          { label: t("shoppers"), number: true, of: (one) => known(one.shoppers) },
          { label: t("lists"), number: true, of: (one) => known(one.lists) },
          { label: t("ctr"), number: true, of: (one) => within(one.ctr) },
          { label: t("conversion"), number: true, of: (one) => within(one.conversion) },
          { label: t("revenue"), number: true, of: (one) => (one.revenue == null ? (one.revenues.length ? html`<${Amounts} of=${one.revenues} />` : "–") : found.currencies.length ? paid(one.revenue) : "–") },
          { label: t("revenue_per_shopper"), number: true, of: (one) => (found.currencies.length ? within(one.revenue_per_shopper, paid) : "–") },
        ]} />
        ${found.differences.length > 0 && html`<div><h3>${t("experiments.differences")}</h3><p class="muted">${t("experiments.differences_note", { confidence: percent(found.confidence, 0) })}</p></div>
          <${Table} name=${t("experiments.differences")} rows=${found.differences} columns=${[
            { label: t("experiments.measure"), of: (one) => t(one.metric) },
            { label: t("name"), of: (one) => one.variant },
            { label: t("experiments.difference"), number: true, of: (one) => less(one, one.difference) },
            { label: t("experiments.interval"), number: true, of: (one) => (one.low == null ? "–" : `${less(one, one.low)} … ${less(one, one.high)}`) },
            { label: t("experiments.verdict"), of: (one) => one.low == null ? t("experiments.too_early") : one.low > 0 ? html`<${Lamp} kind="good">${t("experiments.better")}<//>` : one.high < 0 ? html`<${Lamp} kind="error">${t("experiments.worse")}<//>` : html`<${Lamp} kind="plain">${t("experiments.open")}<//>` },
          ]} />`}
        ${days.length > 0 && html`<${LineChart} name=${t("experiments.over_time")} days=${days} series=${series} format=${(value) => percent(value)} />`}
      </div>`;
  }}<//>`;

const One = ({ plan, onChanged }) => {
  const scenarios = useScenarios();
  const lacking = lackingIn(plan, scenarios);
  const hindrances = plan.state === "planned" ? hindrancesOf(plan) : [];
  const report = useLoad((signal) => get(["admin", "experiments", plan.name, "report"], {}, signal), [plan.name]);
  const changes = useLoad((signal) => (plan.start == null ? get(["admin", "audit"], { limit: CHANGES }, signal) : Promise.resolve(null)), [plan.name]);
  const [stopping, setStopping] = useState(false);
  const [starting, setStarting] = useState(false);
  const begin = () => run({ start: Date.now() }, t("experiments.started", { name: plan.name }));
  const [run, busy, error] = useAction(async (part, text) => {
    await put((all) => all.map((one) => (one.name === plan.name ? { ...one, ...part } : one)));
    tell(text);
    onChanged();
  });
  return html`
    <div class="stack">
      <${Panel} title=${plan.name} actions=${html`<${Lamp} kind=${LAMPS[plan.state]}>${t(`experiments.${plan.state}`)}<//>
        ${plan.state === "planned" && html`<${Button} kind="strong" busy=${busy} ...${hindrances.length || (scenarios.loading && !scenarios.data) ? { disabled: true } : {}} onClick=${() => (wholeOf(plan.variants) < 1 || lacking.length ? setStarting(true) : begin())}>${t("experiments.start")}<//>`}
        ${plan.state === "running" && html`<${Button} kind="danger" busy=${busy} onClick=${() => setStopping(true)}>${t("experiments.stop")}<//>`}`}>
        <div class="stack">
          <${Hindrances} of=${hindrances} />
          <dl class="facts">
            <dt>${t("experiments.variants")}</dt><dd>${listed(plan.variants.map((one) => sharedOut(one)))}</dd>
            <dt>${t("scenario")}</dt><dd>${plan.scenario ?? t("experiments.all_lists")}</dd>
            <dt>${t("from")}</dt><dd>${sinceOf(plan, report.data, changes.data)}</dd><dt>${t("until")}</dt><dd>${dateTime(plan.end)}</dd>
          </dl>
          ${plan.state !== "over" && html`<div><${Outcome} ...${{ plan, lacking }} /></div>`}
          <${Problem} error=${error} />
        </div>
      <//>
      ${starting && html`<${Part} ...${{ plan, lacking }} action=${t("experiments.start")} onClose=${() => setStarting(false)}
        onDo=${() => {
          setStarting(false);
          begin();
        }} />`}
      <${Panel} title=${t("experiments.report")} note=${report.data && t("experiments.as_of", { moment: dateTime(report.data.as_of), confidence: percent(report.data.confidence, 0) })}><${Report} report=${report} /><//>
      ${stopping && html`<${Confirm} title=${t("experiments.stop_this", { name: plan.name })} text=${t("experiments.stop_what", { name: plan.name })} action=${t("experiments.stop")} onClose=${() => setStopping(false)}
        onDo=${() => {
          setStopping(false);
          run({ end: Date.now() }, t("experiments.stopped", { name: plan.name }));
        }} />`}
    </div>
  `;
};

export default function Experiments({ rest }) {
  const list = useLoad((signal) => get(["admin", "experiments"], {}, signal), []);
  const [making, setMaking] = useState(false);
  const done = (name) => {
    setMaking(false);
    tell(t("experiments.saved", { name }));
    list.reload();
    go("experiments", [name]);
  };
  return html`
    <${Head} title=${t("page.experiments")} lead=${t("experiments.lead")}><${Button} kind="strong" onClick=${() => setMaking(true)}>${t("experiments.new")}<//><//>
    <${Loaded} of=${list}>${({ experiments }) => {
      const plan = experiments.find((one) => one.name === rest[0]);
      return html`<div class="beside">
        <${Panel} tight>${experiments.length
          ? html`<nav aria-label=${t("page.experiments")}><ul class="picks">${experiments.map((one) => html`<li><a href=${href("experiments", [one.name])} aria-current=${one === plan ? "true" : undefined}><span>${one.name}</span><${Lamp} kind=${LAMPS[one.state]}>${t(`experiments.${one.state}`)}<//></a></li>`)}</ul></nav>`
          : html`<${Empty}>${t("experiments.none")}<//>`}<//>
        ${plan ? html`<${One} key=${plan.name} plan=${plan} onChanged=${list.reload} />` : html`<${Empty}>${t("experiments.choose")}<//>`}
      </div>`;
    }}<//>
    ${making && html`<${New} onClose=${() => setMaking(false)} onDone=${done} />`}
  `;
}
