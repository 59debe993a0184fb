//! `gatepost completions`

use super::{Context, Outcome, print};
use clap::ValueEnum;

/// Print the completions for a shell
///
/// bash: gatepost completions bash > /etc/bash_completion.d/gatepost
///
/// zsh: gatepost completions zsh > /usr/local/share/zsh/site-functions/_gatepost
///
/// fish: gatepost completions fish > ~/.config/fish/completions/gatepost.fish
#[derive(clap::Args)]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn command(context: &Context, options: &Options) -> Outcome {
    context.without_file("completions")?;
    print(match options.shell {
        Shell::Bash => include_str!("../../packaging/completions/gatepost.bash"),
        Shell::Zsh => include_str!("../../packaging/completions/_gatepost"),
        Shell::Fish => include_str!("../../packaging/completions/gatepost.fish"),
    })
}
