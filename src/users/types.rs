//! A user as this slice shows it.

use crate::access::Caller;
use crate::config::ClaimTemplates;
use crate::domain::{Attributes, Email, Names, Timestamp, UserId};
use crate::error::Result;
use crate::tokens::{AboutUser, ExtraClaims};
use serde::Serialize;

/// A user as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct User {
    /// The user's number.
    pub id: UserId,
    /// The login as it was typed at registration.
    pub login: String,
    /// Whether the user may see and change others.
    pub admin: bool,
    /// When the user was registered.
    pub created_at: Timestamp,
    /// The user's address of electronic mail. Shown if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Whether mail to it was seen to arrive. Shown when it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub email_verified: bool,
    /// What takes its place once mail to this one is seen to arrive. Shown if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_email: Option<Email>,
    /// Whether an admin has locked the account. Shown when it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// When the account expires. Shown if there is such a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The user's roles. They give no right here. Shown if there are any.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub roles: Names,
    /// The groups that the user is in. They give no right here. Shown if there are any.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub groups: Names,
    /// What the application keeps about the user. Shown if there is anything.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

impl User {
    /// The claims of `tokens.claims` in tokens of this user.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest) when they are too large.
    pub(crate) fn extra_claims(&self, templates: &ClaimTemplates) -> Result<ExtraClaims> {
        let about = AboutUser {
            id: self.id.get(),
            login: &self.login,
            roles: self.roles.as_slice(),
            groups: self.groups.as_slice(),
            attributes: self.attributes.public(),
        };
        ExtraClaims::of(templates, &about)
    }

    /// Whether this caller sees it as that very user and not as an admin.
    pub(super) fn is_seen_by_itself(&self, caller: &Caller) -> bool {
        let own = matches!(caller, Caller::Bearer(claims) if claims.user_id == self.id.get());
        own && !self.admin
    }

    /// The user as that user sees it.
    pub(crate) fn for_its_user(mut self) -> Self {
        self.attributes = self.attributes.for_the_user();
        self
    }

    /// The user as this caller, who may see it, does: only admins and programs see the private
    /// attributes.
    pub(super) fn seen_by(self, caller: &Caller) -> Self {
        if self.is_seen_by_itself(caller) { self.for_its_user() } else { self }
    }
}

/// What a new user is, beside login and password.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NewUser {
    /// Whether the user is an admin.
    pub admin: bool,
    /// The user's address, which is not verified yet.
    pub email: Option<Email>,
    /// The user's roles.
    pub roles: Names,
    /// The groups that the user is in.
    pub groups: Names,
    /// What the application keeps about the user.
    pub attributes: Attributes,
}

impl NewUser {
    /// Whether it is nothing that only admins and programs may say.
    pub(crate) fn is_plain(&self) -> bool {
        !self.admin && self.roles.is_empty() && self.groups.is_empty() && self.attributes.is_empty()
    }

    /// What the audit log says about it.
    pub(super) fn detail(&self) -> Option<String> {
        let parts = [
            self.admin.then(|| "admin".to_owned()),
            self.email.as_ref().map(|_| EMAIL.to_owned()),
            (!self.roles.is_empty()).then(|| described("roles", &self.roles)),
            (!self.groups.is_empty()).then(|| described("groups", &self.groups)),
            (!self.attributes.is_empty()).then(|| ATTRIBUTES.to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// What the audit log says about attributes. What they are is the application's secret.
pub(super) const ATTRIBUTES: &str = "attributes";

/// What the audit log says about an address.
pub(super) const EMAIL: &str = "email";

/// What the audit log says about roles or groups.
pub(super) fn described(what: &str, names: &Names) -> String {
    let all = if names.is_empty() { "none".to_owned() } else { names.as_slice().join(" ") };
    format!("{what}: {all}")
}
