//! `[database]`: which PostgreSQL, and how long to wait for it.

use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// Which PostgreSQL, and how it is used.
    database: Database with DatabaseTuning {
        /// Connection string of the role `gatepost_app`, as a URL or as `key=value` words.
        /// Time limits in it, such as `connect_timeout`, take precedence over Gatepost's.
        ///
        /// By default Gatepost runs a private PostgreSQL in `database.data_dir`; in production that
        /// must be asked for with `database.private`.
        url: Option<Secret> = "";

        /// Connection string of the role `gatepost_owner`, which `database migrate`,
        /// `database after-restore` and `audit prune` use and nothing else does. Goes with
        /// `database.url`.
        ///
        /// The service never needs this role, so it is best kept from its environment.
        owner_url: Option<Secret> = "";

        /// In production, says that the private PostgreSQL is wanted.
        ///
        /// Otherwise a forgotten `database.url` would silently begin with an empty database.
        private: bool = "false";

        /// Directory of the private PostgreSQL. Without it, `/var/lib/gatepost/PROFILE` as root and
        /// `$XDG_DATA_HOME/gatepost/PROFILE` otherwise.
        data_dir: Option<PathBuf> = "";

        /// Connections kept open.
        ///
        /// More would mostly be idle, fewer would make requests wait for each other.
        pool_size: usize = "8", "1" to "256";

        /// Prepares the statements that are run all the time on each connection. The private
        /// PostgreSQL always has it so.
        ///
        /// It spares PostgreSQL parsing and planning. But a pooler such as pgbouncer in transaction
        /// mode mixes up the prepared statements of different connections.
        prepared_statements: bool = "false";
    }
}

tuning! {
    database: DatabaseTuning {
        /// How long a request waits for a free connection. Then the answer is 503, and the client
        /// may try again.
        pool_wait: Duration = "2s", "10ms" to "10s";

        /// How long opening a connection may take, for each host named, where the connection string
        /// has no `connect_timeout`. A server in the same network answers in milliseconds.
        connect_timeout: Duration = "2s", "10ms" to "10s";

        /// How long the network may leave data unacknowledged before a connection counts as lost, in
        /// whole seconds, where the connection string has no `tcp_user_timeout`. Without it a silent
        /// loss holds a worker for good.
        tcp_user_timeout: Duration = "3s", "1s" to "1m";

        /// How often a transaction is run in all when others get in its way. Each run
        /// begins from what the others have committed, so a few are enough.
        transaction_attempts: u32 = "5", "1" to "100";
    }
}
