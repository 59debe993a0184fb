//! Asking for secrets, at a terminal without showing them.

use super::Failure;
use super::output::{prompt, tell};
use gatepost::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{BufRead, IsTerminal, Read};

/// Maximum bytes read for a password: more than a password may have, so that a longer one is
/// refused and not cut.
const PASSWORD_INPUT: u64 = 16 * 1024;

/// Whether there is a terminal at which to ask.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks at the terminal, without showing what is typed.
pub(super) fn ask(question: &'static str) -> Result<Secret, Failure> {
    let shown = tcgetattr(std::io::stdin()).map_err(std::io::Error::from)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let signals = restore_on_signal(shown.clone())?;
    tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden).map_err(std::io::Error::from)?;
    // Only now: anything typed earlier would be shown, and then thrown away.
    prompt(question);
    let line = read_line();
    signals.close();
    tcsetattr(std::io::stdin(), OptionalActions::Flush, &shown).map_err(std::io::Error::from)?;
    tell("");
    line
}

/// Ctrl-C at the prompt must not leave a terminal that shows nothing.
fn restore_on_signal(shown: Termios) -> Result<signal_hook::iterator::Handle, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // If this fails, nothing more can be done.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &shown);
            std::process::exit(128 + signal);
        }
    })?;
    Ok(handle)
}

/// The first line of standard input.
pub(super) fn read_line() -> Result<Secret, Failure> {
    let mut line = String::with_capacity(PASSWORD_INPUT as usize);
    std::io::stdin().lock().take(PASSWORD_INPUT).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Secret::new(line))
}
