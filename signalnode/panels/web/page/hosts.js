// The tab of hosts: how the cluster stands, as its coordinator says.

import { element } from "./element.js";
import { span } from "./format.js";

const HOST_HEADS = ["host", "state", "for", "shards", "markets"];
const SHARD_HEADS = ["shard", "host", "state", "heard", "ready", "grants"];

export class Hosts {
  constructor(root) {
    this.root = root;
    this.told = null;
  }

  take(told) {
    this.told = told;
  }

  draw() {
    if (this.told === null || !this.told.whole) {
      this.root.replaceChildren(element("p", "quiet", "Nothing was told of a cluster so far."));
      return;
    }
    const { whole, troubles, layer5, hosts, shards } = this.told;
    const words = [element("p", "", whole), ...troubles.map((line) => element("p", "trouble", line))];
    if (layer5) {
      const heard = typeof layer5.age_s === "number" ? `, heard ${span(layer5.age_s)} ago` : "";
      words.push(element("p", "quiet", `Layer 5 is at ${layer5.endpoint} on ${layer5.host}${heard}`));
    }
    const machines = hosts.map((each) => row(each.state, [
      each.address, each.state, span(each.age_s), (each.shards ?? []).join(" ") || "-", String(each.markets ?? 0),
    ]));
    const supervisors = shards.flatMap((each) => {
      const ready = `${each.ready ?? 0} of ${each.markets ?? 0}`;
      const cells = row(each.state, [each.shard, each.host || "-", each.state, span(each.age_s), ready, each.grants]);
      if (!each.fault) return [cells];
      const more = element("tr"), cell = element("td", "trouble", each.fault);
      cell.colSpan = SHARD_HEADS.length;
      more.append(cell);
      return [cells, more];
    });
    this.root.replaceChildren(...words, table(HOST_HEADS, machines), table(SHARD_HEADS, supervisors));
  }
}

function table(heads, rows) {
  const made = element("table", "plain"), head = element("tr");
  head.append(...heads.map((word) => element("th", "", word)));
  made.append(head, ...rows);
  const place = element("div", "wide");
  place.append(made);
  return place;
}

function row(state, cells) {
  const made = element("tr"), trouble = state === "up" ? "" : "trouble";
  made.append(...cells.map((text, i) => element(i ? "td" : "th", i && i !== 1 && i !== 2 ? "" : trouble, text)));
  return made;
}
