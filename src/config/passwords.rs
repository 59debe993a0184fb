//! `[passwords]`: how they are judged and stored.

use crate::secret::Secret;
use std::path::PathBuf;

/// The fewest PBKDF2 iterations in production (OWASP Password Storage Cheat Sheet, 2023).
pub(crate) const SAFE_ITERATIONS: u32 = 600_000;

/// The most PBKDF2 iterations: two seconds of a slow core. `src/passwords/cost.rs` says why a hash
/// may cost that much and no more.
pub(crate) const MAX_ITERATIONS: u32 = 2_500_000;

section! {
    /// How passwords are judged and stored.
    passwords: Passwords with PasswordsTuning {
        /// Iterations of PBKDF2-HMAC-SHA256. Production refuses fewer than 600000. After an
        /// increase, a stored hash is made anew at the user's next login. After a decrease, an
        /// unknown login is answered sooner than a known one whose hash is older.
        ///
        /// 600000 is what the OWASP Password Storage Cheat Sheet of 2023 recommends.
        iterations: u32 = "600000" (testing "1000"), "1" to "2500000";

        /// Fewest characters of a new password.
        ///
        /// 8 is the minimum of OWASP ASVS 5.0, 6.2.1. 15 is that of NIST SP 800-63B-4 for a
        /// password that is the only factor.
        min_length: usize = "8" (production "15"), "1" to "128";

        /// Users must give their current password with a new one, as `current_password` of
        /// `PATCH /user`. Admins who change other users' passwords need not know theirs.
        ///
        /// Then a stolen access token is not enough to take over the account (OWASP ASVS 5.0,
        /// 6.2.3). Outside production the default is `false`, because the API's basic form has no
        /// such parameter.
        require_current: bool = "false" (production "true");

        /// Words that a new password may not consist of. Its login is refused too.
        ///
        /// They are the names that people here think of first (OWASP ASVS 5.0, 6.2.11). Add the
        /// name of the service and of its organisation.
        refused_words: Vec<String> = "gatepost";

        /// File of breached passwords, which are refused as new ones.
        /// `gatepost passwords build-list` makes it.
        ///
        /// The most common passwords are refused without it.
        breach_list: Option<PathBuf> = "";

        /// A secret that is part of every hash, at least 32 bytes without white space or commas.
        /// Never just change it: move it to `passwords.previous_peppers` and set another.
        ///
        /// It is kept outside of the database, so that the database's hashes alone are worth
        /// nothing.
        pepper: Option<Secret> = "";

        /// Earlier peppers that stored hashes may still be under. Those hashes are made anew at the
        /// next login. A file of its own may also hold one pepper a line.
        previous_peppers: Vec<Secret> = "";
    }
}

tuning! {
    passwords: PasswordsTuning {
        /// Bytes of memory that imported Argon2 and scrypt hashes may take together while they are
        /// verified. The largest default of any library fits, which is Django's Argon2 with 100
        /// MiB. A hash that needs more is not imported.
        foreign_memory_bytes: usize = "134217728", "1048576" to "1073741824";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};

    /// The declarations are text, and other code relies on these numbers.
    #[test]
    fn the_declaration_of_the_iterations_and_the_constants_say_the_same() {
        for (profile, iterations, is_valid) in [
            (Profile::Development, MAX_ITERATIONS, true),
            (Profile::Development, MAX_ITERATIONS + 1, false),
            (Profile::Testing, MAX_ITERATIONS, true),
        ] {
            let mut config = Config::new(profile);
            config.passwords.iterations = iterations;
            assert_eq!(config.validate().is_ok(), is_valid, "{iterations}");
        }
        for profile in [Profile::Development, Profile::Production] {
            assert_eq!(Passwords::new(profile).iterations, SAFE_ITERATIONS);
        }
    }
}
