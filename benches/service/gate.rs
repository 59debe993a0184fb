//! The gate beside `GET /user`, and beside another gate if one is named.

use crate::load::{Load, figures};
use crate::process::{Process, Site};
use crate::report::{Table, progress};
use crate::site::PASSWORD;
use crate::{Extent, SETTINGS, USERS};

/// A rule for whoever is signed in, which comes after others.
const RULES: &str = "
[pages]
enabled = \"sign-in\"
origin = \"https://login.example.com\"
[gate]
origins = [\"https://app.example.com\"]
[[gate.rules]]
host = \"app.example.com\"
path_prefix = \"/admin\"
role = \"ops\"
[[gate.rules]]
path_prefix = \"/public\"
public = true
[[gate.rules]]
host = \"login.example.com\"
";

/// Connections.
const CLIENTS: usize = 64;

/// What stands behind an option.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Decisions a second. `--beside URL` and `--cookie COOKIE` name another gate that runs on this machine, and as
/// whom it knows a browser.
pub(crate) fn measure(table: &mut Table, site: &Site, extent: &Extent) {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), RULES).unwrap();
    let path = file.path().display().to_string();
    let settings = [SETTINGS, &[("GATEPOST_CONFIG", path.as_str())]].concat();
    let service = Process::start(site, &settings);
    let token = service.log_in("user1");
    let cookie = service.sign_in("user1", PASSWORD);
    let (user, gate) = (Load::user(&token, USERS), Load::gate("/gate", &cookie));
    let beside = option("--beside").map(|url| {
        let (address, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
        let cookie = option("--cookie").unwrap();
        (address.to_owned(), Load::gate(&format!("/{path}"), &cookie))
    });
    let (mut users, mut gates, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=extent.rounds {
        progress(&format!("the gate {round} of {}", extent.rounds));
        users.push(user.run(&service, CLIENTS, extent.seconds).rate);
        gates.push(gate.run(&service, CLIENTS, extent.seconds).rate);
        if let Some((address, load)) = &beside {
            others.push(figures(load, address, CLIENTS, extent.seconds).rate);
        }
    }
    table.section("GET /gate, 64 connections, against GET /user");
    table.line("decisions/s", gates.clone());
    table.line("GET /user, requests/s", users.clone());
    table.ratios("decisions : requests", &gates, &users);
    if beside.is_some() {
        table.line("the other gate, decisions/s", others.clone());
        table.ratios("ours : theirs", &gates, &others);
    }
}
