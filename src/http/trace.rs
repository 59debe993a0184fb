//! The trace that a request belongs to, as its caller says (W3C Trace Context, `traceparent`).
//!
//! Anyone may name one: it gives no right, and goes nowhere but into the log. So it is taken only
//! in the one form of version 00, and anything else is as if nothing had been said.

/// The id of the trace out of all values of `traceparent`, 32 digits of hexadecimal. None where
/// there is not exactly one value, or it is malformed.
pub(super) fn id(values: &[String]) -> Option<&str> {
    let [value] = values else { return None };
    let parts: Vec<&str> = value.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else { return None };
    let fits = version == "00" && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2);
    fits.then_some(trace)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// All zeros mean that there is no id (3.2.2.3 and 3.2.2.4).
fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_one_form_of_version_00_is_taken() {
        assert_eq!(id(&[GOOD.to_owned()]), Some(TRACE));
        assert_eq!(id(&[GOOD.replace("-01", "-00")]), Some(TRACE));
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        let zeros = GOOD.replace(TRACE, &"0".repeat(32));
        let short = GOOD.replace("4bf9", "4bf");
        for value in [
            "",
            TRACE,
            &zeros,
            &short,
            &GOOD.to_uppercase(),
            &GOOD.replace("00f067aa0ba902b7", "0000000000000000"),
            &GOOD.replace("00-4", "01-4"),
            &GOOD.replace("00-4", "ff-4"),
            &GOOD.replace("-01", ""),
            &GOOD.replace("-01", "-0g"),
            &GOOD.replace("4bf9", "4bg9"),
            &format!("{GOOD}-00"),
            &format!(" {GOOD}"),
            &GOOD.replace("4bf92f3577b34da6", "4bf9 f3577b34da6"),
        ] {
            assert_eq!(id(&[value.to_owned()]), None, "{value:?}");
        }
        assert_eq!(id(&[]), None);
        assert_eq!(id(&[GOOD.to_owned(), GOOD.to_owned()]), None);
    }
}
