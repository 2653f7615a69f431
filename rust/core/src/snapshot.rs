//! Snapshots as bytes: a fixed little-endian header, then a postcard payload, both guarded.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | magic `ktrdrsnp` |
//! | 8 | 2 | container version |
//! | 10 | 2 | schema version |
//! | 12 | 32 | identity given by the caller |
//! | 44 | 8 | bar index |
//! | 52 | 40 | row counts: fills, trades, equity, decisions, refused |
//! | 92 | 32 | hash of the ledgers |
//! | 124 | 8 | payload length |
//! | 132 | 32 | BLAKE3 of the payload |
//! | 164 | 4 | CRC32C of the 164 bytes before |

use crate::error::Error;
use crate::simulation::State;

const MAGIC: &[u8; 8] = b"ktrdrsnp";
const CONTAINER: u16 = 1;
const SCHEMA: u16 = 1;
const HEADER: usize = 168;
/// A payload larger than this is no snapshot of ours.
const LARGEST_PAYLOAD: u64 = 1 << 20;

/// What a header says besides its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The caller's 32 bytes.
    pub identity: [u8; 32],
    /// Index of the next bar.
    pub bar: u64,
    /// Rows of fills, trades, equity, decisions, refused.
    pub rows: [u64; 5],
    /// Hash of the ledgers.
    pub ledger_hash: [u8; 32],
}

/// A snapshot's bytes.
#[must_use]
pub fn seal(header: &Header, state: &State) -> Vec<u8> {
    let payload = encode(state);
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&CONTAINER.to_le_bytes());
    bytes.extend_from_slice(&SCHEMA.to_le_bytes());
    bytes.extend_from_slice(&header.identity);
    bytes.extend_from_slice(&header.bar.to_le_bytes());
    for rows in header.rows {
        bytes.extend_from_slice(&rows.to_le_bytes());
    }
    bytes.extend_from_slice(&header.ledger_hash);
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(blake3::hash(&payload).as_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

/// Encoding plain data into memory has no way to fail.
fn encode(state: &State) -> Vec<u8> {
    postcard::to_stdvec(state).unwrap_or_default()
}

/// Reads and checks a snapshot.
///
/// # Errors
/// `SnapshotCorrupt` for changed bytes, `SnapshotTooNew` for a later version, `SnapshotInconsistent` for
/// intact bytes that describe an impossible state.
pub fn open(bytes: &[u8]) -> Result<(Header, State), Error> {
    let (header, payload) = split(bytes)?;
    let state: State =
        postcard::from_bytes(payload).map_err(|_| inconsistent("the payload cannot be read"))?;
    if encode(&state) != payload {
        return Err(inconsistent("the payload is not its own encoding"));
    }
    if state.next_bar != header.bar {
        return Err(inconsistent("header and payload name different bars"));
    }
    check(&state)?;
    Ok((header, state))
}

/// Lengths come first: nothing is allocated for a length that does not fit the bytes.
fn split(bytes: &[u8]) -> Result<(Header, &[u8]), Error> {
    let head = bytes
        .get(..HEADER)
        .ok_or(corrupt("it is shorter than its header"))?;
    let crc = u32::from_le_bytes(array(&head[164..168]));
    if &head[..8] != MAGIC {
        return Err(corrupt("it does not begin like a snapshot"));
    }
    if crc32c::crc32c(&head[..164]) != crc {
        return Err(corrupt("the header's checksum does not fit"));
    }
    let schema = u16::from_le_bytes(array(&head[10..12]));
    let container = u16::from_le_bytes(array(&head[8..10]));
    if container > CONTAINER || schema > SCHEMA {
        return Err(Error::SnapshotTooNew {
            found: container.max(schema),
            supported: SCHEMA,
        });
    }
    let length = u64::from_le_bytes(array(&head[124..132]));
    let payload = &bytes[HEADER..];
    if length > LARGEST_PAYLOAD || length != payload.len() as u64 {
        return Err(corrupt("the payload has not the length its header gives"));
    }
    if blake3::hash(payload).as_bytes() != &head[132..164] {
        return Err(corrupt("the payload's hash does not fit"));
    }
    let rows = std::array::from_fn(|i| u64::from_le_bytes(array(&head[52 + 8 * i..60 + 8 * i])));
    let header = Header {
        identity: array(&head[12..44]),
        bar: u64::from_le_bytes(array(&head[44..52])),
        rows,
        ledger_hash: array(&head[92..124]),
    };
    Ok((header, payload))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut found = [0; N];
    found.copy_from_slice(bytes);
    found
}

/// What no run can have led to.
fn check(state: &State) -> Result<(), Error> {
    let desk = &state.desk;
    if !(desk.tally.equity().is_finite()
        && desk.account.cash.is_finite()
        && state.spec.initial_capital > 0.0)
    {
        return Err(inconsistent("money that is not finite"));
    }
    if desk.position.is_none() && desk.account.quote_cash != 0.0 {
        return Err(inconsistent("quote currency without a position"));
    }
    if desk
        .position
        .as_ref()
        .is_some_and(|p| !(p.quantity > 0.0) || p.direction.abs() != 1)
    {
        return Err(inconsistent("a position without quantity or direction"));
    }
    if desk
        .previous
        .is_some_and(|row| row.bar + 1 != state.next_bar as i64)
    {
        return Err(inconsistent("the last row is not the one before the next"));
    }
    let Some(row) = desk.previous else {
        return Ok(());
    };
    let multiplier = state.rules.execution.instrument.contract_multiplier;
    let gross = desk
        .account
        .open_gross(desk.position.as_ref(), row.close, multiplier, row.rate);
    let open = desk
        .position
        .as_ref()
        .map_or(0.0, |p| gross - p.commission - p.financing);
    let expected = state.spec.initial_capital + desk.tally.trades().net_total() + open;
    let scale = state
        .spec
        .initial_capital
        .max(desk.tally.equity().abs())
        .max(1.0);
    if desk.tally.bars() > 0 && (expected - desk.tally.equity()).abs() > 1e-6 * scale {
        return Err(inconsistent("the accounts do not add up"));
    }
    Ok(())
}

fn corrupt(what: &'static str) -> Error {
    Error::SnapshotCorrupt { what }
}

fn inconsistent(what: &'static str) -> Error {
    Error::SnapshotInconsistent { what }
}
