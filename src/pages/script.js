// Passkeys are the one thing that a page cannot do without a script. Where it does not run, the rest works.

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
