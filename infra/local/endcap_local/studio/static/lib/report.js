// What a rebuild has tried before it chose, as plots: the ways to mix the terms, and the settings one by one.
import { PointChart } from "./chart.js";
import { html } from "./html.js";
import { has, number, signed, t } from "./i18n.js";

const named = (name) => (has(`report.${name}`) ? t(`report.${name}`) : name.replaceAll("_", " "));
const SCORES = new Set(["ndcg_at_10", "ndcg_at_50"]);
const label = (value) => (value === null ? t("report.none") : typeof value === "number" ? number(value, 4) : String(value));

// Rows of one setting each, as {setting, value}, or of several by their names: the label says what differs.
const grouped = (tried) => {
  const groups = new Map();
  for (const { setting, value, ...rest } of tried) groups.set(setting, [...(groups.get(setting) ?? []), { ...rest, label: label(value) }]);
  return [...groups];
};
const labelled = (tried) =>
  tried.map((row) => ({ ...row, label: Object.entries(row).filter(([name]) => !SCORES.has(name)).map(([name, value]) => (name === "half_life_days" ? label(value) : `${named(name)} ${label(value)}`)).join(t("comma")) }));

const Tried = ({ name, rows, of, first }) =>
  rows.length > 1 && html`<${PointChart} name=${name} first=${first} labels=${rows.map((row) => row.label)} series=${[{ name: t(`measure.${of}`), values: rows.map((row) => row[of]) }]} format=${(value) => number(value, 4)} />`;

export const ReportPlots = ({ metrics }) => {
  const { compared = [], half_lives_tried = [] } = metrics?.validation ?? {};
  const { popularity_tried = [], lists_tried = [], neighbours_tried = [] } = metrics?.selection ?? {};
  const less = { name: t("report.chosen_less"), values: compared.map((row) => row.chosen_less_this), low: compared.map((row) => row.low), high: compared.map((row) => row.high) };
  return html`
    <${Tried} name=${t("report.ways")} first=${t("report.way")} of="ndcg_at_10" rows=${compared.map((row) => ({ ...row, label: row.way }))} />
    ${compared.length > 1 && html`<${PointChart} name=${t("report.less")} first=${t("report.way")} labels=${compared.map((row) => row.way)} series=${[less]} format=${(value) => signed(value, 4)} />`}
    ${grouped(half_lives_tried).map(([setting, rows]) => html`<${Tried} key=${setting} name=${named(setting)} first=${t("value")} of="ndcg_at_50" rows=${rows} />`)}
    <${Tried} name=${t("report.popularity")} first=${t("value")} of="ndcg_at_10" rows=${labelled(popularity_tried)} />
    <${Tried} name=${t("report.lists")} first=${t("value")} of="ndcg_at_10" rows=${labelled(lists_tried)} />
    <${Tried} name=${t("report.neighbours")} first=${t("value")} of="ndcg_at_10" rows=${labelled(neighbours_tried)} />
  `;
};
