// What a document says, as it was written, with the titles of its items beside their ids.
import { useLoad } from "./api.js";
import { html, useState } from "./html.js";
import { t } from "./i18n.js";
import { titlesOf } from "./titles.js";

// Scenarios that are there without a document: the first one that is published under such a name is a change, and where it is
// taken back the list is again what it was.
export const BUILT_IN = new Set(["buy_again"]);

// The ids of a line of JSON: an item's, or one that a filter is about.
const ID = /^\s*"(?:item_id|filter)": ("(?:[^"\\]|\\.)*")/;
const idIn = (line) => {
  const found = ID.exec(line)?.[1];
  if (!found) return null;
  const value = JSON.parse(found);
  if (line.includes('"item_id"')) return value;
  const named = /^item_id = ("(?:[^"\\]|\\.)*")$/.exec(value)?.[1];
  return named ? JSON.parse(named) : null;
};

const Lines = ({ value }) => {
  const lines = JSON.stringify(value, null, 1).split("\n").map((text) => ({ text, id: idIn(text) }));
  const ids = [...new Set(lines.map(({ id }) => id).filter(Boolean))].sort();
  const titles = useLoad((signal) => titlesOf(ids, signal), [JSON.stringify(ids)]).data ?? {};
  return html`<pre tabindex="0">${lines.map(({ text, id }, i) => html`${i > 0 && "\n"}${text}${titles[id] && html` <bdi class="muted">${titles[id]}</bdi>`}`)}</pre>`;
};

export const Content = ({ value }) => (value == null ? html`<pre>${t("changes.none")}</pre>` : html`<${Lines} value=${value} />`);

// Its titles are asked for once it is opened.
export const Shown = ({ children }) => {
  const [open, setOpen] = useState(false);
  return html`<details onToggle=${(e) => setOpen(e.currentTarget.open)}><summary>${t("changes.show")}</summary>${open && children}</details>`;
};
