//! What happened to users.

/// What happened to a user, for products. The names are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserEvent {
    Created,
    Changed,
    Locked,
    Deleted,
    PasswordChanged,
}

impl UserEvent {
    pub(super) const ALL: [Self; 5] =
        [Self::Created, Self::Changed, Self::Locked, Self::Deleted, Self::PasswordChanged];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "user.created",
            Self::Changed => "user.changed",
            Self::Locked => "user.locked",
            Self::Deleted => "user.deleted",
            Self::PasswordChanged => "password.changed",
        }
    }
}
