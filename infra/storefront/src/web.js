// The kit on a web page: its port (fetch, localStorage, locks), the list element, what is visible, consent signals.
import { core } from './core.js';
import { deeds } from './deeds.js';

const ITEM = 'data-ec-item', LIST = 'data-ec-list', PLACE = 'data-ec-position', SAFE = /^(https?:|[/?#]|[^:]*$)/i;
const doc = document;

function webPort(base, cookie) {
  let kept;
  try { kept = localStorage; kept.length; } catch { kept = {}; } // a page that may not store keeps what it has to itself
  return {
    now: () => Date.now(),
    id: () => [...crypto.getRandomValues(new Uint32Array(4))].map(part => part.toString(36)).join(''),
    later: (what, ms) => setTimeout(what, ms),
    get: key => kept[key] ?? null,
    set(key, value) { try { kept[key] = value; } catch { /* full */ } },
    del: key => delete kept[key],
    keys: start => Object.keys(kept).filter(key => key.startsWith(start)),
    query: names => new URLSearchParams(JSON.parse(JSON.stringify(names))),
    subject: token => { try { return JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).sub; } catch { return token; } },
    // One tab sends at a time; false where another does.
    lock: what => navigator.locks ? navigator.locks.request('ec', { ifAvailable: true }, got => !!got && what()) : what(),
    async send(path, headers, body, keepalive = false, known) {
      const answer = await fetch(base + path, {
        method: body ? 'POST' : 'GET', body: body || undefined, keepalive, credentials: cookie && known ? 'include' : 'omit',
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
  const refused = gpc != 'ignore' && navigator.globalPrivacyControl;
  const cookie = visitor ? visitor == 'cookie' : new URL(base, location).origin == origin;
  const kit = deeds(core(webPort(base, cookie), {
    cookie,
    warn: (...told) => debug != null && console.warn('[endcap]', ...told),
    expired: () => doc.dispatchEvent(new Event('endcap:expired')),
  }));
  const decide = kit.consent, seen = new Set(), timers = new WeakMap();
  kit.consent = now => decide(refused ? 'denied' : now);

  const tell = (type, element) => kit.track(type, element.getAttribute(ITEM), {
    recommendation_id: element.closest(`[${LIST}]`)?.getAttribute(LIST), position: +element.getAttribute(PLACE) || undefined,
  });
  const observer = new IntersectionObserver(entries => entries.forEach(({ target, intersectionRatio }) => {
    clearTimeout(timers.get(target));
    if (intersectionRatio >= .5) timers.set(target, setTimeout(() => {
      const key = target.closest(`[${LIST}]`)?.getAttribute(LIST) + target.getAttribute(ITEM);
      if (seen.has(key) || doc.hidden || !target.isConnected) return;
      seen.add(key);
      observer.unobserve(target);
      tell('impression', target);
    }, 1e3));
  }), { threshold: [0, .5] });
  kit.watch = (root = doc) => root.querySelectorAll(`[${LIST}] [${ITEM}]`).forEach(element => observer.observe(element));

  ['click', 'auxclick'].forEach(type => doc.addEventListener(type, ({ target, button }) => {
    const element = button < 2 && target.closest('a,button') && target.closest(`[${LIST}] [${ITEM}]`);
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
  const read = ([command, how, states] = []) => {
    if (command != 'consent' || !states) return;
    const { analytics_storage: stored, personalization_storage: personal } = Object.assign(said, states);
    if (stored) decide(stored == 'granted' && personal != 'denied' ? stored : how == 'default' ? 'pending' : 'denied');
  };
  layer.push = (...told) => (told.forEach(one => one?.length && read(one)), push.apply(layer, told));
  layer.forEach(one => one?.length && read(one));
}

function fill(element, item) {
  for (const node of [element, ...element.querySelectorAll('*')]) for (const { name, value } of [...node.attributes]) {
    const [, kind] = /^data-ec-(text|href|src|alt)$/.exec(name) || [], currency = node.getAttribute('data-ec-currency');
    const got = value == 'why' ? item.reasons[0]?.text : item[value];
    if (kind == 'text') node.textContent = currency && got != null ? new Intl.NumberFormat(doc.documentElement.lang || [], { style: 'currency', currency }).format(got) : got;
    else if (kind && got && (kind == 'alt' || SAFE.test(got))) node.setAttribute(kind, got);
  }
}

function define(kit) {
  if (customElements.get('endcap-list')) return;
  customElements.define('endcap-list', class extends HTMLElement {
    static observedAttributes = ['item', 'scenario', 'q', 'category', 'language'];
    #run = 0;
    #before;

    connectedCallback() {
      // The element stands there before its template does.
      if (doc.readyState == 'loading') doc.addEventListener('DOMContentLoaded', () => this.load());
      else this.load();
    }

    attributeChangedCallback(name, before, now) {
      if (this.#run && before != now) {
        this.removeAttribute(LIST);
        this.load();
      }
    }

    async load() {
      const run = ++this.#run, template = this.querySelector('template'), place = this.querySelector('[data-ec-slot]') || this;
      if (this.hasAttribute(LIST) || !template) return kit.watch(); // the server has made it: no second call
      const clone = () => template.content.cloneNode(true).firstElementChild;
      const replace = nodes => [...place.children].forEach(child => child == template || child.remove()) || place.append(...nodes);
      this.#before ??= [...place.children].filter(child => child != template);
      const fields = [...new Set([...template.innerHTML.matchAll(/data-ec-(?:text|href|src|alt)="(\w+)"/g)].map(found => found[1]))];
      const asked = { limit: 8, fields: fields.filter(name => !/^(why|item_id)$/.test(name)), explain: fields.includes('why') };
      for (const name of ['scenario', 'surface', 'limit', 'item', 'q', 'window', 'category', 'language']) if (this.hasAttribute(name)) asked[name] = this.getAttribute(name);
      asked.limit = +asked.limit;
      if (this.hasAttribute('skeleton') && kit.state != 'pending' && !place.querySelector(`[${ITEM}]`)) replace(Array.from({ length: asked.limit }, () => {
        const bone = clone();
        bone.className += ' ec-skeleton';
        bone.inert = true;
        return bone;
      }));
      let told = 'error', detail, shown;
      try {
        detail = await kit.list(asked);
        told = 'list';
      } catch (error) { detail = error; }
      if (run != this.#run) return;
      if (told == 'list') {
        this.setAttribute(LIST, detail.recommendation_id);
        shown = detail.items.map((item, n) => {
          const element = clone();
          element.setAttribute(ITEM, item.item_id);
          element.setAttribute(PLACE, n + 1);
          fill(element, item);
          return element;
        });
      }
      replace(shown?.[0] ? shown : this.#before);
      kit.watch();
      this.hidden = !place.querySelector(':scope > :not(template)');
      this.dispatchEvent(new CustomEvent('endcap:' + told, { detail, bubbles: true }));
    }
  });
}
