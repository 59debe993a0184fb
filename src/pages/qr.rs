//! QR codes as pictures that stand in a page.

use crate::error::{Error, Result};
use qrcode::{Color, QrCode};
use std::fmt::Write;

/// Light modules around the code (ISO/IEC 18004, 6.3.8).
const QUIET: usize = 4;

/// The code of a text, as SVG. It is dark on light in either mode, as readers expect it.
///
/// # Errors
/// [`Error::Internal`] when the text is too long for a code.
pub(super) fn svg(text: &str) -> Result<String> {
    let code = QrCode::new(text).map_err(|e| Error::Internal(format!("a QR code: {e}")))?;
    let width = code.width();
    let size = width + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % width + QUIET, at / width + QUIET);
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    Ok(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {size} {size}\" role=\"img\" aria-label=\"QR\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_three_corners_and_light_around_it() {
        let picture = svg("otpauth://totp/Gatepost:alice?secret=ABC&issuer=Gatepost").unwrap();
        let size = 33 + 2 * QUIET;
        assert!(picture.contains(&format!("viewBox=\"0 0 {size} {size}\"")), "{picture}");
        for corner in ["M4 4h1v1h-1z", "M36 4h1v1h-1z", "M4 36h1v1h-1z"] {
            assert!(picture.contains(corner), "{corner}");
        }
        assert!(!picture.contains("M3 ") && !picture.contains(" 3h1"), "{picture}");
        assert!(svg(&"a".repeat(5_000)).is_err());
    }
}
