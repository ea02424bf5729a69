// Events: what comes in, as it comes; what could not be used, why, and sent again.
import { get, post, useLoad } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { about, dateTime, has, number, t, time } from "../lib/i18n.js";
import { go, href } from "../lib/router.js";
import { said } from "../lib/said.js";
import { Button, Choice, Head, Lamp, Loaded, Panel, Problem, Table, tell, useAction } from "../lib/ui.js";

const POLL_MS = 2000;
const KEPT = 200;

const nameOf = (type) => (has(`deed.${type}`) ? t(`deed.${type}`) : type);

// Why one was refused, and which of its fields is at fault; a reason is that as one text.
const told = ({ field, message }) => (field ? t("form.wrong", { where: field, what: said(message) }) : said(message));
const toldOf = (reason) => {
  const [, field, message] = /^([\w.]+): (.+)$/su.exec(reason) ?? [null, "", reason];
  return told({ field, message });
};

const pseudonymOf = (event) => event.pseudonym ?? event.anonymous_pseudonym;
const whoOf = (event) => event.user_id ?? event.anonymous_id ?? pseudonymOf(event);

// The latest first. What was sent again counts once, and stands once: where it stood first.
const withNew = (events, fresh) => {
  const nameOne = ({ event }) => JSON.stringify([event.event_id, whoOf(event)]);
  const known = new Set(events.map(nameOne));
  const isNew = (one) => one.refused || !one.event.event_id || (!known.has(nameOne(one)) && known.add(nameOne(one)));
  return [...fresh.filter(isNew).reverse(), ...events].slice(0, KEPT);
};

// Asks again and again from where the last answer ended, while the page can be seen.
const useTail = (running) => {
  const [seen, setSeen] = useState({ events: [], delay_s: 0 });
  const [error, setError] = useState(null);
  const cursor = useRef(undefined);
  useEffect(() => {
    if (!running) return undefined;
    const stopped = new AbortController();
    let waiting;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const answer = await get(["admin", "events", "tail"], { after: cursor.current, limit: 100 }, stopped.signal);
          cursor.current = answer.cursor;
          setSeen((before) => ({ delay_s: answer.delay_s, events: withNew(before.events, answer.events) }));
          setError(null);
        } catch (problem) {
          if (problem.name !== "AbortError") setError(problem);
        }
      }
      if (!stopped.signal.aborted) waiting = setTimeout(ask, POLL_MS);
    };
    ask();
    return () => {
      stopped.abort();
      clearTimeout(waiting);
    };
  }, [running]);
  return { ...seen, error };
};

const Tail = () => {
  const [running, setRunning] = useState(true);
  const { events, delay_s, error } = useTail(running);
  const columns = [
    { label: t("when"), of: (one) => time(one.at) },
    { label: t("events.type"), of: (one) => nameOf(one.event.event_type ?? "?") },
    { label: t("item"), of: (one) => (one.event.item_id ? html`<a href=${href("catalogue", [one.event.item_id])}>${one.event.item_id}</a>` : "–") },
    { label: t("events.who"), of: (one) => (one.event.user_id ? html`<a href=${href("shopper", [one.event.user_id])}>${one.event.user_id}</a>` : (one.event.anonymous_id ?? pseudonymOf(one.event)?.slice(0, 8) ?? "–")) },
    { label: t("events.outcome"), of: (one) => one.refused ? html`<${Lamp} kind="error">${t("events.refused")}<//><small>${one.errors.map(told).join(t("semicolon"))}</small>` : html`<${Lamp} kind="good">${t("events.taken")}<//>` },
    { label: t("events.whole"), of: (one) => html`<details><summary>${t("changes.show")}</summary><pre tabindex="0">${JSON.stringify(one.event, null, 1)}</pre></details>` },
  ];
  const veiled = events.some(({ event }) => !event.user_id && !event.anonymous_id && pseudonymOf(event));
  const notes = [delay_s > 0 && t("events.delay", { n: delay_s }), veiled && t("events.pseudonym")].filter(Boolean);
  return html`
    <${Panel} title=${t("events.tail")} note=${notes.join(" · ")} actions=${html`<${Lamp} kind=${running ? "good" : "plain"}>${t(running ? "events.live" : "events.paused")}<//><${Button} kind="small" onClick=${() => setRunning(!running)}>${t(running ? "events.pause" : "events.go_on")}<//>`}>
      <${Problem} error=${error} />
      <${Table} name=${t("events.tail")} columns=${columns} rows=${events} empty=${t("events.waiting")} />
    <//>
  `;
};

const Refused = () => {
  const found = useLoad((signal) => get(["admin", "quarantine"], { limit: 100 }, signal), []);
  const [replay, busy, error] = useAction(async (body) => {
    const { found: n, sent, refused } = await post(["admin", "quarantine", "replay"], body);
    tell(t("events.replayed", { n, sent, refused }));
    found.reload();
  });
  return html`
    <${Problem} error=${error} />
    <${Loaded} of=${found}>${({ strays, reasons }) => html`
      <div class="stack">
        <${Panel} title=${t("events.why")} note=${t("events.refused_note")}>
          <${Table} name=${t("events.why")} rows=${Object.entries(reasons).sort((a, b) => b[1] - a[1])} empty=${t("events.none_refused")} columns=${[
            { label: t("events.reason"), long: true, of: ([reason]) => toldOf(reason) },
            { label: t("events.how_many"), number: true, of: ([, n]) => number(n) },
            { label: t("events.replay"), of: ([reason]) => html`<${Button} kind="small" icon="undo" busy=${busy} aria-label=${about(t("events.replay"), toldOf(reason))} onClick=${() => replay({ reason })}>${t("events.replay")}<//>` },
          ]} />
        <//>
        ${strays.length > 0 && html`<${Panel} title=${t("events.strays")}>
          <${Table} name=${t("events.strays")} rows=${strays} keyOf=${(one) => one.key} columns=${[
            { label: t("when"), of: (one) => dateTime(one.arrived_at) },
            { label: t("events.source"), of: (one) => one.source },
            { label: t("events.reason"), long: true, of: (one) => one.errors.map((e) => html`<div>${told(e)}</div>`) },
            { label: t("events.whole"), of: (one) => html`<details><summary>${t("changes.show")}</summary><pre tabindex="0">${one.payload}</pre></details>` },
            { label: t("events.replay"), of: (one) => html`<${Button} kind="small" icon="undo" busy=${busy} aria-label=${about(t("events.replay"), one.key)} onClick=${() => replay({ keys: [one.key] })}>${t("events.replay")}<//>` },
          ]} />
        <//>`}
      </div>`}<//>
  `;
};

export default function Events({ rest }) {
  const view = rest[0] === "refused" ? "refused" : "tail";
  const setView = (next) => go("events", next === "refused" ? [next] : []);
  return html`
    <${Head} title=${t("page.events")} lead=${t("events.lead")}><${Choice} label=${t("scenarios.view")} value=${view} onValue=${setView} options=${[["tail", t("events.tail")], ["refused", t("events.refused_ones")]]} /><//>
    ${view === "tail" ? html`<${Tail} />` : html`<${Refused} />`}
  `;
}
