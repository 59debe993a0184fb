//! How the service is.

use super::charts::bars;
use crate::error::Result;
use crate::http::Response;
use crate::metrics;
use crate::outbox;
use crate::pages::answer::{frame, page};
use crate::pages::member::Member;
use crate::pages::views::admin::{Chart, Health};
use crate::signing_keys;

/// `GET /admin/health`
pub(super) fn show(member: &mut Member<'_>) -> Result<Response> {
    let app = member.app;
    // It is for admins, as the list of keys is.
    let keys = signing_keys::list(app, member.caller())?;
    let frame = frame(app, member.request, None);
    let texts = &frame.texts.admin;
    let series = [
        (texts.requests, &metrics::BY_MINUTE.requests),
        (texts.faults, &metrics::BY_MINUTE.faults),
        (texts.logins, &metrics::BY_MINUTE.logins),
        (texts.failed_logins, &metrics::BY_MINUTE.failed_logins),
    ];
    let charts = series.map(|(name, minutes)| {
        let counts = minutes.read();
        let total: u64 = counts.iter().copied().map(u64::from).sum();
        let most = counts.iter().copied().max().unwrap_or(0);
        let label = format!("{name}: {total}, {} {most}", texts.at_most);
        Chart { image: bars(&counts, &label), label }
    });
    let (waiting, waited) = outbox::backlog(app.database()?)?;
    let ready = app.check_ready().map_err(|error| error.to_string());
    let view = Health {
        frame,
        ready: ready.as_ref().map_or_else(|fault| Some(fault.as_str()), |()| None),
        version: env!("CARGO_PKG_VERSION"),
        charts: &charts,
        connections: metrics::CONNECTIONS.get(),
        waiting,
        waited: waited as u64,
        unusable_keys: keys.iter().filter(|key| key.fault.is_some()).count(),
    };
    page(200, &view)
}
