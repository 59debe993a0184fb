//! What the documents say: their links and names, their commands, and the tests that they name.

mod answers;
mod names;
mod pages;
mod scripts;

use pages::{Page, root};
use std::path::Path;

/// The text of every source file below a directory.
fn sources(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            sources(&entry.path(), into);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_page_on_security_names_exists() {
    let mut all = String::new();
    sources(&root().join("src"), &mut all);
    sources(&root().join("tests"), &mut all);
    let page = Page::read("docs/security.md").text;
    let quoted = page.split('`').skip(1).step_by(2);
    let named: Vec<&str> = quoted.filter_map(|text| Some(text.rsplit_once("::")?.1)).collect();
    assert!(named.len() > 50, "{named:?}");
    for test in named.into_iter().filter(|test| *test != "test" && !test.is_empty()) {
        assert!(all.contains(&format!("fn {test}()")), "there is no test {test}");
    }
}

#[test]
fn every_test_that_contributing_names_exists() {
    let mut all = String::new();
    sources(&root().join("tests"), &mut all);
    let quoted = Page::read("CONTRIBUTING.md").quoted();
    // What has no underscore is a module.
    let named = quoted.iter().filter_map(|text| Some(text.rsplit_once("::")?.1));
    let named: Vec<&str> = named.filter(|name| name.contains('_')).collect();
    assert!(named.len() >= 9, "{named:?}");
    for test in named {
        assert!(all.contains(&format!("fn {test}()")), "there is no test {test}");
    }
}

#[test]
fn the_readme_is_short() {
    let length = Page::read("README.md").text.chars().count();
    assert!(length <= 9_000, "README.md has {length} characters: move something to docs/");
}

/// A file that no `mod` names is compiled by nobody, and its tests are silently not run.
#[test]
fn every_file_of_tests_is_compiled_in() {
    let dir = root().join("tests/end_to_end");
    let main = std::fs::read_to_string(dir.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let is_module = path.extension().is_some_and(|extension| extension == "rs")
            || path.join("mod.rs").exists();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if is_module && name != "main" {
            assert!(main.contains(&format!("mod {name};\n")), "main.rs lacks mod {name}");
        }
    }
}
