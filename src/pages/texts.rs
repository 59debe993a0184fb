//! The texts of the pages, in each language that there is.
//!
//! What went wrong is told in the words of the API, and in other languages in words that say the same.

mod account;
mod admin;

use crate::error::{self, Error};
use crate::http::Told;
pub(super) use account::AccountTexts;
pub(super) use admin::AdminTexts;

/// The texts of one language.
pub(super) struct Texts {
    /// As BCP 47 names the language.
    pub(super) code: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) stay: &'static str,
    pub(super) login: &'static str,
    pub(super) password: &'static str,
    pub(super) with_passkey: &'static str,
    pub(super) passkey_failed: &'static str,
    pub(super) second_factor: &'static str,
    pub(super) code_label: &'static str,
    pub(super) code_hint: &'static str,
    pub(super) go_on: &'static str,
    pub(super) start_over: &'static str,
    pub(super) signed_in: &'static str,
    pub(super) signed_in_as: &'static str,
    pub(super) problem: &'static str,
    pub(super) request: &'static str,
    pub(super) to_sign_in: &'static str,
    pub(super) register: &'static str,
    pub(super) email_optional: &'static str,
    pub(super) new_password: &'static str,
    pub(super) at_least: (&'static str, &'static str),
    pub(super) registered: &'static str,
    pub(super) forgotten: &'static str,
    pub(super) recover: &'static str,
    pub(super) recover_hint: &'static str,
    pub(super) or_email: &'static str,
    pub(super) send_message: &'static str,
    pub(super) message_sent: &'static str,
    pub(super) set_password: &'static str,
    pub(super) password_set: &'static str,
    pub(super) accept: &'static str,
    pub(super) verify: &'static str,
    pub(super) verify_hint: &'static str,
    pub(super) verified: &'static str,
    pub(super) account: AccountTexts,
    pub(super) admin: AdminTexts,
    /// What is told of an error, by its code. In English it is the text of the API, except where that speaks
    /// of tokens.
    told: &'static [(&'static str, &'static str)],
    /// How long to wait, before and after the number of seconds.
    wait: (&'static str, &'static str),
}

const ENGLISH: Texts = Texts {
    code: "en",
    sign_in: "Sign in",
    sign_out: "Sign out",
    stay: "Stay signed in",
    login: "Login",
    password: "Password",
    with_passkey: "Use a passkey",
    passkey_failed: "The passkey was not used.",
    second_factor: "Second factor",
    code_label: "Code",
    code_hint: "Enter the code that your authenticator app shows, or one of your recovery codes.",
    go_on: "Continue",
    start_over: "Start over",
    signed_in: "You are signed in",
    signed_in_as: "Signed in as",
    problem: "This did not work",
    request: "Request:",
    to_sign_in: "Go to sign-in",
    register: "Register",
    email_optional: "E-mail address (optional)",
    new_password: "New password",
    at_least: ("At least ", " characters."),
    registered: "Your account is made",
    forgotten: "Forgotten your password?",
    recover: "Set a new password",
    recover_hint: "A message goes to the address of the account, if it has proved one.",
    or_email: "Or e-mail address",
    send_message: "Send message",
    message_sent: "If there is such an account with an address that it has proved, a message is on its way. Open its \
                   link, or enter its code here.",
    set_password: "Set password",
    password_set: "Your password is set",
    accept: "Accept the invitation",
    verify: "Confirm",
    verify_hint: "Confirm what the message said.",
    verified: "Thank you, that is confirmed",
    account: account::ENGLISH,
    admin: admin::ENGLISH,
    told: &[
        ("unauthenticated", "people cannot register themselves here"),
        ("insufficient_user_authentication", "first confirm that it is you"),
    ],
    wait: ("", ""),
};

const GERMAN: Texts = Texts {
    code: "de",
    sign_in: "Anmelden",
    sign_out: "Abmelden",
    stay: "Angemeldet bleiben",
    login: "Anmeldename",
    password: "Passwort",
    with_passkey: "Passkey verwenden",
    passkey_failed: "Der Passkey wurde nicht verwendet.",
    second_factor: "Zweiter Faktor",
    code_label: "Code",
    code_hint: "Geben Sie den Code ein, den Ihre Authenticator-App zeigt, oder einen Ihrer Wiederherstellungscodes.",
    go_on: "Weiter",
    start_over: "Von vorn beginnen",
    signed_in: "Sie sind angemeldet",
    signed_in_as: "Angemeldet als",
    problem: "Das hat nicht geklappt",
    request: "Anfrage:",
    to_sign_in: "Zur Anmeldung",
    register: "Registrieren",
    email_optional: "E-Mail-Adresse (freiwillig)",
    new_password: "Neues Passwort",
    at_least: ("Mindestens ", " Zeichen."),
    registered: "Ihr Konto ist angelegt",
    forgotten: "Passwort vergessen?",
    recover: "Neues Passwort setzen",
    recover_hint: "Eine Nachricht geht an die Adresse des Kontos, wenn sie bestätigt ist.",
    or_email: "Oder E-Mail-Adresse",
    send_message: "Nachricht senden",
    message_sent: "Wenn es ein solches Konto mit einer bestätigten Adresse gibt, ist eine Nachricht unterwegs. Öffnen Sie \
                   ihren Link, oder geben Sie hier ihren Code ein.",
    set_password: "Passwort setzen",
    password_set: "Ihr Passwort ist gesetzt",
    accept: "Einladung annehmen",
    verify: "Bestätigen",
    verify_hint: "Bestätigen Sie, was in der Nachricht stand.",
    verified: "Danke, das ist bestätigt",
    account: account::GERMAN,
    admin: admin::GERMAN,
    told: &[
        ("invalid_request", "Diese Eingabe passt nicht."),
        ("unsupported_media_type", "Diese Eingabe passt nicht."),
        ("login_taken", "Dieser Anmeldename ist vergeben."),
        ("email_taken", "Diese Adresse gehört zu einem anderen Konto."),
        ("weak_password", "Dieses Passwort ist zu leicht zu erraten oder zu kurz."),
        ("unauthenticated", "Hier kann man sich nicht selbst registrieren."),
        ("invalid_credentials", "Anmeldename oder Passwort ist falsch."),
        ("account_locked", "Dieses Konto ist gesperrt."),
        ("name_taken", "Diesen Namen gibt es schon."),
        ("last_admin", "Dies ist der letzte Administrator."),
        ("insufficient_user_authentication", "Bestätigen Sie zuerst, dass Sie es sind."),
        ("not_found", "Das gibt es nicht mehr."),
        ("forbidden", "Das ist für dieses Konto nicht freigegeben."),
        ("account_expired", "Dieses Konto ist abgelaufen."),
        (
            "mfa_required",
            "Dieses Konto braucht einen zweiten Faktor, und die Frist dafür ist vorbei. Fragen Sie die Verwaltung.",
        ),
        ("invalid_proof", "Der Code ist falsch, benutzt oder abgelaufen."),
        (
            "forbidden_origin",
            "Dies geht nur auf den Seiten dieses Dienstes, unter seiner eigenen Adresse.",
        ),
        ("overloaded", "Der Dienst ist gerade überlastet. Versuchen Sie es gleich noch einmal."),
        ("unavailable", "Der Dienst erreicht gerade seine Datenbank nicht."),
        ("internal", "Ein interner Fehler. Unter der Nummer der Anfrage steht er im Protokoll."),
    ],
    wait: ("Zu viele Versuche. Warten Sie ", " s."),
};

impl Texts {
    /// What is told of an error.
    pub(super) fn alert(&self, told: &Told, error: &Error) -> String {
        match (error, self.wait) {
            (Error::TooManyAttempts(wait), (before, after)) if !before.is_empty() => {
                format!("{before}{}{after}", error::seconds(*wait))
            }
            _ => {
                let text = self.told.iter().find(|(code, _)| *code == told.code);
                text.map_or_else(|| told.detail.to_string(), |(_, text)| (*text).to_owned())
            }
        }
    }
}

/// The texts in the language that a browser prefers (RFC 9110, 12.5.4), or in English.
pub(super) fn of(accept_language: &str) -> &'static Texts {
    let ranges = accept_language.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        (tag.split('-').next().unwrap_or_default(), quality.map_or(Some(1.0), |q| q.parse().ok()))
    });
    let mut best: (&Texts, f32) = (&ENGLISH, 0.0);
    for (language, quality) in ranges {
        let known =
            [&ENGLISH, &GERMAN].into_iter().find(|it| it.code.eq_ignore_ascii_case(language));
        if let (Some(texts), Some(quality)) = (known, quality)
            && quality > best.1
        {
            best = (texts, quality);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_a_browser_prefers_of_those_there_are() {
        for (field, expected) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en-GB,de;q=0.9", "en"),
            ("fr,de;q=0.5,en;q=0.4", "de"),
            ("fr", "en"),
            ("DE", "de"),
            ("de;q=0", "en"),
            ("de;q=x, ;;,,", "en"),
        ] {
            assert_eq!(of(field).code, expected, "{field}");
        }
    }
}
