//! What the audit log says happened, and to whom.

use crate::domain::{Login, UserId};

/// What happened, and how it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a> {
    pub(super) action: Action,
    /// The user whom it happened to.
    pub(super) user: Option<UserId>,
    /// The login that was given, if no user has it. It is often a password, and only its keyed hash
    /// is kept.
    pub(super) unknown: Option<&'a Login>,
    pub(super) outcome: AuditOutcome,
    /// More about it, in words of ours.
    pub(super) detail: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Something that was done, to this user if there is one.
    pub(crate) fn new(action: Action, user: Option<UserId>) -> Self {
        Self { action, user, unknown: None, outcome: AuditOutcome::Done, detail: None }
    }

    pub(crate) fn with_outcome(self, outcome: AuditOutcome) -> Self {
        Self { outcome, ..self }
    }

    pub(crate) fn with_detail(self, detail: &'a str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// For a login that no user has.
    pub(crate) fn with_unknown(self, login: &'a Login) -> Self {
        Self { unknown: Some(login), ..self }
    }
}

/// What was done. In the log: its name in lower case, with underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// An attempt that was refused untried.
    Attempt,
    LogIn,
    LogOut,
    EndSession,
    ReuseRefreshToken,
    /// A way back was asked for, and was sent or handed over.
    AskRecovery,
    /// A way back was used.
    Recover,
    AcceptInvitation,
    VerifyEmail,
    /// The change of an address was taken back.
    UndoEmail,
    /// Who they are was proved anew in a session.
    StepUp,
    AddFactor,
    RemoveFactor,
    ReplaceRecoveryCodes,
    Register,
    ChangeUser,
    SetAdmin,
    DeleteUser,
    ImportUsers,
    ExportUsers,
    CreateApiKey,
    RevokeApiKey,
    RotateKeys,
    ReplaceKeys,
    ReencryptKeys,
    PruneAudit,
    SetBack,
    AfterRestore,
}

impl Action {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::LogIn => "log_in",
            Self::LogOut => "log_out",
            Self::EndSession => "end_session",
            Self::ReuseRefreshToken => "reuse_refresh_token",
            Self::StepUp => "step_up",
            Self::AskRecovery => "ask_recovery",
            Self::Recover => "recover",
            Self::AcceptInvitation => "accept_invitation",
            Self::VerifyEmail => "verify_email",
            Self::UndoEmail => "undo_email",
            Self::AddFactor => "add_factor",
            Self::RemoveFactor => "remove_factor",
            Self::ReplaceRecoveryCodes => "replace_recovery_codes",
            Self::Register => "register",
            Self::ChangeUser => "change_user",
            Self::SetAdmin => "set_admin",
            Self::DeleteUser => "delete_user",
            Self::ImportUsers => "import_users",
            Self::ExportUsers => "export_users",
            Self::CreateApiKey => "create_api_key",
            Self::RevokeApiKey => "revoke_api_key",
            Self::RotateKeys => "rotate_keys",
            Self::ReplaceKeys => "replace_keys",
            Self::ReencryptKeys => "reencrypt_keys",
            Self::PruneAudit => "prune_audit",
            Self::SetBack => "set_back",
            Self::AfterRestore => "after_restore",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditOutcome {
    Done,
    WrongPassword,
    Locked,
    Expired,
    /// The password was right, and a second factor must follow.
    MfaRequired,
    /// A code was wrong.
    WrongCode,
    Refused,
}

impl AuditOutcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WrongPassword => "invalid_credentials",
            Self::Locked => "account_locked",
            Self::Expired => "account_expired",
            Self::MfaRequired => "mfa_required",
            Self::WrongCode => "invalid_proof",
            Self::Refused => "too_many_attempts",
        }
    }
}
