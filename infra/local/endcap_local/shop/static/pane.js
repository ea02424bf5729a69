// Beside the shop: what the stack knows of this visitor, as it changes.
import { h, itemOf, refresh } from './page.js';
import { language, say, words } from './words.js';

const place = document.getElementById('pane');
const CONSENT = 'shop.consent', SEEN = 'shop.seen', SHOWN = 8, LOOK_MS = [400, 1200, 3000, 7000, 12000, 25000];
let before, timers = [], here = [], looks = 0, drawn = 0;

// Who has not been asked yet is not known: lists then follow what is done on the page.
export const consented = () => localStorage[CONSENT] == 'granted' ? 'granted' : 'denied';

function decide(now) {
  localStorage[CONSENT] = now;
  delete localStorage[SEEN];
  before = null;
  drawn = looks;
  endcap.consent(now);
  refresh();
  look();
}

// The visitor's token holds the id that events carry: 16 bytes after the first, as the export and the profile name it.
function visitor() {
  const token = localStorage['ec.v'];
  if (!token) return null;
  const bytes = atob(token.replace(/-/g, '+').replace(/_/g, '/')).slice(1, 17);
  return btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

async function profile(sure) {
  const id = visitor();
  if (!id || !sure && !localStorage[SEEN]) return null; // there is no profile before the first event is in it
  const answer = await fetch(`/users/${encodeURIComponent('anon:' + id)}/profile?language=${language}`, { credentials: 'omit' });
  if (answer.status == 401 || answer.status == 403) return { closed: true };
  if (answer.ok) localStorage[SEEN] = '1';
  return answer.ok ? answer.json() : null;
}

// Answers come in any order, and after what they are about was taken back: none is drawn over a later one.
async function look(sure) {
  const known = endcap.state == 'granted', mine = ++looks;
  const found = known ? await profile(sure).catch(() => null) : null;
  if (mine <= drawn) return;
  drawn = mine;
  draw(known, found);
}

const sent = () => !Object.keys(localStorage).some(name => name.startsWith('ec.e.'));

// What was done is sent at once here, so that it shows; a shop's pages can wait the second that the kit takes. What the
// network holds up is looked for again: the last look is not the last while something is unsent.
async function soon() {
  timers.forEach(clearTimeout);
  timers = [];
  if (endcap.state != 'granted') return look();
  await endcap.flush();
  timers.forEach(clearTimeout);
  timers = LOOK_MS.map((ms, n) => setTimeout(() => LOOK_MS[n + 1] || sent() ? look(n > 0) : soon(), ms));
}

const ago = seconds => seconds < 100 ? say('ago', seconds) : say('agoMin', Math.round(seconds / 60));
const doing = type => words[type + '_'] || words[type] || type;

function draw(known, found) {
  const fresh = (name, now) => before && before[name] != now ? 'fresh' : null;
  const parts = [h('h2', { id: 'pane-title' }, say('paneTitle'))];
  if (!known) {
    parts.push(h('p', { class: 'lead' }, say('nobody')));
    if (!localStorage[CONSENT]) parts.push(h('div', { class: 'ask', role: 'group', 'aria-label': say('asking') }, h('p', {}, say('asking')),
      h('button', { class: 'main', onclick: () => decide('granted') }, say('yes')), h('button', { class: 'quiet', onclick: () => decide('denied') }, say('no'))));
    else parts.push(h('button', { class: 'main', onclick: () => decide('granted') }, say('remember')));
    if (here.length) parts.push(h('h3', {}, say('recent')), h('ul', { class: 'recent' }, here.map(line)));
  } else {
    parts.push(h('p', { class: 'lead' }, visitor() && say('remembered', visitor().slice(0, 6) + '…')));
    if (found?.closed) parts.push(h('p', {}, say('closed')));
    else if (!found) parts.push(h('p', {}, say('soon')));
    else {
      const summary = [found.summary].flat().join(' ');
      if (summary) parts.push(h('h3', {}, say('summary')), h('p', { class: `summary ${fresh('summary', summary) || ''}` }, summary));
      const most = Math.max(...found.tags.map(tag => Math.abs(tag.weight)), 1e-9);
      if (found.tags.length) parts.push(h('h3', {}, say('tags')), h('ul', { class: 'tags' }, found.tags.slice(0, SHOWN).map(tag => {
        const bar = h('span', { class: tag.weight < 0 ? 'share below' : 'share' });
        bar.style.setProperty('--share', Math.abs(tag.weight) / most);
        return h('li', { class: fresh('tag ' + tag.name, tag.weight) }, h('span', {}, tag.name), bar);
      })));
      if (found.aspects.length) parts.push(h('h3', {}, say('aspects')), h('ul', { class: 'aspects' }, found.aspects.map(aspect =>
        h('li', { class: aspect.sentiment < 0 ? 'bad' : 'good' }, `${aspect.sentiment < 0 ? '−' : '+'} ${aspect.name}`))));
      parts.push(h('h3', {}, say('recent')), h('ul', { class: 'recent' }, found.recent.slice(0, SHOWN).map(line)));
      parts.push(h('p', { class: `version ${fresh('version', found.profile_version) || ''}` }, say('version', found.profile_version)));
      before = { summary, version: found.profile_version, ...Object.fromEntries(found.tags.map(tag => ['tag ' + tag.name, tag.weight])) };
    }
    parts.push(h('button', { class: 'quiet', onclick: () => decide('denied') }, say('forget')));
  }
  const focused = place.contains(document.activeElement);
  place.replaceChildren(...parts);
  if (focused) place.querySelector('button')?.focus();
}

const line = ({ event_type, title, text, age_s }) => h('li', {}, h('span', { class: 'type' }, doing(event_type)), ' ', h('b', { dir: 'auto' }, title || text || ''), ' ', age_s == null ? null : h('small', {}, ago(age_s)));

// Each deed is followed by a few looks: it is in the profile within a second.
export function pane() {
  for (const name of ['track', 'view', 'cart', 'search', 'order']) {
    const does = endcap[name];
    endcap[name] = (...given) => {
      does(...given);
      note(name, given);
      soon();
    };
  }
  look();
}

async function note(name, [first, second, more]) {
  if (name == 'order') return;
  const event = { view: ['view', first], cart: ['add_to_cart', first], search: ['search', null, first], track: [first, second, more?.text] }[name];
  const title = event[1] ? (await itemOf(event[1]).catch(() => null))?.title : null;
  here = [{ event_type: event[0], title, text: event[2] }, ...here].slice(0, SHOWN);
  if (endcap.state != 'granted') look();
}
