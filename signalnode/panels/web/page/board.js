// The board: one canvas with every cell that is in sight, and over it a real table, whose words are seen by screen
// readers, by Ctrl-F and by the pointer, and by nobody else.

import { price } from "./format.js";
import { Paint } from "./paint.js";

// Rows whose words are written anew in a frame, of those in sight and of the others: the browser lays out what is written.
const GROUP = 20; // rows that the browser lays out together, or, where none of them is in sight, not at all
const WRITTEN_MAX = 8, WRITTEN_FAR_MAX = 2;

export class Board {
  constructor(rows, onOpen) {
    this.rows = rows;
    this.onOpen = onOpen;
    this.scroll = document.getElementById("scroll");
    this.table = document.getElementById("table");
    this.heads = document.getElementById("heads");
    this.none = document.getElementById("none");
    this.paint = new Paint(document.getElementById("cells"));
    this.lines = []; // rows of the table, from the top: their places stay, what stands in them changes
    this.selected = null;
    this.opened = null;
    this.turn = this.turnFar = 0;
    this.seen = { top: 0, left: 0, height: 0 }; // to ask the browser each time has it lay out what was written
    this.scroll.addEventListener("scroll", () => {
      this.seen.top = this.scroll.scrollTop;
      this.seen.left = this.scroll.scrollLeft;
      this.draw();
    });
    this.table.addEventListener("pointerenter", () => { rows.isStill = true; });
    this.table.addEventListener("pointerleave", () => { rows.isStill = false; });
    this.table.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.resize()).observe(this.scroll);
  }

  clicked(event) {
    const at = this.lines.indexOf(event.target.closest("tr")), row = this.rows.shown[at];
    if (!row) return;
    if (event.clientX - this.lines[at].getBoundingClientRect().left < this.stars) {
      this.rows.star(row.name);
      this.arrange(true);
    } else this.onOpen(row.name);
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
    const cell = Math.max(narrow ? 46 : 58, Math.min(110, Math.floor((width - fixed - 2) / Math.max(cells, 1))));
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
    this.head = narrow ? 34 : 28;
    document.documentElement.style.setProperty("--row", `${this.row}px`);
    document.documentElement.style.setProperty("--head", `${this.head}px`);
    this.seen.height = this.scroll.clientHeight - this.head;
    this.paint.resize({
      width, height: this.seen.height, row: this.row, isNarrow: narrow, x: this.x, cells: this.cells,
      stars: this.stars,
    });
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
    this.heads.style.width = this.table.style.width = `${this.width}px`;
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
    const { shown } = this.rows, isFirst = this.lines.length === 0;
    while (this.lines.length > shown.length) {
      const line = this.lines.pop();
      (line.previousSibling === null ? line.parentNode : line).remove();
    }
    while (this.lines.length < shown.length) this.lines.push(this.makeLine());
    shown.forEach((row, i) => isFirst ? this.write(i) : put(this.lines[i].firstChild, row.name));
    this.none.hidden = shown.length > 0;
    put(this.none, this.rows.all.length ? "No market is like that: Esc clears the filter." : "");
  }

  makeLine() {
    const line = document.createElement("tr");
    line.setAttribute("role", "row");
    line.setAttribute("aria-rowindex", this.lines.length + 2);
    const name = document.createElement("th");
    name.scope = "row";
    name.setAttribute("role", "rowheader");
    line.append(name);
    for (let i = 0; i < 2 + this.rows.columns.length; i++) {
      const cell = document.createElement("td");
      cell.setAttribute("role", "cell");
      cell.textContent = "–";
      line.append(cell);
    }
    if (this.lines.length % GROUP === 0) this.table.append(group());
    this.table.lastChild.append(line);
    return line;
  }

  /** Other columns than before: every row of the table is made again. */
  forget() {
    for (const each of this.table.querySelectorAll(".rows")) each.remove();
    this.lines = [];
  }

  /** The table's words, some rows a frame. */
  writeSome() {
    const [first, last] = this.inSight(), count = this.lines.length, inSight = Math.min(last + 1, count) - first;
    for (let i = 0; i < Math.min(WRITTEN_MAX, inSight); i++) this.write(first + (this.turn++ % inSight));
    for (let i = 0; i < Math.min(WRITTEN_FAR_MAX, count); i++) this.write(this.turnFar++ % count);
  }

  write(i) {
    const row = this.rows.shown[i], cells = this.lines[i].children;
    put(cells[0], row.name);
    put(cells[1], row.state);
    put(cells[2], price(row.mid));
    this.rows.columns.forEach((_, j) => {
      const cell = row.cells?.[j];
      put(cells[j + 3], cell ? `${cell.side === "plain" ? "" : cell.side + " "}${Math.round(cell.value)}` : "–");
    });
  }

  inSight() {
    const { top, height } = this.seen;
    return [Math.max(0, Math.floor(top / this.row)), Math.ceil((top + height) / this.row)];
  }

  draw() {
    if (!this.x) return;
    const [first, last] = this.inSight();
    this.paint.draw(this.rows, {
      first, last, left: this.seen.left, top: this.seen.top, full: this.width, opened: this.opened, selected: this.selected,
    });
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

function group() {
  const made = document.createElement("tbody");
  made.setAttribute("role", "rowgroup");
  made.className = "rows";
  return made;
}

/** Write only what is not there already. */
export function put(element, words) {
  if (element.firstChild === null) element.append(words);
  else if (element.firstChild.data !== words) element.firstChild.data = words;
}
