//! What the documents name exists: links, files, commands and their options.

use super::pages::{Page, root};
use crate::support::program::{Home, success};
use std::collections::BTreeMap;

/// What is wrong with a link of this page, if anything.
fn fault_of_link(page: &Page, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = match file {
        "" => root().join(&page.name),
        file => page.dir().join(file),
    };
    if !path.exists() {
        return Some(format!("{}: the link {link} leads nowhere", page.name));
    }
    if anchor.is_empty() {
        return None;
    }
    let path = path.canonicalize().unwrap();
    let name = path.strip_prefix(root().canonicalize().unwrap()).unwrap().to_str().unwrap();
    let is_there = Page::read(name).anchors().iter().any(|found| found == anchor);
    (!is_there).then(|| format!("{}: there is no heading {link}", page.name))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut count, mut faults) = (0, Vec::new());
    for page in Page::all() {
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            faults.extend(fault_of_link(&page, &link));
            count += 1;
        }
    }
    assert_eq!(faults, [""; 0]);
    assert!(count > 40, "{count} links were found");
}

/// Whether words in backticks are meant as the path of a file here, and not as an example.
fn is_path(text: &str) -> bool {
    const TOP: [&str; 9] =
        ["src", "tests", "sql", "config", "docs", "benches", "fuzz", "examples", ".ci"];
    let example = text.contains(['<', '*', '{', '…', ' ', '=']) || text.contains("PROFILE");
    let below = text.split_once('/').is_some_and(|(first, _)| TOP.contains(&first));
    let beside = !text.contains('/') && text.ends_with(".md");
    !example && (below || beside)
}

#[test]
fn every_file_that_a_document_names_exists() {
    let (mut count, mut missing) = (0, Vec::new());
    for page in Page::all() {
        for text in page.quoted().into_iter().filter(|text| is_path(text)) {
            if !page.dir().join(&text).exists() && !root().join(&text).exists() {
                missing.push(format!("{}: {text}", page.name));
            }
            count += 1;
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(count > 40, "{count} files were found");
}

/// What words in backticks say of a setting: its name, also with a value behind it.
fn setting(text: &str) -> Option<&str> {
    const SECTIONS: [&str; 10] = [
        "server",
        "database",
        "access",
        "passwords",
        "limits",
        "audit",
        "tokens",
        "encryption",
        "sessions",
        "log",
    ];
    let name = text.split(" = ").next()?;
    let (section, key) = name.split_once('.')?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    // `audit.rs` and the like are files.
    (SECTIONS.contains(&section) && is_key && key != "rs").then_some(name)
}

#[test]
fn every_setting_that_a_document_names_exists() {
    let settings = Page::read("docs/settings.md").text;
    let (mut count, mut unknown) = (0, Vec::new());
    // What the changelog tells of may be gone.
    for page in Page::all().iter().filter(|page| page.name != "CHANGELOG.md") {
        let quoted = page.quoted();
        for name in quoted.iter().filter_map(|text| setting(text)) {
            if !settings.contains(name) {
                unknown.push(format!("{}: {name}", page.name));
            }
            count += 1;
        }
    }
    assert_eq!(unknown, [""; 0]);
    assert!(count > 60, "{count} settings were found");
}

/// Where words of a shell end a command or let the next one begin.
const BETWEEN: [&str; 8] = ["&&", "||", "|", "(", ")", ";", "{", "}"];

/// The commands of `gatepost` in a piece of shell: their words, without `gatepost` itself.
fn commands(shell: &str) -> Vec<Vec<String>> {
    let mut shell = shell.replace("cargo run -q -- ", "gatepost ").replace("\\\n", " ");
    for separator in ["(", ")", ";", "|"] {
        shell = shell.replace(separator, &format!(" {separator} "));
    }
    let (mut found, mut starts, mut inside) = (Vec::<Vec<String>>::new(), true, false);
    let mut before = "";
    for word in shell.split_whitespace() {
        let is_user = before == "-u" && !inside;
        before = word;
        if is_user {
            continue;
        }
        if BETWEEN.contains(&word) || word.starts_with('>') {
            (starts, inside) = (true, false);
        } else if inside {
            found.last_mut().unwrap().push(word.to_owned());
        } else if starts && word == "gatepost" {
            found.push(Vec::new());
            inside = true;
        } else {
            // An assignment or `sudo -u USER` before a command.
            starts = word.contains('=') || matches!(word, "sudo" | "-u" | "env" | "then" | "$");
        }
    }
    found
}

/// Checks a command's words against what the program says of itself.
fn check(words: &[String], help: &mut impl FnMut(&str) -> String, place: &str) {
    let is_name = |word: &&String| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let names: Vec<&String> =
        words.iter().take_while(is_name).take_while(|word| !word.starts_with('-')).collect();
    // The command, and the one below it; what stands there may be an argument instead.
    let path: Vec<&str> = names.iter().take(2).map(|name| name.as_str()).collect();
    let topic = path.join(" ");
    let text = help(if path.first() == Some(&"help") { "" } else { &topic });
    let options = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
    for option in options {
        let option = option.split('=').next().unwrap();
        let known = text.contains(option);
        assert!(known, "{place}: gatepost {topic} has no option {option}");
    }
}

#[test]
fn every_command_that_a_document_names_exists() {
    let (home, mut texts) = (Home::new(), BTreeMap::new());
    let mut help = |topic: &str| -> String {
        let asked = || {
            let words: Vec<&str> = topic.split_whitespace().chain(["--help"]).collect();
            success(&home.run(&words, ""))
        };
        texts.entry(topic.to_owned()).or_insert_with(asked).clone()
    };
    let mut count = 0;
    // What the changelog tells of may be gone.
    for page in Page::all().iter().filter(|page| page.name != "CHANGELOG.md") {
        let steps = page.steps();
        let shown = steps.iter().map(|step| (step.command.clone(), step.place.clone()));
        let quoted = page.quoted().into_iter().map(|text| (text, page.name.clone()));
        for (shell, place) in shown.chain(quoted) {
            for words in commands(&shell) {
                check(&words, &mut help, &place);
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count} commands were found");
}
