//! The numbers of users and sessions. The database assigns them, from 1 on.

use crate::error::{Error, Result};
use serde::Serialize;

/// Declares the type of one kind of number.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub struct $name(i64);

        impl $name {
            /// Parses a number from outside.
            ///
            /// # Errors
            /// [`Error::InvalidRequest`] for one below 1.
            pub fn parse(id: i64) -> Result<Self> {
                if id < 1 {
                    return Err(Error::parameter("id", "must be 1 or more"));
                }
                Ok(Self(id))
            }

            /// The number.
            pub fn get(self) -> i64 {
                self.0
            }

            /// Takes a number from the database.
            pub(crate) fn stored(id: i64) -> Self {
                Self(id)
            }
        }
    };
}

number! {
    /// A user's number, 1 or more.
    UserId
}

number! {
    /// A session's number, 1 or more. It is not secret: knowing it gives no rights.
    SessionId
}

number! {
    /// A second factor's number, 1 or more.
    FactorId
}
