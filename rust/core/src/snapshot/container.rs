//! Snapshots as bytes: a fixed little-endian header, then a postcard payload, both guarded.
//!
//! | offset | bytes | content |
//! | --- | --- | --- |
//! | 0 | 8 | magic `ktrdrsnp` |
//! | 8 | 2 | container version |
//! | 10 | 2 | schema version of the payload |
//! | 12 | 32 | identity given by the caller |
//! | 44 | 8 | bar index: the next bar |
//! | 52 | 5 x 72 | fills, trades, equity, refused, decisions: rows, hash of the last full page, hash of all |
//! | 412 | 8 | payload length |
//! | 420 | 32 | BLAKE3 of the payload |
//! | 452 | 4 | CRC32C of the 452 bytes before |

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;
use crate::ledger::hash::{Chain, Content, Hash, Table};
use crate::ledger::schema::TABLES;

const MAGIC: &[u8; 8] = b"ktrdrsnp";
const CONTAINER: u16 = 1;
const LEDGERS_AT: usize = 52;
const LEDGER_BYTES: usize = 72;
const LENGTH_AT: usize = LEDGERS_AT + TABLES * LEDGER_BYTES;
const CHECKSUM_AT: usize = LENGTH_AT + 40;
const HEADER_BYTES: usize = CHECKSUM_AT + 4;

/// Largest payload that is read. A snapshot has a few KiB, so a larger one is not ours.
const LARGEST_PAYLOAD: u64 = 1 << 20;

/// The extent of a ledger table, and its hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerMark {
    /// Number of rows of the table.
    pub rows: u64,
    /// Hash of the last full page.
    pub head: Hash,
    /// Hash of all rows.
    pub tip: Hash,
}

impl LedgerMark {
    /// Marks a table; `chain` keeps the hash of its full pages for the next mark.
    ///
    /// `first_row` is the number of row 0 of the table.
    pub(crate) fn of(chain: &mut Chain, table: &impl Table, first_row: u64) -> Self {
        chain.advance(table, first_row);
        Self { rows: first_row + table.rows() as u64, head: chain.head, tip: chain.tip(table, first_row) }
    }
}

/// The header of a snapshot, without its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Identity of the run, chosen by the caller.
    pub identity: Hash,
    /// Index of the next bar.
    pub bar: u64,
    /// One mark per table, in the order of `LEDGER_SCHEMA`.
    pub ledgers: [LedgerMark; TABLES],
}

impl Header {
    /// Returns the hash that a fork names as its parent: over identity, bar and ledgers.
    #[must_use]
    pub fn lineage(&self) -> Hash {
        let mut content = Content::default();
        content.add(&self.identity).add(&self.bar.to_le_bytes());
        for mark in &self.ledgers {
            content.add(&mark.rows.to_le_bytes()).add(&mark.tip);
        }
        content.finish()
    }
}

/// The content of a snapshot: frozen plain data of one schema version.
pub trait Payload: Serialize + DeserializeOwned {
    /// Version of the schema.
    const SCHEMA: u16;

    /// Returns the index of the next bar.
    fn bar(&self) -> u64;

    /// Checks that some run can have reached this state.
    ///
    /// # Errors
    /// The fact that cannot be.
    fn check(&self) -> Result<(), &'static str>;

    /// Decodes a payload of this version. A version that reads earlier ones has a method of its own.
    ///
    /// # Errors
    /// As `decode`.
    fn decode(_schema: u16, payload: &[u8]) -> Result<Self, Error> {
        decode(payload)
    }
}

/// Encodes header and payload as bytes.
///
/// # Errors
/// `SnapshotInconsistent` for a payload that cannot be encoded.
pub fn seal<P: Payload>(header: &Header, payload: &P) -> Result<Vec<u8>, Error> {
    let payload = encode(payload)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&CONTAINER.to_le_bytes());
    bytes.extend_from_slice(&P::SCHEMA.to_le_bytes());
    bytes.extend_from_slice(&header.identity);
    bytes.extend_from_slice(&header.bar.to_le_bytes());
    for mark in &header.ledgers {
        bytes.extend_from_slice(&mark.rows.to_le_bytes());
        bytes.extend_from_slice(&mark.head);
        bytes.extend_from_slice(&mark.tip);
    }
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(blake3::hash(&payload).as_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

/// Encodes plain data in the form that snapshots and hashes use.
pub(crate) fn encode(payload: &impl Serialize) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(payload).map_err(|_| inconsistent("the state cannot be encoded"))
}

/// Reads and checks a snapshot.
///
/// # Errors
/// `SnapshotCorrupt` for changed bytes, `SnapshotTooNew` for a later version, `SnapshotInconsistent` for intact bytes
/// that describe an impossible state.
///
/// ```
/// let error = ktrdr_core::open_snapshot::<ktrdr_core::SnapshotV2>(b"no snapshot").unwrap_err();
/// assert_eq!(error.code(), "snapshot_corrupt");
/// ```
pub fn open<P: Payload>(bytes: &[u8]) -> Result<(Header, P), Error> {
    let Intact { header, schema, payload } = intact(bytes, P::SCHEMA)?;
    let state = P::decode(schema, payload)?;
    if state.bar() != header.bar {
        return Err(inconsistent("header and payload name different bars"));
    }
    state.check().map_err(inconsistent)?;
    Ok((header, state))
}

/// Decodes plain data that is its own encoding.
///
/// # Errors
/// `SnapshotInconsistent` for any other bytes.
pub(crate) fn decode<P: Serialize + DeserializeOwned>(payload: &[u8]) -> Result<P, Error> {
    let state: P = postcard::from_bytes(payload).map_err(|_| inconsistent("the payload cannot be read"))?;
    // Postcard reads some numbers from longer forms too. Two encodings of one state would have two hashes.
    if encode(&state)? != payload {
        return Err(inconsistent("the payload is not its own encoding"));
    }
    Ok(state)
}

/// A snapshot's bytes after their checksums, with the schema that its payload is written in.
struct Intact<'a> {
    header: Header,
    schema: u16,
    payload: &'a [u8],
}

/// Splits a snapshot. Lengths come first: nothing is allocated for a length that does not fit the bytes.
fn intact(bytes: &[u8], newest: u16) -> Result<Intact<'_>, Error> {
    let Some((head, payload)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(corrupt("it is shorter than its header"));
    };
    if &head[..MAGIC.len()] != MAGIC {
        return Err(corrupt("it does not begin like a snapshot"));
    }
    // Before the versions: a damaged version is damage, not a later version.
    if crc32c::crc32c(&head[..CHECKSUM_AT]).to_le_bytes() != head[CHECKSUM_AT..] {
        return Err(corrupt("the header's checksum does not fit"));
    }
    let mut fields = Fields(&head[MAGIC.len()..]);
    let container = fields.u16();
    let schema = fields.u16();
    for (found, supported) in [(container, CONTAINER), (schema, newest)] {
        if found > supported {
            return Err(Error::SnapshotTooNew { found, supported });
        }
    }
    let header = Header { identity: fields.take(), bar: fields.u64(), ledgers: std::array::from_fn(|_| fields.mark()) };
    let length = fields.u64();
    if length > LARGEST_PAYLOAD || length != payload.len() as u64 {
        return Err(corrupt("the payload has not the length its header gives"));
    }
    if *blake3::hash(payload).as_bytes() != fields.take::<32>() {
        return Err(corrupt("the payload's hash does not fit"));
    }
    Ok(Intact { header, schema, payload })
}

/// Reads a header whose length has been checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut found = [0; N];
        found.copy_from_slice(&self.0[..N]);
        self.0 = &self.0[N..];
        found
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn mark(&mut self) -> LedgerMark {
        LedgerMark { rows: self.u64(), head: self.take(), tip: self.take() }
    }
}

fn corrupt(what: &'static str) -> Error {
    Error::SnapshotCorrupt { what }
}

fn inconsistent(what: &'static str) -> Error {
    Error::SnapshotInconsistent { what }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{HEADER_BYTES, Header, LedgerMark, Payload, open, seal};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Plain {
        bar: u64,
        money: f64,
        names: Vec<String>,
    }

    impl Payload for Plain {
        const SCHEMA: u16 = 3;

        fn bar(&self) -> u64 {
            self.bar
        }

        fn check(&self) -> Result<(), &'static str> {
            if self.money.is_finite() { Ok(()) } else { Err("money") }
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Older(u64);

    impl Payload for Older {
        const SCHEMA: u16 = 2;

        fn bar(&self) -> u64 {
            self.0
        }

        fn check(&self) -> Result<(), &'static str> {
            Ok(())
        }
    }

    fn header(bar: u64) -> Header {
        let mark = |rows| LedgerMark { rows, head: [4; 32], tip: [5; 32] };
        Header { identity: [7; 32], bar, ledgers: [mark(1), mark(2), mark(3), mark(4), mark(5)] }
    }

    fn plain(bar: u64, money: f64) -> Plain {
        Plain { bar, money, names: vec!["EURUSD".into()] }
    }

    fn sealed() -> Vec<u8> {
        seal(&header(9), &plain(9, 1.5)).expect("plain data")
    }

    #[test]
    fn comes_back_as_it_was() {
        let (found, payload) = open::<Plain>(&sealed()).expect("intact");
        assert_eq!((found, payload), (header(9), plain(9, 1.5)));
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_seen() {
        let bytes = sealed();
        for length in 0..bytes.len() {
            assert_eq!(open::<Plain>(&bytes[..length]).expect_err("truncated").code(), "snapshot_corrupt", "{length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open::<Plain>(&changed).expect_err("flipped").code(), "snapshot_corrupt", "bit {bit}");
        }
        let longer = [bytes, vec![0]].concat();
        assert_eq!(open::<Plain>(&longer).expect_err("longer").code(), "snapshot_corrupt");
    }

    #[test]
    fn a_later_schema_is_refused_by_name() {
        let code = open::<Older>(&sealed()).expect_err("newer").code();
        assert_eq!(code, "snapshot_too_new");
    }

    #[test]
    fn an_impossible_state_is_refused() {
        for (bar, money) in [(9, f64::NAN), (8, 1.0)] {
            let bytes = seal(&header(9), &plain(bar, money)).expect("plain data");
            assert_eq!(open::<Plain>(&bytes).expect_err("impossible").code(), "snapshot_inconsistent");
        }
    }

    #[test]
    fn an_absurd_length_allocates_nothing() {
        let mut bytes = sealed();
        bytes[412..420].copy_from_slice(&u64::MAX.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&checksum);
        assert_eq!(open::<Plain>(&bytes).expect_err("absurd").code(), "snapshot_corrupt");
    }
}
