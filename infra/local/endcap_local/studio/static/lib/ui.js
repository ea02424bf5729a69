// Parts that pages are put together from.
import { html, signal, useEffect, useId, useLayoutEffect, useRef, useState } from "./html.js";
import { toldIn } from "./fields.js";
import { language, money, t, zone } from "./i18n.js";
import { isForeign, said } from "./said.js";

const PATHS = {
  today: "M3 12l9-8 9 8M5 10v10h5v-6h4v6h5V10",
  try: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM16.5 13v7M13 16.5h7",
  scenarios: "M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M6 14v6",
  merchandise: "M6 3v18M6 4h12l-3 4 3 4H6",
  catalogue: "M4 5h16M4 12h16M4 19h16",
  shopper: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c1-5 4-7 8-7s7 2 8 7",
  experiments: "M9 3v6L4 19a1.5 1.5 0 0 0 1.4 2h13.2a1.5 1.5 0 0 0 1.4-2L15 9V3M8 3h8M7 15h10",
  results: "M4 20V10M10 20V4M16 20v-8M21 20H3",
  events: "M3 12h4l3-8 4 16 3-8h4",
  snapshots: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  parameters: "M12 3v3M12 18v3M3 12h3M18 12h3M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  view: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  cart: "M3 4h3l2 11h10l2-8H7M9 20h.01M17 20h.01",
  buy: "M5 12l5 5L20 7",
  review: "M4 5h16v11H9l-5 4z",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  left: "M19 12H5M11 6l-6 6 6 6",
  right: "M5 12h14M13 6l6 6-6 6",
  hide: "M4 4l16 16M10 6a9 9 0 0 1 12 6 14 14 0 0 1-3 4M6 8a14 14 0 0 0-4 4s4 7 10 7a9 9 0 0 0 4-1",
  pin: "M9 4h6l-1 7 4 3H6l4-3zM12 14v7",
  boost: "M6 15l6-6 6 6M6 20l6-6 6 6",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  close: "M6 6l12 12M18 6L6 18",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
};

export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>
`;

export const Button = ({ icon, kind = "plain", busy, children, ...rest }) => html`
  <button type="button" class=${`button ${kind}`} aria-busy=${busy ? "true" : undefined} disabled=${busy} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}
  </button>
`;

export const Panel = ({ title, note, actions, children, level = 2, tight }) => {
  const id = useId();
  return html`
    <section class=${tight ? "panel tight" : "panel"} aria-labelledby=${title ? id : undefined}>
      ${title &&
      html`<header class="panel-head">
        ${level === 2 ? html`<h2 id=${id}>${title}</h2>` : html`<h3 id=${id}>${title}</h3>`}
        ${note && html`<p class="muted">${note}</p>`}${actions && html`<div class="actions">${actions}</div>`}
      </header>`}
      ${children}
    </section>
  `;
};

// A labelled control: `control` is given the attributes that tie it to its label, hint and error.
export const Field = ({ label, hint, error, control, inline }) => {
  const id = useId();
  const told = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`
    <div class=${inline ? "field inline" : "field"}>
      <label for=${id}>${label}</label>
      ${control({ id, "aria-describedby": told, "aria-invalid": error ? "true" : undefined })}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${error && html`<p class="field-error" id=${`${id}-error`}>${error}</p>`}
    </div>
  `;
};

export const TextField = ({ label, hint, error, value, onValue, inline, ...rest }) => html`
  <${Field}
    ...${{ label, hint, error, inline }}
    control=${(tied) => html`<input type="text" value=${value} onInput=${(e) => onValue(e.target.value)} ...${tied} ...${rest} />`}
  />
`;

export const SelectField = ({ label, hint, error, value, options, onValue, inline, ...rest }) => html`
  <${Field}
    ...${{ label, hint, error, inline }}
    control=${(tied) => html`
      <select onChange=${(e) => onValue(e.target.value)} ...${tied} ...${rest}>
        ${options.map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
      </select>
    `}
  />
`;

export const Check = ({ label, checked, onValue }) => html`
  <label class="check"><input type="checkbox" checked=${checked} onChange=${(e) => onValue(e.target.checked)} /><span>${label}</span></label>
`;

export const isPast = (moment) => moment != null && moment <= Date.now();

// A moment of the reader's own clock, of which the zone is told, in milliseconds, or null. What `ends` then must lie ahead to
// have any effect.
export const MomentField = ({ label, hint, value, onValue, inline, ends }) => {
  const error = ends && isPast(value) ? t("moment.past") : undefined;
  const local = value == null ? "" : new Date(value - new Date(value).getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  return html`
    <${Field}
      ...${{ label, error, inline }} hint=${hint ?? t("moment.zone", { zone: zone() })}
      control=${(tied) => html`
        <input type="datetime-local" value=${local} ...${tied}
          onChange=${(e) => onValue(e.target.value ? new Date(e.target.value).getTime() : null)} />
      `}
    />
  `;
};

export const Notice = ({ kind = "info", children }) => html`<div class=${`notice ${kind}`} role=${kind === "error" ? "alert" : undefined}>${children}</div>`;

// 428 is said of what was not there when it was opened, and is by now: somebody else has made it, as with 412.
const wordsOf = ({ status, message, key, values }) => {
  if (key) return t(key, values);
  if (status === 0) return t("problem.0");
  if (status === 403) return t("problem.403");
  return status === 412 || status === 428 ? t("scenarios.changed_meanwhile") : said(message);
};

// What the server has said, and where the reader's language has nothing for it, that it comes in English.
export const Said = ({ text }) => (isForeign(text) ? html`${t("problem.english")}<bdi lang="en">${text}</bdi>` : html`<bdi>${said(text)}</bdi>`);
export const ofProblem = (error) => (!error.key && wordsOf(error) === error.message ? html`<${Said} text=${error.message} />` : wordsOf(error));

export const Problem = ({ error }) =>
  error &&
  html`<${Notice} kind="error">
    <p>${ofProblem(error)}</p>
    ${error.errors?.length > 0 && html`<ul>${error.errors.map((e) => html`<li>${toldIn(e) ?? html`${e.field && html`<code>${e.field}</code> `}<${Said} text=${e.message} />`}</li>`)}</ul>`}
  <//>`;

export const Loading = ({ what }) => html`<p class="loading" role="status">${what ?? t("loading")}</p>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

// What `useLoad` has: what is wrong, or that it is on its way, or the thing itself, which stays while it is asked for anew.
export const Loaded = ({ of, children }) =>
  of.error ? html`<${Problem} error=${of.error} />` : of.data === undefined ? html`<${Loading} />` : children(of.data);

const kindOf = (column) => (column.number ? "number" : column.long ? "long" : "");

// Columns: {label, of(row), number?, long?}, `long` for sentences; with `acts` the last stays in sight; with
// `stacked`, whose labels are texts, rows stand as cards where a window is narrow, and are said to be rows all the same; `name` is told to those who can't see where the table stands.
export const Table = ({ name, columns, rows, empty, keyOf = (_, i) => i, rowClass, acts, stacked }) => {
  const shown = (column, row) => (stacked ? html`<span>${column.of(row)}</span>` : column.of(row));
  return rows.length === 0
    ? html`<${Empty}>${empty ?? t("nothing")}<//>`
    : html`
        <div class=${acts ? "scroll acts" : stacked ? "scroll stacked" : "scroll"} role="group" aria-label=${name} tabindex="0">
          <table role="table">
            <caption class="unseen">${name}</caption>
            <thead><tr>${columns.map((c) => html`<th scope="col" class=${kindOf(c)}>${c.label}</th>`)}</tr></thead>
            <tbody role="rowgroup">
              ${rows.map((row, i) => html`
                <tr role="row" key=${keyOf(row, i)} class=${rowClass?.(row)}>
                  ${columns.map((c, j) => j === 0
                    ? html`<th scope="row" role="rowheader" data-label=${stacked && c.label} class=${kindOf(c)}>${shown(c, row)}</th>`
                    : html`<td role="cell" data-label=${stacked && c.label} class=${kindOf(c)}>${shown(c, row)}</td>`)}
                </tr>`)}
            </tbody>
          </table>
        </div>
      `;
};

export const Stat = ({ label, value, note, kind }) => html`
  <div class=${kind ? `stat ${kind}` : "stat"}><dt>${label}</dt><dd><strong>${value}</strong>${note && html`<span>${note}</span>`}</dd></div>
`;

// Amounts, each in its currency and on its line: those of different currencies are not added up.
export const Amounts = ({ of }) => (of.length ? of.map((one) => html`<span class="line">${money(one.revenue, one.currency)}${of.length > 1 && !one.currency && html` <small>${t("results.no_currency")}</small>`}</span>`) : "–");

// One of a few choices, side by side.
export const Choice = ({ label, value, options, onValue }) => html`
  <div class="choice" role="group" aria-label=${label}>
    ${options.map(([key, text]) => html`<button type="button" aria-pressed=${key === value ? "true" : "false"} onClick=${() => onValue(key)}>${text}</button>`)}
  </div>
`;

export const Lamp = ({ kind, children }) => html`<span class=${`lamp ${kind}`}>${children}</span>`;

export const Dialog = ({ title, onClose, children }) => {
  const id = useId();
  const box = useRef();
  const open = useRef(false);
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    open.current = true;
    return () => {
      open.current = false;
      dialog.close(); // which gives the focus back
    };
  }, []);
  // That one was closed is told later, and might be taken for the end of one that was opened since.
  const left = (event) => {
    event.preventDefault();
    if (open.current) onClose();
  };
  return html`
    <dialog ref=${box} aria-labelledby=${id} onClose=${left} onCancel=${left}>
      <header class="panel-head"><h2 id=${id}>${title}</h2><${Button} icon="close" kind="quiet" aria-label=${t("close")} onClick=${onClose} /></header>
      ${children}
    </dialog>
  `;
};

// Asked before something is done to what shoppers see: `text` says what it affects.
export const Confirm = ({ title, text, action, busy, error, onDo, onClose }) => html`
  <${Dialog} title=${title} onClose=${onClose}>
    <div class="stack">
      <p>${text}</p>
      <${Problem} error=${error} />
      <div class="row"><${Button} kind="strong" busy=${busy} onClick=${onDo}>${action}<//><${Button} onClick=${onClose}>${t("cancel")}<//></div>
    </div>
  <//>
`;

// What was done, told to all: shown for a while, and read out, in the language that it was told in and in no other.
const NOTHING = { text: "", kind: "good" };
const told = signal(NOTHING);
let fading;
export function tell(text, kind = "good") {
  clearTimeout(fading);
  told.value = { text, kind, spoken: language.value };
  fading = setTimeout(hush, 8000);
}
const hush = () => (told.value = NOTHING);
export const Teller = () => {
  const { text, kind } = told.value.spoken === language.value ? told.value : NOTHING;
  return html`
    <div class=${`teller ${kind} ${text ? "on" : ""}`}>
      <p role="status">${text}</p>
      ${text && html`<${Button} icon="close" kind="quiet" aria-label=${t("close")} onClick=${hush} />`}
    </div>
  `;
};

// Something that takes a while and may fail: [run, busy, error]. It is not begun again before it has ended: a second click
// within the frame of the first still finds a button that can be pressed.
export function useAction(work) {
  const [state, setState] = useState({});
  const running = useRef(false);
  const run = async (...given) => {
    if (running.current) return undefined;
    running.current = true;
    setState({ busy: true });
    try {
      const outcome = await work(...given);
      setState({});
      return outcome;
    } catch (error) {
      setState({ error });
      return undefined;
    } finally {
      running.current = false;
    }
  };
  return [run, Boolean(state.busy), state.error];
}

// The value once it has rested for a moment, so that typing does not ask at each key.
export function useRested(value, ms = 250) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const waiting = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(waiting);
  }, [JSON.stringify(value)]);
  return rested;
}

export const Head = ({ title, lead, children }) => html`
  <header class="page-head"><div><h1>${title}</h1>${lead && html`<p>${lead}</p>`}</div>${children && html`<div class="actions">${children}</div>`}</header>
`;
