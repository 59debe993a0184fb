//! `[access]`: who may do what.

use super::host_name::HostName;

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
