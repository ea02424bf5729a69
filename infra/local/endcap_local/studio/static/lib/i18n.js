// The studio's words and numbers in the reader's language.
import { signal } from "./html.js";

export const LANGUAGES = { en: "English", zh: "中文" };
const KEPT = "endcap-studio-language";

export const language = signal("en");
const texts = signal({});
// English sentences of the server and what they are in the reader's language; null where that is English.
export const refusals = signal(null);

function preferred() {
  const kept = localStorage.getItem(KEPT);
  if (kept in LANGUAGES) return kept;
  const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return spoken.find((tag) => tag in LANGUAGES) ?? "en";
}

const read = async (name) => (await fetch(new URL(`../lang/${name}.json`, import.meta.url))).json();

let wanted;
export async function useLanguage(code = preferred(), keep = false) {
  wanted = code;
  if (keep) localStorage.setItem(KEPT, code);
  const found = await read(code);
  if (wanted !== code) return; // another one was chosen meanwhile
  texts.value = found;
  language.value = code;
  document.documentElement.lang = code === "zh" ? "zh-Hans" : code;
  refusals.value = null;
  // No page waits for it: until it has come, what the server says stays in English.
  if (code !== "en") read(`refusals.${code}`).then((known) => wanted === code && (refusals.value = known), () => {});
}

// In Chinese a figure or a Latin word stands apart from what is beside it.
const BEGINS = /^[-−+]?[\p{Script=Latin}\p{N}\p{Sc}]/u;
const touches = (a, b) => (/\p{Script=Han}$/u.test(a) && BEGINS.test(b)) || (/[\p{Script=Latin}\p{N}%]$/u.test(a) && /^\p{Script=Han}/u.test(b));

const joined = (parts) => parts.reduce((before, next) => `${before}${touches(before, next) ? " " : ""}${next}`, "");

// A text with {names} filled in.
export function filled(text, values = {}) {
  const valueOf = (name) => (name in values ? String(values[name]) : `{${name}}`);
  return joined(text.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? valueOf(part) : part)));
}

// Sentences after each other: Chinese has a full stop as wide as the space.
export const sentences = (texts) => texts.filter(Boolean).join(language.value === "zh" ? "" : " ");

// A text and what stands behind it: a mark as wide as a letter has its space in it already.
export const followed = (text) => (/[，。：；？！）]$/u.test(text) ? text : `${text} `);

// The text of a key; a key that is missing shows itself.
export const t = (key, values) => filled(texts.value[key] ?? key, values);

export const has = (key) => key in texts.value;

// A measure by the end of its path; those that only a report tells have no name but that.
export const nameOfMeasure = (path) => {
  const last = path.split(".").at(-1);
  return has(`measure.${last}`) ? t(`measure.${last}`) : path;
};

// A service of AWS by what it does, with its name.
export const nameOfService = (name) => (has(`service.${name}`) ? t(`service.${name}`) : name);
// What a measure means, for whoever points at its name.
export const meaningOfMeasure = (path) => {
  const last = path.split(".").at(-1);
  return has(`meaning.${last}`) ? t(`meaning.${last}`) : undefined;
};

const formats = new Map();

function format(kind, options) {
  const key = `${language.value} ${kind} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl[kind](language.value === "zh" ? "zh-CN" : "en-GB", options));
  return formats.get(key);
}

const missing = "–";

// Names in a row, and a thing with what it is about, each with the language's own marks between.
export const listed = (names) => joined(format("ListFormat", { type: "conjunction" }).formatToParts(names.map(String)).map((part) => part.value));
export const inRow = (names) => format("ListFormat", { type: "conjunction" }).formatToParts(names.map((_, i) => String(i)));
// A title as part of a sentence or a row, apart from what is around it.
export const quoted = (title) => `“${title}”`;
export const about = (what, name) => t("about", { what, name });

// Figures of every kind, by one formatter: a minus is as wide as a plus, where browsers write a hyphen.
const figure = (value, options) => (value == null ? missing : format("NumberFormat", options).format(value).replace("-", "−"));
export const number = (value, digits = 0) => figure(value, { maximumFractionDigits: digits });
export const exact = (value, digits) => figure(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const percent = (value, digits = 1) => figure(value, { style: "percent", maximumFractionDigits: digits });
export const signed = (value, digits = 2) => figure(value, { maximumFractionDigits: digits, minimumFractionDigits: digits, signDisplay: "exceptZero" });
// A shop may write anything for a currency.
export const money = (value, currency) =>
  /^[A-Z]{3}$/i.test(currency ?? "") ? figure(value, { style: "currency", currency }) : exact(value, 2);
export const bytes = (value) => figure(value == null ? null : value / 1e6, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });

export const millis = (moment) => (typeof moment === "string" ? Date.parse(moment) : moment < 1e11 ? moment * 1000 : moment);
const written = (moment, options) =>
  moment == null || Number.isNaN(millis(moment)) ? missing : format("DateTimeFormat", options).format(millis(moment));
// A time of day always stands with its zone: those who run a shop are not all in one place, and its server is elsewhere.
const DATE = { year: "numeric", month: "short", day: "numeric" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
// In Chinese the zone stands behind the time, as the server's own sentences have it; a browser would put it before.
const zoned = (moment, options) => {
  const whole = written(moment, options);
  if (language.value !== "zh" || whole === missing) return whole;
  const { value } = format("DateTimeFormat", options).formatToParts(millis(moment)).find(({ type }) => type === "timeZoneName");
  return t("moment.zoned", { moment: written(moment, { ...options, timeZoneName: undefined }), zone: value });
};
export const dateTime = (moment) => zoned(moment, { ...DATE, ...CLOCK });
// Two changes of one minute are told apart.
export const toTheSecond = (moment) => zoned(moment, { ...DATE, ...CLOCK, second: "2-digit" });
export const time = (moment) => zoned(moment, { ...CLOCK, second: "2-digit" });
// A day that was counted is one of UTC, wherever it is looked at.
const DAY = /^\d{4}-\d{2}-\d{2}$/;
export const day = (moment) => written(moment, DAY.test(moment) ? { ...DATE, timeZone: "UTC" } : DATE);
// A month that was counted, as "2026-01".
export const month = (moment) => written(moment, { year: "numeric", month: "long", timeZone: "UTC" });
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

export function ago(moment, now = Date.now()) {
  if (moment == null || Number.isNaN(millis(moment))) return missing;
  const seconds = Math.max(0, (now - millis(moment)) / 1000);
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, size]) => seconds >= size) ?? ["second", 1];
  const parts = format("RelativeTimeFormat", { numeric: "auto" }).formatToParts(-Math.floor(seconds / size), unit);
  return joined(parts.map((part) => part.value));
}
