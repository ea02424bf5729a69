// Names for what shoppers do most, and one for each type of event.
const TYPES = 'view click impression add_to_cart remove_from_cart purchase return rating review like dislike wishlist share';

export const deeds = (kit, refused) => {
  const decide = kit.consent;
  TYPES.split(' ').map(type => kit[type] = (item_id, more) => kit.track(type, item_id, more));
  return Object.assign(kit, {
    // A word that is no answer changes nothing: it might be a yes as well as a no.
    consent: now => /^(pending|granted|denied)$/.test(now = refused || now) ? decide(now) : console.warn('[endcap]', 'consent', now),
    cart: kit.add_to_cart,
    search: (text, more) => kit.track('search', undefined, { text, ...more }),
    // An order's events have its number in their ids: a page of thanks that is loaded again says nothing new. Lines of one
    // item, in two sizes for instance, are told apart by which of them it is. The door works out what a line came to, and
    // makes ids shorter that are too long.
    order(order_id, lines) {
      const known = {};
      lines.forEach(({ item_id, ...properties }) => kit.purchase(item_id, {
        event_id: order_id + '/'.repeat(known[item_id] = -~known[item_id]) + item_id,
        properties: { order_id: order_id + '', quantity: 1, ...properties },
      }));
    },
  });
};
