//! Every answer the door gives by itself, in one table: why, status, `code` and title (RFC 9457).
//!
//! The door decides *that* and *why* a request is refused. The JSON of a problem document belongs
//! to the HTTP layer, which hands the door a function for it.

/// What the HTTP layer needs to write a problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status code.
    pub status: u16,
    /// Stable word for the cause.
    pub code: &'static str,
    /// The same sentence for all problems with this code.
    pub title: &'static str,
    /// What was wrong with this request; never contains anything the client sent.
    pub detail: &'static str,
    /// The id of this request in the log.
    pub request_id: String,
}

/// Why the door answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Malformed or ambiguous request.
    InvalidRequest,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The body is longer than `ServerTuning::body_bytes`.
    PayloadTooLarge,
    /// The request line is longer than `ServerTuning::request_line_bytes`.
    TargetTooLong,
    /// An `Expect` other than `100-continue`.
    ExpectationFailed,
    /// The head is longer, or has more fields, than the settings allow.
    HeadersTooLarge,
    /// A transfer coding other than `chunked`, or `CONNECT`.
    NotImplemented,
    /// Too many connections or waiting requests.
    Overloaded,
    /// The workers did not answer in time or could not be reached.
    Unavailable,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    VersionNotSupported,
}

impl Cause {
    /// Status, `code`, title and seconds of `Retry-After`.
    const fn row(self) -> (u16, &'static str, &'static str, Option<u8>) {
        match self {
            Self::InvalidRequest => (400, "invalid_request", "Bad Request", None),
            Self::RequestTimeout => (408, "request_timeout", "Request Timeout", None),
            Self::PayloadTooLarge => (413, "payload_too_large", "Content Too Large", None),
            Self::TargetTooLong => (414, "target_too_long", "URI Too Long", None),
            Self::ExpectationFailed => (417, "expectation_failed", "Expectation Failed", None),
            Self::HeadersTooLarge => {
                (431, "headers_too_large", "Request Header Fields Too Large", None)
            }
            Self::NotImplemented => (501, "not_implemented", "Not Implemented", None),
            // One second: a waiting list empties within seconds, not minutes.
            Self::Overloaded => (503, "overloaded", "Service Unavailable", Some(1)),
            // Five: a database that failed over needs about that long.
            Self::Unavailable => (503, "unavailable", "Service Unavailable", Some(5)),
            Self::VersionNotSupported => {
                (505, "version_not_supported", "HTTP Version Not Supported", None)
            }
        }
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The stable word for the cause.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().1
    }

    /// The title, which is also the reason phrase on the status line.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// When it makes sense to try again, in seconds.
    #[must_use]
    pub const fn retry_after(self) -> Option<u8> {
        self.row().3
    }
}

/// A cause together with the sentence for this occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The row of the table.
    pub cause: Cause,
    /// What exactly was wrong.
    pub detail: &'static str,
}

impl Refusal {
    /// Pairs a cause with its sentence.
    #[must_use]
    pub const fn new(cause: Cause, detail: &'static str) -> Self {
        Self { cause, detail }
    }

    /// The most common one: malformed or ambiguous.
    #[must_use]
    pub const fn invalid(detail: &'static str) -> Self {
        Self::new(Cause::InvalidRequest, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::REFUSALS;

    #[test]
    fn a_cause_is_counted_under_its_own_code() {
        let all = [
            Cause::InvalidRequest,
            Cause::RequestTimeout,
            Cause::PayloadTooLarge,
            Cause::TargetTooLong,
            Cause::ExpectationFailed,
            Cause::HeadersTooLarge,
            Cause::NotImplemented,
            Cause::Overloaded,
            Cause::Unavailable,
            Cause::VersionNotSupported,
        ];
        assert_eq!(all.map(Cause::code), REFUSALS);
        assert_eq!(all.map(|cause| cause as usize), std::array::from_fn::<usize, 10, _>(|at| at));
    }
}
