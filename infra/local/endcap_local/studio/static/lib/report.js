// What a rebuild has tried before it chose, as plots: the ways to mix the terms, and the settings one by one.
import { Chart, MARGIN, widest } from "./chart.js";
import { html } from "./html.js";
import { has, number, signed, t } from "./i18n.js";

// Values beside each other that have labels in place of moments. Small differences are what they are looked at for.
const TILT = 30;
const [ACROSS, DOWN] = [Math.cos, Math.sin].map((of) => of((TILT * Math.PI) / 180));
const AXIS = 60; // of the values, about
// Labels that have no room side by side stand tilted, each ending at its place; longer ones than most are cut.
const fitted = (labels) => (width) => {
  const room = width / Math.max(1, labels.length);
  const longest = Math.min(220, width * 0.4);
  const shown = (fit) => ({ incrs: [1, 2, 5, 10], values: (_, ticks) => ticks.map((tick) => (labels[tick] === undefined ? "" : fit(labels[tick]))) });
  if (widest(labels) + MARGIN <= room) return { axis: shown((label) => label) };
  const cut = (label) => {
    const letters = [...label];
    while (widest([letters.join("")]) > longest) letters.pop();
    return letters.length < [...label].length ? `${letters.join("")}…` : label;
  };
  const most = Math.min(longest, widest(labels));
  const down = most * DOWN + MARGIN;
  return { axis: { ...shown(cut), rotate: TILT, space: 28, size: down }, more: down, left: Math.max(0, most * ACROSS - AXIS - room / 2) };
};
const PointChart = ({ labels, ...rest }) => html`
  <${Chart} ...${rest} labels=${labels} x=${labels.map((_, i) => i)} points scale=${{ time: false, range: () => [-0.5, labels.length - 0.5] }}
    axis=${fitted(labels)}
    floor=${(low, high) => [low - (high - low || 1) * 0.15, high + (high - low || 1) * 0.15]} />
`;

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
