// A list for a page of Next or any React application; the kit starts once, in the browser.
'use client';
import { createContext, useContext, useEffect, useState } from 'react';
import { start } from 'endcap-storefront';
import { useEndcapList } from 'endcap-storefront/react';

const Endcap = createContext(null);

export function EndcapProvider({ base, consent, shopper, children }) {
  const [kit, setKit] = useState(null);
  useEffect(() => { setKit(start({ base })); }, [base]);
  useEffect(() => { if (kit && consent) kit.consent(consent); }, [kit, consent]);
  useEffect(() => { if (kit && shopper !== undefined) kit.identify(shopper); }, [kit, shopper]);
  return <Endcap.Provider value={kit}>{children}</Endcap.Provider>;
}

export const useEndcap = () => useContext(Endcap);

// `rendered` is a list that the server has asked for: it is shown as it is, and counted, without another call.
export function Recommendations({ title, surface, item, rendered, limit = 8 }) {
  const kit = useEndcap();
  const asked = useEndcapList(rendered ? null : kit, { surface, item, limit, fields: ['title', 'price', 'url', 'image_url'] });
  useEffect(() => { kit?.watch(); });
  const list = rendered ?? asked.list;
  if (!list?.items.length) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul data-ec-list={list.recommendation_id}>
        {list.items.map((one, n) => (
          <li key={one.item_id} data-ec-item={one.item_id} data-ec-position={n + 1}>
            <a href={one.url}>{one.title}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
