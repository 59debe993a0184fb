//! What a command lists: aligned under a heading on a terminal, separated by tabs in a pipe, or
//! with `--json` one object a line.

use super::output::{is_terminal, print, raw};
use super::{Failure, Outcome};
use gatepost::printable;
use serde::Serialize;
use std::fmt::{Display, Write as _};
use std::io::Write;

/// The option of every command that prints records.
#[derive(clap::Args)]
pub(super) struct Form {
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Records of one kind, until they are printed.
pub(super) struct Records {
    kind: Kind,
    heading: Option<&'static [&'static str]>,
    rows: Vec<Vec<String>>,
    objects: String,
}

enum Kind {
    Aligned,
    Tabs,
    Json,
}

impl Form {
    /// Whether JSON is wanted.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }
}

impl Records {
    /// None yet. `heading` names the columns, for a terminal.
    pub(super) fn new(form: &Form, heading: &'static [&'static str]) -> Self {
        let kind = match form.json {
            true => Kind::Json,
            false if is_terminal() => Kind::Aligned,
            false => Kind::Tabs,
        };
        Self { kind, heading: Some(heading), rows: Vec::new(), objects: String::new() }
    }

    /// Adds a record: its columns, and what it is as JSON.
    ///
    /// # Errors
    /// Those of its serialization.
    pub(super) fn push<T: Serialize>(
        &mut self,
        columns: &[&dyn Display],
        object: impl FnOnce() -> T,
    ) -> Outcome {
        if let Kind::Json = self.kind {
            self.objects += &json_line(&object())?;
            return Ok(());
        }
        let shown = |column: &&dyn Display| printable::line(&column.to_string()).into_owned();
        self.rows.push(columns.iter().map(shown).collect());
        Ok(())
    }

    /// Prints the records that were added since the last time.
    pub(super) fn print(&mut self) -> Outcome {
        let rows = std::mem::take(&mut self.rows);
        match self.kind {
            Kind::Json => write_json(&std::mem::take(&mut self.objects)),
            Kind::Tabs => print(&rows.iter().map(|row| row.join("\t") + "\n").collect::<String>()),
            Kind::Aligned if rows.is_empty() => Ok(()),
            Kind::Aligned => print(&aligned(self.heading.take(), &rows)),
        }
    }
}

/// Prints an object on a line of its own, where `--json` asks for what is no table.
pub(super) fn print_json(object: &impl Serialize) -> Outcome {
    write_json(&json_line(object)?)
}

fn write_json(lines: &str) -> Outcome {
    let mut out = raw();
    out.write_all(lines.as_bytes())?;
    Ok(out.flush()?)
}

/// JSON that is safe to show on a terminal: what is invisible is escaped.
fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if printable::is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    Ok(line)
}

fn aligned(heading: Option<&[&str]>, rows: &[Vec<String>]) -> String {
    let heading: Vec<String> =
        heading.unwrap_or_default().iter().map(ToString::to_string).collect();
    let all = || std::iter::once(&heading).filter(|row| !row.is_empty()).chain(rows);
    let mut widths: Vec<usize> = Vec::new();
    for row in all() {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [vec!["1".to_owned(), "élodie".to_owned()], vec!["12".to_owned(), "x".to_owned()]];
        assert_eq!(
            aligned(Some(&["ID", "LOGIN", "X"]), &rows),
            "ID  LOGIN   X\n1   élodie\n12  x\n"
        );
        assert_eq!(aligned(None, &rows[1..]), "12  x\n");
    }

    #[test]
    fn json_keeps_the_value_and_shows_nothing_invisible() {
        let value = serde_json::json!({"login": "a\u{202e}b\u{1b}\u{e0001}"});
        let Ok(line) = json_line(&value) else { panic!("it is not written") };
        assert_eq!(line, "{\"login\":\"a\\u202eb\\u001b\\udb40\\udc01\"}\n");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }
}
