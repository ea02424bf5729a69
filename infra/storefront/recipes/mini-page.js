// A page of a WeChat mini-program; in uni-app put `uni` in the place of `wx`.
const { start } = require('../../utils/endcap.js'); // kit/mini.cjs under this name

const kit = start(wx, { base: 'https://shop.example/storefront' });

Page({
  data: { items: [], list: '' },
  onLoad({ id }) {
    kit.consent(wx.getStorageSync('consent') || 'pending'); // after wx.requirePrivacyAuthorize, or your own question
    kit.view(id);
    kit.list({ item: id, surface: 'item, similar', limit: 6, fields: ['title', 'price', 'image_url'] }).then(
      ({ recommendation_id, items }) => this.setData({ items, list: recommendation_id }, () => this.watch()),
      () => this.setData({ items: [] }),
    );
  },
  // Half of an item for a second counts as seen, once.
  watch() {
    this.seen = {};
    this.observer = this.createIntersectionObserver({ thresholds: [0.5], observeAll: true });
    this.observer.relativeToViewport().observe('.ec-item', ({ dataset, intersectionRatio }) => {
      clearTimeout(this.seen[dataset.id]);
      if (intersectionRatio >= 0.5 && this.seen[dataset.id] !== true) {
        this.seen[dataset.id] = setTimeout(() => {
          this.seen[dataset.id] = true;
          kit.track('impression', dataset.id, { recommendation_id: this.data.list, position: dataset.position });
        }, 1000);
      }
    });
  },
  open({ currentTarget: { dataset } }) {
    kit.track('click', dataset.id, { recommendation_id: this.data.list, position: dataset.position });
    wx.navigateTo({ url: `/pages/item/item?id=${dataset.id}` });
  },
  onUnload() { if (this.observer) this.observer.disconnect(); },
});
