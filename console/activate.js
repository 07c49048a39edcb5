// The page behind an activation link. Opening it only asks what the link is good for; nothing is used up before the
// form with the chosen password is sent. The token stands behind "#" and so is in no request's address.

const token = location.hash.slice(1);
const form = document.querySelector("#form");
const heading = document.querySelector("#heading");
const message = document.querySelector("#message");
const button = form.querySelector("button");
const renew = document.querySelector("#renew");

const ended = {
  expired: ["This link has expired", "Its time is over. You can have a new one sent to the address that was invited."],
  used: ["Your account is active", "This link has done its work. Sign in with the name and password you chose."],
  replaced: ["A newer link was sent", "Only the newest link works: look for a later mail in your inbox, or have another one sent."],
  revoked: ["This invitation was withdrawn", "Ask whoever invited you if you think that is a mistake."],
};

async function post(path, body, headers = {}) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    referrerPolicy: "no-referrer",
  });
  const answer = await response.json();
  return { ok: response.ok, status: response.status, answer };
}

function tell(title, text) {
  heading.textContent = title;
  message.textContent = text;
  form.hidden = true;
  heading.focus();
}

// What a link that cannot be used leads to; a new one is only sent when it is asked for.
function end(state) {
  tell(...ended[state]);
  renew.hidden = !["expired", "replaced"].includes(state);
}

const broken = () => tell("This is no activation link", "Open the link in the mail again, or copy the whole address.");

async function look() {
  if (!token) return broken();
  const { ok, answer } = await post("/v1/activations/check", { token });
  if (!ok) return broken();
  if (answer.state !== "valid") return end(answer.state);
  const end = new Date(answer.expires_at).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
  heading.textContent = `Join ${answer.tenant_name}`;
  message.textContent = `${answer.tenant_name} invites ${answer.email}. The link works once, until ${end}.`;
  if (answer.has_password) {
    document.querySelector("#username-field").hidden = true;
    form.username.required = false;
    form.password.autocomplete = "current-password";
    document.querySelector("#password-hint").textContent = "You have a password from another company: use that one.";
  }
  form.hidden = false;
}

function fault(field, text) {
  form[field].setAttribute("aria-invalid", text ? "true" : "false");
  document.querySelector(`#${field}-error`).textContent = text;
}

// One key for all tries, so that a retry after a lost answer gets the first answer.
const keys = new Map();
const keyOf = (body) => keys.get(body) ?? keys.set(body, crypto.randomUUID()).get(body);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  fault("username", "");
  fault("password", "");
  button.disabled = true;
  try {
    const body = { token, username: form.username.value || null, password: form.password.value };
    const { ok, status, answer } = await post("/v1/activations", body, { "idempotency-key": keyOf(JSON.stringify(body)) });
    if (ok) return tell("Your account is active", `Sign in to ${answer.tenant_name} as ${answer.username} or ${answer.email}.`);
    if (status === 410) return end(answer.code.replace("link_", ""));
    for (const { field, message: text } of answer.errors ?? []) if (form[field]) fault(field, `The ${field} ${text}.`);
    if (answer.code === "username_taken") fault("username", answer.detail);
    else if (answer.code === "wrong_credentials") fault("password", "This is not your password.");
    else if (!answer.errors) message.textContent = answer.detail;
    form.querySelector("[aria-invalid=true]")?.focus();
  } catch {
    message.textContent = "Muster cannot be reached. Nothing is lost: try again.";
  } finally {
    button.disabled = false;
  }
});

renew.addEventListener("click", async () => {
  renew.disabled = true;
  try {
    const { ok, status, answer } = await post("/v1/activations/renew", { token }, { "idempotency-key": keyOf("renew") });
    if (ok) {
      tell("Look into your inbox", "If the invitation still stands, a new link is on its way to the address that was invited.");
      renew.hidden = true;
    } else message.textContent = status === 429 ? "That was too often. Wait a while before you ask again." : answer.detail;
  } catch {
    message.textContent = "Muster cannot be reached. Nothing is lost: try again.";
  } finally {
    renew.disabled = false;
  }
});

look().catch(() => tell("Muster cannot be reached", "Check your connection and load this page again."));
