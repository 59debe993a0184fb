//! The end of the chain, to be kept somewhere else.

use std::fmt;
use std::str::FromStr;

/// The end of the chain: keep it elsewhere, and [`verify`](super::verify) can tell whether the log
/// was cut off before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) number: i64,
    pub(crate) mac: Vec<u8>,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.number)?;
        self.mac.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (number, mac) = text.trim().split_once(':')?;
            let byte = |at: usize| u8::from_str_radix(mac.get(at..at + 2)?, 16).ok();
            let mac: Option<Vec<u8>> = (0..mac.len()).step_by(2).map(byte).collect();
            Some(Self { number: number.parse().ok()?, mac: mac.filter(|mac| mac.len() == 32)? })
        };
        read().ok_or_else(|| "not what `gatepost audit head` prints".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_as_it_was_printed() {
        let head = Head { number: 17, mac: vec![0xab; 32] };
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        for text in ["", "17", "17:", "17:ab", "x:ab", &format!("{head}ab"), &format!("{head}é")] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
