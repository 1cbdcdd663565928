// Asking the Order Service, with the API key where it needs one.

import { at, say } from "./dom.js";

const STORED = "orderflow-api-key";

let asking = null;

export function headers(further = {}) {
  const key = sessionStorage.getItem(STORED);
  return key ? { ...further, "X-API-Key": key } : further;
}

/** What a request came to when it was no 2xx: `sentence` for people, `document` as it was answered. */
export class Refused extends Error {
  constructor(status, document) {
    super(document?.detail || `The service answered ${status}.`);
    this.status = status;
    this.document = document || {};
  }
}

/** Nobody answered. */
export class Away extends Error {
  constructor() {
    super("The Order Service does not answer.");
  }
}

/** Return the JSON at a path; raise Refused or Away. */
export async function get(path, options = {}) {
  return (await ask(path, options)).json();
}

/** Return the JSON that an order is answered with; raise Refused or Away. */
export async function post(path, body) {
  const content = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await ask(path, content)).json();
}

/** Return a response that is ok; ask the person for a key where one is needed. */
export async function ask(path, options = {}) {
  for (;;) {
    const used = sessionStorage.getItem(STORED);
    let response;
    try {
      response = await fetch(path, { cache: "no-store", ...options, headers: headers(options.headers) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Away();
    }
    if (response.ok) return response;
    if (response.status === 401) {
      await askForKey(used);
      continue;
    }
    throw new Refused(response.status, await response.json().catch(() => null));
  }
}

/** Ask the person for a key, once for all requests that wait for it. */
function askForKey(used) {
  // Meanwhile another request was given one: try with that first.
  if (used !== sessionStorage.getItem(STORED)) return Promise.resolve();
  asking ??= new Promise((resolve) => {
    const dialog = at("key-dialog");
    say(at("key-why"), used ? "The service does not know that key. Try another one." : at("key-why").textContent);
    at("key").value = "";
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        const given = at("key").value.trim();
        if (given) sessionStorage.setItem(STORED, given);
        resolve();
      },
      { once: true },
    );
    // Closed without a key it would only be asked again at once.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
  });
  return asking;
}
