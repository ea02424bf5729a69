// The kit in a mini-program: WeChat's `wx`, or `uni` of uni-app, which have the same calls.
import { core } from './core.js';
import { deeds } from './deeds.js';

export function start(api, { base, consent, shopper, subject = token => token, expired, debug } = {}) {
  const kit = deeds(core({
    subject,
    id: () => Array.from({ length: 32 }, () => (Math.random() * 16 | 0).toString(16)).join(''),
    get: key => api.getStorageSync(key) || null,
    set: (key, value) => api.setStorageSync(key, value),
    del: key => api.removeStorageSync(key),
    keys: start => api.getStorageInfoSync().keys.filter(key => key.startsWith(start)),
    query: names => Object.keys(names).filter(name => names[name] !== undefined)
      .map(name => name + '=' + encodeURIComponent(names[name])).join('&'),
    lock: what => what(),
    send: (path, headers, body) => new Promise((done, failed) => api.request({
      url: base + path, method: body ? 'POST' : 'GET', header: { ...headers, 'Content-Type': 'application/json' }, data: body,
      success: ({ statusCode, data, header = {} }) => done({ status: statusCode, json: data, after: header['Retry-After'] || header['retry-after'] }),
      fail: failed,
    })),
  }, { expired, warn: (...told) => debug && console.warn('[endcap]', ...told, told[2].errors?.[0]) }));
  api.onAppHide?.(() => kit.flush(true));
  api.onAppShow?.(() => kit.online());
  if (shopper) kit.identify(shopper);
  if (consent) kit.consent(consent);
  return kit;
}
