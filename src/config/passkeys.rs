//! `[passkeys]`: whose passkeys are asked for.

use super::host_name::HostName;
use super::web_origin::WebOrigin;

section! {
    /// Passkeys, in place of a password or as a second factor.
    passkeys: Passkeys {
        /// The domain that passkeys are bound to, such as `example.com`. Without it, passkeys work in
        /// development and testing on localhost, and nowhere else.
        ///
        /// A passkey of one domain is never good for another, so this cannot be changed later.
        rp_id: Option<HostName> = "";

        /// The pages that may ask for passkeys, such as `https://login.example.com`: that domain, or
        /// one below it. The match is exact.
        ///
        /// A passkey that another page asked for was asked for by a stranger.
        origins: Vec<WebOrigin> = "";
    }
}
