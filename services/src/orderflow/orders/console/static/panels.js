// Lag, workers, notifications and dead letters: what is asked for now and then, and what the stream brings.

import { get } from "./api.js";
import { at, el, keyed, say, show } from "./dom.js";
import { ago, count, percent, plain, plural, seconds } from "./words.js";

const MOST_LETTERS = 30;
const MOST_NOTIFICATIONS = 6;
const SOME_SECONDS = 5;
const HIGH_SECONDS = 30;
const LETTERS = ["failed-orders", "failed-payments", "failed-notifications"];

/** What the last answers said: used by the picture and the figures too. */
export const seen = { groups: [], workers: [], lag: null, lagText: "", stats: "" };

const letters = new Map(); // by place, as they came

/** Take the dead letters of a tick. */
export function takeLetters(records) {
  for (const record of records) {
    if (!LETTERS.includes(record.topic)) continue;
    letters.set(`${record.topic}[${record.partition}]@${record.offset}`, record);
  }
  if (letters.size <= 2 * MOST_LETTERS) return;
  for (const [place] of newestLetters().slice(MOST_LETTERS)) letters.delete(place);
}

function newestLetters() {
  return [...letters].sort(([, one], [, other]) => other.at - one.at);
}

export function drawLetters() {
  const newest = newestLetters().slice(0, 8);
  keyed(at("letters"), newest, ([place]) => place, letter, (node, [, record]) => say(node.querySelector("time"), ago(record.at)));
  show(at("letters-empty"), newest.length === 0);
  say(at("letters-aside"), letters.size ? `newest of ${plural(letters.size, "letter")}` : "");
}

function letter([place, record]) {
  return el(
    "li",
    { title: place },
    el("p", { class: "entry-head" }, el("span", { class: "chip", "data-status": "FAILED" }, record.error ?? "unknown"), el("code", {}, record.order_id ?? "no order id"), el("time", {})),
    el("p", {}, plain(record.why) || "No reason was given."),
    el("p", { class: "where" }, `${record.topic}, from ${record.source ?? "?"}${record.attempts ? `, ${plural(Number(record.attempts), "attempt")}` : ""}`),
  );
}

/** Ask for everything that is asked for, for ever; where nobody answers, the panel says why. */
export function buildPanels() {
  poll(2_000, "lag", "/metrics/lag", drawLag, () => (seen.groups = []));
  poll(2_000, "workers", "/workers", drawWorkers, () => (seen.workers = []));
  poll(3_000, "notifications", `/notifications?limit=${MOST_NOTIFICATIONS}`, drawNotifications);
  poll(5_000, "stats", "/stats/payments", drawStats, () => (seen.stats = ""));
}

async function poll(every, panel, path, draw, forget = () => {}) {
  for (;;) {
    if (!document.hidden) {
      try {
        draw(await get(path));
      } catch (error) {
        forget();
        unavailable(panel, error);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

function unavailable(panel, error) {
  const aside = document.getElementById(`${panel}-aside`);
  if (aside) say(aside, "not available");
  if (panel === "lag") seen.lag = null;
  if (panel === "lag") seen.lagText = "not available";
  if (panel === "lag" || panel === "workers") {
    at(panel).replaceChildren(el("p", { class: "empty" }, error.message));
  } else if (panel === "notifications" && !at("notifications").childElementCount) {
    say(at("notifications-empty"), error.message);
  }
}

function drawLag(document) {
  seen.groups = document.groups;
  const unknown = document.groups.some((group) => group.lag === null);
  seen.lag = unknown ? null : document.groups.reduce((sum, group) => sum + group.lag, 0);
  const oldest = Math.max(0, ...document.groups.map((group) => group.seconds ?? 0));
  seen.lagText = unknown ? "unknown for a group" : seen.lag ? `the oldest for ${seconds(oldest)}` : "everybody is at the end";
  say(at("lag-aside"), document.stale ? `as of ${seconds(document.age_seconds)} ago: ${document.reason ?? "Kafka does not answer"}` : "");
  if (at("lag").firstElementChild?.tagName === "P") at("lag").replaceChildren();
  keyed(at("lag"), document.groups, (group) => group.group, groupNode, updateGroup);
}

function groupNode(group) {
  return el(
    "section",
    { class: "group", "aria-label": group.group },
    el("div", { class: "group-head" }, el("h3", {}, group.group), el("span", { class: "state" }), el("span", { class: "total" })),
    el("div", { class: "topics" }),
  );
}

function updateGroup(node, group) {
  say(node.querySelector(".state"), `${group.state}, ${plural(group.members.length, "member")}`);
  const total = group.lag === null ? group.problems[0] ?? "lag unknown" : group.lag ? `${count(group.lag)} behind, ${group.incomplete ? "at least " : ""}${seconds(group.seconds)}` : "nothing behind";
  say(node.querySelector(".total"), total);
  keyed(node.querySelector(".topics"), group.topics, (topic) => topic, topicNode, (part, topic) =>
    keyed(part.lastElementChild, group.partitions.filter((each) => each.topic === topic), (each) => each.partition, cell, updateCell),
  );
}

function topicNode(topic) {
  return el("div", { class: "topic-lag" }, el("span", { class: "name" }, topic), el("ol", { class: "cells", "aria-label": `Partitions of ${topic}` }));
}

function cell(each) {
  return el("li", { class: "cell" }, el("span", { class: "hidden" }, `partition ${each.partition}: `), el("span", { class: "value" }));
}

function updateCell(node, each) {
  say(node.lastElementChild, each.lag === null ? "?" : short(each.lag));
  node.dataset.level = level(each);
  node.title = `${each.topic}[${each.partition}]: committed ${count(each.committed)}, end ${count(each.end)}, ${seconds(each.seconds)}; read by ${each.owner || "nobody"}`;
}

/** How bad a lag is: what is behind for a moment only is at work, not late. */
export function level({ lag, seconds: age }) {
  if (lag === null || lag === undefined) return "unknown";
  if (lag === 0) return "none";
  return age > HIGH_SECONDS ? "high" : age > SOME_SECONDS ? "some" : "low";
}

const short = (value) => (value < 10_000 ? String(value) : value < 1e6 ? `${Math.round(value / 1000)}k` : `${Math.round(value / 1e6)}M`);

function drawWorkers(document) {
  seen.workers = document.workers;
  say(at("workers-aside"), "");
  if (document.workers.length && at("workers").firstElementChild?.tagName === "P") at("workers").replaceChildren();
  keyed(at("workers"), document.workers, (worker) => `${worker.namespace}/${worker.name}`, workerNode, updateWorker);
  if (!document.workers.length) at("workers").replaceChildren(el("p", { class: "empty" }, document.reason ?? "No worker has been decided about yet."));
}

function workerNode(worker) {
  return el(
    "section",
    { class: "worker", "aria-label": worker.name },
    el("div", { class: "group-head" }, el("h3", {}, worker.name), el("span", { class: "chip" }), el("span", { class: "total" })),
    el("p", { class: "why" }),
  );
}

function updateWorker(node, worker) {
  say(node.querySelector(".chip"), worker.reason);
  const wanted = worker.desired === worker.replicas ? "" : `, ${count(worker.desired)} wanted`;
  say(node.querySelector(".total"), `${count(worker.ready)} of ${count(worker.replicas)} ready${wanted}`);
  say(node.querySelector(".why"), worker.message);
}

function drawNotifications(list) {
  say(at("notifications-aside"), "");
  show(at("notifications-empty"), list.length === 0);
  keyed(at("notifications"), list, (each) => `${each.order_id}/${moment(each)}`, notification, (node, each) => say(node.querySelector("time"), ago(moment(each))));
}

const moment = (each) => Date.parse(each.at);

function notification(each) {
  return el(
    "li",
    {},
    el("p", { class: "entry-head" }, el("span", { class: "chip", "data-status": each.status === "SUCCESS" ? "PAID" : "DECLINED" }, each.status === "SUCCESS" ? "PAID" : "DECLINED"), el("span", { class: "user" }, each.user_id), el("time", {})),
    el("p", {}, plain(each.message)),
  );
}

function drawStats(document) {
  const { SUCCESS: paid, FAILED: declined } = document.payments;
  const all = (paid?.count ?? 0) + (declined?.count ?? 0);
  seen.stats = all ? `of all ${count(all)}: ${percent(document.success_rate)}` : "";
}
