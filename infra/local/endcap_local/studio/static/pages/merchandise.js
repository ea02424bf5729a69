// Merchandise: a list laid out by hand. An item is dragged to a place, or put there by its buttons; pushed up or hidden,
// until a date or for good. What is laid out is a draft until it is published.
import { preview, useLoad } from "../lib/api.js";
import { Older, Overtaken } from "../lib/drafts.js";
import { html, useEffect, useState } from "../lib/html.js";
import { about, dateTime, language, t, zone } from "../lib/i18n.js";
import { ItemLink, Moved, NoItems, Picture, Price, ranksOf } from "../lib/items.js";
import { ItemField, itemOf, namesOf, ShopperField, useScenarios } from "../lib/pickers.js";
import { href } from "../lib/router.js";
import { boostItem, EVERYWHERE, hide, missingFrom, only, onlyOne, pin, PLACES, publish, same, tidy, triable, unboost, unhide, unpin, useDraft, wouldNeverCount } from "../lib/scenario.js";
import { useTitles } from "../lib/titles.js";
import { Button, Empty, Head, isPast, Lamp, Loaded, Loading, MomentField, Notice, Panel, Problem, SelectField, tell, useAction, useRested } from "../lib/ui.js";

const PUSH = 0.5;

const Tile = ({ item, before, document, everywhere, onPin, onUnpin, onBoost, onHide, dragged, onDrag }) => {
  const pinned = document.pinned?.find((one) => one.item_id === item.item_id);
  const boost = document.boost?.find((one) => one.filter === only(item.item_id));
  const [over, setOver] = useState(false);
  const named = (action) => about(action, item.title);
  // Where it is going to stand; the list that shows it may be on its way yet.
  const at = pinned?.position ?? item.rank;
  return html`
    <li class=${over ? "tile dropping" : "tile"} draggable=${everywhere ? undefined : "true"}
      onDragStart=${(e) => {
        e.dataTransfer.effectAllowed = "move";
        e.dataTransfer.setData("text/plain", item.item_id);
        onDrag(item.item_id);
      }}
      onDragOver=${(e) => {
        if (!dragged || dragged === item.item_id) return;
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave=${() => setOver(false)}
      onDragEnd=${() => onDrag(null)}
      onDrop=${(e) => {
        e.preventDefault();
        setOver(false);
        if (dragged) onPin(dragged, item.rank);
      }}>
      <${Picture} item=${item} />
      <span class="rank">${item.rank}</span>
      <span class="tags"><${Moved} before=${before} rank=${item.rank} />${pinned && html`<span class="tag">${t("merch.pinned")}</span>`}${boost && html`<span class="tag">${t("merch.pushed")}</span>`}</span>
      <div class="body">
        <p class="title"><${ItemLink} item=${item} /></p><${Price} item=${item} />
        <div class="tools" role="group" aria-label=${named(t("merch.tools"))}>
          ${!everywhere && html`
            <${Button} kind="quiet" icon="left" title=${t("merch.earlier")} aria-label=${named(t("merch.earlier"))} disabled=${at === 1} onClick=${() => onPin(item.item_id, at - 1)} />
            <${Button} kind="quiet" icon="right" title=${t("merch.later")} aria-label=${named(t("merch.later"))} onClick=${() => onPin(item.item_id, at + 1)} />
            <${Button} kind="quiet" icon="pin" title=${t(pinned ? "merch.unpin" : "merch.pin")} aria-label=${named(t(pinned ? "merch.unpin" : "merch.pin"))} aria-pressed=${pinned ? "true" : "false"} onClick=${() => (pinned ? onUnpin(item.item_id) : onPin(item.item_id, item.rank))} />
            <${Button} kind="quiet" icon="boost" title=${t("merch.boost")} aria-label=${named(t("merch.boost"))} aria-pressed=${boost ? "true" : "false"} onClick=${() => onBoost(item.item_id, boost)} />`}
          <${Button} kind="quiet" icon="hide" title=${t("merch.hide")} aria-label=${named(t("merch.hide"))} onClick=${() => onHide(item)} />
        </div>
      </div>
    </li>
  `;
};

const Rules = ({ document, asked, titles, missing, onDocument }) => {
  const rows = [
    ...(document.pinned ?? []).map((one) => ({ missing: missing.includes(one.item_id), what: t("merch.pinned_at", { n: one.position }), item_id: one.item_id, until: one.until, undo: (d) => unpin(d, one.item_id) })),
    ...(document.boost ?? []).map((one) => ({ what: t("merch.pushed"), item_id: onlyOne(one.filter) ?? one.filter, until: one.until, undo: (d) => ({ ...d, boost: d.boost.filter((other) => other.filter !== one.filter) }) })),
    ...(document.hidden ?? []).map((one) => ({ what: t("merch.hidden"), item_id: one.item_id, until: one.until, undo: (d) => unhide(d, one.item_id) })),
  ];
  const again = document.relation === "buy_again";
  if (rows.length === 0) return html`<${Empty}>${t("merch.no_rules")}<//>`;
  return html`<ul class="deeds">${rows.map((row) => html`
    <li><span><strong>${row.what}</strong> <bdi>${titles[row.item_id] || row.item_id}</bdi>${row.until && html` <span class="muted">${isPast(row.until) ? t("merch.ended", { day: dateTime(row.until) }) : t("merch.until", { day: dateTime(row.until) })}</span>`}
      ${row.missing && html`<span class="line wrapped" role="status">${t(again ? "merch.missing_again" : "merch.missing")} <a href=${href("catalogue", [row.item_id], asked)}>${t("merch.missing_why")}</a></span>`}</span>
      <${Button} kind="quiet" icon="close" aria-label=${t("merch.remove_rule", { what: row.what, item: titles[row.item_id] || row.item_id })} onClick=${() => onDocument(row.undo)} /></li>`)}</ul>`;
};

const Board = ({ name, shopper, until, onShopper }) => {
  const everywhere = name === EVERYWHERE;
  const { base: published, draft, setDraft, discard, older, onOlder, error: unread, settle, reread } = useDraft(name);
  const [dragged, setDragged] = useState(null);
  const [shownTitles, setTitles] = useState({});
  // What is hidden is in no list, and a reload has forgotten what was.
  const named = [...(draft?.pinned ?? []), ...(draft?.hidden ?? [])].map((one) => one.item_id);
  const pushed = (draft?.boost ?? []).map((one) => onlyOne(one.filter)).filter(Boolean);
  const titles = { ...useTitles([...named, ...pushed]), ...shownTitles };
  const [adding, setAdding] = useState("");
  const [tried, setTried] = useState(null);
  const base = { user_id: shopper, scenario: everywhere ? null : name, limit: PLACES, language: language.value };
  const asked = { ...base, drafts: draft ? { [name]: triable(draft) } : undefined };
  const list = useLoad((signal) => (draft ? preview(asked, signal) : Promise.resolve(null)), [JSON.stringify(asked)]);
  const shown = { ...base, drafts: published && { [name]: published.document } };
  const live = useLoad((signal) => (published ? preview(shown, signal) : Promise.resolve(null)), [JSON.stringify(shown)]);
  useEffect(() => {
    for (const one of [list.data, live.data]) if (one) setTitles((known) => ({ ...known, ...Object.fromEntries(one.items.map((item) => [item.item_id, item.title])) }));
  }, [list.data, live.data]);
  const [put, putting, refused] = useAction(async () => {
    setTried(published);
    settle(draft, await publish(name, tidy(draft), published.etag));
    tell(everywhere ? t("scenarios.published_all") : t("scenarios.published", { name }));
  });
  const error = tried === published ? refused : null;
  // An id that no item has would be laid out, published and never seen.
  const [add, looking, unknown] = useAction(async (id) => {
    const { item_id, title } = await itemOf(id);
    setTitles((known) => ({ ...known, [item_id]: title }));
    setDraft((d) => (everywhere ? hide(d, item_id, until) : pin(d, item_id, 1, until)));
    setAdding((now) => (now.trim() === id ? "" : now)); // the next one may be in it by now
  });
  if (unread) return html`<${Problem} error=${unread} />`;
  if (!published) return html`<${Loading} />`;
  const changed = !same(published.document, draft);
  const past = wouldNeverCount(draft, published.document);
  const before = ranksOf(live.data?.items);
  const place = (item_id, position) => {
    setDraft((d) => pin(d, item_id, position, until));
    setDragged(null);
  };
  return html`
    <div class="stack">
      <${Panel} title=${t("merch.rules")} actions=${html`
        <${Lamp} kind=${changed ? "warning" : "good"}>${t(changed ? "scenarios.unpublished" : "scenarios.is_live")}<//>
        <${Button} icon="undo" ...${changed ? {} : { disabled: true }} onClick=${discard}>${t("scenarios.discard")}<//>
        <${Button} kind="strong" busy=${putting} ...${changed && !past ? {} : { disabled: true }} onClick=${put}>${t("scenarios.publish")}<//>
        ${published.known && html`<a href=${href("scenarios", [name])}>${t("scenarios.history")}</a>`}`}>
        <div class="stack">
          ${past && html`<${Notice} kind="warning"><p>${t("merch.past")}</p><//>`}
          <${Older} draft=${older} onOlder=${onOlder} />
          <${Rules} document=${draft} asked=${{ scenario: name, ...(shopper && { shopper }) }} titles=${titles} missing=${list.loading || !list.data ? [] : missingFrom(list.data.items, draft)} onDocument=${setDraft} />
          <form class="row fields" onSubmit=${(e) => {
            e.preventDefault();
            if (adding.trim()) add(adding.trim());
          }}>
            <${ItemField} label=${t(everywhere ? "merch.hide_by_id" : "merch.pin_by_id")} placeholder=${t("invented.words")} value=${adding} onValue=${setAdding} />
            <button type="submit" class="button" disabled=${looking}><span>${t(everywhere ? "merch.hide" : "merch.pin")}</span></button>
          </form>
          <${Problem} error=${error ?? unknown} />
          <${Overtaken} error=${error} onRead=${reread} />
        </div>
      <//>
      <${Loaded} of=${list}>${(found) => found === null ? html`<${Loading} />` : html`
        ${!everywhere && found.items.length > 0 && html`<p class="hint">${t("merch.drag_hint")}</p>`}
        <ol class="grid" aria-label=${t("merch.board")} aria-busy=${list.loading ? "true" : undefined}>
          ${found.items.map((item) => html`<${Tile} key=${item.item_id} ...${{ item, document: draft, everywhere, dragged }} before=${live.data ? before[item.item_id] : item.rank}
            onDrag=${setDragged} onPin=${place} onUnpin=${(id) => setDraft((d) => unpin(d, id))}
            onBoost=${(id, has) => setDraft((d) => (has ? unboost(d, id) : boostItem(d, id, PUSH, until)))}
            onHide=${(one) => setDraft((d) => hide(unpin(d, one.item_id), one.item_id, until))} />`)}
        </ol>
        ${found.items.length === 0 && html`<${NoItems} relation=${draft.relation} shopper=${shopper} onShopper=${onShopper} />`}`}<//>
    </div>
  `;
};

export default function Merchandise({ query }) {
  const scenarios = useScenarios();
  const names = namesOf(scenarios);
  const [chosen, setChosen] = useState(query.scenario ?? EVERYWHERE);
  const [shopper, setShopper] = useState("");
  const [until, setUntil] = useState(null);
  const rested = useRested(shopper.trim(), 400);
  return html`
    <${Head} title=${t("page.merchandise")} lead=${t(chosen === EVERYWHERE ? "merch.lead_all" : "merch.lead")} />
    <div class="stack">
      <${Panel} tight>
        <div class="form">
          <${SelectField} label=${t("merch.where")} value=${chosen} onValue=${setChosen} options=${[[EVERYWHERE, t("scenario.everywhere")], ...names.map((name) => [name, name])]} hint=${chosen === EVERYWHERE ? t("merch.everywhere_hint") : undefined} />
          <${MomentField} label=${t("merch.until_label")} hint=${t("merch.until_hint", { zone: zone() })} ends value=${until} onValue=${setUntil} />
          <${ShopperField} value=${shopper} onValue=${setShopper} hint=${t("merch.shopper_hint")} />
        </div>
      <//>
      <${Board} key=${chosen} name=${chosen} shopper=${rested} until=${until} onShopper=${setShopper} />
    </div>
  `;
}
