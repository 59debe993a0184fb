//! `access.require_mfa`: of whom a second factor is required.

/// Of whom a second factor is required.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiredMfa {
    /// Of all users.
    pub everybody: bool,
    /// Of admins.
    pub admins: bool,
    /// Of users with one of these roles.
    pub roles: Vec<String>,
}

impl RequiredMfa {
    /// Whether it is required of anybody.
    pub fn is_anybodys(&self) -> bool {
        self.everybody || self.admins || !self.roles.is_empty()
    }

    /// Whether it is required of a user.
    pub fn of(&self, admin: bool, roles: &[String]) -> bool {
        let by_role = self.roles.iter().any(|role| roles.contains(role));
        self.everybody || (admin && self.admins) || by_role
    }

    /// Reads the setting.
    ///
    /// # Errors
    /// A text that says what is expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut required = Self::default();
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        for word in &words {
            match word.split_once(':') {
                None if *word == "nobody" && words.len() == 1 => (),
                None if *word == "everybody" => required.everybody = true,
                None if *word == "admins" => required.admins = true,
                Some(("role", role)) if !role.is_empty() => required.roles.push(role.to_owned()),
                _ => {
                    return Err(format!(
                        "{word:?}: must be nobody alone, or everybody, admins or role:NAME, separated \
                         by commas"
                    ));
                }
            }
        }
        Ok(required)
    }

    /// The setting in the form that [`parse`](Self::parse) reads.
    pub(super) fn text(&self) -> String {
        let everybody = self.everybody.then(|| "everybody".to_owned());
        let admins = self.admins.then(|| "admins".to_owned());
        let roles = self.roles.iter().map(|role| format!("role:{role}"));
        let words: Vec<String> = everybody.into_iter().chain(admins).chain(roles).collect();
        if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_nobody_or_whom() {
        for (text, admin, roles, expected) in [
            ("nobody", true, "staff", false),
            ("admins", true, "", true),
            ("admins", false, "staff", false),
            ("everybody", false, "", true),
            ("role:staff", false, "staff", true),
            ("role:staff", true, "other", false),
            ("admins, role:staff ,role:other", false, "other", true),
        ] {
            let required = RequiredMfa::parse(text).unwrap();
            assert_eq!(required.of(admin, &[roles.to_owned()]), expected, "{text}");
            assert_eq!(required.is_anybodys(), text != "nobody");
            assert_eq!(RequiredMfa::parse(&required.text()), Ok(required));
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_word() {
        for text in ["", "nobody, admins", "admin", "staff", "role:", "roles:staff", "admins,"] {
            let fault = RequiredMfa::parse(text).unwrap_err();
            assert!(fault.contains("role:NAME"), "{fault}");
        }
    }
}
