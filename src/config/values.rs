//! The form of a setting's value, in a file and in the environment alike.

use super::claims::ClaimTemplates;
use super::host_name::HostName;
use super::log_levels::LogLevels;
use super::net::{Cidr, ForwardedHeader, Listen};
use super::pages::Color;
use super::required_mfa::RequiredMfa;
use super::socket_mode::SocketMode;
use super::web_origin::WebOrigin;
use crate::secret::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A type that a setting may have.
pub(super) trait Value: Sized {
    /// Whether the value must never be shown, and may be read from a file of its own.
    const SECRET: bool = false;

    /// Whether it holds several values, which may be written as an array.
    const LIST: bool = false;

    /// Whether it is a table, written as JSON where TOML is not at hand.
    const TABLE: bool = false;

    /// Whether it is several tables, which stand in a file alone.
    const TABLES: bool = false;

    /// What kind of value it is, for the reference.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reference, which a test makes"))]
    const FORM: &'static str;

    /// Reads the value; the error says what is expected.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value in the form that `parse` reads; a secret is hidden.
    fn show(&self) -> String;
}

/// The entries of a list: an array of strings as TOML and JSON write it, or separated by commas, in a
/// file and in the environment alike.
fn items(text: &str) -> Result<Vec<String>, String> {
    if !text.trim_start().starts_with('[') {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Ok(items.map(str::to_owned).collect());
    }
    array(text.trim()).ok_or_else(|| {
        "begins with [ and is no array of strings such as [\"one\", \"two\"]".to_owned()
    })
}

/// The strings of an array that holds nothing else.
fn array(text: &str) -> Option<Vec<String>> {
    let value = DeValue::parse(text).ok()?;
    let items = value.get_ref().as_array()?.iter();
    items.map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

impl Value for ClaimTemplates {
    const FORM: &'static str = "a table of claims";
    const TABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn show(&self) -> String {
        self.text()
    }
}

impl Value for Listen {
    const FORM: &'static str = "an address";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|fault| format!("{text:?}: {fault}"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Vec<Cidr> {
    const FORM: &'static str = "a list of address blocks";
    const LIST: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let block = |text: String| text.parse().map_err(|fault| format!("{text:?}: {fault}"));
        items(text)?.into_iter().map(block).collect()
    }

    fn show(&self) -> String {
        let blocks: Vec<String> = self.iter().map(Cidr::to_string).collect();
        if blocks.is_empty() { "(none)".to_owned() } else { blocks.join(", ") }
    }
}

impl Value for Color {
    const FORM: &'static str = "a colour";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn show(&self) -> String {
        format!("{:?}", self.to_string())
    }
}

/// One of a type or none, and a list of them.
macro_rules! one_or_many {
    ($type:ty, $one:literal, $many:literal) => {
        impl Value for Option<$type> {
            const FORM: &'static str = $one;

            fn parse(text: &str) -> Result<Self, String> {
                if text.is_empty() {
                    return Ok(None);
                }
                text.parse().map(Some).map_err(|fault| format!("{text:?}: {fault}"))
            }

            fn show(&self) -> String {
                self.as_ref().map_or("(none)".to_owned(), |one| format!("{:?}", one.as_str()))
            }
        }

        impl Value for Vec<$type> {
            const FORM: &'static str = $many;
            const LIST: bool = true;

            fn parse(text: &str) -> Result<Self, String> {
                let one = |text: String| text.parse().map_err(|fault| format!("{text:?}: {fault}"));
                items(text)?.into_iter().map(one).collect()
            }

            fn show(&self) -> String {
                let texts: Vec<&str> = self.iter().map(<$type>::as_str).collect();
                if texts.is_empty() { "(none)".to_owned() } else { texts.join(", ") }
            }
        }
    };
}

one_or_many!(HostName, "a host name", "a list of host names");
one_or_many!(WebOrigin, "an origin", "a list of origins");

impl Value for Vec<String> {
    const FORM: &'static str = "a list of words";
    const LIST: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        items(text)
    }

    fn show(&self) -> String {
        if self.is_empty() { "(none)".to_owned() } else { self.join(", ") }
    }
}

/// Read like every list; a file of its own may also have one a line. A value that only looks like
/// an array may be a secret that begins like one.
impl Value for Vec<Secret> {
    const FORM: &'static str = "a list of secrets";
    const SECRET: bool = true;
    const LIST: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(secrets) = array(text.trim()) {
            return Ok(secrets.into_iter().map(Secret::new).collect());
        }
        let secrets = text.split([',', '\r', '\n']).filter(|secret| !secret.is_empty());
        Ok(secrets.map(Secret::from).collect())
    }

    fn show(&self) -> String {
        if self.is_empty() { "(none)" } else { "(hidden)" }.to_owned()
    }
}

macro_rules! number {
    ($($type:ty)*) => {$(
        impl Value for $type {
            const FORM: &'static str = "a number";

            fn parse(text: &str) -> Result<Self, String> {
                let digits = text.replace('_', "");
                digits.parse().map_err(|_| format!("{text:?} is not a whole number, 0 or more"))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

number!(u32 usize);

impl Value for bool {
    const FORM: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("{text:?} is neither true nor false"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const FORM: &'static str = "text";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for Option<Secret> {
    const FORM: &'static str = "a secret";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| Secret::from(text)))
    }

    fn show(&self) -> String {
        if self.is_some() { "(hidden)" } else { "(none)" }.to_owned()
    }
}

impl Value for Option<SocketAddr> {
    const FORM: &'static str = "an address and port";

    fn parse(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix("localhost:");
        let numeric = port.map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
        if numeric.is_empty() {
            return Ok(None);
        }
        let fault = |_| format!("{text:?}: expected an address and port such as 127.0.0.1:9090");
        numeric.parse().map(Some).map_err(fault)
    }

    fn show(&self) -> String {
        self.map_or("(none)".to_owned(), |address| address.to_string())
    }
}

impl Value for Option<PathBuf> {
    const FORM: &'static str = "a path";

    fn parse(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn show(&self) -> String {
        self.as_ref().map_or("(none)".to_owned(), |path| format!("{:?}", path.display()))
    }
}

/// Units of a duration, the longest first.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Value for Duration {
    const FORM: &'static str = "a duration";

    fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is not a duration, such as 500ms, 30s, 15m, 12h or 7d");
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(fault)?;
        let (digits, unit) = text.split_at(split);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        let count: u64 = digits.parse().map_err(|_| fault())?;
        count.checked_mul(*millis).map(Duration::from_millis).ok_or_else(fault)
    }

    fn show(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let fits = |unit: &&(&str, u64)| millis.is_multiple_of(unit.1) && millis > 0;
        let (name, unit) = UNITS.iter().find(fits).unwrap_or(&("ms", 1));
        format!("{}{name}", millis / unit)
    }
}

macro_rules! words {
    ($type:ty {
        $first:literal => $first_value:path $(, $word:literal => $value:path)* $(,)?
    }) => {
        impl $crate::config::values::Value for $type {
            const FORM: &'static str = concat!("one of `", $first, "`" $(, ", `", $word, "`")*);

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $first => Ok($first_value),
                    $($word => Ok($value),)*
                    _ => Err(format!("{text:?} is not one of {}", [$first $(, $word)*].join(", "))),
                }
            }

            fn show(&self) -> String {
                match self {
                    $first_value => format!("{:?}", $first),
                    $($value => format!("{:?}", $word),)*
                }
            }
        }
    };
}

words!(ForwardedHeader {
    "X-Forwarded-For" => ForwardedHeader::XForwardedFor,
    "Forwarded" => ForwardedHeader::Forwarded,
});

impl Value for RequiredMfa {
    const FORM: &'static str = "whom";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn show(&self) -> String {
        format!("{:?}", self.text())
    }
}

impl Value for SocketMode {
    const FORM: &'static str = "an octal mode";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|fault| format!("{text:?}: {fault}"))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Value for LogLevels {
    const FORM: &'static str = "a level, or several";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        format!("{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::access::AccessMode;

    #[test]
    fn durations_are_read_and_shown_with_their_unit() {
        for (text, millis) in
            [("1ms", 1), ("500ms", 500), ("2s", 2_000), ("15m", 900_000), ("7d", 604_800_000)]
        {
            assert_eq!(Duration::parse(text), Ok(Duration::from_millis(millis)));
            assert_eq!(Duration::from_millis(millis).show(), text);
        }
        assert_eq!(Duration::from_secs(90).show(), "90s");
    }

    #[test]
    fn a_duration_without_unit_or_number_is_refused() {
        for text in ["", "15", "m", "-1s", "1.5s", "15 m", "15M", "1h30m", "99999999999999999d"] {
            let fault = Duration::parse(text).unwrap_err();
            assert!(fault.contains("15m"), "{fault}");
        }
    }

    #[test]
    fn a_word_outside_the_list_is_answered_with_the_list() {
        let fault = AccessMode::parse("opne").unwrap_err();
        assert_eq!(fault, "\"opne\" is not one of protected, open");
    }

    #[test]
    fn a_list_is_an_array_or_separated_by_commas() {
        for text in ["one,two", " one , two ,", r#"["one", "two"]"#, "[ 'one',\n'two', ]"] {
            assert_eq!(Vec::<String>::parse(text), Ok(vec!["one".to_owned(), "two".to_owned()]));
            let blocks = text.replace("one", "10.0.0.0/8").replace("two", "fd00::/8");
            assert_eq!(Vec::<Cidr>::parse(&blocks).unwrap().show(), "10.0.0.0/8, fd00::/8");
            let names = text.replace("one", "a.example").replace("two", "b.example");
            assert_eq!(Vec::<HostName>::parse(&names).unwrap().show(), "a.example, b.example");
        }
        let secrets = Vec::<Secret>::parse(r#"["a b", "c,d"]"#).unwrap();
        assert_eq!(secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["a b", "c,d"]);
        assert_eq!(Vec::<String>::parse("[]"), Ok(Vec::new()));
        for text in ["[one]", "[1]", r#"["one""#, r#"["one"] ["two"]"#, r#"[["one"]]"#] {
            assert!(Vec::<String>::parse(text).unwrap_err().contains("no array"), "{text}");
        }
    }
}
