//! What stands in one place of the source only, so that a rule holds for all of it.

use std::path::{Path, PathBuf};

/// Every file below a directory.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The lines of code that hold one of these words, as `file: line`, outside of the file that may.
fn found(words: &[&str], allowed: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut seen) = (Vec::new(), false);
    for file in files(&root.join("src")) {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let hits = lines.filter(|line| words.iter().any(|word| line.contains(word)));
        if name == allowed {
            seen = hits.count() > 0;
        } else {
            found.extend(hits.map(|line| format!("{name}: {}", line.trim())));
        }
    }
    assert!(seen, "{allowed} does not hold {words:?} any more");
    found
}

#[test]
fn commands_are_made_in_one_place_which_gives_them_a_clean_environment() {
    assert_eq!(
        found(&["Command::new(", "process::Command;", "process::{Command"], "src/child.rs"),
        [""; 0]
    );
}

#[test]
fn the_program_writes_in_one_place_which_makes_text_from_outside_harmless() {
    let words =
        ["stdout()", "stderr()", "print!(", "println!(", "eprint!(", "eprintln!(", "SimpleLogger"];
    assert_eq!(found(&words, "src/cli/output.rs"), [""; 0]);
}

/// What a PostgreSQL-compatible distributed engine lacks, as SQL is written here: keywords in capitals,
/// functions in small letters.
const POSTGRESQL_ALONE: [&str; 12] = [
    "LISTEN",
    "UNLISTEN",
    "NOTIFY",
    "pg_notify",
    "TRIGGER",
    "UNLOGGED",
    "INHERITS",
    "EXCLUDE USING",
    "CITEXT",
    "citext",
    "CREATE EXTENSION",
    "pg_advisory",
];

#[test]
fn the_sql_keeps_to_what_compatible_engines_have_too() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for file in files(&root.join("sql")).into_iter().chain(files(&root.join("src"))) {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let comment = if name.ends_with(".sql") { "--" } else { "//" };
        let code = text
            .lines()
            .filter(|line| !name.ends_with(".md") && !line.trim_start().starts_with(comment));
        for line in code {
            let stands = |word: &str| {
                line.match_indices(word).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + word.len()..].chars().next();
                    ![before, after].iter().flatten().any(|c| c.is_ascii_uppercase() || *c == '_')
                })
            };
            let words = POSTGRESQL_ALONE.iter().filter(|word| stands(word));
            found.extend(words.map(|word| format!("{name}: {word}: {}", line.trim())));
        }
    }
    assert_eq!(found, [""; 0]);
}
