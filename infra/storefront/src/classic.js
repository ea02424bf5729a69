// <script src="endcap.js" data-base="/storefront">: starts by its attributes, and does what was asked before it came.
import { start } from './web.js';

const kit = start(document.currentScript?.dataset), early = window.endcap?.q || [];
window.endcap = Object.defineProperties((name, ...given) => kit[name](...given), Object.getOwnPropertyDescriptors(kit));
early.forEach(([name, ...given]) => kit[name](...given));
