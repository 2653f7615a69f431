//! Opens hostile bytes as a snapshot. Whatever opens must be usable: hashed, reported and continued without a panic.
//!
//! The first byte chooses between bytes as they are and bytes as the payload of either schema under a header with valid
//! checksums. With checksums in the way a fuzzer would never reach the payload's own checks.
#![no_main]

use ktrdr_core::{Bars, Columns, Header, Ledger, Simulation, SnapshotV2, open_snapshot, seal_snapshot};
use libfuzzer_sys::fuzz_target;

const HEADER_BYTES: usize = 456;
const BAR_AT: usize = 44;
const LENGTH_AT: usize = 412;
const CHECKSUM_AT: usize = 452;

/// Puts a payload under a header whose lengths and checksums fit it.
fn sealed(schema: u16, bar: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..8].copy_from_slice(b"ktrdrsnp");
    bytes[8..10].copy_from_slice(&1_u16.to_le_bytes());
    bytes[10..12].copy_from_slice(&schema.to_le_bytes());
    bytes[BAR_AT..BAR_AT + 8].copy_from_slice(&bar.to_le_bytes());
    bytes[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes[LENGTH_AT + 8..CHECKSUM_AT].copy_from_slice(blake3::hash(payload).as_bytes());
    let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]).to_le_bytes();
    bytes[CHECKSUM_AT..].copy_from_slice(&checksum);
    bytes.extend_from_slice(payload);
    bytes
}

/// Uses a state that opened in every way a caller can.
fn exercise(header: &Header, snapshot: SnapshotV2) {
    let again = seal_snapshot(header, &snapshot).expect("a state that was read can be written");
    assert!(open_snapshot::<SnapshotV2>(&again).is_ok());
    let (state, _) = snapshot.into_state().expect("one symbol");
    let mut run = Simulation::from_state(state, Ledger::default());
    let _ = run.metrics(None);
    let stamps = [run.last_ns().unwrap_or(0).saturating_add(1)];
    let prices = [100.0];
    let bars = Bars { atr: Some(&prices), ..Bars::new(&stamps, &prices, &prices, &prices, &prices) };
    let _ = run.feed(&Columns { bars, signals: &[1], confidence: None }, false);
    let _ = run.metrics(None);
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let bytes = match (kind & 1, rest.split_at_checked(8)) {
        (1, Some((bar, payload))) => {
            let schema = 1 + u16::from(kind >> 1 & 1);
            sealed(schema, u64::from_le_bytes(bar.try_into().expect("8 bytes")), payload)
        }
        _ => rest.to_vec(),
    };
    if let Ok((header, snapshot)) = open_snapshot::<SnapshotV2>(&bytes) {
        exercise(&header, snapshot);
    }
});
