// Shopper: one, by the exact id; there is no list of people to look through.
import { call, get, preview, useLoad } from "../lib/api.js";
import { Ranking } from "../lib/beside.js";
import { Bars } from "../lib/bars.js";
import { html, useLayoutEffect, useState } from "../lib/html.js";
import { ago, dateTime, day, has, inRow, language, millis, number, quoted, signed, t } from "../lib/i18n.js";
import { NoItems } from "../lib/items.js";
import { namesOf, ScenarioPicker, ShopperField, useScenarios } from "../lib/pickers.js";
import { go, href } from "../lib/router.js";
import { forget, lately, remember } from "../lib/shoppers.js";
import { Button, Dialog, Empty, Head, Lamp, Loaded, Notice, Panel, Problem, Table, TextField, tell, useAction } from "../lib/ui.js";

const nameOfDeed = (type) => (has(`deed.${type}`) ? t(`deed.${type}`) : type);

// Each title on its own, so that one written from right to left turns nothing else around, and in quotes, so that it is seen
// where one ends.
const MOST_NAMED = 3;
const named = (all) => {
  const items = all.slice(0, MOST_NAMED);
  const more = t("shopper.more_items", { n: number(all.length - items.length) });
  // A comma stands close to what is before it.
  return html`${inARow(items)}${all.length > items.length && html`${more.startsWith("，") ? "" : " "}<small>${more}</small>`}`;
};
const inARow = (items) => (items.length ? inRow(items).map(({ type, value }) => (type === "element" ? html`<bdi>${quoted(items[value].title || items[value].item_id)}</bdi>` : value)) : "–");

// The items of the session with which one of these things was done, the latest first. What was put into the cart or bought was
// not only looked at, and has a row of its own.
const LOOKS = ["view", "click"];
const inSession = ({ intent, recent }, types) => {
  const done = recent.filter((one) => types.includes(one.event_type) && one.item_id && millis(one.timestamp) >= intent.started);
  return [...new Map(done.map((one) => [one.item_id, one])).values()];
};

// What a like or an opinion comes from, as the profile says it, each with its day.
// What speaks against it comes behind, and is told as such.
const dated = ({ text, times, timestamp }) => t(times === 1 ? "shopper.deed_on" : "shopper.deeds_until", { deed: text, day: day(timestamp) });
const toldWhy = ({ because, against = [], deeds, weight, sentiment }) => {
  const disliked = (weight ?? sentiment) < 0;
  const told = [...because.map(dated), ...against.map((one) => t(disliked ? "shopper.weakens_dislike" : "shopper.weakens_like", { deed: dated(one) }))];
  const more = deeds - [...because, ...against].reduce((sum, { times }) => sum + times, 0);
  return more > 0 ? [...told, t("shopper.more_deeds", { n: number(more) })] : told;
};

// Likes that come from the very same things say so once.
const toldOnce = (tags) => {
  const told = tags.map(toldWhy);
  return told.map((texts, i) => (i > 0 && JSON.stringify(texts) === JSON.stringify(told[i - 1]) ? [t("shopper.same_deeds")] : texts));
};

const Find = ({ start, onLook }) => {
  const [id, setId] = useState(start ?? "");
  return html`
    <form class="row end" role="search" onSubmit=${(e) => {
      e.preventDefault();
      if (!id.trim()) return;
      go("shopper", [id.trim()]);
      onLook();
    }}>
      <${ShopperField} value=${id} onValue=${setId} placeholder="" quiet />
      <button class="button strong" type="submit"><span>${t("shopper.look")}</span></button>
    </form>
  `;
};

const save = (name, value) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

const Erase = ({ id, onClose, onDone }) => {
  const [typed, setTyped] = useState("");
  const [run, busy, error] = useAction(async () => {
    const { data } = await call("DELETE", ["users", id]);
    onDone(data);
  });
  return html`
    <${Dialog} title=${t("erase.title", { id })} onClose=${onClose}>
      <form class="stack" onSubmit=${(e) => {
        e.preventDefault();
        if (typed === id) run();
      }}>
        <p>${t("erase.what")}</p>
        <${TextField} label=${t("erase.type")} value=${typed} onValue=${setTyped} autocomplete="off" spellcheck=${false} />
        <${Problem} error=${error} />
        <div class="row"><button class="button danger" type="submit" disabled=${typed !== id || busy}><span>${t("erase.do")}</span></button><${Button} onClick=${onClose}>${t("cancel")}<//></div>
      </form>
    <//>
  `;
};

const Lists = ({ id }) => {
  const scenarios = useScenarios();
  const [scenario, setScenario] = useState("");
  const relation = scenarios.data?.scenarios.find((one) => one.name === scenario)?.document.relation;
  const list = useLoad((signal) => preview({ user_id: id, scenario, limit: 10, language: language.value }, signal), [id, scenario, language.value]);
  return html`
    <${Panel} title=${t("shopper.lists")} actions=${html`<a href=${href("try", [], { shopper: id, scenario })}>${t("page.try")}</a>`}>
      <div class="stack">
        <${ScenarioPicker} names=${namesOf(scenarios)} value=${scenario} onValue=${setScenario} />
        <${Loaded} of=${list}>${({ items }) => (items.length ? html`<${Ranking} items=${items} name=${t("shopper.lists")} />` : html`<${NoItems} relation=${relation} shopper=${id} />`)}<//>
      </div>
    <//>
  `;
};

const Known = ({ id, profile }) => html`
  <div class="flow">
    <${Panel} title=${t("shopper.in_words")}>
      <div class="words">${profile.described.length ? profile.described.map((text) => html`<p>${text}</p>`) : html`<${Empty}>${t("shopper.nothing_known")}<//>`}</div>
    <//>
    <${Panel} title=${t("shopper.tags")} note=${t("shopper.tags_what")}>
      ${profile.tags.length ? html`<${Bars} name=${t("shopper.tags")} rows=${toldOnce(profile.tags).map((texts, i) => [profile.tags[i], texts]).map(([tag, texts]) => [html`${tag.name} <span class="muted">${t(`tag.${tag.kind}`)}</span>`, tag.weight, texts])} format=${(value) => signed(value, 2)} />` : html`<${Empty}>${t("nothing")}<//>`}
    <//>
    ${profile.aspects.length > 0 && html`<${Panel} title=${t("shopper.aspects")}><${Bars} name=${t("shopper.aspects")} rows=${profile.aspects.map((one) => [one.name, one.sentiment, toldWhy(one)])} format=${(value) => signed(value, 2)} /><//>`}
    ${profile.intent && html`<${Panel} title=${t("shopper.session")} note=${ago(profile.intent.ended)}><dl class="facts">
      <dt>${t("shopper.looked_at")}</dt><dd>${named(inSession(profile, LOOKS))}</dd>
      <dt>${t("shopper.in_cart")}</dt><dd>${named(profile.intent.in_cart)}</dd>
      <dt>${t("shopper.bought")}</dt><dd>${named(inSession(profile, ["purchase"]))}</dd>
      <dt>${t("shopper.searches")}</dt><dd>${number(profile.intent.searches)}</dd>
    </dl><//>`}
    <${Panel} title=${t("shopper.timeline")} note=${profile.counts.interactions > profile.recent.length && t("shopper.latest_of", { n: number(profile.recent.length), of: number(profile.counts.interactions) })}>
      ${profile.recent.length ? html`<ol class="timeline">${profile.recent.map((one) => html`
        <li><strong>${nameOfDeed(one.event_type)}</strong> <bdi>${one.title || one.item_id}</bdi> <span class="muted" title=${dateTime(one.timestamp)}>${ago(one.timestamp)}</span>
          ${one.polarity != null && html` <span title=${t("shopper.tone_what")}><${Lamp} kind=${one.polarity < 0 ? "error" : one.polarity > 0 ? "good" : "plain"}>${t("shopper.tone", { tone: signed(one.polarity, 2) })}<//></span>`}
          ${one.value != null && one.event_type === "review" && html` <${Lamp} kind="plain">${t("shopper.grade", { grade: number(one.value, 1) })}<//>`}</li>`)}</ol>` : html`<${Empty}>${t("nothing")}<//>`}
    <//>
    <${Lists} id=${id} />
    <${Panel} title=${t("shopper.consent")} note=${t("shopper.texts_what")}><dl class="facts">
      ${Object.entries(profile.counts).map(([name, count]) => html`<dt>${has(`count.${name}`) ? t(`count.${name}`) : name}</dt><dd>${number(count)}</dd>`)}
      ${Object.keys(profile.consent ?? {}).length === 0 && html`<dt>${t("shopper.consent_row")}</dt><dd>${t("shopper.no_consent")}</dd>`}
      ${Object.entries(profile.consent ?? {}).map(([name, given]) => html`<dt>${has(`consent.${name}`) ? t(`consent.${name}`) : name}</dt><dd><${Lamp} kind=${given ? "good" : "error"}>${t(given ? "yes" : "no")}<//></dd>`)}
    </dl><//>
  </div>
`;

// Of an id without a profile archives may hold events yet: whoever has asked to be erased is.
const Unknown = ({ id, onErase }) => html`
  <${Notice}>
    <p>${t("shopper.unknown", { id })}</p>
    <details><summary>${t("shopper.unknown_erase")}</summary><p>${t("shopper.unknown_erase_what")}</p><${Button} kind="danger" onClick=${onErase}>${t("shopper.erase")}<//></details>
  <//>
`;

const Shopper = ({ id }) => {
  const profile = useLoad((signal) => get(["users", id, "profile"], { language: language.value }, signal), [id, language.value]);
  useLayoutEffect(() => void (profile.data && remember(id)), [Boolean(profile.data)]); // and not once more after an erasure
  const [erasing, setErasing] = useState(false);
  const [receipt, setReceipt] = useState(null);
  const [done, setDone] = useState(false);
  useLayoutEffect(() => void (done && document.querySelector("main").focus()), [done]); // the button that had it is gone
  const [out, exporting, error] = useAction(async () => save(`${id}.json`, await get(["users", id, "export"])));
  const erased = (data) => {
    setErasing(false);
    setDone(true);
    forget(id);
    setReceipt(data.removed ? data : null); // accepted, and done when what it needs is back: there is no receipt yet
    tell(t(data.removed ? "erase.done" : "erase.accepted", { id }));
    profile.reload();
  };
  const removed = receipt && Object.entries(receipt.removed).map(([name, n]) => ({ name, n, left: receipt.remaining[name] }));
  return html`
    <div class="stack">
      ${profile.data && !profile.error && !done && html`<div class="row"><${Button} busy=${exporting} onClick=${out}>${t("shopper.export")}<//><${Button} kind="danger" onClick=${() => setErasing(true)}>${t("shopper.erase")}<//></div>`}
      <${Problem} error=${error} />
      ${done && html`<${Notice}>${t(receipt ? "erase.is_done" : "erase.accepted", { id })}<//>`}
      ${receipt && html`<${Panel} title=${t("erase.receipt")}>
        <${Table} name=${t("erase.receipt")} rows=${removed} columns=${[
          { label: t("erase.part"), of: (one) => (has(`count.${one.name}`) ? t(`count.${one.name}`) : one.name) },
          { label: t("erase.removed"), number: true, of: (one) => number(one.n) },
          { label: t("erase.remaining"), number: true, of: (one) => number(one.left) },
        ]} />
      <//>`}
      ${profile.error?.status === 404 ? !done && html`<${Unknown} id=${id} onErase=${() => setErasing(true)} />` : html`<${Loaded} of=${profile}>${(known) => html`<${Known} id=${id} profile=${known} />`}<//>`}
    </div>
    ${erasing && html`<${Erase} id=${id} onClose=${() => setErasing(false)} onDone=${erased} />`}
  `;
};

export default function ShopperPage({ rest }) {
  // Who is looked up again is looked up anew: the receipt of an erasure is no answer to that.
  const [round, setRound] = useState(0);
  return html`
    <${Head} title=${t("page.shopper")} lead=${t("shopper.lead")}><${Find} key=${rest[0]} start=${rest[0]} onLook=${() => setRound((n) => n + 1)} /><//>
    ${rest[0] ? html`<${Shopper} key=${`${round} ${rest[0]}`} id=${rest[0]} />` : html`<${Empty}>${t("shopper.choose")}<//>`}
    ${!rest[0] && lately().length > 0 && html`<div class="row" role="group" aria-label=${t("shopper.lately")}><span class="muted" aria-hidden="true">${t("shopper.lately")}</span>${lately().map((id) => html`<a href=${href("shopper", [id])}><bdi>${id}</bdi></a>`)}</div>`}
  `;
}
