// What the kit does wherever it runs: consent, the queue of events, lists. No page and no network: a port brings those.
//
// Each event lies in storage under a key of its own, from when it happens until an answer says that it was taken. So
// tabs never overwrite each other's queue, a page may be closed at any moment, and what is sent twice has one event_id,
// by which the stack counts it once.
//
// Storage: ec.e.<event_id> an event that is not taken yet, ec.t.<item_id> the list an item was clicked in, ec.v the
// visitor's token (or 1, where a cookie holds it). Nothing of it is there unless consent is granted.

const EVENT = 'ec.e.', TOUCH = 'ec.t.', VISITOR = 'ec.v';
const QUEUE = 200, BATCH = 20, CHARS = 1e4, WEEK = 6048e5, LONGEST = 3e5;

export function core(port, { cookie, warn, expired } = {}) {
  let consent = 'pending', granted, who = '', wait = 0, timer, busy, gate, session = [], held = [], waiting = [];
  const tokens = {};
  const read = key => { try { return JSON.parse(port.get(key)); } catch { /* not ours */ } };
  const drop = ({ e }) => port.del(EVENT + e.event_id);

  const send = async (path, body, as = who, leaving, forget) => {
    const headers = {};
    if (!cookie || !granted) headers['Endcap-Visitor'] = granted ? port.get(VISITOR) || 'new' : 'none';
    if (granted && tokens[as]) headers['Endcap-Shopper'] = tokens[as];
    // The door takes out by `sent_at` how far this clock is off.
    const answer = await port.send(path, headers, body && JSON.stringify({ ...body, sent_at: Date.now() }), leaving, granted || forget);
    if (granted) {
      const { status, json } = answer, token = cookie ? '1' : json?.visitor;
      if (status < 300 && token) port.set(VISITOR, token);
      if (status == 401) {
        if (/visitor/.test(json?.detail)) {
          port.del(VISITOR);
          return send(path, body, as, leaving);
        }
        delete tokens[as];
        if (as == who) expired?.();
      }
    }
    return answer;
  };

  // Who is new gets one token: until it is there, requests go one after the other.
  const call = (...asked) => granted && !port.get(VISITOR) ? gate = Promise.resolve(gate).catch(() => 0).then(() => send(...asked)) : send(...asked);

  const put = entry => {
    if (consent == 'pending') held.push(entry);
    if (granted) {
      port.set(EVENT + entry.e.event_id, JSON.stringify(entry));
      soon();
    }
  };

  const track = (event_type, item_id, more) => {
    const timestamp = Date.now(), from = read(TOUCH + item_id);
    const e = { event_id: port.id(), event_type, item_id, timestamp, ...(from && timestamp - from.t < WEEK && from.list), ...more };
    if (event_type == 'click' && granted) {
      port.keys(TOUCH).slice(99).forEach(port.del);
      port.set(TOUCH + item_id, JSON.stringify({ t: timestamp, list: { recommendation_id: e.recommendation_id, position: e.position } }));
    }
    if (event_type != 'impression') session = [...session, e].slice(-BATCH);
    put({ s: who, e });
  };

  const soon = () => timer ||= setTimeout(() => flush(timer = 0), wait || 1e3);

  // One batch of one person's events: of who is signed in, or of the visitor before that.
  const pass = async leaving => {
    const all = port.keys(EVENT).map(read).filter(entry => entry?.e).sort((a, b) => a.e.timestamp - b.e.timestamp);
    all.splice(0, all.length - QUEUE).forEach(drop);
    const first = all.find(({ s }) => !s || tokens[s]);
    if (!first) return;
    const part = all.filter(({ s }) => s == first.s).slice(0, BATCH);
    while (part[1] && JSON.stringify(part).length > CHARS) part.splice(part.length >> 1);
    const { status, json, after } = await call('/events', { events: part.map(({ e }) => e) }, first.s, leaving).catch(() => 0);
    let failed = !/202|400|401|413/.test(status);
    failed || status == 401 || part.forEach((entry, n) => {
      const why = json?.rejected ? json.rejected.find(({ index }) => index == n) : json || status;
      if (why?.retryable) failed = 1;
      else {
        if (why) warn?.('refused', entry.e, why);
        drop(entry);
      }
    });
    wait = failed && Math.max(after * 1e3 || 0, Math.min(wait * 2 || 2e3, LONGEST) * (.5 + Math.random() / 2));
    if (failed || all.length > part.length) soon();
  };

  const flush = async leaving => {
    if (!granted) return;
    if (leaving) return pass(leaving);
    if (busy) return soon(); // what is put while a batch is out is not in it
    busy = 1;
    if (await port.lock(pass) === null) soon();
    busy = 0;
  };

  const list = async ({ item, q, window, explain = false, ...asked } = {}) => {
    if (consent == 'pending') await new Promise(go => waiting.push(go));
    const path = item ? `/items/${encodeURIComponent(item)}/similar?` : q ? '/search?' : window && '/trending?';
    const { status, json } = await (path ? call(path + port.query({ ...asked, explain, q, window })) : call('/recommendations', { ...asked, explain, interactions: session }));
    if (status != 200) throw Object.assign(Error(json?.detail || status), json, json?.errors?.[0], { status });
    return json;
  };

  const decide = now => {
    if (consent == now) return;
    consent = now;
    granted = now == 'granted';
    if (granted) soon();
    else {
      const before = port.keys('ec.').map(port.del).length;
      if (before && cookie) send('/trending?limit=1', null, 0, 0, 1).catch(() => 0); // the cookie goes by its answer
    }
    if (now != 'pending') {
      held.splice(0).forEach(put);
      waiting.splice(0).forEach(go => go());
    }
  };

  const identify = token => {
    const now = token ? port.subject(token) : '';
    if (now != who) session = [];
    who = now;
    if (token) tokens[now] = token;
    return flush();
  };

  return {
    consent: decide, identify, track, list, flush,
    online: () => flush(wait = 0),
    get state() { return consent; },
  };
}
