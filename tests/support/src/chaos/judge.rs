//! Compares what clients were told with what is there.

use super::clients::Clients;
use super::cluster::Cluster;
use std::collections::BTreeSet;

/// Something that was acknowledged and is not there, or is there by half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A registration.
    User(String),
    /// A change of a password: the user has another one.
    Password(String),
    /// A session, or its last refresh.
    Session(String),
    /// Anything of it, as a request while the cluster was at work found out.
    Contradiction(String),
    /// Rows that belong together and are not all there.
    Half(&'static str, i64),
}

/// Rows that are written in one transaction, counted where one lacks the other.
const HALVES: [(&str, &str); 3] = [
    (
        "users without a row in the audit log",
        "SELECT count(*) FROM gatepost.users u WHERE NOT EXISTS (
             SELECT FROM gatepost.audit a WHERE a.user_id = u.id AND a.action = 'register')",
    ),
    (
        "registrations in the audit log without a user",
        "SELECT count(*) FROM gatepost.audit a WHERE a.action = 'register' AND NOT EXISTS (
             SELECT FROM gatepost.users u WHERE u.id = a.user_id)",
    ),
    (
        "sessions without a user",
        "SELECT count(*) FROM gatepost.sessions s WHERE NOT EXISTS (
             SELECT FROM gatepost.users u WHERE u.id = s.user_id)",
    ),
];

/// What was lost since the last time. All users are looked up; passwords and sessions are tried where
/// something was acknowledged since.
pub(super) fn compare(cluster: &Cluster, clients: &Clients) -> Vec<Loss> {
    let mut losses: Vec<Loss> =
        clients.contradictions().into_iter().map(Loss::Contradiction).collect();
    let mut sql = cluster.sql();
    let rows = sql.query("SELECT login FROM gatepost.users", &[]).unwrap();
    let there: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for memory in &clients.memories {
        let mut memory = memory.lock().unwrap();
        for account in &mut memory.accounts {
            if !there.contains(&account.login) {
                losses.push(Loss::User(account.login.clone()));
                continue;
            }
            if !account.changed {
                continue;
            }
            account.changed = false;
            if !clients.can_refresh(account) {
                losses.push(Loss::Session(account.login.clone()));
            }
            let known = clients.can_log_in(&account.login, &account.password);
            match account.maybe.take() {
                None if !known => losses.push(Loss::Password(account.login.clone())),
                Some(maybe) if !known => {
                    if clients.can_log_in(&account.login, &maybe) {
                        account.password = maybe;
                    } else {
                        losses.push(Loss::Password(account.login.clone()));
                    }
                }
                _ => (),
            }
            account.changed = false;
        }
        // Reported once.
        memory.accounts.retain(|account| there.contains(&account.login));
    }
    for (what, query) in HALVES {
        match sql.query_one(query, &[]).unwrap().get(0) {
            0 => (),
            count => losses.push(Loss::Half(what, count)),
        }
    }
    losses
}
