//! The Python door of `ktrdr-core`: extract, release the GIL, call, convert. It decides nothing.
//!
//! * `convert`: columns and JSON of arguments
//! * `errors`: errors of the core as Python exceptions
//! * `constants`: names, schemas and catalogues
//! * `bars`, `signals`, `features`, `hash`: functions over arrays
//! * `simulation`, `ledger`, `snapshot`: a run, its tables, its bytes

// Functions that Python calls take their arguments one by one.
#![allow(clippy::too_many_arguments)]

mod bars;
mod constants;
mod convert;
mod errors;
mod features;
mod hash;
mod ledger;
mod signals;
mod simulation;
mod snapshot;

/// Memory that a run has used serves the next one: the system's allocator gives it back, and each page costs a fault.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives back memory that threads of a sweep have left behind, which the next threads would not use.
fn give_back() {
    // SAFETY: the call takes no memory of ours, and any thread may make it.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// The compiled core of ktrdr.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::{
        bars::{audit_bars, check_bars, spacing},
        features::{degrees, fill_memberships},
        hash::{content_hash, identity},
        signals::{classify, filter_decision, regress},
        simulation::Simulation,
        snapshot::Snapshot,
    };

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::constants::add_to(module)
    }
}
