// What a page cannot do without a script: passkeys, and copying. Where it does not run, the rest works.

const form = document.querySelector("form.passkey");
const parse = window.PublicKeyCredential?.parseRequestOptionsFromJSON;

async function credential() {
  const token = form.elements.mfa_token?.value;
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(token ? { mfa_token: token } : {}),
  });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await answer.json());
  return navigator.credentials.get({ publicKey });
}

if (form && parse) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    const alert = form.querySelector("[role=alert]");
    alert.hidden = true;
    try {
      form.elements.credential.value = JSON.stringify((await credential()).toJSON());
      form.submit();
    } catch (error) {
      // The browser says so too when somebody changes their mind.
      console.warn(error);
      alert.hidden = false;
    }
  });
}

const made = document.querySelector("form.passkey-made");
if (made && window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  made.hidden = false;
  made.addEventListener("submit", async (event) => {
    if (made.elements.made.value) return;
    event.preventDefault();
    const alert = made.querySelector("[role=alert]");
    alert.hidden = true;
    try {
      const options = JSON.parse(made.dataset.options);
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
      const passkey = await navigator.credentials.create({ publicKey });
      made.elements.made.value = JSON.stringify(passkey.toJSON());
      made.submit();
    } catch (error) {
      console.warn(error);
      alert.hidden = false;
    }
  });
}

const copy = document.querySelector("form.copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.querySelector("button").addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(copy.dataset.from).textContent);
    const status = copy.querySelector("[role=status]");
    status.textContent = status.dataset.done;
  });
}
