//! The fields of a request that only browsers, and proxies in front of them, have a reason to send.

use crate::front_door::PROXY_FIELD;
use zeroize::Zeroizing;

/// Fields that only browsers, and proxies in front of them, have a reason to send.
pub(super) struct BrowserFields {
    /// What a browser says of the page that asks (W3C, Fetch Metadata).
    pub(super) fetch_sites: Vec<String>,
    pub(super) fetch_mode: Option<String>,
    pub(super) cookies: Vec<Zeroizing<String>>,
    pub(super) accept: Option<String>,
    pub(super) accept_language: Option<String>,
    pub(super) forwarded: Option<Forwarded>,
}

/// What a trusted proxy says of the request that it asks about. Each field with every value that it has.
pub(crate) struct Forwarded {
    /// `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    pub(crate) parts: [Vec<String>; 4],
    /// `X-Original-Method` and `X-Original-URL`.
    pub(crate) original: [Vec<String>; 2],
}

impl BrowserFields {
    /// Takes them from where the values of a field can be asked for.
    pub(super) fn read<I: Iterator<Item = String>>(values: &impl Fn(&'static str) -> I) -> Self {
        let all = |name| values(name).collect();
        let is_proxy = values(PROXY_FIELD).next().is_some();
        Self {
            fetch_sites: all("sec-fetch-site"),
            fetch_mode: values("sec-fetch-mode").next(),
            cookies: values("cookie").map(Zeroizing::new).collect(),
            accept: values("accept").next(),
            accept_language: values("accept-language").next(),
            forwarded: is_proxy.then(|| Forwarded {
                parts: [
                    "x-forwarded-method",
                    "x-forwarded-proto",
                    "x-forwarded-host",
                    "x-forwarded-uri",
                ]
                .map(all),
                original: ["x-original-method", "x-original-url"].map(all),
            }),
        }
    }
}
