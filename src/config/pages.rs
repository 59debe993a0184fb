//! `[pages]`: pages for people.

use super::web_origin::WebOrigin;
use std::fmt;
use std::path::{Path, PathBuf};

section! {
    /// Pages for people: to sign in, to register, to get back into an account.
    pages: Pages {
        /// Which pages there are: none; with `sign-in` those to sign in and out, to register, and to get back
        /// into an account; with `all` also those on which people see and change their own account, and admins run
        /// the service.
        ///
        /// A service for programs alone should show people nothing.
        enabled: PagesEnabled = "off";

        /// The origin under which browsers reach the pages, such as `https://login.example.com`. Without it,
        /// the pages are for browsers on this machine.
        ///
        /// Forms are taken from pages of this origin alone, cookies depend on whether it has TLS, and links in
        /// messages lead there unless `mail.link_base` is set.
        origin: Option<WebOrigin> = "";

        /// What the pages call the service.
        name: String = "Gatepost";

        /// The file of a picture that the pages show in place of that name: SVG, PNG, WebP or JPEG, up to 256 KiB. It is
        /// read when a browser asks for it.
        logo: Option<PathBuf> = "";

        /// The colour of buttons, such as `#1f5fbf`. What is written on them is black or white, whichever
        /// can be read better.
        accent_color: Color = "#1f5fbf";

        /// The origins of web pages whose calls of the API count with the cookie of whoever is signed in, such as
        /// `https://app.example.com`. The browser must regard them as the same site as `pages.origin`. They may read the
        /// answers, as with `server.cors_origins`.
        ///
        /// Whatever runs on such a page can do all that its visitor may, so by default the API takes no cookie.
        cookie_api: Vec<WebOrigin> = "";
    }
}

impl Pages {
    /// The origin that links may lead to, where there are pages.
    pub(crate) fn in_use(&self) -> Option<&WebOrigin> {
        self.origin.as_ref().filter(|_| self.enabled != PagesEnabled::Off)
    }
}

/// The media type of a picture, by how its file is called.
pub(crate) fn picture(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "jpg" | "jpeg" => "image/jpeg",
        _ => return None,
    })
}

/// Which pages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagesEnabled {
    /// None.
    Off,
    /// Those to sign in and out, to register, and to get back into an account.
    SignIn,
    /// Those, the pages of one's own account, and administration.
    All,
}

words!(PagesEnabled { "off" => PagesEnabled::Off, "sign-in" => PagesEnabled::SignIn, "all" => PagesEnabled::All });

/// A colour as style sheets write it: `#` and six hexadecimal digits, two each for red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    #[cfg(any(test, feature = "pages"))]
    /// Whether black can be read better on it than white: relative luminance and contrast of WCAG 2.2.
    pub(crate) fn is_light(self) -> bool {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?}: expected a colour such as #1f5fbf");
        let digits = text.strip_prefix('#').ok_or_else(fault)?;
        let is_hex = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or_else(fault)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_digits_and_nothing_that_could_end_a_rule_of_a_style_sheet() {
        assert_eq!(Color::parse("#1F5fbf").unwrap().to_string(), "#1f5fbf");
        for text in ["", "#", "red", "1f5fbf", "#fff", "#1f5fbf;", "#+f5fbf", "#1f5fbé", "#1f5fb"]
        {
            assert!(Color::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn white_is_written_on_dark_colours_and_black_on_light_ones() {
        let is_light = |text| Color::parse(text).unwrap().is_light();
        assert_eq!(["#000000", "#1f5fbf", "#b00020"].map(is_light), [false; 3]);
        assert_eq!(["#ffffff", "#ffd400", "#33cc66"].map(is_light), [true; 3]);
    }
}
