//! Sockets that systemd has opened for the service (sd_listen_fds(3)).

use super::{Failure, Outcome};
use gatepost::config::{Listen, Loaded, Origin};

/// How many sockets were passed to this very process.
pub(super) fn passed() -> usize {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let is_ours = number("LISTEN_PID") == usize::try_from(std::process::id()).ok();
    number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0)
}

/// Listens on the passed sockets, unless an address was asked for as well. To choose one of the two
/// would leave clients of the other without an answer.
pub(super) fn adopt(loaded: &mut Loaded, passed: usize) -> Outcome {
    let listen = &loaded.config.server.listen;
    if passed == 0 || *listen == Listen::Systemd {
        return Ok(());
    }
    let origin = loaded.settings().into_iter().find(|(name, ..)| name == "server.listen");
    match origin.map_or(Origin::Default, |(.., origin)| origin) {
        Origin::Default => {
            loaded.config.server.listen = Listen::Systemd;
            Ok(())
        }
        place => Err(Failure::Failed(format!(
            "server.listen: systemd passed {passed} socket(s), and {listen} is set as well \
             ({place}); take one away, or set it to systemd"
        ))),
    }
}
