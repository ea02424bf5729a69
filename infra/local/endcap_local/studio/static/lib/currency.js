// The currency of prices that name none: the one that all orders of the last month were paid in, as Results tells them. Where they
// name none, or several, there is nothing true to say.
import { get } from "./api.js";
import { signal } from "./html.js";
import { money } from "./i18n.js";

const DAYS = 30;
const iso = (daysAgo) => new Date(Date.now() - daysAgo * 86400000).toISOString().slice(0, 10);

const paid = signal(null);
let asked = false;

// Asked once, when the first such price is shown.
function currencyOfOrders() {
  if (!asked) {
    asked = true;
    get(["admin", "results"], { from: iso(DAYS - 1), to: iso(0), by: "day" }).then(({ total }) => (paid.value = total.currency ?? null), () => (asked = false));
  }
  return paid.value;
}

export const priceOf = ({ price, currency }) => money(price, price == null ? null : currency || currencyOfOrders());
