// Node: the token by which the page says who has signed in. Keep the secret on the server.
import { createHmac } from 'node:crypto';

export function shopperToken(userId, secret, seconds = 3600) {
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const told = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: String(userId), exp: Math.floor(Date.now() / 1000) + seconds })}`;
  return `${told}.${createHmac('sha256', secret).update(told).digest('base64url')}`;
}

// A list for a page that the server makes. The visitor's cookie goes along; without one nobody is known.
export async function listFor(door, { cookie, shopper, ...request }) {
  const visitor = /(?:^|;\s*)ec_id=([^;]+)/.exec(cookie || '')?.[1];
  const headers = { 'content-type': 'application/json' };
  if (visitor) headers.cookie = `ec_id=${visitor}`;
  else headers['endcap-visitor'] = 'none';
  if (visitor && shopper) headers['endcap-shopper'] = shopper;
  const answer = await fetch(`${door}/recommendations`, {
    method: 'POST', headers, body: JSON.stringify({ explain: false, ...request }), signal: AbortSignal.timeout(800),
  });
  return answer.ok ? answer.json() : { recommendation_id: null, items: [] };
}
