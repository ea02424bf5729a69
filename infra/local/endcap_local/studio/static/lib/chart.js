// Lines and points by uPlot, and the same numbers as a table: a canvas says nothing to those who can't see it.
import { html, useEffect, useRef, useState } from "./html.js";
import { about, day as dayOf, t } from "./i18n.js";
import { Button, Table } from "./ui.js";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// uPlot asks Intl for the browser's language when it is loaded, which throws where that is no tag (en-US@posix).
const loadPlot = () => {
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: document.documentElement.lang, configurable: true });
  }
  return import("../vendor/uplot.js");
};

const HEIGHT = 220;
export const MARGIN = 16;
// How wide the widest of some texts stands on an axis, in about as many pixels.
export const widest = (texts) => Math.max(0, ...texts.map((text) => [...String(text ?? "")].reduce((sum, one) => sum + (/\p{Script=Han}/u.test(one) ? 12.5 : 7.5), 0)));
const DAY_S = 86400;

// What a chart shows, and a button for the same as a table. `x`: places of the values; `labels`: their texts in the table,
// under the heading `first`; `scale`: uPlot's options for x; `axis(width)`: those of its axis, how much `more` height it takes
// and how much room it needs to the `left`; `floor(low)`: where the values' axis begins.
export const Chart = ({ name, first, labels, x, series, format, scale, axis: across, floor, points }) => {
  const place = useRef();
  const [asTable, setAsTable] = useState(false);
  useEffect(() => {
    if (asTable || x.length === 0) return undefined;
    const box = place.current;
    let plot;
    let watcher;
    let gone = false;
    loadPlot().then(({ default: UPlot }) => {
      if (gone) return;
      const stroke = (i) => style(`--series-${i % 6}`);
      const axis = { stroke: style("--muted"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
      const lines = [{}];
      const bands = [];
      const data = [x];
      series.forEach((one, i) => {
        data.push(one.values);
        lines.push({ label: one.name, stroke: stroke(i), width: 2, points: { show: points, ...(x.length === 1 ? { size: 12, fill: stroke(i) } : { size: 6 }) } });
        if (!one.low) return;
        data.push(one.high, one.low);
        const edge = { stroke: "transparent", points: { show: false } };
        lines.push({ ...edge, label: "high" }, { ...edge, label: "low" });
        bands.push({ series: [lines.length - 2, lines.length - 1], fill: `${stroke(i)}22` });
      });
      const fit = across(box.clientWidth);
      const height = HEIGHT + (fit.more ?? 0);
      const options = {
        width: box.clientWidth,
        height,
        padding: [null, null, null, fit.left ?? null],
        legend: { show: false },
        cursor: { show: false },
        tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), "UTC"),
        scales: { x: scale, y: { range: (_, low, high) => floor(low ?? 0, high ?? 0) } },
        series: lines,
        bands,
        axes: [
          { ...axis, ...fit.axis },
          { ...axis, size: (_, values) => widest(values ?? []) + MARGIN, values: (_, ticks) => ticks.map(format) },
        ],
      };
      plot = new UPlot(options, data, box);
      watcher = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height }));
      watcher.observe(box);
    });
    return () => {
      gone = true;
      watcher?.disconnect();
      plot?.destroy();
    };
  }, [asTable, JSON.stringify(x), JSON.stringify(series)]);
  const spans = series.some((one) => one.low);
  const columns = [
    { label: first, of: (i) => labels[i] },
    ...series.map((one) => ({ label: one.name, number: true, of: (i) => format(one.values[i]) })),
    ...(spans ? series.map((one) => ({ label: t("chart.between"), number: true, of: (i) => `${format(one.low[i])} – ${format(one.high[i])}` })) : []),
  ];
  return html`
    <figure class="chart">
      <figcaption>
        <span>${name}</span>
        <ul class="legend">${series.map((one, i) => html`<li><i class=${`s${i % 6}`}></i>${one.name}</li>`)}</ul>
        <${Button} kind="quiet small" aria-pressed=${asTable ? "true" : "false"} aria-label=${about(t("as_table"), name)} onClick=${() => setAsTable(!asTable)}>${t("as_table")}<//>
      </figcaption>
      ${asTable
        ? html`<${Table} name=${name} columns=${columns} rows=${x.map((_, i) => i)} />`
        : html`<div ref=${place} class="plot" role="img" aria-label=${t("chart.label", { name })}></div>`}
    </figure>
  `;
};

const nameOfTick = (tick) => dayOf(new Date(tick * 1000).toISOString().slice(0, 10)).replace(/,? ?\d{4}年?/, "");
const BY_DAY = {
  points: true,
  floor: (low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1],
};

// A day that nothing is known of has no name: of one day the axis reaches to both sides of it.
const named = (x) => () => ({
  axis: { incrs: [1, 2, 7, 14, 28, 91].map((days) => days * DAY_S), values: (_, ticks) => ticks.map((tick) => (tick < x[0] || tick > x.at(-1) ? "" : nameOfTick(tick))) },
});

// One day stands in the middle, where the point for it is whole; to uPlot one moment is the beginning of a day.
const over = (days) => (_, first, last) => (days.length === 1 ? [first - DAY_S, first + DAY_S] : [first, last]);

// days: ISO days; series: [{name, values, low?, high?}]; format: a value's text.
export const LineChart = ({ days, ...rest }) => {
  const x = days.map((day) => Date.parse(day) / 1000);
  return html`<${Chart} ...${BY_DAY} ...${rest} first=${t("day")} labels=${days.map(dayOf)} x=${x} axis=${named(x)} points=${days.length < 40} scale=${{ time: true, range: over(days) }} />`;
};
