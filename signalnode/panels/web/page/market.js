// One market opened: its mid with the decisions on it, the scores as strips under it, its channels and its process.

import uPlot from "./vendor/uplot.js";
import { look } from "./colours.js";
import { element } from "./element.js";
import { clock, price, span } from "./format.js";
import { GLYPHS, SOUND, columnsOf } from "./rows.js";
import { worth } from "./worth.js";

const SPANS = [[60, "1 m"], [300, "5 m"], [900, "15 m"]];
const KEPT_S = 900;
const POINT_S = 0.25; // a finer point is passed over: what a chart of minutes cannot show
const STRIP_PX = 44;
const HOUR_PX = 56, LEVEL_PX = 13; // how wide the word of an hour is, how tall that of a price

export class Market {
  constructor(onClose) {
    this.onClose = onClose;
    this.root = document.getElementById("market");
    this.name = null;
    this.number = 0;
    this.hasLeft = false; // the config, while it is open
    this.spanS = 300;
    new ResizeObserver(() => this.resize()).observe(this.root);
  }

  /** Show this market; what it is to be asked of the node. */
  open(name, scoreNames) {
    this.close();
    this.name = name;
    this.hasLeft = false;
    this.scoreNames = scoreNames;
    this.columns = columnsOf(scoreNames);
    this.number += 1;
    this.times = [];
    this.mids = [];
    this.scores = scoreNames.map(() => []);
    this.decisions = [];
    this.frame();
    return { open: name, id: this.number };
  }

  close() {
    this.plots?.forEach((plot) => plot.destroy());
    this.plots = [];
    this.name = null;
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  frame() {
    const head = element("div", "title"), close = element("button", "close", "✕");
    close.setAttribute("aria-label", "close");
    close.addEventListener("click", () => this.onClose());
    head.append(element("h2", "", this.name), close);
    this.state = element("p", "state");
    this.why = element("p", "why");
    this.charts = element("div", "charts");
    const spans = element("div", "spans");
    for (const [seconds, words] of SPANS) {
      const button = element("button", seconds === this.spanS ? "on" : "", words);
      button.addEventListener("click", () => {
        this.spanS = seconds;
        for (const each of spans.children) each.className = each === button ? "on" : "";
        this.refresh();
      });
      spans.append(button);
    }
    this.details = element("div", "details");
    this.worth = element("div", "details");
    this.root.replaceChildren(head, this.state, this.why, this.charts, spans, this.worth, this.details);
    this.root.hidden = false;
  }

  /** The charts, once there are two points to draw: uPlot's axes need a range. */
  build() {
    this.plots?.forEach((plot) => plot.destroy());
    const { quiet, text, rule, line } = look();
    const width = Math.max(this.charts.clientWidth, 200), cursor = { sync: { key: "market" }, drag: { x: false, y: false } };
    const axis = { stroke: quiet, grid: { stroke: rule, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const common = { width, legend: { show: false }, cursor, padding: [6, 0, 0, 0] };
    const size = Math.max(74, 14 + 6.6 * price(this.mids.findLast((mid) => mid !== null) ?? 0).length);
    const side = (values) => ({ ...axis, side: 1, size, values });
    const mid = new uPlot({
      ...common, height: 150,
      scales: { x: { time: true }, y: { range: (_, low, high) => (low === null ? [0, 1] : uPlot.rangeNum(low, high, 0.08, true)) } },
      series: [{}, { stroke: text, width: 1.4, spanGaps: false, points: { show: false } }],
      axes: [{ ...axis, size: 0, values: () => [] }, side((drawn, ticks) => ticks.map((tick) => level(drawn, tick)))],
      hooks: { draw: [(plot) => this.mark(plot, line)] },
    }, [[], []], this.charts);
    mid.root.dataset.label = "mid";
    this.plots = [mid];
    this.columns.forEach((column, i) => {
      const last = i === this.columns.length - 1, two = column.at === undefined;
      const area = (name) => ({ stroke: line[name], fill: line[name], width: 1, points: { show: false }, spanGaps: false });
      const plot = new uPlot({
        ...common, height: STRIP_PX + (last ? 26 : 0),
        scales: { x: { time: true }, y: { range: two ? [-50, 50] : [0, 100] } },
        series: two ? [{}, area("long"), area("short")] : [{}, area("plain")],
        axes: [{ ...axis, size: last ? 26 : 0, values: (drawn, splits) => (last ? splits.map((time) => hour(drawn, time)) : []) },
          side(() => [])],
      }, two ? [[], [], []] : [[], []], this.charts);
      plot.root.dataset.label = column.long_name;
      this.plots.push(plot);
    });
    this.values = this.plots.map((plot) => {
      const label = element("span", "label", plot.root.dataset.label), value = element("span", "value");
      plot.root.append(label, value);
      return value;
    });
    this.refresh();
  }

  /** In the colours of another theme. */
  restyle() {
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
    this.refresh();
  }

  past({ number, times, mids, scores }) {
    if (number !== this.number || this.name === null) return;
    const firstNew = this.times[0] ?? Infinity;
    const kept = times.filter((time) => time < firstNew).length;
    this.times = [...times.slice(0, kept), ...this.times];
    this.mids = [...mids.slice(0, kept), ...this.mids];
    this.scores = this.scores.map((column, j) => [...(scores[j] ?? []).slice(0, kept), ...column]);
    this.refresh();
  }

  points({ market, points }) {
    if (market !== this.name) return;
    for (const [timeMs, mid, scores] of points) {
      const time = timeMs / 1000, last = this.times.at(-1) ?? 0;
      if (time - last < POINT_S) continue;
      if (time - last > 3) this.push(last + 0.5, null, []); // nothing is drawn over a hole
      this.push(time, mid, scores);
    }
    const gone = this.times.findIndex((time) => time > this.times.at(-1) - KEPT_S);
    if (gone > 60) for (const column of [this.times, this.mids, ...this.scores]) column.splice(0, gone);
    this.isNew = true;
  }

  /** Draw what has come, if anything has: once a frame, however much a slow machine has to catch up with. */
  tick() {
    if (this.isNew) this.refresh();
  }

  push(time, mid, scores) {
    if (this.times.length === 0 && mid === null) return;
    this.times.push(time);
    this.mids.push(mid);
    this.scores.forEach((column, j) => column.push(scores[j] ?? null));
  }

  outcomes(outcomes) {
    if (outcomes.market === this.name) this.worth.replaceChildren(...worth(outcomes));
  }

  decided(decisions) {
    this.decisions = decisions.filter((each) => each.markets.includes(this.name)).slice(-100);
    this.plots[0]?.redraw();
  }

  refresh() {
    this.isNew = false;
    if (this.name === null || this.times.length < 2) return;
    if (!this.plots.length) return this.build();
    const end = this.times.at(-1) ?? 0, begin = this.times.findIndex((time) => time >= end - this.spanS);
    const cut = (column) => (begin < 0 ? [] : column.slice(begin));
    const times = cut(this.times);
    this.plots[0].setData([times, cut(this.mids)]);
    this.columns.forEach((column, i) => {
      const plot = this.plots[i + 1];
      if (column.at !== undefined) plot.setData([times, cut(this.scores[column.at])]);
      else {
        const above = (sign) => (value) => (value === null ? null : sign * Math.max(0, value - 50));
        plot.setData([times, cut(this.scores[column.long]).map(above(1)), cut(this.scores[column.short]).map(above(-1))]);
      }
      this.values[i + 1].textContent = this.valueOf(column);
    });
    this.values[0].textContent = price(this.mids.findLast((mid) => mid !== null) ?? 0);
  }

  valueOf(column) {
    const last = (at) => this.scores[at].at(-1) ?? null;
    if (column.at !== undefined) return last(column.at) === null ? "–" : `${Math.round(last(column.at))}`;
    const long = last(column.long), short = last(column.short);
    if (long === null || short === null) return "–";
    return `▲ ${Math.round(long)}  ▼ ${Math.round(short)}`;
  }

  /** A triangle for each decision, above the line for a short and below it for a long. */
  mark(plot, line) {
    const { ctx, bbox } = plot, size = 5 * devicePixelRatio;
    for (const decision of this.decisions) {
      const x = plot.valToPos(decision.time_ms / 1000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const up = decision.direction !== "short";
      const y = up ? bbox.top + bbox.height - size : bbox.top + size;
      ctx.fillStyle = decision.direction === "neutral" ? line.plain : up ? line.long : line.short;
      ctx.beginPath();
      ctx.moveTo(x - size, y + (up ? size : -size));
      ctx.lineTo(x + size, y + (up ? size : -size));
      ctx.lineTo(x, y + (up ? -size : size));
      ctx.fill();
    }
  }

  resize() {
    if (this.name === null) return;
    const width = Math.max(this.charts.clientWidth, 200);
    for (const plot of this.plots) if (plot.width !== width) plot.setSize({ width, height: plot.height });
  }

  /** The config has it no more: nothing new comes, and what was said of it last is over. */
  left() {
    this.hasLeft = true;
    this.state.className = "state trouble";
    this.state.textContent = "□ has left the config";
    this.why.textContent = "";
    this.details.replaceChildren();
  }

  /** How it stands, once a second. */
  facts(facts) {
    if (facts.market !== this.name) return;
    const sound = SOUND.has(facts.state);
    this.state.className = sound ? "state" : "state trouble";
    const warm = facts.warm < 1 ? ` · warm ${Math.floor(100 * facts.warm)}%` : "";
    const age = facts.age_s === null ? "never heard" : `heard ${span(facts.age_s)} ago`;
    this.state.textContent = `${GLYPHS[facts.state] ?? "?"} ${facts.state} · ${age}${warm}`;
    const { process } = facts;
    const restarts = process?.restarts ? `${process.restarts} restart${process.restarts > 1 ? "s" : ""}` : "";
    const unknown = facts.unknown.length ? `unknown: ${facts.unknown.join(", ")}` : "";
    this.why.textContent = [facts.reason, restarts, process?.why, unknown].filter(Boolean).join(" · ");
    this.details.replaceChildren(...channelTable(facts));
  }
}

/** Words of an axis, left out where the edge would cut them. */
function hour(plot, time) {
  return plot.valToPos(time, "x") < HOUR_PX / 2 ? "" : clock(1000 * time);
}

function level(plot, mid) {
  return plot.valToPos(mid, "y") > plot.bbox.height / devicePixelRatio - LEVEL_PX / 2 ? "" : price(mid);
}

function channelTable(facts) {
  const names = Object.keys(facts.channels);
  if (!names.length) return [];
  const table = element("table", "plain"), head = element("tr");
  for (const word of ["channel", "age", "usual wait at most", "gaps", "snapshots"]) head.append(element("th", "", word));
  const body = names.map((name) => {
    const channel = facts.channels[name], row = element("tr");
    const silent = channel.limit_ms !== null && channel.limit_ms !== undefined && channel.age_ms > channel.limit_ms;
    row.append(element("th", silent ? "trouble" : "", name), element("td", silent ? "trouble" : "", span(channel.age_ms / 1000)));
    row.append(element("td", "", span(channel.limit_ms === null ? null : channel.limit_ms / 1000)));
    row.append(element("td", "", String(channel.gaps)), element("td", "", String(channel.snapshots)));
    return row;
  });
  table.append(head, ...body);
  const clock = facts.clock_ms === null ? "" : `; events come ${facts.clock_ms} ms after the venue's time`;
  return [table, element("p", "quiet", `connection ${facts.connection}${clock}`)];
}

