// Snapshots: what was learned and when, beside each other; made current, taken back, learned anew.
import { get, post, useLoad } from "../lib/api.js";
import { Ranking } from "../lib/beside.js";
import { html, useEffect, useState } from "../lib/html.js";
import { ago, bytes, dateTime, meaningOfMeasure, millis, nameOfMeasure, number, percent, sentences, t } from "../lib/i18n.js";
import { NoItems, ranksOf } from "../lib/items.js";
import { ReportPlots } from "../lib/report.js";
import { Running } from "../lib/running.js";
import { namesOf, relationOf, ScenarioPicker, useScenarios } from "../lib/pickers.js";
import { Button, Confirm, Dialog, Head, Lamp, Loaded, Notice, Panel, Problem, Said, Table, TextField, tell, useAction } from "../lib/ui.js";

const LAMPS = { current: "good", previous: "plain", other: "plain", was_current: "plain", incomplete: "warning" };
const WATCH_MS = 3000;
const RECORDS = 100;
const WATCHED = 100; // times: a promotion on AWS takes minutes

// Measures lie as deep as the rebuild has put them; a page names them by their path.
const flat = (metrics, path = "") =>
  Object.entries(metrics ?? {}).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? flat(value, `${path}${name}.`) : [[path + name, value]],
  );
const COUNTS = new Set(["items", "events", "users"]);
const numbers = (metrics) => flat(metrics).filter(([name, value]) => typeof value === "number" && !COUNTS.has(name));
const valueOf = (metrics, name) => flat(metrics).find(([other]) => other === name)?.[1];
const TOLD = /ndcg|recall|hit|mrr|coverage/i;
const shown = (value) => (typeof value === "number" ? number(value, 4) : typeof value === "object" ? JSON.stringify(value) : String(value));

// A measure in words, with what it means, and where it stands in what the rebuild has told.
const measure = (path) => {
  const name = nameOfMeasure(path);
  return name === path ? html`<code>${path}</code>` : html`<span title=${meaningOfMeasure(path)}>${name}</span><small><code>${path}</code></small>`;
};
const Meanings = ({ paths }) => {
  const last = [...new Set(paths.map((path) => path.split(".").at(-1)))].filter((name) => meaningOfMeasure(name));
  return last.length > 0 && html`<details><summary>${t("snapshots.meanings")}</summary><dl class="facts">${last.map((name) => html`<dt>${nameOfMeasure(name)}</dt><dd>${meaningOfMeasure(name)}</dd>`)}</dl></details>`;
};

const Compare = ({ version, onClose }) => {
  const scenarios = useScenarios();
  const [ids, setIds] = useState("");
  const [scenario, setScenario] = useState("");
  const [outcome, setOutcome] = useState(null);
  const [run, busy, error] = useAction(async () => {
    const user_ids = ids.split(/[\s,]+/).filter(Boolean);
    setOutcome(await post(["admin", "snapshots", version, "compare"], { user_ids, limit: 10, ...(scenario && { scenario }) }));
  });
  useEffect(() => void run(), []);
  const relation = relationOf(scenarios, scenario);
  const listOf = ({ items }, shopper, rest) => (items.length ? html`<${Ranking} items=${items} ...${rest} />` : html`<${NoItems} ...${{ relation, shopper }} />`);
  const metrics = outcome && [...new Set([outcome.current, outcome.other].flatMap((one) => numbers(outcome.metrics[one]).map(([name]) => name)))];
  return html`
    <${Dialog} title=${t("snapshots.compare_with", { version })} onClose=${onClose}>
      <div class="stack">
        <form class="form" onSubmit=${(e) => {
          e.preventDefault();
          run();
        }}>
          <${TextField} label=${t("snapshots.shoppers")} value=${ids} onValue=${setIds} autocomplete="off" hint=${t("snapshots.shoppers_hint")} />
          <${ScenarioPicker} names=${namesOf(scenarios)} value=${scenario} onValue=${setScenario} />
          <div class="row end"><button class="button strong" type="submit" disabled=${busy}><span>${t("snapshots.compare")}</span></button></div>
        </form>
        <${Problem} error=${error} />
        ${outcome && html`
          <p>${t("snapshots.overlap", { share: percent(outcome.overlap, 0) })}</p>
          ${metrics.length > 0 && html`<${Table} name=${t("snapshots.metrics")} rows=${metrics} columns=${[
            { label: t("snapshots.measure"), of: measure },
            { label: t("snapshots.current"), number: true, of: (name) => number(valueOf(outcome.metrics[outcome.current], name), 4) },
            { label: html`<code>${outcome.other}</code>`, number: true, of: (name) => number(valueOf(outcome.metrics[outcome.other], name), 4) },
          ]} />`}
          <${Meanings} paths=${metrics} />
          ${outcome.shoppers.map((one) => html`<div><h3>${one.user_id || t("shopper.nobody")} <span class="muted">${percent(one.overlap, 0)}</span></h3>
            <div class="columns pair"><div><p class="muted">${t("snapshots.current")}</p>${listOf(one.current, one.user_id, { name: t("snapshots.current") })}</div>
            <div><p class="muted"><code>${outcome.other}</code></p>${listOf(one.other, one.user_id, { name: outcome.other, before: ranksOf(one.current.items) })}</div></div></div>`)}`}
      </div>
    <//>
  `;
};

const Refused = ({ one }) => {
  const back = one.what === "rollback";
  return html`<${Notice} kind="error">
    <p>${t(back ? "snapshots.refused_rollback" : "snapshots.refused_promote", { version: one.version, when: ago(one.at) })}</p><p><${Said} text=${one.error} /></p>
  <//>`;
};

const Promote = ({ version, onClose, onDone }) => {
  const [force, setForce] = useState("");
  const [run, busy, error] = useAction(async () => {
    await post(["admin", "snapshots", version, "promote"], force.trim() ? { force: force.trim() } : {});
    onDone();
  });
  return html`
    <${Dialog} title=${t("snapshots.promote_this", { version })} onClose=${onClose}>
      <form class="stack" onSubmit=${(e) => {
        e.preventDefault();
        run();
      }}>
        <p>${t("snapshots.promote_note")}</p>
        <${TextField} label=${t("snapshots.force")} hint=${t("snapshots.force_hint")} value=${force} onValue=${setForce} />
        <${Problem} error=${error} />
        <div class="row"><button class="button strong" type="submit" disabled=${busy}><span>${t("snapshots.promote")}</span></button></div>
      </form>
    <//>
  `;
};

// When each of these snapshots was current, as far as records of promotions and rollbacks tell: {version: {key, at}} by the
// latest of them. Records are read on until all are found, or until none of them had been written yet.
async function wereCurrent(snapshots, signal) {
  const found = {};
  const written = Math.min(...snapshots.map((one) => one.written_at));
  let page = {};
  do {
    page = await get(["admin", "audit"], { limit: RECORDS, cursor: page.cursor }, signal);
    for (const { what, target, before, at } of page.records.filter((one) => one.what === "rollback" || one.what === "promote")) {
      if (before) found[before] ??= { key: "snapshots.was_current_at", at };
      if (what === "rollback") found[target] ??= { key: "snapshots.was_current_before", at };
    }
  } while (page.cursor && millis(page.records.at(-1).at) > written && snapshots.some(({ version }) => !(version in found)));
  return found;
}

// Those that have a name first; what only the rebuild itself calls something is there for whoever asks.
const MeasureTable = ({ metrics }) => {
  const all = flat(metrics).filter(([, value]) => !Array.isArray(value));
  const known = all.filter(([path]) => nameOfMeasure(path) !== path);
  const table = (rows, name) => html`<${Table} name=${name} rows=${rows} empty=${t("snapshots.no_metrics")} columns=${[
    { label: t("snapshots.measure"), of: ([path]) => measure(path) },
    { label: t("value"), number: true, of: ([, value]) => shown(value) },
  ]} />`;
  if (known.length === all.length) return table(all, t("snapshots.metrics"));
  return html`
    ${known.length > 0 && table(known, t("snapshots.metrics"))}
    <details><summary>${t("snapshots.all_measures")}</summary>${table(all, t("snapshots.all_measures"))}</details>
  `;
};

const Report = ({ snapshot, onClose }) => html`
  <${Dialog} title=${t("snapshots.report_of", { version: snapshot.version })} onClose=${onClose}>
    <div class="stack">
      <dl class="facts">
        <dt>${t("snapshots.created")}</dt><dd>${dateTime(snapshot.created ?? snapshot.written_at)}</dd>
        <dt>${t("snapshots.encoder")}</dt><dd>${snapshot.encoder ?? "–"}</dd>
        <dt>${t("snapshots.parent")}</dt><dd>${snapshot.parent ?? "–"}</dd>
        <dt>${t("snapshots.size")}</dt><dd>${bytes(snapshot.size_bytes)}</dd>
      </dl>
      <${ReportPlots} metrics=${snapshot.metrics} />
      <${MeasureTable} metrics=${snapshot.metrics} />
      <${Meanings} paths=${flat(snapshot.metrics).map(([name]) => name)} />
    </div>
  <//>
`;

// Which snapshot lists are going to be made from, and how far that has come: it is checked first (`awaited`, what was asked for
// here), then it is the current one, and the functions load it one after the other.
const movingTo = (awaited, list, overview) => {
  const made = overview?.snapshot?.version;
  if (awaited && list && list.current !== awaited.version) return { version: awaited.version, made, step: awaited.back ? "going_back" : "checked" };
  if (list?.current && made && made !== list.current) return { version: list.current, made, step: "loaded" };
  return null;
};

const Moving = ({ of: { version, made, step } }) => html`<${Notice}><p role="status">${sentences([t(`snapshots.is_${step}`, { version }), made && t("snapshots.made_from", { version: made })])}</p><//>`;

export default function Snapshots() {
  const list = useLoad((signal) => get(["admin", "snapshots"], {}, signal), [], { patient: true });
  const overview = useLoad((signal) => get(["admin", "overview"], {}, signal), [], { patient: true });
  const others = (list.data?.snapshots ?? []).filter((one) => one.state === "other");
  const were = useLoad(async (signal) => (others.length ? wereCurrent(others, signal) : {}), [others.map((one) => one.version).join()], { patient: true });
  const [open, setOpen] = useState(null);
  const [watched, setWatched] = useState(0);
  const [awaited, setAwaited] = useState(null);
  // It is refused as well by what the list has told anew.
  const refused = awaited && list.data?.refused?.version === awaited.version && list.data.refused.at !== awaited.refused;
  const moving = movingTo(refused ? null : awaited, list.data, overview.data);
  const loading = list.loading || overview.loading;
  // One at a time: the next might overtake it. Where it takes longer than is waited for it can be gone back from again.
  const switching = Boolean(moving) && watched > 0;
  const still = switching ? { disabled: true } : {};
  const wasCurrent = ({ state, version }) => (state === "other" ? were.data?.[version] : undefined);
  const stateOf = (one) => (wasCurrent(one) ? "was_current" : one.state);
  useEffect(() => {
    // A promotion or rebuild goes on by itself; what has become of it shows in the list.
    if (loading || (!watched && !list.data?.running.length && moving?.step !== "loaded")) return undefined;
    const waiting = setTimeout(() => {
      setWatched((n) => Math.max(0, n - 1));
      list.reload();
      overview.reload();
    }, WATCH_MS);
    return () => clearTimeout(waiting);
  }, [watched, loading, moving?.step]);
  useEffect(() => {
    if (!awaited || list.loading || overview.loading || (moving && !refused)) return;
    setAwaited(null);
    setWatched(0);
    if (!refused && list.data?.current === awaited.version) tell(t("snapshots.is_current", { version: awaited.version }));
  }, [awaited, moving?.step, refused, loading]);
  // What was asked in `dialog` has begun; another one that was opened meanwhile stays.
  const begun = (text, dialog, version, back) => {
    setOpen((now) => (now === dialog ? null : now));
    tell(text);
    if (version) setAwaited({ version, back, refused: list.data?.refused?.at });
    setWatched(version ? WATCHED : WATCHED / 5);
    list.reload();
    overview.reload();
  };
  const [act, busy, error] = useAction(async (parts, body, text, version) => {
    await post(["admin", ...parts], body);
    begun(text, open, version, true);
  });
  const measures = [...new Set((list.data?.snapshots ?? []).flatMap((one) => numbers(one.metrics).map(([name]) => name)))].filter((name) => TOLD.test(name)).slice(0, 3);
  const columns = [
    { label: t("version"), of: (one) => html`<code>${one.version}</code><small>${dateTime(one.created ?? one.written_at)}</small>` },
    { label: t("item.state"), of: (one) => html`<${Lamp} kind=${LAMPS[stateOf(one)]}>${t(`snapshots.${stateOf(one)}`)}<//>${wasCurrent(one) && html`<small>${t(wasCurrent(one).key, { moment: dateTime(wasCurrent(one).at) })}</small>`}${moving?.version === one.version && html` <${Lamp} kind="warning">${t("snapshots.on_its_way")}<//>`}${!one.signed && html`<small>${t("snapshots.unsigned")}</small>`}` },
    { label: t("today.items"), number: true, of: (one) => number(one.items) },
    { label: t("page.events"), number: true, of: (one) => number(one.events) },
    ...measures.map((name) => ({ label: nameOfMeasure(name), number: true, of: (one) => number(valueOf(one.metrics, name), 4) })),
    {
      label: t("actions"),
      of: (one) => html`<div class="row">
        <${Button} kind="small" aria-label=${`${t("snapshots.report")} ${one.version}`} onClick=${() => setOpen({ what: "report", one })}>${t("snapshots.report")}<//>
        ${one.state !== "current" && one.state !== "incomplete" && html`
          <${Button} kind="small" aria-label=${`${t("snapshots.compare")} ${one.version}`} onClick=${() => setOpen({ what: "compare", one })}>${t("snapshots.compare")}<//>
          ${one.rollbacks
            ? html`<${Button} kind="small" icon="undo" busy=${busy} ...${still} aria-label=${`${t("snapshots.roll_back")} ${one.version}`} onClick=${() => setOpen({ what: "rollback", one })}>${t("snapshots.roll_back")}<//>`
            : html`<${Button} kind="small" ...${still} aria-label=${`${t("snapshots.promote")} ${one.version}`} onClick=${() => setOpen({ what: "promote", one })}>${t("snapshots.promote")}<//>`}`}
      </div>`,
    },
  ];
  const close = () => setOpen(null);
  const lasted = ({ rebuilt }) => rebuilt && t("snapshots.rebuild_took", { minutes: number(Math.max(1, Math.round((rebuilt.ended - rebuilt.since) / 60000))) });
  const rebuilds = overview.data?.rebuild === "available";
  const rebuilding = list.data?.running.length > 0;
  return html`
    <${Head} title=${t("page.snapshots")} lead=${t("snapshots.lead")}>
      ${rebuilds && html`<${Button} kind="strong" busy=${busy} ...${rebuilding ? { disabled: true } : still} onClick=${() => setOpen({ what: "rebuild" })}>${t("snapshots.rebuild")}<//>`}
    <//>
    <div class="stack">
      <${Problem} error=${error ?? list.missed} />
      <${Loaded} of=${list}>${(found) => html`
        ${found.failed && html`<${Notice} kind="error"><p>${t("snapshots.failed", { name: found.failed.name, when: ago(found.failed.ended) })}</p><p><${Said} text=${found.failed.error} /></p><//>`}
        ${found.refused && html`<${Refused} one=${found.refused} />`}
        ${moving && html`<${Moving} of=${moving} />`}
        <${Running} works=${found.running} />
        <${Panel} title=${t("page.snapshots")} note=${found.promoted_at && t("snapshots.promoted_at", { moment: dateTime(found.promoted_at) })}>
          <${Table} name=${t("page.snapshots")} columns=${columns} rows=${found.snapshots} keyOf=${(one) => one.version} acts rowClass=${(one) => (one.state === "current" ? "on" : "")} />
          ${!found.snapshots.some((one) => one.rollbacks) && html`<p class="muted">${sentences([t(found.snapshots.some((one) => one.state === "other") ? "snapshots.none_to_go_back_to" : "snapshots.none_before"), rebuilds && t("snapshots.rebuild_makes")])}</p>`}
          <${Meanings} paths=${measures} />
        <//>`}<//>
    </div>
    ${open?.what === "compare" && html`<${Compare} version=${open.one.version} onClose=${close} />`}
    ${open?.what === "report" && html`<${Report} snapshot=${open.one} onClose=${close} />`}
    ${open?.what === "rollback" && html`<${Confirm} title=${t("snapshots.roll_back_to", { version: open.one.version })} text=${t("snapshots.roll_back_what", { version: open.one.version, moment: dateTime(open.one.created ?? open.one.written_at) })}
      action=${t("snapshots.roll_back")} busy=${busy} error=${error} onClose=${close}
      onDo=${() => act(["snapshots", "rollback"], { version: open.one.version }, t("snapshots.rolling", { version: open.one.version }), open.one.version)} />`}
    ${open?.what === "rebuild" && html`<${Confirm} title=${t("snapshots.rebuild")} text=${sentences([t("snapshots.rebuild_what"), lasted(list.data)])} action=${t("snapshots.rebuild")} busy=${busy} error=${error} onClose=${close}
      onDo=${() => act(["rebuilds"], {}, t("snapshots.rebuilding"))} />`}
    ${open?.what === "promote" && html`<${Promote} version=${open.one.version} onClose=${close} onDone=${() => begun(t("snapshots.promoting", { version: open.one.version }), open, open.one.version)} />`}
  `;
}
