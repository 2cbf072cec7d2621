// Who moves with whom, and who moves first: a matrix on a canvas, in an order in which blocks show.

import { level, look } from "./colours.js";
import { element } from "./element.js";

const UNKNOWN = -128;
const NAMED_MAX = 40; // markets, for each a line of its own with its name
const NUMBER_PX = 36; // a cell so wide has room for its number
const NAMES_PX = 92;

const bytes = (text) => Int8Array.from(atob(text), (each) => each.charCodeAt(0));

export class Relations {
  constructor(root, onOpen) {
    this.root = root;
    this.onOpen = onOpen;
    this.told = null;
    this.isAnswered = true;
    this.canvas = element("canvas", "matrix");
    this.canvas.setAttribute("role", "img");
    this.words = element("p", "quiet");
    this.under = element("p", "under", " ");
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => { this.under.textContent = " "; });
    this.canvas.addEventListener("click", (event) => {
      const couple = this.coupleAt(event);
      if (couple) this.onOpen(this.told.markets[couple[0]]);
    });
  }

  /** What Layer 5 has answered; where it gave no answer, what it said last stays, and that is said. */
  take(told) {
    this.isAnswered = told.is_answered !== false;
    if (!this.isAnswered) return;
    this.told = { ...told, correlation: bytes(told.correlation ?? ""), lead: bytes(told.lead ?? "") };
  }

  draw() {
    if (!this.told?.markets.length) {
      const words = !this.isAnswered ? "Layer 5 gives no answer; it is asked again."
        : this.told ? "Too little was seen of two markets at once so far." : "Layer 5 is asked for them.";
      this.root.replaceChildren(element("p", "quiet", words));
      return;
    }
    const { markets, more } = this.told;
    const late = this.isAnswered ? "" : " Layer 5 gives no answer now: these are older.";
    const left = more ? `, of the ${markets.length} most related markets; ${more} more are left out` : "";
    this.words.textContent = `Correlation of returns, blue with and orange against each other${left}; markets that move together stand together.${late}`;
    this.canvas.setAttribute("aria-label", `correlation of ${markets.length} markets; the strongest couples follow in words`);
    this.root.replaceChildren(this.words, this.canvas, this.under, this.strongest());
    this.paint();
  }

  paint() {
    const { markets, correlation, lead } = this.told, n = markets.length, isNamed = n <= NAMED_MAX;
    const scale = devicePixelRatio || 1, room = Math.max(this.root.clientWidth, 200), colours = look();
    this.x = isNamed ? NAMES_PX : 0;
    this.cell = Math.max(1, Math.min(44, Math.floor((room - this.x) / n)));
    this.y = isNamed ? NAMES_PX : 0;
    this.row = isNamed ? Math.max(this.cell, 15) : this.cell;
    const width = this.x + n * this.cell, height = this.y + n * this.row, ink = this.canvas.getContext("2d");
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    ink.setTransform(scale, 0, 0, scale, 0, 0);
    ink.textBaseline = "middle";
    ink.font = "11px system-ui, sans-serif";
    const gap = this.cell > 6 ? 1 : 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const hundredths = correlation[i * n + j];
        if (i === j || hundredths === UNKNOWN) continue;
        const { fill, ink: dark } = colours[hundredths >= 0 ? "long" : "short"][level(Math.abs(hundredths) / 100)];
        const x = this.x + j * this.cell, y = this.y + i * this.row;
        ink.fillStyle = fill;
        ink.fillRect(x, y, this.cell - gap, this.row - gap);
        if (this.cell < NUMBER_PX) continue;
        ink.fillStyle = dark;
        ink.textAlign = "center";
        const steps = lead[i * n + j], first = steps === UNKNOWN || steps === 0 ? "" : steps > 0 ? "▸" : "◂";
        ink.fillText(`${decimals(hundredths)}${first}`, x + this.cell / 2, y + this.row / 2 + 1, this.cell - 2);
      }
    }
    if (isNamed) this.paintNames(ink, colours.quiet);
  }

  paintNames(ink, colour) {
    ink.fillStyle = colour;
    this.told.markets.forEach((name, i) => {
      ink.textAlign = "right";
      ink.fillText(name, this.x - 6, this.y + (i + 0.5) * this.row, this.x - 8);
      ink.save();
      ink.translate(this.x + (i + 0.5) * this.cell, this.y - 6);
      ink.rotate(-Math.PI / 2);
      ink.textAlign = "left";
      ink.fillText(name, 0, 0, this.y - 8);
      ink.restore();
    });
  }

  coupleAt({ offsetX, offsetY }) {
    const n = this.told.markets.length;
    const i = Math.floor((offsetY - this.y) / this.row), j = Math.floor((offsetX - this.x) / this.cell);
    return i >= 0 && j >= 0 && i < n && j < n ? [i, j] : null;
  }

  point(event) {
    const couple = this.coupleAt(event), { markets, correlation, lead, step_s } = this.told;
    if (!couple) return;
    const [i, j] = couple, at = i * markets.length + j;
    this.under.textContent = i === j ? markets[i] : correlation[at] === UNKNOWN ? `${markets[i]} and ${markets[j]}: not known`
      : `${markets[i]} and ${markets[j]}: ${decimals(correlation[at])}, ${first(markets[i], markets[j], lead[at] === UNKNOWN ? 0 : lead[at] * step_s)}`;
  }

  /** The same for those who do not see it, and for whoever wants numbers. */
  strongest() {
    const table = element("table", "plain"), head = element("tr");
    for (const word of ["most related", "", "correlation", "moves first"]) head.append(element("th", "", word));
    table.append(head, ...this.told.strongest.map(({ markets: [a, b], correlation, lead_s }) => {
      const row = element("tr");
      row.append(element("th", "", a), element("th", "", b), element("td", "", decimals(100 * correlation)));
      row.append(element("td", "", lead_s ? first(a, b, lead_s).replace(" moves first", "") : "–"));
      return row;
    }));
    return table;
  }
}

const decimals = (hundredths) => (hundredths / 100).toFixed(2).replace("-", "−");
const first = (a, b, seconds) =>
  seconds > 0 ? `${a} moves first, by ${seconds} s` : seconds < 0 ? `${b} moves first, by ${-seconds} s` : "together";
