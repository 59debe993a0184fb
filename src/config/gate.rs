//! `[gate]`: who may use the programs behind a reverse proxy.

use super::host_name::HostName;
use super::values::Value;
use super::web_origin::WebOrigin;
use crate::domain::{Names, WebPath};
use serde_json::{Map, Value as Json};
use std::fmt;

section! {
    /// The gate: reverse proxies ask `GET /gate` whether a request may go to the program behind them.
    gate: Gate {
        /// What the gate asks, by host, path and method. The first rule that fits decides; where none does,
        /// nobody is let through. Each is a table of its own:
        ///
        /// - `host`: the host, without a port, in any case. Without it, every host.
        /// - `path_prefix`: the beginning of the path, which ends at a segment. Without it, every path.
        /// - `methods`: the methods. `GET` stands for `HEAD` too. Without them, every method.
        /// - `role`, `group`: a name, or an array of which one is enough. Whoever is let through has it.
        /// - `mfa`: if `true`, whoever is let through has signed in with a second factor.
        /// - `public`: if `true`, everybody is let through, signed in or not.
        ///
        /// A rule with none of the last four lets through whoever is signed in.
        rules: GateRules = "";

        /// The origins of the programs behind the gate, such as `https://app.example.com`. From `pages.origin` itself
        /// people come back without being listed.
        ///
        /// Whoever signs in is sent back there and nowhere else.
        origins: Vec<WebOrigin> = "";
    }
}

/// The rules of the gate, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateRules(pub Vec<GateRule>);

/// Most rules. Each is compared with every request, until one fits.
const MOST: usize = 1_000;

/// A rule: which requests it is for, and what it asks of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateRule {
    /// The host, or every one.
    pub host: Option<HostName>,
    /// What the path begins with, or every path.
    pub path_prefix: Option<WebPath>,
    /// The methods, or every one if there are none.
    pub methods: Vec<String>,
    /// One of these roles, if there are any.
    pub role: Names,
    /// One of these groups, if there are any.
    pub group: Names,
    /// A second factor.
    pub mfa: bool,
    /// Nothing.
    pub public: bool,
}

/// The keys of a rule.
const KEYS: [&str; 7] = ["host", "path_prefix", "methods", "role", "group", "mfa", "public"];

impl GateRule {
    fn parse(members: &Map<String, Json>) -> Result<Self, String> {
        if let Some(unknown) = members.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key {unknown:?}; a rule has {}", KEYS.join(", ")));
        }
        let text = |key: &str| match members.get(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(format!("{key}: must be a string")),
        };
        let flag = |key: &str| match members.get(key) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("{key}: must be true or false")),
        };
        let names = |key: &str| {
            let names = members.get(key).map_or(Ok(Vec::new()), |value| texts(key, value))?;
            Names::parse(key, names).map_err(|error| error.to_string())
        };
        let host = text("host")?
            .map(|text| text.parse().map_err(|fault| format!("host: {text:?}: {fault}")));
        let path_prefix = text("path_prefix")?.map(|text| {
            WebPath::parse(text).map_err(|fault| format!("path_prefix: {text:?}: {fault}"))
        });
        let methods = members.get("methods").map(|value| texts("methods", value).and_then(methods));
        let rule = Self {
            host: host.transpose()?,
            path_prefix: path_prefix.transpose()?,
            methods: methods.transpose()?.unwrap_or_default(),
            role: names("role")?,
            group: names("group")?,
            mfa: flag("mfa")?,
            public: flag("public")?,
        };
        if rule.public && (rule.mfa || !rule.role.is_empty() || !rule.group.is_empty()) {
            return Err(
                "public lets everybody through, so leave out role, group and mfa".to_owned()
            );
        }
        Ok(rule)
    }

    /// The rule as a file has it.
    fn json(&self) -> Json {
        let mut members = Map::new();
        let mut put = |key: &str, value: Option<Json>| {
            members.extend(value.map(|value| (key.to_owned(), value)));
        };
        let several = |texts: &[String]| match texts {
            [] => None,
            [one] => Some(Json::from(one.as_str())),
            many => Some(Json::from(many)),
        };
        put("host", self.host.as_ref().map(|host| Json::from(host.as_str())));
        put("path_prefix", self.path_prefix.as_ref().map(|path| Json::from(path.as_str())));
        put(
            "methods",
            Some(Json::from(self.methods.as_slice())).filter(|_| !self.methods.is_empty()),
        );
        put("role", several(self.role.as_slice()));
        put("group", several(self.group.as_slice()));
        put("mfa", self.mfa.then_some(Json::Bool(true)));
        put("public", self.public.then_some(Json::Bool(true)));
        Json::Object(members)
    }
}

impl fmt::Display for GateRule {
    /// Its keys and values, as a file has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Json::Object(members) = self.json() else { return Ok(()) };
        let pairs: Vec<String> =
            members.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        f.write_str(if pairs.is_empty() { "everything" } else { "" })?;
        f.write_str(&pairs.join(", "))
    }
}

/// A string, or an array of strings with something in it.
fn texts(key: &str, value: &Json) -> Result<Vec<String>, String> {
    let fault = || format!("{key}: must be a string, or an array of strings that is not empty");
    let texts = match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => {
            let text = |item: &Json| item.as_str().map(str::to_owned).ok_or_else(fault);
            items.iter().map(text).collect::<Result<_, _>>()?
        }
        _ => return Err(fault()),
    };
    if texts.is_empty() { Err(fault()) } else { Ok(texts) }
}

fn methods(methods: Vec<String>) -> Result<Vec<String>, String> {
    let is_method =
        |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    match methods.iter().find(|text| !is_method(text)) {
        Some(text) => Err(format!("methods: {text:?}: expected a method such as GET, in capitals")),
        None => Ok(methods),
    }
}

impl Value for GateRules {
    const FORM: &'static str = "tables, each `[[gate.rules]]`";
    const TABLES: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let form = || "must be tables, each under [[gate.rules]]".to_owned();
        let rules: Vec<Json> = serde_json::from_str(text).map_err(|_| form())?;
        if rules.len() > MOST {
            return Err(format!("has {} rules; {MOST} are the most", rules.len()));
        }
        let rule = |(at, rule): (usize, &Json)| {
            let members = rule.as_object().ok_or_else(form)?;
            GateRule::parse(members).map_err(|fault| format!("rule {}: {fault}", at + 1))
        };
        rules.iter().enumerate().map(rule).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> String {
        let rules: Vec<Json> = self.0.iter().map(GateRule::json).collect();
        if rules.is_empty() { "(none)".to_owned() } else { Json::Array(rules).to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_was_read() {
        let text = "[{\"group\":[\"a\",\"b\"],\"host\":\"app.example.com\",\"methods\":[\"GET\"],\"mfa\":true,\
                    \"path_prefix\":\"/admin\",\"role\":\"ops\"},{\"public\":true},{}]";
        let rules = GateRules::parse(text).unwrap();
        assert_eq!(rules.show(), text);
        assert_eq!(GateRules::parse(&rules.show()).unwrap(), rules);
        assert_eq!(rules.0[2].to_string(), "everything");
        assert_eq!(rules.0[1].to_string(), "public = true");
    }

    #[test]
    fn a_fault_names_the_rule_and_the_key() {
        for (rule, said) in [
            ("{\"hosts\":\"a.b\"}", "rule 2: unknown key \"hosts\"; a rule has host, path_prefix"),
            ("{\"host\":\"a.b:80\"}", "rule 2: host: \"a.b:80\": expected the name of a host"),
            ("{\"host\":\"*.b\"}", "rule 2: host: "),
            ("{\"host\":1}", "rule 2: host: must be a string"),
            ("{\"path_prefix\":\"admin\"}", "rule 2: path_prefix: \"admin\": a path begins with /"),
            ("{\"path_prefix\":\"/a/../b\"}", "rule 2: path_prefix: "),
            ("{\"methods\":[\"get\"]}", "rule 2: methods: \"get\": expected a method"),
            ("{\"methods\":[]}", "rule 2: methods: must be a string, or an array"),
            ("{\"role\":[]}", "rule 2: role: must be a string, or an array"),
            ("{\"role\":\"Ops\"}", "rule 2: role: \"Ops\" must be a lower-case letter"),
            ("{\"group\":[1]}", "rule 2: group: must be a string, or an array"),
            ("{\"mfa\":\"yes\"}", "rule 2: mfa: must be true or false"),
            ("{\"public\":true,\"mfa\":true}", "rule 2: public lets everybody through"),
            ("1", "must be tables"),
        ] {
            let fault = GateRules::parse(&format!("[{{}},{rule}]")).unwrap_err();
            assert!(fault.starts_with(said), "{rule}: {fault}");
        }
        let many = format!("[{}{{}}]", "{},".repeat(MOST));
        assert!(GateRules::parse(&many).unwrap_err().starts_with("has 1001 rules"));
    }
}
