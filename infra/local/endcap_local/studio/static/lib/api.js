// Calls of the HTTP API, which answers on the origin that the pages come from.
import { useCallback, useLayoutEffect, useState } from "./html.js";
import { t } from "./i18n.js";
import { askLocalIssuer, config, credentials, signedIn } from "./session.js";

// What a page refuses itself has the `key` and `values` of its text, so that it is told in whichever language is chosen by then.
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.key ? t(problem.key, problem.values) : (problem.detail ?? problem.message ?? problem.title ?? `HTTP ${status}`));
    this.status = status;
    this.key = problem.key;
    this.values = problem.values;
    this.errors = problem.errors ?? [];
    this.etag = problem.etag;
  }
}

const pathOf = (parts, query) => {
  // To a browser these are steps in a path, however they are encoded, and the call would be another one.
  const step = parts.find((part) => part === "." || part === "..");
  if (step) throw new ApiError(400, { key: "problem.step", values: { id: step } });
  const path = `/${parts.map(encodeURIComponent).join("/")}`;
  const given = Object.entries(query ?? {}).filter(([, value]) => value != null && value !== "");
  return given.length ? `${path}?${given.map((pair) => pair.map(encodeURIComponent).join("=")).join("&")}` : path;
};

// One call: `parts` of the path are encoded here, so that an id may hold anything. Answers {data, etag}.
export async function call(method, parts, { query, body, etag, signal, again = true } = {}) {
  const path = pathOf(parts, query);
  const headers = { ...credentials() };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (etag) headers["if-match"] = etag;
  const options = { method, headers, signal };
  if (body !== undefined) options.body = JSON.stringify(body);
  let answer;
  try {
    answer = await fetch((config.value.api ?? "") + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: error.message });
  }
  const text = await answer.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError(answer.status, { detail: text.slice(0, 200) });
  }
  // A token may have come while this call was out without it.
  const late = () => credentials().authorization !== headers.authorization;
  if (answer.status === 401 && again && (late() || (await askLocalIssuer()))) return call(method, parts, { query, body, etag, signal, again: false });
  if (answer.status === 401) signedIn.value = false;
  if (!answer.ok) throw new ApiError(answer.status, data ?? {});
  return { data, etag: answer.headers.get("etag") };
}

export const get = async (parts, query, signal) => (await call("GET", parts, { query, signal })).data;
export const post = async (parts, body, signal) => (await call("POST", parts, { body, signal })).data;

// What a component shows of the API: {data, error, loading, reload}; asked again when `asked` changes. With `patient` what
// was answered once stays where asking anew fails, which `missed` tells.
export function useLoad(load, asked, { patient = false } = {}) {
  const [state, setState] = useState({ loading: true });
  const [round, setRound] = useState(0);
  // Before the next frame: until then an answer to what was asked before would pass for the answer.
  useLayoutEffect(() => {
    const stopped = new AbortController();
    setState((before) => ({ data: before.data, loading: true }));
    load(stopped.signal).then(
      (data) => stopped.signal.aborted || setState({ data, loading: false }),
      (error) => stopped.signal.aborted || setState(({ data }) => (patient && data !== undefined ? { data, missed: error, loading: false } : { error, loading: false })),
    );
    return () => stopped.abort();
  }, [...asked, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, reload };
}

const SHOWN = ["title", "price", "currency", "image_url", "brand", "categories"];

// A list as it would be live; nothing of it is recorded, and its reasons speak of the shopper.
export function preview(request, signal) {
  const body = { preview: true, audience: "staff", explain: true, fields: SHOWN, limit: 12, ...request };
  for (const [name, value] of Object.entries(body)) if (value == null || value === "") delete body[name];
  return post(["recommendations"], body, signal);
}
