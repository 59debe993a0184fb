//! What is measured, and the kinds of it that are compared.

/// A call whose time must not tell whether a login exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `POST /` with a wrong password.
    LogIn,
    /// `POST /recovery`.
    Recovery,
}

impl Call {
    pub(super) const ALL: [Self; 2] = [Self::LogIn, Self::Recovery];

    /// What is measured.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LogIn => "refused logins",
            Self::Recovery => "requests for a way back",
        }
    }

    /// One of it.
    pub(super) fn one(self) -> &'static str {
        match self {
            Self::LogIn => "a refused login",
            Self::Recovery => "a request for a way back",
        }
    }
}

/// Why a login is refused, or whom a request for a way back is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The password is wrong.
    Known,
    /// The same once more: any difference between these two is noise.
    Control,
    /// The login does not exist.
    Unknown,
    /// The account is locked, and the password is wrong.
    Locked,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Known, Self::Control, Self::Unknown, Self::Locked];

    /// Which are compared. The first is the control.
    pub(super) const PAIRS: [(Self, Self); 4] = [
        (Self::Control, Self::Known),
        (Self::Unknown, Self::Known),
        (Self::Locked, Self::Known),
        (Self::Locked, Self::Unknown),
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Control => "known again",
            Self::Unknown => "unknown",
            Self::Locked => "locked",
        }
    }
}

/// The nanoseconds of each kind, in the order of [`Kind::ALL`]. Those of one round have the same
/// index.
pub(super) type Times = [Vec<u64>; 4];
