//! The declaration of a setting. Everything else is made from it: the field with its documentation,
//! the line in the table, the default, the check of its range, and its entry in `docs/settings.md`.
//!
//! A section is declared with [`section!`], once for each file of `config/`. Defaults and ranges
//! are written there as an operator would write them. The first paragraph of a setting's
//! documentation says what it does, and the next ones why its default is what it is. A value that
//! no operator has a reason to touch is declared with [`tuning!`], in the same form: only a program
//! that embeds Gatepost, or a test, can reach it.

use super::profile::Profile;
use super::values::Value;

/// One setting: its name, how it is written, and what the reference says of it.
pub(super) struct Setting {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) secret: bool,
    pub(super) list: bool,
    pub(super) table: bool,
    pub(super) tables: bool,
    #[cfg(test)]
    pub(super) reference: Reference,
}

impl Setting {
    /// Its name, as messages say it.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The variable of the environment that sets it.
    #[cfg(test)]
    pub(super) fn variable(&self) -> String {
        format!("GATEPOST_{}_{}", self.section, self.key).to_uppercase()
    }
}

/// What the reference says of a setting beside its name.
#[cfg(test)]
pub(super) struct Reference {
    /// The lines of its documentation.
    pub(super) lines: &'static [&'static str],
    /// The kind of value that it takes.
    pub(super) form: &'static str,
    /// Its default, as it would be written; empty for none.
    pub(super) default: &'static str,
    /// The profiles that have another default, with that one.
    pub(super) special: &'static [(&'static str, &'static str)],
    /// The range, in words; empty where every value of the form is accepted.
    pub(super) range: &'static str,
}

/// Whether the value of this field must never be shown.
pub(super) const fn is_secret<In, T: Value>(_: fn(&In) -> &T) -> bool {
    T::SECRET
}

/// Whether this field holds several values.
pub(super) const fn is_list<In, T: Value>(_: fn(&In) -> &T) -> bool {
    T::LIST
}

/// Whether this field is a table.
pub(super) const fn is_table<In, T: Value>(_: fn(&In) -> &T) -> bool {
    T::TABLE
}

/// Whether this field is several tables.
pub(super) const fn is_tables<In, T: Value>(_: fn(&In) -> &T) -> bool {
    T::TABLES
}

/// What kind of value this field takes.
#[cfg(test)]
pub(super) const fn form<In, T: Value>(_: fn(&In) -> &T) -> &'static str {
    T::FORM
}

/// The default in a profile. Inlined, it would be copied for every declaration.
#[inline(never)]
pub(super) fn default_of<T: Value>(
    profile: Profile,
    usual: &'static str,
    special: &[(&str, &'static str)],
) -> T {
    let special = special.iter().find(|(name, _)| *name == profile.name());
    declared(special.map_or(usual, |(_, text)| text))
}

/// A fault when a value is outside its range, and is not the one that is taken besides.
#[inline(never)]
pub(super) fn out_of_range<T: Value + PartialOrd>(
    name: &str,
    value: &T,
    (least, most): (&str, &str),
    besides: Option<&str>,
    range: &str,
) -> Option<String> {
    let inside = *value >= declared(least) && *value <= declared(most);
    let outside = !inside && besides.is_none_or(|text| *value != declared(text));
    outside.then(|| format!("{name}: {} is outside the range {range}", value.show()))
}

/// A value from a declaration. A test reads all of them.
fn declared<T: Value>(text: &str) -> T {
    T::parse(text).unwrap_or_else(|fault| panic!("a declaration holds {text:?}: {fault}"))
}

/// A default as the documentation of a field shows it.
macro_rules! shown {
    ("") => {
        "none"
    };
    ($text:tt) => {
        concat!("`", $text, "`")
    };
}

/// A range in words.
macro_rules! range {
    () => {
        ""
    };
    ($least:tt to $most:tt) => {
        concat!($least, " to ", $most)
    };
    ($least:tt to $most:tt or $besides:tt) => {
        concat!($least, " to ", $most, ", or ", $besides)
    };
}

/// The value that is accepted beside the range.
macro_rules! besides {
    () => {
        None
    };
    ($besides:tt) => {
        Some($besides)
    };
}

/// Declares the settings of a section.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $section:ident: $Section:ident $(with $Tuning:ident)? {$(
            $(#[doc = $line:literal])+
            $key:ident: $type:ty = $default:tt $(($profile:ident $special:tt))*
                $(, $least:tt to $most:tt $(or $besides:tt)?)?;
        )+}
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct $Section {
            $(
                $(#[doc = $line])+
                #[doc = ""]
                #[doc = concat!(
                    "Default ", shown!($default), $("; in ", stringify!($profile), " ",
                    shown!($special),)* ". " $(, "Range: ", range!($least to $most $(or $besides)?),
                    ".")?
                )]
                pub $key: $type,
            )+
            $(
                /// Values that are not for operators to set.
                pub tuning: $Tuning,
            )?
        }

        impl $Section {
            #[doc = "What the section is about."]
            #[cfg(test)]
            pub(super) const ABOUT: (&str, &[&str]) = (stringify!($section), &[$($about),+]);

            pub(super) fn new(profile: $crate::config::profile::Profile) -> Self {
                use $crate::config::setting::default_of;
                Self {
                    $($key: default_of(profile, $default, &[
                        $((stringify!($profile), $special)),*
                    ]),)+
                    $(tuning: $Tuning::new(),)?
                }
            }

            /// Every setting of the section.
            pub(super) const SETTINGS: &[$crate::config::setting::Setting] = {
                #[cfg(test)]
                use $crate::config::setting::{Reference, form};
                use $crate::config::setting::{
                    Setting, is_list, is_secret, is_table, is_tables,
                };
                &[$(Setting {
                    section: stringify!($section),
                    key: stringify!($key),
                    secret: is_secret(|section: &Self| &section.$key),
                    list: is_list(|section: &Self| &section.$key),
                    table: is_table(|section: &Self| &section.$key),
                    tables: is_tables(|section: &Self| &section.$key),
                    #[cfg(test)]
                    reference: Reference {
                        lines: &[$($line),+],
                        form: form(|section: &Self| &section.$key),
                        default: $default,
                        special: &[$((stringify!($profile), $special)),*],
                        range: range!($($least to $most $(or $besides)?)?),
                    },
                }),+]
            };

            /// Reads a text into the field of a setting.
            pub(super) fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
                use $crate::config::values::Value;
                match key {
                    $(stringify!($key) => self.$key = Value::parse(text)?,)+
                    _ => unreachable!("no setting {key}"),
                }
                Ok(())
            }

            /// Shows the field of a setting.
            pub(super) fn show(&self, key: &str) -> String {
                use $crate::config::values::Value;
                match key {
                    $(stringify!($key) => Value::show(&self.$key),)+
                    _ => unreachable!("no setting {key}"),
                }
            }

            pub(super) fn out_of_range(&self) -> Vec<Option<String>> {
                #[allow(unused_mut, clippy::allow_attributes, reason = "not all have a tuning")]
                let mut faults = vec![$($($crate::config::setting::out_of_range(
                    concat!(stringify!($section), ".", stringify!($key)),
                    &self.$key,
                    ($least, $most),
                    besides!($($besides)?),
                    range!($least to $most $(or $besides)?),
                ),)?)+];
                $(faults.extend($Tuning::out_of_range(&self.tuning));)?
                faults
            }
        }
    };
}

/// Declares the values of a section that are not for operators to set.
macro_rules! tuning {
    (
        $section:ident: $Tuning:ident {$(
            $(#[doc = $line:literal])+
            $key:ident: $type:ty = $value:tt $(, $least:tt to $most:tt)?;
        )+}
    ) => {
        #[doc = concat!(
            "Values of `[", stringify!($section), "]` that no operator has a reason to touch. A program ",
            "that embeds Gatepost, or a test, may."
        )]
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct $Tuning {
            $(
                $(#[doc = $line])+
                #[doc = ""]
                #[doc = concat!("`", $value, "`." $(, " Range: ", range!($least to $most), ".")?)]
                pub $key: $type,
            )+
        }

        impl $Tuning {
            /// Every name with its value, as they would be written.
            pub(super) const FIXED: &[(&str, &str)] = &[
                $((concat!(stringify!($section), ".", stringify!($key)), $value)),+
            ];

            fn new() -> Self {
                use $crate::config::setting::default_of;
                let profile = $crate::config::profile::Profile::Development;
                Self { $($key: default_of(profile, $value, &[])),+ }
            }

            fn out_of_range(&self) -> Vec<Option<String>> {
                vec![$($($crate::config::setting::out_of_range(
                    concat!(stringify!($section), ".tuning.", stringify!($key)),
                    &self.$key,
                    ($least, $most),
                    None,
                    range!($least to $most),
                ),)?)+]
            }
        }
    };
}
