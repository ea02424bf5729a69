// What operators have changed, the latest first.
import { get, useLoad } from "./api.js";
import { html } from "./html.js";
import { dateTime, has, millis, t } from "./i18n.js";
import { href } from "./router.js";
import { Loaded, Table } from "./ui.js";

// Where what was changed is looked at, and taken back.
const ofScenario = (name) => href("scenarios", [name]);
const ofSnapshots = () => href("snapshots");
const PLACES = {
  put_scenario: ofScenario,
  delete_scenario: ofScenario,
  put_experiments: () => href("experiments"),
  start_experiment: (name) => href("experiments", [name]),
  stop_experiment: (name) => href("experiments", [name]),
  promote: ofSnapshots,
  rollback: ofSnapshots,
  rebuild: ofSnapshots,
};

// The record of a start or a stop says that experiments were changed; which one, and how, is in what it was before and after.
const SKEW_MS = 60_000; // between the clocks of who stopped it and of the server
const told = (one) => {
  if (one.what !== "put_experiments" || !Array.isArray(one.before) || !Array.isArray(one.after)) return one;
  const was = (name) => one.before.find((other) => other.name === name);
  const changed = one.after.filter((now) => JSON.stringify(now) !== JSON.stringify(was(now.name)));
  if (changed.length !== 1 || one.after.length < one.before.length) return one;
  const at = millis(one.at) + SKEW_MS;
  const runs = (plan) => Boolean(plan) && !(plan.start != null && millis(plan.start) > at) && !(plan.end != null && millis(plan.end) <= at);
  const [now] = changed;
  const before = runs(was(now.name));
  if (before === runs(now)) return one;
  return { ...one, what: before ? "stop_experiment" : "start_experiment", target: now.name };
};

// A hash says nothing by all of its digits.
const Target = ({ of }) => {
  if (of === "*") return t("scenario.everywhere");
  return /^[0-9a-f]{64}$/.test(of) ? html`<code title=${of}>${of.slice(0, 8)}…</code>` : html`<code>${of}</code>`;
};

// A signed caller is an ARN, of which the last part names who it is.
const Who = ({ of }) => (/^iam:arn:/.test(of) ? html`<span title=${of}>${of.split(/[:/]/).at(-1)}</span>` : of);

const said = (value) => (value == null ? t("changes.none") : JSON.stringify(value, null, 1));

export const Changes = ({ limit = 50, target }) => {
  const found = useLoad((signal) => get(["admin", "audit"], { limit }, signal), [limit]);
  const columns = [
    { label: t("when"), of: (one) => dateTime(one.at) },
    { label: t("changes.what"), of: (one) => (has(`did.${one.what}`) ? t(`did.${one.what}`) : one.what.replaceAll("_", " ")) },
    { label: t("changes.target"), of: (one) => (PLACES[one.what] ? html`<a href=${PLACES[one.what](one.target)}><${Target} of=${one.target} /></a>` : html`<${Target} of=${one.target} />`) },
    { label: t("changes.who"), of: (one) => html`<${Who} of=${one.who} />` },
    {
      label: t("changes.difference"),
      of: (one) => html`<details><summary>${t("changes.show")}</summary><pre>${said(one.before)}</pre><p class="muted">${t("changes.became")}</p><pre>${said(one.after)}</pre></details>`,
    },
  ];
  return html`<${Loaded} of=${found}>${({ records }) => html`
    <${Table} name=${t("today.changes")} columns=${columns} empty=${t("changes.nothing")} rows=${records.filter((one) => !target || one.target === target).map(told)} />`}<//>`;
};
