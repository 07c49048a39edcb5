// The page behind the links about a change of an e-mail address. Opening it only asks what the link is good for; nothing
// changes before a form is sent. The token stands behind "#" and so is in no request's address.

const token = location.hash.slice(1);
const confirm = document.querySelector("#confirm");
const cancel = document.querySelector("#cancel");
const heading = document.querySelector("#heading");
const message = document.querySelector("#message");

const ended = {
  expired: ["This link has expired", "Its time is over, and the address stays as it was. The change can be asked for again."],
  used: ["The address was changed", "This link has done its work. Sign in with the new address."],
  replaced: ["A newer change was asked for", "Only the newest link works: look for a later mail in your inbox."],
  revoked: ["The change was cancelled", "The address stays as it was."],
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
  for (const each of [confirm, cancel]) each.hidden = each !== form;
  heading.focus();
}

const broken = () => tell("This link leads nowhere", "Open the link in the mail again, or copy the whole address.");

function need(field, hint) {
  document.querySelector(`#${field}-field`).hidden = false;
  confirm[field].required = true;
  if (hint) document.querySelector(`#${field}-hint`).textContent = hint;
}

async function look() {
  if (!token) return broken();
  const { ok, answer } = await post("/v1/email-changes/check", { token });
  if (!ok) return broken();
  if (answer.state !== "valid") return tell(...ended[answer.state]);
  if (answer.action === "cancel")
    return tell("Cancel the change?", `Your e-mail address at ${answer.tenant_name} is to become ${answer.new_email}. If that is right, you need not do anything.`, cancel);
  if (answer.needed === "new_credentials") {
    need("username");
    need("password");
  } else if (answer.needed === "existing_password") {
    need("password", `The password with which you sign in as ${answer.new_email} already.`);
    confirm.password.autocomplete = "current-password";
  }
  tell("Confirm your new address", `${answer.new_email} becomes your e-mail address at ${answer.tenant_name}. You will be signed out.`, confirm);
}

function fault(field, text) {
  confirm[field].setAttribute("aria-invalid", text ? "true" : "false");
  document.querySelector(`#${field}-error`).textContent = text;
}

// One key for all tries, so that a retry after a lost answer gets the first answer.
const keys = new Map();
const keyOf = (body) => keys.get(body) ?? keys.set(body, crypto.randomUUID()).get(body);

// Sends a form; `done` tells what its success means.
function send(form, path, body, done) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    for (const field of ["code", "username", "password"]) fault(field, "");
    button.disabled = true;
    try {
      const sent = body();
      const { ok, status, answer } = await post(path, sent, { "idempotency-key": keyOf(path + JSON.stringify(sent)) });
      if (ok) return done(answer);
      if (status === 410) return tell(...ended[answer.code.replace("link_", "")]);
      for (const { field, message: text } of answer.errors ?? []) if (confirm[field]) fault(field, `The ${field} ${text}.`);
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
}

const filled = (field) => confirm[field].value || null;
send(confirm, "/v1/email-changes/confirm", () => ({ token, code: filled("code"), username: filled("username"), password: filled("password") }), (answer) =>
  tell("Your address is changed", `Sign in as ${answer.username} or ${answer.email}.`));
send(cancel, "/v1/email-changes/cancel", () => ({ token }), (answer) =>
  tell("The change is cancelled", `Your e-mail address stays ${answer.email}.`));

look().catch(() => tell("Muster cannot be reached", "Check your connection and load this page again."));
