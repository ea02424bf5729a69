// <script src="endcap.js" data-base="/storefront">: starts by its attributes, and does what was asked before it came.
import { start } from './web.js';

const kit = start(document.currentScript?.dataset), early = window.endcap?.q || [];
// What can't be done is said, and stops neither the page nor the calls after it.
const call = (name, ...given) => {
  try {
    return kit[name](...given);
  } catch (wrong) {
    console.warn('[endcap]', name, wrong);
  }
};
window.endcap = Object.defineProperties(call, Object.getOwnPropertyDescriptors(kit));
early.forEach(given => call(...given));
