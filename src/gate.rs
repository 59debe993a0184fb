//! The gate: who may use the programs behind a reverse proxy.
//!
//! The proxy asks about each request. The first of `gate.rules` that is for it says what its user must be.

mod asked;

use crate::config::{GateRule, GateRules};
use crate::domain::WebPath;
use crate::users::User;
pub use asked::Asked;
pub(crate) use asked::forwarded_origin;

/// The rule that decides about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ruling<'a> {
    /// The rule, and its number, counted from 1.
    Rule(usize, &'a GateRule),
    /// None is for it, so nobody may.
    None,
    /// With and without what stands behind a `;` in its path, two are, or one and none. Programs differ in
    /// which they read, so nobody may.
    Ambiguous,
}

/// What somebody lacks whom a rule does not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lack<'a> {
    /// One of these roles.
    Role(&'a [String]),
    /// One of these groups.
    Group(&'a [String]),
    /// A sign-in with a second factor.
    Mfa,
}

/// Finds the rule that decides about a request.
#[must_use]
pub fn ruling<'a>(rules: &'a GateRules, asked: &Asked) -> Ruling<'a> {
    let first = |path: &WebPath| rules.0.iter().position(|rule| is_for(rule, asked, path));
    let found = first(&asked.path);
    if asked.path.as_str().contains(';') && first(&asked.path.without_parameters()) != found {
        return Ruling::Ambiguous;
    }
    found.map_or(Ruling::None, |at| Ruling::Rule(at + 1, &rules.0[at]))
}

fn is_for(rule: &GateRule, asked: &Asked, path: &WebPath) -> bool {
    let (_, host) = asked.origin.scheme_and_host();
    let is_method =
        |method: &String| *method == asked.method || (method == "GET" && asked.method == "HEAD");
    rule.host.as_ref().is_none_or(|it| it.as_str() == host.trim_end_matches('.'))
        && rule.path_prefix.as_ref().is_none_or(|prefix| path.is_at_or_below(prefix))
        && (rule.methods.is_empty() || rule.methods.iter().any(is_method))
}

/// What a user lacks for a rule; nothing if the rule lets them through. `mfa` is whether they have signed
/// in with a second factor.
#[must_use]
pub fn lack<'a>(rule: &'a GateRule, user: &User, mfa: bool) -> Option<Lack<'a>> {
    let has_one = |of: &[String], among: &[String]| {
        among.is_empty() || among.iter().any(|name| of.contains(name))
    };
    if !has_one(user.roles.as_slice(), rule.role.as_slice()) {
        return Some(Lack::Role(rule.role.as_slice()));
    }
    if !has_one(user.groups.as_slice(), rule.group.as_slice()) {
        return Some(Lack::Group(rule.group.as_slice()));
    }
    (rule.mfa && !mfa).then_some(Lack::Mfa)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> GateRules {
        let rule = |host: Option<&str>, prefix: Option<&str>, methods: &[&str]| GateRule {
            host: host.map(|host| host.parse().unwrap()),
            path_prefix: prefix.map(|prefix| WebPath::parse(prefix).unwrap()),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            ..GateRule::default()
        };
        GateRules(vec![
            rule(Some("App.example.com"), Some("/admin/"), &[]),
            rule(Some("app.example.com"), None, &["GET"]),
            rule(None, Some("/public"), &[]),
        ])
    }

    #[track_caller]
    fn decides(method: &str, url: &str, expected: Option<usize>) {
        let rules = rules();
        let found = ruling(&rules, &Asked::new(method, url).unwrap());
        match (found, expected) {
            (Ruling::Rule(number, _), Some(expected)) => assert_eq!(number, expected, "{url}"),
            (Ruling::None, None) => {}
            (found, _) => panic!("{url}: {found:?}"),
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        for (method, url, expected) in [
            ("GET", "https://app.example.com/admin", Some(1)),
            ("GET", "http://APP.example.com:8443/admin/x?y", Some(1)),
            ("GET", "https://app.example.com./admin", Some(1)),
            ("GET", "https://app.example.com/%61dmin/x", Some(1)),
            ("GET", "https://app.example.com/./admin/x", Some(1)),
            ("GET", "https://app.example.com/administrator", Some(2)),
            ("HEAD", "https://app.example.com/", Some(2)),
            ("POST", "https://app.example.com/", None),
            ("POST", "https://app.example.com/public/x", Some(3)),
            ("GET", "https://b.example.com/public", Some(3)),
            ("GET", "https://b.example.com/", None),
        ] {
            decides(method, url, expected);
        }
    }

    #[test]
    fn a_path_that_programs_read_in_two_ways_must_lead_to_one_rule() {
        let rules = rules();
        let of = |url: &str| ruling(&rules, &Asked::new("GET", url).unwrap());
        assert_eq!(of("https://app.example.com/admin;x=1/users"), Ruling::Ambiguous);
        assert_eq!(of("https://b.example.com/public;x"), Ruling::Ambiguous);
        assert!(matches!(of("https://app.example.com/admin/x;y"), Ruling::Rule(1, _)));
        assert!(matches!(of("https://app.example.com/cart;jsessionid=5"), Ruling::Rule(2, _)));
    }
}
