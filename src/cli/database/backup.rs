//! `gatepost database backup`, `gatepost database restore` and `gatepost database upgrade`

use super::super::output::{is_terminal, print_line, raw, tell};
use super::super::progress::ProgressLine;
use super::super::records::Form;
use super::super::{Context, Failure, Outcome, api_key};
use super::tell_what_is_over;
use gatepost::backup::{self, Content};
use gatepost::config::Config;
use gatepost::database;
use std::path::{Path, PathBuf};

/// Back the private PostgreSQL up into a new file, while the service runs
///
/// The file is a dump of PostgreSQL with a checksum at its end. It holds the hashes of the passwords, and
/// only you can read it. It does not hold the secrets of the configuration: keep encryption.key and
/// passwords.pepper too, in another place. So too the head of the audit log, which is printed.
#[derive(clap::Args)]
pub(in super::super) struct Backup {
    /// The new file, or - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Restore a backup into the private PostgreSQL
///
/// Stop the service first. The file is checked to its end, and its content goes into a new cluster. At
/// last that takes the place of the one in use, which is kept as cluster.old in database.data_dir, so there
/// must be room for both. Whatever fails, the one in use stays as it is. Then all that
/// `gatepost database after-restore` does is done: all sessions have ended and all keys are new. The API
/// keys are printed, as `gatepost api-key list` does; check them, because keys revoked since the backup are
/// valid again.
#[derive(clap::Args)]
pub(in super::super) struct Restore {
    /// What `gatepost database backup` has made, or - for standard input, which must be a file too
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only try it: restore it beside the one in use, check it, and throw it away
    ///
    /// This may be done while the service runs.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

const MEBIBYTE: u64 = 1 << 20;

pub(super) fn save(context: &Context, options: &Backup) -> Outcome {
    let config = context.load()?;
    let to_output = options.file.as_os_str() == "-";
    if to_output && is_terminal() {
        return Err(Failure::Usage("a backup is not for a terminal: name a file".to_owned()));
    }
    let mut line = ProgressLine::new("MiB");
    let progress = |bytes: u64| line.at(bytes / MEBIBYTE, None);
    let saved = match to_output {
        true => backup::save_to(&config, &mut raw(), progress)?,
        false => backup::save(&config, &options.file, progress)?,
    };
    drop(line);
    let secrets = secrets(&config);
    if !secrets.is_empty() {
        tell(&format!("without {secrets} it is of no use: keep that too, in another place"));
    }
    let mut text = format!("{}: {} bytes", options.file.display(), saved.bytes);
    if let Some(head) = saved.head {
        text += &format!(", audit head {head}");
    }
    if to_output {
        tell(&text);
        return Ok(());
    }
    print_line(&text)
}

/// The settings that hold what a backup needs and does not hold, as far as they are used.
fn secrets(config: &Config) -> String {
    let used = [
        ("encryption.key", config.encryption.key.is_some()),
        ("passwords.pepper", config.passwords.pepper.is_some()),
        ("tokens.hs256_secret", config.tokens.hs256_secret.is_some()),
    ];
    let names: Vec<&str> = used.iter().filter(|(_, used)| *used).map(|(name, _)| *name).collect();
    names.join(" and ")
}

pub(super) fn restore(context: &Context, options: &Restore) -> Outcome {
    let config = context.load()?;
    let mut line = ProgressLine::new("MiB");
    let progress = |done: u64, all: u64| {
        line.at(done / MEBIBYTE, Some(done as f64 / all.max(1) as f64));
    };
    if options.dry_run {
        let content = backup::rehearse(&config, &options.file, progress)?;
        drop(line);
        report(&content);
        tell("this was a trial, and nothing was changed");
        return Ok(());
    }
    let restored = backup::restore(&config, &options.file, progress)?;
    drop(line);
    report(&restored.content);
    if let Some(former) = &restored.former {
        tell_kept(former);
    }
    tell_what_is_over(&config, &restored.api_keys);
    api_key::list(&restored.api_keys, &options.form)
}

/// Says what was in a backup.
fn report(content: &Content) {
    let (made, users, audit) = (&content.made, content.users, &content.audit);
    audit.findings.iter().chain(&audit.notes).for_each(|line| tell(line));
    tell(&format!(
        "the backup of {made} has {users} user(s); {} sealed row(s) of its audit log are as they were \
         written, {} finding(s)",
        audit.sealed,
        audit.findings.len()
    ));
}

fn tell_kept(former: &Path) {
    tell(&format!(
        "the former cluster is kept: remove it when nobody needs it (rm -r {})",
        former.display()
    ));
}

pub(super) fn upgrade(context: &Context) -> Outcome {
    let upgraded = database::upgrade(&context.load()?)?;
    let (from, to) = (upgraded.from, upgraded.to);
    let Some(former) = &upgraded.former else {
        return print_line(&format!(
            "nothing to do: the private PostgreSQL is of version {from}, and no newer one is installed"
        ));
    };
    tell_kept(former);
    print_line(&format!("the private PostgreSQL is of version {to} now, and was of {from}"))
}
