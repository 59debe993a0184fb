//! What systemd is told about the service: sd_notify(3), and its watchdog.
//!
//! Without systemd nothing of this happens.

use gatepost::health::{self, Question};
use gatepost::service::Address;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Sends a state, such as `READY=1`, where somebody wants to know.
pub(super) fn notify(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        log::warn!("systemd was not told {state:?}: {error}");
    }
}

fn send(socket: &std::ffi::OsStr, state: &str) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::unix::ffi::OsStrExt::as_bytes(socket).strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return datagram.send_to_addr(state.as_bytes(), &address).map(drop);
    }
    datagram.send_to(state.as_bytes(), socket).map(drop)
}

/// Tells systemd's watchdog that the service answers, as often as it wants to hear that. If a
/// request to the service's own front door is not answered, nothing is said, and systemd ends the
/// process and starts another.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn keep_watch(address: Address, tls: bool) -> io::Result<()> {
    let Some(wait) = interval() else { return Ok(()) };
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        loop {
            match health::status(&address, tls, Question::Live) {
                // A refusal is an answer too: a service that is busy must not be ended for that.
                Ok(_) => notify("WATCHDOG=1"),
                Err(error) => log::error!("the service does not answer itself: {error}"),
            }
            std::thread::sleep(wait);
        }
    })?;
    Ok(())
}

/// Half of what sd_watchdog_enabled(3) says, as it recommends.
fn interval() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let micros = number("WATCHDOG_USEC").filter(|micros| *micros > 0)?;
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    is_ours.then(|| Duration::from_micros(micros / 2))
}
