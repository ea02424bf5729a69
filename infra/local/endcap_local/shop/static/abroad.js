// What is popular where a visitor says they are: the request names the country, which nobody has to give away.
import { cardOf, h } from './page.js';
import { language, say } from './words.js';

const LIMIT = 6, REGION = /^[a-z]{2}$/;
const named = new Intl.DisplayNames(language, { type: 'region' });

// The countries that the current snapshot has counted; none where this shop's server does not tell.
async function counted() {
  const answer = await fetch('/parameters', { credentials: 'omit' });
  const contexts = answer.ok ? (await answer.json()).contexts : [];
  return contexts.filter(({ name }) => name == 'country').flatMap(({ values }) => values).filter(value => REGION.test(value));
}

export function abroad() {
  const cards = h('ul', { class: 'cards' }), made = h('div', {}, cards);
  const choice = h('select', { class: 'quiet', 'aria-label': say('country'), onchange: () => ask() });
  const shelf = h('section', { class: 'shelf', 'aria-labelledby': 'list-abroad', hidden: true },
    h('div', { class: 'shelf-title' }, h('h2', { id: 'list-abroad' }, say('abroad')), choice, h('p', {}, say('abroadHint'))), made);
  let turn = 0;
  async function ask() {
    const mine = ++turn;
    const asked = { limit: LIMIT, surface: 'home, abroad', language, fields: ['title', 'price'], explain: true, context: { country: choice.value } };
    const found = await endcap.list(asked).catch(() => null);
    if (mine != turn || !found) return;
    made.dataset.ecList = found.recommendation_id;
    cards.replaceChildren(...found.items.map(cardOf));
    made.dispatchEvent(new CustomEvent('endcap:list', { detail: found, bubbles: true }));
    endcap.watch(made);
  }
  counted().then(countries => {
    if (!countries.length) return;
    const names = countries.map(value => [value, named.of(value.toUpperCase())]).sort((a, b) => a[1].localeCompare(b[1], language));
    choice.append(...names.map(([value, name]) => h('option', { value }, name)));
    ask();
  }).catch(() => {});
  return shelf;
}
