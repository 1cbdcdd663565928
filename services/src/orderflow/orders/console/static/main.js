// The console: follows the stream, keeps what it says, draws it a few times a second.

import { at, say, show } from "./dom.js";
import { buildFigures, drawFigures } from "./charts.js";
import { buildFlow, drawFlow } from "./flow.js";
import { buildOrders, drawOrders, followed, takeRecords } from "./orders.js";
import { buildPanels, drawLetters, seen, takeLetters } from "./panels.js";
import { Rates } from "./rates.js";
import { follow } from "./stream.js";
import { count, plural, seconds, time } from "./words.js";

const DRAW_MS = 250;

const rates = new Rates();
let paused = false;
let heardAt = null;
let lost = 0;
let leftOut = [];

function take(name, data) {
  heardAt = Date.now();
  if (name === "hello") rates.now = data.at;
  if (name === "dropped") lost += data.ticks;
  if (name !== "tick") return;
  rates.lag = seen.lag;
  rates.take(data);
  takeRecords(data.records);
  takeLetters(data.records);
  leftOut = [...leftOut.filter(([then]) => then > data.at - 5), [data.at, data.left_out]];
  banner(data.problem ? `New orders have to wait: the service waits for ${data.problem}.` : "");
}

function state(now, retry) {
  const connection = at("connection");
  if (connection.dataset.state !== now) connection.dataset.state = now;
  if (now === "live") say(connection, "Live");
  if (now === "connecting") say(connection, heardAt ? "Connecting again" : "Connecting");
  if (now !== "away") return;
  say(connection, "Disconnected");
  const since = heardAt ? ` What you see is from ${time(heardAt)}.` : "";
  banner(`Disconnected from the Order Service.${since} Trying again every ${seconds(Math.max(1, retry / 1000))} or so.`);
}

function banner(sentence) {
  say(at("banner"), sentence);
  show(at("banner"), sentence !== "");
}

function draw() {
  if (paused || document.hidden) return;
  drawFlow(rates, seen.groups, seen.workers);
  drawFigures(rates, { stats: seen.stats, lag: seen.lagText });
  drawOrders();
  drawLetters();
  const hidden = leftOut.reduce((sum, [, each]) => sum + each, 0);
  const parts = [hidden ? `some of many: ${count(hidden)} not shown in the last 5 s` : "", lost ? `${plural(lost, "tick")} lost: this browser was too slow` : ""];
  say(at("orders-aside"), parts.filter(Boolean).join("; "));
}

function pause() {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  say(at("pause"), paused ? "Resume" : "Pause");
  document.body.classList.toggle("paused", paused);
}

buildFlow();
buildFigures();
buildOrders();
buildPanels();
at("pause").addEventListener("click", pause);
setInterval(draw, DRAW_MS);
draw();
follow(`/events?follow=${encodeURIComponent(followed)}`, { event: take, state });
