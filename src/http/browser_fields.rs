//! The fields of a request that only browsers have a reason to send.

use zeroize::Zeroizing;

/// Fields that only browsers have a reason to send.
pub(super) struct BrowserFields {
    /// What a browser says of the page that asks (W3C, Fetch Metadata).
    pub(super) fetch_sites: Vec<String>,
    pub(super) cookies: Vec<Zeroizing<String>>,
    pub(super) accept_language: Option<String>,
}

impl BrowserFields {
    /// Takes them from where the values of a field can be asked for.
    pub(super) fn read<I: Iterator<Item = String>>(values: &impl Fn(&'static str) -> I) -> Self {
        Self {
            fetch_sites: values("sec-fetch-site").collect(),
            cookies: values("cookie").map(Zeroizing::new).collect(),
            accept_language: values("accept-language").next(),
        }
    }
}
