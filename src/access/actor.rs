//! Who acts, once that is known.

/// Who acts, as the audit log names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The operator, or a program that embeds us.
    Operator,
    /// A caller who showed neither a token nor a key.
    Anonymous,
    /// The user of this number.
    User(i64),
    /// The program with the API key of this number; `None` for a key that does not exist.
    ApiKey(Option<i64>),
}

impl Actor {
    /// The word for it in the log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Anonymous => "anonymous",
            Self::User(_) => "user",
            Self::ApiKey(_) => "key",
        }
    }

    /// The number of the user or of the key.
    pub(crate) fn id(self) -> Option<i64> {
        match self {
            Self::Operator | Self::Anonymous => None,
            Self::User(id) => Some(id),
            Self::ApiKey(id) => id,
        }
    }
}
