//! The forms of a stored hash, by origin.

use super::foreign::Foreign;
use super::phc::Own;

/// The origin of a hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Form {
    Own(Own),
    /// In our format, without a pepper. The password may not have been normalised.
    Alike(Own),
    Foreign(Foreign),
}

impl Form {
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Own(own) => {
                let pepper = own.pepper.map_or(String::new(), |id| format!(",keyid={id}"));
                format!("Gatepost's own i={}{pepper}", own.iterations)
            }
            Self::Alike(own) => format!("pbkdf2-sha256 i={}, as ours", own.iterations),
            Self::Foreign(foreign) => foreign.to_string(),
        }
    }
}
