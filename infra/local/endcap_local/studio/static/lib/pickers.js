// Choosing a scenario and a shopper, on several pages alike.
import { get, useLoad } from "./api.js";
import { html } from "./html.js";
import { t } from "./i18n.js";
import { SelectField, TextField } from "./ui.js";

export const useScenarios = () => useLoad((signal) => get(["admin", "scenarios"], {}, signal), []);

export const namesOf = (scenarios) => (scenarios.data?.scenarios ?? []).map((one) => one.name).filter((name) => name !== "*");

export const ScenarioPicker = ({ names, value, onValue, inline }) => html`
  <${SelectField} label=${t("scenario")} ...${{ value, onValue, inline }} options=${[["", t("scenario.none")], ...names.map((name) => [name, name])]} />
`;

export const ShopperField = ({ value, onValue, hint }) => html`
  <${TextField} label=${t("shopper.id")} ...${{ value, onValue, hint }} autocomplete="off" spellcheck=${false} placeholder=${t("shopper.nobody")} />
`;
