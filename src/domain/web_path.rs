//! The path of an address, in the one form in which paths are compared.

use percent_encoding::percent_decode_str;
use std::fmt;

/// A path, decoded once, without a `.` between its slashes. It begins with `/`.
///
/// A program behind a proxy may read a path in another way than the one who decides about it. So whatever
/// is known to be read in two ways is refused: an encoded slash or backslash, a backslash, `..`, an empty
/// segment, a control character, what is encoded twice, and what is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPath(String);

/// Why a text is not such a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAWebPath(&'static str);

impl fmt::Display for NotAWebPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAWebPath {}

impl WebPath {
    /// Parses a path as it stands in a request, without the query.
    ///
    /// # Errors
    /// [`NotAWebPath`] when it does not begin with `/`, and for what could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, NotAWebPath> {
        if !text.starts_with('/') {
            return Err(NotAWebPath("a path begins with /"));
        }
        if text.contains(['?', '#']) {
            return Err(NotAWebPath("a path ends before ? and #"));
        }
        let lower = text.to_ascii_lowercase();
        if ["\\", "%2f", "%5c"].iter().any(|part| lower.contains(part)) {
            return Err(NotAWebPath("a path must not have \\, %2F or %5C"));
        }
        let decoded = percent_decode_str(text).decode_utf8();
        let decoded = decoded.map_err(|_| NotAWebPath("a path must be UTF-8"))?;
        if !text.split('%').skip(1).all(is_escape) || decoded.split('%').skip(1).any(is_escape) {
            return Err(NotAWebPath("a path must be encoded once"));
        }
        if decoded.chars().any(char::is_control) {
            return Err(NotAWebPath("a path must not have control characters"));
        }
        Self::of_segments(&decoded)
    }

    fn of_segments(decoded: &str) -> Result<Self, NotAWebPath> {
        let mut segments: Vec<&str> = decoded.split('/').skip(1).collect();
        let (last, before) = segments.split_last().unwrap_or((&"", &[]));
        if before.contains(&"") {
            return Err(NotAWebPath("a path must not have //"));
        }
        let is_dots = |segment: &&str| matches!(without_parameters(segment), "" | "." | "..");
        let is_plain = |segment: &&str| matches!(*segment, "" | ".");
        if segments.iter().any(|segment| is_dots(segment) && !is_plain(segment)) {
            return Err(NotAWebPath("a path must not have .., nor parameters of nothing"));
        }
        // `/a/.` is `/a/` (RFC 3986, 5.2.4).
        let ends_open = *last == ".";
        segments.retain(|segment| *segment != ".");
        if ends_open {
            segments.push("");
        }
        Ok(Self(format!("/{}", segments.join("/"))))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same without the parameters that its segments have behind a `;` (RFC 3986, 3.3).
    #[must_use]
    pub fn without_parameters(&self) -> Self {
        let segments: Vec<&str> = self.0.split('/').map(without_parameters).collect();
        Self(segments.join("/"))
    }

    /// Whether it is this path or one below it. `/admin` and `/admin/` are the beginning of `/admin` and
    /// `/admin/users`, and of `/administrator` neither is.
    #[must_use]
    pub fn is_at_or_below(&self, prefix: &Self) -> bool {
        let rest = self.0.strip_prefix(prefix.0.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

/// Whether this, behind a `%`, makes an escape of it.
fn is_escape(after: &str) -> bool {
    after.as_bytes().first_chunk::<2>().is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_loses_its_dots() {
        for (text, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/%61dmin", "/admin"),
            ("/./a/./b", "/a/b"),
            ("/a/%2e/b", "/a/b"),
            ("/a/.", "/a/"),
            ("/.", "/"),
            ("/a..b/..c/d..", "/a..b/..c/d.."),
            ("/a%20b/%C3%A9", "/a b/é"),
            ("/100%25", "/100%"),
            ("/%3f%23", "/?#"),
            ("/a;b=c/d", "/a;b=c/d"),
        ] {
            assert_eq!(WebPath::parse(text).unwrap().as_str(), expected, "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            "*",
            "a",
            "http://a/b",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/..",
            "/a/../b",
            "/a/..",
            "/%2e%2e/a",
            "/.%2E/a",
            "/..;/a",
            "/..;x=1",
            "/;/a",
            "/.;/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a\r",
            "/a%0a",
            "/a%7f",
            "/a%c2%85",
            "/%252e%252e/a",
            "/%2561",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/%c0%af",
            "/a?b",
            "/a#b",
        ] {
            assert!(WebPath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let is_below = |path: &str, prefix: &str| {
            WebPath::parse(path).unwrap().is_at_or_below(&WebPath::parse(prefix).unwrap())
        };
        for prefix in ["/admin", "/admin/", "/%61dmin", "/"] {
            for path in ["/admin", "/admin/", "/admin/users", "/./admin/x"] {
                assert!(is_below(path, prefix), "{path} {prefix}");
            }
        }
        for path in ["/administrator", "/Admin", "/", "/a/admin", "/admin;x", "/admin.html"] {
            assert!(!is_below(path, "/admin"), "{path}");
        }
        assert_eq!(
            WebPath::parse("/admin;x/y;z").unwrap().without_parameters().as_str(),
            "/admin/y"
        );
    }
}
