// The page behind a link to a new password, and, without one, the place to ask for it. Opening it only asks what the link
// is good for; nothing is used up before a form is sent. The token stands behind "#" and so is in no request's address.

const token = location.hash.slice(1);
const choose = document.querySelector("#choose");
const ask = document.querySelector("#ask");
const heading = document.querySelector("#heading");
const message = document.querySelector("#message");

const ended = {
  expired: ["This link has expired", "Its hour is over. You can ask for a new one."],
  used: ["This link has been used", "The new password was set with it. If that was not you, ask for another link at once."],
  replaced: ["A newer link was sent", "Only the newest link works: look for a later mail in your inbox, or ask for another one."],
  revoked: ["This link works no more", "You can ask for a new one."],
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

function tell(title, text, form) {
  heading.textContent = title;
  message.textContent = text;
  for (const each of [choose, ask]) each.hidden = each !== form;
  heading.focus();
}

const end = (state) => tell(...ended[state], ask);

async function look() {
  if (!token) return tell("Forgotten your password?", "We send you a link to choose a new one.", ask);
  const { ok, answer } = await post("/v1/password-resets/check", { token });
  if (!ok) return tell("This is no link to a new password", "Open the link in the mail again, or ask for another one.", ask);
  if (answer.state !== "valid") return end(answer.state);
  const until = new Date(answer.expires_at).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
  choose.username.value = answer.username;
  tell("Choose a new password", `For ${answer.email}. It takes the place of the old one everywhere, and you will be signed out. The link works once, until ${until}.`, choose);
}

function fault(field, text) {
  field.setAttribute("aria-invalid", text ? "true" : "false");
  document.querySelector(`#${field.id}-error`).textContent = text;
}

// One key for all tries, so that a retry after a lost answer gets the first answer.
const keys = new Map();
const keyOf = (body) => keys.get(body) ?? keys.set(body, crypto.randomUUID()).get(body);

// Sends a form whose one field is `field`; `done` tells what its success means.
function send(form, field, path, body, done) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    fault(field, "");
    button.disabled = true;
    try {
      const sent = body();
      const { ok, status, answer } = await post(path, sent, { "idempotency-key": keyOf(JSON.stringify(sent)) });
      if (ok) return done(answer);
      if (status === 410) return end(answer.code.replace("link_", ""));
      for (const { field: name, message: text } of answer.errors ?? []) if (name === field.name) fault(field, `The ${name} ${text}.`);
      if (status === 429) message.textContent = "That was too often. Wait a while before you ask again.";
      else if (!answer.errors) message.textContent = answer.detail;
      form.querySelector("[aria-invalid=true]")?.focus();
    } catch {
      message.textContent = "Muster cannot be reached. Nothing is lost: try again.";
    } finally {
      button.disabled = false;
    }
  });
}

send(choose, choose.password, "/v1/password-resets/confirm", () => ({ token, password: choose.password.value }), (answer) =>
  tell("Your password is set", `Sign in as ${answer.username} or ${answer.email} with the new password.`));
send(ask, ask.login, "/v1/password-resets", () => ({ login: ask.login.value }), () =>
  tell("Look into your inbox", "If somebody signs in by this name, a mail with a link is on its way. The link is good for an hour."));

look().catch(() => tell("Muster cannot be reached", "Check your connection and load this page again."));
