//! Comparing what a command printed with the answer that a document shows.
//!
//! In both, times, addresses on loopback and the ids of requests count by their form alone. Everything
//! else that is another each time is left out of the document as `…`.

/// Text in which nothing is left that is another each time.
pub(super) fn normal(text: &str) -> String {
    let text = text.replace('\r', "");
    let mut normal = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let is_form = |form: &str| {
            rest.len() >= form.len()
                && form.bytes().zip(rest.bytes()).all(|(form, byte)| match form {
                    b'0' => byte.is_ascii_digit(),
                    b'x' => byte.is_ascii_hexdigit(),
                    _ => form == byte,
                })
        };
        let (shown, length) = if is_form("0000-00-00T00:00:00Z") {
            ("(time)".to_owned(), 20)
        } else if is_form("\"request_id\":\"xxxxxxxxxxxxxxxx\"") {
            ("(request)".to_owned(), 31)
        } else if let Some(port) = rest.strip_prefix("127.0.0.1:") {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            ("(address)".to_owned(), "127.0.0.1:".len() + digits)
        } else {
            (first.to_string(), first.len_utf8())
        };
        normal += &shown;
        rest = &rest[length..];
    }
    normal.trim_end().to_owned()
}

/// Whether what came is what is shown, where `…` stands for anything and a line of it for any lines.
pub(super) fn is_as_shown(shown: &str, came: &str) -> bool {
    let shown = format!("\n{shown}\n").replace("\n…\n", "…\n");
    let came = format!("\n{came}\n");
    let mut parts = shown.split('…');
    let Some(mut rest) = came.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_answer_is_compared_with_what_is_shown() {
    for (shown, came, right) in [
        ("a", "a", true),
        ("a", "b", false),
        ("a", "a\nb", false),
        ("a…c", "abc", true),
        ("a…c", "abd", false),
        ("a\n…\nb", "a\nb", true),
        ("a\n…\nb", "a\nx\ny\nb", true),
        ("a\n…\nb", "a\nxb", false),
        ("a\n…", "a", true),
        ("…\nb", "x\nb", true),
    ] {
        assert_eq!(is_as_shown(shown, came), right, "{shown:?} {came:?}");
    }
    assert_eq!(normal("at 2026-11-22T18:59:37Z from 127.0.0.1:41"), "at (time) from (address)");
}
