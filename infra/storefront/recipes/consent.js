// The banner: it asks once, keeps the answer, and says it on each page. Loaded after endcap.js, and with `defer` as that is.
(function () {
  const KEY = 'shop-consent', ask = document.getElementById('ask');
  let known = null;
  try { known = localStorage.getItem(KEY); } catch { /* a browser that keeps nothing is asked on each page */ }
  if (known === 'granted' || known === 'denied') endcap('consent', known);
  else if (ask) ask.hidden = endcap.state !== 'pending'; // Global Privacy Control has said no already
  // Any button of the site's may say it: one on the privacy page takes a yes back.
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-say]');
    if (!button) return;
    try { localStorage.setItem(KEY, button.dataset.say); } catch { /* as above */ }
    endcap('consent', button.dataset.say);
    if (ask) ask.hidden = true;
  });
})();
