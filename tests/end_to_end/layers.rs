//! That imports go down the list of layers in `src/lib.rs`, that no files import each other in a
//! circle, and that SQL knows neither `app` nor `http`. Code of unit tests is not looked at.

use crate::sources::files;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The library's files: a module's path, such as `users::store`, and its code without comments.
fn modules() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    for file in files(&src) {
        let path = file.strip_prefix(&src).unwrap().with_extension("");
        let module = path.to_str().unwrap().trim_end_matches("/mod").replace('/', "::");
        let (program, tests) = (["main", "cli"], module.ends_with("tests"));
        if !tests && !program.contains(&module.split("::").next().unwrap()) {
            let text = std::fs::read_to_string(&file).unwrap();
            let (code, tests) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
            let after = tests.split_once("\n}\n").map_or("", |(_, after)| after);
            let lines = code.lines().chain(after.lines());
            let code: Vec<&str> =
                lines.filter(|line| !line.trim_start().starts_with("//")).collect();
            let module = if module == "lib" { String::new() } else { module };
            modules.insert(module, code.join("\n"));
        }
    }
    modules
}

/// The paths of a `use` tree, written out.
fn write_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        return paths.push(format!("{prefix}{path}"));
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut start) = (0, 0);
    let inner = rest.rsplit_once('}').unwrap().0;
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            write_out(&prefix, &inner[start..at], paths);
            start = at + 1;
        }
    }
}

/// All paths in a file's code: those of `use` statements, and those that stand where they are used.
fn paths(code: &str) -> Vec<String> {
    let (mut paths, mut rest) = (Vec::new(), String::new());
    let mut statement = None::<String>;
    for line in code.lines().map(|line| line.split(" // ").next().unwrap().trim_end()) {
        let begins = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "];
        let begun = begins.iter().find_map(|word| line.trim_start().strip_prefix(word));
        match (&mut statement, begun) {
            (None, None) => rest.extend([line, "\n"]),
            (None, Some(tree)) => statement = Some(tree.to_owned()),
            (Some(statement), _) => statement.push_str(line.trim()),
        }
        if let Some(tree) = statement.take_if(|tree| tree.ends_with(';')) {
            write_out("", tree.trim_end_matches(';'), &mut paths);
        }
    }
    let words = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    paths.extend(words.filter(|word| word.contains("::")).map(str::to_owned));
    paths
}

/// The file that a path in `module` leads to, if it is one of ours.
fn file_of(module: &str, path: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut at: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = path.split("::").collect();
    let mut is_relative = false;
    for (number, part) in parts.iter().enumerate() {
        match *part {
            "crate" if number == 0 => at.clear(),
            "super" => drop(at.pop()),
            "self" => (),
            _ => at.push(part),
        }
        is_relative |= number == 0 && !["crate", "super", "self"].contains(part);
    }
    // Without a prefix it begins with a child, or with something that is imported or foreign.
    let child = [module, parts[0]].join("::");
    if is_relative && !modules.contains_key(child.trim_start_matches("::")) {
        return None;
    }
    while !modules.contains_key(&at.join("::")) {
        at.pop();
    }
    Some(at.join("::")).filter(|file| file != module)
}

/// The layers in `src/lib.rs`, from the top down.
fn layers(lib: &str) -> BTreeMap<&str, usize> {
    let lines = lib.lines().filter_map(|line| line.strip_prefix("//   ")).enumerate();
    lines.flat_map(|(rank, line)| line.split(", ").map(move |name| (name, rank))).collect()
}

#[test]
fn imports_go_down_only() {
    let modules = modules();
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let lib = std::fs::read_to_string(lib).unwrap();
    let layers = layers(&lib);
    let top = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let (mut up, mut imports) = (Vec::new(), BTreeMap::<&str, BTreeSet<String>>::new());
    for (module, code) in modules.iter().filter(|(module, _)| !module.is_empty()) {
        let layer = *layers.get(&*top(module)).unwrap_or_else(|| panic!("{module}: no layer"));
        for path in paths(code) {
            let Some(file) = file_of(module, &path, &modules) else { continue };
            let own = top(&file) == top(module);
            let is_store = module.split("::").any(|part| part == "store");
            let is_sql = is_store || ["access::key", "access::standing"].contains(&module.as_str());
            let foreign_to_sql = is_sql && ["app", "http"].contains(&&*top(&file));
            let is_up = layers.get(&*top(&file)).is_none_or(|to| *to <= layer);
            if !own && (is_up || foreign_to_sql) {
                up.push(format!("{module} imports {path}"));
            }
            imports.entry(module).or_default().insert(file);
        }
    }
    assert_eq!(
        up, [""; 0],
        "these import what stands above them in src/lib.rs, or are SQL that knows app or http"
    );
    // What imports nothing that is left is in no circle, and neither is what nothing left imports.
    while let Some(free) = imports
        .iter()
        .find(|(module, files)| {
            files.iter().all(|file| !imports.contains_key(&**file))
                || !imports.values().any(|files| files.contains(**module))
        })
        .map(|(module, _)| *module)
    {
        imports.remove(free);
    }
    assert!(imports.is_empty(), "these import each other in a circle: {:?}", imports.keys());
}
