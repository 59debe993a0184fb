//! Makes the page for people from the description. Only tests need it: the page is kept as a file.
//!
//! It knows what our description uses of OpenAPI, and no more.

use super::{DOCUMENT, PAGE};
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// The methods in the order in which the page has them.
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Prose, with what stands in backticks as code.
fn prose(value: &Value) -> String {
    let text = escape(value.as_str().unwrap_or_default());
    let parts = text.split('`').enumerate();
    parts
        .map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Renderer<'a> {
    document: &'a Value,
    out: String,
}

impl<'a> Renderer<'a> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// What a `$ref` leads to, or the value itself.
    fn resolve(&self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(path) => self.document.pointer(&path[1..]).expect("a reference leads somewhere"),
            None => value,
        }
    }

    fn operations(&self) -> Vec<(&'a str, &'a str, &'a Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let of_path = |(path, item): (&'a String, &'a Value)| {
            METHODS.iter().filter_map(move |method| {
                item.get(*method).map(|operation| (*method, path.as_str(), operation))
            })
        };
        paths.iter().flat_map(of_path).collect()
    }

    fn page(mut self) -> String {
        let info = &self.document["info"];
        let title = escape(text(&info["title"]));
        self.put("<!doctype html>\n<html lang=\"en-GB\">\n<meta charset=\"utf-8\">");
        self.put("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        self.put(&format!("<title>{title}: the API</title>\n<style>{STYLE}</style>"));
        self.put(&format!(
            "<h1>{title}</h1>\n<p>{} Version {}; <a href=\"openapi.json\">as OpenAPI</a>.</p>",
            prose(&info["summary"]),
            escape(text(&info["version"]))
        ));
        self.put(&format!("<p>{}</p>", prose(&info["description"])));
        let tags: Vec<&str> = self.document["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| text(&tag["name"]))
            .collect();
        self.put("<nav>");
        for tag in &tags {
            self.put(&format!("<b>{tag}</b>\n<ul>"));
            for (method, path, operation) in self.tagged(tag) {
                let id = text(&operation["operationId"]);
                let method = method.to_uppercase();
                self.put(&format!("<li><a href=\"#{id}\"><code>{method} {path}</code></a></li>"));
            }
            self.put("</ul>");
        }
        self.put("<a href=\"#errors\">Errors</a> · <a href=\"#shapes\">Shapes</a>\n</nav>");
        for tag in &tags {
            self.put(&format!("<h2>{tag}</h2>"));
            for (method, path, operation) in self.tagged(tag) {
                self.operation(method, path, operation);
            }
        }
        self.errors();
        self.schemas();
        self.put("</html>");
        self.out
    }

    fn tagged(&self, tag: &str) -> Vec<(&'a str, &'a str, &'a Value)> {
        let all = self.operations().into_iter();
        all.filter(|(_, _, operation)| text(&operation["tags"][0]) == tag).collect()
    }

    fn operation(&mut self, method: &str, path: &str, operation: &'a Value) {
        let (id, method) = (text(&operation["operationId"]), method.to_uppercase());
        self.put(&format!("<section id=\"{id}\">\n<h3><b>{method}</b> <code>{path}</code></h3>"));
        let schemes = operation["security"].as_array().unwrap();
        let names: Vec<&str> = schemes
            .iter()
            .flat_map(|s| s.as_object().unwrap().keys())
            .map(String::as_str)
            .collect();
        let needs = match names.as_slice() {
            [] => String::new(),
            names if names.len() < schemes.len() => {
                format!(" <small>Takes {}.</small>", names.join(" or "))
            }
            names => format!(" <small>Needs {}.</small>", names.join(" or ")),
        };
        let (summary, more) = (prose(&operation["summary"]), prose(&operation["description"]));
        self.put(&format!("<p><strong>{summary}.</strong> {more}{needs}</p>"));
        if let Some(parameters) = operation["parameters"].as_array() {
            self.put("<h4>Parameters</h4>\n<dl>");
            for parameter in parameters {
                let required = parameter["required"] == true;
                self.member(
                    text(&parameter["name"]),
                    &parameter["schema"],
                    required,
                    &format!(
                        "{} In the {}.",
                        prose(&parameter["description"]),
                        text(&parameter["in"])
                    ),
                );
            }
            self.put("</dl>");
        }
        if let Some(content) = operation["requestBody"]["content"].as_object() {
            for (kind, body) in content {
                self.put(&format!("<h4>Body <small>{}</small></h4>", escape(kind)));
                self.members(&body["schema"]);
                self.examples(&body["examples"]);
            }
        }
        self.put("<h4>Answers</h4>");
        // An answer that is the same everywhere is a link to where it is told.
        let all = operation["responses"].as_object().unwrap().iter();
        let (shared, own): (Vec<_>, Vec<_>) =
            all.partition(|(_, answer)| answer["$ref"].is_string());
        for (status, answer) in own {
            self.answer(status, answer);
        }
        self.put("<p class=\"dim\">As everywhere:");
        for (status, _) in shared {
            self.put(&format!("<a href=\"#status-{status}\">{status}</a>"));
        }
        self.put("</p>\n</section>");
    }

    fn answer(&mut self, status: &str, answer: &'a Value) {
        let mut line = format!("<p><b>{status}</b> {}", prose(&answer["description"]));
        for (kind, content) in answer["content"].as_object().into_iter().flatten() {
            let _ =
                write!(line, " <small>{}</small> {}", escape(kind), self.kind(&content["schema"]));
        }
        self.put(&format!("{line}</p>"));
        self.headers(answer);
        for content in answer["content"].as_object().into_iter().flat_map(|c| c.values()) {
            self.examples(&content["examples"]);
        }
    }

    /// Those that not every answer has.
    fn headers(&mut self, answer: &'a Value) {
        let everywhere = ["X-Request-Id", "Cache-Control"];
        for (name, header) in answer["headers"].as_object().into_iter().flatten() {
            if !everywhere.contains(&name.as_str()) {
                let told = prose(&self.resolve(header)["description"]);
                self.put(&format!("<p class=\"dim\"><code>{name}</code>: {told}</p>"));
            }
        }
    }

    fn examples(&mut self, examples: &Value) {
        for (name, example) in examples.as_object().into_iter().flatten() {
            let shown = match &example["value"] {
                Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            let name = name.replace('_', " ");
            self.put(&format!("<small>{name}</small>\n<pre>{}</pre>", escape(&shown)));
        }
    }

    fn members(&mut self, schema: &'a Value) {
        let required = schema["required"].as_array();
        self.put("<dl>");
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let needed = required.is_some_and(|names| names.iter().any(|other| other == name));
            self.member(name, member, needed, &prose(&member["description"]));
        }
        self.put(&format!("</dl>\n<p class=\"dim\">{}</p>", prose(&schema["description"])));
    }

    fn member(&mut self, name: &str, schema: &Value, required: bool, told: &str) {
        let optional = if required { "" } else { ", optional" };
        let kind = self.kind(schema);
        self.put(&format!(
            "<dt><code>{name}</code> <small>{kind}{optional}</small></dt><dd>{told}</dd>"
        ));
    }

    /// What kind of value a schema allows, in a few words.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return format!("<a href=\"#shape-{name}\">{name}</a>");
        }
        if let Some(schemas) = schema["oneOf"].as_array() {
            return schemas.iter().map(|one| self.kind(one)).collect::<Vec<_>>().join(" or ");
        }
        if !schema["const"].is_null() {
            return format!("<code>{}</code>", escape(&schema["const"].to_string()));
        }
        if let Some(words) = schema["enum"].as_array() {
            let words = words.iter().map(|word| format!("<code>{}</code>", escape(text(word))));
            return words.collect::<Vec<_>>().join(", ");
        }
        let mut kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
            kind => text(kind).to_owned(),
        };
        if schema["items"].is_object() {
            kind = format!("{kind} of {}", self.kind(&schema["items"]));
        }
        // Numbers of 64 bits need no bound told.
        let bound = |name: &str| schema[name].as_i64().filter(|bound| *bound != i64::MAX);
        for (name, word) in [
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "from"),
            ("maxLength", "to"),
            ("default", "default"),
        ] {
            if let Some(bound) = bound(name) {
                let _ = write!(kind, " {word} {bound}");
            }
        }
        if schema["maxLength"].is_i64() { format!("{kind} characters") } else { kind }
    }

    fn errors(&mut self) {
        self.put("<h2 id=\"errors\">Errors</h2>\n<p>Each is a problem document with a stable <code>code</code>.</p>");
        for (name, answer) in self.document["components"]["responses"].as_object().unwrap() {
            let status = name.trim_start_matches("Status");
            self.put(&format!("<section id=\"status-{status}\">"));
            self.answer(status, answer);
            self.put("</section>");
        }
    }

    fn schemas(&mut self) {
        self.put("<h2 id=\"shapes\">Shapes</h2>");
        for (name, schema) in self.document["components"]["schemas"].as_object().unwrap() {
            self.put(&format!("<section id=\"shape-{name}\">\n<h3>{name}</h3>"));
            if schema["properties"].is_object() {
                self.members(schema);
            } else {
                let kind = self.kind(schema);
                self.put(&format!("<p>{kind}. {}</p>", prose(&schema["description"])));
            }
            self.put("</section>");
        }
    }
}

#[test]
fn the_page_is_made_from_the_description() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let page = Renderer { document: &document, out: String::new() }.page();
    if std::env::var_os("UPDATE").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/openapi/page.html");
        std::fs::write(file, page).unwrap();
    } else {
        assert!(page == PAGE, "run UPDATE=1 cargo test --lib openapi");
    }
}

#[test]
fn the_description_has_the_version_of_the_program() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}
