// The four figures: a big number each, and its last minutes as a chart (uPlot).

import { at, el, say } from "./dom.js";
import { CHART_SECONDS } from "./rates.js";
import { NONE, count, duration, percent, rate, time } from "./words.js";

const HEIGHT = 96;
const LEAST_SECONDS = 30;

const share = (value) => (value === null ? NONE : `${Math.round(value)} %`);

const FIGURES = [
  {
    id: "throughput",
    title: "Throughput",
    unit: "orders/s",
    lines: [
      ["orders", "orders/s", "--line-1", rate],
      ["payments", "payments/s", "--line-2", rate],
    ],
    big: (rates) => rate(rates.of("orders")),
    small: (rates) => `${rate(rates.of("payments"))} payments/s, ${rate(rates.of("notifications"))} notifications/s`,
  },
  {
    id: "success",
    title: "Success rate",
    unit: "of payments",
    lines: [["success", "paid", "--line-3", share]],
    range: [0, 100],
    big: (rates) => percent(rates.success()),
    small: (rates, stats) => [rates.success() === null ? "none seen lately" : "last minute", stats].filter(Boolean).join("; "),
  },
  {
    id: "latency",
    title: "Order to notification",
    unit: "median",
    lines: [
      ["p50", "p50", "--line-2", duration],
      ["p99", "p99", "--line-4", duration],
    ],
    big: (rates) => duration(rates.latency.notified?.p50),
    small: ({ latency }) =>
      latency.notified
        ? `p99 ${duration(latency.notified.p99)}; paid after ${duration(latency.charged?.p50)}`
        : "no order seen lately",
  },
  {
    id: "behind",
    title: "Lag",
    unit: "records behind",
    lines: [["lag", "behind", "--line-1", count]],
    big: (rates) => count(rates.lag),
    small: (_rates, _stats, lag) => lag,
  },
];

const drawn = [];
let now = Date.now() / 1000;

/** Build the figures. */
export function buildFigures() {
  for (const figure of FIGURES) {
    const chart = el("div", { class: "chart", role: "img", "aria-label": `${figure.title}, last ${CHART_SECONDS / 60} minutes` });
    at("figures").append(
      el(
        "div",
        { class: "figure card" },
        el("h2", {}, figure.title),
        el("p", { class: "big" }, el("span", { id: `${figure.id}-big` }, NONE), el("span", { class: "unit" }, ` ${figure.unit}`)),
        el("p", { class: "small", id: `${figure.id}-small` }, "\u00a0"),
        chart,
        el("p", { class: "legend", "aria-hidden": "true" }, ...legend(figure)),
      ),
    );
    drawn.push({ figure, chart, plot: null });
  }
  new ResizeObserver(() => drawn.forEach(fit)).observe(at("figures"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const each of drawn) {
      each.plot?.destroy();
      each.plot = null;
    }
  });
}

/** Bring numbers and charts up to date; `said` has what other sources say: {stats, lag}. */
export function drawFigures(rates, said) {
  now = rates.now;
  for (const each of drawn) {
    const { figure, chart } = each;
    say(at(`${figure.id}-big`), figure.big(rates));
    say(at(`${figure.id}-small`), figure.small(rates, said.stats, said.lag));
    const data = [rates.points.at, ...figure.lines.map(([name]) => rates.points[name])];
    each.plot ??= plot(figure, chart);
    each.plot.setData(data);
  }
}

function legend(figure) {
  return figure.lines.map(([name, label]) =>
    el("span", { class: `key ${name}` }, label, el("output", { id: `${figure.id}-${name}` })),
  );
}

function plot(figure, chart) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [grid, ink] = [colour("--grid"), colour("--muted")];
  const font = "11px system-ui, sans-serif";
  const series = figure.lines.map(([, label, line], index) => ({
    label,
    stroke: colour(line),
    width: 1.75,
    fill: index === 0 ? colour(`${line}-fill`) : undefined,
    points: { show: false },
    spanGaps: true,
  }));
  return new uPlot(
    {
      width: chart.clientWidth || 200,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { size: 6 } },
      scales: {
        x: { range: span },
        y: { range: figure.range ? () => figure.range : (_plot, _low, high) => [0, nice(high, figure.least ?? 10)] },
      },
      axes: [
        { show: false },
        { stroke: ink, font, size: 42, gap: 4, ticks: { show: false }, grid: { stroke: grid, width: 1 }, splits: splits(), values: axis(figure) },
      ],
      series: [{}, ...series],
      hooks: { setCursor: [(shown) => tell(figure, shown)] },
    },
    [[], ...figure.lines.map(() => [])],
    chart,
  );
}

/** From the first point on, or the last minutes of them. */
function span(shown) {
  const first = shown.data[0][0] ?? now;
  return [Math.max(now - CHART_SECONDS, Math.min(first, now - LEAST_SECONDS)), now];
}

/** Grid lines at nothing, the half and the whole. */
function splits() {
  return (_plot, _axis, low, high) => [low, (low + high) / 2, high];
}

function axis(figure) {
  const words = figure.lines[0][3];
  return (_plot, values) => values.map((value) => words(value));
}

/** The next round number: 1, 2, 5 and their tenfolds. */
function nice(high, least) {
  if (!high || high <= least) return least;
  const power = 10 ** Math.floor(Math.log10(high));
  return [1, 2, 5, 10].find((step) => step * power >= high) * power;
}

function tell(figure, shown) {
  const index = shown.cursor.idx;
  figure.lines.forEach(([name, , , words], number) => {
    const value = index === null || index === undefined ? null : shown.data[number + 1][index];
    const moment = index === null || index === undefined ? "" : ` at ${time(1000 * shown.data[0][index])}`;
    say(at(`${figure.id}-${name}`), value === null || value === undefined ? "" : ` ${words(value)}${moment}`);
  });
}

function fit({ plot: shown, chart }) {
  if (shown && chart.clientWidth) shown.setSize({ width: chart.clientWidth, height: HEIGHT });
}
