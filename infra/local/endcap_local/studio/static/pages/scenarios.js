// Scenarios: named defaults of lists; changed as a draft, looked at beside what is live, published, and taken back.
import { get, preview, useLoad } from "../lib/api.js";
import { Beside } from "../lib/beside.js";
import { Who } from "../lib/changes.js";
import { BUILT_IN, Shown } from "../lib/document.js";
import { html, useState } from "../lib/html.js";
import { dateTime, language, millis, t, toTheSecond } from "../lib/i18n.js";
import { useScenarios } from "../lib/pickers.js";
import { go, href } from "../lib/router.js";
import { Older, Overtaken } from "../lib/drafts.js";
import { begin, draftsKept, EVERYWHERE, history, missingFrom, PLACES, publish, same, takeBack, tidy, triable, useDraft, withoutEnded } from "../lib/scenario.js";
import { ScenarioForm } from "../lib/scenario-form.js";
import { Told } from "../lib/told.js";
import { Button, Choice, Confirm, Dialog, Empty, Field, Head, isPast, Lamp, Loaded, Loading, Panel, Problem, Table, TextField, tell, useAction, useRested } from "../lib/ui.js";

const called = (name) => (name === EVERYWHERE ? t("scenario.everywhere") : name);

// What becomes of lists when a scenario is not published any more.
const whatDeleted = (name) => {
  if (name === EVERYWHERE) return t("scenarios.delete_all_what");
  const standing = BUILT_IN.has(name);
  return t(standing ? "scenarios.delete_built_in_what" : "scenarios.delete_what", { name });
};
const deleted = (name) => {
  if (name === EVERYWHERE) return t("scenarios.deleted_all");
  const standing = BUILT_IN.has(name);
  return t(standing ? "scenarios.deleted_built_in" : "scenarios.deleted", { name });
};
// What was there at a time when nothing was published.
const nothingOf = (name) => (BUILT_IN.has(name) ? t("scenarios.was_built_in") : t("scenarios.was_not_there"));

// All scenarios are kept in one document. Its first version that is kept may be one in which another of them was published:
// of this one it says nothing but that it wasn't there before it was published itself.
const changesOf = (versions) => {
  const first = versions.at(-1);
  if (!first || first.document) return versions;
  return versions.length > 1 ? [...versions.slice(0, -1), { before: versions.at(-2).at, at: versions.at(-2).at, nothing: true }] : [];
};

const NewScenario = ({ onClose }) => {
  const [name, setName] = useState("");
  return html`
    <${Dialog} title=${t("scenarios.new")} onClose=${onClose}>
      <form class="stack" onSubmit=${(e) => {
        e.preventDefault();
        onClose();
        begin(name.trim());
        go("scenarios", [name.trim()]);
      }}>
        <${TextField} label=${t("name")} value=${name} onValue=${setName} maxlength="64" hint=${t("scenarios.name_hint")} />
        <div class="row"><button class="button strong" type="submit" disabled=${!name.trim()}><span>${t("scenarios.begin")}</span></button></div>
      </form>
    <//>
  `;
};

// How many rules will end by themselves, and when the first of them does.
const endsIn = (ending = []) => {
  const ahead = ending.filter((one) => !isPast(millis(one.until)));
  if (ahead.length === 0) return "";
  const moment = dateTime(Math.min(...ahead.map((one) => millis(one.until))));
  return ahead.length === 1 ? t("scenarios.one_ends", { moment }) : t("scenarios.ends", { n: ahead.length, moment });
};

const Names = ({ list, chosen }) => {
  const names = [EVERYWHERE, ...list.map((one) => one.name).filter((name) => name !== EVERYWHERE)];
  const drafted = draftsKept.value;
  for (const name of [...drafted, chosen]) if (name && !names.includes(name)) names.push(name);
  return html`
    <nav aria-label=${t("page.scenarios")}><ul class="picks">
      ${names.map((name) => {
        const known = list.find((one) => one.name === name);
        return html`<li><a href=${href("scenarios", [name])} aria-current=${name === chosen ? "true" : undefined}>
          <span>${called(name)}</span><span class="muted">${drafted.includes(name) ? t("scenarios.unpublished") : known?.built_in && name !== EVERYWHERE ? t("scenarios.built_in") : endsIn(known?.ending)}</span>
        </a></li>`;
      })}
    </ul></nav>
  `;
};

const History = ({ name, round, onPut }) => {
  const [asked, setAsked] = useState(null);
  const standing = BUILT_IN.has(name);
  const found = useLoad((signal) => history(name, undefined, signal).catch((error) => (error.status === 404 ? { versions: [] } : Promise.reject(error))), [name, round]);
  // Older pages belong to the latest one that they follow.
  const [added, setAdded] = useState(null);
  const { versions, cursor } = added && added.to === found.data ? added : (found.data ?? { versions: [] });
  const [older, busy, error] = useAction(async () => {
    const page = await history(name, cursor);
    setAdded({ to: found.data, versions: [...versions, ...page.versions], cursor: page.cursor });
  });
  // What isn't there can't be taken back.
  const isLive = Boolean(versions[0]?.document);
  const columns = [
    { label: t("when"), of: (one) => one.before != null ? t("scenarios.before", { moment: toTheSecond(one.before) }) : html`${toTheSecond(one.at)} ${one.current && html`<${Lamp} kind="good">${t("live")}<//>`}` },
    { label: t("changes.who"), of: (one) => (one.who ? html`<${Who} of=${one.who} />` : "–") },
    { label: t("scenarios.said"), of: (one) => (one.document ? html`<${Shown}><${Told} document=${one.document} before=${versions[versions.indexOf(one) + 1]?.document} /><//>` : one.before != null && !one.nothing ? t("scenarios.nothing_kept") : nothingOf(name)) },
    { label: t("scenarios.undo"), of: (one) => !one.current && (one.document || isLive) && html`<${Button} kind="small" icon="undo" aria-label=${one.before != null ? t("scenarios.take_all_back") : `${t("scenarios.put_back")} ${toTheSecond(one.at)}`} onClick=${() => setAsked(one)}>${t(one.before != null ? "scenarios.take_all_back" : "scenarios.put_back")}<//>` },
  ];
  const put = () => {
    setAsked(null);
    onPut(asked);
  };
  // Before the first version that is kept may have been nothing, to which there is a way back as well.
  const withBefore = (versions) => (versions[0]?.document && versions.at(-1).document && Object.keys(versions.at(-1).document).length ? [...versions, { before: versions.at(-1).at, at: versions.at(-1).at }] : versions);
  return html`
    <${Loaded} of=${found}>${() => html`<${Table} name=${t("scenarios.history")} columns=${columns} rows=${cursor ? versions : withBefore(changesOf(versions))} empty=${t("scenarios.no_history")} />`}<//>
    <${Problem} error=${error} />
    ${cursor && html`<div class="row"><${Button} kind="small" busy=${busy} onClick=${older}>${t("changes.older")}<//></div>`}
    ${asked && html`<${Confirm} title=${t(asked.before != null ? "scenarios.take_all_back" : "scenarios.put_back")} action=${t(asked.before != null ? "scenarios.take_all_back" : "scenarios.put_back")} onDo=${put} onClose=${() => setAsked(null)}
      text=${asked.document ? t("scenarios.put_back_what", { name: called(name), moment: toTheSecond(asked.at) }) : asked.before != null || name === EVERYWHERE ? whatDeleted(name) : t(standing ? "scenarios.put_back_built_in" : "scenarios.put_back_gone", { name, moment: toTheSecond(asked.at) })} />`}
  `;
};

// What a browser says of what is no JSON is English, and differs from one to the next, but for the place.
const noJson = ({ message }) => {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  return line ? { key: "scenarios.no_json_at", values: { line, column } } : { key: "scenarios.no_json" };
};

// What is written, until the draft becomes another by other means. While it is no JSON (`error`, the key of its text), the draft is
// still what was written before.
const AsText = ({ document, written, onWritten, onDocument }) => {
  const { text, error } = written ?? { text: JSON.stringify(document, null, 2) };
  const read = (value) => {
    let parsed;
    try {
      parsed = JSON.parse(value);
    } catch (problem) {
      return onWritten({ of: document, text: value, error: noJson(problem) });
    }
    if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed)) return onWritten({ of: document, text: value, error: { key: "scenarios.no_object" } });
    onDocument(parsed);
    return onWritten({ of: parsed, text: value });
  };
  return html`<${Field} label=${t("scenarios.as_text")} error=${error && t(error.key, error.values)} control=${(tied) => html`<textarea class="code" rows="18" spellcheck=${false} value=${text} onInput=${(e) => read(e.target.value)} ...${tied}></textarea>`} />`;
};

// The pins that the draft's list has no place for, as far as a shopper of whom nothing is known can tell: lists of a relation
// are about items or purchases that are not given here.
const useMissing = (name, draft) => {
  // Without pins that count by now nothing has to be asked.
  const pinned = draft && !draft.relation && name !== EVERYWHERE && missingFrom([], triable(draft)).length > 0;
  const asked = useRested(pinned ? triable(draft) : null, 400);
  const found = useLoad(async (signal) => {
    if (!asked) return [];
    const { items } = await preview({ scenario: name, drafts: { [name]: asked }, limit: PLACES, explain: false, language: language.value }, signal);
    return missingFrom(items, asked);
  }, [JSON.stringify(asked)]);
  return found.error || !asked ? [] : (found.data ?? []);
};

const Editor = ({ name, parameters, onChanged }) => {
  const everywhere = name === EVERYWHERE;
  const { base, draft, setDraft, discard, older, onOlder, error: unread, settle, reread } = useDraft(name);
  const missing = useMissing(name, draft);
  const [view, setView] = useState("form");
  const [written, setWritten] = useState(null);
  const [tried, setTried] = useState({});
  const [asking, setAsking] = useState(false);
  const [round, setRound] = useState(0);
  const done = (text) => {
    tell(text);
    setRound((n) => n + 1);
    onChanged();
  };
  const [put, putting, putError] = useAction(async (document) => {
    setTried({ base, draft: document });
    settle(document, await publish(name, tidy(document), base.etag));
    done(everywhere ? t("scenarios.published_all") : t("scenarios.published", { name }));
  });
  const [remove, removing, removeError] = useAction(async () => {
    setTried({ base });
    await takeBack(name, base.etag);
    reread();
    done(deleted(name));
  });
  if (unread) return html`<${Problem} error=${unread} />`;
  if (!base) return html`<${Loading} />`;
  const { document, known, built_in } = base;
  const own = written?.of === draft ? written : null;
  const error = tried.base === base ? (putError ?? removeError) : null;
  const changed = !same(document, draft) || !known;
  // A list of `*` alone is a plain one under the draft of what every list keeps to.
  // What is published goes along too: a list keeps to it two seconds later at the latest, and the pages at once.
  const asked = everywhere ? {} : { scenario: name };
  const published = known ? { ...asked, drafts: { [name]: document } } : null;
  const drafted = { ...asked, drafts: { [name]: triable(draft) } };
  return html`
    <div class="stack">
      <${Panel} title=${called(name)} note=${everywhere ? t("scenario.everywhere_note") : undefined}
        actions=${html`
          <${Lamp} kind=${changed ? "warning" : "good"}>${t(changed ? "scenarios.unpublished" : "scenarios.is_live")}<//>
          <${Choice} label=${t("scenarios.view")} value=${view} onValue=${setView} options=${[["form", t("scenarios.as_form")], ["text", t("scenarios.as_text")]]} />
        `}>
        <div class="stack">
          <${Older} draft=${older} onOlder=${onOlder} />
          ${view === "form"
            ? html`<${ScenarioForm} document=${draft} parameters=${parameters} everywhere=${everywhere} asked=${{ scenario: name }} missing=${missing} errors=${tried.draft === draft ? error?.errors : undefined} onDocument=${setDraft} />`
            : html`<${AsText} document=${draft} written=${own} onWritten=${setWritten} onDocument=${setDraft} />`}
          <div class="stack in-sight">
            <${Problem} error=${error} />
            <${Overtaken} error=${error} onRead=${reread} />
            <div class="row">
              <${Button} kind="strong" busy=${putting} onClick=${() => put(draft)} ...${changed && !(view === "text" && own?.error) ? {} : { disabled: true }}>${t("scenarios.publish")}<//>
              <${Button} icon="undo" onClick=${discard} ...${changed ? {} : { disabled: true }}>${t("scenarios.discard")}<//>
              ${known && !built_in && html`<${Button} kind="danger" busy=${removing} onClick=${() => setAsking(true)}>${t("scenarios.delete")}<//>`}
            </div>
          </div>
          ${asking && html`<${Confirm} title=${t("scenarios.delete")} text=${whatDeleted(name)} action=${t("scenarios.delete")} onClose=${() => setAsking(false)}
            onDo=${() => {
              setAsking(false);
              remove();
            }} />`}
        </div>
      <//>
      <${Panel} title=${t("scenarios.beside")} note=${t("scenarios.beside_note")}><${Beside} live=${published} drafted=${drafted} /><//>
      <${Panel} title=${t("scenarios.history")} note=${t("scenarios.history_note")}>
        <${History} name=${name} round=${round} onPut=${(version) => (version.document ? put(withoutEnded(version.document)) : remove())} />
      <//>
    </div>
  `;
};

export default function Scenarios({ rest }) {
  const list = useScenarios();
  const parameters = useLoad((signal) => get(["parameters"], { language: language.value }, signal), [language.value]);
  const [making, setMaking] = useState(false);
  const name = rest[0];
  return html`
    <${Head} title=${t("page.scenarios")} lead=${t("scenarios.lead")}><${Button} kind="strong" onClick=${() => setMaking(true)}>${t("scenarios.new")}<//><//>
    <div class="beside">
      <${Panel} tight><${Loaded} of=${list}>${({ scenarios }) => html`<${Names} list=${scenarios} chosen=${name} />`}<//><//>
      ${name
        ? html`<${Loaded} of=${parameters}>${(known) => html`<${Editor} key=${name} name=${name} parameters=${known} onChanged=${list.reload} />`}<//>`
        : html`<${Empty}>${t("scenarios.choose")}<//>`}
    </div>
    ${making && html`<${NewScenario} onClose=${() => setMaking(false)} />`}
  `;
}
