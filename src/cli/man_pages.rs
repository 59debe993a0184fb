//! The man pages and the completions of shells, written from the same definition as the help texts.
//!
//! They are kept in `packaging/`, so that a package for another architecture can be built without
//! running the program.

use super::CommandLine;
use clap::{Command, CommandFactory};
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use std::collections::BTreeMap;
use std::path::Path;

/// Each file below `packaging/`, and what it holds.
fn written() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut text = Vec::new();
        // What completes after `help` would double the files.
        let mut root = CommandLine::command().disable_help_subcommand(true);
        clap_complete::generate(shell, &mut root, "gatepost", &mut text);
        files.insert(format!("completions/{}", shell.file_name("gatepost")), text);
    }
    let mut root = CommandLine::command();
    root.build();
    files.insert("man/gatepost.1".to_owned(), page(&root, "gatepost"));
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("gatepost-{}", command.get_name());
        files.insert(format!("man/{name}.1"), page(command, &name));
    }
    files
}

/// The page of a command, with a section for each command below it.
fn page(command: &Command, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let man = Man::new(command.clone()).section("1").manual("Gatepost");
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    man.render_synopsis_section(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    if name == "gatepost" {
        man.render_subcommands_section(&mut out).unwrap();
        out.extend(headed(".SH ENVIRONMENT", |text| man.render_extra_section(text)));
        return out;
    }
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        out.extend(format!(".SH {}\n", command.get_name().to_uppercase()).bytes());
        let man = Man::new(command.clone());
        out.extend(headed(".PP", |text| man.render_synopsis_section(text)));
        out.extend(headed(".PP", |text| man.render_description_section(text)));
        out.extend(headed(".PP", |text| man.render_options_section(text)));
    }
    out
}

/// A section under another heading.
fn headed(heading: &str, render: impl Fn(&mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
    let mut text = Vec::new();
    render(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().map(|line| if line.starts_with(".SH") { heading } else { line });
    lines.map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

#[test]
fn man_pages_and_completions_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let update = std::env::var_os("UPDATE").is_some_and(|update| update == "1");
    let written = written();
    for (name, text) in &written {
        let path = root.join(name);
        if update {
            std::fs::write(&path, text).unwrap();
        }
        assert!(
            std::fs::read(&path).unwrap_or_default() == *text,
            "packaging/{name} is not what the command line says; run \
             `UPDATE=1 cargo test --bin gatepost up_to_date`"
        );
    }
    for dir in ["completions", "man"] {
        for file in std::fs::read_dir(root.join(dir)).unwrap() {
            let name = format!("{dir}/{}", file.unwrap().file_name().display());
            assert!(written.contains_key(&name), "packaging/{name} is of no command");
        }
    }
}
