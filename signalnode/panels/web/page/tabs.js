// Decisions, relations, processes, hosts: one tab at a time, and only that one is kept up to date.

import { look } from "./colours.js";
import { clock, megabytes, percent, span } from "./format.js";
import { element } from "./element.js";
import { Hosts } from "./hosts.js";
import { Relations } from "./relations.js";

const KEPT_MAX = 1000; // decisions
const GROUPS_MAX = 60;
const OLD_S = 120; // a sample of CPU and memory: hundreds of processes take turns
const CALM_MS = 1000; // between two drawings of the decisions
const ARROWS = { long: "▲", short: "▼", neutral: "◆" };

export class Tabs {
  constructor(link, onOpen) {
    this.link = link;
    this.onOpen = onOpen;
    this.root = document.getElementById("tab");
    this.decisions = [];
    this.seen = new Set();
    this.failing = {};
    this.processes = [];
    this.relations = new Relations(this.root, onOpen);
    this.hosts = new Hosts(this.root);
    this.shows = "decisions";
    this.isStill = false;
    this.drawnAt = 0;
    this.root.addEventListener("pointerenter", () => { this.isStill = true; });
    this.root.addEventListener("pointerleave", () => { this.isStill = false; });
    this.buttons = [...document.querySelectorAll("[role=tab]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.show(button.dataset.tab));
  }

  show(name) {
    this.shows = name;
    for (const button of this.buttons) button.setAttribute("aria-selected", String(button.dataset.tab === name));
    this.ask();
    this.draw();
  }

  /** Tell the node what is looked at, also after the connection came back. */
  ask() {
    this.link.send({ show: this.shows === "decisions" ? null : this.shows });
  }

  decided(decisions) {
    for (const each of decisions) {
      const key = `${each.strategy} ${each.seq}`;
      if (this.seen.has(key)) continue;
      this.seen.add(key);
      this.decisions.push({ ...each, key });
    }
    for (const old of this.decisions.splice(0, Math.max(0, this.decisions.length - KEPT_MAX))) this.seen.delete(old.key);
    this.isNew = true;
  }

  tick(now) {
    if (this.shows !== "decisions" || !this.isNew || this.isStill || now - this.drawnAt < CALM_MS) return;
    this.draw();
  }

  draw() {
    this.drawnAt = performance.now();
    if (this.shows === "decisions") this.drawDecisions();
    if (this.shows === "relations") this.relations.draw();
    if (this.shows === "processes") this.drawProcesses();
    if (this.shows === "hosts") this.hosts.draw();
  }

  /** The newest of each strategy and market, with how often it came: four a second can be read so. */
  drawDecisions() {
    this.isNew = false;
    const groups = new Map();
    for (const each of this.decisions) {
      const key = `${each.strategy} ${each.markets.join(" ")}`;
      const group = groups.get(key);
      groups.delete(key); // the newest last
      groups.set(key, { newest: each, count: (group?.count ?? 0) + 1 });
    }
    const failing = Object.entries(this.failing).map(([name, words]) =>
      element("p", "trouble", `strategy ${name} fails, ${words}`));
    const shown = [...groups.values()].reverse().slice(0, GROUPS_MAX).map(({ newest, count }) => this.group(newest, count));
    if (!shown.length) shown.push(element("p", "quiet", "No strategy has decided anything so far."));
    this.root.replaceChildren(...failing, ...shown);
  }

  group(decision, count) {
    const box = element("article", "decision"), head = element("div", "line");
    const { line } = look();
    const what = element("strong", "", `${decision.action} `), arrow = element("span", "", ARROWS[decision.direction] ?? "");
    arrow.style.color = line[decision.direction === "neutral" ? "plain" : decision.direction];
    what.append(arrow, ` ${decision.direction === "neutral" ? "" : decision.direction} `);
    for (const name of decision.markets.slice(0, 4)) {
      const link = element("button", "link", name);
      link.addEventListener("click", () => this.onOpen(name));
      what.append(link, " ");
    }
    const more = decision.markets.length - 4 + decision.more;
    if (more > 0) what.append(`and ${more} more`);
    const often = count > 1 ? `×${count}` : "";
    head.append(element("time", "quiet", clock(decision.time_ms)), element("span", "strategy", decision.strategy), what);
    head.append(element("span", "quiet", often), element("span", "strength", String(Math.round(decision.strength))));
    box.append(head, element("p", "quiet", decision.reasons.join("; ")));
    const scores = Object.entries(decision.scores).map(([market, values]) => {
      const words = Object.entries(values).map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).join(", ");
      return decision.markets.length > 1 ? `${market}: ${words}` : words;
    });
    if (scores.length) box.append(element("p", "quiet", `rests on ${scores.join("; ")}`));
    return box;
  }

  related(relations) {
    this.relations.take(relations);
    if (this.shows === "relations" && !this.isStill) this.draw();
  }

  /** Whether this node is of a cluster, and something of it is wrong: its tab is there, and says so. */
  clustered(isTroubled) {
    const button = this.buttons.find((each) => each.dataset.tab === "hosts");
    if (button.hidden !== (isTroubled === null)) button.hidden = isTroubled === null;
    button.classList.toggle("trouble", isTroubled === true);
    const text = isTroubled ? "hosts ⚠" : "hosts";
    if (button.textContent !== text) button.textContent = text;
  }

  hosted(told) {
    this.hosts.take(told);
    if (this.shows === "hosts" && !this.isStill) this.draw();
  }

  processed(processes) {
    this.processes = processes;
    if (this.shows === "processes") this.draw();
  }

  drawProcesses() {
    if (!this.processes.length) {
      this.root.replaceChildren(element("p", "quiet", "The supervisor has not answered so far."));
      return;
    }
    const table = element("table", "plain"), head = element("tr");
    for (const word of ["process", "state", "restarts", "up", "CPU", "memory"]) head.append(element("th", "", word));
    table.append(head);
    const bad = (each) => !["up", "starting"].includes(each.state);
    const ofAll = (each) => each.role !== "engine"; // what all markets need stands before them
    const sorted = [...this.processes].sort((a, b) =>
      bad(b) - bad(a) || b.restarts - a.restarts || ofAll(b) - ofAll(a) || a.name.localeCompare(b.name));
    for (const each of sorted) {
      const row = element("tr"), trouble = bad(each) ? "trouble" : "";
      row.append(element("th", trouble, each.name), element("td", trouble, each.state.replace("_", " ")));
      row.append(element("td", "", String(each.restarts ?? 0)), element("td", "", span(each.uptime_s)));
      row.append(element("td", "", percent(each.cpu_share)), element("td", "", megabytes(each.pss_bytes)));
      table.append(row);
      const last = each.last_words && (each.restarts || trouble) ? `ended last: ${each.last_words}` : "";
      const old = each.sampled_s > OLD_S ? `CPU and memory of ${span(each.sampled_s)} ago` : "";
      const words = [each.reason, last, old].filter(Boolean).join(" · ");
      if (words) {
        const more = element("tr"), cell = element("td", "quiet", words);
        cell.colSpan = 6;
        more.append(cell);
        table.append(more);
      }
    }
    this.root.replaceChildren(table);
  }
}
