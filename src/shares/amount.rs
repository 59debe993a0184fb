//! How much a network holds, and by which measure that is compared.

/// An amount: a number of things, and the sum of their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) count: usize,
    pub(crate) weight: usize,
}

impl Amount {
    pub(super) fn add(&mut self, weight: usize) {
        self.count += 1;
        self.weight += weight;
    }

    pub(super) fn subtract(&mut self, weight: usize) {
        self.count -= 1;
        self.weight -= weight;
    }

    pub(super) fn is_within(self, most: Self) -> bool {
        self.count <= most.count && self.weight <= most.weight
    }
}

/// Which of the two decides which network holds most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Count,
    Weight,
}

impl By {
    pub(super) const fn of(self, amount: Amount) -> usize {
        match self {
            Self::Count => amount.count,
            Self::Weight => amount.weight,
        }
    }
}
