// A measure of a few things as bars: a table that needs no library.
import { html } from "./html.js";

// Bars of one measure; they are a table by themselves. Below a bar stands what it comes from, where a row says that.
export const Bars = ({ rows, format, name }) => {
  const most = Math.max(...rows.map(([, value]) => Math.abs(value)), 1e-9);
  return html`
    <table class="bars">
      <caption class="unseen">${name}</caption>
      <tbody>
        ${rows.map(([label, value, why]) => html`
          <tr>
            <th scope="row">${label}</th>
            <td class="bar" aria-hidden="true"><i class=${value < 0 ? "minus" : ""} style=${{ width: `${(100 * Math.abs(value)) / most}%` }}></i></td>
            <td class="number">${format(value)}</td>
          </tr>
          ${why?.length > 0 && html`<tr class="why"><td colspan="3"><ul>${why.map((text) => html`<li>${text}</li>`)}</ul></td></tr>`}`)}
      </tbody>
    </table>
  `;
};
