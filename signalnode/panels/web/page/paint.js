// The board's canvas: every cell in sight, of which only those are drawn again that say something else than before.

import { level, look } from "./colours.js";
import { price, span } from "./format.js";
import { STRIP_UNKNOWN } from "./frames.js";
import { GLYPHS, SOUND } from "./rows.js";

const GAP = 2;
const STRIP_TURNS = 4; // frames in a second: of the strips, which change once in it, each frame draws one part
const CHAR_PX_MAX = 9; // of nearly all there are
const NAME = 600, PLAIN = 400;

export class Paint {
  constructor(canvas) {
    this.canvas = canvas;
    this.ink = canvas.getContext("2d");
    this.lines = []; // what was drawn, by line of the canvas
    this.frame = 0;
    this.place = "";
  }

  /** Of this size on the screen, and with these columns: `x` by name, and `cells`, each `[left, width]`. */
  resize({ width, height, row, isNarrow, x, cells, stars }) {
    const scale = devicePixelRatio || 1;
    Object.assign(this, { width, height, row, isNarrow, x, cells, stars, scale });
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.fonts = { [NAME]: `${NAME} ${isNarrow ? 14 : 13}px system-ui, sans-serif`, [PLAIN]: `${isNarrow ? 14 : 13}px system-ui, sans-serif` };
    this.weight = null;
    this.place = "";
  }

  /** Draw rows `first` to `last` of those shown, scrolled by so much; `full` wide. */
  draw(rows, { first, last, left, top, full, opened, selected }) {
    const { ink, scale } = this, place = `${left} ${top} ${look().theme}`;
    this.frame++;
    this.full = full;
    if (place !== this.place) {
      this.place = place;
      this.lines = [];
      ink.setTransform(1, 0, 0, 1, 0, 0);
      ink.clearRect(0, 0, this.canvas.width, this.canvas.height);
      ink.setTransform(scale, 0, 0, scale, -left * scale, 0);
      ink.textBaseline = "middle";
    }
    for (let i = first; i <= last; i++) {
      const row = rows.shown[i], y = i * this.row - top, drawn = (this.lines[i - first] ??= {});
      const mark = row === undefined ? 0 : row.name === selected ? 2 : row.name === opened ? 1 : 0;
      if (drawn.row !== row || drawn.mark !== mark) this.ground(drawn, row, mark, y);
      if (row !== undefined) this.drawRow(drawn, row, y, rows.favourites.has(row.name), i, rows.second);
    }
  }

  /** An empty line, and nothing remembered of what stood there. */
  ground(drawn, row, mark, y) {
    const { ink } = this;
    for (const key of Object.keys(drawn)) delete drawn[key];
    drawn.row = row;
    drawn.mark = mark;
    drawn.cells = [];
    this.wipe(drawn, 0, y, this.full, this.row);
    if (mark === 2) {
      ink.strokeStyle = look().text;
      ink.lineWidth = 1;
      ink.strokeRect(0.5, y + 0.5, this.full - 1, this.row - 1);
    }
  }

  wipe(drawn, x, y, width, height) {
    this.ink.clearRect(x, y, width, height);
    if (!drawn.mark) return;
    this.ink.fillStyle = look().mark;
    this.ink.fillRect(x, y, width, height);
  }

  drawRow(drawn, row, y, isFavourite, at, second) {
    const { x, isNarrow } = this, usable = SOUND.has(row.state), { text, quiet, warn } = look();
    const glyph = GLYPHS[row.state] ?? "?", strong = usable ? text : quiet;
    this.ink.textAlign = "left";
    if (this.stars) this.word(drawn, "star", isFavourite ? "★" : "", [0, this.stars], y, warn);
    this.word(drawn, "name", row.name, x.name, y, strong, NAME);
    this.word(drawn, "state", isNarrow ? glyph : `${glyph} ${row.state}`, x.state, y, usable ? quiet : warn);
    this.ink.textAlign = "right";
    if (!isNarrow) {
      if (drawn.mid !== row.mid) drawn.midText = price(row.mid);
      drawn.mid = row.mid;
      this.word(drawn, "midWord", drawn.midText, x.mid, y, strong);
      this.word(drawn, "warm", warmth(row), x.warm, y, quiet);
    }
    this.cells.forEach((room, i) => this.drawCell(drawn, i, row.cells?.[i] ?? null, usable, room, y));
    if (!isNarrow && drawn.second !== second && (drawn.second === undefined || (at + this.frame) % STRIP_TURNS === 0)) {
      drawn.second = second;
      this.drawStrip(drawn, row.strip, y);
    }
  }

  word(drawn, key, text, [left, room], y, colour, weight = PLAIN) {
    const was = drawn[key];
    if (was === text + colour) return;
    if (was !== undefined) this.wipe(drawn, left + 1, y + 1, room - 2, this.row - 2);
    drawn[key] = text + colour;
    if (text) this.say(text, this.ink.textAlign === "left" ? left + 6 : left + room - 6, y, colour, weight, room - 8);
  }

  drawCell(drawn, i, cell, usable, [left, room], y) {
    const number = cell === null ? -1 : Math.round(cell.value);
    const key = cell === null ? "–" : `${cell.side}${number}${usable}`;
    if (drawn.cells[i] === key) return;
    const { ink } = this, { quiet, [cell?.side]: colours } = look();
    const colour = usable && cell !== null ? colours[level(cell.side === "plain" ? number / 100 : (number - 50) / 50)] : null;
    if (colour === null && drawn.cells[i] !== undefined) this.wipe(drawn, left + 1, y + 1, room - 2, this.row - 2);
    drawn.cells[i] = key;
    if (colour !== null) {
      ink.fillStyle = colour.fill;
      ink.fillRect(left + GAP / 2, y + 1, room - GAP, this.row - 2);
    }
    const sign = cell?.side === "long" ? "▲ " : cell?.side === "short" ? "▼ " : "";
    this.say(cell === null ? "–" : sign + number, left + room - (this.isNarrow ? 5 : 8), y, colour ? colour.ink : quiet);
  }

  drawStrip(drawn, strip, y) {
    const { ink } = this, { line } = look(), [left, room] = this.x.strip;
    const step = (room - 4) / strip.length, wide = Math.max(step - 0.5, 1), half = (this.row - 6) / 2, middle = y + 3 + half;
    this.wipe(drawn, left, y + 1, room, this.row - 2);
    for (const sign of [1, -1]) {
      ink.fillStyle = sign > 0 ? line.long : line.short;
      for (let i = 0; i < strip.length; i++) {
        const value = strip[i] * sign;
        if (value <= 50 || strip[i] === STRIP_UNKNOWN) continue;
        const tall = ((value - 50) / 50) * half;
        ink.fillRect(left + 2 + i * step, sign > 0 ? middle - tall : middle, wide, tall);
      }
    }
  }

  /** Words that may not fit are squeezed into `room`, which has the browser measure them. */
  say(text, x, y, colour, weight = PLAIN, room = Infinity) {
    const { ink } = this, middle = y + this.row / 2 + 1;
    if (this.weight !== weight) ink.font = this.fonts[weight];
    this.weight = weight;
    ink.fillStyle = colour;
    if (text.length * CHAR_PX_MAX > room) ink.fillText(text, x, middle, room);
    else ink.fillText(text, x, middle);
  }
}

/** How much of its baseline a market has seen; of one that is not heard, since when. */
function warmth(row) {
  if (!SOUND.has(row.state) && row.age < 6553 && row.age >= 1) return span(row.age);
  return row.facts.warm === undefined ? "" : `${Math.floor(100 * row.facts.warm)}%`;
}
