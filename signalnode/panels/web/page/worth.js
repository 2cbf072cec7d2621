// What followed a score, by tenths of its range: what its strength was worth so far.

import { level, look } from "./colours.js";
import { element } from "./element.js";

/** Tables for each horizon: the mean move after each tenth, coloured where it is surely not 0. */
export function worth({ horizons_s, scores }) {
  const all = Object.values(scores).flatMap((fields) => (fields.move_bps ?? []).flat()).filter((each) => each !== null);
  if (!all.length) return [element("p", "quiet", "What its scores are worth is not known so far.")];
  const most = Math.max(...all.map(Math.abs), 1e-9);
  const words = element("p", "quiet", "Mean move in basis points after a score from 0, 10, … up to 90, in colour where it is surely not 0:");
  return [words, ...horizons_s.map((horizon, i) => {
    const table = element("table", "plain deciles"), head = element("tr");
    head.append(element("th", "", `within ${horizon} s`));
    for (let tenth = 0; tenth < 10; tenth++) head.append(element("th", "", String(10 * tenth)));
    table.append(head, ...Object.entries(scores).map(([name, fields]) => {
      const row = element("tr");
      row.append(element("th", "", name.replaceAll("_", " ")));
      for (let tenth = 0; tenth < 10; tenth++) row.append(cell(fields, i, tenth, most));
      return row;
    }));
    return table;
  })];
}

function cell(fields, i, tenth, most) {
  const of = (field) => fields[field]?.[i]?.[tenth] ?? null;
  const move = of("move_bps"), low = of("move_low_bps"), high = of("move_high_bps"), hits = of("hit_rate");
  if (move === null || low === null || high === null) return element("td", "quiet", "–");
  const text = move.toFixed(Math.abs(move) < 10 ? 1 : 0);
  const made = element("td", "", Number(text) === 0 ? "0.0" : text);
  if (low > 0 || high < 0) {
    const { fill, ink } = look()[move > 0 ? "long" : "short"][level(Math.abs(move) / most)];
    made.style.background = fill;
    made.style.color = ink;
  } else made.className = "quiet";
  const way = hits === null ? "" : `, ${Math.round(100 * hits)}% went its way`;
  made.title = `${10 * tenth} to ${10 * tenth + 10}: ${move.toFixed(2)} bp (${low.toFixed(2)} to ${high.toFixed(2)})${way}`;
  return made;
}
