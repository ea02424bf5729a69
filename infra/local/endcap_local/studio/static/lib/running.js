// Rebuilds that are under way: since when, and how far they have come.
import { html } from "./html.js";
import { has, ago, dateTime, sentences, t } from "./i18n.js";
import { Notice } from "./ui.js";

const STEPS = ["export", "prepare", "learn", "promote"];

export const Running = ({ works }) =>
  works.map((one) => html`
    <${Notice} key=${one.name}>
      <p role="status" title=${dateTime(one.since)}>${sentences([
        t("running.since", { name: one.name, since: ago(one.since) }),
        has(`running.${one.step}`) && t("running.step", { n: STEPS.indexOf(one.step) + 1, of: STEPS.length, what: t(`running.${one.step}`) }),
      ])}</p>
    <//>`);
