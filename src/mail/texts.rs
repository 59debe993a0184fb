//! What messages say. English is built in; a directory may replace each text, by language.
//!
//! A text is a file `LANGUAGE/KIND.txt`: a line `Subject: …`, an empty line, and the text. Beside it may lie
//! `LANGUAGE/KIND.html`. Without one the HTML is made from the text. What stands in braces is replaced by a
//! value, which is escaped in HTML. All files are read when the service starts, and a fault in one is an error then.
//! They are read again whenever mail leaves, so a change needs no restart; a fault then lets messages wait.

use super::kind::{LINK, MessageKind, Named};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Most bytes of a file: far above any message.
const MOST_BYTES: u64 = 64 * 1024;

/// A message that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

/// A text with placeholders.
struct Template {
    subject: String,
    text: String,
    html: Option<String>,
}

/// The texts of all languages.
pub(crate) struct Texts {
    /// By language in lower case, and kind.
    replaced: BTreeMap<(String, MessageKind), Template>,
    language: String,
}

impl Texts {
    /// Reads those that replace ours, if there is such a directory.
    ///
    /// # Errors
    /// What is wrong with one, and with which.
    pub(crate) fn open(dir: Option<&Path>, language: &str) -> Result<Self, String> {
        let mut replaced = BTreeMap::new();
        for dir in dir.map(languages).transpose()?.unwrap_or_default() {
            let name = dir.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            for kind in MessageKind::ALL {
                if let Some(template) = read(&dir, kind)? {
                    replaced.insert((name.clone(), kind), template);
                }
            }
            check_names(&dir)?;
        }
        Ok(Self { replaced, language: language.to_ascii_lowercase() })
    }

    /// A message in this language, or in the one that it is a kind of (`pt` of `pt-BR`), or in the usual one. What
    /// has no value is left out.
    pub(crate) fn render(
        &self,
        kind: MessageKind,
        language: Option<&str>,
        values: &[(&str, &str)],
    ) -> Rendered {
        let asked = language.unwrap_or_default().to_ascii_lowercase();
        let general = asked.split('-').next().unwrap_or_default().to_owned();
        let found = [asked, general, self.language.clone()]
            .into_iter()
            .find_map(|language| self.replaced.get(&(language, kind)));
        match found {
            Some(template) => template.filled(values),
            None => parse(kind.parts().1).filled(values),
        }
    }

    /// A message with made-up values.
    pub(crate) fn preview(&self, kind: MessageKind, language: Option<&str>) -> Rendered {
        let link = LINK.1.replace("kind", kind.name());
        let values: Vec<Named> = kind.placeholders().collect();
        let values: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (*name, if *name == "link" { link.as_str() } else { value }))
            .collect();
        self.render(kind, language, &values)
    }
}

/// The directories of languages.
fn languages(dir: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let fault = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Refuses files that nobody would ever read, which are misspelled.
fn check_names(dir: &Path) -> Result<(), String> {
    let fault = |e: std::io::Error| format!("{}: {e}", dir.display());
    for entry in fs::read_dir(dir).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let ends = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_owned();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if matches!(ends.as_str(), "txt" | "html") && MessageKind::find(&stem).is_none() {
            let all = MessageKind::ALL.map(MessageKind::name).join(", ");
            return Err(format!("{}: there is no such message; there are {all}", path.display()));
        }
        if ends == "html" && !path.with_extension("txt").exists() {
            return Err(format!("{}: needs a text beside it, {stem}.txt", path.display()));
        }
    }
    Ok(())
}

fn read(dir: &Path, kind: MessageKind) -> Result<Option<Template>, String> {
    let Some(text) = content(&dir.join(format!("{}.txt", kind.name())), kind)? else {
        return Ok(None);
    };
    let template = Template {
        html: content(&dir.join(format!("{}.html", kind.name())), kind)?,
        ..parse(&text)
    };
    if template.subject.is_empty() || template.text.is_empty() {
        let path = dir.join(format!("{}.txt", kind.name()));
        return Err(format!(
            "{}: must begin with a line \"Subject: …\", an empty line and a text",
            path.display()
        ));
    }
    Ok(Some(template))
}

/// A file, once its placeholders are known to have values.
fn content(path: &Path, kind: MessageKind) -> Result<Option<String>, String> {
    let fault = |e: std::io::Error| format!("{}: {e}", path.display());
    let about = match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        about => about.map_err(fault)?,
    };
    if about.len() > MOST_BYTES {
        return Err(format!("{}: is longer than {MOST_BYTES} bytes", path.display()));
    }
    let text = fs::read_to_string(path).map_err(fault)?;
    for name in placeholders(&text) {
        if !kind.placeholders().any(|(known, _)| known == name) {
            let all: Vec<String> =
                kind.placeholders().map(|(name, _)| format!("{{{name}}}")).collect();
            let all = all.join(", ");
            return Err(format!("{}: {{{name}}} is not one of {all}", path.display()));
        }
    }
    Ok(Some(text))
}

/// The names in braces. Braces around anything else, as style sheets have them, are text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_name.then_some(name)
    })
}

fn parse(file: &str) -> Template {
    let file = file.replace("\r\n", "\n");
    let (first, text) = file.split_once('\n').unwrap_or((&file, ""));
    let subject = first.strip_prefix("Subject:").unwrap_or_default().trim().to_owned();
    Template { subject, text: text.trim_matches('\n').to_owned(), html: None }
}

impl Template {
    fn filled(&self, values: &[(&str, &str)]) -> Rendered {
        let html = match &self.html {
            Some(html) => filled(html, values, escaped),
            None => page(&self.text, values),
        };
        // A value may hold a line break only where lines may be.
        let in_line = |value: &str| value.chars().filter(|c| !c.is_control()).collect();
        Rendered {
            subject: filled(&self.subject, values, in_line),
            text: filled(&self.text, values, str::to_owned) + "\n",
            html,
        }
    }
}

/// The same text in HTML: its paragraphs, and the link as one.
fn page(text: &str, values: &[(&str, &str)]) -> String {
    let paragraph = |paragraph: &str| {
        let paragraph = escaped(paragraph.trim()).replace('\n', "<br>\n");
        let paragraph = paragraph.replace("{link}", "<a href=\"{link}\">{link}</a>");
        format!("<p>{}</p>\n", filled(&paragraph, values, escaped))
    };
    let paragraphs: String =
        text.split("\n\n").filter(|it| !it.trim().is_empty()).map(paragraph).collect();
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font-family:sans-serif;max-width:40em\">\n{paragraphs}</body></html>\n"
    )
}

/// Puts values in the place of their names, once: what a value holds is never a name.
fn filled(template: &str, values: &[(&str, &str)], write: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some(begin) = rest.find('{') {
        let (before, after) = rest.split_at(begin);
        out.push_str(before);
        let name = after[1..].split_once('}').map(|(name, _)| name);
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        match name.filter(is_name) {
            Some(name) => {
                let value = values.iter().find(|(known, _)| *known == name);
                out.push_str(&value.map(|(_, value)| write(value)).unwrap_or_default());
                rest = &after[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_ours_has_a_subject_and_names_only_what_it_may() {
        for kind in MessageKind::ALL {
            let (name, text, _) = kind.parts();
            let template = parse(text);
            assert!(!template.subject.is_empty() && !template.text.is_empty(), "{name}");
            for placeholder in placeholders(text) {
                assert!(kind.placeholders().any(|(known, _)| known == placeholder), "{name}");
            }
            let shown = Texts::open(None, "en").unwrap().preview(kind, None);
            assert!(!format!("{shown:?}").contains(['{', '}'][0].to_string().repeat(2).as_str()));
            assert!(shown.text.ends_with('\n') && !shown.text.contains('{'), "{name}");
            let links = placeholders(text).filter(|name| *name == "link").count();
            assert_eq!(shown.html.matches("<a href=").count(), links, "{name}");
        }
    }

    #[test]
    fn a_value_is_escaped_in_html_ends_no_line_of_the_head_and_is_no_template() {
        let texts = Texts::open(None, "en").unwrap();
        let login = "<b>{code}\"&'\r\nBcc: x";
        let values = [("login", login), ("service", "a\r\nBcc: b"), ("code", "12345678")];
        let shown = texts.render(MessageKind::Recovery, None, &values);
        assert!(shown.html.contains("&lt;b&gt;{code}&quot;&amp;&#39;"), "{}", shown.html);
        assert!(!shown.html.contains("<b>"));
        assert!(shown.text.contains("<b>{code}"));
        assert_eq!(shown.subject, "A new password for aBcc: b");
    }

    #[test]
    fn a_directory_replaces_texts_by_language() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let open = || Texts::open(Some(dir.path()), "en");
        file("de/recovery.txt", "Subject: Neues Passwort\n\nHier: {link}\n");
        file("de/recovery.html", "<style>p { color: red }</style><p>{login}</p>");
        file("en/test.txt", "Subject: Ours\n\nText\n");
        let texts = open().unwrap();
        let german = texts.render(MessageKind::Recovery, Some("de-AT"), &[("login", "<a>")]);
        assert_eq!(german.subject, "Neues Passwort");
        assert_eq!(german.html, "<style>p { color: red }</style><p>&lt;a&gt;</p>");
        assert_eq!(texts.preview(MessageKind::Test, Some("fr")).subject, "Ours");
        let english = texts.preview(MessageKind::Recovery, Some("fr")).subject;
        assert_eq!(english, "A new password for auth.example.com");
        for (name, text, cause) in [
            ("fr/recovery.txt", "Subject: x\n\n{lnk}\n", "{lnk} is not one of"),
            ("fr/recovery.txt", "no subject\n", "must begin with"),
            ("fr/recovry.txt", "Subject: x\n\ny\n", "no such message"),
            ("fr/test.html", "<p>", "needs a text beside it"),
        ] {
            file(name, text);
            let fault = open().err().unwrap();
            assert!(fault.contains(cause) && fault.contains(name), "{fault}");
            fs::remove_dir_all(dir.path().join("fr")).unwrap();
        }
        file("fr/test.txt", &"x".repeat(70_000));
        assert!(open().err().unwrap().contains("longer"));
    }
}
