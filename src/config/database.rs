//! `[database]`: which PostgreSQL, and how long to wait for it.

use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Which PostgreSQL, and how it is used.
    database: Database with DatabaseTuning {
        /// Connection string of the role `gatepost_app`, as a URL or as `key=value` words. Time
        /// limits in it, such as `connect_timeout`, take precedence over Gatepost's. `sslmode`,
        /// `sslrootcert`, `sslcert` and `sslkey` mean what they mean to libpq; in production
        /// nothing leaves this machine in plain text unless `sslmode=disable` says so.
        ///
        /// Without it Gatepost runs a private PostgreSQL in `database.data_dir`. In production that
        /// must be asked for with `database.private`.
        url: Option<Secret> = "";

        /// Connection string of the role `gatepost_owner`. Only `database migrate`,
        /// `database after-restore` and `audit prune` use it. Goes with `database.url`.
        ///
        /// The service never needs this role, so keep it out of the service's environment.
        owner_url: Option<Secret> = "";

        /// In production, says that the private PostgreSQL is wanted.
        ///
        /// Otherwise a forgotten `database.url` would silently start with an empty database.
        private: bool = "false";

        /// Directory of the private PostgreSQL. Without it, `/var/lib/gatepost/PROFILE` as root and
        /// `$XDG_DATA_HOME/gatepost/PROFILE` otherwise.
        data_dir: Option<PathBuf> = "";

        /// Connections kept open.
        ///
        /// More would mostly be idle; fewer would make requests wait for each other.
        pool_size: usize = "8", "1" to "256";

        /// Prepares the most frequent statements on each connection. On the private PostgreSQL this
        /// is always on.
        ///
        /// It saves PostgreSQL parsing and planning. But a pooler in transaction mode mixes up the
        /// prepared statements of different connections, unless it keeps account of them, as pgbouncer
        /// 1.21 and newer does with its `max_prepared_statements`.
        prepared_statements: bool = "false";
    }
}

tuning! {
    database: DatabaseTuning {
        /// How long a request waits for a free connection. After that the answer is 503, and the
        /// client may try again. While the server has been away for longer than this, a request
        /// waits 100 ms at most.
        pool_wait: Duration = "2s", "10ms" to "10s";

        /// How long opening a connection may take, TLS and authentication included, for each address,
        /// where the connection string has no `connect_timeout`. A server in the same network answers
        /// in milliseconds.
        connect_timeout: Duration = "2s", "10ms" to "10s";

        /// How long the network may leave data unacknowledged before a connection counts as lost, in
        /// whole seconds, where the connection string has no `tcp_user_timeout`. A silent loss is
        /// noticed by it before the deadline of a statement, which is 5.5 seconds.
        tcp_user_timeout: Duration = "3s", "1s" to "1m";

        /// How many times a transaction is run in all when others conflict with it. Each run begins
        /// with what the others have committed, so a few are enough.
        transaction_attempts: u32 = "5", "1" to "100";
    }
}
