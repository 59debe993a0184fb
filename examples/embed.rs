//! Gatepost inside another program: a service on a free port with a private PostgreSQL of its own,
//! and one operation called directly. `cargo run --example embed -- DIRECTORY`

use gatepost::domain::Login;
use gatepost::passwords::Password;
use gatepost::{Caller, Config, Profile, Service};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::new(Profile::Development);
    config.server.listen = "127.0.0.1:0".parse()?;
    config.database.data_dir = std::env::args().nth(1).map(Into::into);
    let service = Service::start(config)?;
    println!("listening on http://{}", service.addr());

    // The program itself is trusted. It decides what its own users may do.
    let login = Login::parse("alice")?;
    let password = Password::parse("correct horse battery")?;
    match gatepost::users::register(service.app(), &Caller::Trusted, &login, &password) {
        Ok(user) => println!("registered {} as user {}", user.login, user.id.get()),
        Err(gatepost::Error::LoginTaken) => println!("alice is registered already"),
        Err(error) => return Err(error.into()),
    }

    let logged_in = gatepost::sessions::log_in(service.app(), &login, &password)?;
    println!("logged in as user {}", logged_in.user_id.get());
    let alice = Caller::bearer(service.app(), &logged_in.access_token)?;
    let shown = gatepost::users::show(service.app(), &alice, logged_in.user_id)?;
    println!("who sees {}, registered at {}", shown.login, shown.created_at);

    service.stop();
    Ok(())
}
