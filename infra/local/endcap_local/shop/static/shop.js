// The demo shop: its pages, each made of what the kit answers.
import { abroad } from './abroad.js';
import { consented, pane } from './pane.js';
import { h, itemOf, link, list, refresh } from './page.js';
import { kindOf, pictureOf } from './pictures.js';
import { CURRENCY, language, money, say, words } from './words.js';

const main = document.getElementById('main');
const DEPARTMENTS = {
  kitchen: 'cake tins, mugs and baking', light: 'candles, lanterns and lights', bag: 'bags and purses', paper: 'cards, wrapping paper and notebooks',
  decor: 'wall decoration, signs and picture frames', garden: 'for the garden', play: 'toys and things for a party', christmas: 'christmas decorations',
};
const basket = {
  get lines() { try { return JSON.parse(localStorage['shop.basket']) || []; } catch { return []; } },
  set lines(lines) { localStorage['shop.basket'] = JSON.stringify(lines); header(true); },
  add(item) {
    const lines = this.lines, line = lines.find(one => one.item_id == item.item_id);
    if (line) line.quantity++;
    else lines.push({ item_id: item.item_id, title: item.title, price: item.price, quantity: 1 });
    this.lines = lines;
  },
};
const params = () => new URLSearchParams(location.search);

export function go(query) {
  history.pushState(null, '', link(query));
  show(true);
}

// With `keep` what is being typed into the search stays.
function header(keep) {
  const old = keep && document.querySelector('#top [name=q]'), writing = old && old == document.activeElement;
  const now = params(), count = basket.lines.reduce((sum, line) => sum + line.quantity, 0), start = now.get('start') || sessionStorage['shop.start'];
  if (start) sessionStorage['shop.start'] = start;
  const box = h('input', { type: 'search', name: 'q', value: old ? old.value : now.get('q') || '', placeholder: say('searchFor'), 'aria-label': say('searchFor'), autocomplete: 'off' });
  const here = name => now.get('department') == name ? 'page' : null;
  document.getElementById('top').replaceChildren(
    h('div', { class: 'bar' },
      h('a', { class: 'brand', href: link({}) }, h('img', { src: 'icon.svg', alt: '', width: 34, height: 34 }), h('span', {}, h('b', {}, say('shop')), h('small', {}, say('tagline')))),
      h('form', { class: 'search', role: 'search', onsubmit: event => { event.preventDefault(); if (box.value.trim()) go({ q: box.value.trim() }); } }, box, h('button', { class: 'quiet' }, say('search'))),
      h('div', { class: 'tools' },
        h('button', { class: 'quiet', lang: language == 'zh' ? 'en' : 'zh', onclick: () => { localStorage['shop.language'] = language == 'zh' ? 'en' : 'zh'; location.reload(); } }, say('language')),
        h('a', { class: 'quiet', href: '/studio/' + (start ? '?start=' + encodeURIComponent(start) : '') }, say('studio')),
        h('a', { class: 'basket', href: link({ cart: '' }) }, say('cart'), count ? h('span', { class: 'count' }, count) : null))),
    h('nav', { class: 'departments', 'aria-label': say('tagline') }, Object.keys(DEPARTMENTS).map(name => h('a', { href: link({ department: name }), 'aria-current': here(name) }, words.departments[name]))));
  if (writing) box.focus();
}

function home() {
  const tiles = Object.keys(DEPARTMENTS).slice(0, 4).map(name => h('a', { class: 'tile', href: link({ department: name }) },
    pictureOf({ item_id: 'tile-' + name, title: { decor: 'frame', light: 'candle', play: 'party', paper: 'card', kitchen: 'mug' }[name] || name }), h('span', {}, words.departments[name])));
  return [
    h('div', { class: 'hero' }, h('div', {}, h('h1', {}, say('hello')), h('p', {}, say('helloText'))), h('div', { class: 'tiles' }, tiles)),
    list(say('forYou'), say('forYouHint'), { surface: 'home, top', limit: 12 }, { wide: true }),
    abroad(),
    list(say('again'), null, { surface: 'home, again', scenario: 'buy_again', limit: 6 }),
    list(say('popular'), null, { surface: 'home, trending', window: '7d', limit: 6 }, { why: false }),
  ];
}

const department = name => [
  h('h1', { class: 'page-title' }, words.departments[name]),
  list(say('forYou'), null, { surface: 'department', q: DEPARTMENTS[name], limit: 24 }, { wide: true, why: false, heard: true }),
];

function found(q) {
  endcap.search(q);
  const title = h('h1', { class: 'page-title' }, say('found', q));
  const shelf = list(say('forYou'), null, { surface: 'search', q, limit: 24 }, { wide: true, why: false, heard: true });
  shelf.addEventListener('endcap:list', ({ detail }) => { title.textContent = say(detail.matched === false ? 'nearest' : 'found', q); });
  return [title, shelf];
}

async function item(id, left) {
  const shown = await itemOf(id);
  if (left()) return [];
  if (!shown) return [h('h1', { class: 'page-title' }, say('notFound')), list(say('forYou'), null, { surface: 'not found', limit: 6 })];
  endcap.view(id);
  const text = h('textarea', { rows: 2, maxlength: 1000, placeholder: say('reviewHint'), 'aria-label': say('review') });
  const told = h('p', { class: 'told', role: 'status' });
  const add = h('button', {
    class: 'main', onclick: () => {
      basket.add(shown);
      endcap.cart(id, { properties: { price: shown.price ?? 0 } });
      add.textContent = say('added');
      refresh();
    },
  }, say('add'));
  return [
    h('article', { class: 'item' },
      h('div', { class: 'picture large' }, pictureOf(shown)),
      h('div', { class: 'facts' },
        h('p', { class: 'kind' }, words.departments[kindOf(shown)] || say('tagline')),
        h('h1', {}, shown.title), h('p', { class: 'price' }, money(shown.price)), shown.description && h('p', {}, shown.description), add,
        h('form', {
          class: 'review', onsubmit: event => {
            event.preventDefault();
            if (!text.value.trim()) return;
            endcap.track('review', id, { text: text.value.trim() });
            text.value = '';
            told.textContent = say('sent');
            refresh();
          },
        }, h('label', {}, say('review'), text), h('button', { class: 'quiet' }, say('send')), told))),
    list(say('similar'), null, { surface: 'item, similar', item: id, limit: 6 }, { why: false }),
    list(say('forYou'), say('forYouHint'), { surface: 'item, below', limit: 6 }),
  ];
}

function cart() {
  const lines = basket.lines, total = lines.reduce((sum, line) => sum + (line.price || 0) * line.quantity, 0);
  const leave = line => {
    basket.lines = basket.lines.filter(one => one.item_id != line.item_id);
    endcap.track('remove_from_cart', line.item_id);
    show();
  };
  const order = () => {
    const number = Date.now().toString(36).toUpperCase();
    endcap.order(number, lines.map(({ item_id, price, quantity }) => ({ item_id, price: price ?? 0, quantity, currency: CURRENCY })));
    basket.lines = [];
    go({ thanks: number });
  };
  return [
    h('h1', { class: 'page-title' }, say('cart')),
    lines.length ? h('div', { class: 'lines' },
      lines.map(line => h('div', { class: 'line' },
        h('a', { class: 'picture small', href: link({ item: line.item_id }), 'aria-label': line.title }, pictureOf(line)),
        h('a', { href: link({ item: line.item_id }) }, line.title), h('span', {}, say('quantity', line.quantity), ' ', money(line.price)),
        h('button', { class: 'quiet', onclick: () => leave(line), 'aria-label': `${say('remove')}: ${line.title}` }, say('remove')))),
      h('p', { class: 'total' }, say('total'), ' ', h('b', {}, money(total))), h('button', { class: 'main', onclick: order }, say('order')))
      : h('p', { class: 'empty' }, say('empty')),
    list(say('cartAlso'), null, { surface: 'cart, below', limit: 6 }),
  ];
}

const thanks = number => [
  h('div', { class: 'hero thanks' }, h('div', {}, h('h1', {}, say('thanks')), h('p', {}, say('thanksText', number)), h('a', { class: 'main', href: link({}) }, say('on')))),
  list(say('forYou'), null, { surface: 'thanks', limit: 6 }),
];

let turn = 0;
async function show(moved) {
  const now = params(), mine = ++turn;
  header();
  const made = now.get('item') ? await item(now.get('item'), () => mine != turn).catch(failed)
    : now.has('cart') ? cart() : now.get('thanks') ? thanks(now.get('thanks')) : now.get('q') ? found(now.get('q'))
      : Object.hasOwn(DEPARTMENTS, now.get('department')) ? department(now.get('department')) : home();
  if (mine != turn) return;
  main.replaceChildren(...made);
  document.title = `${main.querySelector('h1').textContent} · ${say('shop')}`;
  if (moved) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
}

// Where no answer came there is no status.
const why = ({ status }) => say([403, 404].includes(status) ? 'door' : status == 429 ? 'busy' : status ? 'later' : 'offline');

const failed = error => [h('h1', { class: 'page-title' }, say('nothing')), h('p', { class: 'empty' }, why(error))];
const again = () => main.querySelectorAll('endcap-list:not([data-ec-list])').forEach(shown => shown.load());

// Lists that could not be had: the first one says why, and the others go with their headings, until they come.
addEventListener('endcap:error', ({ target, detail }) => {
  const shelf = target.closest('.shelf');
  shelf.querySelector('.lacking')?.remove();
  shelf.hidden = !!main.querySelector('.lacking');
  if (!shelf.hidden) target.before(h('div', { class: 'lacking', role: 'status' }, h('p', { class: 'empty' }, why(detail)), h('button', { class: 'quiet', onclick: again }, say('retry'))));
});
addEventListener('online', again);
document.addEventListener('click', event => {
  const to = event.target.closest('a[href^="?"]');
  if (!to || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(Object.fromEntries(new URLSearchParams(to.getAttribute('href'))));
});
addEventListener('popstate', () => show(true));
addEventListener('storage', ({ key }) => { if (key == 'shop.basket') header(true); });

document.documentElement.lang = language;
endcap.consent(consented());
pane();
show();
