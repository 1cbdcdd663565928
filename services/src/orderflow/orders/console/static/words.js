// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const NONE = "–";

export const count = (value) => (value === null || value === undefined ? NONE : whole.format(value));
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
export const time = (ms) => clock.format(new Date(ms));

/** A rate: exact where it is small. */
export function rate(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  return value < 10 && value > 0 ? tenth.format(value) : whole.format(value);
}

export function amount(value) {
  const number = Number(value);
  return value === null || value === undefined || Number.isNaN(number) ? NONE : money.format(number);
}

export function percent(share) {
  if (share === null || Number.isNaN(share)) return NONE;
  return share === 1 ? "100 %" : `${tenth.format(100 * share)} %`;
}

/** A duration in ms. */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return NONE;
  if (ms < 1000) return `${whole.format(ms)} ms`;
  return seconds(ms / 1000);
}

/** A duration in seconds. */
export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 120) return `${tenth.format(value)} s`;
  if (value < 7200) return `${whole.format(value / 60)} min`;
  return `${whole.format(value / 3600)} h`;
}

/** How long ago, roughly. */
export function ago(ms, now = Date.now()) {
  const passed = Math.max(0, (now - ms) / 1000);
  if (passed < 10) return "just now";
  if (passed < 60) return `${whole.format(passed)} s ago`;
  if (passed < 3600) return `${whole.format(passed / 60)} min ago`;
  if (passed < 86400) return `${whole.format(passed / 3600)} h ago`;
  return new Date(ms).toLocaleDateString("en");
}

/** What takes the space of one line. */
export const plain = (text) => String(text ?? "").replace(/\s+/g, " ").trim();
