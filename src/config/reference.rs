//! `docs/settings.md`, made from the declarations of the settings. The file is kept in the
//! repository for readers; the test fails when it is out of date.

use super::sections::{SECTIONS, table};
use super::setting::Setting;
use std::fmt::Write;

/// The text before the first section.
const INTRODUCTION: &str = "\
# Settings

<!-- Generated from src/config; after a change there: UPDATE=1 cargo test --lib settings_reference -->

Gatepost runs without any of them, except in production. `gatepost check-config` prints every setting
with its value and where it came from, and names everything that is wrong.

**Sources.** The environment takes precedence over the configuration file, and the file over the
defaults. The file is the one that `--config` names, otherwise the one that `GATEPOST_CONFIG` names.
Without either it is `config/PROFILE.toml` in the working directory, and if there is none, the copy of
it in the program. It is written in TOML:

    [server]
    listen = \"127.0.0.1:8080\"

In the environment the same setting is `GATEPOST_SERVER_LISTEN`. An unknown name is an error in both
places. Variables that a container platform sets by itself for a service called gatepost, such as
`GATEPOST_PORT`, are ignored with a line in the log.

**Profiles.** `APP_SETTINGS` chooses one of three: `development` (the default), `testing`, which makes
password hashes cheap, and `production`, which has stronger defaults and does not start until you have
decided what it cannot decide for you. Where a profile has a default of its own, it is given below.

**Secrets** can be in a file of their own, whose name `database.url_file` or
`GATEPOST_DATABASE_URL_FILE` gives. A line end after the secret is not part of it. It is an error to
give both the secret and the file. No secret is ever shown.

**Lists** are written as an array, `[\"10.0.0.0/8\", \"fd00::/8\"]`, or with commas,
`10.0.0.0/8, fd00::/8`. The file and the environment take both; in the file the second form is in
quotes.

**Durations** are a whole number with a unit: `500ms`, `30s`, `15m`, `12h` or `7d`. In the file they are in
quotes.

**Numbers** are whole. `_` may stand between digits.

A setting that can have no effect beside the others is an error too, such as `server.forwarded_header`
without `server.trusted_proxies`.
";

/// The lines of a documentation comment as paragraphs.
fn text(lines: &[&str]) -> String {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n")
}

/// A default as the page shows it.
fn shown(default: &str) -> String {
    if default.is_empty() { "none".to_owned() } else { format!("`{default}`") }
}

fn entry(setting: &Setting) -> String {
    let reference = &setting.reference;
    let variable = setting.variable();
    let environment = match setting {
        Setting { tables: true, .. } => "no; in a file alone".to_owned(),
        Setting { secret: true, .. } => format!("`{variable}`, or `{variable}_FILE`"),
        _ => format!("`{variable}`"),
    };
    let range = if reference.range.is_empty() { "" } else { ", " };
    let mut default = format!("default: {}", shown(reference.default));
    for (profile, special) in reference.special {
        write!(default, ", in {profile} {}", shown(special)).unwrap();
    }
    format!(
        "\n### {}\n\n{}\n\n- environment: {environment}\n- value: {}{range}{}\n- {default}\n",
        setting.name(),
        text(reference.lines),
        reference.form,
        reference.range,
    )
}

/// The whole page.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (section, about) in SECTIONS {
        write!(page, "\n## [{section}]\n\n{}\n", text(about)).unwrap();
        for setting in table().filter(|setting| setting.section == *section) {
            page.push_str(&entry(setting));
        }
    }
    page
}

#[test]
fn settings_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        std::fs::write(path, page()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page(),
        "docs/settings.md is not what the settings say; run \
         `UPDATE=1 cargo test --lib settings_reference`"
    );
}
