// What operators have changed, the latest first.
import { get, useLoad } from "./api.js";
import { html, useState } from "./html.js";
import { BUILT_IN, Content, Shown } from "./document.js";
import { nameOfPart } from "./fields.js";
import { dateTime, has, listed, t } from "./i18n.js";
import { href } from "./router.js";
import { Button, Loaded, Problem, Table, useAction } from "./ui.js";

// Where what was changed is looked at, and taken back.
const ofScenario = (name) => href("scenarios", [name]);
const ofSnapshots = () => href("snapshots");
const ofExperiment = (name) => href("experiments", [name]);
const PLACES = {
  put_scenario: ofScenario,
  create_scenario: ofScenario,
  delete_scenario: ofScenario,
  take_back_scenario: ofScenario,
  take_back_all: ofScenario,
  put_experiments: () => href("experiments"),
  create_experiment: ofExperiment,
  change_experiment: ofExperiment,
  delete_experiment: () => href("experiments"),
  start_experiment: ofExperiment,
  stop_experiment: ofExperiment,
  promote: ofSnapshots,
  rollback: ofSnapshots,
  rebuild: ofSnapshots,
};

// A hash says nothing by all of its digits.
const Target = ({ of }) => {
  if (of === "*") return t("scenario.everywhere");
  return /^[0-9a-f]{64}$/.test(of) ? html`<code title=${of}>${of.slice(0, 8)}…</code>` : html`<code>${of}</code>`;
};

// A signed caller is an ARN, of which the last part names who it is.
export const Who = ({ of }) => (/^iam:arn:/.test(of) ? html`<span title=${of}>${of.split(/[:/]/).at(-1)}</span>` : of);

// A change may have done several things, each with what it was done to.
const doneBy = (one) => {
  if (one.done?.length) return one.done;
  const { target } = one;
  const standing = target === "*" || BUILT_IN.has(target);
  if (one.what === "put_scenario" && one.before == null && !standing) return [{ what: "create_scenario", target }];
  if (one.what === "delete_scenario" && standing) return [{ what: target === "*" ? "take_back_all" : "take_back_scenario", target }];
  return [{ what: one.what, target }];
};

// The parts of a scenario that a change has made another, by their names in the form.
const partsOf = ({ what, before, after }) => {
  if (what !== "put_scenario" || before == null) return [];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after ?? {})])];
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after?.[key])).map(nameOfPart);
};

const What = ({ one }) => {
  const parts = partsOf(one);
  return html`${doneBy(one).map(({ what }) => html`<span class="line">${has(`did.${what}`) ? t(`did.${what}`) : what.replaceAll("_", " ")}</span>`)}${parts.length > 0 && html`<small>${listed(parts)}</small>`}`;
};

export const Changes = ({ limit }) => {
  const found = useLoad((signal) => get(["admin", "audit"], { limit }, signal), [limit]);
  // Older pages belong to the latest one that they follow.
  const [added, setAdded] = useState(null);
  const all = added && added.to === found.data ? added : { records: found.data?.records ?? [], cursor: found.data?.cursor };
  const [older, busy, error] = useAction(async () => {
    const page = await get(["admin", "audit"], { limit, cursor: all.cursor });
    setAdded({ to: found.data, records: [...all.records, ...page.records], cursor: page.cursor });
  });
  const columns = [
    { label: t("when"), of: (one) => dateTime(one.at) },
    { label: t("changes.what"), of: (one) => html`<${What} one=${one} />` },
    { label: t("changes.target"), of: (one) => doneBy(one).map(({ what, target }) => html`<span class="line">${PLACES[what] ? html`<a href=${PLACES[what](target)}><${Target} of=${target} /></a>` : html`<${Target} of=${target} />`}</span>`) },
    { label: t("changes.who"), of: (one) => html`<${Who} of=${one.who} />` },
    {
      label: t("changes.difference"),
      of: (one) => html`<${Shown}><${Content} value=${one.before} /><p class="muted">${t("changes.became")}</p><${Content} value=${one.after} /><//>`,
    },
  ];
  return html`<${Loaded} of=${found}>${() => html`
    <div class="stack">
      <${Table} name=${t("today.changes")} columns=${columns} empty=${t("changes.nothing")} rows=${all.records} />
      <${Problem} error=${error} />
      ${all.cursor && html`<div class="row"><${Button} kind="small" busy=${busy} onClick=${older}>${t("changes.older")}<//></div>`}
    </div>`}<//>`;
};
