//! The kinds of messages, and what their texts may name.

/// The kinds of messages. Their names are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageKind {
    /// Proves that mail to an address arrives.
    Verification,
    /// A way back into an account.
    Recovery,
    /// An account without a password, for its owner to set one.
    Invitation,
    /// A sign-in from a network that is new for the account.
    NewSignIn,
    /// The password was changed.
    PasswordChanged,
    /// The address was changed; to the old one.
    EmailChanged,
    /// A second factor was added or removed.
    FactorsChanged,
    /// A way back was used.
    RecoveryUsed,
    /// The account was locked.
    AccountLocked,
    /// Sent by hand.
    Test,
}

/// A placeholder, and what stands for it in a preview.
pub(super) type Named = (&'static str, &'static str);

/// What every text may name.
const COMMON: [Named; 4] = [
    ("service", "auth.example.com"),
    ("login", "alice"),
    ("to", "alice@example.com"),
    ("time", "2027-01-31T18:00:00Z"),
];

const CLIENT: Named = ("client", "192.0.2.7");
pub(super) const LINK: Named = ("link", "https://www.example.com/account#kind=TOKEN");

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Verification,
        Self::Recovery,
        Self::Invitation,
        Self::NewSignIn,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::FactorsChanged,
        Self::RecoveryUsed,
        Self::AccountLocked,
        Self::Test,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.parts().0
    }

    /// The kind with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name, its text in English, and what it may name beside [`COMMON`].
    pub(super) fn parts(self) -> (&'static str, &'static str, &'static [Named]) {
        match self {
            Self::Verification => {
                ("verification", include_str!("texts/verification.txt"), &[LINK, ("minutes", "30")])
            }
            Self::Recovery => (
                "recovery",
                include_str!("texts/recovery.txt"),
                &[LINK, CLIENT, ("minutes", "30"), ("code", "12345678")],
            ),
            Self::Invitation => {
                ("invitation", include_str!("texts/invitation.txt"), &[LINK, ("days", "7")])
            }
            Self::NewSignIn => ("new_sign_in", include_str!("texts/new_sign_in.txt"), &[CLIENT]),
            Self::PasswordChanged => {
                ("password_changed", include_str!("texts/password_changed.txt"), &[CLIENT])
            }
            Self::EmailChanged => (
                "email_changed",
                include_str!("texts/email_changed.txt"),
                &[LINK, CLIENT, ("days", "7")],
            ),
            Self::FactorsChanged => (
                "factors_changed",
                include_str!("texts/factors_changed.txt"),
                &[CLIENT, ("detail", "a passkey was added")],
            ),
            Self::RecoveryUsed => {
                ("recovery_used", include_str!("texts/recovery_used.txt"), &[CLIENT])
            }
            Self::AccountLocked => {
                ("account_locked", include_str!("texts/account_locked.txt"), &[])
            }
            Self::Test => ("test", include_str!("texts/test.txt"), &[]),
        }
    }

    pub(super) fn placeholders(self) -> impl Iterator<Item = Named> {
        COMMON.into_iter().chain(self.parts().2.iter().copied())
    }
}
