// On the page that a newsletter's link opens, after endcap.js: the click belongs to the newsletter's list.
(function () {
  const said = new URLSearchParams(location.search);
  if (!said.has('ec_list')) return;
  endcap('track', 'click', said.get('ec_item'), {
    recommendation_id: said.get('ec_list'), position: +said.get('ec_place') || undefined,
    event_id: `mail/${said.get('ec_list')}/${said.get('ec_place')}`, // opened twice it counts once
  });
  for (const name of ['ec_list', 'ec_place', 'ec_item']) said.delete(name);
  history.replaceState(history.state, '', location.pathname + (said.size ? `?${said}` : '') + location.hash);
})();
