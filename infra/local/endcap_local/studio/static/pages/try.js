// Try it: a shopper, chosen or invented, whose list answers to what they do. Nothing of it is recorded: what is done here
// goes along with each request, and no event is sent.
import { preview, useLoad } from "../lib/api.js";
import { html, useMemo, useRef, useState } from "../lib/html.js";
import { about, followed, has, language, listed, t } from "../lib/i18n.js";
import { DeedForm } from "../lib/invented.js";
import { ItemLink, Legend, Moved, NoItems, Picture, Price, ranksOf, ReasonBar, Reasons, widestOf } from "../lib/items.js";
import { namesOf, relationOf, ScenarioPicker, ShopperField, useScenarios } from "../lib/pickers.js";
import { href } from "../lib/router.js";
import { Button, Dialog, Empty, Head, Loading, Notice, Panel, Problem, SelectField, TextField, useRested } from "../lib/ui.js";

const DEEDS = [["view", "view"], ["add_to_cart", "cart"], ["purchase", "buy"]];
const nameOfDeed = (type) => (has(`deed.${type}`) ? t(`deed.${type}`) : type);

const Tile = ({ item, before, known, widest, onDo, onReview, onOpen }) => html`
  <li class="tile">
    <${Picture} item=${item} />
    <span class="rank">${item.rank}</span>
    <span class="tags">${known && html`<${Moved} before=${before} rank=${item.rank} />`}</span>
    <div class="body">
      <p class="title"><${ItemLink} item=${item} /></p>
      <${Price} item=${item} />
      <${ReasonBar} reasons=${item.reasons} widest=${widest} />
      <p class="why">${item.reasons[0]?.text}</p>
      <div class="tools" role="group" aria-label=${t("try.do", { title: item.title })}>
        ${DEEDS.map(([type, icon]) => html`<${Button} kind="quiet" icon=${icon} title=${nameOfDeed(type)} aria-label=${about(nameOfDeed(type), item.title)} onClick=${() => onDo(type, item)} />`)}
        <${Button} kind="quiet" icon="review" title=${t("deed.review")} aria-label=${about(t("deed.review"), item.title)} onClick=${() => onReview(item)} />
        <${Button} kind="quiet small" aria-label=${`${t("try.why")} ${item.title}`} onClick=${() => onOpen(item)}>${t("try.why")}<//>
      </div>
    </div>
  </li>
`;

const ReviewDialog = ({ item, onSend, onClose }) => {
  const [text, setText] = useState("");
  const [stars, setStars] = useState("");
  const send = (event) => {
    event.preventDefault();
    if (text || stars) onSend(item, text, stars);
  };
  return html`
    <${Dialog} title=${t("try.review_of", { title: item.title })} onClose=${onClose}>
      <form class="stack" onSubmit=${send}>
        <${TextField} label=${t("try.review_text")} value=${text} onValue=${setText} hint=${t("try.review_hint")} />
        <${SelectField} label=${t("try.stars")} value=${stars} onValue=${setStars} options=${[["", t("try.no_stars")], ...[1, 2, 3, 4, 5].map((n) => [String(n), "★".repeat(n)])]} />
        <div class="row"><button type="submit" class="button strong"><span>${t("try.send_review")}</span></button></div>
      </form>
    <//>
  `;
};

const WhyDialog = ({ item, onClose }) => html`
  <${Dialog} title=${t("try.why_title", { rank: item.rank, title: item.title })} onClose=${onClose}>
    <div class="stack">
      ${item.counterfactual && html`<${Notice}>${item.counterfactual.text}<//>`}
      <${Reasons} item=${item} />
    </div>
  <//>
`;

const Session = ({ shopper, deeds, without, onWithout, onTake, onClear, onDo }) => html`
  <${Panel} title=${t("try.session")} tight actions=${deeds.length > 0 && html`<${Button} kind="quiet small" onClick=${onClear}>${t("try.start_over")}<//>`}>
    <p class="muted">${shopper ? t("try.on_top_of", { id: shopper }) : t("try.made_up")}</p>
    ${deeds.length === 0
      ? html`<${Empty}>${t("try.session_empty")}<//>`
      : html`<ol class="deeds">
          ${deeds.map((deed, i) => html`
            <li>
              <span><strong>${nameOfDeed(deed.event_type)}</strong> ${deed.title}${deed.text && html` <q>${deed.text}</q>`}</span>
              <span class="row nowrap">
                <${Button} kind="quiet small" aria-pressed=${without === deed.item_id ? "true" : "false"} aria-label=${about(t("try.what_if"), deed.title)} onClick=${() => onWithout(without === deed.item_id ? null : deed.item_id)}>${t("try.what_if")}<//>
                <${Button} kind="quiet" icon="close" aria-label=${t("try.take_back", { title: deed.title })} onClick=${() => onTake(i)} />
              </span>
            </li>`)}
        </ol>`}
    <details><summary>${t("try.other_item")}</summary><${DeedForm} name=${t("try.other_item")} action=${t("try.add_deed")} onDeed=${onDo} /></details>
  <//>
`;

export default function Try({ query }) {
  const scenarios = useScenarios();
  const [shopper, setShopper] = useState(query.shopper ?? "");
  const [scenario, setScenario] = useState(query.scenario ?? "");
  const [search, setSearch] = useState("");
  const [deeds, setDeeds] = useState([]);
  const [without, setWithout] = useState(null);
  const [open, setOpen] = useState(null);
  const [reviewed, setReviewed] = useState(null);
  const asked = {
    user_id: useRested(shopper.trim(), 400),
    scenario,
    query: useRested(search.trim(), 400),
    language: language.value,
    interactions: deeds.map(({ title, ...event }) => event),
    counterfactual: deeds.length > 0 && !without,
    without_item: without,
  };
  const list = useLoad(async (signal) => ({ ...(await preview(asked, signal)), whose: asked.user_id }), [JSON.stringify(asked)]);
  // Places are compared with the list before this one, whatever has brought it about but another shopper.
  const shown = useRef({ now: null, before: null });
  if (list.data && list.data !== shown.current.now) {
    const { now } = shown.current;
    shown.current = { now: list.data, before: now?.whose === list.data.whose ? now : null };
  }
  const before = useMemo(() => ranksOf(shown.current.before?.items), [list.data]);
  const add = (event_type, item, more = {}) => {
    setWithout(null);
    setDeeds((all) => [...all, { event_type, item_id: item.item_id, title: item.title, timestamp: Date.now(), ...more }]);
  };
  const review = (item, text, stars) => {
    add("review", item, { ...(text && { text }), ...(stars && { value: Number(stars) }) });
    setReviewed(null);
  };
  const items = list.data?.items ?? [];
  const relation = relationOf(scenarios, scenario);
  return html`
    <${Head} title=${t("page.try")} lead=${t("try.lead")} />
    <div class="beside">
      <div class="stack sticky">
        <${Panel} title=${t("try.who")} tight>
          <div class="stack">
            <${ShopperField} value=${shopper} onValue=${setShopper} hint=${t("try.who_hint")} />
            <${ScenarioPicker} names=${namesOf(scenarios)} value=${scenario} onValue=${setScenario} />
            <${TextField} label=${t("try.search")} value=${search} onValue=${setSearch} />
          </div>
        <//>
        <${Session} shopper=${shopper.trim()} deeds=${deeds} without=${without} onWithout=${setWithout} onClear=${() => setDeeds([])} onTake=${(i) => setDeeds((all) => all.filter((_, j) => j !== i))} onDo=${add} />
      </div>
      <section aria-label=${t("try.list")} aria-busy=${list.loading ? "true" : "false"} class="stack">
        ${list.error && html`<${Problem} error=${list.error} />`}
        ${list.data
          ? html`
              ${list.data.degraded && html`<${Notice} kind="warning">${t("try.degraded", { lost: listed(list.data.degraded.lost.map((name) => t(`lost.${name}`))) })}<//>`}
              <div class="row"><span class="muted">${t(`source.${list.data.source}`)}</span><${Legend} items=${items} /></div>
              ${without && html`<ul class="notice">${items.filter((item) => item.counterfactual).map((item) => html`<li>${about(`${item.rank}. ${item.title}`, item.counterfactual.text)}</li>`)}</ul>`}
              ${items.length === 0 && html`<${NoItems} relation=${relation} shopper=${asked.user_id || deeds.length} onShopper=${setShopper} />`}
              <ol class="grid">
                ${items.map((item) => html`<${Tile} key=${item.item_id} item=${item} known=${shown.current.before} before=${before[item.item_id]} widest=${widestOf(items)} onDo=${add} onReview=${setReviewed} onOpen=${setOpen} />`)}
              </ol>
              <p class="muted">${followed(t("try.missing"))}<a href=${href("catalogue")}>${t("page.catalogue")}</a></p>`
          : list.loading && html`<${Loading} />`}
      </section>
    </div>
    ${open && html`<${WhyDialog} item=${open} onClose=${() => setOpen(null)} />`}
    ${reviewed && html`<${ReviewDialog} item=${reviewed} onSend=${review} onClose=${() => setReviewed(null)} />`}
  `;
}
