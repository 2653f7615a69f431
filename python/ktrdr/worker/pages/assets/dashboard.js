"use strict";
// The pages are made by the server. This script puts newer parts in the place of older ones, and sends what buttons and
// forms say. It draws nothing and knows no metric.

const RETRY_MS = 3000;
const CURVE_MS = 2000;
const one = (selector, root = document) => root.querySelector(selector);

/* ---- what the page says ---- */

function say(text, more) {
  const said = one("#said");
  said.replaceChildren(text, ...(more ? [" ", more] : []));
  said.hidden = !text;
  if (text) said.scrollIntoView({ block: "nearest" });
}

function offline(text) {
  const line = one("#offline");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = !text;
}

/* ---- newer parts in the place of older ones ---- */

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);

function alike(old, now) {
  return old.nodeType === now.nodeType && old.nodeName === now.nodeName && keyOf(old) === keyOf(now);
}

// Only what differs is touched, so that focus, ticks and open parts stay.
function renew(old, now) {
  if (old.isEqualNode(now)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = now.nodeValue; return; }
  for (const { name } of [...old.attributes]) {
    if (!now.hasAttribute(name) && name !== "open" && name !== "disabled") old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  renewChildren(old, now);
}

function renewChildren(old, now) {
  const byKey = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let place = old.firstChild;
  for (const wanted of [...now.childNodes]) {
    const known = keyOf(wanted) ? byKey.get(keyOf(wanted)) : place;
    if (known && alike(known, wanted)) {
      if (known === place) place = place.nextSibling; else old.insertBefore(known, place);
      renew(known, wanted);
    } else {
      old.insertBefore(wanted, place);
    }
  }
  while (place) { const next = place.nextSibling; place.remove(); place = next; }
}

async function fetched(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (answer.status === 401) { signedOut(); return null; }
  if (answer.status === 404) { offline("It has been deleted."); return null; }
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  offline("");
  return page.body;
}

function signedOut() {
  offline("The session is over. Reload the page to sign in.");
}

/* ---- a part that follows the store ---- */

class Follower {
  constructor(area) {
    this.area = area;
    this.busy = false;
    this.again = false;
    this.curveAt = 0;
    this.status = this.state()?.dataset.status;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    this.open();
  }

  state() { return one("[data-status]", this.area); }

  // A browser has few connections to one host: a page that nobody sees gives its own back.
  open() {
    this.close();
    if (document.hidden) return;
    this.refresh();
    this.source = new EventSource(this.area.dataset.events);
    this.source.addEventListener("progress", () => this.refresh());
    this.source.addEventListener("end", () => { this.close(); this.refresh(); this.wait(); });
    this.source.onerror = () => {
      offline("The worker does not answer. Trying again.");
      if (this.source?.readyState === EventSource.CLOSED) this.wait();
    };
    this.source.onopen = () => offline("");
    // Some words change with time alone.
    if (this.area.dataset.every) this.clock = setInterval(() => this.refresh(), 1000 * this.area.dataset.every);
  }

  close() {
    clearTimeout(this.timer);
    clearInterval(this.clock);
    this.source?.close();
    this.source = null;
  }

  // After its last event a stream is over. Somebody else may resume the operation, so the page looks again.
  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      await this.refresh();
      if (document.hidden) return;
      if (this.state() && "rest" in this.state().dataset) this.wait(); else this.open();
    }, RETRY_MS);
  }

  async refresh() {
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    try {
      const now = await fetched(this.area.dataset.live);
      if (now) { renewChildren(this.area, now); this.renewed(); }
    } catch {
      offline("The worker does not answer. Trying again.");
    } finally {
      this.busy = false;
    }
    if (this.again) { this.again = false; this.refresh(); }
  }

  renewed() {
    const state = this.state();
    if (!state) return;
    if (state.dataset.status === "completed" && this.status !== "completed") { location.reload(); return; }
    this.status = state.dataset.status;
    this.drawCurve(state.dataset.version);
  }

  async drawCurve(version) {
    const curve = one("#curve");
    if (!curve || curve.dataset.version === version || Date.now() - this.curveAt < CURVE_MS) return;
    this.curveAt = Date.now();
    curve.dataset.version = version;
    const now = await fetched(this.area.dataset.curve).catch(() => null);
    if (!now) return;
    const chosen = [...curve.querySelectorAll(".chooser select")].map(({ value }) => value);
    curve.replaceChildren(...now.childNodes);
    curve.querySelectorAll(".chooser select").forEach((select, place) => { select.value = chosen[place] ?? select.value; });
    curve.querySelectorAll(".chooser").forEach(choose);
  }
}

/* ---- buttons and forms ---- */

function asked(question) {
  const dialog = one("#sure");
  one("#question").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => done(dialog.returnValue === "yes");
    for (const button of dialog.querySelectorAll("button")) button.onclick = () => dialog.close(button.value);
  });
}

async function send(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    return { error: { code: "worker_unreachable", message: "The worker does not answer." } };
  }
  if (answer.status === 401) signedOut();
  return answer.json().catch(() => ({ error: { code: "internal", message: `HTTP ${answer.status}` } }));
}

function follow(then, found) {
  if (then) location.href = then.replace("{operation_id}", encodeURIComponent(found.operation_id));
  else for (const follower of followers) follower.open();
}

async function press(button) {
  if (button.dataset.sure && !(await asked(button.dataset.sure))) return;
  button.disabled = true;
  say("");
  const found = await send(button.dataset.post, JSON.parse(button.dataset.body));
  button.disabled = false;
  if (found.error) say(found.error.message, remedy(button, found.error));
  else follow(button.dataset.then, found);
}

// A name that means another strategy by now: the stored one is still there.
function remedy(button, error) {
  if (error.code !== "identity_mismatch" || error.part !== "strategy" || !button.dataset.post.endsWith("/resume")) return null;
  const stored = document.createElement("button");
  stored.textContent = "Resume with the strategy as submitted";
  stored.dataset.post = button.dataset.post;
  stored.dataset.body = '{"stored": true}';
  return stored;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) press(button);
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-post]");
  if (!form) return;
  event.preventDefault();
  const button = one("button:not([type])", form);
  say("");
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  const body = bodyOf(form);
  if (body.error) { refused(form, body.error); return; }
  // One key for one form that was accepted: a second click, or a repeated request, starts nothing twice.
  if ("keyed" in form.dataset) body.idempotency_key = form.dataset.key ||= newKey();
  button.disabled = true;
  const found = await send(form.dataset.post, body);
  button.disabled = false;
  if (found.error) { refused(form, found.error); return; }
  delete form.dataset.key;
  follow(form.dataset.then, found);
});

function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function refused(form, error) {
  const faults = error.faults?.map((fault) => fault.message) ?? [error.message];
  say(faults.join("\n"));
  const name = String(error.field ?? "").replace(/[.[].*/, "");
  const rules = one("[data-kind=rules]", form);
  const field = name && (form.elements[name] ?? (rules?.dataset.sections.split(" ").includes(name) ? rules : null));
  if (!field) return;
  field.setAttribute("aria-invalid", "true");
  const folded = field.closest("details");
  if (folded) folded.open = true;
  field.focus();
}

/* ---- a form as the JSON of a request ---- */

function bodyOf(form) {
  const body = {};
  for (const input of form.querySelectorAll("[data-kind]")) {
    const { kind, sections, empty } = input.dataset;
    const text = input.value.trim();
    if (kind === "flag") { if (input.checked) body[input.name] = true; continue; }
    if (kind === "rules") {
      const fault = addRules(body, text, sections.split(" "));
      if (fault) return { error: { message: fault, field: sections.split(" ")[0] } };
    } else if (text || empty) {
      body[input.name] = valueOf(kind, text);
    }
  }
  return body;
}

function valueOf(kind, text) {
  if (kind === "number") return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  return kind === "list" ? text.split(",").map((part) => part.trim()).filter(Boolean) : text;
}

// Lines such as `execution.slippage.rate = 0.0002`; a value is JSON, or else text.
function addRules(body, text, sections) {
  for (const line of text.split("\n").filter((each) => each.trim())) {
    const [, name, value] = line.match(/^\s*([\w.]+)\s*[=:]\s*(.+?)\s*$/) ?? [];
    const keys = name?.split(".") ?? [];
    if (keys.length < 2 || !sections.includes(keys[0]) || keys.includes("__proto__")) {
      return `Not a rule: ${line.trim()}. Expected a line such as ${sections[0]}.name = value.`;
    }
    let place = body;
    for (const key of keys.slice(0, -1)) {
      if (typeof place[key] !== "object" || place[key] === null) place[key] = {};
      place = place[key];
    }
    try { place[keys.at(-1)] = JSON.parse(value); } catch { place[keys.at(-1)] = value; }
  }
  return "";
}

const followers = [...document.querySelectorAll("[data-live]")].map((area) => new Follower(area));
