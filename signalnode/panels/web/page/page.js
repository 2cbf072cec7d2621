// The page put together: messages in, drawings out, keys and clicks.

import { Board, put } from "./board.js";
import { look } from "./colours.js";
import { BOARD, PAST, STRIPS, readBoard, readPast, readStrips } from "./frames.js";
import { Link } from "./link.js";
import { Market } from "./market.js";
import { Rows, SOUND } from "./rows.js";
import { Tabs } from "./tabs.js";

const OLD_S = 1.5; // a view comes each quarter of a second; what is older is told loudly
const SILENT_S = 2.5; // the node says each second how old its data is, if it has no newer
const LATE_S = 0.6; // since the newest view, before anything is said of it between two
const REGIME_STEPS = 180;
const byId = (id) => document.getElementById(id);

const rows = new Rows();
const board = new Board(rows, open);
const market = new Market(close);
let layout = null, pending = null, waiting = null, decisions = [], regimes = [];
const link = new Link(receive, () => {
  if (market.name !== null) link.send(market.open(market.name, layout.scores));
  tabs.ask();
});
const tabs = new Tabs(link, open);

function receive(data) {
  if (typeof data !== "string") return receiveBytes(data);
  const message = JSON.parse(data);
  if (message.kind === "layout") {
    const isOther = layout === null || layout.scores.join() !== message.scores.join();
    layout = message;
    rows.layout(layout);
    regimes = layout.regimes.map((_, i) => regimes[i] ?? []);
    if (isOther) board.forget();
    waiting = "resize";
    if (market.name !== null && !rows.byName.has(market.name)) market.left();
    else if (market.name !== null && (isOther || market.hasLeft)) open(market.name); // again, by these columns
  } else if (message.kind === "age") link.aged(message.age_s, true);
  else if (message.kind === "facts") {
    for (const row of rows.all) row.facts = message.markets[row.name] ?? {};
    tabs.failing = message.failing;
    tabs.clustered(message.cluster);
  } else if (message.kind === "decisions") {
    decisions = [...decisions, ...message.decisions].slice(-1000);
    tabs.decided(message.decisions);
    if (market.name !== null) market.decided(decisions);
  } else if (message.kind === "market") market.facts(message);
  else if (message.kind === "outcomes") market.outcomes(message);
  else if (message.kind === "points") market.points(message);
  else if (message.kind === "processes") tabs.processed(message.processes);
  else if (message.kind === "cluster") tabs.hosted(message);
  else if (message.kind === "relations") tabs.related(message);
}

function receiveBytes(buffer) {
  const kind = new Uint8Array(buffer, 0, 1)[0];
  if (kind === BOARD) {
    link.seen();
    const frame = readBoard(buffer, layout);
    if (frame) {
      frame.previousS = link.ageS() ?? 0;
      link.aged(0, false);
      pending = frame;
      window.requestAnimationFrame(draw);
    }
  } else if (kind === PAST) {
    market.past(readPast(buffer));
    market.decided(decisions);
  } else if (kind === STRIPS) {
    const strips = readStrips(buffer, layout);
    if (!strips) return;
    rows.strips(strips);
    regimes = layout.regimes.map((_, i) => [...strips.regimes.slice(i * strips.regimeSteps, (i + 1) * strips.regimeSteps)]);
  }
}

/** Everything that a frame changes; also what a test measures. */
function draw() {
  if (pending === null) return;
  const frame = pending, began = performance.now();
  pending = null;
  const second = rows.second;
  drawAge(frame.previousS < LATE_S ? frame.previousS : 0);
  rows.take(frame);
  if (waiting === "resize") board.resize();
  waiting = null;
  board.arrange();
  board.writeSome();
  tabs.tick(began);
  market.tick();
  if (rows.second !== second) drawRegimes(frame);
  drawHead();
  window.signalnode = {
    frames: (window.signalnode?.frames ?? 0) + 1,
    frameMs: performance.now() - began,
    sinceViewMs: Date.now() - frame.timeMs,
  };
}

function drawHead() {
  const sound = rows.all.filter((row) => SOUND.has(row.state)).length;
  put(byId("fresh"), `${sound}/${rows.all.length} fresh`);
  const troubles = rows.troubles(), text = JSON.stringify([troubles, rows.onlyState]);
  if (byId("chips").dataset.text === text) return;
  byId("chips").dataset.text = text;
  byId("chips").replaceChildren(...troubles.map(([state, count]) => {
    const chip = document.createElement("button");
    chip.textContent = `${count} ${state}`;
    chip.setAttribute("aria-pressed", String(rows.onlyState === state));
    chip.addEventListener("click", () => {
      rows.onlyState = rows.onlyState === state ? null : state;
      board.arrange(true);
      drawHead();
    });
    return chip;
  }));
  if (rows.onlyState !== null && !troubles.some(([state]) => state === rows.onlyState)) {
    rows.onlyState = null;
    board.arrange(true);
  }
}

function drawRegimes(frame) {
  const scale = devicePixelRatio || 1, root = byId("regimes");
  if (root.children.length !== layout.regimes.length) {
    root.replaceChildren(...layout.regimes.map((name) => {
      const one = document.createElement("span"), line = document.createElement("canvas");
      line.width = 62 * scale;
      line.height = 16 * scale;
      one.append(name.replaceAll("_", " "), line, document.createElement("b"));
      return one;
    }));
  }
  layout.regimes.forEach((_, i) => {
    const past = regimes[i];
    past.push(frame.regimes[i]);
    if (past.length > REGIME_STEPS) past.splice(0, past.length - REGIME_STEPS);
    const [, line, number] = root.children[i].childNodes, ink = line.getContext("2d");
    put(number, String(Math.round(frame.regimes[i] / 2)));
    ink.clearRect(0, 0, line.width, line.height);
    ink.strokeStyle = look().quiet;
    ink.lineWidth = scale;
    ink.beginPath();
    past.forEach((byte, j) => {
      if (byte === 255) return;
      const x = (line.width * j) / (REGIME_STEPS - 1), y = line.height * (1 - byte / 200);
      ink.lineTo(x, y);
    });
    ink.stroke();
  });
}

/** How old what is seen is, or was when the newest came: quietly while it is new, and over everything when it is not. */
function drawAge(age) {
  const lost = link.lostS(), alarm = byId("alarm");
  let words = "";
  if (!link.isOpen && lost > OLD_S) words = `No connection to signalnode for ${lost.toFixed(0)} s. Is the node running?`;
  else if (link.isOpen && age === null && link.silentS() > SILENT_S) words = "No data so far: nothing comes from signalnode.";
  else if (link.isOpen && age === null) words = "No data so far: Layer 5 has not spoken. A first start compiles for a minute.";
  else if (age !== null && age > OLD_S) {
    const why = link.isTold ? ": Layer 5 is not heard" : link.silentS() > SILENT_S ? ": nothing comes from signalnode" : "";
    words = `No data for ${age.toFixed(0)} s${why}. What is below is old.`;
  }
  put(alarm, words);
  if (alarm.hidden !== (words === "")) alarm.hidden = words === "";
  document.body.classList.toggle("old", words !== "" && layout !== null);
  put(byId("age"), words ? "old" : age === null ? "connecting" : `live · ${age.toFixed(1)} s`);
  const title = words ? "⚠ signalnode" : "signalnode";
  if (document.title !== title) document.title = title;
}

function open(name) {
  if (layout === null || !rows.byName.has(name)) return;
  board.opened = name;
  document.body.classList.add("opened");
  link.send(market.open(name, layout.scores));
  market.decided(decisions);
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  board.draw();
}

function close() {
  board.opened = null;
  document.body.classList.remove("opened");
  market.close();
  link.send({ open: null });
  history.replaceState(null, "", location.pathname);
  board.draw();
}

function key(event) {
  const typing = event.target === byId("filter");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !typing) {
    byId("filter").focus();
    event.preventDefault();
  } else if (event.key === "Escape") {
    if (typing || rows.filter || rows.onlyState) {
      byId("filter").value = rows.filter = "";
      rows.onlyState = null;
      byId("filter").blur();
      board.arrange(true);
    } else if (market.name !== null) close();
    else board.selected = null;
    board.draw();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    board.select(event.key === "ArrowDown" ? 1 : -1);
    if (!typing) byId("scroll").focus({ preventScroll: true }); // a button would take Enter for itself
    event.preventDefault();
  } else if (event.key === "Enter" && (typing || !event.target.closest("button"))) {
    const name = board.selected ?? rows.shown[0]?.name;
    if (name) open(name);
  } else if (event.key === "f" && !typing && board.selected) {
    rows.star(board.selected);
    board.arrange(true);
  }
}

function theme(wanted) {
  document.documentElement.dataset.theme = wanted;
  if (layout === null) return;
  board.draw();
  if (market.name !== null) market.restyle();
  tabs.draw();
}

const dark = matchMedia("(prefers-color-scheme: dark)");
theme(localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => localStorage.getItem("theme") ?? theme(dark.matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => {
  const wanted = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", wanted);
  theme(wanted);
});
byId("more").addEventListener("click", () => {
  if (market.name !== null) close();
  const is = document.body.classList.toggle("more");
  byId("more").setAttribute("aria-expanded", String(is));
});
byId("filter").addEventListener("input", (event) => {
  rows.filter = event.target.value;
  board.selected = null;
  board.arrange(true);
});
document.addEventListener("keydown", key);
setInterval(() => {
  link.watch();
  const age = link.ageS();
  if (age === null || age > LATE_S) drawAge(age); // else the frames tell it: each drawing costs the whole page's
}, 200);
addEventListener("hashchange", openNamed);

/** What the address names; an address that was cut off in the middle of a sign, nothing. */
function named() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** The market that the address names, as soon as it is known. */
function openNamed() {
  const name = named();
  if (!name || name === market.name) return;
  if (layout === null) setTimeout(openNamed, 100);
  else open(name);
}

openNamed();
