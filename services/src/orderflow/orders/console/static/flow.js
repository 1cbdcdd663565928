// The picture of the flow: who works, what flows between them, how fast and how far behind.

import { at, el, say, svg } from "./dom.js";
import { level } from "./panels.js";
import { count, plural, rate, seconds } from "./words.js";

const STAGES = [
  { id: "orders", name: "Order Service", says: "takes orders", worker: null },
  { id: "payments", name: "Payment Service", says: "charges them", worker: "payment" },
  { id: "notifications", name: "Notification Service", says: "tells customers", worker: "notification" },
];
const ARROWS = ["orders", "payments", "notifications"];

/** Build the picture. */
export function buildFlow() {
  const parts = [];
  STAGES.forEach((stage, index) => {
    parts.push(
      el(
        "li",
        { class: "stage", id: `stage-${stage.id}` },
        el("strong", {}, stage.name),
        el("span", { class: "says", id: `stage-${stage.id}-says` }, stage.says),
        el("span", { class: "dots", id: `stage-${stage.id}-dots`, "aria-hidden": "true" }),
      ),
      arrow(ARROWS[index]),
    );
  });
  parts.push(
    el("li", { class: "stage end", id: "stage-end" }, el("strong", {}, "Customers"), el("span", { class: "says", id: "stage-end-says" }, "know")),
  );
  at("flow").append(...parts);
}

function arrow(topic) {
  const line = svg(
    "svg",
    { class: "arrow", viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "bed", x1: 0, y1: 6, x2: 100, y2: 6 }),
    svg("line", { class: "stream", x1: 0, y1: 6, x2: 100, y2: 6 }),
  );
  return el(
    "li",
    { class: "between", id: `arrow-${topic}`, "data-speed": "0" },
    el("span", { class: "topic" }, topic),
    el("span", { class: "rate", id: `arrow-${topic}-rate` }, "–"),
    line,
    el("span", { class: "behind", id: `arrow-${topic}-behind` }, "\u00a0"),
  );
}

/** Bring rates, lag and workers up to date. */
export function drawFlow(rates, groups, workers) {
  for (const topic of ARROWS) {
    const now = rates.of(topic);
    say(at(`arrow-${topic}-rate`), `${rate(now)}/s`);
    at(`arrow-${topic}`).dataset.speed = speed(now);
    const group = topic === "notifications" ? null : readerOf(groups, topic);
    const node = at(`arrow-${topic}-behind`);
    say(node, group ? behind(group) : "\u00a0");
    node.dataset.level = group ? level(group) : "none";
  }
  for (const stage of STAGES) drawWorkers(stage, workers, groups);
  drawDead(rates);
}

/** The group that moves orders on: of those that read a topic, the one that reads nothing else. */
export function readerOf(groups, topic) {
  return groups.find((group) => group.topics.length === 1 && group.topics[0].endsWith(topic));
}

function behind(group) {
  if (group.lag === null || group.lag === undefined) return "lag unknown";
  if (group.lag === 0) return "nothing behind";
  return `${count(group.lag)} behind, ${seconds(group.seconds)}`;
}

function drawWorkers(stage, workers, groups) {
  if (!stage.worker) return;
  const worker = workers.find((each) => each.name.startsWith(stage.worker));
  const group = readerOf(groups, stage.id === "payments" ? "orders" : "payments");
  const running = worker ? worker.ready : group ? group.members.length : null;
  if (running === null || running === undefined) return;
  const wanted = Math.max(running, worker ? worker.desired : running);
  const dots = at(`stage-${stage.id}-dots`);
  const drawn = Math.min(wanted, 24);
  if (dots.dataset.now !== `${running}/${wanted}`) {
    dots.dataset.now = `${running}/${wanted}`;
    dots.replaceChildren(...Array.from({ length: drawn }, (_, i) => el("i", { class: i < running ? "on" : "off" })));
  }
  const text = plural(running, "worker") + (wanted > running ? ` of ${wanted}` : "");
  say(at(`stage-${stage.id}-says`), text);
}

function drawDead(rates) {
  const now = rates.of("notifications");
  say(at("stage-end-says"), now > 0 ? `${rate(now)} told/s` : "know of their orders");
}

/** How fast the line moves: 0 stands still. */
function speed(perSecond) {
  if (!perSecond) return 0;
  if (perSecond < 5) return 1;
  return perSecond < 50 ? 2 : perSecond < 500 ? 3 : 4;
}
