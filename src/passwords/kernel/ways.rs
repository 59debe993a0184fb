//! The ways of a processor, and what each costs there.

use super::chain::Chain;
use super::table::Table;
use super::way::Way;

/// Ways, and the table of what was measured of them.
pub(super) struct Ways {
    pub(super) all: Vec<Way>,
    pub(super) table: Table,
}

impl Ways {
    pub(super) fn measured(all: Vec<Way>) -> Self {
        Self { table: Table::measure(&all), all }
    }

    /// Advances these chains together, at most as many as any way has lanes, in the best way for as
    /// many.
    pub(super) fn advance(&self, chains: &mut [&mut Chain], iterations: u32) {
        if let Some(best) = chains.len().checked_sub(1).and_then(|last| self.table.best.get(last)) {
            self.all[best.way].advance(chains, iterations);
        }
    }
}
