// Names for what shoppers do most.
export const deeds = kit => Object.assign(kit, {
  view: (item_id, more) => kit.track('view', item_id, more),
  cart: (item_id, more) => kit.track('add_to_cart', item_id, more),
  search: (text, more) => kit.track('search', undefined, { text, ...more }),
  // An order's events have its number in their ids: a page of thanks that is loaded again says nothing new. Its value is
  // what the line came to.
  order: (order_id, lines) => lines.forEach(({ item_id, ...properties }) => kit.track('purchase', item_id, {
    event_id: short(order_id + '/' + item_id), value: properties.price * (properties.quantity ?? 1) || undefined,
    properties: { order_id: order_id + '', quantity: 1, ...properties },
  })),
});

// At most 64 characters; what would be longer ends in a hash (FNV-1a) of the whole.
function short(text) {
  let hash = 2166136261;
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(), 16777619);
  return text.length > 64 ? text.slice(0, 50) + (hash >>> 0) : text;
}
