//! The chunked transfer coding, decoded strictly and piece by piece (RFC 9112, section 7.1).
//!
//! Extensions and trailers are checked, counted and thrown away: nothing here uses them, and their
//! total is bounded so that a small body cannot be wrapped in endless overhead. White space before
//! an extension is refused although the grammar tolerates it, because parsers differ on it.

use super::problem::{Cause, Refusal};

/// Bytes of extensions and trailers that a whole body may carry. Real clients send none.
pub const OVERHEAD_BYTES: usize = 1024;

/// Hexadecimal digits of a chunk size. Eight reach 4 GiB, far beyond any limit used here.
const SIZE_DIGITS: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u8 },
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    FinalLf,
    Done,
}

/// The state between two pieces of a chunked body.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    chunk: usize,
    total: usize,
    limit: usize,
    overhead: usize,
}

/// What a piece contained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the piece that belong to the body; less than all of it only when `done`.
    pub consumed: usize,
    /// The body is complete.
    pub done: bool,
}

const MALFORMED: Refusal = Refusal::invalid("malformed chunked body");

impl Decoder {
    /// A decoder for a body of at most `limit` decoded bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { state: State::Size { digits: 0 }, chunk: 0, total: 0, limit, overhead: 0 }
    }

    /// Decodes the next piece and appends the data to `out`.
    ///
    /// # Errors
    /// The refusal to answer with; the decoder must not be used again.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, Refusal> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let taken = self.chunk.min(input.len() - at);
                out.extend_from_slice(&input[at..at + taken]);
                self.chunk -= taken;
                at += taken;
                if self.chunk == 0 {
                    self.state = State::DataCr;
                }
            } else {
                self.state = self.step(input[at])?;
                at += 1;
            }
        }
        Ok(Progress { consumed: at, done: self.state == State::Done })
    }

    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        match (self.state, byte) {
            (State::Size { digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.size_digit(digits, byte)
            }
            (State::Size { digits: 1.. }, b'\r') => Ok(State::SizeLf),
            (State::Size { digits: 1.. }, b';') => self.count(State::Extension),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\t' | b' '..=b'~') => self.count(State::Extension),
            (State::SizeLf, b'\n') => self.size_known(),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size { digits: 0 }),
            (State::TrailerStart, b'\r') => Ok(State::FinalLf),
            (State::TrailerStart | State::TrailerName, b) if is_token(b) => {
                self.count(State::TrailerName)
            }
            (State::TrailerName, b':') => self.count(State::TrailerValue),
            (State::TrailerValue, b'\r') => self.count(State::TrailerLf),
            // As in the head (RFC 9110, 5.5); trailers are passed over anyway.
            (State::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => self.count(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::FinalLf, b'\n') => Ok(State::Done),
            _ => Err(MALFORMED),
        }
    }

    fn size_digit(&mut self, digits: u8, byte: u8) -> Result<State, Refusal> {
        if digits == SIZE_DIGITS {
            return Err(MALFORMED);
        }
        let digit = (byte as char).to_digit(16).ok_or(MALFORMED)?;
        self.chunk = (self.chunk << 4) | digit as usize;
        Ok(State::Size { digits: digits + 1 })
    }

    /// Called when the size line is complete. Applies the body limit before any data is taken.
    fn size_known(&mut self) -> Result<State, Refusal> {
        if self.chunk == 0 {
            return Ok(State::TrailerStart);
        }
        if self.chunk > self.limit - self.total {
            return Err(Refusal::new(Cause::PayloadTooLarge, "the request body is too large"));
        }
        self.total += self.chunk;
        Ok(State::Data)
    }

    fn count(&mut self, next: State) -> Result<State, Refusal> {
        self.overhead += 1;
        if self.overhead > OVERHEAD_BYTES {
            return Err(Refusal::invalid("too many chunk extensions or trailers"));
        }
        Ok(next)
    }
}

/// The characters of a token (RFC 9110, section 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests;
