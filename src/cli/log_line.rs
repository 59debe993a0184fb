//! A line of the log as JSON, and as systemd's journal wants it; one line, whatever a text from
//! outside holds.
//!
//! In JSON a record has the fields `time`, `level`, `target` and `msg`. The line of a request has those of
//! `FIELDS` besides. All names are frozen. Of what a record carries only these are written, so a
//! library cannot put a value into the log that nobody has looked at.

use gatepost::printable;
use log::kv::{Key, Value};
use log::{Level, Record};
use serde_json::Value as Json;
use time::OffsetDateTime;

/// The fields of a request, in the order in which they are written.
const FIELDS: [&str; 7] = ["request_id", "method", "path", "status", "ms", "client", "trace_id"];

/// What stands before a line of this level, as sd-daemon(3) says.
pub(super) fn priority(level: Level) -> &'static str {
    match level {
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// The default form without the time, since the journal has its own.
pub(super) fn untimed(record: &Record<'_>) -> String {
    let (target, text) = (printable::line(record.target()), record.args().to_string());
    format!("{:<5} [{target}] {}", record.level(), printable::line(&text))
}

/// Whether `JOURNAL_STREAM` names a file by its device and inode, as systemd.exec(5) says. The
/// variable is inherited, so alone it proves nothing.
pub(super) fn is_named(stream: &str, device: u64, inode: u64) -> bool {
    stream == format!("{device}:{inode}")
}

/// The record as a JSON object, without the end of the line; `now` is left out for the journal.
pub(super) fn json(record: &Record<'_>, now: Option<OffsetDateTime>) -> String {
    let mut line = String::from("{");
    let mut field = |name: &str, value: Json| {
        let separator = if line.len() > 1 { "," } else { "" };
        line.push_str(&format!("{separator}\"{name}\":{value}"));
    };
    if let Some(now) = now {
        field("time", Json::from(rfc_3339(now)));
    }
    field("level", Json::from(record.level().as_str().to_lowercase()));
    field("target", text(record.target()));
    field("msg", text(&record.args().to_string()));
    for name in FIELDS {
        if let Some(value) = record.key_values().get(Key::from_str(name)).and_then(|v| plain(&v)) {
            field(name, value);
        }
    }
    line.push('}');
    line
}

/// A text that is safe to show on a terminal when the JSON has been read.
fn text(text: &str) -> Json {
    Json::from(printable::line(text))
}

/// A number as a number, anything else as a text. What is empty is not known, and left out.
fn plain(value: &Value<'_>) -> Option<Json> {
    let shown = || Some(value.to_string()).filter(|shown| !shown.is_empty());
    value.to_u64().map(Json::from).or_else(|| shown().map(|shown| text(&shown)))
}

/// In UTC and to the millisecond, as the other form writes it.
fn rfc_3339(now: OffsetDateTime) -> String {
    let ((year, month, day), (hour, minute, second, ms)) =
        (now.to_calendar_date(), now.to_hms_milli());
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Option<OffsetDateTime> {
        let seconds = OffsetDateTime::from_unix_timestamp(1_763_823_845).unwrap();
        Some(seconds + std::time::Duration::from_millis(7))
    }

    #[test]
    fn a_record_without_a_request_has_four_fields() {
        let args = format_args!("it is {}", "so");
        let record = Record::builder().target("gatepost::db").level(Level::Warn).args(args).build();
        assert_eq!(
            json(&record, now()),
            r#"{"time":"2025-11-22T15:04:05.007Z","level":"warn","target":"gatepost::db","msg":"it is so"}"#
        );
    }

    #[test]
    fn a_line_is_one_line_of_json_whatever_comes_from_outside() {
        let evil = "a\"b\\c\n{\"level\":\"x\"}\r\u{2028}\u{85}\u{0}\u{7f}\u{1b}[2J\u{202e}é";
        let fields = [("path", evil), ("client", ""), ("password", "secret"), ("time", "5")];
        let args = format_args!("{evil}");
        let record = Record::builder().target(evil).args(args).key_values(&fields).build();
        let line = json(&record, now());
        assert!(
            !line.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{202e}'),
            "{line}"
        );
        let read: Json = serde_json::from_str(&line).unwrap();
        let safe = printable::line(evil);
        assert_eq!([&read["msg"], &read["path"], &read["target"]], [&*safe; 3]);
        assert_eq!(line.matches("\"time\":").count(), 1, "{line}");
        assert_eq!(read.as_object().unwrap().len(), 5, "{line}");
    }

    #[test]
    fn numbers_stay_numbers() {
        let fields = [("ms", 12_u64), ("status", 200)];
        let record = Record::builder().args(format_args!("")).key_values(&fields).build();
        assert!(json(&record, now()).ends_with(r#""status":200,"ms":12}"#));
    }

    #[test]
    fn a_stream_is_the_journal_where_device_and_inode_are_the_same() {
        assert!(is_named("8:1234", 8, 1234));
        for other in ["", "8:123", "8:12345", "9:1234", "1234:8", "8:1234 ", "8"] {
            assert!(!is_named(other, 8, 1234), "{other:?}");
        }
    }

    #[test]
    fn the_journal_gets_no_time_and_one_line() {
        let args = format_args!("a\n<0>b");
        let record = Record::builder().target("x").level(Level::Warn).args(args).build();
        assert_eq!(untimed(&record), "WARN  [x] a\\n<0>b");
        assert_eq!(json(&record, None), r#"{"level":"warn","target":"x","msg":"a\\n<0>b"}"#);
    }
}
