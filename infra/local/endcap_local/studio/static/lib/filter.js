// A filter as it is written: what it would leave is counted while it is typed, and fields and values complete it.
import { post, useLoad } from "./api.js";
import { html, useRef, useState } from "./html.js";
import { number, sentences, t } from "./i18n.js";
import { Picture } from "./items.js";
import { said } from "./said.js";
import { Field, Lamp, ofProblem, useRested } from "./ui.js";

const MOST = 8;
const quoted = (value) => (typeof value === "string" ? `"${value.replaceAll('"', '\\\\"')}"` : String(value));

// What may follow what stands before the cursor: a field's name, or after a field and an operator one of its values.
export function completions(text, fields) {
  const value = /([\p{L}\p{N}_.]+)\s*(=|!=|<=?|>=?|CONTAINS|IN\s*\()\s*("?[^"()]*)$/iu.exec(text);
  if (value) {
    const field = fields.find((one) => one.name.toLowerCase() === value[1].toLowerCase());
    const begun = value[3].replace(/^"/, "").toLowerCase();
    const found = (field?.values ?? []).filter((one) => String(one.value).toLowerCase().includes(begun));
    return found.slice(0, MOST).map((one) => ({ text: quoted(one.value), note: number(one.count), from: text.length - value[3].length }));
  }
  const begun = /(?:^|[\s(])([\p{L}_.]*)$/u.exec(text)?.[1] ?? null;
  if (begun === null) return [];
  const found = fields.filter((one) => one.name.toLowerCase().includes(begun.toLowerCase()) && one.name !== begun);
  return found.slice(0, MOST).map((one) => ({ text: one.name, note: t(`kind.${one.kind}`), from: text.length - begun.length }));
}

export const useChecked = (filter) => {
  const rested = useRested(filter, 300);
  return useLoad((signal) => post(["admin", "filters", "check"], { filter: rested, sample: 6 }, signal), [rested]);
};

// Without `count` it is not told how many items it leaves: of a part of them it would not be true.
export const FilterField = ({ label, value, onValue, sample = true, count = true }) => {
  const checked = useChecked(value);
  const box = useRef();
  const [open, setOpen] = useState(false);
  const found = checked.data;
  const offered = open && found ? completions(value.slice(0, box.current?.selectionStart ?? value.length), found.fields) : [];
  const take = (one) => {
    const at = box.current.selectionStart ?? value.length;
    const next = `${value.slice(0, one.from)}${one.text} `;
    onValue(next + value.slice(at));
    box.current.focus();
    requestAnimationFrame(() => box.current?.setSelectionRange(next.length, next.length));
  };
  const error = found && !found.valid ? sentences(found.errors.map((one) => said(one.message))) : checked.error && ofProblem(checked.error);
  const left = count && found?.valid && found.count != null ? t("filter.count", { n: number(found.count), of: number(found.of) }) : t("filter.hint");
  return html`
    <div class="stack filter" onFocusOut=${(e) => !e.currentTarget.contains(e.relatedTarget) && setOpen(false)}>
      <${Field} label=${label} hint=${left} error=${error}
        control=${(tied) => html`<textarea class="code" rows="2" spellcheck=${false} placeholder=${t("filter.example")} ref=${box} value=${value} onFocus=${() => setOpen(true)}
          onInput=${(e) => onValue(e.target.value)} ...${tied}></textarea>`} />
      ${offered.length > 0 && html`
        <ul class="row" aria-label=${t("filter.offered")}>
          ${offered.map((one) => html`<li><button type="button" class="button small" onClick=${() => take(one)}><span>${one.text}</span><span class="muted">${one.note}</span></button></li>`)}
        </ul>`}
      ${sample && value && found?.valid && found.sample.length > 0 && html`
        <ul class="ranking" aria-label=${t("filter.sample")}>
          ${found.sample.slice(0, 4).map((item) => html`<li><span class="place">·</span><${Picture} item=${item} /><span>${item.title}</span>
            ${item.hidden_until != null && html` <${Lamp} kind="warning">${t("item.hidden")}<//>`}</li>`)}
        </ul>`}
    </div>
  `;
};
