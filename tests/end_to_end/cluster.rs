//! The short form of `cargo bench --bench chaos`: the cluster of `examples/cluster`, and what happens to
//! clusters quickly. What takes Patroni 20 seconds to notice is left to the long form.

use gatepost_test_support::chaos::{Clients, Cluster, Fault, round};
use std::path::Path;
use std::time::Duration;

/// The first of the ports of its cluster.
const PORT: u16 = 25_600;

#[test]
fn a_cluster_loses_nothing_that_it_acknowledged() {
    let has = |name: &str| {
        ["/usr/bin", "/usr/sbin", "/usr/local/bin"]
            .iter()
            .any(|dir| Path::new(dir).join(name).exists())
    };
    if !["etcd", "patroni", "haproxy", "pgbouncer"].iter().all(|name| has(name)) {
        let required = std::env::var_os("REQUIRE_CLUSTER").is_some();
        assert!(!required, "etcd, patroni, haproxy and pgbouncer are needed for this test");
        eprintln!("left out: etcd, patroni, haproxy or pgbouncer is not there");
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cluster = Cluster::up(source, Path::new(env!("CARGO_BIN_EXE_gatepost")), PORT);
    let clients = Clients::of(&cluster);
    for fault in [
        Fault::KillBackends,
        Fault::RestartPooler,
        Fault::KillGatepost,
        Fault::KillPostgres,
        Fault::Switchover,
    ] {
        let done = round(&cluster, &clients, fault);
        eprintln!("{done:?}");
        assert!(done.losses.is_empty(), "{done:?}");
        assert!(done.acknowledged > 100, "{done:?}");
        assert!(done.slowest < Duration::from_secs(8), "{done:?}");
        assert!(done.threads < Duration::from_secs(8), "{done:?}");
        assert!(done.connections <= 20, "{done:?}");
    }
}
