//! The program `gatepost`: runs one command and says by its exit code how that went.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
