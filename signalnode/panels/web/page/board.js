// The board: one canvas with every cell that is in sight, and over it a real table, whose words are seen by screen
// readers, by Ctrl-F and by the pointer, and by nobody else.

import { SCHEMES, level, price, span } from "./format.js";
import { STRIP_UNKNOWN } from "./frames.js";
import { GLYPHS, SOUND } from "./rows.js";

const TEXT_MS = 1000; // between two writings of the table's words
const GAP = 2;

export class Board {
  constructor(rows, onOpen) {
    this.rows = rows;
    this.onOpen = onOpen;
    this.scroll = document.getElementById("scroll");
    this.body = document.getElementById("rows");
    this.heads = document.getElementById("heads");
    this.canvas = document.getElementById("cells");
    this.none = document.getElementById("none");
    this.ink = this.canvas.getContext("2d");
    this.lines = new Map(); // by market: its row of the table
    this.selected = null;
    this.opened = null;
    this.wroteAt = 0;
    this.scroll.addEventListener("scroll", () => this.draw());
    this.body.addEventListener("pointerenter", () => { rows.isStill = true; });
    this.body.addEventListener("pointerleave", () => { rows.isStill = false; });
    this.body.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.resize()).observe(this.scroll);
  }

  clicked(event) {
    const line = event.target.closest("tr");
    if (!line) return;
    const name = line.dataset.market;
    if (event.clientX - line.getBoundingClientRect().left < this.stars) {
      this.rows.star(name);
      this.arrange(true);
    } else this.onOpen(name);
  }

  /** Widths by the room there is: on a phone the name, a glyph and the scores. */
  resize() {
    const width = this.scroll.clientWidth, narrow = width < 620;
    this.narrow = narrow;
    this.row = narrow ? 36 : 25;
    this.stars = narrow ? 0 : 20;
    const cells = this.rows.columns.length;
    const [name, state, mid, strip, warm] = narrow ? [104, 22, 0, 0, 0] : [128, 96, 92, 132, 56];
    const fixed = this.stars + name + state + mid + strip + warm;
    const cell = Math.max(narrow ? 46 : 58, Math.min(110, (width - fixed - 2) / Math.max(cells, 1)));
    this.x = {};
    let at = this.stars;
    for (const [key, room] of [["name", name], ["state", state], ["mid", mid], ["strip", strip]]) {
      this.x[key] = [at, room];
      at += room;
    }
    this.cells = Array.from({ length: cells }, (_, i) => [at + i * cell, cell]);
    at += cells * cell;
    this.x.warm = [at, warm];
    this.width = Math.max(at + warm, width);
    const scale = devicePixelRatio || 1, height = this.scroll.clientHeight;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.head = narrow ? 34 : 28;
    document.documentElement.style.setProperty("--row", `${this.row}px`);
    document.documentElement.style.setProperty("--head", `${this.head}px`);
    this.arrange(true);
  }

  writeHeads() {
    const { rows } = this;
    const heads = [["name", "market", "left", this.x.name], ["state", this.narrow ? "" : "status", "left", this.x.state]];
    if (!this.narrow) heads.push(["mid", "mid", "right", this.x.mid], ["interest", "momentum 60 s", "left", this.x.strip]);
    rows.columns.forEach((column, i) => heads.push([column.key, column.short_name, "right", this.cells[i], column.long_name]));
    if (!this.narrow) heads.push(["warm", "warm", "right", this.x.warm]);
    const made = heads.map(([key, text, side, [x, room], title]) => {
      const head = document.createElement("th");
      head.setAttribute("role", "columnheader");
      head.scope = "col";
      const sorted = rows.sort.key === key;
      head.setAttribute("aria-sort", sorted ? (rows.sort.up ? "ascending" : "descending") : "none");
      head.style.left = `${x}px`;
      head.style.width = `${room}px`;
      const button = document.createElement("button");
      button.textContent = key === "interest" && sorted ? "momentum 60 s" : text + (sorted ? (rows.sort.up ? " ↑" : " ↓") : "");
      button.title = key === "interest" ? "the most interesting first" : `sort by ${title ?? (text || "status")}`;
      button.className = sorted ? `${side} sorted` : side;
      button.addEventListener("click", () => { rows.sortBy(key); this.arrange(true); });
      head.append(button);
      return head;
    });
    this.heads.replaceChildren(...made);
    this.heads.style.width = this.body.style.width = `${this.width}px`;
  }

  /** Rows into their places, and the heads when something about them may have changed. */
  arrange(isAsked = false) {
    if (this.x === undefined || !this.rows.all.length) return;
    const isOther = this.rows.order(performance.now(), isAsked);
    if (isAsked) this.writeHeads();
    if (isOther || isAsked) this.place();
    this.draw();
  }

  place() {
    const { shown } = this.rows, wanted = new Set(shown.map((row) => row.name));
    for (const [name, line] of this.lines) {
      if (wanted.has(name)) continue;
      line.remove();
      this.lines.delete(name);
    }
    shown.forEach((row, i) => {
      const line = this.lines.get(row.name) ?? this.makeLine(row);
      line.style.transform = `translateY(${i * this.row}px)`;
      line.setAttribute("aria-rowindex", i + 2);
    });
    this.body.style.height = `${shown.length * this.row}px`;
    this.none.hidden = shown.length > 0;
    this.none.textContent = this.rows.all.length ? "No market is like that: Esc clears the filter." : "";
    this.wroteAt = 0;
  }

  makeLine(row) {
    const line = document.createElement("tr");
    line.setAttribute("role", "row");
    line.dataset.market = row.name;
    const name = document.createElement("th");
    name.scope = "row";
    name.setAttribute("role", "rowheader");
    name.textContent = row.name;
    line.append(name);
    for (let i = 0; i < 2 + this.rows.columns.length; i++) {
      const cell = document.createElement("td");
      cell.setAttribute("role", "cell");
      cell.append("");
      line.append(cell);
    }
    this.lines.set(row.name, line);
    this.body.append(line);
    return line;
  }

  /** The table's words: of the rows in sight each second, of the others one part in turn. */
  write(now) {
    if (now - this.wroteAt < TEXT_MS) return;
    this.wroteAt = now;
    const { shown, columns } = this.rows, [first, last] = this.inSight();
    this.turn = ((this.turn ?? 0) + 1) % 8;
    shown.forEach((row, i) => {
      if ((i < first || i > last) && i % 8 !== this.turn) return;
      const cells = this.lines.get(row.name)?.children;
      if (!cells) return;
      const words = [row.state, price(row.mid)];
      columns.forEach((column, j) => {
        const cell = row.cells?.[j];
        words.push(cell ? `${cell.side === "plain" ? "" : cell.side + " "}${Math.round(cell.value)}` : "–");
      });
      words.forEach((word, j) => {
        const text = cells[j + 1].firstChild ?? cells[j + 1].appendChild(document.createTextNode(""));
        if (text.data !== word) text.data = word;
      });
    });
  }

  inSight() {
    const top = this.scroll.scrollTop;
    return [Math.floor(top / this.row), Math.ceil((top + this.scroll.clientHeight - this.head) / this.row)];
  }

  draw() {
    if (!this.x) return;
    const { ink, rows } = this, scale = devicePixelRatio || 1;
    const style = getComputedStyle(document.documentElement);
    this.text = style.getPropertyValue("--text").trim();
    this.quiet = style.getPropertyValue("--quiet").trim();
    this.warn = style.getPropertyValue("--warn").trim();
    this.mark = style.getPropertyValue("--mark").trim();
    this.colours = SCHEMES[document.documentElement.dataset.theme] ?? SCHEMES.dark;
    ink.setTransform(scale, 0, 0, scale, -this.scroll.scrollLeft * scale, 0);
    ink.clearRect(this.scroll.scrollLeft, 0, this.scroll.clientWidth, this.scroll.clientHeight);
    ink.save();
    ink.beginPath();
    ink.rect(this.scroll.scrollLeft, this.head, this.scroll.clientWidth, this.scroll.clientHeight);
    ink.clip();
    ink.textBaseline = "middle";
    const [first, last] = this.inSight();
    for (let i = Math.max(0, first); i < Math.min(rows.shown.length, last + 1); i++) {
      this.drawRow(rows.shown[i], this.head + i * this.row - this.scroll.scrollTop);
    }
    ink.restore();
  }

  drawRow(row, y) {
    const { ink, x } = this, middle = y + this.row / 2, usable = SOUND.has(row.state);
    if (row.name === this.opened || row.name === this.selected) {
      ink.fillStyle = this.mark;
      ink.fillRect(0, y, this.width, this.row);
      if (row.name === this.selected) {
        ink.strokeStyle = this.text;
        ink.strokeRect(0.5, y + 0.5, this.width - 1, this.row - 1);
      }
    }
    ink.textAlign = "left";
    if (this.stars && this.rows.favourites.has(row.name)) this.say("★", 6, middle, this.warn, 12);
    this.say(row.name, x.name[0] + 6, middle, usable ? this.text : this.quiet, 13, "600", x.name[1] - 8);
    const glyph = GLYPHS[row.state] ?? "?";
    const status = this.narrow ? glyph : `${glyph} ${row.state}`;
    this.say(status, x.state[0] + 4, middle, usable ? this.quiet : this.warn, 13, "", x.state[1] - 4);
    if (!this.narrow) {
      ink.textAlign = "right";
      this.say(price(row.mid), x.mid[0] + x.mid[1] - 6, middle, usable ? this.text : this.quiet, 13, "", x.mid[1]);
      this.drawStrip(row.strip, x.strip[0] + 2, y + 3, x.strip[1] - 4, this.row - 6);
    }
    this.cells.forEach(([at, room], i) => this.drawCell(row.cells?.[i] ?? null, usable, at, y, room));
    if (!this.narrow) this.drawWarm(row, middle);
  }

  drawWarm(row, middle) {
    const [at, room] = this.x.warm, { warm } = row.facts;
    const old = !SOUND.has(row.state) && row.age < 6553 && row.age >= 1;
    const word = old ? span(row.age) : warm === undefined ? "" : `${Math.floor(100 * warm)}%`;
    this.ink.textAlign = "right";
    this.say(word, at + room - 6, middle, this.quiet, 12, "", room);
  }

  drawStrip(strip, x, y, width, height) {
    const { ink } = this, step = width / strip.length, middle = y + height / 2;
    for (const side of ["long", "short"]) {
      ink.fillStyle = this.colours.line[side];
      strip.forEach((value, i) => {
        if (value === STRIP_UNKNOWN || value < 0 !== (side === "short")) return;
        const tall = (Math.max(0, Math.abs(value) - 50) / 50) * (height / 2);
        if (tall > 0.3) ink.fillRect(x + i * step, side === "long" ? middle - tall : middle, Math.max(step - 0.5, 1), tall);
      });
    }
  }

  drawCell(cell, usable, x, y, room) {
    const { ink } = this, middle = y + this.row / 2;
    ink.textAlign = "right";
    if (cell === null) {
      this.say("–", x + room - 8, middle, this.quiet, 13);
      return;
    }
    const colour = usable ? this.colours[cell.side][level(cell.strength)] : null;
    if (colour) {
      ink.fillStyle = colour.fill;
      ink.fillRect(x + GAP / 2, y + 1, room - GAP, this.row - 2);
    }
    const sign = cell.side === "long" ? "▲ " : cell.side === "short" ? "▼ " : "";
    this.say(sign + Math.round(cell.value), x + room - 8, middle, colour ? colour.ink : this.quiet, 13);
  }

  say(text, x, y, colour, size, weight = "", room = undefined) {
    this.ink.font = `${weight} ${this.narrow ? size + 1 : size}px system-ui, sans-serif`;
    this.ink.fillStyle = colour;
    this.ink.fillText(text, x, y + 1, room);
  }

  /** Keys: the selection goes up or down, and what is selected is kept in sight. */
  select(step) {
    const { shown } = this.rows;
    if (!shown.length) return;
    const at = shown.findIndex((row) => row.name === this.selected);
    const next = Math.max(0, Math.min(shown.length - 1, at < 0 ? 0 : at + step));
    this.selected = shown[next].name;
    const top = next * this.row, room = this.scroll.clientHeight - this.head;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    if (top + this.row > this.scroll.scrollTop + room) this.scroll.scrollTop = top + this.row - room;
    this.draw();
  }
}
