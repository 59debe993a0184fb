//! What a check says.

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Examination {
    /// The name of the check, such as `clock`. Names are stable.
    pub check: &'static str,
    /// What it found.
    pub verdict: Verdict,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well; what was seen.
    Ok(String),
    /// Something is wrong.
    Fault(Fault),
    /// Nothing is wrong, and something could be better.
    Warning(Fault),
    /// There was nothing to look at; why.
    Skipped(String),
}

/// What is wrong, or could be better.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What was found.
    pub found: String,
    /// Why that matters.
    pub why: &'static str,
    /// What to type or to set.
    pub remedy: String,
}

impl Verdict {
    pub(super) fn ok(text: impl Into<String>) -> Self {
        Self::Ok(text.into())
    }

    pub(super) fn skipped(text: impl Into<String>) -> Self {
        Self::Skipped(text.into())
    }

    pub(super) fn fault(
        found: impl Into<String>,
        why: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Fault(Fault { found: found.into(), why, remedy: remedy.into() })
    }

    pub(super) fn warning(
        found: impl Into<String>,
        why: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Warning(Fault { found: found.into(), why, remedy: remedy.into() })
    }
}

pub(super) fn examination(check: &'static str, verdict: Verdict) -> Examination {
    Examination { check, verdict }
}
