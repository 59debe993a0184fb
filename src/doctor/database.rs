//! Checks of the database: version, roles, grants, schema, durability, clock.

use super::grants;
use super::verdict::{Examination, Verdict, examination};
use crate::config::{Config, Profile};
use crate::db::migrate::{self, SchemaStanding};
use crate::db::{self, Client, soundness};
use crate::error::{Error, Result};
use crate::factors;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// The oldest server that the SQL works with.
const OLDEST: i32 = 13;

/// When the PostgreSQL project stops mending a major version, as year, month and day:
/// <https://www.postgresql.org/support/versioning/>.
const LAST_FIXES: [(i32, (i32, u8, u8)); 6] = [
    (13, (2025, 11, 13)),
    (14, (2026, 11, 12)),
    (15, (2027, 11, 11)),
    (16, (2028, 11, 9)),
    (17, (2029, 11, 8)),
    (18, (2030, 11, 14)),
];

/// How many seconds the two clocks may differ. Verifiers forgive as little as 5 s (see
/// docs/verifying.md), and the database's clock decides when a session is over.
const CLOCKS: f64 = 2.0;

/// A check of the database.
type Check = fn(&mut Client, &Config) -> Result<Verdict>;

pub(super) fn examine(client: &mut Client, config: &Config) -> Vec<Examination> {
    let checks: [(&'static str, Check); 8] = [
        ("database-version", |client, _| version(client)),
        ("database-role", role),
        ("database-owner", owner),
        ("database-grants", |client, _| grants::examine(client)),
        ("schema", |client, _| schema(client)),
        ("admins", admins),
        ("durability", |client, _| durability(client)),
        ("clock", |client, _| clock(client)),
    ];
    let run = |(name, check): (&'static str, Check)| {
        let verdict = check(client, config).unwrap_or_else(|error| {
            Verdict::fault(
                error.to_string(),
                "the check could not be made",
                "mend what is named and examine again",
            )
        });
        examination(name, verdict)
    };
    checks.into_iter().map(run).collect()
}

fn admins(client: &mut Client, config: &Config) -> Result<Verdict> {
    if config.profile != Profile::Production {
        return Ok(Verdict::skipped("second factors of admins matter in production"));
    }
    if client.query_typed_one("SELECT to_regclass('gatepost.factors') IS NULL", &[])?.get(0) {
        return Ok(Verdict::skipped("the schema is not up to date"));
    }
    match factors::admins_without(client)? {
        0 => Ok(Verdict::ok("every admin has a second factor")),
        count => Ok(Verdict::warning(
            format!("{count} admins sign in without a second factor"),
            "whoever guesses such a password has everything",
            "have them add one (POST /factor/totp), and set access.require_mfa = \"admins\"",
        )),
    }
}

fn version(client: &mut Client) -> Result<Verdict> {
    let sql =
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')";
    let row = client.query_typed_one(sql, &[])?;
    let (number, shown): (i32, String) = (row.get(0), row.get(1));
    let today = OffsetDateTime::now_utc().to_calendar_date();
    Ok(judge_version(number / 10_000, &shown, (today.0, u8::from(today.1), today.2)))
}

fn judge_version(major: i32, shown: &str, today: (i32, u8, u8)) -> Verdict {
    let found = format!("PostgreSQL {shown}");
    let upgrade = "upgrade it: docs/backup.md, \"Upgrade\"";
    if major < OLDEST {
        return Verdict::fault(found, "Gatepost needs version 13 or newer", upgrade);
    }
    match LAST_FIXES.iter().find(|(version, _)| *version == major) {
        Some((_, last)) if *last < today => Verdict::fault(
            format!("{found}, which had its last fixes on {}-{:02}-{:02}", last.0, last.1, last.2),
            "faults that are found in it from now on stay open",
            upgrade,
        ),
        _ => Verdict::ok(found),
    }
}

fn role(client: &mut Client, config: &Config) -> Result<Verdict> {
    Ok(match db::role::excess(client)? {
        Some(text) => Verdict::fault(
            text,
            match config.profile {
                Profile::Production => "`gatepost serve` refuses to start with it",
                _ => "in production `gatepost serve` refuses to start with it",
            },
            "put the role gatepost_app into database.url",
        ),
        None => Verdict::ok("database.url: the role only reads and writes rows"),
    })
}

fn owner(_: &mut Client, config: &Config) -> Result<Verdict> {
    let Some(url) = &config.database.owner_url else {
        return Ok(Verdict::skipped("database.owner_url is not set; only some commands need it"));
    };
    let connect = db::connect::parse_url("database.owner_url", url, config)?;
    let mut client = db::connect::try_connect("database.owner_url", &connect)?;
    Ok(match db::role::lack(&mut client)? {
        Some(text) => Verdict::fault(
            text,
            "`gatepost database migrate` and `gatepost audit prune` cannot work",
            "put the role gatepost_owner into database.owner_url",
        ),
        None => Verdict::ok("database.owner_url: the role owns the tables"),
    })
}

fn schema(client: &mut Client) -> Result<Verdict> {
    let why = "`gatepost serve` refuses to start with it";
    let standing = soundness::check(client).and_then(|()| migrate::standing(client));
    Ok(match standing {
        Ok(SchemaStanding::Current) => Verdict::ok("up to date"),
        Ok(SchemaStanding::Newer) => Verdict::ok("newer than this program, which works with it"),
        Err(error @ Error::SchemaBehind(_)) => {
            Verdict::fault(error.to_string(), why, "type `gatepost database migrate`")
        }
        Err(error @ Error::Startup(_)) => {
            Verdict::fault(error.to_string(), why, "do what it names")
        }
        Err(error) => return Err(error),
    })
}

fn durability(client: &mut Client) -> Result<Verdict> {
    let sql = "SELECT name, setting FROM pg_catalog.pg_settings
               WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
               ORDER BY name";
    let rows = client.query_typed(sql, &[])?;
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let Some(name) = names.first() else {
        return Ok(Verdict::ok("fsync, full_page_writes and synchronous_commit are on"));
    };
    Ok(Verdict::fault(
        format!("off: {}", names.join(", ")),
        match name.as_str() {
            "synchronous_commit" => {
                "a crash takes back what was acknowledged: a changed password, a logout"
            }
            _ => "a crash of the machine can destroy the whole cluster",
        },
        format!(
            "as a superuser type `ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()`, and look \
             for it in ALTER ROLE and ALTER DATABASE"
        ),
    ))
}

fn clock(client: &mut Client) -> Result<Verdict> {
    let asked = (Instant::now(), SystemTime::now());
    let sql = "SELECT extract(epoch FROM clock_timestamp())::float8";
    let theirs: f64 = client.query_typed_one(sql, &[])?.get(0);
    let passed = asked.0.elapsed().as_secs_f64();
    let ours = asked.1.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    Ok(judge_clock(theirs - (ours + passed / 2.0), passed / 2.0))
}

/// Judges how far the database's clock is ahead of ours, give or take `error` seconds.
fn judge_clock(ahead: f64, error: f64) -> Verdict {
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    let found = format!("the database's clock is {:.3} s {direction} ours", ahead.abs());
    if ahead.abs() - error <= CLOCKS {
        return Verdict::ok(found);
    }
    Verdict::fault(
        found,
        "tokens carry our time and sessions the database's: tokens are refused as not yet valid or \
         as expired, and waits after wrong passwords are too long or too short",
        "keep both machines' clocks by NTP: `timedatectl set-ntp true`, then `timedatectl`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fault(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Fault(_))
    }

    #[test]
    fn a_version_without_fixes_is_a_fault_from_the_day_after() {
        assert!(is_fault(&judge_version(12, "12.9", (2020, 1, 1))));
        assert!(!is_fault(&judge_version(15, "15.1", (2027, 11, 11))));
        assert!(is_fault(&judge_version(15, "15.1", (2027, 11, 12))));
        assert!(!is_fault(&judge_version(99, "99.1", (2099, 1, 1))));
    }

    #[test]
    fn clocks_may_differ_by_two_seconds_and_what_the_question_took() {
        assert!(!is_fault(&judge_clock(1.9, 0.0)) && !is_fault(&judge_clock(-1.9, 0.0)));
        assert!(is_fault(&judge_clock(2.1, 0.0)) && is_fault(&judge_clock(-2.1, 0.0)));
        assert!(!is_fault(&judge_clock(2.9, 1.0)));
    }
}
