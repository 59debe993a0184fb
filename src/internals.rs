//! What the tests, the benchmarks and the fuzz targets see of the library's inside. It exists only
//! with the feature of that name, and is not part of the interface.

pub mod benchmark;
pub mod fuzzing;

/// The front door without a service behind it.
pub mod front_door {
    pub use crate::front_door::*;
}
