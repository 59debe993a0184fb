//! `[access]`: who may do what.

use super::host_name::HostName;
use super::required_mfa::RequiredMfa;
use std::time::Duration;

section! {
    /// Who may do what.
    access: Access {
        /// In `protected` mode, access tokens prove who asks. In `open` mode no token is asked for,
        /// and anyone may do everything. Open mode is for a trusted private network, or for a
        /// program that decides by itself who may do what.
        ///
        /// Nothing should be open unless it was opened on purpose.
        mode: AccessMode = "protected";

        /// Who may register users: `anyone`, or only an `admin` with an access token.
        ///
        /// Most services let people register themselves.
        registration: Registration = "anyone";

        /// Allows `access.mode = "open"` on an address that others can reach.
        ///
        /// A mistake here gives everything away, so it takes two settings.
        open_to_network: bool = "false";

        /// Names under which `access.mode = "open"` answers, beside addresses and localhost.
        ///
        /// Strangers can point a name of theirs at this machine. A page under that name could then
        /// do everything from a visitor's browser.
        open_hosts: Vec<HostName> = "";

        /// Who must sign in with a second factor: `nobody`, `admins`, `everybody`, or users with a role,
        /// as `role:NAME`. Several are separated by commas.
        ///
        /// Whether a second factor can be asked of users is for the operator to know.
        require_mfa: RequiredMfa = "nobody";

        /// How long users of whom a second factor is required may go on without one, from their first
        /// sign-in since. After that they cannot sign in.
        ///
        /// Two weeks leave time for somebody who is away.
        mfa_enrolment: Duration = "14d", "1h" to "365d";

        /// How old a sign-in may be that changes a password or second factors, makes or removes an
        /// admin, an API key or a user, or ends the session of another. After that, `POST /step-up`
        /// renews it.
        ///
        /// It is long enough to finish what one began, and a device that is left alone, or a token
        /// that leaks, is soon not enough to take an account over.
        fresh_for: Duration = "15m", "1m" to "3650d";
    }
}

impl Access {
    /// How old the sign-in of a caller may be; in open mode nobody has signed in.
    pub(crate) fn freshness(&self) -> Option<Duration> {
        (self.mode == AccessMode::Protected).then_some(self.fresh_for)
    }
}

/// Whether tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// An access token proves who asks.
    Protected,
    /// Anyone may do everything.
    Open,
}

/// Who may register users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anyone.
    Anyone,
    /// Admins, with their access token.
    Admin,
}

words!(AccessMode { "protected" => AccessMode::Protected, "open" => AccessMode::Open });
words!(Registration { "anyone" => Registration::Anyone, "admin" => Registration::Admin });
