//! The mode of a Unix socket as a setting.

use std::fmt;
use std::str::FromStr;

/// Who may connect: the permission bits of the file, in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(u32);

impl SocketMode {
    /// The bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// Why a text is not the mode of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASocketMode;

impl fmt::Display for NotASocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an octal mode of 0600 to 0777 in which the owner may read and write, such as 0660")
    }
}

impl std::error::Error for NotASocketMode {}

impl FromStr for SocketMode {
    type Err = NotASocketMode;

    fn from_str(text: &str) -> Result<Self, NotASocketMode> {
        let is_octal =
            (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let bits = u32::from_str_radix(text, 8).ok().filter(|_| is_octal).ok_or(NotASocketMode)?;
        // A socket is not executed, so those bits do no harm and mean nothing.
        if bits > 0o777 || bits & 0o600 != 0o600 { Err(NotASocketMode) } else { Ok(Self(bits)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal_and_lets_the_owner_in() {
        for (text, bits) in [("0660", 0o660), ("600", 0o600), ("0666", 0o666), ("0777", 0o777)] {
            assert_eq!(text.parse::<SocketMode>().unwrap().bits(), bits);
        }
        for text in ["", "66", "0066", "0860", "1660", "00660", "0o660", "rw-rw----", "-660"] {
            assert_eq!(text.parse::<SocketMode>(), Err(NotASocketMode), "{text}");
        }
        assert_eq!("660".parse::<SocketMode>().unwrap().to_string(), "0660");
    }
}
