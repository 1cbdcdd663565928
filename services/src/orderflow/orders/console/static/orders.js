// Placing an order, following it through its states, finding one, and the list of what comes in.

import { Refused, get, post } from "./api.js";
import { at, el, keyed, say, show } from "./dom.js";
import { amount, duration, plain, time } from "./words.js";

const MOST_LISTED = 12;
const MOST_KNOWN = 300;
const MOST_FOLLOWED = 4;
const ASK_AFTER_MS = 3_000;

// Orders whose ids begin so are this page's own: the stream leaves none of their records out.
const own = `WEB-${[...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}-`;
export const followed = own;

const FINAL = new Set(["PAID", "DECLINED", "REJECTED", "FAILED"]);
const WORDS = {
  PENDING: "waits for the Payment Service",
  PAID: "is paid",
  DECLINED: "was declined",
  REJECTED: "was rejected",
  FAILED: "has failed, and waits in the dead letters",
};

const known = new Map(); // by order id, the newest last
const following = []; // the newest first
let placed = 0;
let pending = null; // an order whose placing is to be tried again

/** Take the records of a tick. */
export function takeRecords(records) {
  for (const record of records) if (record.order_id) take(record);
}

function take(record) {
  const { topic, order_id: id } = record;
  let order = known.get(id);
  if (!order) {
    if (topic !== "orders" && topic !== "order-status" && !following.some((each) => each.id === id)) return;
    order = { id, status: "PENDING" };
    known.set(id, order);
    while (known.size > MOST_KNOWN) known.delete(known.keys().next().value);
  }
  if (topic === "orders") {
    order.at = record.at;
    order.user = record.user_id;
    order.amount = record.amount;
  } else if (topic === "order-status") {
    order.at ??= record.at;
    // A repeated order is PENDING once more; what is settled stays settled until it is told otherwise.
    if (record.status !== "PENDING" || !FINAL.has(order.status)) order.status = record.status;
    if (record.status !== "PENDING") order.settledAt = record.at;
    order.reason = record.reason ?? order.reason;
  } else if (topic === "payments") {
    order.amount ??= record.amount;
    order.user ??= record.user_id;
    order.reason = record.reason ?? order.reason;
  } else if (topic === "notifications") {
    order.told = record.message;
    order.toldAt = record.at;
  } else {
    order.reason = record.why ?? order.reason;
  }
  const mine = following.find((each) => each.id === id);
  if (mine) announce(mine, Object.assign(mine, order));
}

/** Draw the list of orders. */
export function drawOrders(now = Date.now()) {
  const newest = [...known.values()].filter((order) => order.at).slice(-MOST_LISTED).reverse();
  keyed(at("orders"), newest, (order) => order.id, row, updateRow);
  show(at("orders-empty"), newest.length === 0);
  for (const mine of following) askFor(mine, now);
  keyed(at("followed"), following, (order) => order.id, card, updateCard);
}

function row() {
  return el(
    "tr",
    {},
    el("td", { class: "id" }, el("button", { type: "button", class: "link" })),
    el("td", { class: "optional user" }),
    el("td", { class: "number" }),
    el("td", {}, el("span", { class: "chip" })),
    el("td", { class: "number optional" }),
  );
}

function updateRow(node, order) {
  const [id, user, sum, status, took] = node.children;
  const button = id.firstElementChild;
  if (!button.onclick) button.onclick = () => find(order.id);
  say(button, order.id);
  button.title = `Follow ${order.id}`;
  say(user, order.user ?? "");
  say(sum, amount(order.amount));
  chip(status.firstElementChild, order.status);
  say(took, order.settledAt ? duration(order.settledAt - order.at) : "");
}

function chip(node, status) {
  say(node, status);
  node.dataset.status = status;
}

function card(order) {
  return el(
    "article",
    { class: "order", "aria-label": `Order ${order.id}` },
    el("div", { class: "order-head" }, el("code", {}, order.id), el("span", { class: "chip" })),
    el("ol", { class: "steps" }, ...["Accepted", "Charged", "Customer told"].map((name) => el("li", {}, el("span", { class: "step" }, name), el("span", { class: "when" })))),
    el("p", { class: "told" }),
  );
}

function updateCard(node, order) {
  chip(node.querySelector(".chip"), order.status);
  const charged = order.status === "DECLINED" ? "Declined" : order.status === "REJECTED" ? "Rejected" : order.status === "FAILED" ? "Failed" : "Charged";
  const [accepted, settled, told] = node.querySelectorAll(".steps li");
  step(accepted, "Accepted", "done", order.at ? time(order.at) : "");
  const state = order.status === "PENDING" ? "now" : order.status === "PAID" ? "done" : "bad";
  step(settled, charged, state, after(order.settledAt, order));
  // Who is rejected or failed is told nothing.
  const silent = order.status === "REJECTED" || order.status === "FAILED";
  step(told, silent ? "Not told" : "Customer told", order.told ? "done" : order.status === "PENDING" || silent ? "later" : "now", after(order.toldAt, order));
  say(node.querySelector(".told"), plain(order.told ?? order.reason ?? ""));
}

function step(node, name, state, when) {
  node.dataset.state = state;
  say(node.firstElementChild, name);
  say(node.lastElementChild, when);
}

function after(then, order) {
  return then && order.at ? `+${duration(Math.max(0, then - order.at))}` : "";
}

function announce(mine, now) {
  if (mine.said !== now.status && now.status !== "PENDING") {
    mine.said = now.status;
    say(at("spoken"), `Order ${mine.id} ${WORDS[now.status]}.`);
  }
}

function followOrder(order) {
  const old = following.findIndex((each) => each.id === order.id);
  if (old >= 0) following.splice(old, 1);
  following.unshift({ ...known.get(order.id), ...order, askedAt: Date.now() });
  following.length = Math.min(following.length, MOST_FOLLOWED);
}

/** Ask for an order whose news may have been missed: it was placed before, or the stream broke. */
async function askFor(mine, now) {
  if (mine.told || mine.status === "REJECTED" || mine.status === "FAILED" || now - mine.askedAt < ASK_AFTER_MS) return;
  mine.askedAt = now;
  try {
    Object.assign(mine, told(await get(`/orders/${encodeURIComponent(mine.id)}`), mine));
    announce(mine, mine);
  } catch {
    // It stays as it is; the next look is in a moment.
  }
}

/** What GET /orders/{order_id} says, in the words of this page; `mine` is what it knows already. */
function told(document, mine = {}) {
  const when = (text) => (text ? Date.parse(text) : undefined);
  const of = (status) => when(document.history?.findLast((change) => change.status === status)?.at);
  const settled = FINAL.has(document.status);
  const found = { status: settled || !FINAL.has(mine.status) ? document.status : mine.status };
  const further = {
    at: mine.at ?? of("PENDING") ?? when(document.placed_at),
    settledAt: mine.settledAt ?? (settled ? of(document.status) : undefined),
    told: document.notification?.message,
    toldAt: mine.toldAt ?? when(document.notification?.at),
    user: document.user_id,
    amount: document.amount,
    reason: document.reason ?? document.payment?.reason,
  };
  for (const [name, value] of Object.entries(further)) if (value !== undefined && value !== null) found[name] = value;
  return found;
}

/** Wire the forms. */
export function buildOrders() {
  at("place").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const text = (name) => String(form.get(name) ?? "").trim();
    pending = { order_id: `${own}${++placed}`, user_id: text("user_id"), amount: text("amount").replace(",", "."), items: Number(text("items")) };
    if (text("item")) pending.item = text("item");
    place();
  });
  at("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = at("order_id").value.trim();
    problem("order_id", "");
    if (id) find(id);
    else problem("order_id", "Type the id of an order.");
  });
}

async function place() {
  const order = pending;
  const button = at("place-button");
  for (const name of ["user_id", "item", "items", "amount"]) problem(name, "");
  show(at("placing"), false);
  button.disabled = true;
  say(button, "Placing …");
  try {
    const answer = await post("/orders", order);
    pending = null;
    // The stream may have been faster than the answer.
    const heard = known.get(answer.order_id) ?? {};
    followOrder({ id: answer.order_id, status: "PENDING", at: Date.now(), user: order.user_id, amount: order.amount, ...heard });
    say(at("spoken"), `Order ${answer.order_id} is accepted.`);
    drawOrders();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
    say(button, "Place order");
  }
}

function complain(error) {
  const fields = (error instanceof Refused && error.document.errors) || [];
  let first = null;
  for (const { path, detail } of fields) {
    const name = path.replace(/^\$\./, "");
    if (document.getElementById(`${name}-problem`)) {
      problem(name, detail);
      first ??= at(name);
    }
  }
  if (first) {
    first.focus();
    return;
  }
  // The same order once more is safe: it has its id.
  const again = el("button", { type: "button", class: "quiet", onclick: () => pending && place() }, "Try again");
  at("placing").replaceChildren(el("span", {}, error.message), again);
  show(at("placing"), true);
}

function problem(name, detail) {
  say(at(`${name}-problem`), detail);
  if (detail) at(name).setAttribute("aria-invalid", "true");
  else at(name).removeAttribute("aria-invalid");
}

async function find(id) {
  try {
    followOrder({ id, ...told(await get(`/orders/${encodeURIComponent(id)}`), known.get(id)) });
  } catch (error) {
    if (!known.has(id)) {
      problem("order_id", error.message);
      at("order_id").focus();
      return;
    }
    followOrder(known.get(id));
  }
  drawOrders();
  at("followed").scrollIntoView({ block: "nearest" });
}
