//! The names of the roles and of the database.

/// The role that the service runs as: it reads and writes rows, and nothing more.
pub(crate) const APP_ROLE: &str = "gatepost_app";

/// The role that owns the schema: it runs migrations, and nothing else uses it.
pub(crate) const OWNER_ROLE: &str = "gatepost_owner";

/// The database's name, unless a connection string says otherwise.
pub(crate) const DATABASE: &str = "gatepost";
