// What the server has said in English, in the reader's language. As with gettext the English sentence is the key:
// lang/refusals.zh.json has one for each that a page may be told, with {names} for what is filled in. What stands in a
// name that begins with "said" has to be such a sentence itself, anything else is taken over as it is. The former are
// tried first: where one of them fits, whatever else would fit has taken a sentence for a name.
import { filled, refusals } from "./i18n.js";

const plain = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function ruleOf([english, own]) {
  const names = [];
  const pattern = english.split(/(\{\w+\})/).map((part) => (/^\{\w+\}$/.test(part) ? names.push(part.slice(1, -1)) && "(.+?)" : plain(part)));
  const strict = names.some((name) => name.startsWith("said"));
  return { own, names, pattern: new RegExp(`^${pattern.join("")}$`, "su"), rank: strict * 1e6 + english.replace(/\{\w+\}/g, "").length };
}

let made = { of: null, rules: [] };
const rules = () => {
  const of = refusals.value;
  if (made.of !== of) made = { of, rules: Object.entries(of ?? {}).map(ruleOf).sort((a, b) => b.rank - a.rank) };
  return made.rules;
};

function found(text) {
  for (const { own, names, pattern } of rules()) {
    const given = pattern.exec(text)?.slice(1);
    const values = given?.map((value, i) => (names[i].startsWith("said") ? found(value) : value));
    if (values && !values.includes(null)) return filled(own, Object.fromEntries(names.map((name, i) => [name, values[i]])));
  }
  return null;
}

// The sentence in the reader's language; as it is where that is English.
export const said = (text) => (refusals.value && text ? (found(text) ?? text) : text);
// Whether a reader of another language has to make do with the English. What a page says itself is in theirs already.
export const isForeign = (text) => Boolean(refusals.value && text) && !/\p{Script=Han}/u.test(text) && found(text) === null;
