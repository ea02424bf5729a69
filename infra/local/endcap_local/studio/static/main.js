// The studio's frame: who looks, where to go, and the page that is open.
import { html, render, signal, useEffect, useLayoutEffect, useState } from "./lib/html.js";
import { LANGUAGES, language, t, useLanguage } from "./lib/i18n.js";
import { href, route } from "./lib/router.js";
import { config, openSession, signedIn, signIn, signInProblem, signOut, useStart } from "./lib/session.js";
import { Button, Icon, Loading, Notice, SelectField, Teller, TextField } from "./lib/ui.js";

const PAGES = {
  today: () => import("./pages/today.js"),
  try: () => import("./pages/try.js"),
  scenarios: () => import("./pages/scenarios.js"),
  merchandise: () => import("./pages/merchandise.js"),
  catalogue: () => import("./pages/catalogue.js"),
  shopper: () => import("./pages/shopper.js"),
  experiments: () => import("./pages/experiments.js"),
  results: () => import("./pages/results.js"),
  events: () => import("./pages/events.js"),
  snapshots: () => import("./pages/snapshots.js"),
  parameters: () => import("./pages/parameters.js"),
};
const GROUPS = [
  ["look", ["today", "try", "results"]],
  ["steer", ["scenarios", "merchandise", "experiments"]],
  ["know", ["catalogue", "shopper", "events"]],
  ["run", ["snapshots", "parameters"]],
];
const OPEN = new Set(["parameters"]);
const THEMES = ["system", "light", "dark"];
const KEPT = "endcap-studio-theme";

const theme = signal(localStorage.getItem(KEPT) ?? "system");

function useTheme(next) {
  theme.value = next;
  localStorage.setItem(KEPT, next);
  document.documentElement.dataset.theme = next;
}

const Navigation = () => {
  const [open, setOpen] = useState(false);
  const here = route.value.page;
  useEffect(() => setOpen(false), [here]);
  return html`
    <header class=${open ? "side open" : "side"}>
      <div class="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M8 9h16v3H8zm0 5.5h11v3H8zM8 20h14v3H8z" /></svg>
        <strong>Endcap Studio</strong>
        <button type="button" class="button quiet menu" aria-expanded=${open ? "true" : "false"} aria-controls="pages" onClick=${() => setOpen(!open)}>${t("menu")}</button>
      </div>
      <nav id="pages" aria-label=${t("pages")}>
        ${GROUPS.map(([group, pages]) => html`
          <h2>${t(`group.${group}`)}</h2>
          <ul>
            ${pages.map((page) => html`
              <li><a href=${href(page)} aria-current=${page === here ? "page" : undefined}><${Icon} name=${page} /><span>${t(`page.${page}`)}</span></a></li>`)}
          </ul>`)}
      </nav>
      <div class="foot">
        <${SelectField} label=${t("language")} value=${language.value} options=${Object.entries(LANGUAGES)} onValue=${(code) => useLanguage(code, true)} />
        <${SelectField} label=${t("theme")} value=${theme.value} options=${THEMES.map((name) => [name, t(`theme.${name}`)])} onValue=${useTheme} />
        ${signedIn.value && config.value.sign_in.kind !== "start" && html`<${Button} kind="quiet" onClick=${signOut}>${t("sign_out")}<//>`}
      </div>
    </header>
  `;
};

const Door = () => {
  const [token, setToken] = useState("");
  const enter = (event) => {
    event.preventDefault();
    if (token) useStart(token);
  };
  return html`
    <div class="door">
      <h1>${t("door.title")}</h1>
      ${config.value.sign_in.kind === "start"
        ? html`<p>${t("door.start")}</p>
            <form onSubmit=${enter}>
              <${TextField} label=${t("door.token")} value=${token} onValue=${setToken} autocomplete="off" />
              <button type="submit" class="button strong"><span>${t("door.open")}</span></button>
            </form>`
        : html`<p>${t("door.sign_in")}</p>
            ${signInProblem.value && html`<${Notice} kind="error"><p>${t(signInProblem.value.key, { why: signInProblem.value.detail })}</p><//>`}
            <${Button} kind="strong" onClick=${signIn}>${t("sign_in")}<//>`}
      <p><a href=${href("parameters")}>${t("door.parameters")}</a></p>
    </div>
  `;
};

const Page = () => {
  const { page, rest, query } = route.value;
  const known = page in PAGES ? page : "today";
  const [parts, setParts] = useState({});
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    document.title = `${t(`page.${known}`)} · Endcap Studio`;
  }, [known, language.value]);
  useLayoutEffect(() => {
    PAGES[known]().then((module) => setParts((before) => ({ ...before, [known]: module.default })), () => setFailed(known));
  }, [known]);
  if (!signedIn.value && !OPEN.has(known)) return html`<${Door} />`;
  // A browser keeps to it that a module could not be had, until the page is loaded anew.
  if (failed === known) return html`<${Notice} kind="error"><p>${t("problem.page")}</p><${Button} onClick=${() => location.reload()}>${t("problem.again")}<//><//>`;
  const Shown = parts[known];
  // What an address asks for, a page begins with: with another question it begins anew, also on the way back.
  return Shown ? html`<${Shown} key=${`${known} ${JSON.stringify(query)}`} rest=${rest} query=${query} />` : html`<${Loading} />`;
};

// Someone who goes by keyboard or by ear begins at the top of the page that they have chosen.
const Main = () => {
  const { page } = route.value;
  useLayoutEffect(() => {
    if (document.activeElement?.closest?.(".side")) document.getElementById("main").focus();
    scrollTo(0, 0);
  }, [page]);
  return html`<main id="main" tabindex="-1"><${Page} /></main>`;
};

const Studio = () => html`
  <a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  }}>${t("skip")}</a>
  <${Navigation} />
  <${Main} />
  <${Teller} />
`;

document.documentElement.dataset.theme = theme.value;
await Promise.all([openSession(), useLanguage()]);
const root = document.getElementById("studio");
root.replaceChildren();
render(html`<${Studio} />`, root);
