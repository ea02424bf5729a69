// The kit on a web page: its port (fetch, localStorage, locks), the list element, what is visible, consent signals.
import { core } from './core.js';
import { deeds } from './deeds.js';

const LISTED = '[data-ec-list] [data-ec-item]', SAFE = /^(https?:|[/?#]|[^:]*$)/i;
const ASKED = ['item', 'scenario', 'q', 'category', 'language', 'surface', 'limit', 'window'];
const doc = document;
const listOf = element => element.closest('[data-ec-list]')?.dataset.ecList;

function webPort(base, cookie) {
  let kept;
  try { kept = localStorage; kept.length; } catch { kept = {}; } // a page that may not store keeps what it has to itself
  return {
    id: () => crypto.getRandomValues(new Uint32Array(4)).join(''),
    get: key => kept[key],
    set(key, value) { try { kept[key] = value; } catch { /* full */ } },
    del: key => delete kept[key],
    keys: start => Object.keys(kept).filter(key => key.startsWith(start)),
    query: names => new URLSearchParams(JSON.parse(JSON.stringify(names))),
    subject: token => { try { return JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).sub; } catch { return token; } },
    // One tab sends at a time; null where another does.
    lock: what => navigator.locks?.request('ec', { ifAvailable: true }, got => got && what()) ?? what(),
    async send(path, headers, body, keepalive = false, known) {
      const answer = await fetch(base + path, {
        method: body ? 'POST' : 'GET', body, keepalive, credentials: cookie && known ? 'include' : 'omit',
        headers: body ? { ...headers, 'Content-Type': 'application/json' } : headers,
      });
      return { status: answer.status, json: await answer.json().catch(() => null), after: answer.headers.get('retry-after') };
    },
  };
}

let started;

// Once on a page: who asks again, as React does while one develops, gets the same.
export const start = options => started ||= begin(options);

function begin({ base = '/storefront', visitor, consent, shopper, gpc, debug, view } = {}) {
  const refused = gpc != 'ignore' && navigator.globalPrivacyControl && 'denied';
  const cookie = visitor ? visitor == 'cookie' : new URL(base, location).origin == origin;
  const kit = deeds(core(webPort(base, cookie), {
    cookie,
    warn: (...told) => debug != null && console.warn('[endcap]', ...told, told[2].errors?.[0]),
    expired: () => doc.dispatchEvent(new Event('endcap:expired')),
  }), refused);
  const seen = {};

  const tell = (type, element) => kit.track(type, element.dataset.ecItem, {
    recommendation_id: listOf(element), position: +element.dataset.ecPosition || undefined,
  });
  const observer = new IntersectionObserver(entries => entries.forEach(({ target, intersectionRatio }) => {
    clearTimeout(target.ec);
    if (intersectionRatio >= .5) target.ec = setTimeout(() => {
      const key = listOf(target) + target.dataset.ecItem;
      if (seen[key] || doc.hidden || !target.isConnected) return;
      seen[key] = 1;
      observer.unobserve(target);
      tell('impression', target);
    }, 1e3);
  }), { threshold: [0, .5] });
  kit.watch = (root = doc) => root.querySelectorAll(LISTED).forEach(element => observer.observe(element));

  ['click', 'auxclick'].forEach(type => doc.addEventListener(type, ({ target, button }) => {
    const element = button < 2 && target.closest('a,button') && target.closest(LISTED);
    if (element) tell('click', element);
  }, true));
  doc.addEventListener('visibilitychange', () => kit.flush(doc.hidden));
  addEventListener('online', kit.online);

  define(kit);
  if (shopper) kit.identify(shopper);
  if (consent == 'google' && !refused) google(kit.consent);
  else if (refused || consent) kit.consent(consent);
  kit.watch();
  if (view) doc.prerendering ? doc.addEventListener('prerenderingchange', () => kit.view(view)) : kit.view(view);
  return kit;
}

// Google consent mode: what its default denies is not decided yet, what an update denies is.
function google(decide) {
  const layer = window.dataLayer ||= [], push = layer.push, said = {};
  const read = one => {
    const [command, how, states] = Array.from(one || []);
    if (command != 'consent') return;
    const stored = Object.assign(said, states).analytics_storage;
    if (stored) decide(stored == 'granted' && said.personalization_storage != 'denied' ? stored : how == 'default' ? 'pending' : 'denied');
  };
  layer.push = (...told) => (told.forEach(read), push.apply(layer, told));
  layer.forEach(read);
}

// What of a template is filled in: the element, what of it, and by which field.
const filled = root => [...root.querySelectorAll('*')].flatMap(node =>
  ['text', 'href', 'src', 'alt'].map(kind => [node, kind, node.getAttribute('data-ec-' + kind)])).filter(one => one[2]);

function fill(root, item) {
  for (const [node, kind, field] of filled(root)) {
    const got = field == 'why' ? item.reasons[0]?.text
      : /{/.test(field) ? field.replace('{item_id}', encodeURIComponent(item.item_id)) : item[field];
    const currency = node.getAttribute('data-ec-currency');
    if (kind == 'text') node.textContent = currency && got != null ? got.toLocaleString(doc.documentElement.lang || [], { style: 'currency', currency }) : got;
    else if (got && (kind == 'alt' || SAFE.test(got))) node.setAttribute(kind, got);
    if (kind == 'src') node.hidden = !node.src; // no address, and none of the template's own
  }
}

function define(kit) {
  if (customElements.get('endcap-list')) return;
  customElements.define('endcap-list', class extends HTMLElement {
    static observedAttributes = ASKED;
    #run = 0;
    #before;

    connectedCallback() {
      // The element stands there before its template does.
      if (doc.readyState == 'loading') doc.addEventListener('DOMContentLoaded', () => this.load());
      else this.load();
    }

    attributeChangedCallback(name, before, now) {
      if (this.#run && before != now) {
        delete this.dataset.ecList;
        this.load();
      }
    }

    async load() {
      const run = ++this.#run, template = this.querySelector('template'), place = this.querySelector('[data-ec-slot]') || this;
      if (this.dataset.ecList != null || !template) return kit.watch(); // the server has made it: no second call
      const clone = item => {
        const root = template.content.cloneNode(true);
        if (item) fill(root, item);
        return root.firstElementChild;
      };
      // Hidden while it holds nothing but its template.
      const settle = () => this.hidden = !place.children[+place.contains(template)];
      const replace = nodes => [...place.children].forEach(child => child == template || child.remove()) || place.append(...nodes);
      this.#before ??= [...place.children].filter(child => child != template);
      // A script has yet to say which item, or what words.
      if (this.matches('[item=""],[q=""]')) return replace(this.#before), settle();
      const fields = [...new Set(filled(template.content).map(one => one[2]))];
      const asked = { limit: 8, fields: fields.filter(name => !/^why$|item_id/.test(name)), explain: fields.includes('why') };
      for (const name of ASKED) asked[name] = this.getAttribute(name) ?? asked[name];
      asked.language ??= this.closest('[lang]')?.lang; // the door takes what it has of it
      if (this.hasAttribute('skeleton') && kit.state != 'pending' && !place.querySelector('[data-ec-item]')) replace(Array.from({ length: asked.limit }, () => {
        const bone = clone();
        bone.classList.add('ec-skeleton');
        bone.inert = true;
        return bone;
      }));
      settle();
      const detail = await kit.list(asked).catch(error => error), { items } = detail;
      if (run != this.#run) return;
      if (items) this.dataset.ecList = detail.recommendation_id;
      replace(items?.[0] ? items.map((item, n) => {
        const element = clone(item);
        element.dataset.ecItem = item.item_id;
        element.dataset.ecPosition = n + 1;
        return element;
      }) : this.#before);
      kit.watch();
      settle();
      this.dispatchEvent(new CustomEvent('endcap:' + (items ? 'list' : 'error'), { detail, bubbles: true }));
    }
  });
}
