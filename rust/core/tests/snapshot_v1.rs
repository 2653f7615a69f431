//! Bytes of version 1, written when it was frozen: they open, mean what they meant, and encode to themselves.
#![allow(missing_docs)]

use ktrdr_core::{SnapshotV1, open_snapshot};

#[test]
fn old_bytes_mean_what_they_meant() {
    let (header, state) = open_snapshot::<SnapshotV1>(include_bytes!("data/snapshot_v1.bin")).expect("version 1");
    let told: serde_json::Value = serde_json::from_str(include_str!("data/snapshot_v1.json")).expect("JSON");
    assert_eq!(serde_json::to_value(&state).expect("plain data"), told);
    assert_eq!(Some(header.bar), told["next_bar"].as_u64());
}
