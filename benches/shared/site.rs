//! A database for a benchmark, made and migrated as an operator would, and the settings to use it.

use gatepost::secret::Secret;
use gatepost::{Config, Profile, database};
use gatepost_test_support::Cluster;

/// The password of both roles, and of every user.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Makes roles, database and schema in a cluster. The settings are those of the profile, with this
/// database's two connection strings.
pub(crate) fn prepare(cluster: &Cluster, profile: Profile) -> Config {
    let conninfo = |user: &str, database: &str| {
        let dir = cluster.dir().display();
        Secret::new(format!("host={dir} user={user} password='{PASSWORD}' dbname={database}"))
    };
    let admin = conninfo("postgres", "postgres");
    database::create(&admin, &PASSWORD.into(), &PASSWORD.into()).unwrap();
    let mut config = Config::new(profile);
    config.database.url = Some(conninfo("gatepost_app", "gatepost"));
    config.database.owner_url = Some(conninfo("gatepost_owner", "gatepost"));
    database::migrate(&config).unwrap();
    config
}
