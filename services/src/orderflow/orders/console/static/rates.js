// From ticks to rates: sums over the last seconds, and one point a second for the charts.

const SHOWN_SECONDS = 5;
const SUCCESS_SECONDS = 60;
const PRESENT_SECONDS = 3;
export const CHART_SECONDS = 180;

export class Rates {
  #ticks = [];
  #filling = null;
  #until = 0;
  #ahead = 0;
  points = { at: [], orders: [], payments: [], notifications: [], success: [], p50: [], p99: [], lag: [] };
  lag = null;
  latency = {};

  /** Set the service's clock, in seconds: it need not be that of this machine. */
  set now(at) {
    this.#ahead = at - Date.now() / 1000;
  }

  get now() {
    return Date.now() / 1000 + this.#ahead;
  }

  /** Take a tick, unless it is of a time that is known already. */
  take(tick) {
    if (tick.at <= this.#until) return;
    this.#until = tick.at;
    this.latency = tick.latency;
    this.#ticks.push(tick);
    while (this.#ticks[0].at < tick.at - SUCCESS_SECONDS) this.#ticks.shift();
    this.#fill(tick);
  }

  /** Records per second of a topic (or "paid", "declined"). */
  of(name) {
    const { sum, seconds } = this.#over(SHOWN_SECONDS, (counts) => counts[name] || 0);
    return seconds ? sum / seconds : null;
  }

  /** The share of payments that succeeded in the last minute; null without any. */
  success() {
    const paid = this.#over(SUCCESS_SECONDS, (counts) => counts.paid || 0).sum;
    const declined = this.#over(SUCCESS_SECONDS, (counts) => counts.declined || 0).sum;
    return paid + declined ? paid / (paid + declined) : null;
  }

  #over(span, value) {
    let [sum, seconds] = [0, 0];
    for (let i = this.#ticks.length - 1; i >= 0 && this.#ticks[i].at > this.#until - span; i--) {
      sum += value(this.#ticks[i].counts);
      seconds += this.#ticks[i].seconds;
    }
    return { sum, seconds };
  }

  #fill(tick) {
    const filling = (this.#filling ??= { seconds: 0, counts: {} });
    filling.seconds += tick.seconds;
    for (const [name, value] of Object.entries(tick.counts)) {
      filling.counts[name] = (filling.counts[name] || 0) + value;
    }
    if (filling.seconds < 0.95) return;
    this.#filling = null;
    const each = (name) => (filling.counts[name] || 0) / filling.seconds;
    const told = tick.latency.notified;
    this.#add({
      at: tick.at,
      orders: each("orders"),
      payments: each("payments"),
      notifications: each("notifications"),
      success: this.success() === null ? null : 100 * this.success(),
      p50: told ? told.p50 : null,
      p99: told ? told.p99 : null,
      // Lag is asked for: what it was at a tick from before is not known.
      lag: tick.at > this.now - PRESENT_SECONDS ? this.lag : null,
    });
  }

  #add(point) {
    for (const [name, values] of Object.entries(this.points)) values.push(point[name]);
    while (this.points.at[0] < point.at - CHART_SECONDS) {
      for (const values of Object.values(this.points)) values.shift();
    }
  }
}
