// Shopify, app proxy: /apps/endcap/* of the shop comes here signed by Shopify, and goes on to the storefront door. So page
// and door are one site, and Shopify says who is signed in. Node 18 or newer, on anything that runs a function.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { shopperToken } from './shopper.mjs';

// https://shopify.dev/docs/apps/build/online-store/app-proxies/authenticate-app-proxies
export function signedByShopify(query, secret) {
  const given = Buffer.from(query.get('signature') || '', 'hex');
  const names = [...new Set(query.keys())].filter(name => name !== 'signature').sort();
  const told = names.map(name => `${name}=${query.getAll(name).join(',')}`).join('');
  const expected = createHmac('sha256', secret).update(told).digest();
  const age = Date.now() / 1000 - Number(query.get('timestamp'));
  return given.length === expected.length && timingSafeEqual(given, expected) && Math.abs(age) < 300;
}

const SHOPIFYS = ['signature', 'timestamp', 'shop', 'path_prefix', 'logged_in_customer_id'];

export async function proxied(request, { door, appSecret, doorSecret }, ask = fetch) {
  const url = new URL(request.url);
  if (!signedByShopify(url.searchParams, appSecret)) return new Response('not signed by Shopify', { status: 401 });
  const customer = url.searchParams.get('logged_in_customer_id');
  SHOPIFYS.forEach(name => url.searchParams.delete(name));
  const headers = { 'content-type': 'application/json', 'endcap-visitor': request.headers.get('endcap-visitor') || 'none' };
  if (customer && headers['endcap-visitor'] !== 'none') headers['endcap-shopper'] = shopperToken(customer, doorSecret, 300);
  const path = url.pathname.replace(/^.*?(?=\/(events|recommendations|search|trending|items\/[^/]+\/similar)$)/, '');
  const answer = await ask(door + path + (url.searchParams.size ? `?${url.searchParams}` : ''), {
    method: request.method, headers, body: request.method === 'POST' ? await request.text() : undefined,
  });
  return new Response(await answer.text(), { status: answer.status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } });
}
