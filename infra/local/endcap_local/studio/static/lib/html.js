// What every part of the studio is written with: Preact's elements, out of tagged templates. Values become text or
// properties, never HTML, so nothing that a shop or a shopper has written can be more than words here.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { Fragment, render } from "../vendor/preact.js";
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
export { computed, effect, signal } from "../vendor/signals.js";

export const html = htm.bind(h);
