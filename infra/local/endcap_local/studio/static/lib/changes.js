// What operators have changed, the latest first.
import { get, useLoad } from "./api.js";
import { html } from "./html.js";
import { dateTime, has, t } from "./i18n.js";
import { href } from "./router.js";
import { Loaded, Table } from "./ui.js";

// Where what was changed is looked at, and taken back.
const ofScenario = (name) => href("scenarios", [name]);
const ofSnapshots = () => href("snapshots");
const PLACES = {
  put_scenario: ofScenario,
  delete_scenario: ofScenario,
  put_experiments: () => href("experiments"),
  promote: ofSnapshots,
  rollback: ofSnapshots,
  rebuild: ofSnapshots,
};

const said = (value) => (value == null ? t("changes.none") : JSON.stringify(value, null, 1));

export const Changes = ({ limit = 50, target }) => {
  const found = useLoad((signal) => get(["admin", "audit"], { limit }, signal), [limit]);
  const columns = [
    { label: t("when"), of: (one) => dateTime(one.at) },
    { label: t("changes.what"), of: (one) => (has(`did.${one.what}`) ? t(`did.${one.what}`) : one.what.replaceAll("_", " ")) },
    { label: t("changes.target"), of: (one) => (PLACES[one.what] ? html`<a href=${PLACES[one.what](one.target)}><code>${one.target}</code></a>` : html`<code>${one.target}</code>`) },
    { label: t("changes.who"), of: (one) => one.who },
    {
      label: t("changes.difference"),
      of: (one) => html`<details><summary>${t("changes.show")}</summary><pre>${said(one.before)}</pre><p class="muted">${t("changes.became")}</p><pre>${said(one.after)}</pre></details>`,
    },
  ];
  return html`<${Loaded} of=${found}>${({ records }) => html`
    <${Table} name=${t("today.changes")} columns=${columns} empty=${t("changes.nothing")} rows=${records.filter((one) => !target || one.target === target)} />`}<//>`;
};
