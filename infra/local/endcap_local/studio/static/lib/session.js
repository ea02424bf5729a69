// Who looks: the token of the local stack's start, or an operator's own by sign-in (authorisation code with PKCE).
import { signal } from "./html.js";

const START = "endcap-studio-start";
const TOKEN = "endcap-studio-token";
const PENDING = "endcap-studio-sign-in";
export const KEPT_SHOPPERS = "endcap-studio-shoppers";
const LOCAL_SCOPE = "endcap/look endcap/steer endcap/erase endcap/server";

export const config = signal({ sign_in: { kind: "start" }, pictures: [] });
export const signedIn = signal(false);
// Why a sign-in did not succeed: {key, detail} of its text, or null.
export const signInProblem = signal(null);

const home = new URL("../", import.meta.url);

export async function openSession() {
  config.value = await (await fetch(new URL("config.json", home))).json();
  const given = new URL(location.href);
  const start = given.searchParams.get("start");
  if (start) {
    sessionStorage.setItem(START, start);
    // The token is not left in the address, from where it would get into histories and screenshots.
    given.searchParams.delete("start");
    // The demo names some of its own shoppers: nobody else's ids are offered but those that were typed in.
    const named = (given.searchParams.get("shoppers") ?? "").split(",").filter(Boolean);
    if (named.length) sessionStorage.setItem(KEPT_SHOPPERS, JSON.stringify(named));
    given.searchParams.delete("shoppers");
    history.replaceState(null, "", given);
  }
  if (given.searchParams.has("code") || given.searchParams.has("error")) signInProblem.value = await finish(given);
  signedIn.value = Object.keys(credentials()).length > 0;
}

function bearer() {
  const token = JSON.parse(sessionStorage.getItem(TOKEN) ?? "null");
  if (token && token.until <= Date.now()) sessionStorage.removeItem(TOKEN);
  return token && token.until > Date.now() ? { authorization: `Bearer ${token.value}` } : {};
}

function keep(token) {
  const until = Date.now() + 1000 * (token.expires_in ?? 3600) - 30_000;
  sessionStorage.setItem(TOKEN, JSON.stringify({ value: token.access_token, until }));
}

export function credentials() {
  if (config.value.sign_in.kind === "start") {
    const start = sessionStorage.getItem(START);
    return start ? { "endcap-start": start, ...bearer() } : {};
  }
  return bearer();
}

// With `endcap local --auth` the stack's own issuer signs a token for whoever has the token of the start.
let asking = null;
export function askLocalIssuer() {
  // Several requests may be refused at once; they wait for one token.
  asking ??= issued().finally(() => (asking = null));
  return asking;
}

async function issued() {
  if (config.value.sign_in.kind !== "start") return false;
  const body = new URLSearchParams({ grant_type: "client_credentials", scope: LOCAL_SCOPE });
  const answer = await fetch("/local-issuer/oauth2/token", { method: "POST", body, headers: credentials() });
  if (!answer.ok) return false;
  keep(await answer.json());
  return true;
}

export function useStart(token) {
  sessionStorage.setItem(START, token.trim());
  signedIn.value = true;
}

export function signOut() {
  for (const name of [START, TOKEN, PENDING, KEPT_SHOPPERS]) sessionStorage.removeItem(name);
  signedIn.value = false;
}

const encoded = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => encoded(crypto.getRandomValues(new Uint8Array(32)));

export async function signIn() {
  signInProblem.value = null;
  const { authorize_url: url, client_id: client, scope } = config.value.sign_in;
  const verifier = random();
  const state = random();
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, page: location.hash }));
  const challenge = encoded(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  const asked = new URL(url);
  const parameters = {
    response_type: "code",
    client_id: client,
    redirect_uri: home.href,
    scope,
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) asked.searchParams.set(name, value);
  location.assign(asked);
}

// What the issuer sends back becomes a token; answers what was wrong with it.
async function finish(given) {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  const code = given.searchParams.get("code");
  const state = given.searchParams.get("state");
  history.replaceState(null, "", new URL(pending?.page ?? "", home));
  dispatchEvent(new Event("hashchange")); // which replacing does not bring about
  if (!pending || pending.state !== state) return { key: "door.strayed" };
  const refused = given.searchParams.get("error");
  if (refused) return { key: "door.refused", detail: given.searchParams.get("error_description") || refused };
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: config.value.sign_in.client_id,
    redirect_uri: home.href,
    code,
    code_verifier: pending.verifier,
  });
  try {
    const answer = await fetch(config.value.sign_in.token_url, { method: "POST", body });
    if (!answer.ok) return { key: "door.no_token", detail: answer.status };
    keep(await answer.json());
  } catch (error) {
    return { key: "door.no_token", detail: error.message };
  }
  return null;
}
