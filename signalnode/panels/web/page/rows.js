// What the board shows, in which order. No drawing here.

import { STRIP_UNKNOWN, UNKNOWN } from "./frames.js";
import { LONG, SHORT } from "./format.js";

export const GLYPHS = {
  live: "●", warming: "◐", settling: "◑", degraded: "◆", stale: "◇", behind: "≋", silent: "○", unheard: "◌", starting: "↻",
  "backing off": "↻", "given up": "✖", down: "■", ended: "□", stopping: "■",
};
export const SOUND = new Set(["live", "warming"]);
const CALM_MS = 2000; // between two orders by interest
const SLOWLY = 0.1; // of a frame's interest: the order follows seconds, not frames
const TWO_SIDED = /^(.*)_(long|short)$/;

/** Scores as columns: a long and its short are one, the others stand alone. */
export function columnsOf(names) {
  const columns = [];
  names.forEach((name, at) => {
    const side = TWO_SIDED.exec(name);
    if (side && names.includes(`${side[1]}_short`) && names.includes(`${side[1]}_long`)) {
      if (side[2] === "long") {
        columns.push({ key: side[1], long: at, short: names.indexOf(`${side[1]}_short`) });
      }
    } else columns.push({ key: name, at });
  });
  for (const each of columns) {
    each.short_name = SHORT[each.key] ?? each.key.slice(0, 8);
    each.long_name = LONG[each.key] ?? each.key;
  }
  return columns;
}

/** What a cell says: the stronger side and its number, or null where it is unknown. */
export function cellOf(scores, column) {
  if (column.at !== undefined) {
    const byte = scores[column.at];
    return byte === UNKNOWN || byte === undefined ? null : { side: "plain", value: byte / 2, strength: byte / 200 };
  }
  const long = scores[column.long], short = scores[column.short];
  if (long === UNKNOWN || short === UNKNOWN || long === undefined) return null;
  const side = long >= short ? "long" : "short";
  const value = Math.max(long, short) / 2;
  return { side, value, strength: Math.max(0, (value - 50) / 50) };
}

const signed = (cell) => (cell === null ? -Infinity : cell.side === "short" ? -cell.value : cell.value);

export class Rows {
  constructor() {
    this.all = [];
    this.byName = new Map();
    this.columns = [];
    this.shown = [];
    this.sort = { key: "interest", up: false };
    this.filter = "";
    this.onlyState = null; // a state whose chip was clicked
    this.favourites = new Set(JSON.parse(localStorage.getItem("favourites") ?? "[]"));
    this.orderedAt = 0;
    this.isStill = false; // under the pointer nothing moves
  }

  layout(layout) {
    this.columns = columnsOf(layout.scores);
    const old = this.byName;
    this.all = layout.markets.map((name) => ({
      interest: 0, ...old.get(name), name, mid: 0, age: 0, state: "unheard", scores: [], facts: {},
      strip: old.get(name)?.strip ?? new Int8Array(60).fill(STRIP_UNKNOWN),
    }));
    this.byName = new Map(this.all.map((row) => [row.name, row]));
    this.states = layout.states;
    this.k = layout.scores.length;
    this.orderedAt = 0;
  }

  strips({ steps, strips }) {
    this.all.forEach((row, i) => { row.strip = strips.slice(i * steps, (i + 1) * steps); });
  }

  take(frame) {
    const second = Math.floor(frame.timeMs / 1000), isNew = second !== this.second;
    this.second = second;
    this.all.forEach((row, i) => {
      row.mid = frame.mids[i];
      row.age = frame.ages[i] / 10;
      row.state = this.states[frame.states[i]];
      row.scores = frame.scores.subarray(i * this.k, (i + 1) * this.k);
      row.cells = this.columns.map((column) => cellOf(row.scores, column));
      const usable = SOUND.has(row.state);
      let found = 0;
      for (const cell of row.cells) if (cell && usable) found += cell.strength ** 2;
      row.interest += SLOWLY * (found - row.interest);
      if (isNew) {
        row.strip.copyWithin(0, 1);
        const first = row.cells[0];
        row.strip[row.strip.length - 1] = first && usable && first.side !== "plain"
          ? Math.round(signed(first)) : STRIP_UNKNOWN;
      }
    });
  }

  /** Put what is to be shown into its order; at once where the user asked for it. */
  order(now, isAsked = false) {
    if (!isAsked && (this.isStill || (this.sort.key === "interest" && now - this.orderedAt < CALM_MS))) return false;
    this.orderedAt = now;
    const words = this.filter.toUpperCase().split(/\s+/).filter(Boolean);
    const wanted = this.all.filter((row) =>
      (this.onlyState === null || row.state === this.onlyState) &&
      words.every((word) => row.name.toUpperCase().includes(word)));
    const value = this.valueOf(), way = this.sort.up ? 1 : -1;
    const starred = (row) => (this.favourites.has(row.name) ? 1 : 0);
    wanted.sort((a, b) => {
      const first = value(a), second = value(b);
      const by = typeof first === "string" ? first.localeCompare(second) : first - second;
      return starred(b) - starred(a) || (Number.isNaN(by) ? 0 : way * by) || a.name.localeCompare(b.name);
    });
    const isOther = wanted.length !== this.shown.length || wanted.some((row, i) => row !== this.shown[i]);
    this.shown = wanted;
    return isOther;
  }

  valueOf() {
    const { key } = this.sort;
    if (key === "interest") return (row) => row.interest;
    if (key === "name") return (row) => row.name;
    if (key === "state") return (row) => row.state;
    if (key === "mid") return (row) => row.mid;
    if (key === "warm") return (row) => row.facts.warm ?? 1;
    const at = this.columns.findIndex((column) => column.key === key);
    return (row) => signed(row.cells?.[at] ?? null);
  }

  sortBy(key) {
    if (this.sort.key !== key) this.sort = { key, up: key === "name" || key === "state" };
    else if (key !== "interest" && this.sort.up === (key === "name" || key === "state")) this.sort.up = !this.sort.up;
    else this.sort = { key: "interest", up: false };
  }

  star(name) {
    if (!this.favourites.delete(name)) this.favourites.add(name);
    localStorage.setItem("favourites", JSON.stringify([...this.favourites].slice(-1000)));
  }

  /** How many markets stand in each state that is no sound one, the most first. */
  troubles() {
    const counts = new Map();
    for (const row of this.all) if (!SOUND.has(row.state)) counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  }
}
