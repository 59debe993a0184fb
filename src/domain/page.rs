//! Which part of a list is asked for.

use crate::error::{Error, Result};

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    number: i64,
    size: i64,
    after: Option<i64>,
}

impl Page {
    /// The most entries on a page.
    pub const MAX_SIZE: i64 = 100;

    /// The page of this number, counted from 1, with up to `size` entries. If `after` is given, the
    /// entries after that id instead, which costs the same however far into the list it is.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a number below 1, a size outside 1 to 100, `after` below 0.
    pub fn parse(number: i64, size: i64, after: Option<i64>) -> Result<Self> {
        if number < 1 {
            return Err(Error::parameter("page_num", "must be 1 or more"));
        }
        if !(1..=Self::MAX_SIZE).contains(&size) {
            return Err(Error::parameter("page_size", "must be from 1 to 100"));
        }
        if after.is_some_and(|id| id < 0) {
            return Err(Error::parameter("after", "must be 0 or more"));
        }
        Ok(Self { number, size, after })
    }

    /// Its number, counted from 1.
    pub fn number(self) -> i64 {
        self.number
    }

    /// The most entries it holds.
    pub fn size(self) -> i64 {
        self.size
    }

    /// The id after which it begins, and how many entries to skip from there.
    pub(crate) fn start(self) -> (i64, i64) {
        match self.after {
            Some(id) => (id, 0),
            None => (0, (self.number - 1).saturating_mul(self.size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds() {
        assert!(Page::parse(0, 20, None).is_err());
        assert!(Page::parse(1, 0, None).is_err());
        assert!(Page::parse(1, 101, None).is_err());
        assert!(Page::parse(1, 20, Some(-1)).is_err());
        assert_eq!(Page::parse(3, 100, None).unwrap().start(), (0, 200));
        assert_eq!(Page::parse(3, 100, Some(7)).unwrap().start(), (7, 0));
        assert_eq!(Page::parse(i64::MAX, 100, None).unwrap().start(), (0, i64::MAX));
    }
}
