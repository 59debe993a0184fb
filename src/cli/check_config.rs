//! `gatepost check-config`

use super::output::{print_line, tell};
use super::records::{Form, print_json};
use super::{Context, Outcome, load};
use gatepost::{Service, database};
use serde_json::json;

/// Show the settings in force and where each comes from
///
/// Prints every setting with its value and where that comes from; secrets are hidden. If a setting,
/// or a file that one names, is wrong, it prints every fault and exits with 1: what `gatepost
/// serve` would refuse, this refuses too.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Also connect to database.url and database.owner_url and check roles and schema there,
    /// without changing anything
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    form: Form,
}

pub(super) fn command(context: &Context, options: &Options) -> Outcome {
    let loaded = load(context.file.as_deref())?;
    Service::check(&loaded.config)?;
    if let Some(text) = loaded.passed_over() {
        tell(&text);
    }
    let connected = if options.connect { database::check(&loaded.config)? } else { Vec::new() };
    if options.form.is_json() {
        print_json(&json!({"setting": "profile", "value": loaded.config.profile.name()}))?;
        for (name, value, origin) in loaded.settings() {
            let origin = origin.to_string();
            print_json(&json!({"setting": name, "value": value, "origin": origin}))?;
        }
        return Ok(());
    }
    print_line(&format!("profile = {}", loaded.config.profile.name()))?;
    for (name, value, origin) in loaded.settings() {
        print_line(&format!("{name} = {value}  # {origin}"))?;
    }
    connected.iter().try_for_each(|line| print_line(&format!("# {line}")))
}
