//! Every family of metrics: its name, what it means, and where its numbers come from. The names and
//! the labels are frozen.

use super::process;
use crate::app::App;
use crate::audit;
use crate::db::migrate;
use crate::metrics::{self, BOUNDS, Counter, Histogram};
use crate::outbox;
use crate::routes;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long what the database said is shown again. Prometheus asks every 15 s or more seldom.
const ASKED_AGAIN: Duration = Duration::from_secs(15);

/// Labels and their values.
type Labels<'a> = &'a [(&'a str, &'a str)];

/// What is shown.
pub(super) struct Families {
    app: Arc<App>,
    started: f64,
    asked: Mutex<Option<(Instant, Asked)>>,
}

/// What the database said.
#[derive(Clone, Copy)]
struct Asked {
    unsealed: i64,
    schema: i64,
    waiting: i64,
    waited: f64,
}

impl Families {
    pub(super) fn new(app: Arc<App>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { app, started: now.as_secs_f64(), asked: Mutex::new(None) }
    }

    /// What the database says, or said a moment ago; `None` while it is away.
    fn ask(&self) -> Option<Asked> {
        let mut known = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, asked)) = *known
            && at.elapsed() < ASKED_AGAIN
        {
            return Some(asked);
        }
        *known = None;
        let database = self.app.database_at_hand()?;
        let unsealed = audit::unsealed(database).ok()?;
        let (waiting, waited) = outbox::backlog(database).ok()?;
        let asked = Asked {
            unsealed,
            waiting,
            waited,
            schema: database.with_connection(|conn| migrate::applied(conn)).ok()?,
        };
        *known = Some((Instant::now(), asked));
        Some(asked)
    }
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Families")
    }
}

/// Writes families.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    /// A family of counters. Its name in the text ends in `_total`.
    fn counters<'b>(
        &mut self,
        name: &str,
        help: &str,
        all: impl IntoIterator<Item = (Vec<(&'b str, &'b str)>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in all {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
            } else {
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, counter: &Counter) -> fmt::Result {
        self.counters(name, help, [(Vec::new(), counter.get())])
    }

    /// Counters that are told apart by one label.
    fn counters_by(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        words: &[&str],
        counters: &[Counter],
    ) -> fmt::Result {
        let all = words.iter().zip(counters);
        self.counters(name, help, all.map(|(word, count)| (vec![(label, *word)], count.get())))
    }

    fn gauges(&mut self, name: &str, help: &str, all: &[(Labels<'_>, f64)]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in all {
            if labels.is_empty() {
                family.encode_gauge(value)?;
            } else {
                family.encode_family(labels)?.encode_gauge(value)?;
            }
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, help, &[(&[], value)])
    }

    fn histograms<'b>(
        &mut self,
        name: &str,
        help: &str,
        all: impl IntoIterator<Item = (Vec<(&'b str, &'b str)>, &'b Histogram)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in all {
            let (sum, ranges) = histogram.read();
            let bounds = BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(ranges).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            if labels.is_empty() {
                family.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            } else {
                let mut one = family.encode_family(&labels)?;
                one.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}

impl Collector for Families {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        requests(&mut out)?;
        door(&mut out)?;
        passwords(&mut out)?;
        accounts(&mut out)?;
        self.database(&mut out)?;
        self.state(&mut out)?;
        self.process(&mut out)
    }
}

fn requests(out: &mut Out<'_>) -> fmt::Result {
    let routes = || {
        let named = routes::LABELS.iter().copied().enumerate();
        named.chain([(usize::from(metrics::OTHER_ROUTE), "other")])
    };
    out.counters(
        "gatepost_http_requests",
        "Requests that a worker answered, by class of status",
        routes().flat_map(|(place, route)| {
            metrics::HTTP_REQUESTS.of(place).map(move |(method, status, count)| {
                (vec![("route", route), ("method", method), ("status", status)], count)
            })
        }),
    )?;
    out.histograms(
        "gatepost_http_request_duration_seconds",
        "Time from a worker's taking a request to its answer",
        routes()
            .map(|(place, route)| (vec![("route", route)], &metrics::HTTP_DURATIONS[place]))
            .filter(|(_, histogram)| !histogram.is_empty()),
    )?;
    let lanes = || metrics::LANES.iter().zip(&metrics::LANE);
    let waiting: Vec<_> =
        lanes().map(|(lane, numbers)| ([("lane", *lane)], numbers.waiting.get() as f64)).collect();
    let waiting: Vec<(Labels<'_>, f64)> =
        waiting.iter().map(|(labels, value)| (labels.as_slice(), *value)).collect();
    out.gauges("gatepost_lane_waiting", "Requests that wait for a worker", &waiting)?;
    out.counters(
        "gatepost_lane_taken",
        "Requests that were given to a worker",
        lanes().map(|(lane, numbers)| (vec![("lane", *lane)], numbers.taken.get())),
    )?;
    out.counters(
        "gatepost_lane_refused",
        "Requests that found no place to wait, or waited too long",
        lanes().map(|(lane, numbers)| (vec![("lane", *lane)], numbers.refused.get())),
    )?;
    out.histograms(
        "gatepost_lane_wait_seconds",
        "Time from a complete request to its being given to a worker",
        lanes().map(|(lane, numbers)| (vec![("lane", *lane)], &numbers.wait)),
    )
}

fn door(out: &mut Out<'_>) -> fmt::Result {
    out.gauge(
        "gatepost_connections",
        "Clients that are connected",
        metrics::CONNECTIONS.get() as f64,
    )?;
    out.counter(
        "gatepost_connections_accepted",
        "Clients that have connected",
        &metrics::CONNECTIONS_ACCEPTED,
    )?;
    out.counter(
        "gatepost_connections_refused",
        "Clients for which there was no room",
        &metrics::CONNECTIONS_REFUSED,
    )?;
    out.counters_by(
        "gatepost_tls_handshakes",
        "TLS handshakes by outcome",
        "outcome",
        &["success", "failure"],
        &metrics::HANDSHAKES,
    )?;
    out.counters_by(
        "gatepost_door_answers",
        "Requests that the front door refused by itself, by code",
        "code",
        &metrics::REFUSALS,
        &metrics::DOOR_ANSWERS,
    )?;
    out.gauge(
        "gatepost_held_bytes",
        "Bytes of requests and replies that are held for clients",
        metrics::HELD_BYTES.get() as f64,
    )
}

fn passwords(out: &mut Out<'_>) -> fmt::Result {
    out.counters_by(
        "gatepost_password_hashes",
        "Password hashes computed, by kind",
        "kind",
        &metrics::HASHES,
        &metrics::HASHED,
    )?;
    let words: Vec<String> = (1..=metrics::AT_ONCE).map(|number| number.to_string()).collect();
    let runs = words.iter().zip(&metrics::HASH_RUNS);
    out.counters(
        "gatepost_password_hash_runs",
        "Runs of the hash function, by how many hashes of Gatepost's own each computed at once",
        runs.map(|(at_once, count)| (vec![("at_once", at_once.as_str())], count.get()))
            .filter(|(_, count)| *count > 0),
    )
}

fn accounts(out: &mut Out<'_>) -> fmt::Result {
    let (logins, limits) = (&metrics::LOGINS, &metrics::LIMITS);
    out.counters_by(
        "gatepost_logins",
        "Logins by outcome",
        "outcome",
        logins,
        &metrics::LOGGED_IN,
    )?;
    out.counters_by(
        "gatepost_limited",
        "Attempts that a limit refused",
        "limit",
        limits,
        &metrics::REFUSED_BY_LIMIT,
    )?;
    out.counter("gatepost_sessions_opened", "Sessions opened", &metrics::SESSIONS_OPENED)?;
    out.counter("gatepost_sessions_refreshed", "Sessions refreshed", &metrics::SESSIONS_REFRESHED)?;
    out.counter("gatepost_sessions_ended", "Sessions ended", &metrics::SESSIONS_ENDED)?;
    out.counter(
        "gatepost_sessions_stolen",
        "Sessions ended because a retired refresh token was used again",
        &metrics::SESSIONS_STOLEN,
    )?;
    let deliveries = metrics::DELIVERED.iter().zip(&metrics::DELIVERIES);
    let deliveries = deliveries.flat_map(|(channel, counters)| {
        let counted = metrics::DELIVERY_OUTCOMES.iter().zip(counters);
        counted.map(move |(outcome, count)| {
            (vec![("channel", *channel), ("outcome", *outcome)], count.get())
        })
    });
    out.counters(
        "gatepost_outbox_deliveries",
        "Attempts to hand messages and events over, by what became of them",
        deliveries,
    )?;
    out.counter("gatepost_audit_rows", "Rows written to the audit log", &metrics::AUDIT_ROWS)
}

impl Families {
    fn database(&self, out: &mut Out<'_>) -> fmt::Result {
        let (open, idle) = self.app.connections();
        let states: [(Labels<'_>, f64); 2] = [
            (&[("state", "idle")], f64::from(idle)),
            (&[("state", "busy")], f64::from(open.saturating_sub(idle))),
        ];
        out.gauges("gatepost_database_connections", "Connections to the database", &states)?;
        out.histograms(
            "gatepost_database_wait_seconds",
            "Time that requests waited for a connection to the database",
            [(Vec::new(), &metrics::DATABASE_WAIT)],
        )?;
        out.counter(
            "gatepost_database_failures",
            "Requests that got no connection to the database",
            &metrics::DATABASE_FAILURES,
        )?;
        let asked = self.ask();
        out.gauge(
            "gatepost_database_up",
            "Whether the database answered when it was last asked",
            f64::from(u8::from(asked.is_some())),
        )?;
        let Some(asked) = asked else { return Ok(()) };
        out.gauge(
            "gatepost_audit_unsealed_rows",
            "Rows of the audit log that no seal covers yet, at most 10,000",
            asked.unsealed as f64,
        )?;
        out.gauge(
            "gatepost_outbox_waiting",
            "Messages and events that wait to leave, at most 10,000",
            asked.waiting as f64,
        )?;
        out.gauge(
            "gatepost_outbox_oldest_seconds",
            "How long the oldest of them has waited",
            asked.waited,
        )?;
        out.gauge(
            "gatepost_schema_version",
            "The last migration that was applied to the database",
            asked.schema as f64,
        )
    }

    fn state(&self, out: &mut Out<'_>) -> fmt::Result {
        let since = self.app.keys().ok().and_then(|keys| keys.signing_since());
        if let Some((since, age)) = since {
            out.gauge(
                "gatepost_signing_key_age_seconds",
                "Time since the key that signs began to",
                age.as_secs_f64(),
            )?;
            let rotation = self.app.config().tokens.key_rotation;
            if !rotation.is_zero() {
                out.gauge(
                    "gatepost_signing_key_rotation_timestamp_seconds",
                    "When the next key takes over",
                    since as f64 / 1e3 + rotation.as_secs_f64(),
                )?;
            }
        }
        let version: Labels<'_> = &[("version", env!("CARGO_PKG_VERSION"))];
        out.gauges("gatepost_build_info", "The version that runs; always 1", &[(version, 1.0)])
    }

    fn process(&self, out: &mut Out<'_>) -> fmt::Result {
        let Some(process) = process::read() else { return Ok(()) };
        let cpu = "process_cpu_seconds";
        let mut family =
            out.0.encode_descriptor(cpu, "Time on a processor", None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, f64, f64>(&process.cpu_seconds, None)?;
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Memory", process.resident_bytes as f64),
            ("process_start_time_seconds", "When the service started", self.started),
            ("process_threads", "Threads", process.threads as f64),
            ("process_open_fds", "Open descriptors", process.open_files as f64),
            ("process_max_fds", "Most open descriptors", process.max_files as f64),
        ] {
            out.gauge(name, help, value)?;
        }
        Ok(())
    }
}
