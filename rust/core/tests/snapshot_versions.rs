//! Bytes of each version, written when it was frozen: they open, mean what they meant, and encode to themselves.
#![allow(missing_docs)]

use ktrdr_core::{SnapshotV2, open_snapshot};
use serde_json::{Value, json};

/// Opens frozen bytes and returns what they hold, beside what they meant.
fn opened(bytes: &[u8], text: &str) -> [Value; 2] {
    let (header, state) = open_snapshot::<SnapshotV2>(bytes).expect("a known version");
    let meant: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(Some(header.bar), meant["next_bar"].as_u64());
    [serde_json::to_value(&state).expect("plain data"), meant]
}

/// Version 1 knew no weekdays: with 252 periods a year it added every Sunday to its Monday.
#[test]
fn version_1_means_what_it_meant() {
    let bytes = include_bytes!("data/snapshot_v1.bin");
    let [mut found, meant] = opened(bytes, include_str!("data/snapshot_v1.json"));
    let week = found.as_object_mut().and_then(|fields| fields.remove("week"));
    assert_eq!(week, Some(json!({"sundays_join": true, "open": null})));
    assert_eq!(found, meant);
}

#[test]
fn version_2_means_what_it_meant() {
    let [found, meant] = opened(include_bytes!("data/snapshot_v2.bin"), include_str!("data/snapshot_v2.json"));
    assert_eq!(found, meant);
}
