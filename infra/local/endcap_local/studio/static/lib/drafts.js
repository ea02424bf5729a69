// What is said where somebody else has published while one was at work on the same scenario.
import { html } from "./html.js";
import { t } from "./i18n.js";
import { Button, Notice } from "./ui.js";

// Under the refusal of what was to be published: theirs can be read, and one's own laid over it.
export const Overtaken = ({ error, onRead }) =>
  [412, 428].includes(error?.status) && html`<div class="row"><${Button} kind="small" onClick=${onRead}>${t("drafts.read_theirs")}<//></div>`;

export const Older = ({ draft, onOlder }) =>
  draft &&
  html`<${Notice} kind="warning">
    <p>${t("drafts.older")}</p>
    <div class="row"><${Button} kind="small" onClick=${() => onOlder(true)}>${t("drafts.take_up")}<//><${Button} kind="small" onClick=${() => onOlder(false)}>${t("drafts.drop")}<//></div>
  <//>`;
