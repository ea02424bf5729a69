// Elements made without any text read as HTML, and the two kinds of lists that the shop has.
import { pictureOf } from './pictures.js';
import { CURRENCY, language, money } from './words.js';

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value != null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

export const link = query => '?' + new URLSearchParams(query);
const known = new Map();
export const remember = item => { if (item.title) known.set(item.item_id, { ...known.get(item.item_id), ...item }); };

// An item by its id: from a list that had it, else by searching for the id.
export async function itemOf(id) {
  if (!known.has(id)) {
    const found = await endcap.list({ q: id, limit: 1, fields: ['title', 'price', 'categories', 'description'] });
    found.items.filter(item => item.item_id == id).forEach(remember);
  }
  return known.get(id);
}

function template(why) {
  const made = document.createElement('template');
  made.content.append(h('li', { class: 'card' },
    h('a', { class: 'card-link' },
      h('span', { class: 'picture' }),
      h('span', { class: 'title', 'data-ec-text': 'title' }),
      h('span', { class: 'price', 'data-ec-text': 'price', 'data-ec-currency': CURRENCY })),
    why && h('p', { class: 'why', 'data-ec-text': 'why' })));
  return made;
}

// The same card of an item at hand, for a list that the kit has brought and the page fills: what the context says of it comes first.
const told = (reasons = []) => reasons.find(reason => reason.kind == 'context') || reasons[0];
export const cardOf = (item, place) => h('li', { class: 'card', 'data-ec-item': item.item_id, 'data-ec-position': place + 1 },
  h('a', { class: 'card-link' }, h('span', { class: 'picture' }), h('span', { class: 'title' }, item.title), h('span', { class: 'price' }, money(item.price))),
  h('p', { class: 'why' }, told(item.reasons)?.text));

// A list of the kit's, with this shop's own card.
export function list(title, hint, attributes, { why = true, wide = false, heard = false } = {}) {
  const id = 'list-' + attributes.surface.replace(/\W+/g, '-');
  const place = h('ul', { class: wide ? 'cards wide' : 'cards', 'data-ec-slot': true });
  const element = h('endcap-list', { skeleton: true, language, ...attributes }, template(why), place);
  return h('section', { class: 'shelf', 'aria-labelledby': id },
    h('div', { class: heard ? 'only-for-lists' : 'shelf-title' }, h('h2', { id }, title), hint && h('p', {}, hint)), element);
}

// Lists for the visitor, asked again: what was just done counts at once, since it goes along.
export function refresh() {
  for (const shown of document.querySelectorAll('endcap-list:not([item], [q], [window])')) {
    shown.removeAttribute('data-ec-list');
    shown.load();
  }
}

// What a list has brought gets its pictures and its addresses.
addEventListener('endcap:list', ({ target, detail }) => {
  detail.items.forEach(remember);
  for (const card of target.querySelectorAll('[data-ec-item]')) {
    const item = known.get(card.getAttribute('data-ec-item'));
    card.querySelector('a').setAttribute('href', link({ item: item.item_id }));
    card.querySelector('.picture').replaceChildren(pictureOf(item));
  }
  const shelf = target.closest('.shelf');
  shelf.querySelector('.lacking')?.remove();
  shelf.hidden = !detail.items.length;
});
