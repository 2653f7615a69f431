//! Canonical hashes: over values, never over Arrow, Parquet or JSON bytes.

use std::ops::Range;

use blake3::Hasher;
use serde::{Deserialize, Serialize};

use crate::ledger::column::ColumnRef;
use crate::ledger::tables::Ledger;
use crate::market::bars::Bars;
use crate::market::columns::Columns;

/// Rows that are hashed together. Fixed, so that a hash does not depend on when it was asked for.
pub const PAGE_ROWS: usize = 4_096;

/// Values gathered before they are handed to the hasher, which is fast on long inputs only.
const GATHERED_VALUES: usize = 512;

/// The 32 bytes of a BLAKE3 hash.
pub type Hash = [u8; 32];

/// A hash over parts, each preceded by its length, so that no two sequences of parts share their bytes.
///
/// ```
/// use ktrdr_core::Content;
///
/// let [together, apart] = [vec![&b"ab"[..]], vec![&b"a"[..], &b"b"[..]]].map(|parts| {
///     let mut content = Content::default();
///     parts.iter().for_each(|part| _ = content.add(part));
///     content.finish()
/// });
/// assert_ne!(together, apart);
/// ```
#[derive(Debug, Default)]
pub struct Content(Hasher);

impl Content {
    /// Adds a part after its length.
    pub fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Returns the hash of all parts.
    #[must_use]
    pub fn finish(&self) -> Hash {
        *self.0.finalize().as_bytes()
    }
}

/// Returns the identity of a run: a hash over its named parts, in their order.
#[must_use]
pub fn identity(parts: &[(String, Hash)]) -> Hash {
    let mut content = Content::default();
    content.add(b"ktrdr-identity-1");
    for (name, hash) in parts {
        content.add(name.as_bytes()).add(hash);
    }
    content.finish()
}

/// Writes columns into a hasher, little-endian, without a copy of the whole column.
pub(crate) struct ColumnHasher<'h>(&'h mut Hasher);

impl ColumnHasher<'_> {
    fn packed<T: Copy, const N: usize>(&mut self, values: &[T], encode: impl Fn(T) -> [u8; N]) -> &mut Self {
        let mut bytes = Vec::with_capacity(GATHERED_VALUES * N);
        for part in values.chunks(GATHERED_VALUES) {
            bytes.clear();
            part.iter().for_each(|&value| bytes.extend_from_slice(&encode(value)));
            self.0.update(&bytes);
        }
        self
    }

    fn raw(&mut self, values: &[u8]) -> &mut Self {
        self.0.update(values);
        self
    }

    fn signs(&mut self, values: &[i8]) -> &mut Self {
        self.packed(values, i8::to_le_bytes)
    }

    fn ints(&mut self, values: &[i64]) -> &mut Self {
        self.packed(values, i64::to_le_bytes)
    }

    fn reals(&mut self, values: &[f64]) -> &mut Self {
        self.packed(values, real_bytes)
    }

    fn singles(&mut self, values: &[f32]) -> &mut Self {
        self.packed(values, single_bytes)
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    /// Writes some rows of a column. A nullable column is preceded by one validity byte per row.
    fn column(&mut self, column: ColumnRef<'_>, rows: Range<usize>, symbol: &str) {
        match column {
            ColumnRef::Int(values) => _ = self.ints(&values[rows]),
            ColumnRef::Sign(values) => _ = self.signs(&values[rows]),
            ColumnRef::Code(values) => _ = self.raw(&values[rows]),
            ColumnRef::Real(values) => _ = self.reals(&values[rows]),
            ColumnRef::Single(values) => _ = self.singles(&values[rows]),
            ColumnRef::OptionalReal(values) => {
                self.validity(&values[rows.clone()]);
                self.packed(&values[rows], |value| real_bytes(value.unwrap_or(0.0)));
            }
            ColumnRef::OptionalSingle(values) => {
                self.validity(&values[rows.clone()]);
                self.packed(&values[rows], |value| single_bytes(value.unwrap_or(0.0)));
            }
            ColumnRef::Symbol(_) => rows.for_each(|_| _ = self.text(symbol)),
        }
    }

    fn validity<T: Copy>(&mut self, values: &[Option<T>]) {
        self.packed(values, |value| [u8::from(value.is_some())]);
    }
}

/// Encodes a number. Adding 0.0 turns -0.0 into 0.0 and leaves everything else.
fn real_bytes(value: f64) -> [u8; 8] {
    (value + 0.0).to_le_bytes()
}

fn single_bytes(value: f32) -> [u8; 4] {
    (value + 0.0).to_le_bytes()
}

/// Rows with a canonical order of columns.
pub(crate) trait Table {
    /// Returns the number of rows.
    fn rows(&self) -> usize;

    /// Writes some rows, column by column.
    fn write(&self, rows: Range<usize>, to: &mut ColumnHasher<'_>);

    /// Adds row count and columns of some rows to a hash.
    fn hash_into(&self, rows: Range<usize>, hasher: &mut Hasher) {
        hasher.update(&(rows.len() as u64).to_le_bytes());
        self.write(rows, &mut ColumnHasher(hasher));
    }
}

/// A table of the ledger with the run's symbol.
#[derive(Debug)]
pub(crate) struct LedgerTable<'a> {
    /// Symbol of the run.
    pub symbol: &'a str,
    /// Columns in canonical order.
    pub columns: Vec<ColumnRef<'a>>,
}

impl Table for LedgerTable<'_> {
    fn rows(&self) -> usize {
        self.columns.first().map_or(0, ColumnRef::len)
    }

    fn write(&self, rows: Range<usize>, to: &mut ColumnHasher<'_>) {
        for column in &self.columns {
            to.column(*column, rows.clone(), self.symbol);
        }
    }
}

impl Table for Bars<'_> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut ColumnHasher<'_>) {
        to.ints(&self.timestamp[rows.clone()]);
        for column in [self.open, self.high, self.low, self.close] {
            to.reals(&column[rows.clone()]);
        }
        for extra in [self.half_spread, self.atr, self.conversion_rate] {
            // A missing column differs from a column of zeros.
            to.raw(&[u8::from(extra.is_some())]);
            to.reals(extra.map_or(&[], |column| &column[rows.clone()]));
        }
    }
}

/// The signals and confidences of columns, without their bars.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignalTable<'a>(pub Columns<'a>);

impl Table for SignalTable<'_> {
    fn rows(&self) -> usize {
        self.0.signals.len()
    }

    fn write(&self, rows: Range<usize>, to: &mut ColumnHasher<'_>) {
        to.signs(&self.0.signals[rows.clone()]);
        match self.0.confidence {
            Some(column) => to.singles(&column[rows]),
            None => to.singles(&vec![1.0; rows.len()]),
        };
    }
}

/// The hash of a growing table: over full pages, each with the hash of the page before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    /// Rows in full pages.
    pub paged_rows: u64,
    /// Hash of the last full page.
    pub head: Hash,
}

impl Chain {
    /// Adds the pages that have become full; `first_row` is the index of the table's row 0.
    pub fn advance(&mut self, table: &impl Table, first_row: u64) {
        // Full pages only: the open page may still grow.
        let full = (first_row + table.rows() as u64) / PAGE_ROWS as u64 * PAGE_ROWS as u64;
        while self.paged_rows < full {
            let start = (self.paged_rows - first_row) as usize;
            self.head = self.page(table, start..start + PAGE_ROWS);
            self.paged_rows += PAGE_ROWS as u64;
        }
    }

    /// Returns the hash of everything so far: the open page, with the hash of the last full page before it.
    #[must_use]
    pub fn tip(&self, table: &impl Table, first_row: u64) -> Hash {
        self.page(table, (self.paged_rows - first_row) as usize..table.rows())
    }

    fn page(&self, table: &impl Table, rows: Range<usize>) -> Hash {
        let mut hasher = Hasher::new();
        // The hash of the page before makes the last hash cover everything.
        hasher.update(&self.head);
        table.hash_into(rows, &mut hasher);
        *hasher.finalize().as_bytes()
    }
}

/// Returns the hash of a result: BLAKE3 over fills, trades, equity and metrics.
///
/// A partial result covers the first `fills` and `trades` rows only: it must not change when the run continues. `times`
/// are the stamps of the equity points, `metrics` are sorted by name.
#[must_use]
pub fn result(
    symbol: &str,
    ledger: &Ledger,
    [fills, trades]: [usize; 2],
    times: &[i64],
    metrics: &[(String, Option<f64>)],
) -> Hash {
    let mut hasher = Hasher::new();
    // The tag is a version: other columns or another order need another tag.
    hasher.update(b"ktrdr-result-1");
    LedgerTable { symbol, columns: ledger.fills.columns() }.hash_into(0..fills, &mut hasher);
    LedgerTable { symbol, columns: ledger.trades.columns() }.hash_into(0..trades, &mut hasher);
    hasher.update(&(times.len() as u64).to_le_bytes());
    ColumnHasher(&mut hasher).ints(times).reals(&ledger.equity[..times.len()]);
    hasher.update(&(metrics.len() as u64).to_le_bytes());
    for (name, value) in metrics {
        let mut to = ColumnHasher(&mut hasher);
        to.text(name).raw(&[u8::from(value.is_some())]).reals(&[value.unwrap_or(0.0)]);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Chain, ColumnRef, Hash, LedgerTable, PAGE_ROWS, SignalTable, Table, identity, result};
    use crate::ledger::tables::Ledger;
    use crate::ledger::tables::tests::zeros;
    use crate::market::bars::Bars;
    use crate::market::columns::Columns;

    fn table(values: &[f64]) -> LedgerTable<'_> {
        LedgerTable { symbol: "X", columns: vec![ColumnRef::Real(values)] }
    }

    fn chained(values: &[f64], cuts: &[usize]) -> (Chain, Hash) {
        let mut chain = Chain::default();
        for &cut in cuts {
            chain.advance(&table(&values[..cut]), 0);
        }
        chain.advance(&table(values), 0);
        (chain, chain.tip(&table(values), 0))
    }

    #[test]
    fn a_chain_does_not_depend_on_when_it_was_asked() {
        let values: Vec<f64> = (0..2 * PAGE_ROWS + 7).map(|i| i as f64).collect();
        let whole = chained(&values, &[]);
        assert_eq!(chained(&values, &[1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1]), whole);
        assert_eq!(whole.0.paged_rows, 2 * PAGE_ROWS as u64);
    }

    #[test]
    fn a_chain_continues_from_its_open_page_alone() {
        let values: Vec<f64> = (0..2 * PAGE_ROWS + 7).map(|i| i as f64).collect();
        let (whole, tip) = chained(&values, &[]);
        let mut tail = Chain::default();
        tail.advance(&table(&values[..PAGE_ROWS + 5]), 0);
        let rest = table(&values[PAGE_ROWS..]);
        tail.advance(&rest, PAGE_ROWS as u64);
        assert_eq!((tail, tail.tip(&rest, PAGE_ROWS as u64)), (whole, tip));
    }

    #[test]
    fn every_value_and_the_order_count_but_not_the_sign_of_zero() {
        let tip = |values: &[f64]| Chain::default().tip(&table(values), 0);
        assert_ne!(tip(&[1.0, 2.0]), tip(&[2.0, 1.0]));
        assert_ne!(tip(&[1.0]), tip(&[1.0, 0.0]));
        assert_eq!(tip(&[0.0]), tip(&[-0.0]));
    }

    /// Returns the hash of a first page of so many rows, whose columns are these bytes.
    fn page(rows: u64, columns: &[&[u8]]) -> Hash {
        let nothing_before = [0; 32];
        *blake3::hash(&[&nothing_before[..], &rows.to_le_bytes()[..], &columns.concat()].concat()).as_bytes()
    }

    fn tip(table: &impl Table) -> Hash {
        Chain::default().tip(table, 0)
    }

    fn reals(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn a_hash_is_that_of_the_bytes_of_every_kind_of_column() {
        let cases: [(ColumnRef<'_>, Vec<u8>); 8] = [
            (ColumnRef::Int(&[258, -1]), [&[2, 1, 0, 0, 0, 0, 0, 0][..], &[255; 8]].concat()),
            (ColumnRef::Sign(&[1, -1]), vec![1, 255]),
            (ColumnRef::Code(&[3, 250]), vec![3, 250]),
            (ColumnRef::Real(&[1.5, -0.0]), reals(&[1.5, 0.0])),
            (ColumnRef::Single(&[0.25, -0.0]), [0.25_f32, 0.0].map(f32::to_le_bytes).concat()),
            (ColumnRef::OptionalReal(&[None, Some(2.5)]), [vec![0, 1], reals(&[0.0, 2.5])].concat()),
            (
                ColumnRef::OptionalSingle(&[Some(0.5), None]),
                [vec![1, 0], [0.5_f32, 0.0].map(f32::to_le_bytes).concat()].concat(),
            ),
            (ColumnRef::Symbol(2), b"\x03\0\0\0BTC\x03\0\0\0BTC".to_vec()),
        ];
        for (column, bytes) in &cases {
            let found = tip(&LedgerTable { symbol: "BTC", columns: vec![*column] });
            assert_eq!(found, page(2, &[bytes]), "{column:?}");
        }
        let all = LedgerTable { symbol: "BTC", columns: cases.iter().map(|(column, _)| *column).collect() };
        assert_eq!(tip(&all), page(2, &cases.iter().map(|(_, bytes)| &bytes[..]).collect::<Vec<_>>()));
    }

    #[test]
    fn the_hash_of_bars_says_which_columns_are_there() {
        let prices = [[1.0, 2.0], [3.0, 4.0], [0.5, 0.25], [1.5, 2.5]];
        let [open, high, low, close] = &prices;
        let plain = Bars::new(&[7, 8], open, high, low, close);
        let stamps = [7_i64, 8].map(i64::to_le_bytes).concat();
        let columns = reals(prices.as_flattened());
        assert_eq!(tip(&plain), page(2, &[&stamps, &columns, &[0, 0, 0]]));
        let rates = Bars { conversion_rate: Some(&[0.0, 0.0]), ..plain };
        assert_eq!(tip(&rates), page(2, &[&stamps, &columns, &[0, 0, 1], &reals(&[0.0, 0.0])]));
    }

    #[test]
    fn signals_without_confidence_have_the_hash_of_full_confidence() {
        let bars = Bars::new(&[], &[], &[], &[], &[]);
        let signals = |confidence| SignalTable(Columns { bars, signals: &[1, -1], confidence });
        let full = page(2, &[&[1, 255], &[1.0_f32, 1.0].map(f32::to_le_bytes).concat()]);
        assert_eq!(tip(&signals(None)), full);
        assert_eq!(tip(&signals(Some(&[1.0, 1.0]))), full);
        assert_ne!(tip(&signals(Some(&[1.0, 0.5]))), full);
    }

    #[test]
    fn an_identity_covers_names_and_hashes() {
        let long = |bytes: &[u8]| [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat();
        let bytes = [long(b"ktrdr-identity-1"), long(b"bars"), long(&[7; 32]), long(b"rules"), long(&[9; 32])].concat();
        let parts = [("bars".to_owned(), [7; 32]), ("rules".to_owned(), [9; 32])];
        assert_eq!(identity(&parts), *blake3::hash(&bytes).as_bytes());
    }

    #[test]
    fn a_result_covers_its_rows_stamps_equity_and_metrics() {
        let mut ledger = Ledger { equity: vec![10.0, 11.0, 12.0], ..Ledger::default() };
        let metrics = [("none".to_owned(), None), ("sum".to_owned(), Some(2.0))];
        let equity =
            [&2_u64.to_le_bytes()[..], &[5_i64, 6].map(i64::to_le_bytes).concat(), &reals(&[10.0, 11.0])].concat();
        let undefined = [&b"\x04\0\0\0none\0"[..], &reals(&[0.0])].concat();
        let defined = [&b"\x03\0\0\0sum\x01"[..], &reals(&[2.0])].concat();
        let no_rows = 0_u64.to_le_bytes();
        let of_metrics = [&2_u64.to_le_bytes()[..], &undefined, &defined].concat();
        let bytes = [&b"ktrdr-result-1"[..], &no_rows, &no_rows, &equity, &of_metrics].concat();
        let found = |ledger: &Ledger, rows| result("X", ledger, rows, &[5, 6], &metrics);
        let empty = found(&ledger, [0, 0]);
        assert_eq!(empty, *blake3::hash(&bytes).as_bytes());
        ledger.extend(&zeros([1, 0, 0, 0, 0]));
        // A partial result must not change when the run continues.
        assert_eq!(found(&ledger, [0, 0]), empty);
        assert_ne!(found(&ledger, [1, 0]), empty);
    }
}
