// GET /events by fetch: EventSource cannot send a key. Connects again by itself, and goes on where it was.

import { ask } from "./api.js";

const SILENCE_MS = 8_000; // a tick comes every second
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** Cuts a stream of text into events: {event, data, id}. Comments and unknown fields are left out. */
export class Events {
  #rest = "";
  #event = {};

  *take(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (this.#event.data !== undefined) yield this.#event;
        this.#event = {};
      } else if (!line.startsWith(":")) {
        const colon = line.indexOf(":");
        const field = line.slice(0, colon);
        const value = line.slice(colon + 1).replace(/^ /, "");
        this.#event[field] = field === "data" && this.#event.data ? `${this.#event.data}\n${value}` : value;
      }
    }
  }
}

/**
 * Follow the events for ever. `on.event(name, data)` hears of each, `on.state(state, retryInMs)` whether the
 * stream is "connecting", "live" or "away".
 */
export async function follow(path, on) {
  let last = null;
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    on.state("connecting");
    try {
      last = await read(path, last, on, () => (pause = FIRST_PAUSE_MS));
    } catch (error) {
      last = error.last ?? last;
    }
    on.state("away", pause);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pause * (0.75 + Math.random() / 2));
      // Whoever comes back to the network or to the tab does not want to wait.
      for (const sign of ["online", "visibilitychange"]) {
        addEventListener(sign, () => (clearTimeout(timer), resolve()), { once: true });
      }
    });
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

async function read(path, after, on, connected) {
  const aborter = new AbortController();
  let last = after;
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => aborter.abort(), SILENCE_MS);
  };
  try {
    const headers = after ? { "Last-Event-ID": after } : {};
    const response = await ask(path, { headers, signal: aborter.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const events = new Events();
    heard();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return last;
      heard();
      for (const event of events.take(value)) {
        last = event.id ?? last;
        connected();
        on.state("live");
        on.event(event.event, JSON.parse(event.data));
      }
    }
  } catch (error) {
    error.last = last;
    throw error;
  } finally {
    clearTimeout(silence);
    aborter.abort();
  }
}
