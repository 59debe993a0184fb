//! The documents as the tests read them: headings, links, words in backticks, and commands with the
//! answers that stand below them.
//!
//! Not a parser of Markdown. It knows the few forms that the documents keep to, and what is in
//! another form is not seen, so the tests also count what they find.

use std::path::{Path, PathBuf};

/// The repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A document.
pub(super) struct Page {
    /// Its path in the repository.
    pub(super) name: String,
    pub(super) text: String,
}

impl Page {
    pub(super) fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        Self { name: name.to_owned(), text }
    }

    /// Every document.
    pub(super) fn all() -> Vec<Self> {
        let mut names = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"]
            .map(str::to_owned)
            .to_vec();
        for entry in std::fs::read_dir(root().join("docs")).unwrap() {
            names.push(format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The directory that its links start from.
    pub(super) fn dir(&self) -> PathBuf {
        root().join(&self.name).parent().unwrap().to_owned()
    }

    /// What is not in an indented block.
    fn prose(&self) -> String {
        let lines = self.text.lines().filter(|line| !line.starts_with("    "));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The words in backticks.
    pub(super) fn quoted(&self) -> Vec<String> {
        let prose = self.prose();
        let quoted = prose.split('`').skip(1).step_by(2);
        quoted.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// Where the links lead.
    pub(super) fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let outside: String = prose.split('`').step_by(2).collect();
        let links = outside.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links.map(|(target, _)| target.to_owned()).collect()
    }

    /// The names by which links find the headings.
    pub(super) fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// The commands, from top to bottom.
    pub(super) fn steps(&self) -> Vec<Step> {
        let (mut steps, mut mark, mut open) = (Vec::<Step>::new(), None, false);
        for (number, line) in self.text.lines().enumerate() {
            if let Some(reason) = line.strip_prefix("<!-- not run: ") {
                mark = Some(reason.trim_end_matches(" -->").to_owned());
            }
            let Some(code) = line.strip_prefix("    ") else {
                // A blank line may stand in a block, any other text ends it, and its mark.
                if !line.is_empty() && !line.starts_with("<!--") {
                    mark = None;
                }
                open = false;
                continue;
            };
            match (code.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step {
                        place: format!("{}:{}", self.name, number + 1),
                        command: command.to_owned(),
                        answer: Vec::new(),
                        not_run: mark.clone(),
                    });
                    open = true;
                }
                (None, Some(step)) if open && step.answer.is_empty() && code.starts_with("  ") => {
                    step.command = format!("{}\n{code}", step.command);
                }
                (None, Some(step)) if open => step.answer.push(code.to_owned()),
                _ => (),
            }
        }
        steps
    }
}

/// A command, `$ ` before it, the lines that go on further to the right, and the answer below.
pub(super) struct Step {
    /// File and line.
    pub(super) place: String,
    pub(super) command: String,
    pub(super) answer: Vec<String>,
    /// Why a test cannot run it, as `<!-- not run: … -->` before the block says.
    pub(super) not_run: Option<String>,
}

/// A heading's name in links, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
